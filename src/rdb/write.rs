//! From a value to a payload. Strings are not compressed: who reads them need not be told.

use super::kind;
use super::seal::seal;

/// Redis 7.0's, which restores anything up to it; what we write at it has not changed since 2.0.
const VERSION: u16 = 10;
/// The first that has expiries of fields: Redis 7.4's.
const VERSION_WITH_EXPIRIES: u16 = 12;
/// Redis stores no longer text as an integer: `-2147483648`.
const INTEGER_BYTES_MAX: usize = 11;

/// The payload of a string.
pub fn dump_string(value: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(value.len().saturating_add(24));
    body.push(kind::STRING);
    put_string(&mut body, value);
    seal(body, VERSION)
}

/// Writes the payload of a hash, field by field.
pub struct HashWriter {
    body: Vec<u8>,
    expire_min: Option<u64>,
}

impl HashWriter {
    /// For so many fields, of which the first to expire does so at `expire_min`; `None`: none
    /// expires, and Redis before 7.4 restores it too.
    pub fn new(fields: usize, expire_min: Option<u64>) -> HashWriter {
        let mut body = Vec::new();
        match expire_min {
            None => body.push(kind::HASH),
            Some(expire_min) => {
                body.push(kind::HASH_METADATA);
                body.extend_from_slice(&expire_min.to_le_bytes());
            }
        }
        put_length(&mut body, fields as u64);
        HashWriter { body, expire_min }
    }

    /// Write the next field; `expire_at` is not before the first of all.
    pub fn field(&mut self, name: &[u8], value: &[u8], expire_at: Option<u64>) {
        if let Some(expire_min) = self.expire_min {
            let later = expire_at.map(|at| at.saturating_sub(expire_min).saturating_add(1));
            put_length(&mut self.body, later.unwrap_or(0));
        }
        put_string(&mut self.body, name);
        put_string(&mut self.body, value);
    }

    pub fn finish(self) -> Vec<u8> {
        let version = match self.expire_min {
            None => VERSION,
            Some(_) => VERSION_WITH_EXPIRIES,
        };
        seal(self.body, version)
    }
}

fn put_length(out: &mut Vec<u8>, len: u64) {
    match (u8::try_from(len), u16::try_from(len), u32::try_from(len)) {
        (Ok(len), _, _) if len < 1 << 6 => out.push(len),
        (_, Ok(len), _) if len < 1 << 14 => {
            out.extend_from_slice(&(len | 0x4000).to_be_bytes());
        }
        (_, _, Ok(len)) => {
            out.push(0x80);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(0x81);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
}

fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let Some(n) = integer(bytes) else {
        put_length(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
        return;
    };
    if let Ok(n) = i8::try_from(n) {
        out.push(0xc0);
        out.extend_from_slice(&n.to_le_bytes());
    } else if let Ok(n) = i16::try_from(n) {
        out.push(0xc1);
        out.extend_from_slice(&n.to_le_bytes());
    } else {
        out.push(0xc2);
        out.extend_from_slice(&n.to_le_bytes());
    }
}

/// The number that prints as exactly these bytes.
fn integer(bytes: &[u8]) -> Option<i32> {
    if bytes.len() > INTEGER_BYTES_MAX {
        return None;
    }
    let n: i32 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    (itoa::Buffer::new().format(n).as_bytes() == bytes).then_some(n)
}
