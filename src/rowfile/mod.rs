//! Row files: the sections of one shard in one file, with checksums. Never changed once written.
//!
//! ```text
//! header:    | FSROW001 | number u64 | zeros to 64 |
//! sections   (see `engine::section`), each part at a multiple of 64
//! directory: tables u32 | so many tables                           at a multiple of 64
//!   table:   db u32 | len u64 | expiring u64 | section | bigs u32 | so many bigs
//!   big:     id u32 | hash u64 | len u64 | section
//!   section: complete u32 | blocks at u64, bytes u64 | buckets at u64, count u64 |
//!            dues at u64, count u64 | entries u64
//! checksums: CRC-32 u32 of each 64 KiB of the bytes before
//! trailer:   | FSROWEND | number u64 | shard u32 | 0 u32 | lsn u64 | directory at u64 |
//!            | checksums at u64 | 0 u64 | CRC-32 of the checksums u32 | CRC-32 of these 60 bytes |
//! ```
//!
//! Invariants
//! - Opening verifies the trailer, the checksums and the directory, and nothing else, so it takes
//!   the same time whatever the file holds.
//! - Every byte before the trailer's own is under a checksum.
//! - Reading is total: any bytes are a file or an error.

pub mod batch;
mod read;
mod write;

pub use batch::BatchFile;
pub use read::{Damage, RowFile};
pub use write::Writer;

#[cfg(test)]
mod tests;

const HEADER: &[u8; 8] = b"FSROW001";
const TRAILER: &[u8; 8] = b"FSROWEND";
const HEADER_BYTES: usize = 64;
const TRAILER_BYTES: usize = 64;

/// Bytes under one checksum.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// The name of the file of a number.
pub fn name(number: u64) -> String {
    format!("rows-{number:012}")
}

/// The number of a file of this name.
pub fn number(file: &str) -> Option<u64> {
    let number = file.strip_prefix("rows-")?.parse().ok()?;
    // A number has one name only.
    (name(number) == file).then_some(number)
}
