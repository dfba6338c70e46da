//! What only the page cache has of the log is brought to the disk, before a start reads it.
//!
//! After a sync that failed a file system may call pages clean that never got to the disk, as ext4
//! does: until they are evicted they read as they were stored, and no later sync writes them. So
//! what a start finds behind the newest promise is written again, as it reads, and synced. From
//! then on page cache and disk are the same, whatever each of them had, and what was acknowledged
//! by a process that did not wait for the disk is kept.
//!
//! Reading anew would be no substitute. `POSIX_FADV_DONTNEED` leaves pages that another process has
//! mapped and folios that begin before its range, and does not say so; `O_DIRECT` reads what the
//! disk has, and leaves a page cache that says otherwise to whoever reads next. (Both were seen on
//! an ext4 of Linux 6.18 after a sync that failed.)
//!
//! Invariants
//! - Nothing that can be read changes: bytes are written over themselves.
//! - How much is written does not grow with the log, but with what had not been synced: it ends at
//!   what a record or a header promises, which was synced by then, whoever says so.

use super::record::{HEADER_BYTES, Header};
use super::recover::{Damage, next, tail};
use super::segment;
use crate::io::{Disk, Residency};

/// See the module. An error: the disk does not take it, and nothing can be built on it.
pub fn settle(disk: &dyn Disk) -> Result<(), Damage> {
    let failed = |file: &str, error| Damage::Unreadable {
        file: file.to_owned(),
        error,
    };
    let numbers = segment::numbers(disk).map_err(|error| failed("the directory", error))?;
    let mut promise = 0;
    for number in numbers.into_iter().rev() {
        let file = segment::name(number);
        let bytes = disk.map(&file, Residency::Lazy);
        let bytes = bytes.map_err(|error| failed(&file, error))?;
        let header = Header::read(&bytes).filter(|header| header.number == number);
        let (mut from, to) = (0, tail(&bytes));
        if let Some(header) = &header {
            promise = newest_promise(header, &bytes).max(promise);
            from = place_behind(header, &bytes, promise);
        }
        drop(bytes);
        if from < to {
            let written = disk.write_again(&file, from, to);
            written.map_err(|error| failed(&file, error))?;
        }
        if header.is_some_and(|header| header.first_lsn <= promise.saturating_add(1)) {
            break;
        }
    }
    Ok(())
}

/// The LSN up to which the segment says that everything was synced.
fn newest_promise(header: &Header, bytes: &[u8]) -> u64 {
    let (mut at, mut lsn, mut promise) = (HEADER_BYTES, header.first_lsn, header.promise);
    while let Some(record) = next(header, bytes, at, lsn) {
        promise = promise.max(record.promise);
        at += record.size;
        lsn += 1;
    }
    promise
}

/// Where what was synced ends, if all up to `promise` was.
fn place_behind(header: &Header, bytes: &[u8], promise: u64) -> usize {
    if header.first_lsn > promise {
        // Nor need the header be safe.
        return 0;
    }
    let (mut at, mut lsn) = (HEADER_BYTES, header.first_lsn);
    while lsn <= promise
        && let Some(record) = next(header, bytes, at, lsn)
    {
        at += record.size;
        lsn += 1;
    }
    at
}
