//! Batches that are published, published again and retired, as `FS.BATCH` does it.

use super::*;
use crate::batch::{Builder, Plan, Record, Refusal, Versions, Views};
use crate::checkpoint::open::Keeps;
use crate::engine::{Batch, PackCell};
use crate::io::sim::Call;
use crate::io::{Append, Disk};
use crate::rowfile::{self, batch as file};
use crate::view::{By, Registry};
use std::collections::BTreeSet;
use std::io;

const CLIENT: u64 = 1;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Append for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The file of a batch of random rows of one of two views, of keys that are changed otherwise too.
fn export(seed: u64, number: u64, random: &mut Random) -> Vec<u8> {
    let (view, is_narrow) = (random.below(2), random.below(3) == 0);
    let features = (4 * view..4 * view + 6).map(|n| format!("f{n}"));
    let begin = if is_narrow { "key-1" } else { "key-" };
    let plan = Plan {
        view: format!("v{view}"),
        key: format!("{begin}{{id}}"),
        db: random.below(2) as u8,
        replace: random.below(2) == 0,
        features: features.collect(),
        seed,
        shards: SHARDS,
        memory: 1 << 20,
        ..Plan::default()
    };
    let mut builder = Builder::new(plan).expect("a plan");
    for row in 0..random.below(12) {
        let key = format!("{begin}{}", random.below(12));
        let values: Vec<Option<(String, Option<u64>)>> = (0..6)
            .map(|n| {
                let at = NOW + 1_000 + random.below(1_000_000) as u64;
                let at = Some(at).filter(|_| random.below(3) == 0);
                let value = format!("{number}.{}", random.below(1000));
                (n == 0 || random.below(3) > 0).then_some((value, at))
            })
            .collect();
        let cells: Vec<Option<PackCell<'_>>> = values
            .iter()
            .map(|cell| cell.as_ref().map(|(value, at)| (value.as_bytes(), *at)))
            .collect();
        builder
            .add(key.as_bytes(), row as u64, &cells)
            .expect("a row");
    }
    let memory = Memory::default();
    let built = builder.finish(Box::new(memory.clone()), number);
    let bytes = memory.0.lock().clone();
    assert_eq!(built.expect("a file").bytes, bytes.len() as u64);
    bytes
}

/// The view of a file, with all features there are.
fn declared(number: u64, file: &[u8]) -> Registry {
    let opened = rowfile::BatchFile::open(file.to_vec().into(), number).expect("a file");
    let names = ["f".to_owned()].into_iter();
    let features = names.chain((0..10).map(|n| format!("f{n}")));
    let features = features.map(|name| format!("feature.{name} = {{ type = 'bytes' }}\n"));
    let text = format!(
        "[view.{}]\nentity = 'e'\nkey = '{{id}}'\n{}",
        opened.facts.view,
        features.collect::<String>()
    );
    let by = By {
        author: "test",
        time: NOW,
    };
    let views = crate::view::read(&text).expect("a view");
    let change = Registry::default().apply(views, by);
    change.expect("one view").registry
}

fn all(keyspace: &Keyspace) -> ShardSet {
    let mut shards = ShardSet::default();
    shards.insert_all(keyspace);
    shards
}

/// The change that publishes a batch, and the record of it.
fn commit(keyspace: &Keyspace, batch: &Arc<Batch>) {
    let shards = all(keyspace);
    let mut locked = keyspace.lock(&shards, Access::Write);
    locked.commit(&Mutation::Publish { batch, at: NOW }, NOW);
    let record = Record {
        number: batch.number,
        version: batch.number,
        ..Record::default()
    };
    let (number, text) = (batch.number.to_string(), record.text());
    let key = Versions::key(&batch.view);
    let set = Mutation::HashSet {
        key: keyspace.key(SYSTEM_DB, key.as_bytes()),
        fields: &[
            (number.as_bytes(), text.as_bytes()),
            (b"current", number.as_bytes()),
        ],
        expire: FieldExpire::Clear,
    };
    locked.commit(&set, NOW);
}

impl Server {
    /// Load a batch and publish it, unless the disk fails or the process ends.
    pub fn publish(&self, random: &mut Random) {
        self.load(|seed, number| export(seed, number, random));
    }

    fn load(&self, file: impl FnOnce(u64, u64) -> Vec<u8>) {
        let (uploads, keyspace) = (&self.uploads, &self.keyspace);
        match self.prepare(file) {
            Ok((number, bytes)) if self.kept.accepts() => {
                let ready = uploads.publish(number, CLIENT).expect("a batch");
                commit(keyspace, &ready.batch);
                let (lsn, _) = self.kept.log.positions();
                self.kept.past.lock().batches.insert(lsn, (number, bytes));
            }
            _ => uploads.leave(CLIENT, keyspace),
        }
    }

    /// A batch that could be published: its number and its file.
    fn prepare(&self, file: impl FnOnce(u64, u64) -> Vec<u8>) -> Result<(u64, Vec<u8>), Refusal> {
        let (uploads, keyspace) = (&self.uploads, &self.keyspace);
        let number = uploads.begin(CLIENT)?;
        let bytes = file(keyspace.seed(), number);
        let views = Views {
            registry: &declared(number, &bytes),
            now: NOW,
        };
        uploads.write(number, CLIENT, 0, &bytes)?;
        uploads.prepare(number, CLIENT, keyspace, &views)?;
        Ok((number, bytes))
    }
}

/// One of the versions that are kept.
fn some(keyspace: &Keyspace, random: &mut Random) -> Option<u64> {
    let kept = batch::kept(keyspace);
    kept.iter().nth(random.below(kept.len().max(1))).copied()
}

pub fn roll_back(keyspace: &Keyspace, random: &mut Random) {
    if let Some(number) = some(keyspace, random) {
        let batch = keyspace.batch(number).expect("the file of what is kept");
        commit(keyspace, &batch);
    }
}

pub fn retire(keyspace: &Keyspace, random: &mut Random) {
    let Some(number) = some(keyspace, random) else {
        return;
    };
    let batch = keyspace.batch(number).expect("the file of what is kept");
    let key = Versions::key(&batch.view);
    let number = number.to_string();
    let delete = Mutation::HashDelete {
        key: keyspace.key(SYSTEM_DB, key.as_bytes()),
        fields: &[number.as_bytes()],
    };
    let shards = all(keyspace);
    keyspace.lock(&shards, Access::Write).commit(&delete, NOW);
}

/// After a start: there are the files of what is kept or shows, and no others.
pub fn judge(disk: &SimDisk, keyspace: &Keyspace) -> Result<(), String> {
    let names = disk.list().map_err(|error| error.to_string())?;
    let there: BTreeSet<u64> = names.iter().filter_map(|name| file::number(name)).collect();
    let kept = batch::kept(keyspace);
    if let Some(number) = kept.iter().find(|n| keyspace.batch(**n).is_none()) {
        return Err(format!(
            "the file of batch {number}, which is kept, is gone"
        ));
    }
    match there.iter().find(|n| keyspace.batch(**n).is_none()) {
        Some(number) => Err(format!("batch {number} is left over")),
        None => Ok(()),
    }
}

/// The shards of a checkpoint are of different moments, and layers come and go between them.
#[test]
fn batches_are_published_again_while_checkpoints_are_made() {
    for seed in 1..30 {
        let disk = Arc::new(SimDisk::default());
        let mut server = Server::start(&disk, seed, Past::default()).unwrap();
        let (keyspace, log) = (server.keyspace.clone(), server.kept.log.clone());
        let random = Mutex::new(Random(seed));
        let changes = move || {
            let random = &mut random.lock();
            match random.below(4) {
                0 => roll_back(&keyspace, random),
                1 => retire(&keyspace, random),
                _ => {}
            }
            let count = random.below(6);
            change(&keyspace, &log, random, count);
        };
        let hook: Arc<dyn Fn() + Send + Sync> = Arc::new(changes);
        let mut random = Random(seed);
        for round in 0..8 {
            server.change(&mut random, 20);
            disk.at_append(Some(hook.clone()));
            assert!(server.checkpoint_that(random.below(2) == 0));
            disk.at_append(None);
            let floor = server.kept.log.positions().1;
            for crash in [crate::io::sim::Crash::Process, crate::io::sim::Crash::Power] {
                let image = disk.crash(seed * 100 + round, crash);
                if let Err(error) = super::judge(image, &server.past(), floor) {
                    panic!("seed {seed}, checkpoint {round}, {crash:?}: {error}");
                }
            }
        }
    }
}

/// The file of a batch of several pieces with checksums, of which opening it looks at the last.
fn long_export(seed: u64, number: u64) -> Vec<u8> {
    let mut builder = Builder::new(Plan {
        view: "long".to_owned(),
        key: "long-{id}".to_owned(),
        features: vec!["f".to_owned()],
        seed,
        shards: SHARDS,
        memory: 1 << 20,
        ..Plan::default()
    })
    .expect("a plan");
    let value = [b'v'; 5000];
    for row in 0..60 {
        let key = format!("long-{row}");
        let added = builder.add(key.as_bytes(), 0, &[Some((&value, None))]);
        added.expect("a row");
    }
    let memory = Memory::default();
    let built = builder.finish(Box::new(memory.clone()), number);
    built.expect("a file");
    memory.0.lock().clone()
}

/// A disk with a layer whose file is damaged where no start looks, and the name of the file.
fn with_damage() -> (Arc<SimDisk>, Past, String) {
    let disk = Arc::new(SimDisk::default());
    let server = Server::start(&disk, 1, Past::default()).unwrap();
    server.load(long_export);
    let name = file::name(server.keyspace.last_batch().expect("a batch"));
    disk.edit(&name, |bytes| bytes[200] ^= 1);
    (disk, server.past(), name)
}

#[test]
fn a_damaged_layer_is_not_taken_up_and_changes_are_refused() {
    let (disk, past, name) = with_damage();
    let mut server = Server::start(&disk, 2, past).unwrap();
    assert!(!server.checkpoint_that(true));
    let damage = server.checkpoints.status.damage.lock().clone().unwrap();
    assert!(
        damage.contains(&name) && damage.contains("byte 0"),
        "{damage}"
    );
    assert!(!server.kept.accepts());
}

/// Who loads a batch tries again when the disk failed, and gives up when the file is wrong.
#[test]
fn a_disk_that_fails_is_told_from_a_file_that_is_wrong() {
    for call in [Call::Create, Call::Append, Call::Sync] {
        let disk = Arc::new(SimDisk::default());
        let server = Server::start(&disk, 1, Past::default()).unwrap();
        let mut random = Random(7);
        disk.fail(call, 0, 1);
        let refused = server.prepare(|seed, number| export(seed, number, &mut random));
        assert_eq!(refused.unwrap_err().code, "MISCONF", "{call:?}");
        let taken = server.prepare(|seed, number| export(seed, number, &mut random));
        assert!(taken.is_ok(), "{call:?}");
        let (uploads, views) = (&server.uploads, Registry::default());
        let number = uploads.begin(CLIENT).unwrap();
        uploads.write(number, CLIENT, 0, b"no file").unwrap();
        let views = Views {
            registry: &views,
            now: NOW,
        };
        let damaged = uploads.prepare(number, CLIENT, &server.keyspace, &views);
        assert_eq!(damaged.unwrap_err().code, "ERR", "{call:?}");
    }
}

#[test]
fn the_scrub_reads_layers_and_a_start_that_is_to_verify_refuses_them() {
    let (disk, past, name) = with_damage();
    let opened = open(disk.clone()).unwrap();
    let loading = Loading {
        verify: true,
        ..Loading::default()
    };
    let verified = opened.recover(&keyspace(past.seed), loading);
    let error = verified.err().expect("it is damaged").to_string();
    assert!(error.contains(&name) && error.contains("byte 0"), "{error}");
    let mut server = Server::start(&disk, 2, past).unwrap();
    let (mut scrub, status) = (scrub::Scrub::default(), &server.checkpoints.status);
    for _ in 0..100 {
        let what = (
            &mut server.work.files,
            &*server.keyspace,
            batch::kept as Keeps,
        );
        let second = std::time::Duration::from_secs(1);
        scrub.step(what, &*disk, 1 << 20, second, (status, &server.kept.log));
    }
    let damage = status.damage.lock().clone().expect("it was read");
    assert!(damage.contains(&name), "{damage}");
}
