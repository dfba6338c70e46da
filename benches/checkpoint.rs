//! Checkpoints of entities of 50 features: the first, those that merge changes into what is there,
//! and opening what they leave.

#[path = "workload/mod.rs"]
mod workload;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fieldstone::batch;
use fieldstone::checkpoint::{self, Checkpoints, Limits, Loading, LogOptions, Started};
use fieldstone::engine::{Access, FieldExpire, Keyspace, Mutation, Options, ShardSet};
use fieldstone::io::log::{self, Level};
use fieldstone::io::{Directory, Residency};
use fieldstone::wal::{Log, Policy};
use workload::random::Random;
use workload::{FEATURES, Workload};

const ENTITIES: u64 = 50_000;
const NOW: u64 = 1_700_000_000_000;

/// A server's data, without clients.
struct Store {
    keyspace: Arc<Keyspace>,
    log: Arc<Log>,
    checkpoints: Arc<Checkpoints>,
    threads: Vec<JoinHandle<()>>,
}

impl Store {
    fn start(dir: &Path) -> Store {
        let disk = Arc::new(Directory::open(dir).expect("the folder"));
        let opened = checkpoint::open(disk).expect("a data directory");
        let mut options = Options {
            shards: 256,
            databases: 16,
            seed: 42,
        };
        if let Some((seed, shards)) = opened.layout() {
            (options.seed, options.shards) = (seed, shards);
        }
        let keyspace = Arc::new(Keyspace::new(&options));
        let log = LogOptions {
            segment_bytes: 32 << 20,
            policy: Policy::No,
            signature: Random::new(NOW ^ u64::from(std::process::id())).next(),
        };
        let started = opened.start(&keyspace, Loading::default(), log, batch::kept);
        let Started {
            disk, log, files, ..
        } = started.expect("a store");
        keyspace.attach(log.clone());
        // Only when asked for, as fast as can be.
        let limits = Limits {
            log_bytes: u64::MAX,
            ..Limits::default()
        };
        let (residency, keeps) = (Residency::Lazy, batch::kept);
        let checkpoints = Checkpoints::new(disk, log.clone(), limits, residency, keeps, &files);
        let checkpoints = Arc::new(checkpoints);
        let (syncing, making) = (log.clone(), log.clone());
        let (data, writing) = (keyspace.clone(), checkpoints.clone());
        let threads = vec![
            std::thread::spawn(move || syncing.run()),
            std::thread::spawn(move || making.keep_room()),
            std::thread::spawn(move || writing.run(&data, files)),
        ];
        Store {
            keyspace,
            log,
            checkpoints,
            threads,
        }
    }

    /// Give an entity the values of another.
    fn set(&self, workload: &Workload, entity: u64, like: u64) {
        let name = workload::key(entity);
        let key = self.keyspace.key(0, &name);
        let mut shards = ShardSet::default();
        shards.insert(&self.keyspace, &key);
        let field = |place: usize| {
            let name = workload.features[place].name.as_bytes();
            (name, workload.value(like, place))
        };
        let fields: Vec<(&[u8], &[u8])> = (0..FEATURES).map(field).collect();
        assert!(self.log.accepts_change(4096), "the log is full");
        let mut locked = self.keyspace.lock(&shards, Access::Write);
        locked.commit(
            &Mutation::HashSet {
                key,
                fields: &fields,
                expire: FieldExpire::Clear,
            },
            NOW,
        );
    }

    fn fill(&self, workload: &Workload) {
        (0..ENTITIES).for_each(|entity| self.set(workload, entity, entity));
    }

    /// That an entity has the values of another.
    fn compare(&self, workload: &Workload, entity: u64, like: u64) {
        let name = workload::key(entity);
        let key = self.keyspace.key(0, &name);
        let mut shards = ShardSet::default();
        shards.insert(&self.keyspace, &key);
        let locked = self.keyspace.lock(&shards, Access::Read);
        let found = locked
            .get(&key, NOW)
            .and_then(|found| found.hash())
            .expect("an entity");
        for (place, feature) in workload.features.iter().enumerate() {
            let value = found
                .get(feature.name.as_bytes())
                .map(|value| value.to_vec());
            assert_eq!(
                value.as_deref(),
                Some(workload.value(like, place)),
                "entity {entity}"
            );
        }
    }

    fn checkpoint(&self) -> Duration {
        let (done, is_done) = channel();
        let began = Instant::now();
        let then = move |done_well| done.send(done_well).expect("us");
        self.checkpoints.request_and_then(Box::new(then));
        assert!(is_done.recv().expect("an end"), "the checkpoint failed");
        began.elapsed()
    }

    fn stop(self) {
        self.checkpoints.stop();
        self.log.stop();
        for thread in self.threads {
            thread.join().expect("a thread of the store");
        }
    }
}

fn first(c: &mut Criterion) {
    let workload = Workload::new();
    let mut group = c.benchmark_group("checkpoint");
    group.throughput(Throughput::Elements(ENTITIES));
    group.bench_function("first", |b| {
        b.iter_custom(|count| {
            let one = |_| {
                let dir = tempfile::tempdir().expect("a folder");
                let store = Store::start(dir.path());
                store.fill(&workload);
                let took = store.checkpoint();
                store.compare(&workload, ENTITIES - 1, ENTITIES - 1);
                store.stop();
                took
            };
            (0..count).map(one).sum()
        });
    });
    group.finish();
}

/// A part of the entities, in all shards, has changed since the last one.
fn merge(c: &mut Criterion) {
    let workload = Workload::new();
    let mut group = c.benchmark_group("checkpoint");
    for (name, part) in [
        ("merge all", 1),
        ("merge a third", 3),
        ("a hundredth, above", 100),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::start(dir.path());
        store.fill(&workload);
        store.checkpoint();
        let (mut round, changed) = (0, ENTITIES / part);
        group.throughput(Throughput::Elements(changed));
        group.bench_function(name, |b| {
            b.iter_custom(|count| {
                let one = |_| {
                    round += 1;
                    (0..changed).for_each(|n| store.set(&workload, n * part, n + round));
                    store.checkpoint()
                };
                (0..count).map(one).sum()
            });
        });
        store.stop();
        let store = Store::start(dir.path());
        for n in (0..changed).step_by(97) {
            store.compare(&workload, n * part, n + round);
        }
        if part > 1 {
            store.compare(&workload, 1, 1);
        }
        store.stop();
    }
    group.finish();
}

/// The time of so many starts, each from a directory that is closed to the first value.
fn starts(dir: &Path, workload: &Workload, count: u64) -> Duration {
    let one = |n| {
        let began = Instant::now();
        let store = Store::start(dir);
        store.compare(workload, n % ENTITIES, n % ENTITIES);
        let took = began.elapsed();
        store.stop();
        took
    };
    (0..count).map(one).sum()
}

fn open(c: &mut Criterion) {
    let workload = Workload::new();
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::start(dir.path());
    store.fill(&workload);
    store.checkpoint();
    store.stop();
    let mut group = c.benchmark_group("open");
    group.bench_function("after a checkpoint", |b| {
        b.iter_custom(|count| starts(dir.path(), &workload, count));
    });
    group.finish();
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::start(dir.path());
    store.fill(&workload);
    store.stop();
    let mut group = c.benchmark_group("open");
    group.throughput(Throughput::Elements(ENTITIES));
    group.bench_function("by replay of the log", |b| {
        b.iter_custom(|count| starts(dir.path(), &workload, count));
    });
    group.finish();
}

fn config() -> Criterion {
    log::set_level(Level::Warning);
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! {
    name = benches;
    config = config();
    targets = first, merge, open
}
criterion_main!(benches);
