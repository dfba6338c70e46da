//! Cutting a damaged log where its damage begins: what is before stays, what is behind is kept
//! aside, whole, and is no part of the log any more.
//!
//! Invariants
//! - Every segment that is changed or goes has a second name in a folder, safe, before anything
//!   is changed: a crash at any moment loses no byte, and the cut can be made again.
//! - The closing mark, which speaks of what is lost, is lowered last: until then the damage shows.
//! - What is left is the log up to the LSN before the damage, and nothing else: there is a segment
//!   that ends there, or begins behind it.

use super::closing::{self, Mark};
use super::record::{HEADER_BYTES, Header};
use super::recover::Damage;
use super::segment;
use super::survey::Survey;
use crate::io::Disk;
use std::io;

/// Bytes of a segment that only says where the log goes on.
const EMPTY_BYTES: usize = 4096;

/// A cut that can be made.
#[derive(Debug)]
pub struct Cut {
    /// The first LSN that is lost.
    pub lsn: u64,
    /// The last LSN that is lost, as far as anything that is left speaks of it.
    pub last: u64,
    /// Segments that are not needed any more, as files hold all of them, and do not reach the cut.
    below: Vec<u64>,
    /// From the damage on.
    behind: Vec<u64>,
    /// What takes the place of the first of these.
    replacement: Option<Vec<u8>>,
    /// The closing mark speaks of what is lost.
    lowers_mark: bool,
}

impl Cut {
    /// How to cut where this damage is; `None` if cutting does not help. `signature` is random.
    pub fn plan(disk: &dyn Disk, damage: &Damage, signature: u64) -> io::Result<Option<Cut>> {
        let (Damage::Lost {
            file, offset, lsn, ..
        }
        | Damage::NoChange { file, offset, lsn }) = damage
        else {
            return Ok(None);
        };
        let Some(damaged) = segment::number(file) else {
            return Ok(None);
        };
        let numbers = segment::numbers(disk)?;
        let (before, behind): (Vec<u64>, Vec<u64>) = numbers.iter().partition(|n| **n < damaged);
        let survey = |number: u64| {
            let bytes = disk.read(&segment::name(number))?;
            Ok::<_, io::Error>(Survey::of(number, &bytes))
        };
        let mark = Mark::read(disk)?.promise();
        let mut last = (*lsn).max(mark);
        for number in &behind {
            last = last.max(survey(*number)?.last_named());
        }
        let mut cut = Cut {
            lsn: *lsn,
            last,
            below: Vec::new(),
            behind,
            replacement: None,
            lowers_mark: mark >= *lsn,
        };
        let mut bytes = disk.read(file)?;
        if let Some(rest) = bytes.get_mut(*offset..) {
            rest.fill(0);
        }
        if Survey::of(damaged, &bytes).reached() == Some(*lsn) {
            cut.replacement = Some(bytes);
            return Ok(Some(cut));
        }
        for number in &before {
            if survey(*number)?.reached() == Some(*lsn) {
                return Ok(Some(cut));
            }
        }
        // Nothing that is left ends where the log is to go on.
        cut.below = before;
        let header = Header {
            number: damaged,
            first_lsn: *lsn,
            signature,
            promise: lsn.saturating_sub(1),
        };
        let mut bytes = header.write().to_vec();
        bytes.resize(EMPTY_BYTES.max(HEADER_BYTES), 0);
        cut.replacement = Some(bytes);
        Ok(Some(cut))
    }

    /// Names of the files that are kept aside.
    pub fn files(&self) -> impl Iterator<Item = String> + '_ {
        let numbers = self.below.iter().chain(&self.behind);
        let mark = self.lowers_mark.then(|| closing::NAME.to_owned());
        numbers.map(|number| segment::name(*number)).chain(mark)
    }

    /// Do it; the originals are in this folder then.
    pub fn make(&self, disk: &dyn Disk, folder: &str) -> io::Result<()> {
        for file in self.files() {
            disk.keep_aside(folder, &file)?;
        }
        // The damage stays in view until the end: whoever looks in between sees it, or the log as
        // it is to be.
        for number in &self.below {
            disk.remove(&segment::name(*number))?;
        }
        let mut gone = self.behind.iter();
        if let Some(bytes) = &self.replacement
            && let Some(damaged) = gone.next()
        {
            disk.replace(&segment::name(*damaged), bytes)?;
        }
        for number in gone.rev() {
            disk.remove(&segment::name(*number))?;
        }
        if self.lowers_mark {
            closing::write(disk, self.lsn.saturating_sub(1))?;
        }
        Ok(())
    }
}
