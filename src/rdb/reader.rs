//! Takes lengths, numbers and strings off the front of bytes.

use super::RdbError;
use super::lzf;
use super::text::Text;
use std::borrow::Cow;

#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

/// A length, or the code of what takes its place in front of a string.
enum Length {
    Plain(u64),
    Code(u8),
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes left.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn take(&mut self, n: usize) -> Result<&'a [u8], RdbError> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(RdbError::Format)?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], RdbError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(RdbError::Format)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub fn u8(&mut self) -> Result<u8, RdbError> {
        self.array().map(|[byte]| byte)
    }

    pub fn u16_le(&mut self) -> Result<u16, RdbError> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u64_le(&mut self) -> Result<u64, RdbError> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn u32_le(&mut self) -> Result<u32, RdbError> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u32_be(&mut self) -> Result<u32, RdbError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A little-endian integer of 1, 2, 3, 4 or 8 bytes, with a sign.
    pub fn integer<const N: usize>(&mut self) -> Result<Text<'a>, RdbError> {
        let bytes: [u8; N] = self.array()?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        for (wide, byte) in wide.iter_mut().zip(bytes) {
            *wide = byte;
        }
        Ok(Text::Integer(i64::from_le_bytes(wide)))
    }

    /// So many bytes as they are.
    pub fn plain(&mut self, len: impl TryInto<usize>) -> Result<Text<'a>, RdbError> {
        let len = len.try_into().map_err(|_| RdbError::Format)?;
        self.take(len).map(Text::Plain)
    }

    fn length_or_code(&mut self) -> Result<Length, RdbError> {
        let first = self.u8()?;
        let low = first & 0x3f;
        Ok(match first {
            0x00..=0x3f => Length::Plain(u64::from(low)),
            0x40..=0x7f => Length::Plain(u64::from(u16::from_be_bytes([low, self.u8()?]))),
            0x80 => Length::Plain(u64::from(self.u32_be()?)),
            0x81 => Length::Plain(self.array().map(u64::from_be_bytes)?),
            0x82..=0xbf => return Err(RdbError::Format),
            0xc0..=0xff => Length::Code(low),
        })
    }

    pub fn length(&mut self) -> Result<u64, RdbError> {
        match self.length_or_code()? {
            Length::Plain(len) => Ok(len),
            Length::Code(_) => Err(RdbError::Format),
        }
    }

    pub fn string(&mut self) -> Result<Text<'a>, RdbError> {
        match self.length_or_code()? {
            Length::Plain(len) => self.plain(len),
            Length::Code(0) => self.integer::<1>(),
            Length::Code(1) => self.integer::<2>(),
            Length::Code(2) => self.integer::<4>(),
            Length::Code(3) => {
                let (packed, unpacked) = (self.length()?, self.length()?);
                let packed = usize::try_from(packed).map_err(|_| RdbError::Format)?;
                lzf::unpack(self.take(packed)?, unpacked).map(Text::Unpacked)
            }
            Length::Code(_) => Err(RdbError::Format),
        }
    }

    /// A string that holds a structure of its own.
    pub fn blob(&mut self) -> Result<Cow<'a, [u8]>, RdbError> {
        self.string().map(Text::into_bytes)
    }
}
