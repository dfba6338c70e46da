//! THE TABLE of settings.

use super::{Config, value};

pub struct Setting {
    /// Lower case.
    pub name: &'static str,
    /// An older name for the same; empty: none.
    pub alias: &'static str,
    /// `CONFIG SET` may change it.
    pub changes: bool,
    /// Takes any number of words.
    many: bool,
    get: fn(&Config) -> String,
    put: fn(&mut Config, &[String]) -> value::Result<()>,
}

impl Setting {
    /// Its value as CONFIG GET shows it.
    pub fn get(&self, config: &Config) -> String {
        (self.get)(config)
    }

    /// Set it from words that have already been told apart.
    pub fn set(&self, config: &mut Config, words: &[String]) -> value::Result<()> {
        if !self.many && words.len() != 1 {
            return Err("wrong number of arguments".to_owned());
        }
        (self.put)(config, words)
    }

    /// Set it from one text, as in CONFIG SET: a setting of many words is split at blanks.
    pub fn set_text(&self, config: &mut Config, text: &str) -> value::Result<()> {
        if !self.many {
            return (self.put)(config, &[text.to_owned()]);
        }
        let words: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
        (self.put)(config, &words)
    }

    pub fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
            || (!self.alias.is_empty() && self.alias.eq_ignore_ascii_case(name))
    }
}

pub fn settings() -> impl Iterator<Item = &'static Setting> {
    ALL.iter()
}

pub fn find(name: &str) -> Option<&'static Setting> {
    settings().find(|setting| setting.is_called(name))
}

/// Changes while the server runs, or does not.
const LIVE: bool = true;
const FIXED: bool = false;

const LISTPACK: &str = "accepted for the sake of tools, without effect";

macro_rules! setting {
    ($name:literal, $changes:expr, $get:expr, $put:expr) => {
        Setting {
            name: $name,
            alias: "",
            changes: $changes,
            many: false,
            get: $get,
            put: $put,
        }
    };
}

macro_rules! integer {
    ($name:literal, $field:ident, $changes:expr, $min:expr, $max:expr) => {
        setting!($name, $changes, |c| c.$field.to_string(), |c, words| {
            c.$field = value::integer(&words[0], $min, $max)?;
            Ok(())
        })
    };
}

macro_rules! bytes {
    ($name:literal, $field:ident, $changes:expr, $min:expr, $max:expr) => {
        setting!($name, $changes, |c| c.$field.to_string(), |c, words| {
            let bytes = value::bytes_within(&words[0], $min, $max)?;
            c.$field = bytes.try_into().map_err(|_| "too large".to_owned())?;
            Ok(())
        })
    };
}

macro_rules! flag {
    ($name:literal, $field:ident, $changes:expr) => {
        setting!(
            $name,
            $changes,
            |c| value::flag_text(c.$field),
            |c, words| {
                c.$field = value::flag(&words[0])?;
                Ok(())
            }
        )
    };
}

macro_rules! text {
    ($name:literal, $field:ident, $changes:expr) => {
        setting!($name, $changes, |c| c.$field.clone(), |c, words| {
            c.$field = words[0].clone();
            Ok(())
        })
    };
}

macro_rules! choice {
    ($name:literal, $field:ident, $changes:expr, $choices:expr) => {
        setting!($name, $changes, |c| c.$field.clone(), |c, words| {
            c.$field = value::one_of(&words[0], $choices)?;
            Ok(())
        })
    };
}

/// Has one value only: what tools and configuration files set to just this is accepted.
macro_rules! only {
    ($name:literal, $value:literal, $reason:expr) => {
        setting!($name, LIVE, |_| $value.to_owned(), |_, words| value::only(
            &words[0], $value, $reason
        ))
    };
}

/// A limit of Redis's encodings, which has no meaning here; any number is accepted and forgotten.
macro_rules! encoding {
    ($name:literal, $alias:literal, $value:literal) => {
        Setting {
            alias: $alias,
            ..setting!($name, LIVE, |_| $value.to_owned(), |_, words| {
                value::bytes(&words[0]).map_err(|_| LISTPACK.to_owned())?;
                Ok(())
            })
        }
    };
}

const BIND: Setting = Setting {
    many: true,
    ..setting!("bind", FIXED, |c| c.bind.join(" "), |c, words| {
        // No address has a blank in it: quoted or not, words are told apart alike.
        let addresses = words.iter().flat_map(|word| word.split_ascii_whitespace());
        c.bind = addresses.map(str::to_owned).collect();
        Ok(())
    })
};

const OUTPUT_LIMITS: Setting = Setting {
    many: true,
    ..setting!(
        "client-output-buffer-limit",
        LIVE,
        |c| value::output_limits_text(&c.output_limits).join(" "),
        |c, words| value::output_limits(words, &mut c.output_limits)
    )
};

const SAVE: Setting = Setting {
    many: true,
    ..setting!(
        "save",
        LIVE,
        |c| value::rules_text(&c.save_rules()),
        |c, words| {
            c.save = Some(value::rules(words)?);
            Ok(())
        }
    )
};

const UNIXSOCKETPERM: Setting = setting!(
    "unixsocketperm",
    FIXED,
    |c| format!("{:o}", c.unixsocketperm),
    |c, words| {
        c.unixsocketperm = value::permissions(&words[0])?;
        Ok(())
    }
);

static ALL: &[Setting] = &[
    BIND,
    integer!("port", port, FIXED, 0, u16::MAX),
    integer!("tcp-backlog", tcp_backlog, FIXED, 0, i32::MAX as u32),
    text!("unixsocket", unixsocket, FIXED),
    UNIXSOCKETPERM,
    integer!("io-threads", io_threads, FIXED, 0, 256),
    integer!("databases", databases, FIXED, 1, 16),
    text!("dir", dir, FIXED),
    flag!("protected-mode", protected_mode, LIVE),
    text!("requirepass", requirepass, LIVE),
    integer!("maxclients", maxclients, LIVE, 1, u32::MAX as usize),
    integer!("timeout", timeout, LIVE, 0, i32::MAX as u64),
    integer!("tcp-keepalive", tcp_keepalive, LIVE, 0, i32::MAX as u64),
    bytes!("maxmemory", maxmemory, LIVE, 0, u64::MAX),
    choice!("maxmemory-policy", maxmemory_policy, LIVE, &["noeviction"]),
    bytes!(
        "client-query-buffer-limit",
        client_query_buffer_limit,
        LIVE,
        1 << 20,
        i64::MAX as u64
    ),
    bytes!(
        "proto-max-bulk-len",
        proto_max_bulk_len,
        LIVE,
        1 << 20,
        512 << 20
    ),
    OUTPUT_LIMITS,
    integer!("hz", hz, LIVE, 1, 500),
    choice!(
        "loglevel",
        loglevel,
        LIVE,
        &["debug", "verbose", "notice", "warning", "nothing"]
    ),
    text!("logfile", logfile, FIXED),
    integer!(
        "slowlog-log-slower-than",
        slowlog_log_slower_than,
        LIVE,
        -1,
        i64::MAX
    ),
    integer!("slowlog-max-len", slowlog_max_len, LIVE, 0, 1_000_000),
    integer!(
        "latency-monitor-threshold",
        latency_monitor_threshold,
        LIVE,
        0,
        i64::MAX as u64
    ),
    SAVE,
    flag!("appendonly", appendonly, FIXED),
    choice!(
        "appendfsync",
        appendfsync,
        LIVE,
        &["always", "everysec", "no"]
    ),
    bytes!(
        "checkpoint-log-size",
        checkpoint_log_size,
        LIVE,
        1 << 20,
        i64::MAX as u64
    ),
    bytes!("checkpoint-rate", checkpoint_rate, LIVE, 0, i64::MAX as u64),
    integer!("batch-layers", batch_layers, LIVE, 0, 64),
    integer!("batch-versions", batch_versions, LIVE, 0, 1000),
    integer!(
        "batch-versions-age",
        batch_versions_age,
        LIVE,
        0,
        u32::MAX as u64
    ),
    choice!(
        "base-memory",
        base_memory,
        FIXED,
        &["lazy", "prefetch", "lock"]
    ),
    flag!("base-verify-at-start", base_verify_at_start, FIXED),
    only!(
        "notify-keyspace-events",
        "",
        "there are no keyspace notifications"
    ),
    only!(
        "daemonize",
        "no",
        "run it under a supervisor (systemd, a container)"
    ),
    only!(
        "supervised",
        "no",
        "readiness is not announced to a supervisor"
    ),
    encoding!(
        "hash-max-listpack-entries",
        "hash-max-ziplist-entries",
        "512"
    ),
    encoding!("hash-max-listpack-value", "hash-max-ziplist-value", "64"),
];
