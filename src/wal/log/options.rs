//! How a log is kept, and how it is.

use crate::io::Room;
use crate::wal::segment::Kept;

/// When what is appended is made to survive the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Policy {
    /// Before it is acknowledged.
    Always = 0,
    /// Within a second; if the disk needs two, acknowledging waits for it.
    EverySecond = 1,
    /// When the system sees fit.
    No = 2,
}

impl Policy {
    /// How the room of segments is made sure of: a sync for each acknowledgement is to write
    /// little; a sync a second need not.
    pub fn room(self) -> Room {
        match self {
            Policy::Always => Room::Written,
            Policy::EverySecond | Policy::No => Room::Reserved,
        }
    }

    /// By the name that `appendfsync` has for it.
    pub fn of(name: &str) -> Option<Policy> {
        match name {
            "always" => Some(Policy::Always),
            "everysec" => Some(Policy::EverySecond),
            "no" => Some(Policy::No),
            _ => None,
        }
    }
}

/// Whether changes are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    /// There is no room for the next segment: changes are refused until there is.
    Full(String),
    /// What is on the disk is damaged: no change is accepted until a restart.
    Damaged(String),
    /// A sync failed: no change is accepted until a restart.
    Failed(String),
}

#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of a segment.
    pub segment_bytes: usize,
    pub policy: Policy,
    /// The LSN of the next change.
    pub next_lsn: u64,
    /// The number of the next segment.
    pub next_segment: u64,
    /// The segments there are, the oldest first.
    pub kept: Vec<Kept>,
    /// Marks the segments of this run: never the same twice.
    pub signature: u64,
}
