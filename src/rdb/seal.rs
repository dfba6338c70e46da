//! What ends a payload: the RDB version and the checksum of all before it.

use super::RdbError;
use super::crc64::crc64;

/// The newest version we read: Redis 8.10's.
const VERSION_MAX: u16 = 15;
/// Valkey 9's, which counts on from here.
const VERSION_OF_VALKEY: u16 = 80;

pub fn seal(mut body: Vec<u8>, version: u16) -> Vec<u8> {
    body.extend_from_slice(&version.to_le_bytes());
    let crc = crc64(&body);
    body.extend_from_slice(&crc.to_le_bytes());
    body
}

/// The type byte and the body of a payload whose seal is right.
pub fn open(payload: &[u8]) -> Result<&[u8], RdbError> {
    let (sealed, crc) = payload.split_last_chunk().ok_or(RdbError::Seal)?;
    let (body, version) = sealed.split_last_chunk().ok_or(RdbError::Seal)?;
    let version = u16::from_le_bytes(*version);
    if u64::from_le_bytes(*crc) != crc64(sealed) {
        return Err(RdbError::Seal);
    }
    match version <= VERSION_MAX || version == VERSION_OF_VALKEY {
        true => Ok(body),
        false => Err(RdbError::Version(version)),
    }
}
