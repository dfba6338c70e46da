//! The closing mark: a small file that says up to which LSN the log was synced when nothing more
//! came for a while, or when the server stopped in good order.
//!
//! A record can only promise what was synced before it, so nothing in the segments speaks for the
//! last records of a log that is idle. The mark does: with it, damage to those is told from a tail
//! that was torn. It is a file of its own, and no record behind the others, because rot takes whole
//! blocks, and a file can be cut short or lost: what speaks for the end of the log must not lie
//! beside it.
//!
//! ```text
//! "FSCLOSE1" | lsn u64 | crc u32 | 0 u32      crc: CRC-32 of the 16 bytes before it
//! ```
//!
//! Invariants
//! - It is written once everything up to its LSN was synced, and replaced in one step: a crash
//!   leaves the one before it, which promises less.
//! - It only tells more than the segments do. One that is missing or damaged tells nothing; no data
//!   is lost with it.

use super::record::NUMBER_MAX;
use crate::io::Disk;
use std::io;

pub const NAME: &str = "SYNCED";
const MAGIC: &[u8; 8] = b"FSCLOSE1";
const BYTES: usize = 24;

/// What the directory says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    #[default]
    None,
    /// It is there and cannot be trusted.
    Damaged,
    /// Everything up to this LSN was synced.
    SyncedTo(u64),
}

impl Mark {
    pub fn read(disk: &dyn Disk) -> io::Result<Mark> {
        match disk.read(NAME) {
            Ok(bytes) => Ok(decode(&bytes).map_or(Mark::Damaged, Mark::SyncedTo)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Mark::None),
            Err(error) => Err(error),
        }
    }

    /// The LSN up to which it promises that the log is there; 0 if it promises nothing.
    pub fn promise(self) -> u64 {
        match self {
            Mark::SyncedTo(lsn) => lsn,
            Mark::None | Mark::Damaged => 0,
        }
    }
}

/// Say that everything up to `lsn` is synced.
pub fn write(disk: &dyn Disk, lsn: u64) -> io::Result<()> {
    disk.replace(NAME, &encode(lsn))
}

fn encode(lsn: u64) -> [u8; BYTES] {
    debug_assert!(lsn <= NUMBER_MAX, "LSN {lsn}");
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&lsn.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..16]);
    bytes[16..20].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<u64> {
    let (magic, rest) = bytes.split_first_chunk::<8>()?;
    let lsn = u64::from_le_bytes(*rest.first_chunk()?);
    // Every byte counts, and there is one way to write a number.
    (magic == MAGIC && lsn <= NUMBER_MAX && encode(lsn) == *bytes).then_some(lsn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::sim::SimDisk;

    #[test]
    fn it_reads_as_it_was_written_and_no_changed_byte_passes() {
        for lsn in [0, 1, 77, NUMBER_MAX] {
            let bytes = encode(lsn);
            assert_eq!(decode(&bytes), Some(lsn));
            for at in 0..BYTES {
                for bit in 0..8 {
                    let mut bad = bytes;
                    bad[at] ^= 1 << bit;
                    assert_eq!(decode(&bad), None, "bit {bit} of byte {at}");
                }
                assert_eq!(decode(&bytes[..at]), None, "cut at {at}");
            }
            assert_eq!(decode(&[&bytes[..], b"x"].concat()), None);
        }
    }

    #[test]
    fn a_directory_has_none_or_one() {
        let disk = SimDisk::default();
        assert_eq!(Mark::read(&disk).unwrap(), Mark::None);
        write(&disk, 5).unwrap();
        write(&disk, 7).unwrap();
        assert_eq!(Mark::read(&disk).unwrap(), Mark::SyncedTo(7));
        disk.put(NAME, b"FSCLOSE1".to_vec());
        assert_eq!(Mark::read(&disk).unwrap(), Mark::Damaged);
    }
}
