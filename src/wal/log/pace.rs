//! The two threads of the log: one syncs, the other makes segments and closes a log that is idle;
//! and what is acknowledged meanwhile.
//!
//! Invariants
//! - Under `everysec` nothing is acknowledged unless it is safe, or all that was appended two
//!   seconds ago is: what a loss of power takes is two seconds of acknowledged changes at most,
//!   whatever it is that holds the threads up.
//! - Making a segment, which writes much, holds up no sync; nor does the closing mark.

use super::{Log, Policy};
use crate::io::log;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often a thread looks for work that nobody told it of.
const TICK: Duration = Duration::from_millis(100);
/// `everysec`.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// The closing mark is written so often at most, should pauses follow each other.
const CLOSE_EVERY: Duration = SYNC_EVERY;
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

/// What is remembered from one look to the next.
pub struct Idle {
    appended: u64,
    closed_at: Instant,
    /// The last attempt failed, which was told.
    is_failing: bool,
}

impl Idle {
    pub fn new(started_at: Instant) -> Idle {
        Idle {
            appended: 0,
            closed_at: started_at,
            is_failing: false,
        }
    }
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
        let mut idle = Idle::new(crate::clock::monotonic());
        loop {
            self.prepare();
            self.close_if_idle(&mut idle, crate::clock::monotonic());
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

    /// Write the closing mark once nothing was appended between two looks and all of it is safe. A
    /// mark that cannot be written costs nothing but what it would tell: changes are still taken.
    pub(in crate::wal) fn close_if_idle(&self, idle: &mut Idle, now: Instant) {
        let (appended, durable) = self.positions();
        let is_idle = std::mem::replace(&mut idle.appended, appended) == appended;
        let since = now.saturating_duration_since(idle.closed_at);
        let is_due = durable == appended && durable > self.closed() && since >= CLOSE_EVERY;
        if !is_idle || !is_due {
            return;
        }
        idle.closed_at = now;
        let failed = self.close().err();
        let was_failing = std::mem::replace(&mut idle.is_failing, failed.is_some());
        if let Some(error) = failed.filter(|_| !was_failing) {
            log::warning(format_args!("{}: {error}", crate::wal::CLOSING_MARK));
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
