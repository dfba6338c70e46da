//! Files that were cut, in which bits flipped, or which are in the place of another.

use super::super::{Damage, RowFile, TRAILER_BYTES};
use super::{DATABASES, big, fill, open, put, remove_fields};
use crate::engine::{KeyExpire, Keyspace};
use crate::fuzzing::image::keyspace;
use crate::fuzzing::rows::write;

/// A small file with a row of each kind.
pub fn small() -> (Keyspace, Vec<u8>) {
    let keyspace = keyspace(DATABASES);
    fill(&keyspace, 60);
    let names = (0..).map(|n| format!("big:{n}"));
    let is_in_first = |name: &String| keyspace.key(0, name.as_bytes()).hash >> 62 == 0;
    for name in names.filter(is_in_first).take(3) {
        // A hash that was big stays so.
        big(&keyspace, &name, 0..520);
        remove_fields(&keyspace, &name, 12..520);
    }
    let bytes = write(&keyspace, 0, 7).unwrap();
    (keyspace, bytes)
}

/// Numbers from a seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

fn is_noticed(bytes: Vec<u8>) -> bool {
    RowFile::open(bytes.into(), 7).map_or(true, |file| file.verify_all().is_err())
}

#[test]
fn every_cut_is_noticed() {
    let (_, bytes) = small();
    assert!(bytes.len() < 16 << 10, "{}", bytes.len());
    for len in 0..bytes.len() {
        let cut = bytes[..len].to_vec();
        assert!(RowFile::open(cut.into(), 7).is_err(), "cut at {len}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(RowFile::open(longer.into(), 7).is_err());
}

#[test]
fn bits_that_flip_are_noticed() {
    let (_, bytes) = small();
    let trailer = bytes.len() - TRAILER_BYTES;
    let long = |at: usize| u64::from_le_bytes(*bytes[trailer + at..].first_chunk().unwrap());
    let directory = long(32) as usize;
    assert!(directory < long(40) as usize && (long(40) as usize) < trailer);
    let (mut random, mut flips) = (Random(3), 0);
    for bit in 0..bytes.len() * 8 {
        let at = bit / 8;
        let everywhere = at < 64 || at >= directory;
        if everywhere || random.below(50) == 0 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (bit % 8);
            assert!(is_noticed(flipped), "bit {bit}");
            flips += 1;
        }
    }
    assert!(flips > 2_000, "{flips}");
}

#[test]
fn a_flip_is_told_by_its_piece() {
    let keyspace = keyspace(DATABASES);
    fill(&keyspace, 5);
    let mut names = (0..).map(|n| format!("long:{n}"));
    // Two of 300 KiB somewhere in the first shard.
    while keyspace.used_memory() < 8 * (300 << 10) {
        let name = names.next().unwrap();
        put(
            &keyspace,
            0,
            &name,
            &vec![b'x'; 300 << 10],
            KeyExpire::Clear,
        );
    }
    let bytes = write(&keyspace, 0, 7).unwrap();
    let checked = open(&bytes, 7);
    assert!(checked.chunks() > 4, "{}", checked.chunks());
    let mut random = Random(5);
    for _ in 0..100 {
        let chunk = random.below(checked.chunks() - 1);
        let at = chunk * super::super::CHUNK_BYTES + random.below(super::super::CHUNK_BYTES);
        if at < 8 {
            continue;
        }
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << random.below(8);
        let file = open(&flipped, 7);
        let expected = Damage::Chunk(chunk * super::super::CHUNK_BYTES);
        assert_eq!(file.verify_all(), Err(expected));
    }
}

#[test]
fn a_file_in_the_place_of_another_is_noticed() {
    let (keyspace, bytes) = small();
    let error = RowFile::open(bytes.clone().into(), 8).unwrap_err();
    assert_eq!(error, Damage::Number(7));
    let file = open(&bytes, 7);
    assert_eq!(file.shard, 0);
    assert_eq!(keyspace.check_file(0, &file.view()), Ok(()));
    let wrong = keyspace.check_file(1, &file.view()).unwrap_err();
    assert!(wrong.contains("is of another shard"), "{wrong}");
}

#[test]
fn a_file_has_one_name_only() {
    for (file, expected) in [
        ("rows-000000000001", Some(1)),
        ("rows-1000000000000", Some(1_000_000_000_000)),
        ("rows-0000000000001", None),
        ("rows-+00000000001", None),
        ("rows-1", None),
        ("rows-000000000001.new", None),
        ("MANIFEST", None),
    ] {
        assert_eq!(super::super::number(file), expected, "{file}");
    }
}
