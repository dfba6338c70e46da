//! The scrub: every byte of every file is read now and then and compared with its checksum.
//!
//! Invariant: damage is told at once, by the log file, by INFO, and by refusing changes until a
//! restart: what is there may be wrong, and must not be built upon.

use super::batches;
use super::files::Files;
use super::status::Status;
use crate::clock;
use crate::engine::Keyspace;
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
    is_batch: bool,
}

/// All files: those of rows, and those of the batches that show. One that cannot be read as a file
/// of rows any more is told of.
fn all(files: &Files, keyspace: &Keyspace, (status, log): (&Status, &Log)) -> Vec<Piece> {
    let rows = files.open.values().map(|file| Piece {
        name: rowfile::name(file.number),
        file: file.clone(),
        is_batch: false,
    });
    let layers = keyspace.showing().into_iter().filter_map(|layer| {
        let name = rowfile::batch::name(layer.batch.number);
        let sealed = batches::sealed(&layer.batch);
        let sealed = sealed.inspect_err(|error| tell(status, log, &format!("{name}: {error}")));
        Some(Piece {
            name,
            file: Arc::new(sealed.ok()?),
            is_batch: true,
        })
    });
    rows.chain(layers).collect()
}

/// Tell of damage.
pub fn tell(status: &Status, log: &Log, text: &str) {
    status.scrub_errors.fetch_add(1, Relaxed);
    log::warning(format_args!("Damaged: {text}"));
    status.damage.lock().get_or_insert_with(|| text.to_owned());
    log.distrust(text);
}

impl Scrub {
    /// Read as many bytes as may be read in this time at this rate.
    pub fn step(
        &mut self,
        what: (&Files, &Keyspace),
        rate: u64,
        time: Duration,
        to: (&Status, &Log),
    ) {
        let ((files, keyspace), (status, log)) = (what, to);
        if !self.under_way {
            let since = |ended| clock::monotonic().saturating_duration_since(ended);
            if self.ended.is_some_and(|ended| since(ended) < EVERY) {
                return;
            }
            (self.left, self.chunk) = (all(files, keyspace, to), 0);
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
            let Some(Piece {
                name,
                file,
                is_batch,
            }) = self.left.last()
            else {
                self.under_way = false;
                self.ended = Some(clock::monotonic());
                status.scrub_passes.fetch_add(1, Relaxed);
                break;
            };
            // One that was folded meanwhile is of no interest any more.
            let is_there = *is_batch || files.open.contains_key(&file.number);
            if self.chunk >= file.chunks() || !is_there {
                self.left.pop();
                self.chunk = 0;
                continue;
            }
            if let Err(error) = file.verify(self.chunk) {
                tell(status, log, &format!("{name}: {error}"));
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
