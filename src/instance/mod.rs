//! The state of one running server that commands see: data, settings, statistics, clients.
//!
//! Invariants
//! - Knows no command and no socket: commands are numbers here, clients are mailboxes.
//! - Locks are taken in this order: shards of the keyspace, then any one lock of this module; none
//!   of these is held while another is taken, except that a mailbox is filled under the lock of
//!   the subscriptions.

mod client;
mod clients;
mod control;
mod latency;
mod live;
mod mailbox;
mod monitors;
mod pubsub;
mod session;
pub mod slowlog;
pub mod stats;
pub mod storage;
mod transaction;
mod views;

pub use client::{Class, Client, Close, Labels, Peer, Status};
pub use clients::Clients;
pub use control::{Control, Pause};
pub use latency::{Event, Latency, Sample};
pub use live::{Live, OutputLimit};
pub use mailbox::{Mailbox, Message};
pub use monitors::Monitors;
pub use pubsub::PubSub;
pub use session::{Reply, Session, Work};
pub use slowlog::SlowLog;
pub use stats::Stats;
pub use storage::Storage;
pub use transaction::{CommandId, Transaction, Watch};
pub use views::{SeenViews, Views};

use crate::config::Config;
use crate::engine::{Db, Keyspace, Millis, Options};
use crate::io;
use crate::io::log::{self, Level};
use crate::wal::{Log, Policy};
use parking_lot::RwLock;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// Shards a thread: enough that two threads rarely want the same one.
const SHARDS_PER_WORKER: usize = 128;

/// Of a single thread, which nobody is in the way of: each shard has files of its own, and fewer
/// that are larger are mapped in fewer pages.
const SHARDS_OF_ONE: usize = 64;

/// Of the whole server.
pub struct Instance {
    pub keyspace: Keyspace,
    /// Where changes are kept, if they are: set before there are clients.
    storage: OnceLock<Storage>,
    pub config: RwLock<Config>,
    /// The settings that are looked at for every command.
    pub live: Live,
    pub clients: Clients,
    pub pubsub: PubSub,
    pub monitors: Monitors,
    pub stats: Stats,
    pub slowlog: SlowLog,
    pub latency: Latency,
    pub control: Control,
    pub views: Views,
    pub identity: Identity,
    /// The TCP port that is listened on; 0: none.
    pub port: AtomicU16,
}

/// What does not change while the server runs.
#[derive(Clone, Debug)]
pub struct Identity {
    /// 40 hexadecimal digits, different in each run.
    pub run_id: String,
    pub started_at: Millis,
    pub workers: usize,
    pub databases: Db,
}

impl Instance {
    /// An empty instance for `workers` threads.
    pub fn new(config: Config, workers: usize, now: Millis) -> Instance {
        let shards = match workers {
            0 | 1 => SHARDS_OF_ONE,
            more => (more * SHARDS_PER_WORKER).next_power_of_two(),
        };
        Instance::with_layout(config, workers, now, (random(), shards.min(4096)))
    }

    /// An empty instance whose keyspace has this seed and so many shards.
    pub fn with_layout(
        config: Config,
        workers: usize,
        now: Millis,
        (seed, shards): (u64, usize),
    ) -> Instance {
        let workers = workers.max(1);
        let databases = config.databases;
        let keyspace = Keyspace::new(&Options {
            shards,
            databases,
            seed,
        });
        Instance {
            keyspace,
            storage: OnceLock::new(),
            live: Live::new(&config),
            config: RwLock::new(config),
            clients: Clients::default(),
            pubsub: PubSub::default(),
            monitors: Monitors::default(),
            stats: Stats::new(workers),
            slowlog: SlowLog::default(),
            latency: Latency::default(),
            control: Control::default(),
            views: Views::default(),
            identity: Identity {
                run_id: format!("{:016x}{:016x}{:08x}", random(), random(), random() >> 32),
                started_at: now,
                workers,
                databases,
            },
            port: AtomicU16::new(0),
        }
    }

    /// Keep changes here from now on. To be called once, before there are clients.
    pub fn keep(&self, storage: Storage) {
        self.keyspace.attach(storage.log.clone());
        assert!(self.storage.set(storage).is_ok(), "there is one storage");
    }

    pub fn storage(&self) -> Option<&Storage> {
        self.storage.get()
    }

    /// The log of changes, if one is kept.
    #[inline]
    pub fn log(&self) -> Option<&Arc<Log>> {
        self.storage.get().map(|storage| &storage.log)
    }

    /// Change settings: all that `change` does or, if it fails, nothing.
    pub fn reconfigure<E>(
        &self,
        change: impl FnOnce(&mut Config) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut config = self.config.write();
        let mut changed = config.clone();
        change(&mut changed)?;
        self.live.apply(&changed);
        if let Some(level) = Level::of(&changed.loglevel) {
            log::set_level(level);
        }
        if let (Some(log), Some(policy)) = (self.log(), Policy::of(&changed.appendfsync)) {
            log.set_policy(policy);
        }
        if let Some(storage) = self.storage() {
            storage.checkpoints.set_limits(changed.checkpoint_limits());
        }
        *config = changed;
        Ok(())
    }

    /// Write the settings to the configuration file; `None` if there is no such file.
    pub fn rewrite_config(&self) -> Option<std::io::Result<()>> {
        let config = self.config.read();
        let path = config.file.as_deref()?;
        let rewritten = |text: String| {
            let rewritten = config.rewritten(&text, &io::read_to_string);
            rewritten.map_err(std::io::Error::other)
        };
        let text = io::read_to_string(path).and_then(rewritten);
        Some(text.and_then(|text| io::replace(path, &text)))
    }

    /// Put a message into a client's mailbox; a client that does not empty it is closed.
    pub fn deliver(&self, client: &Arc<Client>, message: Message) {
        let waiting = client.mailbox.push(message);
        let limit = self.live.output_limit(client.class());
        if limit.hard_bytes > 0 && waiting > limit.hard_bytes {
            if client.closing() == Close::No {
                self.stats.output_buffer_disconnections.add(1);
            }
            client.mailbox.clear();
            client.close(Close::OutputLimit);
        } else {
            client.wake();
        }
    }

    /// `CLIENT UNPAUSE`.
    pub fn unpause(&self, now: Millis) {
        self.control.unpause();
        self.wake_all(now);
    }

    /// After a pause: those who waited go on, and were not idle.
    pub fn wake_all(&self, now: Millis) {
        for client in self.clients.all() {
            client.status.active_at.fetch_max(now, Relaxed);
            client.wake();
        }
    }

    /// Keep what INFO shows and cannot measure itself.
    pub fn sample(&self, resident_bytes: u64, cpu_user_micros: u64, cpu_sys_micros: u64) {
        let samples = &self.stats.samples;
        samples.resident_bytes.set(resident_bytes);
        samples.cpu_user_micros.set(cpu_user_micros);
        samples.cpu_sys_micros.set(cpu_sys_micros);
        let (keys, fields) = self.keyspace.expired();
        samples.keys_expired.set(keys);
        samples.fields_expired.set(fields);
        let used = self.keyspace.used_memory() as u64;
        samples
            .used_memory_peak
            .set(samples.used_memory_peak.get().max(used));
    }

    /// Take a session out of every registry.
    pub fn leave(&self, session: &mut Session) {
        self.unsubscribe_all(session);
        if let Some(storage) = self.storage() {
            storage.uploads.leave(session.client.id, &self.keyspace);
        }
        self.clients.leave(session.client.id);
    }

    /// Forget subscriptions and monitoring.
    pub fn unsubscribe_all(&self, session: &mut Session) {
        for channel in std::mem::take(&mut session.channels) {
            self.pubsub.unsubscribe(&channel, &session.client);
        }
        for pattern in std::mem::take(&mut session.patterns) {
            self.pubsub.punsubscribe(&pattern, &session.client);
        }
        if std::mem::take(&mut session.monitoring) {
            self.monitors.leave(&session.client);
        }
    }
}

/// Randomness of the operating system, by way of the seeds of std's hash maps.
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Enough shards for all threads, in a number that chooses by bits, and never more than there
    /// may be.
    #[test]
    fn shards_of_so_many_threads() {
        for (workers, shards) in [
            (0, 64),
            (1, 64),
            (2, 256),
            (3, 512),
            (32, 4096),
            (256, 4096),
        ] {
            let instance = Instance::new(Config::default(), workers, 0);
            assert_eq!(instance.keyspace.shard_count(), shards, "{workers} threads");
        }
    }
}
