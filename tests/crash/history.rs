//! What was acknowledged when: how old it was decides whether a power cut may take it.
//!
//! Invariant: a time is taken after the reply was read, so nothing is older than it seems.

use std::time::Instant;

/// Of one client's count, which only grows.
#[derive(Default)]
pub struct History {
    /// Was there when it began.
    base: u64,
    acked: Vec<(Instant, u64)>,
}

/// What became of what was acknowledged since the last look.
#[derive(Default)]
pub struct Outcome {
    /// It had to be there, and is.
    pub kept: u64,
    /// It could be lost, and is.
    pub lost: u64,
    pub oldest_lost: Option<Instant>,
}

impl Outcome {
    pub fn add(&mut self, other: Outcome) {
        self.kept += other.kept;
        self.lost += other.lost;
        let both = self.oldest_lost.into_iter().chain(other.oldest_lost);
        self.oldest_lost = both.min();
    }
}

impl History {
    pub fn note(&mut self, acked: u64) {
        self.acked.push((Instant::now(), acked));
    }

    /// What was acknowledged by then.
    pub fn by(&self, when: Instant) -> u64 {
        let later = self.acked.partition_point(|(at, _)| *at <= when);
        later.checked_sub(1).map_or(self.base, |i| self.acked[i].1)
    }

    /// What was acknowledged later was so by a machine that was gone: it does not count.
    pub fn end(&mut self, when: Instant) {
        self.acked.retain(|(at, _)| *at <= when);
    }

    /// So much had to be there, so much was found: begin anew with that.
    pub fn settle(&mut self, must: u64, found: u64) -> Outcome {
        let first = self.acked.partition_point(|(_, acked)| *acked <= found);
        let last = self.acked.last().map_or(0, |(_, acked)| *acked);
        let outcome = Outcome {
            kept: must.saturating_sub(self.base),
            lost: last.saturating_sub(found),
            oldest_lost: self.acked.get(first).map(|(at, _)| *at),
        };
        self.base = found;
        self.acked.clear();
        outcome
    }
}
