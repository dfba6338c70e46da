//! Bytes that rot, files that are cut or missing: what was promised is missed, aloud; what was not
//! may be gone; nothing wrong is ever replayed.

use super::super::record::{self, HEAD_BYTES, HEADER_BYTES, Header};
use super::super::survey::Survey;
use super::super::{NUMBER_MAX, segment_name};
use super::*;
use crate::io::Disk;
use std::collections::BTreeMap;

/// Where a record lies.
struct Place {
    segment: u64,
    at: usize,
    /// Without the zeros behind it.
    len: usize,
    promise: u64,
}

type Files = BTreeMap<u64, Vec<u8>>;

/// A log of three segments, synced now and then, of which the test knows where everything lies.
struct Known {
    story: Story,
    places: Vec<Place>,
    files: Files,
}

fn known(seed: u64) -> Known {
    let mut story = Story::new(seed, Policy::Always);
    let mut places = Vec::new();
    let (mut segment, mut at) = (1, HEADER_BYTES);
    loop {
        let promise = story.log.positions().1;
        let before = story.issued.len();
        let len = story.random.below(150);
        let size = record::size(payload(before as u64 + 1, seed, len).len());
        if at + size > SEGMENT_BYTES {
            (segment, at) = (segment + 1, HEADER_BYTES);
        }
        if segment > 3 || segment == 3 && at > 3000 {
            break;
        }
        story.append(len);
        let len = HEAD_BYTES + story.issued[before].len();
        places.push(Place {
            segment,
            at,
            len,
            promise,
        });
        at += size;
        // Nothing is promised about the end of it.
        if story.random.chance(20) && !(segment == 3 && at > 1500) {
            story.log.sync();
        }
    }
    let read = |number| (number, story.disk.read(&segment_name(number)).unwrap());
    let files = (1..=3).map(read).collect();
    Known {
        story,
        places,
        files,
    }
}

impl Known {
    /// How many changes there must be after such a damage, none if it must be refused.
    fn expected(&self, now: &Files) -> Option<usize> {
        let same = |segment: &u64, from: usize, to: usize| {
            let now = now.get(segment).and_then(|bytes| bytes.get(from..to));
            now == self.files[segment].get(from..to)
        };
        let header = |segment: &u64| same(segment, 0, HEADER_BYTES);
        let signed = |segment: &u64| same(segment, 24, 32) || same(segment, 40, 48);
        let whole = |p: &Place| same(&p.segment, p.at, p.at + p.len);
        let gone = self
            .places
            .iter()
            .position(|p| !whole(p) || !header(&p.segment));
        let Some(gone) = gone else {
            return Some(self.places.len());
        };
        let lsn = gone as u64 + 1;
        // A record says so, or the header that was written just before the first one.
        let says = |p: &Place| {
            let first = p.at == HEADER_BYTES && header(&p.segment);
            p.promise >= lsn && (first || whole(p) && signed(&p.segment))
        };
        let beginning = gone == 0 && [2, 3].iter().any(header);
        let refused = beginning || self.places.iter().any(says);
        (!refused).then_some(gone)
    }

    fn check(&self, now: &Files, what: &str) -> bool {
        let disk = SimDisk::default();
        for (number, bytes) in now {
            disk.put(&segment_name(*number), bytes.clone());
        }
        let (replayed, result) = replayed(&disk);
        if let Err(violation) = judge(&replayed, &self.story.issued, 0) {
            panic!("{what}: {violation}");
        }
        match (result, self.expected(now)) {
            (Ok(_), Some(count)) => assert_eq!(replayed.len(), count, "{what}"),
            (Err(Damage::Lost { .. }), None) => return true,
            (result, expected) => panic!("{what}: {expected:?} expected, {result:?}"),
        }
        false
    }
}

#[test]
fn the_places_are_as_the_test_believes() {
    let known = known(1);
    assert_eq!(known.story.disk.list().unwrap().len(), 3);
    for (n, place) in known.places.iter().enumerate() {
        let bytes = &known.files[&place.segment][place.at + HEAD_BYTES..][..place.len - HEAD_BYTES];
        assert_eq!(bytes, known.story.issued[n]);
    }
    assert_eq!(known.expected(&known.files), Some(known.places.len()));
}

#[test]
fn a_flipped_bit_in_every_byte() {
    let known = known(2);
    let (mut refused, mut accepted) = (0, 0);
    for number in 1..=3 {
        for at in 0..SEGMENT_BYTES {
            let mut now = known.files.clone();
            now.get_mut(&number).unwrap()[at] ^= 1 << (at % 8);
            match known.check(&now, &format!("a bit of byte {at} of segment {number}")) {
                true => refused += 1,
                false => accepted += 1,
            }
        }
    }
    println!("{refused} flips refused, {accepted} of no promise");
    assert!(refused > 7000 && accepted > 1000);
}

#[test]
fn the_last_segment_cut_at_every_length() {
    let known = known(3);
    for len in 0..SEGMENT_BYTES {
        let mut now = known.files.clone();
        now.get_mut(&3).unwrap().truncate(len);
        known.check(&now, &format!("cut at {len}"));
    }
}

#[test]
fn every_segment_overwritten_from_every_eighth_byte() {
    let known = known(4);
    let mut random = Random(4);
    for number in 1..=3 {
        for at in (0..SEGMENT_BYTES).step_by(8) {
            let mut now = known.files.clone();
            now.get_mut(&number).unwrap()[at..].fill(0);
            known.check(&now, &format!("zeros from {at} of segment {number}"));
            let garbage = &mut now.get_mut(&number).unwrap()[at..];
            garbage.fill_with(|| u8::try_from(random.draw() % 256).unwrap());
            known.check(&now, &format!("garbage from {at} of segment {number}"));
        }
    }
}

#[test]
fn a_tail_that_was_never_promised_is_no_error() {
    let mut story = Story::new(5, Policy::No);
    (0..70).for_each(|_| story.append(100));
    let found = check(&story.disk, &story.issued, 70).unwrap();
    let last = segment_name(found.last_segment);
    for len in 0..SEGMENT_BYTES {
        let disk = story.disk.crash(0, Crash::Process);
        disk.edit(&last, |bytes| bytes.truncate(len));
        check(&disk, &story.issued, 20).unwrap();
    }
}

#[test]
fn missing_segments() {
    let known = known(6);
    for number in 1..=3 {
        let mut now = known.files.clone();
        now.remove(&number);
        let refused = known.check(&now, &format!("segment {number} is missing"));
        // That the last one is, nothing tells.
        assert_eq!(refused, number < 3);
    }
}

/// Even if nothing was promised: a log does not begin in the middle.
#[test]
fn the_beginning_is_missing() {
    let mut story = Story::new(6, Policy::No);
    (0..70).for_each(|_| story.append(100));
    story.disk.remove(&segment_name(1)).unwrap();
    assert!(matches!(
        replayed(&story.disk).1,
        Err(Damage::Lost { lsn: 1, .. })
    ));
}

#[test]
fn segments_that_are_not_of_this_log() {
    let known = known(7);
    let all = known.places.len();
    let with = |number: u64, bytes: &[u8]| {
        let disk = known.story.disk.crash(0, Crash::Process);
        disk.put(&segment_name(number), bytes.to_vec());
        let (replayed, result) = replayed(&disk);
        judge(&replayed, &known.story.issued, 0).unwrap();
        result.map(|found| (found.last_lsn, found.empty.contains(&number)))
    };
    let count = all as u64;
    assert_eq!(with(9, &[0; SEGMENT_BYTES]).unwrap(), (count, true));
    assert_eq!(with(9, &[]).unwrap(), (count, true));
    // A copy behind the log says nothing new; before it, it speaks of what was not yet seen.
    assert_eq!(with(9, &known.files[&2]).unwrap(), (count, false));
    assert!(with(0, &known.files[&2]).is_err());
    let mut other = Story::new(8, Policy::No);
    (0..90).for_each(|_| other.append(100));
    let other = other.disk.read(&segment_name(4)).unwrap();
    assert_eq!(with(4, &other).unwrap(), (count, false));
    // The records of another run under a header of this one.
    let mixed = [&known.files[&3][..HEADER_BYTES], &other[HEADER_BYTES..]].concat();
    let disk = known.story.disk.crash(0, Crash::Process);
    disk.edit(&segment_name(3), |bytes| *bytes = mixed);
    let (replayed, result) = replayed(&disk);
    judge(&replayed, &known.story.issued, 0).unwrap();
    assert!(result.unwrap().last_lsn < count);
}

/// The one record that tells ends in zeros, as the rest of its segment does.
#[test]
fn a_record_that_ends_in_zeros_can_tell() {
    let mut story = Story::new(9, Policy::Always);
    (0..2).for_each(|_| story.append(20));
    story.log.sync();
    story.append(20);
    assert!(story.issued[2].ends_with(&[0; 16]));
    story.disk.edit(&segment_name(1), |bytes| {
        bytes[HEADER_BYTES + HEAD_BYTES] ^= 1
    });
    assert!(matches!(
        replayed(&story.disk).1,
        Err(Damage::Lost { lsn: 1, .. })
    ));
}

/// After a restart the header of the new segment speaks for everything before it.
#[test]
fn the_last_record_before_a_restart_is_missed() {
    let mut story = Story::new(9, Policy::Always);
    (0..5).for_each(|_| story.append(100));
    story.log.sync();
    let damage = |disk: &SimDisk| disk.edit(&segment_name(1), |bytes| bytes[64 + 4 * 152] ^= 1);
    let story = story.restart(0, Crash::Process).unwrap();
    damage(&story.disk);
    assert!(matches!(
        replayed(&story.disk).1,
        Err(Damage::Lost { lsn: 1..=5, .. })
    ));
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    let mut story = Story::new(10, Policy::Always);
    (0..70).for_each(|_| story.append(100));
    story.disk.fail(crate::io::sim::Call::Read, 1, 1);
    assert!(matches!(
        replayed(&story.disk).1,
        Err(Damage::Unreadable { .. })
    ));
    check(&story.disk, &story.issued, 70).unwrap();
}

/// A segment of one record.
fn segment(number: u64, first_lsn: u64) -> Vec<u8> {
    let header = Header {
        number,
        first_lsn,
        signature: 7,
        promise: 0,
    };
    let change = payload(first_lsn, 1, 10);
    let head = record::head(7, first_lsn, 0, &change);
    [&header.write()[..], &head, &change].concat()
}

#[test]
fn lsns_that_cannot_be_counted_on_from_are_refused_by_name() {
    for lsn in [NUMBER_MAX + 1, u64::MAX] {
        let disk = SimDisk::default();
        disk.put(&segment_name(3), segment(3, lsn));
        for base in [0, lsn - 1] {
            let found = recover(&disk, base, |_, _| true).unwrap_err();
            assert_eq!(
                found.to_string(),
                format!(
                    "wal-000000000003: its first LSN is {lsn}, and can be {NUMBER_MAX} at most"
                )
            );
        }
        // Whoever looks at it all the same counts on from nothing.
        let survey = Survey::of(3, &segment(3, lsn));
        assert_eq!(
            (survey.reached(), survey.last_named()),
            (Some(lsn), lsn - 1)
        );
    }
    let disk = SimDisk::default();
    disk.put(&segment_name(3), segment(3, NUMBER_MAX));
    let found = recover(&disk, NUMBER_MAX - 1, |_, _| true).unwrap();
    assert_eq!((found.records, found.last_lsn), (1, NUMBER_MAX));
}

/// The next segment has the number behind the last.
#[test]
fn numbers_of_segments_that_cannot_be_counted_on_from_are_refused_by_name() {
    for number in [NUMBER_MAX + 1, u64::MAX] {
        for bytes in [Vec::new(), vec![0; 64], segment(number, 2)] {
            let disk = SimDisk::default();
            disk.put(&segment_name(1), segment(1, 1));
            disk.put(&segment_name(number), bytes);
            let (_, found) = replayed(&disk);
            assert_eq!(
                found.unwrap_err().to_string(),
                format!(
                    "wal-{number}: the number in its name is {number}, and can be {NUMBER_MAX} at \
                     most"
                )
            );
        }
    }
    let disk = SimDisk::default();
    disk.put(&segment_name(NUMBER_MAX), segment(NUMBER_MAX, 1));
    let (_, found) = replayed(&disk);
    let found = found.unwrap();
    let log = Log::start(Arc::new(disk), options(&found, 2, Policy::Always)).unwrap();
    log.prepare();
}
