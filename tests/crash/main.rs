//! Crash tests of the real process: it is killed, the power of its disk is cut, its disk fails, its
//! files are damaged; what it acknowledged must be there when it is started again.
//!
//! ```text
//! cargo test --test crash                              once, a few minutes
//! cargo test --test crash -- death                     those with `death` in their names
//! cargo test --test crash -- --soak=60 --seed=7        again and again for an hour
//! FIELDSTONE_SOAK_MINUTES=60 FIELDSTONE_SOAK_SEED=7 cargo test --test crash
//! ```
//!
//! What was done is told in numbers at the end. `scenario.rs` says where to add a step to what
//! is enumerated.
//!
//! Invariants
//! - The oracle lives in this process, which is never killed.
//! - What is in flight at a crash may or may not have happened; everything else is certain.
//! - A test that this machine cannot run is counted as ignored, and said aloud: never as passed.
//!   That is why this binary brings its own runner: Rust's cannot ignore a test at run time.

mod bases;
mod batches;
#[cfg(target_arch = "x86_64")]
mod calls;
mod disk;
mod history;
mod kill;
mod node;
mod oracle;
mod points;
mod power;
mod refuse;
mod runner;
mod scenario;
mod sequence;
mod signals;
mod state;
#[path = "../support/mod.rs"]
mod support;
mod tally;
mod thin;
mod trace;
#[cfg(target_arch = "x86_64")]
mod tracer;
mod volume;
mod workload;

use Needs::{Mounting, Nothing, Tracing};
use points::{deaths, interrupted, io_errors, no_room, short_writes};
use runner::{Needs, Test};
use scenario::{BASES, BATCHES, CHANGES, FRESH, LARGE, LAYERS, SAVES, TURN, TURN_WRITTEN, USED};

/// The long ones first.
const TESTS: &[Test] = &[
    Test::new("death_in_later_start_with_bases", Tracing, || {
        deaths(&BASES)
    }),
    Test::new("death_in_checkpoints", Tracing, || deaths(&SAVES)),
    Test::new("death_in_batches", Tracing, || deaths(&BATCHES)),
    Test::new("io_error_in_batches", Tracing, || io_errors(&BATCHES)),
    Test::new("no_room_in_batches", Tracing, || no_room(&BATCHES)),
    Test::new("death_in_later_start_with_batches", Tracing, || {
        deaths(&LAYERS)
    }),
    Test::new("io_error_in_later_start_with_batches", Tracing, || {
        io_errors(&LAYERS)
    }),
    Test::new("no_room_in_later_start_with_batches", Tracing, || {
        no_room(&LAYERS)
    }),
    Test::new("io_error_in_later_start_with_bases", Tracing, || {
        io_errors(&BASES)
    }),
    Test::new("io_error_in_checkpoints", Tracing, || io_errors(&SAVES)),
    Test::new("no_room_in_later_start_with_bases", Tracing, || {
        no_room(&BASES)
    }),
    Test::new("no_room_in_checkpoints", Tracing, || no_room(&SAVES)),
    Test::new("interrupted_in_later_start_with_bases", Tracing, || {
        interrupted(&BASES)
    }),
    Test::new("short_writes_in_later_start_with_bases", Tracing, || {
        short_writes(&BASES)
    }),
    Test::new("interrupted_in_checkpoints", Tracing, || {
        interrupted(&SAVES)
    }),
    Test::new("short_writes_in_checkpoints", Tracing, || {
        short_writes(&SAVES)
    }),
    Test::new("power_cut_always", Mounting, || power::cuts("always", 12)),
    Test::new("power_cut_everysec", Mounting, || {
        power::cuts("everysec", 8)
    }),
    Test::new("power_cut_no", Mounting, || power::cuts("no", 6)),
    Test::new("power_cut_outlived", Mounting, power::outlived),
    Test::new("lost_twice", Nothing, power::lost_twice),
    Test::new("failed_sync_on_thin_disk", Mounting, thin::failed_sync),
    Test::new("full_thin_disk", Mounting, thin::full),
    Test::new("restart_on_thin_disk", Mounting, thin::restart_in_place),
    Test::new("death_in_later_start", Tracing, || deaths(&USED)),
    Test::new("death_in_fresh_start", Tracing, || deaths(&FRESH)),
    Test::new("death_in_large_change", Tracing, || deaths(&LARGE)),
    Test::new("death_in_full_segment", Tracing, || deaths(&TURN)),
    Test::new("death_in_full_segment_of_zeros", Tracing, || {
        deaths(&TURN_WRITTEN)
    }),
    Test::new("death_in_changes", Tracing, || deaths(&CHANGES)),
    Test::new("io_error_in_later_start", Tracing, || io_errors(&USED)),
    Test::new("io_error_in_fresh_start", Tracing, || io_errors(&FRESH)),
    Test::new("io_error_in_large_change", Tracing, || io_errors(&LARGE)),
    Test::new("io_error_in_full_segment", Tracing, || io_errors(&TURN)),
    Test::new("io_error_in_changes", Tracing, || io_errors(&CHANGES)),
    Test::new("io_error_in_full_segment_of_zeros", Tracing, || {
        io_errors(&TURN_WRITTEN)
    }),
    Test::new("no_room_in_later_start", Tracing, || no_room(&USED)),
    Test::new("no_room_in_large_change", Tracing, || no_room(&LARGE)),
    Test::new("no_room_in_full_segment", Tracing, || no_room(&TURN)),
    Test::new("interrupted_in_later_start", Tracing, || interrupted(&USED)),
    Test::new("interrupted_in_full_segment", Tracing, || {
        interrupted(&TURN)
    }),
    Test::new("short_writes_in_later_start", Tracing, || {
        short_writes(&USED)
    }),
    Test::new("short_writes_in_full_segment", Tracing, || {
        short_writes(&TURN)
    }),
    Test::new("short_writes_in_full_segment_of_zeros", Tracing, || {
        short_writes(&TURN_WRITTEN)
    }),
    Test::new("failed_sync", Tracing, disk::failed_sync),
    Test::new("full_disk", Tracing, disk::full),
    Test::new("slow_sync", Tracing, disk::slow_sync),
    Test::new("kill_always", Nothing, || kill::cycles("always", 100)),
    Test::new("kill_everysec", Nothing, || kill::cycles("everysec", 50)),
    Test::new("kill_no", Nothing, || kill::cycles("no", 50)),
    Test::new("kill_batches_always", Nothing, || {
        batches::cycles("always", 25)
    }),
    Test::new("kill_batches_everysec", Nothing, || {
        batches::cycles("everysec", 25)
    }),
    Test::new("terminated_under_load", Nothing, kill::terminated),
    Test::new(
        "pipelined_transactions",
        Nothing,
        kill::pipelined_transactions,
    ),
    Test::new("quiet_state", Nothing, state::quiet),
    Test::new("every_kind_of_change", Nothing, state::every_kind),
    Test::new("expiry_is_exact", Nothing, state::expiry),
    Test::new("one_server_a_directory", Nothing, refuse::locked),
    Test::new("no_permission", Nothing, refuse::permission),
    Test::new("damaged_record", Nothing, refuse::damaged),
    Test::new("cut_tail", Nothing, refuse::cut),
    Test::new("lost_files", Nothing, refuse::lost),
    Test::new("stopped_in_checkpoint", Nothing, bases::stopped),
    Test::new(
        "stopped_while_awaited",
        Tracing,
        bases::stopped_while_awaited,
    ),
    Test::new("damaged_rows", Nothing, bases::damaged),
    Test::new("lost_rows", Nothing, bases::lost),
];

fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((first, rest)) if first == trace::TRACER => trace::be_the_tracer(rest),
        _ => runner::run(TESTS, &args),
    }
}
