//! Reading the log back: the decision table of the module, in code.

use super::closing::{self, Mark};
use super::record::{self, ALIGN, HEADER_BYTES, Header, NUMBER_MAX, Record};
use super::segment::{self, Kept};
use crate::io::{Disk, Residency};
use std::io;

/// Why a log cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    #[error("{file}: {error}")]
    Unreadable { file: String, error: io::Error },
    /// Acknowledged data is not there.
    #[error(
        "{file}: no whole record of LSN {lsn} at byte {offset}, but {witness} says that it \
         had been synced: acknowledged data is damaged or missing"
    )]
    Lost {
        file: String,
        offset: usize,
        lsn: u64,
        witness: String,
    },
    #[error("{file}: the record at byte {offset} (LSN {lsn}) is whole, but is no change")]
    NoChange {
        file: String,
        offset: usize,
        lsn: u64,
    },
    #[error("{file}: {what} is {value}, and can be {NUMBER_MAX} at most")]
    Range {
        file: String,
        what: &'static str,
        value: u64,
    },
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    pub segments: usize,
    pub records: u64,
    /// The LSN of the last record, 0 if there is none.
    pub last_lsn: u64,
    /// The number of the last segment, 0 if there is none.
    pub last_segment: u64,
    /// Numbers of segments without a record: not needed any more once there is a new one.
    pub empty: Vec<u64>,
    /// Those with records.
    pub kept: Vec<Kept>,
    /// Bytes behind the last record that are no part of the log: torn, never acknowledged.
    pub passed_over_bytes: usize,
    /// What the log said of its end when it was last closed.
    pub mark: Mark,
}

/// Read every record after `base_lsn` in order; `replay` says whether its payload is a change.
/// Records up to `base_lsn` may be gone.
pub fn recover(
    disk: &dyn Disk,
    base_lsn: u64,
    replay: impl FnMut(u64, &[u8]) -> bool,
) -> Result<Recovered, Damage> {
    let unreadable = |file: &str, error| Damage::Unreadable {
        file: file.to_owned(),
        error,
    };
    let numbers = segment::numbers(disk).map_err(|error| unreadable("the directory", error))?;
    let mark = Mark::read(disk).map_err(|error| unreadable(closing::NAME, error))?;
    let mut reading = Reading {
        base_lsn,
        replay,
        found: Recovered {
            mark,
            ..Recovered::default()
        },
        reached: None,
        stopped: None,
        beginning: None,
    };
    for &number in &numbers {
        let file = segment::name(number);
        if number > NUMBER_MAX {
            let (what, value) = ("the number in its name", number);
            return Err(Damage::Range { file, what, value });
        }
        let bytes = disk.map(&file, Residency::Lazy);
        let bytes = bytes.map_err(|error| unreadable(&file, error))?;
        let header = Header::read(&bytes).filter(|header| header.number == number);
        if let Some(value) = header.map(|h| h.first_lsn).filter(|n| *n > NUMBER_MAX) {
            let what = "its first LSN";
            return Err(Damage::Range { file, what, value });
        }
        match header {
            Some(header) if reading.follows(&header) => reading.read(&header, &bytes)?,
            _ => reading.pass_over(number, header, &bytes)?,
        }
        reading.found.last_segment = number;
    }
    if let Some(missing) = reading.beginning.take() {
        return Err(missing);
    }
    // Without a segment there is no place to name, and who opens the directory sees it.
    if let Some(first) = numbers.first() {
        reading.reaches(mark, segment::name(*first))?;
    }
    let reached = reading.reached.unwrap_or(0);
    reading.found.last_lsn = reached.saturating_sub(1).max(base_lsn);
    Ok(reading.found)
}

/// How far a recovery is.
struct Reading<F> {
    base_lsn: u64,
    replay: F,
    found: Recovered,
    /// The LSN behind the last whole record, once a segment says where the log begins.
    reached: Option<u64>,
    /// Where the log stopped to go on, if it did.
    stopped: Option<(String, usize)>,
    /// The log begins later than it must, unless a segment that comes later begins where it must:
    /// the start that made that one has passed over what is before it.
    beginning: Option<Damage>,
}

impl<F: FnMut(u64, &[u8]) -> bool> Reading<F> {
    fn expected(&self) -> u64 {
        self.reached.unwrap_or(0).max(self.base_lsn + 1)
    }

    /// Whether a segment begins where the log is. Segments from before the base may be gone, or
    /// still be there; what is missing between them is not needed.
    fn follows(&self, header: &Header) -> bool {
        match self.reached {
            Some(reached) => {
                let not_needed = reached..=self.base_lsn + 1;
                header.first_lsn == reached || not_needed.contains(&header.first_lsn)
            }
            None => header.first_lsn <= self.base_lsn + 1,
        }
    }

    /// Whether the log goes as far as its closing mark says.
    fn reaches(&mut self, mark: Mark, first: String) -> Result<(), Damage> {
        let lsn = self.expected();
        if mark.promise() < lsn {
            return Ok(());
        }
        let (file, offset) = self.stopped.take().unwrap_or((first, 0));
        Err(Damage::Lost {
            file,
            offset,
            lsn,
            witness: format!("the closing mark ({})", closing::NAME),
        })
    }

    /// A segment of the log.
    fn read(&mut self, header: &Header, bytes: &[u8]) -> Result<(), Damage> {
        let file = segment::name(header.number);
        self.beginning = None;
        let mut lsn = header.first_lsn;
        let mut at = HEADER_BYTES;
        while let Some(record) = next(header, bytes, at, lsn) {
            if lsn > self.base_lsn {
                if !(self.replay)(lsn, record.payload) {
                    let offset = at;
                    return Err(Damage::NoChange { file, offset, lsn });
                }
                self.found.records += 1;
            }
            lsn += 1;
            at += record.size;
        }
        self.reached = Some(lsn);
        let rest = bytes.get(at..).unwrap_or_default();
        let lsn = self.expected();
        if let Some(witness) = witness(header.number, header.signature, rest, lsn) {
            return Err(Damage::Lost {
                file,
                offset: at,
                lsn,
                witness,
            });
        }
        match at {
            HEADER_BYTES if tail(rest) == 0 => self.found.empty.push(header.number),
            bytes => self.found.kept.push(Kept {
                bytes,
                ..Kept::new(header.number, header.first_lsn)
            }),
        }
        self.found.segments += 1;
        self.found.passed_over_bytes += tail(rest);
        self.stopped = Some((file, at));
        Ok(())
    }

    /// A segment that is none of the log, unless it says that the log was longer.
    fn pass_over(
        &mut self,
        number: u64,
        header: Option<Header>,
        bytes: &[u8],
    ) -> Result<(), Damage> {
        let (file, lsn) = (segment::name(number), self.expected());
        let says = format!("the header of {file}");
        let witness = match header.filter(|header| header.promise >= lsn) {
            Some(_) => Some(says.clone()),
            None => record::signatures(bytes)
                .find_map(|signature| witness(number, signature, bytes, lsn)),
        };
        if header.is_some() && self.reached.is_none() {
            // The first header was synced before there was a record: the log did not begin here.
            self.beginning.get_or_insert(Damage::Lost {
                file: file.clone(),
                offset: 0,
                lsn,
                witness: says,
            });
        }
        let here = (file, 0);
        if let Some(witness) = witness {
            let stopped = self.stopped.take().filter(|_| header.is_some());
            let (file, offset) = stopped.unwrap_or(here);
            return Err(Damage::Lost {
                file,
                offset,
                lsn,
                witness,
            });
        }
        if tail(bytes) == 0 {
            self.found.empty.push(number);
            return Ok(());
        }
        self.found.passed_over_bytes += tail(bytes);
        self.stopped.get_or_insert(here);
        Ok(())
    }
}

/// The record at this place, if it is the one expected.
pub fn next<'a>(header: &Header, bytes: &'a [u8], at: usize, lsn: u64) -> Option<Record<'a>> {
    record::read(header.signature, bytes.get(at..)?).filter(|record| record.lsn == lsn)
}

/// Bytes up to the last that is not zero. Most of a segment may be zeros: they are looked at in
/// pieces.
pub fn tail(bytes: &[u8]) -> usize {
    // Most of a segment is zeros often: many at a time.
    const ZEROS: [u8; 4096] = [0; 4096];
    let zeros = bytes
        .rchunks(ZEROS.len())
        .take_while(|chunk| ZEROS.starts_with(chunk));
    let zeros: usize = zeros.map(<[u8]>::len).sum();
    let rest = bytes.get(..bytes.len() - zeros).unwrap_or_default();
    let last = rest.iter().rposition(|byte| *byte != 0);
    last.map_or(0, |last| last + 1)
}

/// A record somewhere in these bytes that promises `lsn`: it may begin at any multiple of 8.
fn witness(number: u64, signature: u64, bytes: &[u8], lsn: u64) -> Option<String> {
    // A payload may end in zeros, but no record is all zeros.
    (0..tail(bytes)).step_by(ALIGN).find_map(|at| {
        let rest = bytes.get(at..)?;
        // Few places look like that: checksums are not taken at all of them.
        record::promise(rest).filter(|promise| *promise >= lsn)?;
        let found = record::read(signature, rest)?.lsn;
        Some(format!(
            "the record of LSN {found} in {}",
            segment::name(number)
        ))
    })
}
