//! The manifest of a data directory.
//!
//! ```text
//! input: lines, without the last, which is a checksum of them
//! ```
//!
//! Checked: what is read is written to the same bytes; files are numbered below the next, each is
//! of one shard.

use crate::checkpoint::Manifest;

pub fn run(bytes: &[u8]) {
    read(bytes);
    let crc = crc32fast::hash(bytes);
    let sealed = [bytes, format!("crc {crc:08x}\n").as_bytes()].concat();
    read(&sealed);
}

fn read(bytes: &[u8]) {
    let Ok(manifest) = Manifest::read(bytes) else {
        return;
    };
    assert_eq!(manifest.text().as_bytes(), bytes);
    let mut files: Vec<u64> = manifest.files().collect();
    files.sort_unstable();
    assert!(files.is_sorted_by(|a, b| a < b), "a file of two shards");
    assert!(files.iter().all(|file| (1..manifest.next).contains(file)));
    let (min, max) = manifest.lsns();
    assert!(min <= max && manifest.shards.len().is_power_of_two());
}
