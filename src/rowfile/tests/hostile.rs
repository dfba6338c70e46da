//! Files whose checksums are right and whose content cannot be: what is done with them ends, and
//! does no harm; the check of a file tells of it.

use super::damage::{Random, small};
use super::{DATABASES, beside, open};
use crate::engine::{Keyspace, Place};
use crate::fuzzing::image::{images, keyspace};
use crate::fuzzing::reading::exercise;
use crate::fuzzing::rows::{base, opened, sealed, write};
use crate::rowfile::RowFile;
use std::io::ErrorKind;

const HEADER_BYTES: usize = 64;
const BUCKET_BYTES: usize = 64;

/// A file that can be changed.
#[derive(Clone)]
struct Draft {
    /// Up to the checksums.
    bytes: Vec<u8>,
    directory_at: usize,
}

impl Draft {
    fn new(file: &[u8]) -> Draft {
        let trailer = file.len() - 64;
        let long = |at: usize| u64::from_le_bytes(*file[trailer + at..].first_chunk().unwrap());
        Draft {
            bytes: file[..long(40) as usize].to_vec(),
            directory_at: long(32) as usize,
        }
    }

    fn put(&mut self, at: u64, bytes: &[u8]) {
        let at = at as usize;
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn seal(&self) -> Vec<u8> {
        sealed(7, 0, self.directory_at as u64, &self.bytes[HEADER_BYTES..])
    }
}

/// Do everything with a file; answers what is wrong with it, if that was noticed.
fn survive(keyspace: &Keyspace, bytes: Vec<u8>) -> Option<String> {
    let file = match RowFile::open(bytes.into(), 7) {
        Ok(file) => file,
        Err(error) => return Some(error.to_string()),
    };
    assert_eq!(file.verify_all(), Ok(()));
    let wrong = keyspace.check_file(0, &file.view()).err();
    if let Err(error) = keyspace.stack(0, 0, &[file.view()]) {
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(wrong.is_some(), "{error}");
        return wrong;
    }
    let _ = write(keyspace, 0, 8);
    exercise(keyspace);
    wrong
}

/// As [`survive`], in a keyspace of its own.
fn tried(original: &Keyspace, draft: &Draft) -> Option<String> {
    survive(&beside(original), draft.seal())
}

fn places(file: &[u8]) -> (Place, Place) {
    let file = open(file, 7);
    let table = file.tables.iter().find(|table| !table.bigs.is_empty());
    let table = table.expect("a big hash");
    (table.rows.place, table.bigs[0].fields.place)
}

#[test]
fn whatever_the_directory_says() {
    let (original, bytes) = small();
    let draft = Draft::new(&bytes);
    assert_eq!(tried(&original, &draft), None, "as it was written");
    let len = bytes.len() as u64;
    let mut unnoticed = Vec::new();
    // It ends with zeros up to a multiple of 64.
    let used = draft.bytes.iter().rposition(|b| *b != 0).unwrap() + 1;
    for at in (draft.directory_at..used).step_by(4) {
        for n in [0, 1, 63, 64, len - 1, len, 1 << 31, 1 << 63, u64::MAX] {
            for width in [4, 8] {
                let mut changed = draft.clone();
                changed.bytes.resize(used.max(at + width), 0);
                changed.put(at as u64, &n.to_le_bytes()[..width]);
                if changed.bytes[..used] == draft.bytes[..used] {
                    continue;
                }
                if tried(&original, &changed).is_none() {
                    unnoticed.push((at - draft.directory_at, n, width));
                }
            }
        }
    }
    // Fewer tables than there are: all that is left is right.
    assert!(unnoticed.iter().all(|(at, ..)| *at == 0), "{unnoticed:?}");
}

#[test]
fn sections_that_cannot_be_are_told() {
    let (original, bytes) = small();
    let draft = Draft::new(&bytes);
    let (rows, fields) = places(&bytes);
    assert!(rows.buckets > 1 && rows.dues > 0 && fields.dues > 0);
    let reference_at = |place: &Place| {
        let bucket = &draft.bytes[place.buckets_at as usize..];
        let slot = bucket[..12].iter().position(|tag| *tag != 0).unwrap();
        place.buckets_at + 16 + 4 * slot as u64
    };
    for place in [rows, fields] {
        let reference = reference_at(&place);
        let tag = (reference - place.buckets_at - 16) / 4 + place.buckets_at;
        let last = (place.blocks_bytes / 8 - 1) as u32;
        let hostile: [(&str, u64, Vec<u8>); 13] = [
            ("no units", place.blocks_at, vec![0; 8]),
            ("units that go on", place.blocks_at, vec![0xff, 0xff]),
            (
                "units of 32 bits",
                place.blocks_at,
                [vec![0; 4], vec![0xff; 4]].concat(),
            ),
            ("a block of one byte too few", place.blocks_at, vec![1, 0]),
            (
                "a reference past the end",
                reference,
                u32::MAX.to_le_bytes().to_vec(),
            ),
            (
                "a reference just past it",
                reference,
                (last + 1).to_le_bytes().to_vec(),
            ),
            (
                "a reference into a block",
                reference,
                last.to_le_bytes().to_vec(),
            ),
            ("two references of a block", reference, {
                let other = &draft.bytes[reference as usize + 4..][..4];
                other.to_vec()
            }),
            ("a wrong tag", tag, vec![draft.bytes[tag as usize] ^ 1]),
            ("no tag", tag, vec![0]),
            ("tags without entries", place.buckets_at, vec![0x55; 12]),
            ("all is due too late", place.dues_at, vec![0xff; 8]),
            ("a name that is longer", place.blocks_at + 3, vec![0xff; 4]),
        ];
        for (what, at, bytes) in hostile {
            let mut changed = draft.clone();
            changed.put(at, &bytes);
            assert!(tried(&original, &changed).is_some(), "{what}, at {at}");
        }
        // A walk from bucket to bucket ends, though each says that something lies behind it.
        let mut changed = draft.clone();
        for bucket in 0..place.buckets {
            let at = place.buckets_at + bucket * BUCKET_BYTES as u64 + 12;
            changed.put(at, &[0xff; 4]);
        }
        let wrong = tried(&original, &changed).unwrap();
        assert!(wrong.contains("how many passed it"), "{wrong}");
    }
}

#[test]
fn sections_that_lie_in_each_other_are_told() {
    let (original, bytes) = small();
    let draft = Draft::new(&bytes);
    let file = open(&bytes, 7);
    let table = &file.tables[0];
    assert!(table.bigs.len() > 1, "two big hashes in the first shard");
    // Of table, section, count and the first big hash before: its section, as of its `blocks at`.
    let first = draft.directory_at + 4 + 4 + 16 + 60 + 4 + 20 + 4;
    let second = first + 80;
    let mut changed = draft.clone();
    let section = draft.bytes[first..first + 56].to_vec();
    changed.put(second as u64, &section);
    let wrong = tried(&original, &changed).unwrap();
    assert!(
        wrong.starts_with("no part of a section can be at"),
        "{wrong}"
    );
    // The same id twice.
    let mut changed = draft.clone();
    let id = draft.bytes[first - 24..][..4].to_vec();
    changed.put(second as u64 - 24, &id);
    assert!(tried(&original, &changed).is_some());
    // The row of another big hash.
    let mut changed = draft;
    changed.put(first as u64 - 20, &[7; 8]);
    assert!(tried(&original, &changed).is_some());
}

#[test]
fn rows_of_shapes_values_and_fields_that_are_not_there_are_told() {
    let (original, bytes) = small();
    // No catalog at all.
    let wrong = survive(&keyspace(DATABASES), bytes.clone()).unwrap();
    assert!(wrong.contains("cannot be read"), "{wrong}");
    // No big hashes.
    let mut draft = Draft::new(&bytes);
    let count = draft.directory_at + 4 + 4 + 16 + 60;
    draft.bytes.truncate(count);
    draft.bytes.extend_from_slice(&[0; 4]);
    draft.put(draft.directory_at as u64, &[1, 0, 0, 0]);
    let wrong = tried(&original, &draft).unwrap();
    assert!(wrong.contains("cannot be read"), "{wrong}");
}

#[test]
fn whatever_rows_and_buckets_hold() {
    let (original, bytes) = small();
    let draft = Draft::new(&bytes);
    let mut random = Random(11);
    let (mut noticed, all) = (0, 600);
    for _ in 0..all {
        let mut changed = draft.clone();
        for _ in 0..=random.below(4) {
            let at = HEADER_BYTES + random.below(draft.directory_at - HEADER_BYTES);
            let byte = match random.below(3) {
                0 => changed.bytes[at] ^ 1 << random.below(8),
                1 => [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                _ => random.below(256) as u8,
            };
            changed.bytes[at] = byte;
        }
        noticed += usize::from(tried(&original, &changed).is_some());
    }
    // The rest are other values.
    assert!(noticed > all / 4, "{noticed} of {all}");
}

/// The fuzz target reaches what is behind the checksums.
#[test]
fn files_of_the_corpus_are_right_unless_damaged() {
    let inputs: [&[u8]; 3] = [
        include_bytes!("../../../fuzz/corpus/row_file/hand-string"),
        include_bytes!("../../../fuzz/corpus/row_file/hand-mixed"),
        include_bytes!("../../../fuzz/corpus/row_file/hand-bigs-two"),
    ];
    for input in inputs {
        let files = opened(input).unwrap();
        let keyspace = base(DATABASES);
        for file in &files {
            assert_eq!(keyspace.check_file(0, &file.view()), Ok(()));
        }
        let views: Vec<_> = files.iter().map(RowFile::view).collect();
        keyspace.stack(0, 0, &views).unwrap();
        assert!(!images(&keyspace).is_empty());
    }
}
