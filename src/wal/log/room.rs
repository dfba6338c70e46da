//! Room for changes: the segments that are made beforehand, and what is refused when none can be.
//!
//! Invariant: changes are accepted only while there is room for several of the largest that count
//! as small. So those that are accepted at the same time have a place, on a full disk too.

use super::super::record::{self, HEADER_BYTES, Header};
use super::super::segment::{self, Kept};
use super::{Inner, Log, Segment, State, mix};
use crate::io::{Room, log};
use std::io;
use std::mem::take;
use std::sync::atomic::Ordering;

impl Inner {
    fn has_reserved(&self) -> bool {
        self.prepared.iter().any(|s| s.room == Room::Reserved)
    }
}

/// A change is large, and a matter of its own, from this share of a segment on.
const LARGE_SHARE: usize = 8;

impl Log {
    /// Whether a change of about so many bytes is accepted now.
    #[inline]
    pub fn accepts_change(&self, bytes: usize) -> bool {
        !self.refuses.load(Ordering::Relaxed)
            && (bytes < self.segment_bytes / LARGE_SHARE
                && self.room.load(Ordering::Relaxed) >= self.reserve()
                || self.make_room(bytes))
    }

    /// What must be left for changes that were accepted.
    fn reserve(&self) -> usize {
        self.segment_bytes / 2
    }

    /// Make sure of room for a large change, or of more when there is little.
    fn make_room(&self, bytes: usize) -> bool {
        let making = self.making.lock();
        let needed = HEADER_BYTES + record::size(bytes + bytes / 4);
        let is_large = bytes >= self.segment_bytes / LARGE_SHARE;
        let fits = |segment: &Segment| segment.pages.bytes() >= needed;
        // Behind a large change there is to be room for others.
        let len = match is_large {
            true => (needed + self.reserve()).max(self.segment_bytes),
            false => self.segment_bytes,
        };
        loop {
            let inner = self.inner.lock();
            let enough = match is_large {
                true => inner.prepared.front().is_some_and(fits),
                false => self.note_room(&inner) >= self.reserve(),
            };
            drop(inner);
            if enough {
                break;
            }
            if let Err(error) = self.add_segment(len) {
                self.note_full(&error);
                return false;
            }
        }
        drop(making);
        true
    }

    /// Make a segment beforehand. `making` is held.
    fn add_segment(&self, len: usize) -> io::Result<()> {
        let mut inner = self.inner.lock();
        let number = inner.next_number;
        inner.next_number += 1;
        drop(inner);
        // Not under the lock: zeros may be being written.
        let segment = self.make(number, len)?;
        let mut inner = self.inner.lock();
        if inner.current.number > number {
            // A change could not wait and made one of its own.
            inner.unused.push(number);
            return Ok(());
        }
        if len > self.segment_bytes || segment.room != Room::Reserved && inner.has_reserved() {
            let others: Vec<u64> = inner.prepared.drain(..).map(|s| s.number).collect();
            inner.unused.extend(others);
        }
        inner.prepared.push_back(segment);
        self.note_room(&inner);
        Ok(())
    }

    /// The room there is, less what changes will take that wait for others, and what may be left
    /// over at the end of segments.
    pub(super) fn note_room(&self, inner: &Inner) -> usize {
        let spare = HEADER_BYTES + self.segment_bytes / LARGE_SHARE;
        let bytes = |segment: &Segment| segment.pages.bytes().saturating_sub(spare);
        let prepared: usize = inner.prepared.iter().map(bytes).sum();
        let left = inner.current.pages.bytes() - inner.at;
        let room = (left + prepared).saturating_sub(inner.ahead_bytes);
        self.room.store(room, Ordering::Relaxed);
        room
    }

    /// No segment could be made: refuse changes if what is left is needed for those accepted.
    fn note_full(&self, error: &io::Error) {
        let inner = self.inner.lock();
        if self.note_room(&inner) < self.reserve() {
            self.refuse(State::Full(error.to_string()));
        }
    }

    /// Go on in the next segment.
    pub(super) fn turn(&self, inner: &mut Inner, size: usize) -> io::Result<()> {
        let needed = HEADER_BYTES + size;
        let mut next = loop {
            match inner.prepared.pop_front() {
                Some(segment) if segment.pages.bytes() >= needed => break segment,
                Some(small) => inner.unused.push(small.number),
                None => break self.make_at_once(inner, needed.max(self.segment_bytes))?,
            }
        };
        let header = Header {
            number: next.number,
            first_lsn: inner.next,
            signature: mix(self.seed, next.number),
            promise: self.durable.load(Ordering::Relaxed),
        };
        next.pages.write(0, &header.write())?;
        inner.unsynced.push(next.pages.syncer());
        let at = inner.at;
        if let Some(full) = inner.kept.back_mut() {
            full.bytes = at;
        }
        inner.kept.push_back(Kept::new(next.number, inner.next));
        inner.signature = header.signature;
        inner.at = HEADER_BYTES;
        let full = std::mem::replace(&mut inner.current, next);
        inner.full.push(full.pages);
        self.nudge_for_room();
        Ok(())
    }

    fn make_at_once(&self, inner: &mut Inner, len: usize) -> io::Result<Segment> {
        let number = inner.next_number;
        // Never the same twice, whatever comes of it.
        inner.next_number += 1;
        self.make(number, len)
    }

    fn make(&self, number: u64, len: usize) -> io::Result<Segment> {
        let room = self.policy().room();
        let pages = self.disk.create(&segment::name(number), len, room)?;
        Ok(Segment {
            number,
            room,
            pages,
        })
    }

    /// Make the next segment, if there is none; take changes again if there was no room before.
    pub(crate) fn prepare(&self) {
        let mut inner = self.inner.lock();
        let (unused, full) = (take(&mut inner.unused), take(&mut inner.full));
        drop(inner);
        // Giving a mapping back takes long enough to be done here.
        drop(full);
        for number in unused {
            // Should it stay, the next start removes it.
            let _ = self.disk.remove(&segment::name(number));
        }
        let making = self.making.lock();
        let inner = self.inner.lock();
        let is_short = inner.prepared.is_empty() || self.note_room(&inner) < self.reserve();
        // The policy was another one when they were made. The current one is filled as it is.
        let is_other = self.policy().room() == Room::Written && inner.has_reserved();
        drop(inner);
        if (is_short || is_other)
            && !self.has_failed()
            && let Err(error) = self.add_segment(self.segment_bytes)
        {
            self.note_full(&error);
        }
        drop(making);
        self.accept_again();
    }

    /// There is room again, if there was none.
    fn accept_again(&self) {
        let mut state = self.state.lock();
        let is_short = self.room.load(Ordering::Relaxed) < self.reserve();
        if matches!(*state, State::Full(_)) && !is_short {
            log::notice(format_args!("The log accepts changes again"));
            *state = State::Ok;
            self.refuses.store(false, Ordering::SeqCst);
        }
    }
}
