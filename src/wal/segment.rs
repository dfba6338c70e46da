//! The files of the log: their names, and what is in a directory.

use crate::io::Disk;
use std::io;

const PREFIX: &str = "wal-";

pub fn name(number: u64) -> String {
    format!("{PREFIX}{number:012}")
}

/// The numbers of the segments of a directory, ascending.
pub fn numbers(disk: &dyn Disk) -> io::Result<Vec<u64>> {
    let names = disk.list()?;
    let digits = names.iter().filter_map(|name| name.strip_prefix(PREFIX));
    let mut numbers: Vec<u64> = digits
        .filter(|digits| digits.len() >= 12)
        .filter_map(|digits| digits.parse().ok())
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}
