//! Crashes at any moment, one after the other, also during a start.

use super::*;

const POLICIES: [Policy; 3] = [Policy::Always, Policy::EverySecond, Policy::No];

#[test]
fn a_crash_at_any_moment_loses_nothing_that_was_promised() {
    let mut images = 0;
    for seed in 0..1100 {
        let mut story = Story::new(seed, POLICIES[seed as usize % 3]);
        for _ in 0..12 {
            let count = story.random.below(12);
            story.acts(count);
            let (seed, crash) = story.some_crash();
            let floor = story.floor(crash);
            let image = story.disk.crash(seed, crash);
            let checked = check(&image, &story.issued, floor);
            assert!(checked.is_ok(), "story {}: {checked:?}", story.run);
            // Looking changes nothing.
            assert_eq!(check(&image, &story.issued, floor), checked);
            images += 1;
        }
    }
    println!("{images} crash images");
    assert!(images >= 10_000);
}

/// A process that ends and a machine that does, in every order: what a recovery found is safe
/// from then on.
#[test]
fn the_log_goes_on_after_crashes() {
    let mut crashes = 0;
    for seed in 0..400 {
        let mut story = Story::new(seed, POLICIES[seed as usize % 3]);
        for _ in 0..5 {
            let count = story.random.below(40);
            story.acts(count);
            let (crash_seed, crash) = story.some_crash();
            story = match story.restart(crash_seed, crash) {
                Ok(story) => story,
                Err(violation) => panic!("story {seed}: {violation}"),
            };
            crashes += 1;
        }
        assert!(check(&story.disk, &story.issued, story.issued.len() as u64).is_ok());
    }
    println!("{crashes} crashes in chains");
}

/// The process ends at every step of a fixed course of events, in the middle of making a file
/// too; then the machine may.
#[test]
fn an_end_at_every_step() {
    let mut steps = 0;
    loop {
        let mut story = Story::new(77, Policy::Always);
        story.disk.end_after(steps);
        let mut promised = 0;
        for _ in 0..120 {
            story.act();
            if !story.disk.has_ended() {
                promised = story.log.positions().1;
            }
        }
        for seed in 0..8 {
            for crash in [Crash::Process, Crash::Power] {
                let checked = check(&story.disk.crash(seed, crash), &story.issued, promised);
                assert!(
                    checked.is_ok(),
                    "after {steps} steps, {crash:?}: {checked:?}"
                );
            }
        }
        if !story.disk.has_ended() {
            break;
        }
        steps += 1;
    }
    println!("{steps} steps");
    assert!(steps > 100);
}

/// A start that ends half-way is made again, as often as it takes.
#[test]
fn an_end_at_every_step_of_a_start() {
    for seed in 0..60 {
        let mut story = Story::new(seed, Policy::Always);
        story.acts(60);
        let floor = story.floor(Crash::Power);
        let mut disk = story.disk.crash(seed, Crash::Power);
        let first = check(&disk, &story.issued, floor).unwrap();
        for steps in 0..20 {
            let found = check(&disk, &story.issued, first.last_lsn).unwrap();
            assert_eq!(found.last_lsn, first.last_lsn);
            disk.end_after(steps);
            let shared = Arc::new(disk);
            let _ = settle(&*shared).map(|()| {
                Log::start(
                    shared.clone(),
                    options(&found, seed + steps, Policy::Always),
                )
            });
            disk = shared.crash(
                seed + steps,
                [Crash::Process, Crash::Power][steps as usize % 2],
            );
        }
    }
}

/// A loss of power leaves of two segments the header of the second. The start removes the first,
/// which is empty; the next start must not take the second for a log without a beginning.
#[test]
fn a_second_segment_without_records_does_not_outlive_the_first() {
    let mut story = Story::new(11, Policy::EverySecond);
    (0..60).for_each(|_| story.append(100));
    let (first, second) = (super::super::segment_name(1), super::super::segment_name(2));
    story.disk.edit(&first, |bytes| bytes[64..].fill(0));
    story.disk.edit(&second, |bytes| bytes[64..].fill(0));
    (3..6).for_each(|n| {
        let _ = crate::io::Disk::remove(&*story.disk, &super::super::segment_name(n));
    });
    let mut story = story.restart_with(0, Crash::Process, 0).unwrap();
    assert!(story.issued.is_empty());
    let names = crate::io::Disk::list(&*story.disk).unwrap();
    assert!(
        !names.contains(&first) && names.contains(&second),
        "{names:?}"
    );
    (0..3).for_each(|_| story.append(100));
    story.log.sync();
    for _ in 0..2 {
        story = story.restart(0, Crash::Process).unwrap();
        assert_eq!(story.issued.len(), 3);
    }
}
