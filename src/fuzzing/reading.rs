//! Everything that is done to a keyspace, done to one that may hold anything: it ends, within
//! bounds, and what it answers does not matter.

use crate::engine::{
    Access, Entity, FieldExpire, KeyExpire, Keyspace, Kind, Locked, Millis, Mutation, Places,
    Projection, SYSTEM_DB, ShardSet,
};

/// Of so many keys and fields each is read by its name.
const NAMES_MAX: usize = 24;

/// More steps than a scan takes.
const STEPS_MAX: usize = 1 << 16;

/// Times at which something in the files used here has expired, or all has.
const TIMES: [Millis; 3] = [1, 2_000, u64::MAX - 1];

fn all(keyspace: &Keyspace, access: Access) -> Locked<'_> {
    let mut shards = ShardSet::default();
    shards.insert_all(keyspace);
    keyspace.lock(&shards, access)
}

/// Read all there is, in all ways, as of this time; answers names of keys.
pub fn read_all(keyspace: &Keyspace, now: Millis) -> Vec<(u8, Vec<u8>)> {
    let mut names = Vec::new();
    let locked = all(keyspace, Access::Read);
    for db in (0..keyspace.databases()).chain([SYSTEM_DB]) {
        let mut cursor = 0;
        for step in 0.. {
            assert!(step < STEPS_MAX, "a scan without an end");
            cursor = locked.scan(db, cursor, 1, now, &mut |name, entity| {
                names.push((db, name.to_vec()));
                if names.len() < NAMES_MAX {
                    read(entity);
                }
            });
            if cursor == 0 {
                break;
            }
        }
        locked.count(db);
        for random in [0, 1 << 63, u64::MAX] {
            locked.random_key(db, random, now);
        }
    }
    for (db, name) in names.iter().take(NAMES_MAX) {
        let entity = locked.get(&keyspace.key(*db, name), now);
        assert!(entity.is_none_or(|entity| entity.expire_at().is_none_or(|at| at > now)));
    }
    names
}

fn read(entity: &Entity<'_>) {
    assert!(!entity.encoding().is_empty() && entity.memory_usage() > 0);
    assert_eq!(entity.kind() == Kind::String, entity.string().is_some());
    let Some(hash) = entity.hash() else {
        return;
    };
    let mut names: Vec<Vec<u8>> = Vec::new();
    hash.for_each(|field| {
        names.push(field.name.to_vec());
        assert_eq!(field.value.to_vec().len(), field.value.len());
        let value = field.value.to_vec();
        let short = field
            .value
            .short(|bytes, len| assert_eq!(value, bytes[..len]));
        assert!(short.is_ok() || short == Err(&value));
    });
    names.truncate(NAMES_MAX);
    names.push(b"none".to_vec());
    let (mut projection, mut places) = (Projection::default(), Places::default());
    let wanted = || names.iter().map(Vec::as_slice);
    hash.get_many(wanted(), &mut places, |_| ());
    let projected = hash.project(&mut projection, wanted(), &mut places);
    assert!(projected.is_none_or(|found| found.count() == names.len()));
    for name in wanted() {
        hash.get(name);
        hash.expire_at(name);
    }
    for random in [0, 3, 1 << 63, u64::MAX] {
        hash.random(random);
    }
    let mut cursor = 0;
    for step in 0.. {
        assert!(step < STEPS_MAX, "a scan of fields without an end");
        cursor = hash.scan(cursor, 1, &mut |_| ());
        if cursor == 0 {
            break;
        }
    }
}

/// Change keys in all ways, which copies rows up.
pub fn change_all(keyspace: &Keyspace, names: &[(u8, Vec<u8>)], now: Millis) {
    let pairs: [(&[u8], &[u8]); 2] = [(b"f1", b"12"), (b"new", b"some value")];
    let fields: [&[u8]; 3] = [b"f0", b"f2", b"none"];
    let later = now.saturating_add(5);
    for (n, (db, name)) in names.iter().take(4 * NAMES_MAX).enumerate() {
        let key = keyspace.key(*db, name);
        let set = |expire| Mutation::HashSet {
            key,
            fields: &pairs,
            expire,
        };
        let mutations = [
            set(FieldExpire::Keep),
            Mutation::HashExpire {
                key,
                fields: &fields,
                at: Some(later),
            },
            Mutation::HashDelete {
                key,
                fields: &fields,
            },
            Mutation::StringWrite {
                key,
                offset: 2,
                bytes: b"abc",
            },
            Mutation::Expire {
                key,
                at: Some(later),
            },
            set(FieldExpire::At(later)),
            Mutation::Delete { key },
            set(FieldExpire::Clear),
            Mutation::StringSet {
                key,
                value: b"text",
                expire: KeyExpire::Keep,
            },
        ];
        let mut locked = all(keyspace, Access::Write);
        for mutation in mutations.iter().cycle().skip(n % mutations.len()).take(2) {
            locked.commit(mutation, now);
        }
    }
}

/// Read and change, as time passes.
pub fn exercise(keyspace: &Keyspace) {
    for now in TIMES {
        let names = read_all(keyspace, now);
        change_all(keyspace, &names, now);
        keyspace.sweep(now, 100);
    }
    read_all(keyspace, 1);
}
