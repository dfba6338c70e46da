//! Recovery of a log from segments of any bytes.
//!
//! ```text
//! input: base u8, files
//! file:  how u8, number u8, length u16, bytes
//! ```
//!
//! Of a file, `how` says whether its header and the records that follow it are given checksums
//! that are right.
//!
//! Checked: what is replayed are whole records of the files, in order from the base on and without
//! a gap; the account of them; nothing is passed over that was promised.

use super::input::Input;
use crate::io::{Append, Disk, Pages, Residency, Room};
use crate::wal::record::{self, ALIGN, HEADER_BYTES, Header};
use crate::wal::{Damage, NUMBER_MAX, recover, segment_name};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

/// Bits of `how`.
const HEADER: u8 = 1;
const RECORDS: u8 = 2;
/// The records are given the LSNs that follow each other, too.
const LSNS: u8 = 4;
const LONG_NAME: u8 = 8;

/// The payload that begins with this is said to be no change.
const NO_CHANGE: u8 = 0xff;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let base = u64::from(input.u8() % 16);
    let mut files = Files::default();
    while !input.is_empty() {
        let (how, number, len) = (input.u8(), u64::from(input.u8()), input.u16());
        let mut bytes = input.take(usize::from(len)).to_vec();
        put_right(&mut bytes, how, number);
        let name = match how & LONG_NAME {
            0 => segment_name(number),
            _ => format!("wal-0{number:012}"),
        };
        files.0.insert(name, bytes);
    }
    let mut replayed: Vec<(u64, Vec<u8>)> = Vec::new();
    let found = recover(&files, base, |lsn, change| {
        replayed.push((lsn, change.to_vec()));
        change.first() != Some(&NO_CHANGE)
    });
    let all = files.records();
    for (n, (lsn, change)) in replayed.iter().enumerate() {
        assert_eq!(*lsn, base + 1 + n as u64, "in order");
        let is_it = |record: &Found| record.lsn == *lsn && record.payload == *change;
        assert!(all.iter().any(is_it), "a record that is in no file");
    }
    match found {
        Ok(found) => {
            let last = base + replayed.len() as u64;
            assert_eq!(
                (found.last_lsn, found.records),
                (last, replayed.len() as u64)
            );
            let promised = all.iter().map(|record| record.promise).max();
            assert!(promised.unwrap_or(0) <= last, "{promised:?} of {last}");
            let names = |number: &u64| files.0.contains_key(&segment_name(*number));
            assert!(
                found.empty.iter().all(names),
                "an empty segment that is not there"
            );
        }
        Err(Damage::NoChange { lsn, .. }) => {
            assert_eq!(replayed.last().map(|last| last.0), Some(lsn));
        }
        Err(Damage::Lost { lsn, .. }) => assert_eq!(lsn, base + 1 + replayed.len() as u64),
        Err(Damage::Range { value, .. }) => assert!(value > NUMBER_MAX),
        Err(Damage::Unreadable { .. }) => panic!("a disk that never fails"),
    }
}

fn put_right(bytes: &mut [u8], how: u8, number: u64) {
    let long = |bytes: &[u8], at: usize| {
        let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    let (first_lsn, signature) = (long(bytes, 16), long(bytes, 24));
    if how & HEADER != 0
        && let Some(place) = bytes.first_chunk_mut::<HEADER_BYTES>()
    {
        let promise = long(&place[..], 32);
        let header = Header {
            number,
            first_lsn,
            signature,
            promise,
        };
        *place = header.write();
    }
    if how & RECORDS == 0 {
        return;
    }
    let (mut at, mut next) = (HEADER_BYTES, first_lsn);
    while at + record::HEAD_BYTES <= bytes.len() {
        let (head, rest) = bytes[at..].split_at_mut(record::HEAD_BYTES);
        let len = usize::from(head[0]);
        let Some(payload) = rest.get(..len) else {
            break;
        };
        let lsn = match how & LSNS {
            0 => long(head, 8),
            _ => next,
        };
        let promise = lsn.saturating_sub(u64::from(head[16]));
        head.copy_from_slice(&record::head(signature, lsn, promise, payload));
        next = next.wrapping_add(1);
        at += record::size(len);
    }
}

/// A whole record, wherever it lies.
struct Found {
    lsn: u64,
    promise: u64,
    payload: Vec<u8>,
}

/// A directory in memory that is only read.
#[derive(Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    /// Every place where a record may begin, under each signature that the segment names.
    fn records(&self) -> Vec<Found> {
        let mut found = Vec::new();
        for (name, bytes) in &self.0 {
            if name.len() != segment_name(0).len() {
                continue;
            }
            for signature in record::signatures(bytes) {
                for at in (0..bytes.len()).step_by(ALIGN) {
                    found.extend(record::read(signature, &bytes[at..]).map(|record| Found {
                        lsn: record.lsn,
                        promise: record.promise,
                        payload: record.payload.to_vec(),
                    }));
                }
            }
        }
        found
    }
}

impl Disk for Files {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.0.get(name).cloned().ok_or(ErrorKind::NotFound.into())
    }

    fn create(&self, _: &str, _: usize, _: Room) -> io::Result<Box<dyn Pages>> {
        Err(ErrorKind::Unsupported.into())
    }

    fn append(&self, _: &str) -> io::Result<Box<dyn Append>> {
        Err(ErrorKind::Unsupported.into())
    }

    fn map(&self, name: &str, _: Residency) -> io::Result<Bytes> {
        self.read(name).map(Bytes::from)
    }

    fn sync_names(&self) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn replace(&self, _: &str, _: &[u8]) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn write_again(&self, _: &str, _: usize, _: usize) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn keep_aside(&self, _: &str, _: &str) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }
}
