//! Listpacks: the small lists of Redis 7 and later. A header of the size in bytes and the number
//! of elements, the elements, each followed by its own size, and an end byte.

use super::RdbError;
use super::reader::Reader;
use super::text::Text;

const END: u8 = 0xff;
/// More elements than the header can tell.
const COUNT_UNKNOWN: u16 = u16::MAX;

pub struct Listpack<'a> {
    reader: Reader<'a>,
    /// As the header tells.
    count: u16,
    seen: usize,
}

impl<'a> Listpack<'a> {
    pub fn open(blob: &'a [u8]) -> Result<Listpack<'a>, RdbError> {
        let mut reader = Reader::new(blob);
        if usize::try_from(reader.u32_le()?) != Ok(blob.len()) {
            return Err(RdbError::Format);
        }
        Ok(Listpack {
            count: reader.u16_le()?,
            reader,
            seen: 0,
        })
    }

    /// The next element; `None` at the end, where the rest of the list turns out to be right.
    pub fn next_text(&mut self) -> Result<Option<Text<'a>>, RdbError> {
        let start = self.reader.len();
        let reader = &mut self.reader;
        let first = reader.u8()?;
        let text = match first {
            0x00..=0x7f => Text::Integer(i64::from(first)),
            0x80..=0xbf => reader.plain(first & 0x3f)?,
            0xc0..=0xdf => {
                let bits = u16::from_be_bytes([first & 0x1f, reader.u8()?]);
                // 13 bits, the first of them the sign.
                Text::Integer(i64::from((bits << 3).cast_signed() >> 3))
            }
            0xe0..=0xef => {
                let len = u16::from_be_bytes([first & 0x0f, reader.u8()?]);
                reader.plain(len)?
            }
            0xf0 => {
                let len = reader.u32_le()?;
                reader.plain(len)?
            }
            0xf1 => reader.integer::<2>()?,
            0xf2 => reader.integer::<3>()?,
            0xf3 => reader.integer::<4>()?,
            0xf4 => reader.integer::<8>()?,
            END => return self.end(),
            _ => return Err(RdbError::Format),
        };
        self.back_length(start.saturating_sub(self.reader.len()))?;
        self.seen = self.seen.saturating_add(1);
        Ok(Some(text))
    }

    /// The size of an element, for who walks backwards: seven bits a byte, all but the first of
    /// them marked.
    fn back_length(&mut self, size: usize) -> Result<(), RdbError> {
        // The bounds are Redis's, which leave out the largest size of each but the first.
        let bytes = self.reader.take(match size {
            0..=127 => 1,
            128..16_383 => 2,
            16_383..2_097_151 => 3,
            2_097_151..268_435_455 => 4,
            _ => 5,
        })?;
        let told = bytes
            .iter()
            .fold(0, |n: u64, byte| n << 7 | u64::from(byte & 0x7f));
        let marked = |byte: &u8| byte & 0x80 != 0;
        let marks = bytes
            .split_first()
            .is_some_and(|(first, rest)| !marked(first) && rest.iter().all(marked));
        if marks && usize::try_from(told) == Ok(size) {
            Ok(())
        } else {
            Err(RdbError::Format)
        }
    }

    fn end(&self) -> Result<Option<Text<'a>>, RdbError> {
        let counted = self.count == COUNT_UNKNOWN || usize::from(self.count) == self.seen;
        if counted && self.reader.is_empty() {
            Ok(None)
        } else {
            Err(RdbError::Format)
        }
    }
}
