//! Ziplists: the small lists of Redis before 7. A header of the size in bytes, the place of the
//! last element and the number of elements; the elements, each preceded by the size of the one
//! before; an end byte.

use super::RdbError;
use super::reader::Reader;
use super::text::Text;

const END: u8 = 0xff;
/// More elements than the header can tell.
const COUNT_UNKNOWN: u16 = u16::MAX;
/// The size of the element before follows in four bytes.
const LONG: u8 = 254;
const HEADER_BYTES: usize = 10;

pub struct Ziplist<'a> {
    reader: Reader<'a>,
    bytes: usize,
    /// Where the last element starts, and how many there are, as the header tells.
    tail: u32,
    count: u16,
    seen: usize,
    /// Where the last element that was read starts, and its size.
    last: usize,
    last_bytes: usize,
}

impl<'a> Ziplist<'a> {
    pub fn open(blob: &'a [u8]) -> Result<Ziplist<'a>, RdbError> {
        let mut reader = Reader::new(blob);
        if usize::try_from(reader.u32_le()?) != Ok(blob.len()) {
            return Err(RdbError::Format);
        }
        Ok(Ziplist {
            bytes: blob.len(),
            tail: reader.u32_le()?,
            count: reader.u16_le()?,
            reader,
            seen: 0,
            last: HEADER_BYTES,
            last_bytes: 0,
        })
    }

    /// The next element; `None` at the end, where the rest of the list turns out to be right.
    pub fn next_text(&mut self) -> Result<Option<Text<'a>>, RdbError> {
        let left = self.reader.len();
        let reader = &mut self.reader;
        let before = match reader.u8()? {
            END => return self.end(),
            LONG => usize::try_from(reader.u32_le()?).map_err(|_| RdbError::Format)?,
            short => usize::from(short),
        };
        if before != self.last_bytes {
            return Err(RdbError::Format);
        }
        let first = reader.u8()?;
        let low = first & 0x3f;
        let text = match first {
            0x00..=0x3f => reader.plain(low)?,
            0x40..=0x7f => {
                let len = u16::from_be_bytes([low, reader.u8()?]);
                reader.plain(len)?
            }
            0x80..=0xbf => {
                let len = reader.u32_be()?;
                reader.plain(len)?
            }
            0xc0 => reader.integer::<2>()?,
            0xd0 => reader.integer::<4>()?,
            0xe0 => reader.integer::<8>()?,
            0xf0 => reader.integer::<3>()?,
            0xfe => reader.integer::<1>()?,
            0xf1..=0xfd => Text::Integer(i64::from(first).saturating_sub(0xf1)),
            _ => return Err(RdbError::Format),
        };
        self.last = self.bytes.saturating_sub(left);
        self.last_bytes = left.saturating_sub(self.reader.len());
        self.seen = self.seen.saturating_add(1);
        Ok(Some(text))
    }

    fn end(&self) -> Result<Option<Text<'a>>, RdbError> {
        let counted = self.count == COUNT_UNKNOWN || usize::from(self.count) == self.seen;
        let tail_right = usize::try_from(self.tail) == Ok(self.last);
        if counted && tail_right && self.reader.is_empty() {
            Ok(None)
        } else {
            Err(RdbError::Format)
        }
    }
}
