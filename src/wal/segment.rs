//! The files of the log: their names, and what is in a directory.

use crate::io::Disk;
use std::io;

const PREFIX: &str = "wal-";

/// A segment with records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    pub number: u64,
    pub first_lsn: u64,
    /// Up to the end of its last record; 0 while there is more to come.
    pub bytes: usize,
}

impl Kept {
    pub fn new(number: u64, first_lsn: u64) -> Kept {
        Kept {
            number,
            first_lsn,
            bytes: 0,
        }
    }
}

pub fn name(number: u64) -> String {
    format!("{PREFIX}{number:012}")
}

/// The numbers of the segments of a directory, ascending. Other files may be there.
pub fn numbers(disk: &dyn Disk) -> io::Result<Vec<u64>> {
    let names = disk.list()?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| number(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// A number has one name only.
pub fn number(file: &str) -> Option<u64> {
    let number = file.strip_prefix(PREFIX)?.parse().ok()?;
    (name(number) == file).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_one_name_only() {
        for (file, expected) in [
            ("wal-000000000001", Some(1)),
            ("wal-1000000000000", Some(1_000_000_000_000)),
            ("wal-0000000000001", None),
            ("wal-+00000000001", None),
            ("wal-1", None),
            ("wal-000000000001.new", None),
            ("MANIFEST", None),
        ] {
            assert_eq!(number(file), expected, "{file}");
        }
    }
}
