//! Records and segment headers as bytes.
//!
//! ```text
//! record:  len u32 | crc u32 | lsn u64 | unsynced u32 | 0 u32 | payload | zeros to 8 bytes
//! header:  "FSWAL001" | number u64 | first lsn u64 | signature u64 | promise u64 | signature u64
//!          | 0 u64 | crc u64
//! ```
//!
//! `len` counts the payload. `unsynced` is how many LSNs before this one were not yet synced when
//! it was written; all ones: that or more. The checksum (CRC-32) covers the segment's signature and
//! everything but itself, so that a record of another segment, or of another use of the same disk
//! blocks, is none. A header says the signature twice: with one of them its records can still be
//! told when the rest of it is damaged.

/// Every record begins at a multiple of this.
pub const ALIGN: usize = 8;
pub const HEAD_BYTES: usize = 24;
pub const HEADER_BYTES: usize = 64;
const MAGIC: &[u8; 8] = b"FSWAL001";
/// No LSN, number of a file or time is larger: counting on from one never overflows.
pub const NUMBER_MAX: u64 = i64::MAX as u64;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub lsn: u64,
    /// Everything up to this LSN was synced when the record was written.
    pub promise: u64,
    pub payload: &'a [u8],
    /// Bytes it takes in the segment.
    pub size: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub number: u64,
    pub first_lsn: u64,
    pub signature: u64,
    /// As that of a record.
    pub promise: u64,
}

pub fn size(payload: usize) -> usize {
    (HEAD_BYTES + payload).next_multiple_of(ALIGN)
}

fn checksum(signature: u64, lsn: u64, rest: u64, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&signature.to_le_bytes());
    crc.update(&lsn.to_le_bytes());
    crc.update(&rest.to_le_bytes());
    crc.update(payload);
    crc.finalize()
}

/// The head of a record; the payload follows it.
pub fn head(signature: u64, lsn: u64, promise: u64, payload: &[u8]) -> [u8; HEAD_BYTES] {
    let unsynced = u32::try_from(lsn.saturating_sub(promise)).unwrap_or(u32::MAX);
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let rest = u64::from(len) | u64::from(unsynced) << 32;
    let crc = checksum(signature, lsn, rest, payload);
    let mut head = [0; HEAD_BYTES];
    head[..4].copy_from_slice(&len.to_le_bytes());
    head[4..8].copy_from_slice(&crc.to_le_bytes());
    head[8..16].copy_from_slice(&lsn.to_le_bytes());
    head[16..20].copy_from_slice(&unsynced.to_le_bytes());
    head
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// What the record at the start of `bytes` promises, if it is one: its checksum was not looked at.
pub fn promise(bytes: &[u8]) -> Option<u64> {
    let (lsn, unsynced) = (long(bytes, 8)?, long(bytes, 16)?);
    match unsynced {
        // All ones.
        0xffff_ffff => None,
        _ => lsn.checked_sub(unsynced),
    }
}

/// The signatures that a header names, be it whole or not.
pub fn signatures(bytes: &[u8]) -> impl Iterator<Item = u64> {
    [24, 40].into_iter().filter_map(|at| long(bytes, at))
}

/// The record at the start of `bytes`, if there is a whole one.
pub fn read(signature: u64, bytes: &[u8]) -> Option<Record<'_>> {
    let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
    let word = |at: usize| Some(u32::from_le_bytes(*head.get(at..)?.first_chunk()?));
    let (len, crc, unsynced, zero) = (word(0)?, word(4)?, word(16)?, word(20)?);
    let lsn = u64::from(word(8)?) | u64::from(word(12)?) << 32;
    if lsn == 0 || lsn > NUMBER_MAX || zero != 0 {
        return None;
    }
    let payload = rest.get(..usize::try_from(len).ok()?)?;
    let all = u64::from(len) | u64::from(unsynced) << 32;
    if checksum(signature, lsn, all, payload) != crc {
        return None;
    }
    let promise = match unsynced {
        u32::MAX => 0,
        _ => lsn.checked_sub(u64::from(unsynced))?,
    };
    Some(Record {
        lsn,
        promise,
        payload,
        size: size(payload.len()),
    })
}

impl Header {
    pub fn write(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_lsn.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.signature.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.promise.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.signature.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..56]);
        bytes[56..60].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub fn read(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.first_chunk::<HEADER_BYTES>()?;
        let long = |at| long(bytes, at);
        let crc = u64::from(crc32fast::hash(bytes.get(..56)?));
        let header = Header {
            number: long(8)?,
            first_lsn: long(16)?,
            signature: long(24)?,
            promise: long(32)?,
        };
        (bytes.starts_with(MAGIC) && long(56)? == crc && header.first_lsn > 0).then_some(header)
    }
}
