//! Checkpoints on a disk that crashes.
//!
//! The oracle: every change is kept by its LSN as it goes to the log. What a start brings back must
//! be what the first so many of them give, one after the other: all that were appended, if the
//! process ended; at least those that were durable, if the machine did. The files of batches are
//! kept as well, whatever becomes of them on the disk.

mod batches;
mod crash;
mod failure;
mod planted;

use super::batches as batch_files;
use super::*;
use crate::batch::{self, Uploads};
use crate::engine::{
    Access, FieldExpire, Journal, KeyExpire, Keyspace, Mutation, Options, SYSTEM_DB, ShardSet,
};
use crate::io::sim::{Random, SimDisk};
use crate::io::{Disk, Residency};
use crate::rowfile;
use crate::wal::{Log, Policy};
use parking_lot::Mutex;
use run::Work;
use std::collections::BTreeMap;
use std::sync::Arc;

const NOW: u64 = 1_700_000_000_000;
const SHARDS: usize = 4;
const SEGMENT_BYTES: usize = 16 << 10;

/// All that ever happened to a directory.
#[derive(Clone, Default)]
struct Past {
    /// Of the hash of keys.
    seed: u64,
    /// By LSN.
    changes: BTreeMap<u64, Vec<u8>>,
    /// The number and the file of the batch that a change published first.
    batches: BTreeMap<u64, (u64, Vec<u8>)>,
}

/// A log that the test can look into.
struct Kept {
    log: Arc<Log>,
    past: Mutex<Past>,
}

impl Journal for Kept {
    fn reserve(&self) -> u64 {
        self.log.reserve()
    }

    fn last(&self) -> u64 {
        self.log.last()
    }

    fn append(&self, lsn: u64, change: &[u8]) {
        self.past.lock().changes.insert(lsn, change.to_vec());
        self.log.append(lsn, change);
    }

    fn accepts(&self) -> bool {
        self.log.accepts()
    }
}

/// A server without clients.
struct Server {
    keyspace: Arc<Keyspace>,
    kept: Arc<Kept>,
    checkpoints: Checkpoints,
    uploads: Uploads,
    work: Work,
}

fn keyspace(seed: u64) -> Keyspace {
    Keyspace::new(&Options {
        shards: SHARDS,
        databases: 2,
        seed,
    })
}

impl Server {
    /// Start on this disk, on top of what was kept of the changes before.
    fn start(disk: &Arc<SimDisk>, run: u64, mut past: Past) -> Result<Server, OpenError> {
        let opened = open(disk.clone())?;
        let keyspace = keyspace(opened.layout().map_or(run, |(seed, _)| seed));
        let log = LogOptions {
            segment_bytes: SEGMENT_BYTES,
            policy: Policy::Always,
            signature: run.wrapping_mul(0x1234_5678_9abc_def1) | 1,
        };
        let started = opened.start(&keyspace, Loading::default(), log, batch::kept)?;
        // What came after is lost for good.
        past.changes.split_off(&(started.recovered.last_lsn + 1));
        past.batches.split_off(&(started.recovered.last_lsn + 1));
        past.seed = keyspace.seed();
        let kept = Arc::new(Kept {
            log: started.log.clone(),
            past: Mutex::new(past),
        });
        let last = batch::kept(&keyspace).last().copied();
        let last = last.max(keyspace.last_batch()).unwrap_or(0);
        let uploads = Uploads::new(started.disk.clone(), Residency::Lazy, last);
        keyspace.attach(kept.clone());
        let checkpoints = Checkpoints::new(
            started.disk,
            started.log,
            Limits::default(),
            Residency::Lazy,
            batch::kept,
            &started.files,
        );
        Ok(Server {
            keyspace: Arc::new(keyspace),
            kept,
            checkpoints,
            uploads,
            work: Work::new(started.files),
        })
    }

    fn checkpoint(&mut self) -> bool {
        self.checkpoint_that(false)
    }

    /// A checkpoint that takes up layers or does not.
    fn checkpoint_that(&mut self, takes_up: bool) -> bool {
        self.checkpoints
            .checkpoint(&mut self.work, &self.keyspace, takes_up)
    }

    /// Changes of all kinds.
    fn change(&self, random: &mut Random, count: usize) {
        for _ in 0..count {
            match random.below(15) {
                0 => self.publish(random),
                1 => batches::roll_back(&self.keyspace, random),
                2 => batches::retire(&self.keyspace, random),
                _ => {}
            }
            change(&self.keyspace, &self.kept.log, random, 1);
        }
    }

    fn past(&self) -> Past {
        self.kept.past.lock().clone()
    }
}

/// Some changes, and syncs now and then.
fn change(keyspace: &Keyspace, log: &Log, random: &mut Random, count: usize) {
    for _ in 0..count {
        change_once(keyspace, random);
        match random.below(4) {
            0 => log.sync(),
            _ => log.prepare(),
        }
    }
}

fn change_once(keyspace: &Keyspace, random: &mut Random) {
    let (db, id) = (random.below(2) as u8, random.below(12));
    let name = format!("key-{id}");
    let key = keyspace.key(db, name.as_bytes());
    let kind = random.below(40);
    let mut shards = ShardSet::default();
    match kind {
        0 | 1 => shards.insert_all(keyspace),
        _ => shards.insert(keyspace, &key),
    }
    let mut locked = keyspace.lock(&shards, Access::Write);
    let value = format!("{}.{}", random.below(1000), random.below(1000));
    let many: Vec<String> = (0..600).map(|n| format!("f{n}")).collect();
    let fields: Vec<(&[u8], &[u8])> = match kind {
        2 => many
            .iter()
            .map(|n| (n.as_bytes(), value.as_bytes()))
            .collect(),
        _ => (0..1 + random.below(5))
            .filter_map(|_| many.get(random.below(20)))
            .map(|n| (n.as_bytes(), value.as_bytes()))
            .collect(),
    };
    let names: Vec<&[u8]> = fields.iter().map(|(name, _)| *name).collect();
    let at = NOW + 1_000 + random.below(1_000_000) as u64;
    let mutation = match kind {
        0 => Mutation::Flush { db: Some(db) },
        1 => Mutation::SwapDb { a: 0, b: 1 },
        3..6 => Mutation::Delete { key },
        6..10 => Mutation::HashDelete {
            key,
            fields: &names,
        },
        10..13 => Mutation::StringSet {
            key,
            value: value.as_bytes(),
            expire: KeyExpire::At(at),
        },
        13..16 => Mutation::HashExpire {
            key,
            fields: &names,
            at: Some(at),
        },
        16..18 => Mutation::Expire { key, at: Some(at) },
        18..22 => Mutation::HashSet {
            key,
            fields: &fields,
            expire: FieldExpire::At(at),
        },
        _ => Mutation::HashSet {
            key,
            fields: &fields,
            expire: FieldExpire::Clear,
        },
    };
    locked.commit(&mutation, NOW);
}

/// Everything a keyspace holds by then, as text, once what has expired was removed.
fn state(keyspace: &Keyspace, now: u64) -> BTreeMap<(u8, Vec<u8>), String> {
    while keyspace.sweep(now, 1000).visited > 0 {}
    while keyspace.count_layers(1000) {}
    let mut shards = ShardSet::default();
    shards.insert_all(keyspace);
    let locked = keyspace.lock(&shards, Access::Read);
    let mut all = BTreeMap::new();
    for db in [0, 1, SYSTEM_DB] {
        let cursor = locked.scan(db, 0, usize::MAX, now, &mut |name, entity| {
            let value = match entity.hash() {
                None => format!("{:?}", entity.string()),
                Some(hash) => {
                    let mut fields = BTreeMap::new();
                    hash.for_each(|f| {
                        fields.insert(f.name.to_vec(), (f.value.to_vec(), f.expire_at));
                    });
                    assert_eq!(fields.len(), hash.len());
                    format!("{fields:?}")
                }
            };
            let value = format!("{:?} {value}", entity.expire_at());
            let twice = all.insert((db, name.to_vec()), value);
            assert_eq!(twice, None, "a key twice");
        });
        assert_eq!(cursor, 0);
        // What layers mask wholly is counted until they are folded.
        let (count, found) = (locked.count(db).0, all.keys().filter(|k| k.0 == db).count());
        let exact = locked.layers().is_empty();
        assert!(
            count == found || (count > found && !exact),
            "{count} of {found}"
        );
    }
    all
}

/// Whether a start from this disk brings back the first so many changes, at least `floor`.
fn judge(disk: SimDisk, past: &Past, floor: u64) -> Result<u64, String> {
    let disk = Arc::new(disk);
    let server = Server::start(&disk, 99, past.clone());
    let server = server.map_err(|error| format!("it does not start: {error}"))?;
    batches::judge(&disk, &server.keyspace)?;
    let last = server.kept.log.positions().0;
    if last < floor {
        return Err(format!("up to {last} of {floor} promised"));
    }
    let (expected, library) = (keyspace(past.seed), SimDisk::default());
    for (lsn, change) in past.changes.range(..=last) {
        if let Some((number, bytes)) = past.batches.get(lsn) {
            library.put(&rowfile::batch::name(*number), bytes.clone());
            let opened = batch_files::open(&library, &expected, *number, Loading::default());
            opened.expect("a batch that was published");
        }
        assert_eq!(expected.replay(*lsn, change), Some(()), "change {lsn}");
    }
    // Half of what expires has expired by then.
    for now in [NOW, NOW + 500_000] {
        let (found, expected) = (state(&server.keyspace, now), state(&expected, now));
        let keys = found.keys().chain(expected.keys());
        let mut keys = keys.filter(|key| found.get(key) != expected.get(key));
        if let Some(key) = keys.next() {
            let (found, expected) = (found.get(key), expected.get(key));
            let (db, name) = (key.0, String::from_utf8_lossy(&key.1));
            return Err(format!(
                "LSN {last}: in database {db}, {name}: {found:?} is not {expected:?}"
            ));
        }
    }
    Ok(last)
}
