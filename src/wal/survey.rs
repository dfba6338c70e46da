//! What a segment holds, taken by itself: for people who look at a log, not for recovery.

use super::record::{self, ALIGN, HEADER_BYTES, Header};
use super::recover::tail;

/// Whole records that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub at: usize,
    pub end: usize,
    pub first_lsn: u64,
    pub last_lsn: u64,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// `None`: it is damaged, or was never written.
    pub header: Option<Header>,
    pub runs: Vec<Run>,
    /// Bytes up to the last that is not zero.
    pub used: usize,
}

impl Survey {
    /// Of the segment of this number.
    pub fn of(number: u64, bytes: &[u8]) -> Survey {
        let header = Header::read(bytes).filter(|header| header.number == number);
        let used = tail(bytes);
        let mut runs = Vec::new();
        // A header that is damaged may still say under which signature its records are.
        let signatures = record::signatures(bytes).filter(|s| *s != 0);
        for signature in signatures {
            runs = walk(signature, bytes, used);
            if !runs.is_empty() {
                break;
            }
        }
        Survey { header, runs, used }
    }

    /// The LSN behind the records that follow the header; `None` without a header.
    pub fn reached(&self) -> Option<u64> {
        let first = self.header?.first_lsn;
        match self.runs.first() {
            Some(run) if run.at == HEADER_BYTES && run.first_lsn == first => Some(run.last_lsn + 1),
            _ => Some(first),
        }
    }

    /// The last LSN that anything here speaks of.
    pub fn last_named(&self) -> u64 {
        let runs = self.runs.iter().map(|run| run.last_lsn).max();
        let header = self.header.map(|header| header.first_lsn - 1);
        runs.max(header).unwrap_or(0)
    }
}

fn walk(signature: u64, bytes: &[u8], used: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut at = HEADER_BYTES;
    while at < used {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(found) = record::read(signature, rest) else {
            at += ALIGN;
            continue;
        };
        let end = at + found.size;
        match runs.last_mut() {
            Some(run) if run.end == at && run.last_lsn + 1 == found.lsn => {
                (run.end, run.last_lsn) = (end, found.lsn);
            }
            _ => runs.push(Run {
                at,
                end,
                first_lsn: found.lsn,
                last_lsn: found.lsn,
            }),
        }
        at = end;
    }
    runs
}
