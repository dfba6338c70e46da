//! The scrub: every byte of every file is read now and then and compared with its checksum.
//!
//! Invariants
//! - Every file that could ever be served again is read: those of rows, of batches that show, and
//!   of batches that are kept to be rolled back to.
//! - A version that is kept and could not be opened at the start is told of in each pass.
//! - Damage is told at once, by the log file and by INFO. If it is of what is served, changes are
//!   refused until a restart: what is there may be wrong, and must not be built upon. A version
//!   that is only kept is marked, and never published again.

use super::batches;
use super::files::Files;
use super::open::Keeps;
use super::status::Status;
use crate::clock;
use crate::engine::{Batch, Keyspace};
use crate::io::log;
use crate::rowfile::{self, CHUNK_BYTES, RowFile};
use crate::wal::Log;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// From the end of a pass to the beginning of the next.
const EVERY: Duration = Duration::from_secs(24 * 3600);

/// Bytes of a step, if there is no limit.
const STEP_BYTES_MAX: u64 = 64 << 20;

/// How far it is.
#[derive(Default)]
pub struct Scrub {
    left: Vec<Piece>,
    /// The next piece of the last of them.
    chunk: usize,
    under_way: bool,
    ended: Option<Instant>,
}

/// A file, under its name.
struct Piece {
    name: String,
    file: Arc<RowFile>,
    of: Of,
}

/// What a file is of.
enum Of {
    Rows,
    Batch(Arc<Batch>),
}

/// All files: those of rows, and those of batches. One that cannot be read as a file of rows any
/// more is told of.
fn all(files: &Files, keyspace: &Keyspace, keeps: Keeps, to: (&Status, &Log)) -> Vec<Piece> {
    let rows = files.open.values().map(|file| Piece {
        name: rowfile::name(file.number),
        file: file.clone(),
        of: Of::Rows,
    });
    let batches = keyspace.batches();
    let is_open = |number: &u64| batches.iter().any(|batch| batch.number == *number);
    for number in keeps(keyspace).iter().filter(|number| !is_open(number)) {
        let name = rowfile::batch::name(*number);
        let text = "cannot be read; it is a version that is only kept";
        note(to.0, &format!("{name}: {text}"));
    }
    let batches = batches.into_iter();
    let batches = batches.filter_map(|batch| {
        let name = rowfile::batch::name(batch.number);
        let sealed = batches::sealed(&batch);
        let of = Of::Batch(batch);
        let told = |error: &_| found(&of, keyspace, &format!("{name}: {error}"), to);
        let sealed = sealed.inspect_err(told);
        let file = Arc::new(sealed.ok()?);
        Some(Piece { name, file, of })
    });
    rows.chain(batches).collect()
}

/// Tell of damage to what is served.
pub fn tell(status: &Status, log: &Log, text: &str) {
    note(status, text);
    log.distrust(text);
}

fn note(status: &Status, text: &str) {
    status.scrub_errors.fetch_add(1, Relaxed);
    log::warning(format_args!("Damaged: {text}"));
    status.damage.lock().get_or_insert_with(|| text.to_owned());
}

/// Tell of damage to this. What shows may have changed since the pass began.
fn found(of: &Of, keyspace: &Keyspace, text: &str, (status, log): (&Status, &Log)) {
    let shows = |batch: &Batch| {
        let showing = keyspace.showing();
        showing.iter().any(|one| one.batch.number == batch.number)
    };
    match of {
        Of::Batch(batch) if !shows(batch) => {
            batch.note_damaged();
            let view = &batch.view;
            let kept = format!("{text}; it is a version of view {view} that is only kept");
            note(status, &kept);
        }
        Of::Rows | Of::Batch(_) => tell(status, log, text),
    }
}

impl Scrub {
    /// Read as many bytes as may be read in this time at this rate.
    pub fn step(
        &mut self,
        what: (&Files, &Keyspace, Keeps),
        rate: u64,
        time: Duration,
        to: (&Status, &Log),
    ) {
        let ((files, keyspace, keeps), (status, _)) = (what, to);
        if !self.under_way {
            let since = |ended| clock::monotonic().saturating_duration_since(ended);
            if self.ended.is_some_and(|ended| since(ended) < EVERY) {
                return;
            }
            (self.left, self.chunk) = (all(files, keyspace, keeps, to), 0);
            self.under_way = true;
            status.scrubbed_bytes.store(0, Relaxed);
        }
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let budget = match rate {
            0 => STEP_BYTES_MAX,
            rate => (rate.saturating_mul(millis) / 1000).clamp(CHUNK_BYTES as u64, STEP_BYTES_MAX),
        };
        let mut read = 0;
        while read < budget {
            let Some(Piece { name, file, of }) = self.left.last() else {
                self.under_way = false;
                self.ended = Some(clock::monotonic());
                status.scrub_passes.fetch_add(1, Relaxed);
                break;
            };
            // One that was folded meanwhile is of no interest any more.
            let is_there = match of {
                Of::Rows => files.open.contains_key(&file.number),
                Of::Batch(batch) => keyspace.batch(batch.number).is_some(),
            };
            if self.chunk >= file.chunks() || !is_there {
                self.left.pop();
                self.chunk = 0;
                continue;
            }
            if let Err(error) = file.verify(self.chunk) {
                found(of, keyspace, &format!("{name}: {error}"), to);
                // The rest of this file is not looked at: one such report a file.
                self.chunk = file.chunks();
                continue;
            }
            self.chunk += 1;
            read += CHUNK_BYTES as u64;
        }
        status.scrubbed_bytes.fetch_add(read, Relaxed);
    }
}
