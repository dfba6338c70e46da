//! Counters for INFO.
//!
//! Invariant: what is counted on the way of a command is counted in the slot of its worker thread,
//! so that threads do not share cache lines; readers add the slots up.

use super::transaction::CommandId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Most commands with their subcommands; the command table is checked against it.
pub const COMMANDS_MAX: usize = 256;

/// Buckets of the latency histograms: bucket i counts calls below 2^i * 1024 ns.
pub const BUCKETS: usize = 24;

/// Different error prefixes that are counted one by one.
const ERROR_PREFIXES_MAX: usize = 128;

#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub fn add(&self, n: u64) {
        if n > 0 {
            self.0.fetch_add(n, Ordering::Relaxed);
        }
    }

    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One command on one thread.
#[derive(Debug, Default)]
pub struct CommandCounters {
    pub calls: Counter,
    pub nanos: Counter,
    /// Refused before it ran.
    pub rejected: Counter,
    /// Ended with an error.
    pub failed: Counter,
    pub histogram: [Counter; BUCKETS],
}

/// One command, all threads added up.
#[derive(Clone, Debug, Default)]
pub struct CommandStats {
    pub calls: u64,
    pub nanos: u64,
    pub rejected: u64,
    pub failed: u64,
    pub histogram: [u64; BUCKETS],
}

impl CommandStats {
    /// Upper bound, microseconds, of the bucket in which this share of the calls lies.
    pub fn percentile(&self, share: f64) -> f64 {
        let total: u64 = self.histogram.iter().sum();
        let rank = (total as f64 * share).ceil();
        let mut seen = 0;
        for (i, count) in self.histogram.iter().enumerate() {
            seen += count;
            if *count > 0 && seen as f64 >= rank {
                return bucket_micros(i) as f64;
            }
        }
        0.0
    }
}

/// Upper bound of a bucket, microseconds.
pub fn bucket_micros(bucket: usize) -> u64 {
    1 << bucket
}

fn bucket(nanos: u64) -> usize {
    let bits = u64::BITS - (nanos >> 10).leading_zeros();
    (bits as usize).min(BUCKETS - 1)
}

/// The counters of one thread.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerStats {
    commands: Box<[CommandCounters]>,
    pub keyspace_hits: Counter,
    pub keyspace_misses: Counter,
    pub net_input_bytes: Counter,
    pub net_output_bytes: Counter,
    pub reads: Counter,
    pub writes: Counter,
}

impl WorkerStats {
    fn new() -> WorkerStats {
        WorkerStats {
            commands: (0..COMMANDS_MAX)
                .map(|_| CommandCounters::default())
                .collect(),
            ..WorkerStats::default()
        }
    }

    /// Count calls of one command that took `took` together.
    pub fn called(&self, command: CommandId, calls: u64, failed: u64, took: Duration) {
        let Some(counters) = self.commands.get(usize::from(command)) else {
            return;
        };
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        counters.calls.add(calls);
        counters.failed.add(failed);
        counters.nanos.add(nanos);
        let each = nanos.checked_div(calls).unwrap_or_default();
        if let Some(counter) = counters.histogram.get(bucket(each)) {
            counter.add(calls);
        }
    }

    pub fn rejected(&self, command: CommandId) {
        if let Some(counters) = self.commands.get(usize::from(command)) {
            counters.rejected.add(1);
        }
    }
}

/// What the background tick measures.
#[derive(Debug, Default)]
pub struct Samples {
    pub ops_per_sec: Counter,
    pub input_bytes_per_sec: Counter,
    pub output_bytes_per_sec: Counter,
    pub resident_bytes: Counter,
    pub used_memory_peak: Counter,
    /// CPU time, microseconds.
    pub cpu_user_micros: Counter,
    pub cpu_sys_micros: Counter,
    pub sweep_micros: Counter,
    /// That ever expired, and of them, those before the last reset.
    pub keys_expired: Counter,
    pub fields_expired: Counter,
    keys_before: Counter,
    fields_before: Counter,
}

impl Samples {
    /// Keys and fields that expired since the last reset.
    pub fn expired(&self) -> (u64, u64) {
        let since = |all: &Counter, before: &Counter| all.get().saturating_sub(before.get());
        (
            since(&self.keys_expired, &self.keys_before),
            since(&self.fields_expired, &self.fields_before),
        )
    }
}

pub struct Stats {
    workers: Box<[WorkerStats]>,
    errors: Mutex<BTreeMap<String, u64>>,
    pub connections_received: Counter,
    pub connections_rejected: Counter,
    pub query_buffer_disconnections: Counter,
    pub output_buffer_disconnections: Counter,
    pub auth_failures: Counter,
    pub samples: Samples,
}

/// Sums over all threads.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub calls: u64,
    pub keyspace_hits: u64,
    pub keyspace_misses: u64,
    pub net_input_bytes: u64,
    pub net_output_bytes: u64,
    pub reads: u64,
    pub writes: u64,
}

impl Stats {
    pub fn new(workers: usize) -> Stats {
        Stats {
            workers: (0..workers.max(1)).map(|_| WorkerStats::new()).collect(),
            errors: Mutex::default(),
            connections_received: Counter::default(),
            connections_rejected: Counter::default(),
            query_buffer_disconnections: Counter::default(),
            output_buffer_disconnections: Counter::default(),
            auth_failures: Counter::default(),
            samples: Samples::default(),
        }
    }

    /// The counters of a thread.
    #[inline]
    pub fn worker(&self, worker: usize) -> &WorkerStats {
        &self.workers[worker % self.workers.len()]
    }

    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Count an error reply by its prefix.
    pub fn error(&self, line: &[u8]) {
        let prefix = line.split(|b| *b == b' ').next().unwrap_or_default();
        let prefix = String::from_utf8_lossy(prefix).into_owned();
        let mut errors = self.errors.lock();
        if errors.contains_key(&prefix) || errors.len() < ERROR_PREFIXES_MAX {
            *errors.entry(prefix).or_default() += 1;
        }
    }

    pub fn errors(&self) -> BTreeMap<String, u64> {
        self.errors.lock().clone()
    }

    pub fn command(&self, command: CommandId) -> CommandStats {
        let mut sum = CommandStats::default();
        let each = self.workers.iter();
        for counters in each.filter_map(|w| w.commands.get(usize::from(command))) {
            sum.calls += counters.calls.get();
            sum.nanos += counters.nanos.get();
            sum.rejected += counters.rejected.get();
            sum.failed += counters.failed.get();
            for (sum, counter) in sum.histogram.iter_mut().zip(&counters.histogram) {
                *sum += counter.get();
            }
        }
        sum
    }

    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for worker in &self.workers {
            totals.calls += worker.commands.iter().map(|c| c.calls.get()).sum::<u64>();
            totals.keyspace_hits += worker.keyspace_hits.get();
            totals.keyspace_misses += worker.keyspace_misses.get();
            totals.net_input_bytes += worker.net_input_bytes.get();
            totals.net_output_bytes += worker.net_output_bytes.get();
            totals.reads += worker.reads.get();
            totals.writes += worker.writes.get();
        }
        totals
    }

    /// `CONFIG RESETSTAT`; so many keys and fields ever expired.
    pub fn reset(&self, (keys, fields): (u64, u64)) {
        self.errors.lock().clear();
        let samples = &self.samples;
        samples.keys_before.set(keys);
        samples.fields_before.set(fields);
        let rates = [
            &samples.ops_per_sec,
            &samples.input_bytes_per_sec,
            &samples.output_bytes_per_sec,
            &samples.sweep_micros,
        ];
        rates.into_iter().for_each(|counter| counter.set(0));
        let own = [
            &self.connections_received,
            &self.connections_rejected,
            &self.query_buffer_disconnections,
            &self.output_buffer_disconnections,
            &self.auth_failures,
        ];
        own.into_iter().for_each(|counter| counter.set(0));
        for worker in &self.workers {
            let own = [
                &worker.keyspace_hits,
                &worker.keyspace_misses,
                &worker.net_input_bytes,
                &worker.net_output_bytes,
                &worker.reads,
                &worker.writes,
            ];
            own.into_iter().for_each(|counter| counter.set(0));
            for command in &worker.commands {
                let own = [
                    &command.calls,
                    &command.nanos,
                    &command.rejected,
                    &command.failed,
                ];
                own.into_iter()
                    .chain(&command.histogram)
                    .for_each(|counter| counter.set(0));
            }
        }
    }

    /// Every command number with its counters.
    pub fn commands(&self) -> impl Iterator<Item = (CommandId, CommandStats)> + '_ {
        let ids = (0..COMMANDS_MAX).filter_map(|id| CommandId::try_from(id).ok());
        ids.map(|id| (id, self.command(id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_fall_in_the_bucket_whose_bound_is_above_them() {
        assert_eq!(bucket(0), 0);
        assert_eq!(bucket(1023), 0);
        assert_eq!(bucket(1024), 1);
        assert_eq!(bucket(5_000), 3);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn threads_add_up_and_reset_forgets() {
        let stats = Stats::new(2);
        stats.worker(0).called(3, 2, 1, Duration::from_micros(4));
        stats.worker(1).called(3, 1, 0, Duration::from_micros(1));
        stats.worker(1).rejected(3);
        let sum = stats.command(3);
        assert_eq!(
            (sum.calls, sum.failed, sum.rejected, sum.nanos),
            (3, 1, 1, 5000)
        );
        assert_eq!(stats.totals().calls, 3);
        stats.reset((0, 0));
        assert_eq!(stats.totals().calls, 0);
    }
}
