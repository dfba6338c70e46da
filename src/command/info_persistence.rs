//! The section of INFO on persistence: Redis's fields, and ours.

use super::Context;
use super::info::Text;
use super::persistence::last_save_seconds;
use crate::checkpoint::Outcome;
use crate::instance::Storage;
use crate::wal::State;
use std::sync::atomic::Ordering::Relaxed;

pub fn persistence(ctx: &Context<'_>, text: &mut Text) {
    text.field("loading", 0);
    text.field("async_loading", 0);
    let storage = ctx.instance.storage();
    let seconds = |millis: u64| (millis / 1000) as i64;
    let mut saves = Saves::default();
    if let Some(storage) = storage {
        saves = Saves::of(ctx, storage);
    }
    let status = if saves.failed { "err" } else { "ok" };
    let running = u8::from(saves.current_millis.is_some());
    let current = saves.current_millis.map_or(-1, seconds);
    let last = saves.last_millis.map_or(-1, seconds);
    text.field("rdb_changes_since_last_save", saves.changes);
    text.field("rdb_bgsave_in_progress", running);
    text.field("rdb_last_save_time", last_save_seconds(ctx.instance));
    text.field("rdb_last_bgsave_status", status);
    text.field("rdb_last_bgsave_time_sec", last);
    text.field("rdb_current_bgsave_time_sec", current);
    text.field("rdb_saves", saves.count);
    text.field("aof_enabled", u8::from(storage.is_some()));
    text.field("aof_rewrite_in_progress", running);
    text.field("aof_rewrite_scheduled", 0);
    text.field("aof_last_rewrite_time_sec", last);
    text.field("aof_current_rewrite_time_sec", current);
    text.field("aof_last_bgrewrite_status", status);
    let state = storage.map_or(State::Ok, |storage| storage.log.state());
    let fine = state == State::Ok;
    text.field("aof_last_write_status", if fine { "ok" } else { "err" });
    let Some(storage) = storage else { return };
    text.field(
        "log_state",
        match state {
            State::Ok => "ok".to_owned(),
            State::Full(error) => format!("full: {error}"),
            State::Damaged(error) => format!("damaged: {error}"),
            State::Failed(error) => format!("failed: {error}"),
        },
    );
    let (appended, durable) = storage.log.positions();
    text.field("log_appended_lsn", appended);
    text.field("log_durable_lsn", durable);
    text.field("log_closed_lsn", storage.log.closed());
    let recovered = &storage.recovered;
    text.field("recovered_changes", recovered.records);
    text.field("recovered_segments", recovered.segments);
    text.field("recovered_lsn", recovered.last_lsn);
    text.field("recovered_passed_over_bytes", recovered.passed_over_bytes);
    text.field("recovered_base_files", storage.base_files);
    text.field("recovered_base_bytes", storage.base_bytes);
    text.field("recovered_in_millis", storage.recovered_in_millis);
    checkpoints(ctx, storage, text);
}

/// Checkpoints and the scrub, in our own words.
fn checkpoints(ctx: &Context<'_>, storage: &Storage, text: &mut Text) {
    let status = &storage.checkpoints.status;
    text.field("log_bytes", storage.log.bytes());
    text.field("checkpoint_shards", ctx.instance.keyspace.shard_count());
    text.field("checkpoint_shards_done", status.shards_done.load(Relaxed));
    text.field(
        "checkpoint_bytes_written",
        status.bytes_written.load(Relaxed),
    );
    text.field("checkpoint_last_millis", status.took_millis.load(Relaxed));
    text.field("checkpoint_last_lsn", status.saved_lsn.load(Relaxed));
    let last = status.last.lock().clone();
    text.field(
        "checkpoint_last_result",
        match last {
            Outcome::None => "none".to_owned(),
            Outcome::Done => "ok".to_owned(),
            Outcome::Failed(error) => format!("failed: {error}"),
        },
    );
    text.field("base_files", status.files.load(Relaxed));
    text.field("base_bytes", status.file_bytes.load(Relaxed));
    text.field("scrub_passes", status.scrub_passes.load(Relaxed));
    text.field("scrub_bytes", status.scrubbed_bytes.load(Relaxed));
    text.field("scrub_errors", status.scrub_errors.load(Relaxed));
    let damage = status.damage.lock().clone();
    text.field("scrub_damage", damage.as_deref().unwrap_or("none"));
}

/// What Redis's own fields say of checkpoints.
#[derive(Default)]
struct Saves {
    changes: u64,
    count: u64,
    failed: bool,
    current_millis: Option<u64>,
    last_millis: Option<u64>,
}

impl Saves {
    fn of(ctx: &Context<'_>, storage: &Storage) -> Saves {
        let status = &storage.checkpoints.status;
        let last = status.last.lock().clone();
        let running = status.is_running();
        let since = ctx.data.now.saturating_sub(status.began_at.load(Relaxed));
        Saves {
            changes: storage.checkpoints.changes(),
            count: status.saves.load(Relaxed),
            failed: matches!(last, Outcome::Failed(_)),
            current_millis: running.then_some(since),
            last_millis: (last != Outcome::None).then(|| status.took_millis.load(Relaxed)),
        }
    }
}
