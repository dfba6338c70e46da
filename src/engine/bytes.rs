//! Reading and writing the small encodings rows are made of. Reads are total: `None` past the end.

use super::Millis;

/// Bytes of a stored time: 48 bits of milliseconds last until the year 10889.
pub const TIME48_BYTES: usize = 6;

/// The bytes not yet read.
#[derive(Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    #[inline]
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    #[inline]
    pub fn u8(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    #[inline]
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    #[inline]
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    #[inline]
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    #[inline]
    pub fn time48(&mut self) -> Option<Millis> {
        let bytes = self.array::<TIME48_BYTES>()?;
        let mut wide = [0; 8];
        wide[..TIME48_BYTES].copy_from_slice(&bytes);
        Some(u64::from_le_bytes(wide))
    }

    /// A varint length and so many bytes.
    #[inline]
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let len = self.varint()?;
        self.take(len)
    }

    /// Seven bits a byte, low ones first; at most five bytes, and no more than are needed: what is
    /// written again is as long as it was.
    #[inline]
    pub fn varint(&mut self) -> Option<usize> {
        let first = self.u8()?;
        if first < 0x80 {
            return Some(usize::from(first));
        }
        let mut n = usize::from(first & 0x7f);
        for shift in [7, 14, 21, 28] {
            let byte = self.u8()?;
            n |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return (byte != 0).then_some(n);
            }
        }
        None
    }
}

pub fn put_varint(out: &mut Vec<u8>, mut n: usize) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

pub fn put_time48(out: &mut Vec<u8>, at: Millis) {
    debug_assert!(at < 1 << 48);
    out.extend_from_slice(&at.to_le_bytes()[..TIME48_BYTES]);
}

pub fn varint_len(n: usize) -> usize {
    match n {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        0x20_0000..0x1000_0000 => 4,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_encoding() {
        for n in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, (1 << 35) - 1] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, n);
            assert_eq!(bytes.len(), varint_len(n));
            assert_eq!(Reader(&bytes).varint(), Some(n));
            let last = bytes.len() - 1;
            bytes[last] |= 0x80;
            bytes.push(0);
            assert_eq!(Reader(&bytes).varint(), None, "{n}");
        }
    }
}
