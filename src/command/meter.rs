//! Counting and timing of commands, cheaply.
//!
//! A clock read costs about as much as a twentieth of a small command, so a pipelined run of the
//! same fast command with few arguments is timed as one, and its time divided evenly. Any other
//! command is timed alone. A run that ends with the batch (the normal case: one request) knows its
//! arguments for the slow log.

use super::monitor::is_secret;
use super::registry::Entry;
use super::table::flag;
use crate::clock;
use crate::instance::slowlog::{self, abridge};
use crate::instance::{Instance, Sample, Session};
use crate::resp::Args;
use std::time::{Duration, Instant};

/// Arguments up to which a fast command may be part of a run.
const RUN_ARGS_MAX: usize = 64;

/// A run of calls of one command that is not yet counted.
struct Run {
    entry: &'static Entry,
    calls: u64,
    failed: u64,
    hits: u64,
    lookups: u64,
    started: Instant,
}

#[derive(Default)]
pub struct Meter {
    run: Option<Run>,
}

/// How a call, or several, ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Calls that failed.
    pub failed: u32,
    /// Look-ups that found something, look-ups in all.
    pub lookups: (u32, u32),
}

impl Meter {
    /// A command is about to run.
    #[inline]
    pub fn begin(&mut self, instance: &Instance, session: &Session, entry: &'static Entry) {
        if self
            .run
            .as_ref()
            .is_some_and(|run| run.entry.id == entry.id)
        {
            return;
        }
        let now = clock::monotonic();
        self.close(instance, session, now, None);
        self.run = Some(Run {
            entry,
            calls: 0,
            failed: 0,
            hits: 0,
            lookups: 0,
            started: now,
        });
    }

    /// It has run; `last` if the batch ends with it.
    #[inline]
    pub fn end(
        &mut self,
        instance: &Instance,
        session: &Session,
        args: Args<'_>,
        outcome: Outcome,
        last: bool,
    ) {
        self.add(1, outcome);
        let Some(run) = &self.run else { return };
        if last || !run.entry.has(flag::FAST) || args.len() > RUN_ARGS_MAX {
            self.close(instance, session, clock::monotonic(), Some(args));
        }
    }

    /// So many calls have run, as part of a run.
    #[inline]
    pub fn add(&mut self, calls: u64, outcome: Outcome) {
        let Some(run) = &mut self.run else { return };
        run.calls += calls;
        run.failed += u64::from(outcome.failed);
        run.hits += u64::from(outcome.lookups.0);
        run.lookups += u64::from(outcome.lookups.1);
    }

    /// Count what is open; to be called at the end of each batch.
    pub fn flush(&mut self, instance: &Instance, session: &Session) {
        if self.run.is_some() {
            self.close(instance, session, clock::monotonic(), None);
        }
    }

    fn close(
        &mut self,
        instance: &Instance,
        session: &Session,
        now: Instant,
        args: Option<Args<'_>>,
    ) {
        let Some(run) = self.run.take() else { return };
        let took = now.saturating_duration_since(run.started);
        count(instance, session, &run, took);
        let each = u32::try_from(run.calls).map_or(took, |n| took / n.max(1));
        note(instance, session, run.entry, args, each);
    }
}

fn count(instance: &Instance, session: &Session, run: &Run, took: Duration) {
    let worker = instance.stats.worker(session.client.worker);
    worker.called(run.entry.id, run.calls, run.failed, took);
    if run.entry.has(flag::READONLY) {
        worker.keyspace_hits.add(run.hits);
        worker.keyspace_misses.add(run.lookups - run.hits);
    }
}

/// The arguments as the slow log keeps them, without passwords.
fn redacted(entry: &Entry, args: Args<'_>) -> Vec<Vec<u8>> {
    let mut kept = abridge(args);
    for (i, arg) in kept.iter_mut().enumerate() {
        if is_secret(entry, args, i) {
            *arg = b"(redacted)".to_vec();
        }
    }
    kept
}

/// Put a call into the slow log and the latency monitor, if it was slow.
pub fn note(
    instance: &Instance,
    session: &Session,
    entry: &Entry,
    args: Option<Args<'_>>,
    took: Duration,
) {
    let live = &instance.live;
    if live.is_slow(took) && !entry.has(flag::SKIP_SLOWLOG) {
        let args = match args {
            Some(args) => redacted(entry, args),
            None => vec![entry.name.clone().into(), b"... (of a pipeline)".to_vec()],
        };
        let slow = slowlog::Entry {
            id: 0,
            at_seconds: session.now / 1000,
            took,
            args,
            addr: session.client.peer.addr.clone(),
            name: session.client.labels.lock().name.clone(),
        };
        instance.slowlog.push(slow, live.slowlog_len());
    }
    if live.is_latent(took) {
        let event = match entry.has(flag::FAST) {
            true => "fast-command",
            false => "command",
        };
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let at_seconds = session.now / 1000;
        instance.latency.add(event, Sample { at_seconds, millis });
    }
}
