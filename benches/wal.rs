//! The log: appending changes, and changes that are waited for until they are safe, many together.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fieldstone::engine::Journal;
use fieldstone::io::{Directory, Disk};
use fieldstone::wal::{self, Log, Options, Policy};

/// As the server has them.
const SEGMENT_BYTES: usize = 32 << 20;

/// Changes after which segments that are full are removed: the disk must not fill up.
const TRIM_EVERY: u64 = 10_000;

/// A running log.
struct Running {
    log: Arc<Log>,
    disk: Arc<dyn Disk>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    fn start(dir: &Path, policy: Policy) -> Running {
        let disk: Arc<dyn Disk> = Arc::new(Directory::open(dir).expect("the folder"));
        let options = Options {
            segment_bytes: SEGMENT_BYTES,
            policy,
            next_lsn: 1,
            next_segment: 1,
            kept: Vec::new(),
            signature: 0x1234_5678_9abc_def1,
        };
        let log = Log::start(disk.clone(), options).expect("a log");
        let (syncing, making) = (log.clone(), log.clone());
        let threads = vec![
            std::thread::spawn(move || syncing.run()),
            std::thread::spawn(move || making.keep_room()),
        ];
        Running { log, disk, threads }
    }

    fn append(&self, change: &[u8]) -> u64 {
        assert!(self.log.accepts_change(change.len()), "the log is full");
        let lsn = self.log.reserve();
        self.log.append(lsn, change);
        lsn
    }

    /// Append so many; answers how long that took, without making room for more.
    fn append_all(&self, count: u64, change: &[u8]) -> Duration {
        let mut took = Duration::ZERO;
        for from in (0..count).step_by(TRIM_EVERY as usize) {
            let began = Instant::now();
            for _ in from..(from + TRIM_EVERY).min(count) {
                self.append(change);
            }
            took += began.elapsed();
            self.trim();
        }
        took
    }

    fn trim(&self) {
        let (appended, _) = self.log.positions();
        self.log.trim(appended).expect("remove segments");
    }

    fn stop(self) -> Arc<dyn Disk> {
        self.log.stop();
        for thread in self.threads {
            thread.join().expect("a thread of the log");
        }
        self.disk
    }
}

fn change(len: usize, of: u64) -> Vec<u8> {
    of.to_le_bytes().into_iter().cycle().take(len).collect()
}

/// What was appended is what a start finds.
fn check(policy: Policy) {
    const CHANGES: u64 = 50_000;
    let dir = tempfile::tempdir().expect("a folder");
    let running = Running::start(dir.path(), policy);
    for n in 1..=CHANGES {
        assert_eq!(running.append(&change(90 + n as usize % 20, n)), n);
    }
    let disk = running.stop();
    let recovered = wal::recover(&*disk, 0, |lsn, bytes| {
        assert!(bytes == change(90 + lsn as usize % 20, lsn), "change {lsn}");
        true
    });
    assert_eq!(recovered.expect("a log").records, CHANGES);
}

/// Changes of one feature and of 50.
const SIZES: [usize; 2] = [64, 1400];

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append");
    for (name, policy) in [("no", Policy::No), ("everysec", Policy::EverySecond)] {
        check(policy);
        for bytes in SIZES {
            let dir = tempfile::tempdir().expect("a folder");
            let running = Running::start(dir.path(), policy);
            let change = change(bytes, 1);
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(BenchmarkId::new(name, format!("{bytes} bytes")), |b| {
                b.iter_custom(|count| running.append_all(count, &change));
            });
            running.stop();
        }
    }
    group.finish();
}

/// So many clients write, and all wait until what they wrote is safe.
fn commit(c: &mut Criterion) {
    check(Policy::Always);
    let mut group = c.benchmark_group("group commit, always");
    for clients in [1, 16, 256] {
        let dir = tempfile::tempdir().expect("a folder");
        let running = Running::start(dir.path(), Policy::Always);
        let change = change(SIZES[0], 1);
        group.throughput(Throughput::Elements(clients));
        group.bench_function(BenchmarkId::new("changes together", clients), |b| {
            b.iter(|| {
                let (safe, is_safe) = channel();
                for _ in 0..clients {
                    let lsn = running.append(&change);
                    let safe = safe.clone();
                    running
                        .log
                        .when_durable(lsn, Box::new(move || safe.send(lsn).expect("us")));
                }
                for lsn in is_safe.iter().take(clients as usize) {
                    assert!(running.log.positions().1 >= lsn, "not safe yet");
                }
                running.trim();
            });
        });
        running.stop();
    }
    group.finish();
}

fn config() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = config();
    targets = append, commit
}
criterion_main!(benches);
