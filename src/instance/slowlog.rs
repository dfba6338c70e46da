//! The slow log: the last commands that took longer than `slowlog-log-slower-than`.

use crate::resp::Args;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::time::Duration;

/// Arguments kept of a command, and bytes kept of an argument, as in Redis.
const ARGS_MAX: usize = 32;
const ARG_BYTES_MAX: usize = 128;

#[derive(Clone, Debug)]
pub struct Entry {
    pub id: u64,
    /// When, seconds since the epoch.
    pub at_seconds: u64,
    pub took: Duration,
    pub args: Vec<Vec<u8>>,
    pub addr: String,
    pub name: String,
}

#[derive(Default)]
pub struct SlowLog {
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    next_id: u64,
    /// The newest first.
    entries: VecDeque<Entry>,
}

impl SlowLog {
    /// Add an entry; its id is given here.
    pub fn push(&self, mut entry: Entry, entries_max: usize) {
        let mut log = self.log.lock();
        entry.id = log.next_id;
        log.next_id += 1;
        log.entries.push_front(entry);
        log.entries.truncate(entries_max);
    }

    /// The newest `count` entries, all without a count.
    pub fn newest(&self, count: Option<usize>) -> Vec<Entry> {
        let log = self.log.lock();
        let count = count.unwrap_or(usize::MAX);
        log.entries.iter().take(count).cloned().collect()
    }

    pub fn len(&self) -> usize {
        self.log.lock().entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn clear(&self) {
        self.log.lock().entries.clear();
    }
}

/// The arguments as the slow log keeps them.
pub fn abridge(args: Args<'_>) -> Vec<Vec<u8>> {
    let kept = if args.len() > ARGS_MAX {
        ARGS_MAX - 1
    } else {
        args.len()
    };
    let mut abridged: Vec<Vec<u8>> = args.iter().take(kept).map(abridge_one).collect();
    if kept < args.len() {
        abridged.push(format!("... ({} more arguments)", args.len() - kept).into_bytes());
    }
    abridged
}

fn abridge_one(arg: &[u8]) -> Vec<u8> {
    let Some((head, rest)) = arg.split_at_checked(ARG_BYTES_MAX) else {
        return arg.to_vec();
    };
    let mut kept = head.to_vec();
    if !rest.is_empty() {
        kept.extend_from_slice(format!("... ({} more bytes)", rest.len()).as_bytes());
    }
    kept
}
