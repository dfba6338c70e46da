//! A disk that runs out of room below the file system: a sync fails although nothing was refused
//! before, what it was to write is gone, and the next sync says that all is well.

use crate::node::{self, Node, is_ok, segments, try_start};
use crate::points::assert_refusing;
use crate::signals::Signals;
use crate::tally;
use crate::volume::{self, Journal, Thin};
use crate::workload::{Load, everysec_keeps};
use std::fs::File;
use std::path::Path;
use std::time::Instant;

/// Room for the segments that a start makes, and not for a third one.
const ROOM_MIB: u64 = 64;
/// Room for those of two starts, and for one that the first may still make as it fails.
const MORE_ROOM_MIB: u64 = 160;
/// Before the disk fails, in the first segment.
const SAFE: usize = 300;

/// A server on a disk that has failed.
struct Failed {
    thin: Thin,
    node: Node,
    load: Load,
}

/// There is no room for what is written to the second segment.
pub fn failed_sync() {
    each(|folder, policy| rescue(sync_fails(folder, policy), policy));
}

/// There is no room for the third segment, nor for the journal.
pub fn full() {
    each(|folder, policy| rescue(grow_full(folder, policy), policy));
}

/// After a sync that failed the server is started again in place, where the page cache still has
/// what the disk has not. Then the power is cut.
pub fn restart_in_place() {
    let body = |folder: &Path, policy: &str| restart_and_cut(sync_fails(folder, policy), policy);
    each(body);
}

fn each(body: impl Fn(&Path, &str) + Sync) {
    for policy in ["always", "everysec"] {
        let folder = node::fast_folder();
        volume::privately(|| body(folder.path(), policy)).expect("mounts of its own");
    }
}

fn sync_fails(folder: &Path, policy: &str) -> Failed {
    let (thin, node, mut load, safe) = begin(folder, policy, MORE_ROOM_MIB);
    let second = segments(&thin.volume.data()).pop().expect("a segment");
    thin.thin_out(&second);
    thin.fill();
    let signals = Signals::default();
    // The first refusal is final: nothing that is sent after it is acknowledged.
    signals.refuses_for_good();
    write_until_refused(&mut load, &node, &signals, policy, safe);
    assert_failed(&node);
    thin.relieve();
    // What could not be written was given up, not kept for later.
    let later = File::open(&second).and_then(|file| file.sync_data());
    tally::add(
        "thin disks: a sync succeeded after one that failed",
        u64::from(later.is_ok()),
    );
    assert_failed(&node);
    Failed { thin, node, load }
}

fn grow_full(folder: &Path, policy: &str) -> Failed {
    let (thin, node, mut load, safe) = begin(folder, policy, ROOM_MIB);
    let signals = Signals::default();
    signals.may_refuse();
    write_until_refused(&mut load, &node, &signals, policy, safe);
    assert_refusing(&node, true);
    assert_ne!(node.info("log_state"), "ok");
    Failed { thin, node, load }
}

fn begin(folder: &Path, policy: &str, room_mib: u64) -> (Thin, Node, Load, Instant) {
    let thin = Thin::new(folder, room_mib);
    let node = node::start(&thin.volume.data(), policy);
    node::poll("a spare segment", || node.last_mapped() >= 2);
    let mut load = Load::new(tally::seed());
    let safe = write_some(&mut load, &node);
    (thin, node, load, safe)
}

fn write_until_refused(
    load: &mut Load,
    node: &Node,
    signals: &Signals,
    policy: &str,
    safe: Instant,
) {
    load.run_with(signals, &node.address, 1, || signals.until_all_end());
    let refused = signals.refused_at().unwrap_or_else(Instant::now);
    if policy == "everysec" {
        let since = everysec_keeps(refused).map_or(safe, |at| at.max(safe));
        load.may_lose(since, refused);
    }
}

/// Returns once all of it is on the disk.
fn write_some(load: &mut Load, node: &Node) -> Instant {
    let signals = Signals::default();
    load.run_with(&signals, &node.address, SAFE, || signals.stop_writing());
    let safe = Instant::now();
    node.await_durable();
    safe
}

fn assert_failed(node: &Node) {
    // A write fails where the file system has noticed before the server asks.
    let reasons = ["a sync failed: ", "a change could not be written: "];
    node::poll("the log fails", || {
        let state = node.info("log_state");
        let reason = state.strip_prefix("failed: ").unwrap_or_default();
        reasons.iter().any(|told| reason.starts_with(told))
    });
    assert_refusing(node, true);
}

/// From the same bytes, where there is room.
fn rescue(failed: Failed, policy: &str) {
    let Failed {
        thin,
        node,
        mut load,
    } = failed;
    node.kill();
    let folder = node::fast_folder();
    let volume = thin.rescue(folder.path());
    let node = node::start(&volume.data(), policy);
    check(&mut load, &node, policy);
    assert!(
        is_ok(&node.connect().line("SET k v")),
        "a restart makes it good"
    );
    node.terminate();
}

fn check(load: &mut Load, node: &Node, policy: &str) {
    let outcome = load.check(&mut node.connect());
    let name = |what: &str| format!("thin disks, {policy}: {what}");
    tally::add(
        name("acknowledged writes that had to be there, 0 lost"),
        outcome.kept,
    );
    tally::add(
        name("acknowledged writes lost, of those that may be"),
        outcome.lost,
    );
    tally::add(name("failed"), 1);
}

/// All that was acknowledged is there.
fn restart_and_cut(failed: Failed, policy: &str) {
    let Failed {
        mut thin,
        node,
        mut load,
    } = failed;
    node.kill();
    let name = |what: &str| format!("thin disks, {policy}: restarted in place, {what}");
    let data = thin.volume.data();
    let Ok(node) = try_start(None, &data, policy) else {
        // The journal may have failed as well.
        assert!(
            File::create(data.join("probe")).is_err(),
            "it can be written to"
        );
        return tally::add(name("refused, as it is read-only"), 1);
    };
    load.check(&mut node.connect());
    write_some(&mut load, &node);
    let breaker = thin.volume.breaker(Journal::Dropped).expect("a breaker");
    breaker.cut().expect("a cut");
    node.kill();
    thin.volume.remount();
    let node = node::start(&data, policy);
    check(&mut load, &node, policy);
    tally::add(name("all there after a power cut"), 1);
}
