//! The scrub: every byte of every file is read now and then and compared with its checksum.
//!
//! Invariants
//! - Every file that a start reads, or that could ever be served again, is read: those of rows, of
//!   batches that show, of batches that are kept to be rolled back to, the manifest, the catalog,
//!   and the segments of the log.
//! - A version that is kept and could not be opened at the start is told of in each pass.
//! - Damage is told at once, by the log file and by INFO. If it is of what is served, changes are
//!   refused until a restart: what is there may be wrong, and must not be built upon. A version
//!   that is only kept is marked, and never published again.
//! - What only a start reads is whole in memory: changes go on, and a checkpoint writes it anew.

use super::files::Files;
use super::manifest::Manifest;
use super::open::Keeps;
use super::status::Status;
use super::{batches, catalog, manifest};
use crate::clock;
use crate::engine::{Batch, Keyspace};
use crate::io::{Disk, log};
use crate::rowfile::{self, CHUNK_BYTES, RowFile};
use crate::wal::survey::Survey;
use crate::wal::{Log, segment_name};
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
    what: What,
}

enum What {
    Sealed(Arc<RowFile>, Of),
    ForStart(ForStart),
}

/// What only a start reads.
enum ForStart {
    Manifest,
    /// Of this number.
    Catalog(u64),
    /// A segment, and the LSN behind the records that it must have.
    Log(u64, u64),
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
        what: What::Sealed(file.clone(), Of::Rows),
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
        let what = What::Sealed(Arc::new(sealed.ok()?), of);
        Some(Piece { name, what })
    });
    let catalog = Some(files.manifest.catalog).filter(|number| *number != 0);
    let segments = to.1.kept().into_iter();
    let segments = segments.map(|(number, behind)| ForStart::Log(number, behind));
    let for_start = [ForStart::Manifest].into_iter();
    let for_start = for_start
        .chain(catalog.map(ForStart::Catalog))
        .chain(segments);
    let for_start = for_start.map(|file| Piece {
        name: file.name(),
        what: What::ForStart(file),
    });
    rows.chain(batches).chain(for_start).collect()
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

impl ForStart {
    fn name(&self) -> String {
        match self {
            ForStart::Manifest => manifest::NAME.to_owned(),
            ForStart::Catalog(number) => catalog::name(*number),
            ForStart::Log(number, _) => segment_name(*number),
        }
    }

    /// Whether a start would still read it.
    fn is_needed(&self, files: &Files, log: &Log) -> bool {
        match self {
            ForStart::Manifest => true,
            ForStart::Catalog(number) => files.manifest.catalog == *number,
            ForStart::Log(number, behind) => {
                let (in_files, _) = files.manifest.lsns();
                let is_kept = log.kept().iter().any(|(kept, _)| kept == number);
                is_kept && *behind > in_files + 1
            }
        }
    }

    /// Compare it with its checksum; answers its bytes, or what is wrong with them.
    fn verify(&self, disk: &dyn Disk) -> Result<u64, String> {
        // Not mapped: a disk that fails is told of.
        let bytes = disk.read(&self.name()).map_err(|error| error.to_string())?;
        match self {
            ForStart::Manifest => drop(Manifest::read(&bytes).map_err(|error| error.to_string())?),
            ForStart::Catalog(number) => {
                let content = catalog::unseal(*number, &bytes);
                content.ok_or("it is not as it was written")?;
            }
            ForStart::Log(number, behind) => {
                let reached = Survey::of(*number, &bytes).reached();
                let reached = reached.ok_or("its header is damaged")?;
                if reached < *behind {
                    return Err(format!(
                        "no whole record of LSN {reached}, which must be there"
                    ));
                }
            }
        }
        Ok(bytes.len() as u64)
    }
}

impl Piece {
    fn chunks(&self) -> usize {
        match &self.what {
            What::Sealed(file, _) => file.chunks(),
            What::ForStart(_) => 1,
        }
    }

    /// One that was folded or replaced meanwhile is of no interest any more.
    fn is_there(&self, files: &Files, keyspace: &Keyspace, log: &Log) -> bool {
        match &self.what {
            What::Sealed(file, Of::Rows) => files.open.contains_key(&file.number),
            What::Sealed(_, Of::Batch(batch)) => keyspace.batch(batch.number).is_some(),
            What::ForStart(file) => file.is_needed(files, log),
        }
    }

    /// Read a chunk; answers its bytes, or tells of damage.
    fn verify(
        &self,
        chunk: usize,
        files: &mut Files,
        keyspace: &Keyspace,
        disk: &dyn Disk,
        to: (&Status, &Log),
    ) -> Option<u64> {
        let name = &self.name;
        match &self.what {
            What::Sealed(file, of) => match file.verify(chunk) {
                Ok(()) => Some(CHUNK_BYTES as u64),
                Err(error) => {
                    found(of, keyspace, &format!("{name}: {error}"), to);
                    None
                }
            },
            What::ForStart(file) => match file.verify(disk) {
                Ok(bytes) => Some(bytes),
                Err(wrong) => {
                    let todo = "a start would be refused, and memory is right: end this server \
                                by SHUTDOWN SAVE";
                    note(to.0, &format!("{name}: {wrong}; {todo}"));
                    // The next checkpoint writes another one.
                    if matches!(file, ForStart::Catalog(_)) {
                        files.catalog_len = 0;
                    }
                    None
                }
            },
        }
    }
}

impl Scrub {
    /// Read as many bytes as may be read in this time at this rate.
    pub fn step(
        &mut self,
        what: (&mut Files, &Keyspace, Keeps),
        disk: &dyn Disk,
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
            let Some(piece) = self.left.last() else {
                self.under_way = false;
                self.ended = Some(clock::monotonic());
                status.scrub_passes.fetch_add(1, Relaxed);
                break;
            };
            if self.chunk >= piece.chunks() || !piece.is_there(files, keyspace, to.1) {
                self.left.pop();
                self.chunk = 0;
                continue;
            }
            match piece.verify(self.chunk, files, keyspace, disk, to) {
                Some(bytes) => (self.chunk, read) = (self.chunk + 1, read + bytes),
                // The rest of this file is not looked at: one such report a file.
                None => self.chunk = usize::MAX,
            }
        }
        status.scrubbed_bytes.fetch_add(read, Relaxed);
    }
}
