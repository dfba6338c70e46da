//! The write-ahead log: every change, in the order of LSNs, in segments of a file each.
//!
//! Appending copies the record into the mapped segment: from then on the change survives the
//! process, and no system call was made. A thread of the log syncs; what is synced survives the
//! machine. Another makes segments.
//!
//! Invariants
//! - Records lie in the order of their LSNs, without gaps, across segments. A change that is whole
//!   before one with a smaller LSN waits in memory for it.
//! - A record says up to which LSN the log was synced when it was written: the promise. It lets
//!   recovery tell what may be missing from what must be there.
//! - A segment is never changed again once a later one has records. After a restart records go to
//!   a new segment, so nothing that recovery passed over is ever overwritten.
//! - Under no policy is a change acknowledged that is not in a segment, nor one behind it.
//! - After a failed sync, or a change that had no place, nothing that came later is acknowledged,
//!   until a restart looks at what is there. Before that, a full disk refuses changes and no more.
//! - What a start finds is safe before it is read: what may not be is written again and synced
//!   ([`settle`]).
//! - Locks are taken in the order making or syncing, inner, and then state or work; waiters is
//!   taken alone.
//! - Segments are removed the oldest first, when everything in them is safe elsewhere.
//!
//! Recovery, of the segments in order, expecting the LSN that follows the last whole record:
//!
//! | what is found | what it means |
//! |---|---|
//! | a record with the LSN expected and the right checksum | it happened: replay |
//! | the next segment begins with the LSN expected | go on there, whatever follows here |
//! | anything else, and nothing behind it promises that LSN | the end: it may be lost |
//! | anything else, and a record or a header behind it promises it | damage: refuse to start |
//! | the end, and the closing mark ([`closing`]) promises that LSN | damage: refuse to start |
//! | all headers begin later | the beginning is missing: refuse to start |
//! | a record that is whole and whose payload is no change | refuse to start |
//! | a segment that is all zeros | prepared and never used: passed over |
//! | a number that cannot be counted on from ([`NUMBER_MAX`]) | refuse to start |

pub(crate) mod closing;
pub(crate) mod cut;
mod log;
pub(crate) mod record;
mod recover;
mod segment;
mod settle;
pub(crate) mod survey;

#[cfg(test)]
mod tests;

pub use closing::{Mark, NAME as CLOSING_MARK};
pub use log::{Log, Options, Policy, State};
pub use record::NUMBER_MAX;
pub use recover::{Damage, Recovered, recover};
pub use segment::name as segment_name;
pub(crate) use segment::number as segment_number;
pub use settle::settle;
