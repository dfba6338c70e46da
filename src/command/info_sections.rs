//! The sections of INFO. What tools read is there even where it is always 0 here.

use super::auth::REDIS_VERSION;
use super::info::Text;
use super::{Context, registry};
use crate::clock;
use crate::instance::Class;
use crate::instance::stats::CommandStats;
use std::sync::atomic::Ordering::Relaxed;

const ZEROES: &str = "0000000000000000000000000000000000000000";

pub fn server(ctx: &Context<'_>, text: &mut Text) {
    let identity = &ctx.instance.identity;
    let config = ctx.instance.config.read();
    let uptime_seconds = ctx.session.now.saturating_sub(identity.started_at) / 1000;
    text.field("redis_version", REDIS_VERSION);
    text.field("fieldstone_version", env!("CARGO_PKG_VERSION"));
    text.field("redis_git_sha1", "00000000");
    text.field("redis_git_dirty", 0);
    text.field("redis_build_id", "0");
    text.field("redis_mode", "standalone");
    text.field(
        "os",
        format_args!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
    );
    text.field("arch_bits", usize::BITS);
    text.field("multiplexing_api", "epoll");
    text.field("process_id", std::process::id());
    text.field("process_supervised", "no");
    text.field("run_id", &identity.run_id);
    text.field("tcp_port", ctx.instance.port.load(Relaxed));
    text.field("server_time_usec", clock::wall_micros());
    text.field("uptime_in_seconds", uptime_seconds);
    text.field("uptime_in_days", uptime_seconds / 86_400);
    text.field("hz", config.hz);
    text.field("configured_hz", config.hz);
    text.field("executable", "");
    text.field("config_file", config.file_name());
    text.field("io_threads_active", u8::from(identity.workers > 1));
}

pub fn clients(ctx: &Context<'_>, text: &mut Text) {
    let all = ctx.instance.clients.all();
    let pubsub = all.iter().filter(|client| client.class() == Class::PubSub);
    let watching = all
        .iter()
        .filter(|client| client.status.watched.load(Relaxed) > 0);
    let watched_keys: u64 = all
        .iter()
        .map(|c| u64::from(c.status.watched.load(Relaxed)))
        .sum();
    text.field("connected_clients", all.len());
    text.field("cluster_connections", 0);
    text.field("maxclients", ctx.instance.config.read().maxclients);
    // Those that wait for the end of a pause.
    let blocked = all.iter().filter(|c| c.status.paused.load(Relaxed));
    text.field("blocked_clients", blocked.count());
    text.field("tracking_clients", 0);
    text.field("pubsub_clients", pubsub.count());
    text.field("watching_clients", watching.count());
    text.field("clients_in_timeout_table", 0);
    text.field("total_watched_keys", watched_keys);
}

pub fn memory(ctx: &Context<'_>, text: &mut Text) {
    let samples = &ctx.instance.stats.samples;
    let used = ctx.instance.keyspace.used_memory() as u64;
    let resident = samples.resident_bytes.get();
    let clients = ctx.instance.clients.all();
    let client_bytes: u64 = clients
        .iter()
        .map(|c| c.status.input_bytes.load(Relaxed) + c.status.output_bytes.load(Relaxed))
        .sum();
    text.bytes("used_memory", used);
    text.bytes("used_memory_rss", resident);
    text.bytes("used_memory_peak", samples.used_memory_peak.get().max(used));
    text.field("used_memory_dataset", used);
    text.bytes("maxmemory", ctx.instance.live.maxmemory());
    text.field("maxmemory_policy", "noeviction");
    let ratio = resident as f64 / used.max(1) as f64;
    text.field("mem_fragmentation_ratio", format_args!("{ratio:.2}"));
    text.field("mem_fragmentation_bytes", resident as i64 - used as i64);
    text.field("mem_clients_normal", client_bytes);
    text.field("mem_aof_buffer", 0);
    text.field("active_defrag_running", 0);
    text.field("lazyfree_pending_objects", 0);
}

pub fn stats(ctx: &Context<'_>, text: &mut Text) {
    let stats = &ctx.instance.stats;
    let (totals, samples) = (stats.totals(), &stats.samples);
    let (channels, patterns) = ctx.instance.pubsub.counts();
    let kilobytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    text.field(
        "total_connections_received",
        stats.connections_received.get(),
    );
    text.field("total_commands_processed", totals.calls);
    text.field("instantaneous_ops_per_sec", samples.ops_per_sec.get());
    text.field("total_net_input_bytes", totals.net_input_bytes);
    text.field("total_net_output_bytes", totals.net_output_bytes);
    text.field(
        "instantaneous_input_kbps",
        kilobytes(samples.input_bytes_per_sec.get()),
    );
    text.field(
        "instantaneous_output_kbps",
        kilobytes(samples.output_bytes_per_sec.get()),
    );
    text.field("rejected_connections", stats.connections_rejected.get());
    text.field("sync_full", 0);
    text.field("sync_partial_ok", 0);
    text.field("sync_partial_err", 0);
    let (keys, fields) = samples.expired();
    text.field("expired_subkeys", fields);
    text.field("expired_keys", keys);
    text.field(
        "expire_cycle_cpu_milliseconds",
        samples.sweep_micros.get() / 1000,
    );
    text.field("evicted_keys", 0);
    text.field("evicted_clients", 0);
    text.field("keyspace_hits", totals.keyspace_hits);
    text.field("keyspace_misses", totals.keyspace_misses);
    text.field("pubsub_channels", channels);
    text.field("pubsub_patterns", patterns);
    text.field("latest_fork_usec", 0);
    text.field("total_forks", 0);
    text.field("total_error_replies", stats.errors().values().sum::<u64>());
    text.field("total_reads_processed", totals.reads);
    text.field("total_writes_processed", totals.writes);
    let queries = stats.query_buffer_disconnections.get();
    text.field("client_query_buffer_limit_disconnections", queries);
    let outputs = stats.output_buffer_disconnections.get();
    text.field("client_output_buffer_limit_disconnections", outputs);
    text.field("acl_access_denied_auth", stats.auth_failures.get());
}

pub fn replication(ctx: &Context<'_>, text: &mut Text) {
    text.field("role", "master");
    text.field("connected_slaves", 0);
    text.field("master_failover_state", "no-failover");
    text.field("master_replid", &ctx.instance.identity.run_id);
    text.field("master_replid2", ZEROES);
    text.field("master_repl_offset", 0);
    text.field("second_repl_offset", -1);
    text.field("repl_backlog_active", 0);
    text.field("repl_backlog_size", 0);
    text.field("repl_backlog_first_byte_offset", 0);
    text.field("repl_backlog_histlen", 0);
}

pub fn cpu(ctx: &Context<'_>, text: &mut Text) {
    let samples = &ctx.instance.stats.samples;
    let seconds = |micros: u64| format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.field("used_cpu_sys", seconds(samples.cpu_sys_micros.get()));
    text.field("used_cpu_user", seconds(samples.cpu_user_micros.get()));
    text.field("used_cpu_sys_children", "0.000000");
    text.field("used_cpu_user_children", "0.000000");
}

/// Commands that were called or refused.
fn seen(ctx: &Context<'_>) -> Vec<(&'static str, CommandStats)> {
    let all = registry::all().iter();
    let all = all.map(|entry| (entry.name.as_str(), ctx.instance.stats.command(entry.id)));
    all.filter(|(_, stats)| stats.calls + stats.rejected > 0)
        .collect()
}

pub fn commandstats(ctx: &Context<'_>, text: &mut Text) {
    for (name, stats) in seen(ctx) {
        let micros = stats.nanos / 1000;
        let each = stats.nanos as f64 / 1000.0 / stats.calls.max(1) as f64;
        text.field(
            &format!("cmdstat_{name}"),
            format_args!(
                "calls={},usec={micros},usec_per_call={each:.2},rejected_calls={},failed_calls={}",
                stats.calls, stats.rejected, stats.failed
            ),
        );
    }
}

pub fn errorstats(ctx: &Context<'_>, text: &mut Text) {
    for (prefix, count) in ctx.instance.stats.errors() {
        text.field(
            &format!("errorstat_{prefix}"),
            format_args!("count={count}"),
        );
    }
}

pub fn latencystats(ctx: &Context<'_>, text: &mut Text) {
    for (name, stats) in seen(ctx) {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| stats.percentile(share));
        text.field(
            &format!("latency_percentiles_usec_{name}"),
            format_args!("p50={p50:.3},p99={p99:.3},p99.9={p999:.3}"),
        );
    }
}

pub fn cluster(_ctx: &Context<'_>, text: &mut Text) {
    text.field("cluster_enabled", 0);
}

pub fn keyspace(ctx: &Context<'_>, text: &mut Text) {
    for db in 0..ctx.instance.identity.databases {
        let (keys, expiring) = ctx.data.locked.count(db);
        if keys > 0 {
            let value = format_args!("keys={keys},expires={expiring},avg_ttl=0,subexpiry=0");
            text.field(&format!("db{db}"), value);
        }
    }
}
