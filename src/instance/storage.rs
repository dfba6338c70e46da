//! The data directory of a running server: the log, the checkpoints, and what was found.
//!
//! | file | what |
//! |---|---|
//! | `MANIFEST` | which files are the store, and up to which LSN |
//! | `rows-<number>` | the rows of one shard |
//! | `catalog-<number>` | what rows refer to: shapes and frequent values |
//! | `batch-<number>` | a batch of a view: rows of all shards |
//! | `wal-<number>` | segments of the log |
//! | `SYNCED` | how far the log was synced when it was last idle |
//! | `LOCK` | locked by the server that uses the directory |
//!
//! Invariant: an empty start is never mistaken. What is there without a manifest, or a manifest
//! without the rest, is refused: something is lost.

use super::Instance;
use crate::batch::{self, Uploads};
use crate::checkpoint::{self, Checkpoints, Files, Loading, LogOptions, Opened, Started};
use crate::clock;
use crate::config::Config;
use crate::engine::Keyspace;
use crate::io::{self, Directory, Residency};
use crate::wal::{CLOSING_MARK, Log, Mark, Policy, Recovered};
use std::path::Path;
use std::sync::Arc;

/// Bytes of a segment of the log.
const SEGMENT_BYTES: usize = 32 << 20;

/// See the module.
pub struct Storage {
    pub log: Arc<Log>,
    pub checkpoints: Arc<Checkpoints>,
    pub uploads: Arc<Uploads>,
    pub recovered: Recovered,
    pub base_files: usize,
    pub base_bytes: u64,
    pub recovered_in_millis: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("{dir}: {error}")]
pub struct OpenError {
    dir: String,
    error: checkpoint::OpenError,
}

impl OpenError {
    fn of(dir: &str) -> impl Fn(checkpoint::OpenError) -> OpenError {
        move |error| OpenError {
            dir: dir.to_owned(),
            error,
        }
    }
}

/// Whether a folder has a file or a folder of this name.
fn has(dir: &Path, name: &str) -> bool {
    io::entry(&dir.join(name)).is_ok()
}

/// Whether a start may use this directory: one that is mistyped, or of somebody else, must not
/// become an empty server without a word.
fn may_be_ours(dir: &Path) -> Result<(), String> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let file = || Err("it is a file: dir names a folder".to_owned());
    match io::entry(dir) {
        Ok(place) if place.bytes.is_some() => return file(),
        Err(error) if error.kind() == NotADirectory => return file(),
        Err(error) if error.kind() == NotFound && !io::parent_is_there(dir) => {
            return Err(format!(
                "there is no such folder, nor the one above it ({}): make that first, if the path \
                 is right",
                io::folder_of(dir).display()
            ));
        }
        // Other errors are told when the directory is opened.
        _ => {}
    }
    let has = |name: &str| has(dir, name);
    let of_redis = ["dump.rdb", "appendonlydir", "appendonly.aof"];
    let of_redis = of_redis.into_iter().find(|name| has(name));
    match of_redis.filter(|_| !has(checkpoint::MANIFEST)) {
        Some(name) => Err(format!(
            "it is the directory of a Redis ({name}), which is not read: name another one with \
             --dir, run that Redis beside, and copy its keys with DUMP and RESTORE (as RIOT does)"
        )),
        None => Ok(()),
    }
}

/// Of a server that keeps nothing: say so, if there is something in the directory.
pub fn warn_of_what_is_not_read(config: &Config) {
    if has(Path::new(&config.dir), checkpoint::MANIFEST) {
        io::log::warning(format_args!(
            "{}: there is data in it, which is not read: appendonly is no",
            config.dir
        ));
    }
}

/// Open the directory of these settings, making it if need be.
pub fn open(config: &Config) -> Result<Opened, OpenError> {
    let path = Path::new(&config.dir);
    if let Err(reason) = may_be_ours(path) {
        let error = std::io::Error::other(reason);
        return Err(OpenError::of(&config.dir)(error.into()));
    }
    let dir = Directory::open(path).map_err(Into::into);
    let opened = dir.and_then(|dir| checkpoint::open(Arc::new(dir)));
    opened.map_err(OpenError::of(&config.dir))
}

/// Bring the data back, and start to keep changes. The files are for the thread of checkpoints.
pub fn recover(
    instance: &Instance,
    config: &Config,
    opened: Opened,
) -> Result<(Storage, Files), OpenError> {
    let result = start(instance, config, opened);
    result.map_err(OpenError::of(&config.dir))
}

fn start(
    instance: &Instance,
    config: &Config,
    opened: Opened,
) -> Result<(Storage, Files), checkpoint::OpenError> {
    let began = clock::monotonic();
    let residency = match &*config.base_memory {
        "prefetch" => Residency::Prefetched,
        "lock" => Residency::Locked,
        _ => Residency::Lazy,
    };
    let loading = Loading {
        residency,
        verify: config.base_verify_at_start,
    };
    let log = LogOptions {
        segment_bytes: SEGMENT_BYTES,
        policy: Policy::of(&config.appendfsync).unwrap_or(Policy::EverySecond),
        signature: super::random(),
    };
    let Started {
        disk,
        log,
        files,
        recovered,
    } = opened.start(&instance.keyspace, loading, log, batch::kept)?;
    let took = clock::monotonic().saturating_duration_since(began);
    let recovered_in_millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let (base_files, base_bytes) = (files.open.len(), files.bytes());
    let whole = std::path::absolute(&config.dir).unwrap_or_default();
    io::log::notice(format_args!(
        "Data is kept in {} (appendfsync {})",
        whole.display(),
        config.appendfsync
    ));
    io::log::notice(format_args!(
        "{}: {base_files} files of rows ({base_bytes} bytes) mapped, {} changes replayed from {} \
         segments, up to LSN {}; {} bytes behind the last whole record passed over; {} ms",
        config.dir,
        recovered.records,
        recovered.segments,
        recovered.last_lsn,
        recovered.passed_over_bytes,
        recovered_in_millis
    ));
    if recovered.mark == Mark::Damaged {
        io::log::warning(format_args!(
            "{}: {CLOSING_MARK} is damaged: it cannot tell whether the end of the log is whole",
            config.dir
        ));
    }
    let limits = config.checkpoint_limits();
    let last = last_batch(&instance.keyspace);
    let uploads = Arc::new(Uploads::new(disk.clone(), residency, last));
    let keeps = batch::kept;
    let checkpoints = Checkpoints::new(disk, log.clone(), limits, residency, keeps, &files);
    let storage = Storage {
        log,
        checkpoints: Arc::new(checkpoints),
        uploads,
        recovered,
        base_files,
        base_bytes,
        recovered_in_millis,
    };
    Ok((storage, files))
}

/// The highest number of a batch of which there is a file or a record.
fn last_batch(keyspace: &Keyspace) -> u64 {
    let kept = batch::kept(keyspace).last().copied();
    kept.max(keyspace.last_batch()).unwrap_or(0)
}
