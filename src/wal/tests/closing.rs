//! What the closing mark vouches for: the end of a log that was idle, or closed in good order.

use super::super::{CLOSING_MARK, Mark, segment_name};
use super::*;
use crate::io::Disk;
use crate::io::sim::Call;
use std::time::Duration;

const POLICIES: [Policy; 3] = [Policy::Always, Policy::EverySecond, Policy::No];

/// A log of one segment that was synced and closed.
fn closed(policy: Policy) -> Story {
    let mut story = Story::new(3, policy);
    (0..20).for_each(|_| story.append(60));
    story.log.sync();
    story.log.close().unwrap();
    assert_eq!(story.log.closed(), 20);
    story
}

/// Whatever rots of a log that was closed, all of it is there or the start is refused: every byte
/// of it, every length it may be cut to, every block.
#[test]
fn nothing_of_a_closed_log_is_passed_over() {
    for policy in POLICIES {
        let story = closed(policy);
        let segment = story.disk.read(&segment_name(1)).unwrap();
        let used = segment.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let mut refused = 0;
        let mut try_with = |what: &str, bytes: Vec<u8>| {
            let disk = story.disk.crash(0, Crash::Process);
            disk.put(&segment_name(1), bytes);
            match replayed(&disk) {
                (all, Ok(_)) => assert_eq!(all.len(), 20, "{policy:?}, {what}"),
                (all, Err(Damage::Lost { lsn, .. })) => {
                    assert_eq!(all.len() as u64 + 1, lsn, "{policy:?}, {what}");
                    refused += 1;
                }
                (_, Err(other)) => panic!("{policy:?}, {what}: {other}"),
            }
        };
        for at in 0..used {
            let mut bytes = segment.clone();
            bytes[at] ^= 1 << (at % 8);
            try_with(&format!("a bit of byte {at}"), bytes);
            try_with(&format!("cut at {at}"), segment[..at].to_vec());
            let mut bytes = segment.clone();
            bytes[at..].fill(0);
            try_with(&format!("zeros from {at}"), bytes);
        }
        // Zeros behind a record's payload are part of no checksum.
        assert!(refused > used * 5 / 2, "{refused} of {}", used * 3);
    }
}

#[test]
fn a_segment_that_went_missing_is_missed() {
    let mut story = Story::new(4, Policy::EverySecond);
    (0..70).for_each(|_| story.append(100));
    story.log.sync();
    story.log.close().unwrap();
    let last = story.disk.list().unwrap().into_iter();
    let last = last.filter(|name| name != CLOSING_MARK).max().unwrap();
    story.disk.remove(&last).unwrap();
    let damage = replayed(&story.disk).1.unwrap_err().to_string();
    assert!(damage.contains(CLOSING_MARK), "{damage}");
}

/// A mark that is damaged or gone costs no data, and says nothing wrong.
#[test]
fn a_mark_that_rots_refuses_nothing() {
    let story = closed(Policy::EverySecond);
    let mark = story.disk.read(CLOSING_MARK).unwrap();
    for at in 0..mark.len() {
        let disk = story.disk.crash(0, Crash::Process);
        disk.edit(CLOSING_MARK, |bytes| bytes[at] ^= 0x10);
        let found = check(&disk, &story.issued, 20).unwrap();
        assert_eq!(found.mark, Mark::Damaged);
    }
    let disk = story.disk.crash(0, Crash::Process);
    disk.remove(CLOSING_MARK).unwrap();
    assert_eq!(
        check(&disk, &story.issued, 20).unwrap().mark,
        Mark::default()
    );
}

/// What comes after the mark is as before: torn, it may be lost.
#[test]
fn what_came_after_the_mark_may_be_torn() {
    let mut story = closed(Policy::EverySecond);
    story.append(60);
    let last = story.disk.read(&segment_name(1)).unwrap();
    let end = last.iter().rposition(|byte| *byte != 0).unwrap();
    let disk = story.disk.crash(0, Crash::Process);
    disk.edit(&segment_name(1), |bytes| bytes[end] ^= 1);
    assert_eq!(replayed(&disk).0.len(), 20);
    check(&disk, &story.issued, 20).unwrap();
}

#[test]
fn no_mark_is_written_of_what_is_not_safe() {
    let mut story = Story::new(5, Policy::No);
    story.append(10);
    story.log.close().unwrap();
    assert_eq!(Mark::read(&*story.disk).unwrap(), Mark::None, "not synced");
    story.log.sync();
    let lsn = story.log.reserve();
    story.log.close().unwrap();
    assert_eq!(Mark::read(&*story.disk).unwrap(), Mark::None, "on its way");
    story.log.append(lsn, &payload(lsn, 5, 10));
    story.disk.fail(Call::Sync, 0, 1);
    story.log.sync();
    story.log.close().unwrap();
    assert_eq!(Mark::read(&*story.disk).unwrap(), Mark::None, "failed");
}

/// Pauses are noticed by looks that see no new change, and at most once a second.
#[test]
fn a_log_is_closed_when_it_is_idle() {
    let mut story = Story::new(6, Policy::EverySecond);
    let start = crate::clock::monotonic();
    let at = |millis| start + Duration::from_millis(millis);
    let mut idle = super::super::log::pace::Idle::new(start);
    let log = story.log.clone();
    let mut look = |millis| {
        log.close_if_idle(&mut idle, at(millis));
        Mark::read(&*story.disk).unwrap().promise()
    };
    assert_eq!(look(100), 0, "there is nothing to close");
    let change = |lsn| payload(lsn, 6, 10);
    let append = || {
        let lsn = log.reserve();
        log.append(lsn, &change(lsn));
    };
    append();
    assert_eq!(look(1100), 0, "it has only just come");
    assert_eq!(look(1200), 0, "it is not synced");
    log.sync();
    assert_eq!(look(1300), 1);
    append();
    log.sync();
    assert_eq!((look(1400), look(1500)), (1, 1), "not so soon");
    assert_eq!(look(2300), 2);
    story.disk.fail(Call::Replace, 0, 1);
    append();
    log.sync();
    assert_eq!((look(3400), look(3500)), (2, 2), "the disk takes no mark");
    assert!(log.accepts_change(10) && !log.has_failed());
    assert_eq!(look(4500), 3, "now it does");
    story.issued.extend((1..=3).map(change));
    check(&story.disk, &story.issued, 3).unwrap();
}
