//! What is told of checkpoints while they run and after.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// How the last one ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    None,
    Done,
    Failed(String),
}

/// See the module. Times are milliseconds since the epoch; 0: never.
pub struct Status {
    pub running: AtomicBool,
    pub began_at: AtomicU64,
    pub shards_done: AtomicU64,
    pub saves: AtomicU64,
    pub saved_at: AtomicU64,
    pub took_millis: AtomicU64,
    /// The LSN that was the last when the last one began.
    pub saved_lsn: AtomicU64,
    pub bytes_written: AtomicU64,
    pub files: AtomicU64,
    pub file_bytes: AtomicU64,
    pub scrub_passes: AtomicU64,
    /// Bytes of the pass that is under way.
    pub scrubbed_bytes: AtomicU64,
    pub scrub_errors: AtomicU64,
    pub last: Mutex<Outcome>,
    /// What the scrub found.
    pub damage: Mutex<Option<String>>,
}

impl Status {
    pub fn new(saved_at: u64, saved_lsn: u64) -> Status {
        Status {
            running: AtomicBool::new(false),
            began_at: AtomicU64::new(0),
            shards_done: AtomicU64::new(0),
            saves: AtomicU64::new(0),
            saved_at: AtomicU64::new(saved_at),
            took_millis: AtomicU64::new(0),
            saved_lsn: AtomicU64::new(saved_lsn),
            bytes_written: AtomicU64::new(0),
            files: AtomicU64::new(0),
            file_bytes: AtomicU64::new(0),
            scrub_passes: AtomicU64::new(0),
            scrubbed_bytes: AtomicU64::new(0),
            scrub_errors: AtomicU64::new(0),
            last: Mutex::new(Outcome::None),
            damage: Mutex::new(None),
        }
    }

    pub fn is_running(&self) -> bool {
        self.running.load(Relaxed)
    }
}
