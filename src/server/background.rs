//! What is done in the background, `hz` times a second: expiry, samples for INFO, closing clients
//! that are idle.

use crate::clock;
use crate::engine::Millis;
use crate::instance::{Close, Instance};
use crate::io;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Entries of one step of the sweep: a few dozen microseconds, in which no client of this thread
/// is served.
const SWEEP_ENTRIES_MAX: usize = 128;

/// The sweep goes on, within a tick, while one in so many entries had expired.
const SWEEP_WHILE_ONE_IN: usize = 4;

/// It takes at most one in so many microseconds.
const SWEEP_SHARE: u32 = 4;

/// Rates are averages over so many samples, one each 100 ms.
const SAMPLES: usize = 16;
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

pub async fn run(instance: Arc<Instance>) {
    let mut samples = Samples::new();
    let mut second = clock::monotonic();
    loop {
        let period = Duration::from_millis(1000 / instance.live.hz());
        tokio::time::sleep(period).await;
        let now = clock::wall_millis();
        sweep(&instance, period / SWEEP_SHARE).await;
        samples.take(&instance);
        if instance.control.end_pause(now) {
            instance.wake_all(now);
        }
        let monotonic = clock::monotonic();
        if monotonic.saturating_duration_since(second) >= Duration::from_secs(1) {
            second = monotonic;
            look_after_clients(&instance, now);
        }
    }
}

/// Remove what has expired, as long as there is much of it and `budget` lasts.
async fn sweep(instance: &Instance, budget: Duration) {
    let started = clock::monotonic();
    loop {
        let report = instance
            .keyspace
            .sweep(clock::wall_millis(), SWEEP_ENTRIES_MAX);
        let expired = report.keys_expired + report.fields_expired;
        let took = clock::monotonic().saturating_duration_since(started);
        if expired * SWEEP_WHILE_ONE_IN <= report.visited || took >= budget {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            instance.stats.samples.sweep_micros.add(micros);
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Close idle clients; let those look at their limits that have unsent output.
fn look_after_clients(instance: &Instance, now: Millis) {
    let timeout_millis = match instance.control.paused(now) {
        // Who waits for the end of a pause is not idle.
        Some(_) => 0,
        None => instance.live.timeout_seconds().saturating_mul(1000),
    };
    for client in instance.clients.all() {
        let status = &client.status;
        let idle = now.saturating_sub(status.active_at.load(Relaxed));
        // Subscribers wait, and are not idle.
        let listens = status.monitor.load(Relaxed)
            || status.channels.load(Relaxed) + status.patterns.load(Relaxed) > 0;
        if timeout_millis > 0 && idle > timeout_millis && !listens {
            client.close(Close::Idle);
        } else if status.output_bytes.load(Relaxed) > 0 {
            client.wake();
        }
    }
}

/// Totals at one moment.
#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    calls: u64,
    input_bytes: u64,
    output_bytes: u64,
}

struct Samples {
    taken: VecDeque<Sample>,
}

impl Samples {
    fn new() -> Samples {
        Samples {
            taken: VecDeque::with_capacity(SAMPLES),
        }
    }

    fn take(&mut self, instance: &Instance) {
        let at = clock::monotonic();
        let last = self.taken.back().map(|sample| sample.at);
        if last.is_some_and(|last| at.saturating_duration_since(last) < SAMPLE_EVERY) {
            return;
        }
        let totals = instance.stats.totals();
        let sample = Sample {
            at,
            calls: totals.calls,
            input_bytes: totals.net_input_bytes,
            output_bytes: totals.net_output_bytes,
        };
        let samples = &instance.stats.samples;
        if let Some(first) = self.taken.front() {
            let millis = at.saturating_duration_since(first.at).as_millis().max(1) as u64;
            // Counters start again from zero with CONFIG RESETSTAT.
            let rate = |now: u64, then: u64| now.saturating_sub(then) * 1000 / millis;
            samples.ops_per_sec.set(rate(sample.calls, first.calls));
            samples
                .input_bytes_per_sec
                .set(rate(sample.input_bytes, first.input_bytes));
            samples
                .output_bytes_per_sec
                .set(rate(sample.output_bytes, first.output_bytes));
        }
        if self.taken.len() == SAMPLES {
            self.taken.pop_front();
        }
        self.taken.push_back(sample);
        let usage = io::usage();
        instance.sample(
            usage.resident_bytes,
            usage.cpu_user_micros,
            usage.cpu_sys_micros,
        );
    }
}
