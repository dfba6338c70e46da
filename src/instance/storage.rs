//! The data directory: opening it, and what was found there.
//!
//! | file | what |
//! |---|---|
//! | `MANIFEST` | says that this is a data directory, and its format |
//! | `wal-<number>` | segments of the log |
//! | `LOCK` | locked by the server that uses the directory |
//!
//! Invariant: an empty start is never mistaken. A log with records and no manifest, or a manifest
//! and no log, is refused: something is lost.

use super::Instance;
use crate::config::Config;
use crate::io::{Directory, Disk, log};
use crate::wal::{self, Damage, Log, Options, Policy, Recovered};
use std::path::Path;
use std::sync::Arc;

const MANIFEST: &str = "MANIFEST";

/// What the manifest says.
const FORMAT: &[u8] = b"fieldstone data directory, format 1\n";

/// Bytes of a segment of the log.
const SEGMENT_BYTES: usize = 32 << 20;

/// See the module.
pub struct Storage {
    pub log: Arc<Log>,
    pub recovered: Recovered,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{dir}: {error}")]
    Directory { dir: String, error: std::io::Error },
    #[error("{dir}: {error}")]
    Damage { dir: String, error: Damage },
    #[error("{dir}/{MANIFEST}: this is no data directory of a format that is known")]
    Format { dir: String },
    #[error("{dir}: there is a log with {records} changes, but no {MANIFEST}: it was lost")]
    NoManifest { dir: String, records: u64 },
    #[error("{dir}: there is a {MANIFEST}, but no log: it was lost")]
    NoLog { dir: String },
}

/// Open the directory of these settings, making it if need be, and do again what its log holds.
pub fn open(instance: &Instance, config: &Config) -> Result<Storage, OpenError> {
    let dir = &config.dir;
    let failed = |error| OpenError::Directory {
        dir: dir.clone(),
        error,
    };
    let disk: Arc<dyn Disk> = Arc::new(Directory::open(Path::new(dir)).map_err(failed)?);
    let names = disk.list().map_err(failed)?;
    let has_manifest = names.iter().any(|name| name == MANIFEST);
    if has_manifest && disk.read(MANIFEST).map_err(failed)? != FORMAT {
        return Err(OpenError::Format { dir: dir.clone() });
    }
    let replay = |lsn, change: &[u8]| instance.keyspace.replay(lsn, change).is_some();
    let recovered = wal::recover(&*disk, 0, replay).map_err(|error| OpenError::Damage {
        dir: dir.clone(),
        error,
    })?;
    if !has_manifest && recovered.records > 0 {
        let (dir, records) = (dir.clone(), recovered.records);
        return Err(OpenError::NoManifest { dir, records });
    }
    if has_manifest && recovered.segments == 0 {
        return Err(OpenError::NoLog { dir: dir.clone() });
    }
    log::notice(format_args!(
        "{dir}: {} changes replayed from {} segments, up to LSN {}; {} bytes behind the last \
         whole record passed over",
        recovered.records, recovered.segments, recovered.last_lsn, recovered.passed_over_bytes
    ));
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
        policy: Policy::of(&config.appendfsync).unwrap_or(Policy::EverySecond),
        next_lsn: recovered.last_lsn + 1,
        next_segment: recovered.last_segment + 1,
        signature: super::random(),
    };
    let log = Log::start(disk.clone(), options).map_err(failed)?;
    if !has_manifest {
        disk.replace(MANIFEST, FORMAT).map_err(failed)?;
    }
    // The new segment is there: the log is never without one.
    for number in &recovered.empty {
        disk.remove(&wal::segment_name(*number)).map_err(failed)?;
    }
    Ok(Storage { log, recovered })
}
