//! Where lists begin in the pages of a list column: their repetition levels, of one bit each, in
//! Parquet's mix of runs and bit-packed groups. A level of 0 starts a list, 1 goes on with it.
//!
//! A run of a few bytes can say that a list has 2^31 items, and the `parquet` crate reads a list as
//! a whole; so lengths are counted before.

use parquet::basic::Encoding;
use parquet::column::page::Page;

/// Counts on from page to page, as a list may.
pub struct ListLengths {
    length: u64,
    length_max: u64,
}

const TOO_LONG: &str = "a list of more than 65536 items";
const DAMAGED: &str = "a page ends within its repetition levels";

impl ListLengths {
    pub fn new(length_max: u64) -> ListLengths {
        ListLengths {
            length: 0,
            length_max,
        }
    }

    /// Check a data page; what lies behind its repetition levels.
    pub fn check<'a>(&mut self, page: &'a Page) -> Result<&'a [u8], &'static str> {
        let bytes: &[u8] = page.buffer();
        let levels = u64::from(page.num_values());
        let length = match page {
            Page::DataPageV2 {
                rep_levels_byte_len,
                ..
            } => return self.split(bytes, *rep_levels_byte_len, levels),
            Page::DataPage {
                rep_level_encoding: Encoding::RLE,
                ..
            } if levels > 0 => bytes.split_first_chunk::<4>(),
            Page::DataPage { .. } if levels == 0 => return Ok(bytes),
            // Bit-packed alone is of the first days of the format.
            _ => return Err("repetition levels of an old encoding"),
        };
        let (length, bytes) = length.ok_or(DAMAGED)?;
        self.split(bytes, u32::from_le_bytes(*length), levels)
    }

    fn split<'a>(
        &mut self,
        bytes: &'a [u8],
        length: u32,
        levels: u64,
    ) -> Result<&'a [u8], &'static str> {
        let length = usize::try_from(length).map_err(|_| DAMAGED)?;
        let (runs, rest) = bytes.split_at_checked(length).ok_or(DAMAGED)?;
        self.runs(runs, levels)?;
        Ok(rest)
    }

    fn runs(&mut self, mut bytes: &[u8], mut levels: u64) -> Result<(), &'static str> {
        while levels > 0 {
            let header = super::pages::varint(bytes).ok_or(DAMAGED)?;
            bytes = bytes.get(header.1..).ok_or(DAMAGED)?;
            let count = header.0 >> 1;
            if header.0 & 1 == 0 {
                let (&level, rest) = bytes.split_first().ok_or(DAMAGED)?;
                bytes = rest;
                let count = count.min(levels);
                levels = levels.saturating_sub(count);
                self.same(level & 1 == 1, count)?;
                if count == 0 {
                    return Err(DAMAGED);
                }
                continue;
            }
            // Groups of 8 levels, a byte each.
            for _ in 0..count {
                if levels == 0 {
                    break;
                }
                let (&group, rest) = bytes.split_first().ok_or(DAMAGED)?;
                bytes = rest;
                for bit in 0..levels.min(8) {
                    self.same(group >> bit & 1 == 1, 1)?;
                }
                levels = levels.saturating_sub(8);
            }
            if count == 0 {
                return Err(DAMAGED);
            }
        }
        Ok(())
    }

    fn same(&mut self, goes_on: bool, count: u64) -> Result<(), &'static str> {
        self.length = match goes_on {
            true => self.length.saturating_add(count),
            false if count == 0 => self.length,
            false => 1,
        };
        match self.length > self.length_max {
            true => Err(TOO_LONG),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], levels: u64) -> Result<u64, &'static str> {
        let mut lengths = ListLengths::new(10);
        lengths.runs(bytes, levels).map(|()| lengths.length)
    }

    #[test]
    fn runs_and_groups_are_counted() {
        // Five lists of one item, then nine more items of the last.
        assert_eq!(check(&[10, 0, 18, 1], 14), Ok(10));
        assert_eq!(check(&[10, 0, 20, 1], 15), Err(TOO_LONG));
        // Two groups: 0 1 1 1 1 1 1 1, 1 1 0 1 ...
        assert_eq!(check(&[5, 0b1111_1110, 0b1011], 12), Ok(2));
        assert_eq!(check(&[5, 0b1111_1110, 0b111], 11), Err(TOO_LONG));
        // What a run claims beyond the page's levels is not there.
        assert_eq!(check(&[0xfe, 0xff, 0xff, 0xff, 0x0f, 1], 9), Ok(9));
        assert_eq!(
            check(&[0xfe, 0xff, 0xff, 0xff, 0x0f, 1], 1 << 31),
            Err(TOO_LONG)
        );
    }

    #[test]
    fn lists_go_over_pages() {
        let mut lengths = ListLengths::new(10);
        for _ in 0..2 {
            lengths.runs(&[10, 1], 5).unwrap();
        }
        assert_eq!(lengths.runs(&[2, 1], 1), Err(TOO_LONG));
    }

    #[test]
    fn damaged_levels_end() {
        for bytes in [
            &[][..],
            &[2],
            &[3],
            &[0, 0, 0, 0],
            &[1, 1, 1, 1],
            &[0x80; 20],
        ] {
            assert_eq!(check(bytes, 5), Err(DAMAGED), "{bytes:?}");
        }
    }
}
