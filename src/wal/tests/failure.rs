//! Disks that fail or are full.

use super::*;
use crate::io::sim::Call;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const EVER: u64 = u64::MAX;

fn waiter(story: &Story, lsn: u64) -> Arc<AtomicUsize> {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let then = move || {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    story.log.when_durable(lsn, Box::new(then));
    calls
}

/// The threads of a log.
fn threads(log: &Arc<Log>) -> [JoinHandle<()>; 2] {
    let (one, other) = (log.clone(), log.clone());
    let run = std::thread::spawn(move || one.run());
    [run, std::thread::spawn(move || other.keep_room())]
}

fn poll(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = crate::clock::monotonic() + Duration::from_secs(30);
    while !is_so() {
        assert!(crate::clock::monotonic() < until, "never: {what}");
        std::thread::yield_now();
    }
}

/// The file system calls the sectors clean: a sync that succeeds later proves nothing.
#[test]
fn nothing_is_acknowledged_after_a_failed_sync() {
    for (policy, times) in [
        (Policy::Always, 1),
        (Policy::Always, EVER),
        (Policy::EverySecond, 1),
    ] {
        let mut story = Story::new(1, policy);
        (0..10).for_each(|_| story.append(50));
        story.log.sync();
        (0..10).for_each(|_| story.append(50));
        let waits = waiter(&story, 15);
        story.disk.fail(Call::Sync, 0, times);
        story.log.sync();
        assert!(matches!(story.log.state(), State::Failed(_)) && story.log.has_failed());
        story.log.call_waiters();
        assert_eq!(waits.load(Ordering::Relaxed), 1);
        // What began before and becomes whole now.
        story.append(50);
        for _ in 0..3 {
            story.log.sync();
            story.log.prepare();
            story.log.call_waiters();
            assert!(!story.log.may_acknowledge(21));
            assert_eq!(story.log.may_acknowledge(15), policy != Policy::Always);
            assert!(story.log.may_acknowledge(10));
            assert!(!story.log.accepts_change(1) && !story.log.accepts());
        }
        assert_eq!(waiter(&story, 21).load(Ordering::Relaxed), 1);
        assert_eq!(story.log.positions().1, 10);
        for seed in 0..20 {
            check(&story.disk.crash(seed, Crash::Power), &story.issued, 10).unwrap();
        }
        story = story.restart(3, Crash::Power).unwrap();
        assert!(story.log.accepts_change(1));
    }
}

/// The N-th sync fails, for every N that is reached.
#[test]
fn every_sync_may_fail() {
    for n in 0.. {
        let mut story = Story::new(2, Policy::Always);
        story.disk.fail(Call::Sync, n, 1);
        let mut acknowledged = 0;
        for _ in 0..100 {
            story.act();
            let durable = story.log.positions().1;
            assert!(!story.log.has_failed() || durable == acknowledged);
            acknowledged = durable;
        }
        for seed in 0..20 {
            check(
                &story.disk.crash(seed, Crash::Power),
                &story.issued,
                acknowledged,
            )
            .unwrap();
        }
        if !story.log.has_failed() {
            assert!(n > 10);
            return;
        }
        story.restart(n, Crash::Power).unwrap();
    }
}

/// The N-th file cannot be made, or the N-th write into one fails. What was accepted and has no
/// place is a hole: nothing from there on is acknowledged, under no policy, though there is room
/// again later.
#[test]
fn every_create_and_every_write_may_fail() {
    for policy in [Policy::Always, Policy::EverySecond, Policy::No] {
        for (call, least) in [(Call::Create, 8), (Call::Write, 120)] {
            let reached = (0..).take_while(|n| one_call_fails(policy, call, *n));
            assert!(reached.count() >= least, "{call:?}");
        }
    }
}

/// Whether it was reached.
fn one_call_fails(policy: Policy, call: Call, n: u64) -> bool {
    let mut story = Story::new(3, policy);
    story.disk.fail(call, n, 1);
    let mut kept = 0;
    for _ in 0..60 {
        // Nobody asks whether it is accepted, as for changes that were.
        // A small one would fit into the hole of a large one.
        story.append(if story.log.has_failed() { 0 } else { 500 });
        if !story.log.has_failed() {
            kept = story.issued.len() as u64;
        }
    }
    let failed = story.log.has_failed();
    story.log.sync();
    let (appended, durable) = story.log.positions();
    assert_eq!(appended, kept);
    assert!(!failed || durable == 0);
    assert!(!failed || !story.log.may_acknowledge(kept + 1));
    for seed in 0..10 {
        let after = story.disk.crash(seed, Crash::Power);
        check(&after, &story.issued, durable).unwrap();
    }
    let found = check(&story.disk, &story.issued, kept).unwrap();
    assert_eq!(found.last_lsn, kept);
    // What lies behind the hole is never mistaken for what is appended from now on.
    for crash in [Crash::Process, Crash::Power, Crash::Power] {
        story = story.restart(n, crash).unwrap();
        story.acts(30);
        story.log.sync();
    }
    failed
}

#[test]
fn a_full_disk_refuses_changes_until_there_is_room() {
    for seed in 0..200 {
        let mut story = Story::new(seed, Policy::Always);
        story
            .disk
            .set_space(Some(3 * SEGMENT_BYTES + story.random.below(SEGMENT_BYTES)));
        let mut refused = 0;
        while refused < 20 {
            let len = story.random.below(SEGMENT_BYTES / 8 - 48);
            if story.log.accepts_change(len + 48) {
                assert_eq!(refused, 0, "accepted again without room");
                story.append(len);
            } else {
                assert!(matches!(story.log.state(), State::Full(_)));
                refused += 1;
            }
            if story.random.chance(20) {
                story.log.sync();
                story.log.prepare();
            }
        }
        // What was accepted before is still kept, and made safe.
        story.append(SEGMENT_BYTES / 9);
        story.log.sync();
        let count = story.issued.len() as u64;
        assert_eq!(story.log.positions(), (count, count));
        story.disk.set_space(None);
        assert!(!story.log.accepts_change(1));
        story.log.prepare();
        assert_eq!(story.log.state(), State::Ok);
        (0..40).for_each(|_| story.append(300));
        story.log.sync();
        story.restart(seed, Crash::Power).unwrap();
    }
}

/// Writers at once, and the thread of the log: what was accepted fits, and it goes on by itself.
#[test]
fn a_full_disk_and_several_writers() {
    let Story { disk, log, .. } = Story::new(4, Policy::EverySecond);
    disk.set_space(Some(4 * SEGMENT_BYTES));
    let threads = threads(&log);
    let write = |count: usize| {
        let mut written = 0;
        while written < count && log.accepts_change(400) {
            let lsn = log.reserve();
            log.append(lsn, &payload(lsn, 0, 300));
            written += 1;
        }
        written
    };
    let write_all = |count| {
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4).map(|_| scope.spawn(|| write(count))).collect();
            writers
                .into_iter()
                .map(|writer| writer.join().unwrap())
                .sum::<usize>()
        })
    };
    let first = write_all(1000);
    // A segment that was made in vain may have been removed: then there is room again.
    assert!(
        !log.has_failed() && (20..60).contains(&first),
        "{first} {:?}",
        log.state()
    );
    disk.set_space(None);
    let again = (0..20_000_000).any(|_| {
        std::thread::yield_now();
        log.accepts_change(400)
    });
    assert!(again);
    let all = first + write_all(50);
    assert_eq!(all, first + 200);
    log.stop();
    threads.into_iter().for_each(|t| t.join().unwrap());
    let issued: Vec<_> = (1..=all as u64).map(|lsn| payload(lsn, 0, 300)).collect();
    check(&disk.crash(0, Crash::Power), &issued, all as u64).unwrap();
}

/// There is no room for a large change; small ones go on.
#[test]
fn only_a_large_change_is_refused() {
    let mut story = Story::new(5, Policy::Always);
    story.log.prepare();
    story.disk.set_space(Some(2 * SEGMENT_BYTES));
    assert!(!story.log.accepts_change(3 * SEGMENT_BYTES));
    assert_eq!(story.log.state(), State::Ok);
    assert!(story.log.accepts_change(100));
    story.append(100);
    story.disk.set_space(None);
    assert!(story.log.accepts_change(3 * SEGMENT_BYTES));
    story.append(3 * SEGMENT_BYTES);
    assert!(!story.log.has_failed());
    story.restart(0, Crash::Process).unwrap();
}

/// Segments that a large change made useless do not stay.
#[test]
fn what_was_prepared_in_vain_is_removed() {
    let mut story = Story::new(6, Policy::Always);
    for _ in 0..10 {
        story.log.prepare();
        assert!(story.log.accepts_change(2 * SEGMENT_BYTES));
        story.append(2 * SEGMENT_BYTES);
    }
    story.log.prepare();
    let files = crate::io::Disk::list(&*story.disk).unwrap().len();
    // The first, those of the changes, the one that is ready.
    assert_eq!(files, 12);
}

/// Segments whose room was only set aside are no more used once each acknowledgement waits for a
/// sync: it would write more.
#[test]
fn another_policy_makes_another_segment() {
    let story = Story::new(9, Policy::EverySecond);
    story.log.prepare();
    let made = story.disk.calls(Call::Create);
    story.log.prepare();
    assert_eq!(story.disk.calls(Call::Create), made, "one is ready");
    story.log.set_policy(Policy::Always);
    for _ in 0..3 {
        story.log.prepare();
        assert_eq!(story.disk.calls(Call::Create), made + 1);
    }
    // The current one, and the one that is ready.
    assert_eq!(crate::io::Disk::list(&*story.disk).unwrap().len(), 2);
    story.log.set_policy(Policy::No);
    story.log.prepare();
    assert_eq!(story.disk.calls(Call::Create), made + 1, "zeros do as well");
}

/// Under `everysec` replies wait when what is not safe may be two seconds old, to writers and to
/// readers alike, whatever holds the thread up that is to sync.
#[test]
fn acknowledging_waits_once_the_disk_is_behind() {
    let now = crate::clock::monotonic();
    let after = |millis| move || now + Duration::from_millis(millis);
    for (policy, on_time, behind) in [
        (Policy::Always, false, false),
        (Policy::EverySecond, true, false),
        (Policy::No, true, true),
    ] {
        let mut story = Story::new(7, policy);
        story.append(10);
        story.log.sync();
        story.log.was_safe_at(now);
        story.append(10);
        let may = |lsn, millis| story.log.may_acknowledge_at(lsn, after(millis));
        assert_eq!((may(2, 1900), may(2, 2100)), (on_time, behind));
        assert!(may(1, 2100), "what is safe never waits");
        story.log.was_safe_at(after(1000)());
        assert_eq!((may(2, 2100), may(2, 3100)), (on_time, behind));
    }
}

/// A disk on which it takes forever to make a segment: what fits into those there are is synced,
/// and acknowledged.
#[test]
fn syncs_go_on_while_a_segment_is_made() {
    let mut story = Story::new(8, Policy::EverySecond);
    let made = story.disk.calls(Call::Create);
    story.disk.hold_creates(true);
    let threads = threads(&story.log);
    poll("a segment is to be made", || {
        story.disk.calls(Call::Create) > made
    });
    let lsn = 10;
    (0..lsn).for_each(|_| story.append(100));
    poll("all is synced", || story.log.positions().1 == lsn);
    assert!(story.log.may_acknowledge(lsn));
    story.disk.hold_creates(false);
    story.log.stop();
    threads.into_iter().for_each(|t| t.join().unwrap());
}

/// A start in place, where memory shows some of what the failed sync did not write. What it makes
/// of that stays, and what it acknowledges on top.
#[test]
fn a_restart_after_a_failed_sync_trusts_no_memory() {
    for seed in 0..600 {
        for policy in [Policy::Always, Policy::EverySecond] {
            let mut story = Story::new(seed, policy);
            for life in 0..3 {
                story.acts(15);
                story.log.sync();
                let durable = story.log.positions().1;
                (0..10).for_each(|n| story.append(37 * n));
                story.disk.fail(Call::Sync, 0, 1);
                story.log.sync();
                assert!(story.log.has_failed());
                let crash_seed = seed ^ life << 32;
                let restarted = story.restart_with(crash_seed, Crash::Process, durable);
                story = restarted.unwrap_or_else(|e| panic!("{seed}, life {life}: {e}"));
                let kept = story.issued.len() as u64;
                assert!(story.log.may_acknowledge(kept));
                let now = story.disk.crash(crash_seed, Crash::Power);
                check(&now, &story.issued, kept).unwrap_or_else(|e| panic!("{seed}: {e}"));
                story.acts(15);
                story = story.restart(crash_seed, Crash::Power).unwrap();
            }
        }
    }
}

/// What a start cannot make safe it is not built on; the next one may.
#[test]
fn a_start_that_cannot_settle_is_refused() {
    let mut story = Story::new(9, Policy::Always);
    (0..10).for_each(|_| story.append(50));
    let disk = story.disk.crash(0, Crash::Process);
    disk.fail(Call::Sync, 0, 1);
    let refused = settle(&disk).map_err(|error| error.to_string());
    assert_eq!(
        refused,
        Err("wal-000000000001: it failed, as planned".into())
    );
    settle(&disk).unwrap();
    check(&disk.crash(1, Crash::Power), &story.issued, 10).unwrap();
}

/// Of a long log only what may not be safe is written again, wherever in a segment that begins.
#[test]
fn what_a_start_writes_does_not_grow_with_the_log() {
    const UNSYNCED: usize = 3;
    let mut story = Story::new(10, Policy::Always);
    for _ in 0..300 {
        story.append(200);
        story.log.sync();
        let disk = story.disk.crash(0, Crash::Process);
        settle(&disk).unwrap();
        // The last one was written before it was safe.
        let of_one = disk.written_again();
        assert!((200..400).contains(&of_one), "{of_one}");
    }
    (0..UNSYNCED).for_each(|_| story.append(200));
    let disk = story.disk.crash(0, Crash::Process);
    settle(&disk).unwrap();
    let of_some = disk.written_again();
    assert!(
        (UNSYNCED * 200..=UNSYNCED * 300).contains(&of_some),
        "{of_some}"
    );
}
