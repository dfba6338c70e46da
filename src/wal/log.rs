//! The log as it is written: appending, syncing, acknowledging.

mod options;
pub(super) mod pace;
mod room;

pub use options::{Options, Policy, State};

use super::closing;
use super::record::{self, HEADER_BYTES, Header};
use super::segment::{self, Kept};
use crate::engine::Journal;
use crate::io::{Disk, Pages, Room, Syncer, log};
use pace::Work;
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Bytes of the first segment of a run, at most.
const FIRST_BYTES: usize = 1 << 20;

struct Segment {
    number: u64,
    room: Room,
    pages: Box<dyn Pages>,
}

struct Inner {
    current: Segment,
    signature: u64,
    /// Where the next record goes.
    at: usize,
    /// The LSN of the next record.
    next: u64,
    /// Whole changes that wait for one with a smaller LSN.
    ahead: BTreeMap<u64, Vec<u8>>,
    /// Bytes that they will take.
    ahead_bytes: usize,
    /// The next segments, made beforehand: one, and more if many changes wait.
    prepared: VecDeque<Segment>,
    next_number: u64,
    /// Segments with records that are not synced.
    unsynced: Vec<Arc<dyn Syncer>>,
    /// Numbers of segments that were made and have become of no use.
    unused: Vec<u64>,
    /// What was stored into is complete, and is not stored into again.
    full: Vec<Box<dyn Pages>>,
    /// The segments that are kept, the oldest first; the last is the current one.
    kept: VecDeque<Kept>,
}

type Waiter = (u64, Box<dyn FnOnce() + Send>);

/// See the module.
pub struct Log {
    disk: Arc<dyn Disk>,
    segment_bytes: usize,
    seed: u64,
    policy: AtomicU8,
    /// The next LSN to be given out.
    reserved: AtomicU64,
    /// Everything up to here is in the segments. Stays where it is once the log has failed.
    appended: AtomicU64,
    durable: AtomicU64,
    /// What the closing mark says, or the header of the first segment of this run.
    closed: AtomicU64,
    refuses: AtomicBool,
    /// Bytes that records may still take in the segments there are.
    room: AtomicUsize,
    epoch: Instant,
    /// Milliseconds after the epoch from which on `everysec` acknowledges nothing before it is
    /// safe: what has not been synced by then may be as old as that.
    overdue_at: AtomicU64,
    state: Mutex<State>,
    /// Held by the one that makes a segment beforehand.
    making: Mutex<()>,
    /// Held while files are synced: one at a time does it.
    syncing: Mutex<()>,
    inner: Mutex<Inner>,
    waiters: Mutex<Vec<Waiter>>,
    work: Mutex<Work>,
    /// For the thread that syncs.
    wake: Condvar,
    /// For the thread that makes segments.
    wake_for_room: Condvar,
}

impl Log {
    /// Start a log behind what is on the disk: a new segment. What is there was settled, and is
    /// taken for safe.
    pub fn start(disk: Arc<dyn Disk>, options: Options) -> io::Result<Arc<Log>> {
        let number = options.next_segment;
        // A small one: a start does not wait for more zeros than it must.
        let first_bytes = options.segment_bytes.min(FIRST_BYTES);
        let how = options.policy.room();
        let pages = disk.create(&segment::name(number), first_bytes, how)?;
        let mut current = Segment {
            number,
            room: how,
            pages,
        };
        let signature = mix(options.signature, number);
        let last = options.next_lsn - 1;
        let header = Header {
            number,
            first_lsn: options.next_lsn,
            signature,
            promise: last,
        };
        current.pages.write(0, &header.write())?;
        current.pages.syncer().sync()?;
        let unsynced = vec![current.pages.syncer()];
        let mut kept = VecDeque::from(options.kept);
        kept.push_back(Kept::new(number, options.next_lsn));
        Ok(Arc::new(Log {
            disk,
            segment_bytes: options.segment_bytes,
            seed: options.signature,
            policy: AtomicU8::new(options.policy as u8),
            reserved: AtomicU64::new(options.next_lsn),
            appended: AtomicU64::new(last),
            durable: AtomicU64::new(last),
            closed: AtomicU64::new(last),
            refuses: AtomicBool::new(false),
            room: AtomicUsize::new(first_bytes - HEADER_BYTES),
            epoch: crate::clock::monotonic(),
            overdue_at: AtomicU64::new(u64::MAX),
            state: Mutex::new(State::Ok),
            making: Mutex::default(),
            syncing: Mutex::default(),
            inner: Mutex::new(Inner {
                current,
                signature,
                at: HEADER_BYTES,
                next: options.next_lsn,
                ahead: BTreeMap::new(),
                ahead_bytes: 0,
                prepared: VecDeque::new(),
                next_number: number + 1,
                unsynced,
                unused: Vec::new(),
                full: Vec::new(),
                kept,
            }),
            waiters: Mutex::default(),
            work: Mutex::default(),
            wake: Condvar::new(),
            wake_for_room: Condvar::new(),
        }))
    }

    pub fn policy(&self) -> Policy {
        match self.policy.load(Ordering::Relaxed) {
            0 => Policy::Always,
            1 => Policy::EverySecond,
            _ => Policy::No,
        }
    }

    pub fn set_policy(&self, policy: Policy) {
        self.policy.store(policy as u8, Ordering::Relaxed);
    }

    pub fn state(&self) -> State {
        self.state.lock().clone()
    }

    /// The LSN up to which everything survives the process, and that up to which it survives the
    /// machine.
    pub fn positions(&self) -> (u64, u64) {
        (
            self.appended.load(Ordering::Acquire),
            self.durable.load(Ordering::Acquire),
        )
    }

    /// Whether what depends on changes up to `lsn` may be acknowledged.
    #[inline]
    pub fn may_acknowledge(&self, lsn: u64) -> bool {
        self.may_acknowledge_at(lsn, crate::clock::monotonic)
    }

    /// The same; few need to know what time it is.
    #[inline]
    pub(super) fn may_acknowledge_at(&self, lsn: u64, now: impl FnOnce() -> Instant) -> bool {
        lsn <= self.durable.load(Ordering::Acquire)
            || match self.policy() {
                Policy::Always => false,
                Policy::EverySecond => self.has_appended(lsn) && !self.is_overdue(now()),
                Policy::No => self.has_appended(lsn),
            }
    }

    fn has_appended(&self, lsn: u64) -> bool {
        lsn <= self.appended.load(Ordering::Acquire)
    }

    /// Call `then` once what depends on `lsn` may be acknowledged, or never will be.
    pub fn when_durable(&self, lsn: u64, then: Box<dyn FnOnce() + Send>) {
        self.waiters.lock().push((lsn, then));
        if self.may_acknowledge(lsn) || self.has_failed() {
            self.call_waiters();
        } else {
            self.nudge();
        }
    }

    /// Write the closing mark, if everything that was appended is safe and the mark does not say so
    /// yet.
    pub fn close(&self) -> io::Result<()> {
        // Reserved, not appended: a change that is on its way comes behind the mark.
        let durable = self.durable.load(Ordering::Acquire);
        if durable != self.last() || durable <= self.closed() || self.has_failed() {
            return Ok(());
        }
        closing::write(&*self.disk, durable)?;
        self.closed.store(durable, Ordering::Release);
        Ok(())
    }

    /// The LSN up to which damage would be noticed, however it came about: all later records are
    /// vouched for by nothing yet.
    pub fn closed(&self) -> u64 {
        self.closed.load(Ordering::Acquire)
    }

    /// Let others have the directory: nothing is written any more.
    pub fn release(&self) {
        self.disk.release();
    }

    pub fn has_failed(&self) -> bool {
        self.refuses.load(Ordering::Relaxed) && matches!(*self.state.lock(), State::Failed(_))
    }

    pub(super) fn call_waiters(&self) {
        let (all, mut ready) = (self.has_failed(), Vec::new());
        self.waiters.lock().retain_mut(|(lsn, then)| {
            let done = all || self.may_acknowledge(*lsn);
            if done {
                ready.push(std::mem::replace(then, Box::new(|| ())));
            }
            !done
        });
        ready.into_iter().for_each(|then| then());
    }

    /// Accept no change until a restart, for a reason from outside.
    pub fn distrust(&self, reason: &str) {
        self.refuse(State::Damaged(reason.to_owned()));
    }

    fn refuse(&self, reason: State) {
        let mut state = self.state.lock();
        let stays = match *state {
            State::Failed(_) => true,
            State::Damaged(_) => !matches!(reason, State::Failed(_)),
            State::Ok | State::Full(_) => false,
        };
        if stays {
            return;
        }
        // Told once: a full disk is met again and again.
        if !matches!((&*state, &reason), (State::Full(_), State::Full(_))) {
            log::warning(format_args!("The log accepts no changes: {reason:?}"));
        }
        *state = reason;
        self.refuses.store(true, Ordering::SeqCst);
    }

    fn write(&self, inner: &mut Inner, change: &[u8]) {
        let size = record::size(change.len());
        let is_full = inner.at + size > inner.current.pages.bytes();
        let turned = if is_full {
            self.turn(inner, size)
        } else {
            Ok(())
        };
        let promise = self.durable.load(Ordering::Relaxed);
        let head = record::head(inner.signature, inner.next, promise, change);
        let at = inner.at;
        // The head last: without it there is no record.
        let pages = &mut inner.current.pages;
        let written = turned
            .and_then(|()| pages.write(at + head.len(), change))
            .and_then(|()| pages.write(at, &head));
        inner.next += 1;
        match written {
            Ok(()) => inner.at += size,
            // It has happened in memory and cannot be kept: nothing may be acknowledged any more.
            // It is a hole, which recovery ends at.
            Err(error) => {
                let reason = format!("a change could not be written: {error}");
                self.refuse(State::Failed(reason));
            }
        }
    }

    /// Sync what was appended so far.
    pub(crate) fn sync(&self) {
        let _syncing = self.syncing.lock();
        let (target, files) = {
            let inner = self.inner.lock();
            (inner.next - 1, inner.unsynced.clone())
        };
        if target == self.durable.load(Ordering::Relaxed) || self.has_failed() {
            return;
        }
        for file in &files {
            if let Err(error) = file.sync() {
                self.refuse(State::Failed(format!("a sync failed: {error}")));
                return;
            }
        }
        let mut inner = self.inner.lock();
        // All but the last are complete.
        inner.unsynced.drain(..files.len() - 1);
        drop(inner);
        if !self.has_failed() {
            self.durable.store(target, Ordering::Release);
        }
    }

    /// Make everything up to `lsn` safe, whatever the policy; false if it never will be.
    pub fn make_durable(&self, lsn: u64) -> bool {
        while self.durable.load(Ordering::Acquire) < lsn {
            if self.has_failed() {
                return false;
            }
            self.sync();
            self.call_waiters();
            // A change that was given an LSN before may not be whole yet: it will be at once.
            std::thread::yield_now();
        }
        true
    }

    /// Remove the segments whose records are all up to `lsn`; answers how many bytes those took.
    pub fn trim(&self, lsn: u64) -> io::Result<u64> {
        let mut removed = 0;
        loop {
            let inner = self.inner.lock();
            let next = inner.kept.get(1).map(|kept| kept.first_lsn);
            if next.is_none_or(|first| first > lsn + 1) {
                return Ok(removed);
            }
            let Some(number) = inner.kept.front().map(|kept| kept.number) else {
                return Ok(removed);
            };
            drop(inner);
            // One by one, the oldest first, and none after one that stays: there is never a hole.
            match self.disk.remove(&segment::name(number)) {
                // It was removed before, but that could not be made safe.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.disk.sync_names()?;
                }
                other => other?,
            }
            let kept = self.inner.lock().kept.pop_front();
            removed += kept.map_or(0, |kept| kept.bytes as u64);
        }
    }

    /// The segments that are kept, the oldest first, each with the LSN behind the records that it
    /// must have by now.
    pub fn kept(&self) -> Vec<(u64, u64)> {
        let inner = self.inner.lock();
        let behind = inner.kept.iter().skip(1).map(|next| next.first_lsn);
        let behind = behind.chain([self.durable.load(Ordering::Acquire) + 1]);
        inner
            .kept
            .iter()
            .map(|kept| kept.number)
            .zip(behind)
            .collect()
    }

    /// Bytes of records that a start would replay, about.
    pub fn bytes(&self) -> u64 {
        let inner = self.inner.lock();
        let full: usize = inner.kept.iter().map(|kept| kept.bytes).sum();
        (full + inner.at) as u64
    }
}

impl Journal for Log {
    #[inline]
    fn reserve(&self) -> u64 {
        self.reserved.fetch_add(1, Ordering::SeqCst)
    }

    fn last(&self) -> u64 {
        self.reserved.load(Ordering::SeqCst) - 1
    }

    fn append(&self, lsn: u64, change: &[u8]) {
        let mut inner = self.inner.lock();
        if lsn != inner.next {
            inner.ahead.insert(lsn, change.to_vec());
            inner.ahead_bytes += record::size(change.len());
            self.note_room(&inner);
            return;
        }
        self.write(&mut inner, change);
        let mut others = false;
        loop {
            let next = inner.next;
            let Some(change) = inner.ahead.remove(&next) else {
                break;
            };
            inner.ahead_bytes -= record::size(change.len());
            self.write(&mut inner, &change);
            others = true;
        }
        self.note_room(&inner);
        if !self.has_failed() {
            self.appended.store(inner.next - 1, Ordering::Release);
        }
        drop(inner);
        // Others may wait for their change to be in the log, if not for its being safe.
        if others || self.policy() == Policy::Always {
            self.nudge();
        }
    }

    fn accepts(&self) -> bool {
        !self.refuses.load(Ordering::Relaxed)
    }
}

/// A signature for one segment of this run.
fn mix(seed: u64, number: u64) -> u64 {
    (seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xd6e8_feb8_6659_fd93)
}
