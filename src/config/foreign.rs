//! THE TABLE of Redis's other settings, those of [`super::settings`] aside: what has no effect
//! here, and what is refused because somebody may rely on it.
//!
//! Invariants
//! - A setting that a configuration of Redis may have is in one of the two tables.
//! - What is accepted without effect is remembered, shown by CONFIG GET and told when the server
//!   starts; what asks for something that is not there is refused with the reason.

/// A setting of Redis that means nothing here.
pub struct Foreign {
    /// Lower case.
    pub name: &'static str,
    /// As Redis 8.2 has it.
    pub default: &'static str,
    pub meaning: Meaning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Any value is accepted, and why it has no effect.
    NoEffect(&'static str),
    /// The default is accepted; others ask for what is not there.
    Only(&'static str),
    /// Nothing is.
    Never(&'static str),
}

impl Foreign {
    /// Whether it may be set to this; an error is the reason.
    pub fn check(&self, value: &str) -> Result<(), String> {
        match self.meaning {
            Meaning::NoEffect(_) => Ok(()),
            Meaning::Only(_) if value.eq_ignore_ascii_case(self.default) => Ok(()),
            Meaning::Only(reason) | Meaning::Never(reason) => Err(reason.to_owned()),
        }
    }

    /// Whether CONFIG GET answers for it.
    pub fn is_shown(&self) -> bool {
        !matches!(self.meaning, Meaning::Never(_))
    }
}

pub fn find(name: &str) -> Option<&'static Foreign> {
    ALL.iter().find(|one| one.name.eq_ignore_ascii_case(name))
}

pub fn all() -> impl Iterator<Item = &'static Foreign> {
    ALL.iter()
}

const fn ignored(name: &'static str, default: &'static str, note: &'static str) -> Foreign {
    Foreign {
        name,
        default,
        meaning: Meaning::NoEffect(note),
    }
}

const fn only(name: &'static str, default: &'static str, reason: &'static str) -> Foreign {
    Foreign {
        name,
        default,
        meaning: Meaning::Only(reason),
    }
}

const fn never(name: &'static str, reason: &'static str) -> Foreign {
    Foreign {
        name,
        default: "",
        meaning: Meaning::Never(reason),
    }
}

const LOG: &str = "the log is no AOF: checkpoints keep it short";
const FILES: &str = "there are no RDB files";
const CLUSTER: &str = "there is no cluster";
const CLUSTER_REASON: &str = "there is no cluster mode";
const REPLICAS: &str = "there are no replicas";
const REPLICAS_REASON: &str = "there is no replication";
const TLS: &str = "there is no TLS";
const TLS_REASON: &str = "there is no TLS: put a proxy that has it in front";
const ACL: &str = "there are no access lists: there is one user, default, with requirepass";
const ACL_NOTE: &str = "there are no access lists";
const TYPES: &str = "there are only hashes and strings, and no scripts";
const MEMORY: &str = "memory is managed in another way, and nothing is evicted";
const SHAPES: &str = "names of fields are always stored once for all hashes with the same";
const PROCESS: &str = "it tunes the process of Redis";
const NOTHING: &str = "there is nothing that it would switch";

/// By name.
const ALL: &[Foreign] = &[
    ignored("acl-pubsub-default", "resetchannels", ACL_NOTE),
    only("aclfile", "", ACL),
    ignored("acllog-max-len", "128", ACL_NOTE),
    ignored("active-defrag-cycle-max", "25", MEMORY),
    ignored("active-defrag-cycle-min", "1", MEMORY),
    ignored("active-defrag-ignore-bytes", "104857600", MEMORY),
    ignored("active-defrag-max-scan-fields", "1000", MEMORY),
    ignored("active-defrag-threshold-lower", "10", MEMORY),
    ignored("active-defrag-threshold-upper", "100", MEMORY),
    ignored("active-expire-effort", "1", MEMORY),
    ignored("activedefrag", "no", MEMORY),
    ignored("activerehashing", "yes", MEMORY),
    ignored("always-show-logo", "no", NOTHING),
    ignored("aof-load-truncated", "yes", LOG),
    ignored("aof-rewrite-cpulist", "", LOG),
    ignored("aof-rewrite-incremental-fsync", "yes", LOG),
    ignored("aof-timestamp-enabled", "no", LOG),
    ignored("aof-use-rdb-preamble", "yes", LOG),
    ignored("aof_rewrite_cpulist", "", LOG),
    ignored("appenddirname", "appendonlydir", LOG),
    ignored("appendfilename", "appendonly.aof", LOG),
    ignored("auto-aof-rewrite-min-size", "67108864", LOG),
    ignored("auto-aof-rewrite-percentage", "100", LOG),
    ignored("bgsave-cpulist", "", FILES),
    ignored("bgsave_cpulist", "", FILES),
    ignored("bind-source-addr", "", PROCESS),
    ignored("bio-cpulist", "", PROCESS),
    ignored("bio_cpulist", "", PROCESS),
    ignored("busy-reply-threshold", "5000", TYPES),
    ignored("cluster-allow-pubsubshard-when-down", "yes", CLUSTER),
    ignored("cluster-allow-reads-when-down", "no", CLUSTER),
    ignored("cluster-allow-replica-migration", "yes", CLUSTER),
    ignored("cluster-announce-bus-port", "0", CLUSTER),
    ignored("cluster-announce-hostname", "", CLUSTER),
    ignored("cluster-announce-human-nodename", "", CLUSTER),
    ignored("cluster-announce-ip", "", CLUSTER),
    ignored("cluster-announce-port", "0", CLUSTER),
    ignored("cluster-announce-tls-port", "0", CLUSTER),
    ignored("cluster-compatibility-sample-ratio", "0", CLUSTER),
    ignored("cluster-config-file", "nodes.conf", CLUSTER),
    only("cluster-enabled", "no", CLUSTER_REASON),
    ignored("cluster-link-sendbuf-limit", "0", CLUSTER),
    ignored("cluster-migration-barrier", "1", CLUSTER),
    ignored("cluster-node-timeout", "15000", CLUSTER),
    ignored("cluster-port", "0", CLUSTER),
    ignored("cluster-preferred-endpoint-type", "ip", CLUSTER),
    ignored("cluster-replica-no-failover", "no", CLUSTER),
    ignored("cluster-replica-validity-factor", "10", CLUSTER),
    ignored("cluster-require-full-coverage", "yes", CLUSTER),
    ignored("cluster-slave-no-failover", "no", CLUSTER),
    ignored("cluster-slave-validity-factor", "10", CLUSTER),
    ignored("cluster-slot-stats-enabled", "no", CLUSTER),
    ignored("crash-log-enabled", "yes", PROCESS),
    ignored("crash-memcheck-enabled", "yes", PROCESS),
    ignored("dbfilename", "dump.rdb", FILES),
    ignored("disable-thp", "yes", MEMORY),
    ignored("dynamic-hz", "yes", MEMORY),
    ignored("enable-debug-command", "no", NOTHING),
    ignored("enable-module-command", "no", NOTHING),
    ignored("enable-protected-configs", "no", NOTHING),
    ignored("hash-max-template-entries", "0", SHAPES),
    ignored("hash-min-template-entries", "0", SHAPES),
    ignored("hide-user-data-from-log", "no", PROCESS),
    ignored("hll-sparse-max-bytes", "3000", TYPES),
    ignored("ignore-warnings", "", NOTHING),
    ignored("jemalloc-bg-thread", "yes", MEMORY),
    ignored(
        "latency-tracking",
        "yes",
        "latencies are tracked always, and shown by LATENCY HISTOGRAM",
    ),
    ignored(
        "latency-tracking-info-percentiles",
        "50 99 99.9",
        "latencies are tracked always, and shown by LATENCY HISTOGRAM",
    ),
    ignored("lazyfree-lazy-eviction", "no", MEMORY),
    ignored("lazyfree-lazy-expire", "no", MEMORY),
    ignored("lazyfree-lazy-server-del", "no", MEMORY),
    ignored("lazyfree-lazy-user-del", "no", MEMORY),
    ignored("lazyfree-lazy-user-flush", "no", MEMORY),
    ignored("lfu-decay-time", "1", MEMORY),
    ignored("lfu-log-factor", "10", MEMORY),
    ignored("list-compress-depth", "0", TYPES),
    ignored("list-max-listpack-size", "-2", TYPES),
    ignored("list-max-ziplist-size", "-2", TYPES),
    never("loadmodule", "there are no modules"),
    ignored("locale-collate", "", NOTHING),
    ignored("lookahead", "16", PROCESS),
    ignored("lua-time-limit", "5000", TYPES),
    ignored("masterauth", "", REPLICAS),
    ignored("masteruser", "", REPLICAS),
    ignored("max-new-connections-per-cycle", "10", PROCESS),
    ignored("max-new-tls-connections-per-cycle", "1", TLS),
    only(
        "maxmemory-clients",
        "0",
        "clients' buffers have no limit in sum; client-output-buffer-limit bounds each",
    ),
    ignored("maxmemory-eviction-tenacity", "10", MEMORY),
    ignored("maxmemory-samples", "5", MEMORY),
    ignored("min-replicas-max-lag", "10", REPLICAS),
    only("min-replicas-to-write", "0", REPLICAS_REASON),
    ignored("min-slaves-max-lag", "10", REPLICAS),
    only("min-slaves-to-write", "0", REPLICAS_REASON),
    ignored("no-appendfsync-on-rewrite", "no", LOG),
    ignored("oom-score-adj", "no", PROCESS),
    ignored("oom-score-adj-values", "0 200 800", PROCESS),
    ignored("pidfile", "", PROCESS),
    ignored(
        "proc-title-template",
        "{title} {listen-addr} {server-mode}",
        PROCESS,
    ),
    ignored("propagation-error-behavior", "ignore", PROCESS),
    ignored("rdb-del-sync-files", "no", FILES),
    ignored("rdb-save-incremental-fsync", "yes", FILES),
    ignored("rdbchecksum", "yes", FILES),
    ignored("rdbcompression", "yes", FILES),
    never(
        "rename-command",
        "commands keep their names; there are no access lists, so only who may use all is let in",
    ),
    ignored("repl-backlog-size", "1048576", REPLICAS),
    ignored("repl-backlog-ttl", "3600", REPLICAS),
    ignored("repl-disable-tcp-nodelay", "no", REPLICAS),
    ignored("repl-diskless-load", "disabled", REPLICAS),
    ignored("repl-diskless-sync", "yes", REPLICAS),
    ignored("repl-diskless-sync-delay", "5", REPLICAS),
    ignored("repl-diskless-sync-max-replicas", "0", REPLICAS),
    ignored("repl-ping-replica-period", "10", REPLICAS),
    ignored("repl-ping-slave-period", "10", REPLICAS),
    ignored("repl-timeout", "60", REPLICAS),
    ignored("replica-announce-ip", "", REPLICAS),
    ignored("replica-announce-port", "0", REPLICAS),
    ignored("replica-announced", "yes", REPLICAS),
    ignored("replica-full-sync-buffer-limit", "0", REPLICAS),
    ignored("replica-ignore-disk-write-errors", "no", REPLICAS),
    ignored("replica-ignore-maxmemory", "yes", REPLICAS),
    ignored("replica-lazy-flush", "no", REPLICAS),
    ignored("replica-priority", "100", REPLICAS),
    ignored("replica-read-only", "yes", REPLICAS),
    ignored("replica-serve-stale-data", "yes", REPLICAS),
    only("replicaof", "", REPLICAS_REASON),
    ignored("sanitize-dump-payload", "no", FILES),
    never(
        "sentinel",
        "this is no Sentinel: redis-sentinel runs beside it",
    ),
    ignored("server-cpulist", "", PROCESS),
    ignored("server_cpulist", "", PROCESS),
    ignored("set-max-intset-entries", "512", TYPES),
    ignored("set-max-listpack-entries", "128", TYPES),
    ignored("set-max-listpack-value", "64", TYPES),
    ignored("set-proc-title", "yes", PROCESS),
    ignored("shutdown-on-sigint", "default", PROCESS),
    ignored("shutdown-on-sigterm", "default", PROCESS),
    ignored("shutdown-timeout", "10", PROCESS),
    ignored("slave-announce-ip", "", REPLICAS),
    ignored("slave-announce-port", "0", REPLICAS),
    ignored("slave-ignore-maxmemory", "yes", REPLICAS),
    ignored("slave-lazy-flush", "no", REPLICAS),
    ignored("slave-priority", "100", REPLICAS),
    ignored("slave-read-only", "yes", REPLICAS),
    ignored("slave-serve-stale-data", "yes", REPLICAS),
    only("slaveof", "", REPLICAS_REASON),
    ignored("socket-mark-id", "0", PROCESS),
    ignored("stop-writes-on-bgsave-error", "yes", FILES),
    ignored("stream-node-max-bytes", "4096", TYPES),
    ignored("stream-node-max-entries", "100", TYPES),
    only(
        "syslog-enabled",
        "no",
        "it logs to standard error or to logfile; systemd and containers take that",
    ),
    ignored("syslog-facility", "local0", PROCESS),
    ignored("syslog-ident", "redis", PROCESS),
    ignored("tls-auth-clients", "yes", TLS),
    ignored("tls-ca-cert-dir", "", TLS),
    ignored("tls-ca-cert-file", "", TLS),
    ignored("tls-cert-file", "", TLS),
    ignored("tls-ciphers", "", TLS),
    ignored("tls-ciphersuites", "", TLS),
    ignored("tls-client-cert-file", "", TLS),
    ignored("tls-client-key-file", "", TLS),
    ignored("tls-client-key-file-pass", "", TLS),
    only("tls-cluster", "no", TLS_REASON),
    ignored("tls-dh-params-file", "", TLS),
    ignored("tls-key-file", "", TLS),
    ignored("tls-key-file-pass", "", TLS),
    only("tls-port", "0", TLS_REASON),
    ignored("tls-prefer-server-ciphers", "no", TLS),
    ignored("tls-protocols", "", TLS),
    only("tls-replication", "no", TLS_REASON),
    ignored("tls-session-cache-size", "20480", TLS),
    ignored("tls-session-cache-timeout", "300", TLS),
    ignored("tls-session-caching", "yes", TLS),
    ignored(
        "tracking-table-max-keys",
        "1000000",
        "there is no CLIENT TRACKING",
    ),
    never("user", "there is one user, default, with requirepass"),
    ignored("vset-force-single-threaded-execution", "no", TYPES),
    ignored("zset-max-listpack-entries", "128", TYPES),
    ignored("zset-max-listpack-value", "64", TYPES),
    ignored("zset-max-ziplist-entries", "128", TYPES),
    ignored("zset-max-ziplist-value", "64", TYPES),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_in_one_table() {
        let mut names: Vec<&str> = ALL.iter().map(|one| one.name).collect();
        let sorted = names.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(sorted, "by name, each once");
        names.retain(|name| super::super::settings::find(name).is_some());
        assert!(names.is_empty(), "in both tables: {names:?}");
        assert!(find("APPENDFILENAME").is_some_and(|one| one.check("x").is_ok()));
        let tls = find("tls-port").unwrap();
        assert!(tls.check("0").is_ok() && tls.check("6380").unwrap_err().contains("no TLS"));
        assert!(!find("rename-command").unwrap().is_shown());
    }
}
