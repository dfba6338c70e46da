//! All of a keyspace, to compare it with another; and a journal that keeps what it is given.

use crate::engine::{
    Access, Entity, Hash, Journal, Keyspace, Millis, Options, SYSTEM_DB, ShardSet,
};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, PartialEq)]
pub struct Image {
    value: Contents,
    expire_at: Option<Millis>,
}

#[derive(Debug, PartialEq)]
enum Contents {
    String(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, (Vec<u8>, Option<Millis>)>),
}

pub type Images = BTreeMap<(u8, Vec<u8>), Image>;

/// After what flushes everything: nothing is left but what is the server's own.
pub fn assert_flushed(keyspace: &Keyspace, has_system: bool) {
    let images = images(keyspace);
    assert!(images.keys().all(|(db, _)| *db == SYSTEM_DB), "flushed");
    assert!(has_system || keyspace.used_memory() == 0, "of nothing");
}

/// As small as it gets with several shards.
pub fn keyspace(databases: u8) -> Keyspace {
    Keyspace::new(&Options {
        shards: 4,
        databases,
        seed: 1,
    })
}

/// What is there before time has passed: nothing is removed by looking.
pub fn images(keyspace: &Keyspace) -> Images {
    while keyspace.count_layers(1000) {}
    let mut shards = ShardSet::default();
    shards.insert_all(keyspace);
    let locked = keyspace.lock(&shards, Access::Read);
    let mut images = Images::new();
    for db in (0..keyspace.databases()).chain([SYSTEM_DB]) {
        locked.scan(db, 0, usize::MAX, 0, &mut |name, entity| {
            let old = images.insert((db, name.to_vec()), image(entity));
            assert!(old.is_none(), "a key was visited twice");
        });
        let (count, found) = (locked.count(db).0, images.range((db, Vec::new())..).count());
        assert!(count >= found, "database {db}: {count} of {found}");
    }
    images
}

fn image(entity: &Entity<'_>) -> Image {
    let value = match (entity.string(), entity.hash()) {
        (Some(value), _) => Contents::String(value.to_vec()),
        (None, hash) => Contents::Hash(hash.map(fields).unwrap_or_default()),
    };
    Image {
        value,
        expire_at: entity.expire_at(),
    }
}

fn fields(hash: Hash<'_>) -> BTreeMap<Vec<u8>, (Vec<u8>, Option<Millis>)> {
    let mut fields = BTreeMap::new();
    hash.for_each(|field| {
        let mut value = Vec::new();
        field.value.append_to(&mut value);
        fields.insert(field.name.to_vec(), (value, field.expire_at));
    });
    assert_eq!(fields.len(), hash.len(), "fields that are counted");
    assert!(!fields.is_empty(), "a hash without a field");
    fields
}

/// Changes by their LSN.
#[derive(Default)]
pub struct Changes {
    last: AtomicU64,
    all: Mutex<BTreeMap<u64, Vec<u8>>>,
}

impl Journal for Changes {
    fn reserve(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    fn append(&self, lsn: u64, change: &[u8]) {
        let old = self.all.lock().insert(lsn, change.to_vec());
        assert!(old.is_none(), "one change of an LSN");
    }

    fn accepts(&self) -> bool {
        true
    }
}

impl Changes {
    /// Do all of them again.
    pub fn replay(&self, keyspace: &Keyspace) {
        for (lsn, change) in self.all.lock().iter() {
            assert!(keyspace.replay(*lsn, change).is_some(), "change {lsn}");
        }
    }
}
