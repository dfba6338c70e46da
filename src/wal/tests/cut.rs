//! A damaged log is cut: the prefix is left, the originals are kept, whenever the machine ends.

use super::super::cut::Cut;
use super::super::{CLOSING_MARK, segment_name};
use super::*;
use crate::io::Disk;
use std::collections::BTreeMap;

const FOLDER: &str = "cut-1";

/// A log of several segments, all of it promised.
fn log(seed: u64) -> (Story, BTreeMap<String, Vec<u8>>) {
    let mut story = Story::new(seed, Policy::Always);
    for n in 0..120 {
        let len = story.random.below(150);
        story.append(len);
        if n % 3 == 0 {
            story.log.sync();
        }
    }
    story.log.sync();
    story.log.close().unwrap();
    let names = story.disk.list().unwrap().into_iter();
    let read = |name: String| {
        let bytes = story.disk.read(&name).unwrap();
        (name, bytes)
    };
    let files: BTreeMap<_, _> = names.map(read).collect();
    assert!(files.len() > 4, "{} segments and the mark", files.len());
    (story, files)
}

fn disk(files: &BTreeMap<String, Vec<u8>>) -> SimDisk {
    let disk = SimDisk::default();
    for (name, bytes) in files {
        disk.put(name, bytes.clone());
    }
    disk
}

/// Every file that the cut takes away or changes is somewhere, byte for byte.
fn all_kept(disk: &SimDisk, files: &BTreeMap<String, Vec<u8>>, what: &str) {
    for (name, bytes) in files {
        let aside = disk.read(&format!("{FOLDER}/{name}"));
        let kept = [disk.read(name), aside].into_iter().flatten();
        assert!(
            kept.into_iter().any(|kept| kept == *bytes),
            "{what}: {name}"
        );
    }
}

type Damaging = fn(&mut BTreeMap<String, Vec<u8>>);

const DAMAGES: &[(&str, Damaging)] = &[
    ("a record", |files| {
        files.get_mut(&segment_name(2)).unwrap()[600] ^= 1;
    }),
    ("a header", |files| {
        files.get_mut(&segment_name(2)).unwrap()[9] ^= 1;
    }),
    ("the first header", |files| {
        files.get_mut(&segment_name(1)).unwrap()[9] ^= 1;
    }),
    ("a segment that is missing", |files| {
        files.remove(&segment_name(2));
    }),
    ("the first segment, missing", |files| {
        files.remove(&segment_name(1));
    }),
    ("the last segment, missing", |files| {
        let last = files.keys().rfind(|name| *name != CLOSING_MARK);
        let last = last.unwrap().clone();
        files.remove(&last);
    }),
    ("the last record", |files| {
        let last = files.iter_mut().rfind(|(name, _)| *name != CLOSING_MARK);
        let (_, bytes) = last.unwrap();
        let at = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        bytes[at] ^= 1;
    }),
    ("all of the segments", |files| {
        let segments = files.iter_mut().filter(|(name, _)| *name != CLOSING_MARK);
        segments.for_each(|(_, bytes)| bytes.fill(0));
    }),
];

#[test]
fn what_is_left_is_the_prefix_and_goes_on() {
    for (what, damage) in DAMAGES {
        let (story, mut files) = log(7);
        damage(&mut files);
        let disk = disk(&files);
        let (before, result) = replayed(&disk);
        let damage = result.expect_err(what);
        let cut = Cut::plan(&disk, &damage, 5).unwrap().expect(what);
        assert_eq!(cut.lsn, before.len() as u64 + 1, "{what}");
        assert_eq!(cut.last, story.issued.len() as u64, "{what}");
        cut.make(&disk, FOLDER).unwrap();
        all_kept(&disk, &files, what);
        let (after, result) = replayed(&disk);
        assert_eq!(after, before, "{what}");
        let found = result.expect(what);
        assert!(found.segments > 0, "{what}: a log without a segment");
        // The log goes on behind the cut, from start to start.
        let disk = Arc::new(disk);
        for run in 50..52 {
            let found = replayed(&disk).1.expect(what);
            let log = Log::start(disk.clone(), options(&found, run, Policy::Always)).unwrap();
            let lsn = log.reserve();
            log.append(lsn, &payload(lsn, run, 20));
            log.sync();
        }
        let (after, result) = replayed(&disk);
        assert!(result.is_ok() && after.len() == before.len() + 2, "{what}");
    }
}

/// The machine ends after every step; another cut is made then, if the log is still damaged.
#[test]
fn a_crash_in_between_loses_nothing() {
    for (what, damage) in DAMAGES {
        let (_, mut files) = log(8);
        damage(&mut files);
        let mut steps = 0;
        loop {
            let disk = disk(&files);
            let (before, result) = replayed(&disk);
            let damage = result.expect_err(what);
            let cut = Cut::plan(&disk, &damage, 5).unwrap().expect(what);
            disk.end_after(steps);
            let done = cut.make(&disk, FOLDER).is_ok();
            for seed in 0..4 {
                let what = format!("{what}, {steps} steps, seed {seed}");
                let disk = disk.crash(seed, Crash::Power);
                all_kept(&disk, &files, &what);
                let (after, result) = replayed(&disk);
                assert_eq!(after, before, "{what}");
                if let Err(damage) = result {
                    assert!(!done, "{what}: {damage}");
                    let cut = Cut::plan(&disk, &damage, 6).unwrap().expect(&what);
                    cut.make(&disk, "cut-2").unwrap();
                    let (again, result) = replayed(&disk);
                    assert!(result.is_ok() && again == before, "{what}");
                }
            }
            if done {
                break;
            }
            steps += 1;
        }
        assert!(steps > 5, "{what}: {steps} steps");
    }
}

/// Files hold all up to an LSN that the log does not reach: what is left of it is in the way.
#[test]
fn a_log_that_ends_below_the_base_begins_anew() {
    let (_, mut files) = log(9);
    files.remove(&segment_name(2));
    let disk = disk(&files);
    // The first segment ends below, the third begins behind.
    let base = 40;
    let none = |_: u64, _: &[u8]| true;
    let damage = recover(&disk, base, none).expect_err("damage");
    let cut = Cut::plan(&disk, &damage, 5).unwrap().unwrap();
    assert_eq!(cut.lsn, base + 1);
    cut.make(&disk, FOLDER).unwrap();
    all_kept(&disk, &files, "below the base");
    let found = recover(&disk, base, none).unwrap();
    assert_eq!(
        (found.last_lsn, found.records, found.segments),
        (base, 0, 1)
    );
}

/// Damage among changes that files hold does not hide those that come behind it later.
#[test]
fn what_is_behind_damage_below_the_base_comes_back() {
    let (story, mut files) = log(10);
    let base = story.issued.len() as u64;
    let mut last = files
        .values_mut()
        .filter(|bytes| bytes.len() > 88 && bytes[64..88] != [0; 24]);
    last.next_back().unwrap()[70] ^= 1;
    let disk = Arc::new(disk(&files));
    for run in 0..3 {
        let found = recover(&*disk, base, |_, _| true).unwrap();
        assert_eq!((found.last_lsn, found.records), (base + run, run));
        let log = Log::start(disk.clone(), options(&found, 60 + run, Policy::Always)).unwrap();
        let lsn = log.reserve();
        log.append(lsn, &payload(lsn, run, 20));
        log.sync();
    }
}
