//! How far one step of a scan goes.

/// Buckets that are looked at for each entry that is asked for, at most, as in Redis: where nearly
/// all was deleted a step would else look at all that is left of it, under the locks of all shards.
const BUCKETS_EACH: usize = 10;

/// How far it went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Walked {
    /// Entries that were visited.
    pub found: usize,
    pub buckets: usize,
}

impl Walked {
    /// Whether a step that is to find so many goes on.
    pub fn may_go_on(&self, count: usize) -> bool {
        self.found < count && self.buckets < count.saturating_mul(BUCKETS_EACH)
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{Access, KeyExpire, Keyspace, Mutation, Options, ShardSet};

    #[test]
    fn a_step_ends_where_hardly_anything_is_left() {
        let keyspace = Keyspace::new(&Options {
            shards: 2,
            databases: 1,
            seed: 9,
        });
        let mut all = ShardSet::default();
        all.insert_all(&keyspace);
        let names: Vec<String> = (0..20_000).map(|n| format!("key:{n}")).collect();
        let (stay, go) = names.split_at(3);
        for name in &names {
            let (key, expire) = (keyspace.key(0, name.as_bytes()), KeyExpire::Clear);
            let value = b"value";
            let set = Mutation::StringSet { key, value, expire };
            keyspace.lock(&all, Access::Write).commit(&set, 1);
        }
        for name in go {
            let key = keyspace.key(0, name.as_bytes());
            let delete = Mutation::Delete { key };
            keyspace.lock(&all, Access::Write).commit(&delete, 1);
        }
        let locked = keyspace.lock(&all, Access::Read);
        let (mut cursor, mut steps, mut found) = (0, 0, Vec::new());
        loop {
            cursor = locked.scan(0, cursor, 10, 1, &mut |name, _| found.push(name.to_vec()));
            steps += 1;
            if cursor == 0 {
                break;
            }
        }
        found.sort_unstable();
        assert!(found.iter().eq(stay.iter().map(|name| name.as_bytes())));
        // There are a thousand buckets at least, of which a step looks at 100.
        assert!(steps >= 10, "{steps} steps");
    }
}
