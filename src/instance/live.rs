//! The settings that are looked at for every command, batch or connection, kept where looking is
//! one load. `CONFIG SET` stores them anew.

use super::Class;
use crate::config::Config;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// A class of `client-output-buffer-limit`; 0: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    pub hard_bytes: usize,
    pub soft_bytes: usize,
    pub soft_seconds: u64,
}

#[derive(Debug, Default)]
struct OutputLimitCell {
    hard_bytes: AtomicUsize,
    soft_bytes: AtomicUsize,
    soft_seconds: AtomicU64,
}

impl OutputLimitCell {
    fn store(&self, limit: OutputLimit) {
        self.hard_bytes.store(limit.hard_bytes, Relaxed);
        self.soft_bytes.store(limit.soft_bytes, Relaxed);
        self.soft_seconds.store(limit.soft_seconds, Relaxed);
    }

    fn load(&self) -> OutputLimit {
        OutputLimit {
            hard_bytes: self.hard_bytes.load(Relaxed),
            soft_bytes: self.soft_bytes.load(Relaxed),
            soft_seconds: self.soft_seconds.load(Relaxed),
        }
    }
}

#[derive(Debug, Default)]
pub struct Live {
    maxmemory: AtomicU64,
    maxclients: AtomicUsize,
    /// Negative: no slow log.
    slowlog_slower_micros: AtomicI64,
    slowlog_len: AtomicUsize,
    /// 0: no latency monitor.
    latency_threshold_millis: AtomicU64,
    query_buffer_bytes_max: AtomicUsize,
    bulk_bytes_max: AtomicUsize,
    output: [OutputLimitCell; 3],
    timeout_seconds: AtomicU64,
    hz: AtomicU64,
    protected: AtomicBool,
}

impl Live {
    pub fn new(config: &Config) -> Live {
        let live = Live::default();
        live.apply(config);
        live
    }

    /// Take over changed settings.
    pub fn apply(&self, config: &Config) {
        self.maxmemory.store(config.maxmemory, Relaxed);
        self.maxclients.store(config.maxclients, Relaxed);
        self.slowlog_slower_micros
            .store(config.slowlog_log_slower_than, Relaxed);
        self.slowlog_len.store(config.slowlog_max_len, Relaxed);
        self.latency_threshold_millis
            .store(config.latency_monitor_threshold, Relaxed);
        self.query_buffer_bytes_max
            .store(config.client_query_buffer_limit, Relaxed);
        self.bulk_bytes_max
            .store(config.proto_max_bulk_len, Relaxed);
        self.timeout_seconds.store(config.timeout, Relaxed);
        self.hz.store(config.hz, Relaxed);
        let protected = config.protected_mode && config.requirepass.is_empty();
        self.protected.store(protected, Relaxed);
        for class in [Class::Normal, Class::Replica, Class::PubSub] {
            self.output[class as usize].store(config.output_limit(class));
        }
    }

    pub fn maxmemory(&self) -> u64 {
        self.maxmemory.load(Relaxed)
    }

    pub fn maxclients(&self) -> usize {
        self.maxclients.load(Relaxed)
    }

    /// Whether a command that took so long belongs into the slow log.
    #[inline]
    pub fn is_slow(&self, took: Duration) -> bool {
        let threshold = u64::try_from(self.slowlog_slower_micros.load(Relaxed));
        threshold.is_ok_and(|micros| took >= Duration::from_micros(micros))
    }

    pub fn slowlog_len(&self) -> usize {
        self.slowlog_len.load(Relaxed)
    }

    /// Whether the latency monitor wants to know of something that took so long.
    #[inline]
    pub fn is_latent(&self, took: Duration) -> bool {
        let millis = self.latency_threshold_millis.load(Relaxed);
        millis > 0 && took >= Duration::from_millis(millis)
    }

    pub fn watches_latency(&self) -> bool {
        self.latency_threshold_millis.load(Relaxed) > 0
    }

    /// Bytes a client may have sent that are not yet run, queued commands among them.
    pub fn query_buffer_bytes_max(&self) -> usize {
        self.query_buffer_bytes_max.load(Relaxed)
    }

    /// Bytes of one argument.
    pub fn bulk_bytes_max(&self) -> usize {
        self.bulk_bytes_max.load(Relaxed)
    }

    pub fn output_limit(&self, class: Class) -> OutputLimit {
        self.output[class as usize].load()
    }

    /// Seconds after which an idle client is closed; 0: never.
    pub fn timeout_seconds(&self) -> u64 {
        self.timeout_seconds.load(Relaxed)
    }

    /// Background ticks a second.
    pub fn hz(&self) -> u64 {
        self.hz.load(Relaxed).clamp(1, 500)
    }

    /// Only clients of this host are let in: there is no password.
    pub fn is_protected(&self) -> bool {
        self.protected.load(Relaxed)
    }
}
