//! The two threads of the log: one syncs, the other makes segments; and what is acknowledged
//! meanwhile.
//!
//! Invariants
//! - Under `everysec` nothing is acknowledged unless it is safe, or all that was appended two
//!   seconds ago is: what a loss of power takes is two seconds of acknowledged changes at most,
//!   whatever it is that holds the threads up.
//! - Making a segment, which writes much, holds up no sync.

use super::{Log, Policy};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often a thread looks for work that nobody told it of.
const TICK: Duration = Duration::from_millis(100);
/// `everysec`.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// What was appended so long ago is safe, or acknowledging waits.
pub(super) const LAG_MAX: Duration = Duration::from_secs(2);

/// What the threads are asked for.
#[derive(Default)]
pub(super) struct Work {
    /// Something is to be synced now.
    to_sync: bool,
    /// A segment was taken.
    to_prepare: bool,
    stop: bool,
}

impl Log {
    /// What the thread that syncs does, until [`Log::stop`].
    pub fn run(&self) {
        let mut synced_at = crate::clock::monotonic();
        self.was_safe_at(synced_at);
        loop {
            let stop = {
                let mut work = self.work.lock();
                if !work.to_sync && !work.stop {
                    self.wake.wait_for(&mut work, TICK);
                }
                work.to_sync = false;
                work.stop
            };
            let now = crate::clock::monotonic();
            let due = match self.policy() {
                Policy::Always => true,
                Policy::EverySecond => {
                    now.saturating_duration_since(synced_at) >= SYNC_EVERY || self.is_overdue(now)
                }
                Policy::No => false,
            };
            if due || stop {
                synced_at = now;
                self.sync();
                self.was_safe_at(now);
            }
            self.call_waiters();
            if stop {
                return;
            }
        }
    }

    /// What the thread that makes segments does, until [`Log::stop`].
    pub fn keep_room(&self) {
        loop {
            self.prepare();
            let mut work = self.work.lock();
            if !work.to_prepare && !work.stop {
                self.wake_for_room.wait_for(&mut work, TICK);
            }
            work.to_prepare = false;
            if work.stop {
                return;
            }
        }
    }

    pub(super) fn nudge(&self) {
        if !std::mem::replace(&mut self.work.lock().to_sync, true) {
            self.wake.notify_one();
        }
    }

    pub(super) fn nudge_for_room(&self) {
        self.work.lock().to_prepare = true;
        self.wake_for_room.notify_one();
    }

    /// Sync what there is and end the threads.
    pub fn stop(&self) {
        self.work.lock().stop = true;
        self.wake.notify_one();
        self.wake_for_room.notify_one();
    }

    fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// What was appended before is safe, or never will be.
    pub(in crate::wal) fn was_safe_at(&self, when: Instant) {
        let overdue = self.millis(when + LAG_MAX);
        self.overdue_at.store(overdue, Ordering::Relaxed);
    }

    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.millis(now) >= self.overdue_at.load(Ordering::Relaxed)
    }
}
