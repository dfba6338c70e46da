//! What one command asks of the whole server: to stop, to pause.

use crate::engine::Millis;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Notify;

#[derive(Default)]
pub struct Control {
    stopping: AtomicBool,
    /// There is to be a checkpoint before the end.
    saves: AtomicBool,
    stop: Notify,
    /// Clients wait until then; 0: they do not.
    pause_until: AtomicU64,
    pause_all: AtomicBool,
}

/// What `CLIENT PAUSE` holds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    Writes,
    All,
}

impl Control {
    /// Ask the server to stop in good order.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.stop.notify_one();
    }

    /// The same, with a checkpoint before the end.
    pub fn save_and_stop(&self) {
        self.saves.store(true, Ordering::Release);
        self.stop();
    }

    pub fn saves(&self) -> bool {
        self.saves.load(Ordering::Acquire)
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Wait until the server is asked to stop.
    pub async fn stopped(&self) {
        if !self.is_stopping() {
            self.stop.notified().await;
        }
    }

    /// Pause clients; a pause that is there already is never made shorter or weaker.
    pub fn pause(&self, what: Pause, until: Millis, now: Millis) {
        let active = self.paused(now).is_some();
        let all = what == Pause::All || (active && self.pause_all.load(Ordering::Relaxed));
        self.pause_all.store(all, Ordering::Relaxed);
        self.pause_until.fetch_max(until, Ordering::Release);
    }

    /// End the pause; clients that wait are to be woken.
    pub fn unpause(&self) {
        self.pause_until.store(0, Ordering::Release);
    }

    /// End the pause if its time is over; true, once, if it is: clients that wait are to be woken.
    /// Whether anybody saw the pause while it lasted does not matter.
    pub fn end_pause(&self, now: Millis) -> bool {
        let until = self.pause_until.load(Ordering::Acquire);
        let over = until > 0 && until <= now;
        let ends = || {
            let (done, failed) = (Ordering::AcqRel, Ordering::Relaxed);
            self.pause_until.compare_exchange(until, 0, done, failed)
        };
        over && ends().is_ok()
    }

    #[inline]
    pub fn paused(&self, now: Millis) -> Option<Pause> {
        if self.pause_until.load(Ordering::Relaxed) <= now {
            return None;
        }
        match self.pause_all.load(Ordering::Relaxed) {
            true => Some(Pause::All),
            false => Some(Pause::Writes),
        }
    }
}
