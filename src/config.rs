//! The settings: Redis's names where the meaning is the same, each with its default and its limits.
//!
//! Where a setting comes from, strongest first: `--name value` on the command line, the environment
//! (`FIELDSTONE_MAXMEMORY=4gb`: the name in capitals, `_` for `-`), the configuration file, the
//! default. `CONFIG SET` changes those that can change while the server runs.
//!
//! Invariants
//! - A setting that is not known, or cannot have this value, stops the start: all that is wrong is
//!   told at once, each with its place. Nothing is accepted that the server would not do, but for
//!   settings of Redis that mean nothing here, which are told ([`foreign`]).
//! - `settings::ALL` is the only list of the settings; CONFIG GET, SET and REWRITE derive from it.

mod file;
mod foreign;
mod rewrite;
mod settings;
mod value;

pub use foreign::{Foreign, Meaning, all as foreign_settings, find as find_foreign};
pub use settings::{Setting, find, settings};

use crate::checkpoint::{Limits, Rule};
use crate::instance::{Class, OutputLimit};
use crate::io;
use crate::words::{did_you_mean, nearest};
pub use file::Source;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The configuration file, if there is one: what `CONFIG REWRITE` writes.
    pub file: Option<PathBuf>,
    pub bind: Vec<String>,
    /// 0: one that is free.
    pub port: u16,
    pub tcp_backlog: u32,
    /// Path; empty: none.
    pub unixsocket: String,
    /// Permissions of the socket; 0: for our own user only.
    pub unixsocketperm: u32,
    /// Threads that serve clients; 0: one a core.
    pub io_threads: usize,
    pub databases: u8,
    /// Where data is kept, if it is.
    pub dir: String,
    /// Keep a log of changes in `dir`.
    pub appendonly: bool,
    pub appendfsync: String,
    /// When checkpoints are due; `None`: as is usual ([`Config::save_rules`]).
    pub save: Option<Vec<Rule>>,
    /// Bytes of the log from which on a checkpoint is due.
    pub checkpoint_log_size: u64,
    /// Bytes a second that checkpoints and the scrub write and read; 0: no limit.
    pub checkpoint_rate: u64,
    /// Batches that are read beside the files of checkpoints; more are folded into those.
    pub batch_layers: usize,
    /// Versions of a view's batches that are kept besides the current one.
    pub batch_versions: usize,
    /// Seconds for which they are, at most; 0: no limit.
    pub batch_versions_age: u64,
    /// `lazy`, `prefetch` or `lock`.
    pub base_memory: String,
    /// Compare every checksum of the base before serving.
    pub base_verify_at_start: bool,
    pub protected_mode: bool,
    /// Empty: none.
    pub requirepass: String,
    pub maxclients: usize,
    /// Seconds; 0: never.
    pub timeout: u64,
    /// Seconds; 0: no probes.
    pub tcp_keepalive: u64,
    /// Bytes; 0: no limit.
    pub maxmemory: u64,
    pub maxmemory_policy: String,
    /// Bytes.
    pub client_query_buffer_limit: usize,
    /// Bytes.
    pub proto_max_bulk_len: usize,
    /// By [`Class`].
    pub output_limits: [OutputLimit; 3],
    /// Ticks a second.
    pub hz: u64,
    pub loglevel: String,
    /// Path; empty: standard error.
    pub logfile: String,
    /// Microseconds; negative: never.
    pub slowlog_log_slower_than: i64,
    pub slowlog_max_len: usize,
    /// Milliseconds; 0: off.
    pub latency_monitor_threshold: u64,
    /// Settings of Redis that were set and have no effect.
    pub foreign: BTreeMap<&'static str, String>,
}

impl Default for Config {
    fn default() -> Config {
        let subscribers = OutputLimit {
            hard_bytes: 32 << 20,
            soft_bytes: 8 << 20,
            soft_seconds: 60,
        };
        let replicas = OutputLimit {
            hard_bytes: 256 << 20,
            soft_bytes: 64 << 20,
            soft_seconds: 60,
        };
        let mut output_limits = [OutputLimit::default(); 3];
        output_limits[Class::Replica as usize] = replicas;
        output_limits[Class::PubSub as usize] = subscribers;
        Config {
            file: None,
            bind: vec!["127.0.0.1".to_owned(), "-::1".to_owned()],
            port: 6379,
            tcp_backlog: 511,
            unixsocket: String::new(),
            unixsocketperm: 0,
            io_threads: 0,
            databases: 16,
            dir: "./fieldstone-data".to_owned(),
            appendonly: true,
            appendfsync: "everysec".to_owned(),
            save: None,
            checkpoint_log_size: 256 << 20,
            checkpoint_rate: 64 << 20,
            batch_layers: 8,
            batch_versions: 2,
            batch_versions_age: 0,
            base_memory: "lazy".to_owned(),
            base_verify_at_start: false,
            protected_mode: true,
            requirepass: String::new(),
            maxclients: 10_000,
            timeout: 0,
            tcp_keepalive: 300,
            maxmemory: 0,
            maxmemory_policy: "noeviction".to_owned(),
            client_query_buffer_limit: 1 << 30,
            proto_max_bulk_len: 512 << 20,
            output_limits,
            hz: 10,
            loglevel: "notice".to_owned(),
            logfile: String::new(),
            slowlog_log_slower_than: 10_000,
            slowlog_max_len: 128,
            latency_monitor_threshold: 0,
            foreign: BTreeMap::new(),
        }
    }
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("{path}: {error}")]
    Unreadable { path: String, error: String },
    #[error("{place}: unbalanced quotes, or not UTF-8")]
    Words { place: String },
    #[error("{place}: files include each other too deeply")]
    Includes { place: String },
    #[error("{place}: '{name}' is not a setting{hint}")]
    Unknown {
        place: String,
        name: String,
        hint: String,
    },
    #[error("{place}: {name}: {reason}")]
    Value {
        place: String,
        name: String,
        reason: String,
    },
    #[error("'{0}': a setting is given as --name value, a configuration file comes first{1}")]
    Stray(String, String),
}

/// All that is wrong with a configuration; at least one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    /// Keep what is wrong, and go on.
    fn note(&mut self, done: Result<(), ConfigError>) {
        self.0.extend(done.err());
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.0.iter().enumerate() {
            let between = if n == 0 { "" } else { "\n" };
            write!(f, "{between}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// As `fieldstone serve` is called: `[redis.conf] [--name value ...]`.
    pub fn from_args(args: &[String]) -> Result<Config, ConfigErrors> {
        Config::assemble(args, &|name| std::env::var(name).ok(), &io::read_to_string)
    }

    /// With this environment and these files.
    pub(crate) fn assemble(
        args: &[String],
        env: &dyn Fn(&str) -> Option<String>,
        read: Source<'_>,
    ) -> Result<Config, ConfigErrors> {
        let mut config = Config::default();
        let mut errors = ConfigErrors::default();
        let mut args = args;
        if let [path, rest @ ..] = args
            && !path.starts_with('-')
        {
            config.file = Some(PathBuf::from(path));
            file::apply(&mut config, Path::new(path), read, &mut errors);
            args = rest;
        }
        for setting in settings() {
            let name = format!(
                "FIELDSTONE_{}",
                setting.name.to_uppercase().replace('-', "_")
            );
            // What Kubernetes tells of a Service called `fieldstone` is no setting of ours.
            let value = env(&name).filter(|value| !value.starts_with("tcp://"));
            if let Some(value) = value {
                let place = "environment".to_owned();
                let error = |reason| ConfigError::Value {
                    place,
                    name,
                    reason,
                };
                errors.note(setting.set_text(&mut config, &value).map_err(error));
            }
        }
        config.set_from_line(args, &mut errors);
        match errors.0.is_empty() {
            true => Ok(config),
            false => Err(errors),
        }
    }

    /// `--name value ...`
    fn set_from_line(&mut self, args: &[String], errors: &mut ConfigErrors) {
        let mut args = args;
        while let [first, rest @ ..] = args {
            args = rest;
            let Some(name) = first.strip_prefix("--") else {
                let meant = match first.as_str() {
                    "-p" => Some("port"),
                    "-h" => Some("bind"),
                    "-a" => Some("requirepass"),
                    "-d" => Some("dir"),
                    word => nearest(word.trim_start_matches('-'), names()),
                };
                let hint = meant.map_or(String::new(), |name| format!("; did you mean --{name}?"));
                errors.0.push(ConfigError::Stray(first.clone(), hint));
                // Its value is not another mistake.
                while let [value, rest @ ..] = args
                    && !value.starts_with('-')
                {
                    args = rest;
                }
                continue;
            };
            let count = rest.iter().take_while(|arg| !arg.starts_with("--")).count();
            let (values, rest) = rest.split_at(count);
            args = rest;
            errors.note(self.set(name, values, "command line".to_owned()));
        }
    }

    /// One directive of a file or of the command line.
    fn set(&mut self, name: &str, values: &[String], place: String) -> Result<(), ConfigError> {
        let wrong = |reason| ConfigError::Value {
            place: place.clone(),
            name: name.to_owned(),
            reason,
        };
        if let Some(setting) = find(name) {
            let set = match values {
                [value] => setting.set_text(self, value),
                values => setting.set(self, values),
            };
            return set.map_err(wrong);
        }
        if let Some(foreign) = find_foreign(name) {
            return self.set_foreign(foreign, &values.join(" ")).map_err(wrong);
        }
        let hint = did_you_mean(name, names());
        let name = name.to_owned();
        Err(ConfigError::Unknown { place, name, hint })
    }

    /// Remember a setting of Redis that has no effect; an error says why it cannot have this value.
    pub fn set_foreign(&mut self, foreign: &Foreign, value: &str) -> Result<(), String> {
        foreign.check(value)?;
        self.foreign.insert(foreign.name, value.to_owned());
        Ok(())
    }

    /// What it is set to.
    pub fn foreign(&self, foreign: &Foreign) -> &str {
        let set = self.foreign.get(foreign.name);
        set.map_or(foreign.default, String::as_str)
    }

    /// When checkpoints are due by time: an hour after a change, if there is a log.
    pub fn save_rules(&self) -> Vec<Rule> {
        match &self.save {
            Some(rules) => rules.clone(),
            None if self.appendonly => vec![Rule {
                seconds: 3600,
                changes: 1,
            }],
            None => Vec::new(),
        }
    }

    /// Whether checkpoints are asked for, but there is no log that they rest upon.
    pub fn saves_without_log(&self) -> bool {
        !self.appendonly && !self.save_rules().is_empty()
    }

    pub fn checkpoint_limits(&self) -> Limits {
        Limits {
            rules: self.save_rules(),
            log_bytes: self.checkpoint_log_size,
            rate: self.checkpoint_rate,
            layers: self.batch_layers,
        }
    }

    pub fn output_limit(&self, class: Class) -> OutputLimit {
        self.output_limits[class as usize]
    }

    /// Permissions of the unix socket: by default, those of our own user.
    pub fn unix_mode(&self) -> u32 {
        match self.unixsocketperm {
            0 => 0o700,
            mode => mode,
        }
    }

    /// The absolute path of the configuration file; empty if there is none.
    pub fn file_name(&self) -> String {
        let path = self
            .file
            .as_deref()
            .map(|path| std::path::absolute(path).unwrap_or(path.into()));
        path.map(|path| path.display().to_string())
            .unwrap_or_default()
    }
}

/// Of all settings that are known.
fn names() -> impl Iterator<Item = &'static str> {
    let names = settings().map(|setting| setting.name);
    names.chain(foreign_settings().map(|one| one.name))
}

#[cfg(test)]
mod tests;
