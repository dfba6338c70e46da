//! What is appended comes back; when it may be acknowledged.

use super::*;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn everything_comes_back_after_several_restarts() {
    let mut story = Story::new(1, Policy::Always);
    for round in 0..6 {
        for n in 0..40 {
            // Now and then larger than a segment.
            story.append(if n == 7 { 9000 + round } else { n * 11 });
        }
        let found = check(&story.disk, &story.issued, story.issued.len() as u64).unwrap();
        assert!(found.segments > 5 * round && found.passed_over_bytes == 0);
        assert_eq!(found.records, 40 * (round as u64 + 1));
        story = story.restart(9, Crash::Process).unwrap();
    }
}

#[test]
fn an_empty_change_is_one() {
    let log = Story::new(1, Policy::No);
    log.log.append(log.log.reserve(), b"");
    let mut seen = Vec::new();
    recover(&*log.disk, 0, |lsn, change| {
        seen.push((lsn, change.len()));
        true
    })
    .unwrap();
    assert_eq!(seen, [(1, 0)]);
}

#[test]
fn records_up_to_the_base_are_passed_over() {
    let mut story = Story::new(2, Policy::No);
    (0..60).for_each(|_| story.append(200));
    let mut seen = Vec::new();
    let found = recover(&*story.disk, 45, |lsn, _| {
        seen.push(lsn);
        true
    });
    assert_eq!(seen, (46..=60).collect::<Vec<_>>());
    assert_eq!(found.unwrap().last_lsn, 60);
}

#[test]
fn what_is_trimmed_is_not_needed_and_nothing_else_is_kept() {
    let last = 60;
    for base in 0..=last {
        let mut story = Story::new(2, Policy::No);
        (0..last).for_each(|_| story.append(200));
        let segments = recover(&*story.disk, 0, |_, _| true).unwrap().kept;
        assert!(segments.len() > 3);
        // A segment ends where the next one begins.
        let ends = segments.iter().skip(1).map(|next| next.first_lsn - 1);
        let removed = ends.filter(|end| *end <= base).count();
        let bytes: usize = segments[..removed].iter().map(|gone| gone.bytes).sum();
        assert_eq!(story.log.trim(base).unwrap(), bytes as u64);
        let mut seen = Vec::new();
        let found = recover(&*story.disk, base, |lsn, _| {
            seen.push(lsn);
            true
        });
        assert_eq!(found.unwrap().kept, segments[removed..]);
        assert_eq!(seen, (base + 1..=last).collect::<Vec<_>>());
    }
}

#[test]
fn what_is_no_change_is_refused() {
    let mut story = Story::new(2, Policy::No);
    (0..3).for_each(|_| story.append(20));
    let found = recover(&*story.disk, 0, |lsn, _| lsn != 2);
    assert!(matches!(found, Err(Damage::NoChange { lsn: 2, .. })));
}

/// Changes become whole in another order than they began; the log has them in order.
#[test]
fn changes_of_several_threads_come_back_in_order() {
    let story = Story::new(3, Policy::No);
    let log = &story.log;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                let mut random = Random(thread);
                for _ in 0..100 {
                    let mut batch: Vec<u64> = (0..5).map(|_| log.reserve()).collect();
                    while !batch.is_empty() {
                        let lsn = batch.swap_remove(random.below(batch.len()));
                        log.append(lsn, &payload(lsn, 0, 30));
                    }
                }
            });
        }
    });
    let issued: Vec<_> = (1..=2000).map(|lsn| payload(lsn, 0, 30)).collect();
    assert_eq!(log.positions().0, 2000);
    check(&story.disk, &issued, 2000).unwrap();
}

/// A change that waits for one before it would be lost with the process.
#[test]
fn a_change_that_waits_is_not_acknowledged() {
    for policy in [Policy::Always, Policy::EverySecond, Policy::No] {
        let log = Story::new(4, policy).log;
        let (first, second) = (log.reserve(), log.reserve());
        log.append(second, b"2");
        assert!(!log.may_acknowledge(second));
        log.append(first, b"1");
        assert_eq!(log.may_acknowledge(second), policy != Policy::Always);
        log.sync();
        assert!(log.may_acknowledge(second));
    }
}

#[test]
fn waiters_are_called_once_and_not_before_it_is_safe() {
    let mut story = Story::new(5, Policy::Always);
    let calls: Vec<_> = (0..200).map(|_| Arc::new(AtomicUsize::new(0))).collect();
    for (n, call) in calls.iter().enumerate() {
        story.append(n);
        let (lsn, log, call) = (n as u64 + 1, story.log.clone(), call.clone());
        let then = move || {
            assert!(log.positions().1 >= lsn, "called before it was safe");
            call.fetch_add(1, Ordering::Relaxed);
        };
        story.log.when_durable(lsn, Box::new(then));
        match n % 7 {
            0 => story.log.sync(),
            1 => story.log.call_waiters(),
            2 => story.log.prepare(),
            _ => {}
        }
    }
    story.log.sync();
    story.log.call_waiters();
    story.log.call_waiters();
    assert!(calls.iter().all(|call| call.load(Ordering::Relaxed) == 1));
    // One that comes late is called at once.
    let late = Arc::new(AtomicUsize::new(0));
    let seen = late.clone();
    let then = move || {
        seen.fetch_add(1, Ordering::Relaxed);
    };
    story.log.when_durable(200, Box::new(then));
    assert_eq!(late.load(Ordering::Relaxed), 1);
}

/// What is appended while a sync is under way waits for the next one.
#[test]
fn a_sync_vouches_for_nothing_that_came_after_it_began() {
    let mut story = Story::new(6, Policy::Always);
    (0..30).for_each(|_| story.append(200));
    story.disk.hold_syncs(true);
    let syncs = story.disk.calls(crate::io::sim::Call::Sync);
    let log = story.log.clone();
    let thread = std::thread::spawn(move || log.sync());
    while story.disk.calls(crate::io::sim::Call::Sync) == syncs {
        std::thread::yield_now();
    }
    // Into several further segments.
    (0..30).for_each(|_| story.append(200));
    assert_eq!(story.log.positions(), (60, 0));
    story.disk.hold_syncs(false);
    thread.join().unwrap();
    assert_eq!(story.log.positions(), (60, 30));
    for seed in 0..50 {
        check(&story.disk.crash(seed, Crash::Power), &story.issued, 30).unwrap();
    }
    story.log.sync();
    assert_eq!(story.log.positions(), (60, 60));
    for seed in 0..50 {
        check(&story.disk.crash(seed, Crash::Power), &story.issued, 60).unwrap();
    }
}

/// The thread of the log, with writers that wait for their changes.
#[test]
fn writers_and_the_thread_of_the_log() {
    for policy in [Policy::Always, Policy::EverySecond, Policy::No] {
        let Story { disk, log, .. } = Story::new(7, policy);
        let running = log.clone();
        let thread = std::thread::spawn(move || running.run());
        let issued = Mutex::new(vec![Vec::new(); 400]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..100 {
                        assert!(log.accepts_change(n * 5));
                        let lsn = log.reserve();
                        let change = payload(lsn, 0, n * 5);
                        issued.lock()[usize::try_from(lsn).unwrap() - 1] = change.clone();
                        log.append(lsn, &change);
                        let (tell, told) = std::sync::mpsc::channel();
                        log.when_durable(lsn, Box::new(move || tell.send(()).unwrap()));
                        told.recv().unwrap();
                        assert!(log.may_acknowledge(lsn));
                    }
                });
            }
        });
        log.stop();
        thread.join().unwrap();
        assert_eq!(log.positions(), (400, 400));
        check(&disk.crash(1, Crash::Power), &issued.lock(), 400).unwrap();
    }
}
