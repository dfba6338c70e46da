//! What is kept of the batches of a view: a hash of the database of the server's own.
//!
//! ```text
//! key:    batch:<view>
//! fields: <number of the file>: JSON, see `Record`
//!         current: the number of the one that was published last
//!         next: the version that the next one gets
//! ```

use crate::engine::{Access, Hash, Keyspace, Locked, SYSTEM_DB, ShardSet};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub const KEY_PREFIX: &str = "batch:";

/// A version of a view's data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Of its file.
    pub number: u64,
    /// Counted from 1, by view.
    pub version: u64,
    pub replace: bool,
    pub db: u8,
    /// The template of its keys.
    pub key: String,
    pub entities: u64,
    /// Of its file.
    pub bytes: u64,
    /// When it was published last, milliseconds since the epoch.
    pub published_at: u64,
    /// How often.
    pub publications: u64,
    pub author: String,
    /// What the loader tells of it: a JSON object.
    pub facts: Value,
}

impl Record {
    pub fn text(&self) -> String {
        json!({
            "version": self.version,
            "mode": self.mode(),
            "db": self.db,
            "key": self.key,
            "entities": self.entities,
            "bytes": self.bytes,
            "published_at": self.published_at,
            "publications": self.publications,
            "author": self.author,
            "facts": self.facts,
        })
        .to_string()
    }

    pub fn mode(&self) -> &'static str {
        match self.replace {
            true => "replace",
            false => "upsert",
        }
    }

    fn read(number: u64, text: &[u8]) -> Option<Record> {
        let value: Value = serde_json::from_slice(text).ok()?;
        let count = |name: &str| value.get(name)?.as_u64();
        let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        Some(Record {
            number,
            version: count("version")?,
            replace: text("mode")? == "replace",
            db: u8::try_from(count("db")?).ok()?,
            key: text("key")?,
            entities: count("entities")?,
            bytes: count("bytes")?,
            published_at: count("published_at")?,
            publications: count("publications")?,
            author: text("author")?,
            facts: value.get("facts")?.clone(),
        })
    }
}

/// The versions of a view.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Versions {
    /// By version.
    pub records: Vec<Record>,
    /// The number of the one that was published last.
    pub current: Option<u64>,
    /// The version that the next one gets.
    pub next: u64,
}

impl Versions {
    /// The key of the hash of a view.
    pub fn key(view: &str) -> String {
        format!("{KEY_PREFIX}{view}")
    }

    /// Those of a hash; none, if there is none.
    pub fn of(hash: Option<&Hash<'_>>) -> Versions {
        let mut versions = Versions {
            next: 1,
            ..Versions::default()
        };
        let Some(hash) = hash else {
            return versions;
        };
        hash.for_each(|field| {
            let value = field.value.to_vec();
            let number = |text: &[u8]| str::from_utf8(text).ok()?.parse::<u64>().ok();
            match field.name {
                b"current" => versions.current = number(&value),
                b"next" => versions.next = number(&value).unwrap_or(1),
                name => {
                    let record = number(name).and_then(|number| Record::read(number, &value));
                    versions.records.extend(record);
                }
            }
        });
        versions.records.sort_by_key(|record| record.version);
        versions
    }

    /// Of a view; its shard is locked.
    pub fn load(locked: &Locked<'_>, keyspace: &Keyspace, view: &str) -> Versions {
        let key = Versions::key(view);
        let key = keyspace.key(SYSTEM_DB, key.as_bytes());
        let entity = locked.get(&key, 0);
        let hash = entity.as_ref().and_then(|entity| entity.hash());
        Versions::of(hash.as_ref())
    }

    /// Of all views, by name. All shards are locked.
    pub fn load_all(locked: &Locked<'_>) -> Vec<(String, Versions)> {
        let mut all = Vec::new();
        let mut cursor = 0;
        loop {
            cursor = locked.scan(SYSTEM_DB, cursor, 1024, 0, &mut |key, entity| {
                let view = key.strip_prefix(KEY_PREFIX.as_bytes());
                if let (Some(view), Some(hash)) = (view, entity.hash()) {
                    let view = String::from_utf8_lossy(view).into_owned();
                    all.push((view, Versions::of(Some(&hash))));
                }
            });
            if cursor == 0 {
                break;
            }
        }
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    pub fn find(&self, number: u64) -> Option<&Record> {
        self.records.iter().find(|record| record.number == number)
    }

    pub fn of_version(&self, version: u64) -> Option<&Record> {
        self.records.iter().find(|record| record.version == version)
    }

    /// The version that was published before the current one, among those that are kept.
    pub fn previous(&self) -> Option<&Record> {
        let current = self.find(self.current?)?;
        let mut older = self.records.iter();
        older.rfind(|record| record.version < current.version)
    }

    /// The version that a rollback publishes: this one, or the one before the current one.
    pub fn to_roll_back(&self, version: Option<u64>) -> Result<&Record, String> {
        let record = match version {
            Some(version) => self.of_version(version),
            None => self.previous(),
        };
        record.ok_or_else(|| "no such version of the view is kept".to_owned())
    }

    /// How many entities the view has under these keys, as far as what is kept tells: those of the
    /// last version that replaced what was there, else of the last one.
    pub fn before(&self, key: &str, db: u8) -> Option<u64> {
        let same = |record: &&Record| record.key == key && record.db == db;
        let last = self.records.iter().filter(same);
        let last = last.max_by_key(|record| (record.replace, record.published_at));
        last.map(|record| record.entities)
    }

    /// Those that are kept no more: all but the current one and so many others, the newest, that
    /// were published since then (milliseconds since the epoch).
    pub fn outdated(&self, keeps: usize, since: u64) -> Vec<u64> {
        let others = self.records.iter().rev();
        let others = others.filter(|record| Some(record.number) != self.current);
        let kept = |(n, record): &(usize, &Record)| *n < keeps && record.published_at >= since;
        let outdated = others.enumerate().filter(|one| !kept(one));
        outdated.map(|(_, record)| record.number).collect()
    }
}

/// The numbers of the batches that are kept, of all views.
pub fn kept(keyspace: &Keyspace) -> BTreeSet<u64> {
    let mut shards = ShardSet::default();
    shards.insert_all(keyspace);
    let all = Versions::load_all(&keyspace.lock(&shards, Access::Read));
    let records = all.iter().flat_map(|(_, versions)| &versions.records);
    records.map(|record| record.number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_other_texts_do_not() {
        let record = Record {
            number: 7,
            version: 3,
            replace: true,
            key: "A:user:{id}".to_owned(),
            entities: 10,
            author: "nightly \"job\"".to_owned(),
            facts: json!({"rows": 11}),
            ..Record::default()
        };
        let text = record.text();
        assert_eq!(Record::read(7, text.as_bytes()), Some(record));
        for bad in ["", "{}", "[1]", &text[1..]] {
            assert_eq!(Record::read(7, bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn what_is_kept_is_the_current_one_and_the_newest_of_the_others() {
        let record = |number| Record {
            number,
            version: number,
            published_at: number * 100,
            ..Record::default()
        };
        let versions = |current| Versions {
            records: (1..=5).map(record).collect(),
            current: Some(current),
            next: 6,
        };
        assert_eq!(versions(5).outdated(2, 0), [2, 1]);
        assert_eq!(versions(1).outdated(2, 0), [3, 2]);
        assert_eq!(versions(5).outdated(9, 400), [3, 2, 1]);
        assert_eq!(versions(5).previous().map(|r| r.number), Some(4));
        assert_eq!(versions(1).previous(), None);
    }

    #[test]
    fn what_a_view_has_is_what_was_published_last_under_its_keys() {
        let record = |number: u64, replace, key: &str| Record {
            number,
            replace,
            key: key.to_owned(),
            entities: number * 10,
            published_at: 100 - number,
            ..Record::default()
        };
        let versions = Versions {
            records: vec![
                record(1, true, "A:{id}"),
                record(2, true, "A:{id}"),
                record(3, false, "A:{id}"),
                record(4, false, "B:{id}"),
            ],
            ..Versions::default()
        };
        assert_eq!(versions.before("A:{id}", 0), Some(10), "a rollback counts");
        assert_eq!(versions.before("B:{id}", 0), Some(40));
        assert_eq!(versions.before("A:{id}", 1), None);
        assert_eq!(versions.before("C:{id}", 0), None);
    }
}
