//! The tests of the tests: with a bug planted, the oracle speaks up.

use super::*;

/// Whether the oracle notices: in a chain of crashes of some story.
fn noticed(planted: Planted) -> usize {
    let mut noticed = 0;
    for seed in 0..100 {
        let mut story = Story::on(SimDisk::planted(planted), seed, Policy::Always);
        for _ in 0..5 {
            story.acts(30);
            let crash_seed = story.random.draw();
            match story.restart(crash_seed, Crash::Power) {
                Ok(next) => story = next,
                Err(_) => {
                    noticed += 1;
                    break;
                }
            }
        }
    }
    noticed
}

#[test]
fn nothing_is_noticed_when_nothing_is_wrong() {
    assert_eq!(noticed(Planted::Nothing), 0);
}

#[test]
fn a_sync_that_does_nothing_is_noticed() {
    assert!(noticed(Planted::NoSync) > 90);
}

#[test]
fn names_that_are_not_safe_are_noticed() {
    assert!(noticed(Planted::NoNames) > 90);
}

/// Recovery that takes the first record it cannot read for the end, whatever was promised.
#[test]
fn a_recovery_that_heeds_no_promise_is_noticed() {
    let mut story = Story::new(3, Policy::Always);
    for _ in 0..40 {
        story.append(50);
        story.log.sync();
    }
    let floor = story.floor(Crash::Power);
    story
        .disk
        .edit(&super::super::segment_name(1), |bytes| bytes[700] ^= 1);
    let (replayed, result) = replayed(&story.disk);
    assert!(matches!(result, Err(Damage::Lost { .. })));
    // It would have gone on with what it had replayed.
    assert!(judge(&replayed, &story.issued, floor).is_err());
}

/// An oracle that did not compare would see none of these.
#[test]
fn wrong_doubled_and_missing_changes_are_noticed() {
    let issued: Vec<_> = (1..=4).map(|lsn| payload(lsn, 0, 9)).collect();
    let good: Vec<_> = (1..).zip(issued.iter().cloned()).collect();
    assert!(judge(&good, &issued, 4).is_ok());
    assert!(judge(&good[..3], &issued, 3).is_ok());
    assert!(judge(&good[..3], &issued, 4).is_err());
    assert!(judge(&good[1..], &issued, 0).is_err());
    let mut doubled = good.clone();
    doubled.insert(1, good[0].clone());
    assert!(judge(&doubled, &issued, 0).is_err());
    let mut wrong = good;
    wrong[2].1 = payload(3, 1, 9);
    assert!(judge(&wrong, &issued, 0).is_err());
}
