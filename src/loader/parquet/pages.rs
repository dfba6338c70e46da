//! Pages, checked before the `parquet` crate decodes them.
//!
//! The crate allocates for as many values as a page claims to hold. A dictionary page of 20 bytes
//! can claim 2^31 values, a page of delta-encoded lengths 2^63; what cannot be true is an error.
//!
//! Invariants of the pages that pass
//! - A dictionary has no more values than its bytes can hold.
//! - A data page has no more values than the row group has rows; of a list column, no list has more
//!   than [`LIST_ITEMS_MAX`] items, however many pages it goes over.
//! - Delta-encoded lengths are no more than the values of their page.

use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescriptor;

use super::levels::ListLengths;

/// Items of one list: what is longer is no feature.
pub const LIST_ITEMS_MAX: u64 = 65_536;

pub struct CheckedPages {
    inner: Box<dyn PageReader>,
    /// The fewest bytes that a value takes in a dictionary.
    value_bytes_min: usize,
    optional: bool,
    rows: usize,
    /// Of a list column.
    lists: Option<ListLengths>,
}

impl CheckedPages {
    pub fn new(inner: Box<dyn PageReader>, column: &ColumnDescriptor, rows: usize) -> CheckedPages {
        CheckedPages {
            inner,
            value_bytes_min: match column.physical_type() {
                Type::BOOLEAN => 1,
                // The length of a byte array is written before it.
                Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
                Type::INT64 | Type::DOUBLE => 8,
                Type::INT96 => 12,
                Type::FIXED_LEN_BYTE_ARRAY => usize::try_from(column.type_length())
                    .unwrap_or_default()
                    .max(1),
            },
            optional: column.max_def_level() > 0,
            rows,
            lists: (column.max_rep_level() > 0).then(|| ListLengths::new(LIST_ITEMS_MAX)),
        }
    }

    fn check(&mut self, page: &Page) -> Result<()> {
        let wrong = |what: &str| Err(ParquetError::General(what.to_owned()));
        let bytes: &[u8] = page.buffer();
        let count = usize::try_from(page.num_values())?;
        if let Page::DictionaryPage { .. } = page {
            if count > bytes.len() / self.value_bytes_min {
                return wrong("a dictionary page claims more values than it has bytes for");
            }
            return Ok(());
        }
        let mut rest = bytes;
        if let Some(lists) = &mut self.lists {
            rest = lists
                .check(page)
                .map_err(|reason| ParquetError::General(reason.to_owned()))?;
        } else if count > self.rows {
            return wrong("a page claims more values than the row group has rows");
        }
        let delta_lists = match page.encoding() {
            Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
            // Prefix lengths, then suffix lengths.
            Encoding::DELTA_BYTE_ARRAY => 2,
            _ => 0,
        };
        let values = self.values(page, rest);
        rest = values
            .and_then(|start| rest.get(start..))
            .unwrap_or_default();
        for _ in 0..delta_lists {
            let Some((lengths, end)) = delta_list(rest) else {
                return wrong("a page ends within its lengths");
            };
            if lengths > count as u64 {
                return wrong("a page claims more lengths than values");
            }
            rest = rest.get(end..).unwrap_or_default();
        }
        Ok(())
    }

    /// Where the values of a data page start in `rest`, which lies behind the repetition levels:
    /// behind the definition levels, if there are any.
    fn values(&self, page: &Page, rest: &[u8]) -> Option<usize> {
        match page {
            Page::DataPageV2 {
                def_levels_byte_len,
                ..
            } => usize::try_from(*def_levels_byte_len).ok(),
            Page::DataPage { .. } if !self.optional => Some(0),
            Page::DataPage {
                num_values,
                def_level_encoding: Encoding::RLE,
                ..
            } if *num_values > 0 => {
                let (length, _) = rest.split_first_chunk::<4>()?;
                usize::try_from(u32::from_le_bytes(*length))
                    .ok()?
                    .checked_add(4)
            }
            // One bit a level.
            Page::DataPage { num_values, .. } => usize::try_from(num_values.div_ceil(8)).ok(),
            Page::DictionaryPage { .. } => None,
        }
    }
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Result<Page>> {
        self.get_next_page().transpose()
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.inner.get_next_page()?;
        if let Some(page) = &page {
            self.check(page)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.inner.at_record_boundary()
    }
}

/// How many integers a delta-encoded list claims, and where it ends.
///
/// `block size, miniblocks, count, first value`, then blocks of `least delta, a bit width for each
/// miniblock, miniblocks`; behind the last value no miniblock follows, but its width does.
fn delta_list(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut at = 0;
    let next = |at: &mut usize| {
        let (value, length) = varint(bytes.get(*at..)?)?;
        *at += length;
        Some(value)
    };
    let block_values = next(&mut at)?;
    let miniblocks = next(&mut at)?;
    let count = next(&mut at)?;
    next(&mut at)?;
    let miniblock_values = block_values.checked_div(miniblocks)?;
    if miniblock_values == 0 {
        return None;
    }
    let mut left = count.saturating_sub(1);
    while left > 0 {
        next(&mut at)?;
        let widths_end = at.checked_add(usize::try_from(miniblocks).ok()?)?;
        let widths = bytes.get(at..widths_end)?;
        at = widths_end;
        for width in widths {
            if left == 0 {
                break;
            }
            let bits = u64::from(*width).checked_mul(miniblock_values)?;
            // What the last miniblock lacks is left to the crate to find.
            let end = at.checked_add(usize::try_from(bits.div_ceil(8)).ok()?)?;
            at = end.min(bytes.len());
            left = left.saturating_sub(miniblock_values);
        }
        // A block is at least a byte, so a claimed count cannot keep this going.
    }
    Some((count, at))
}

/// A number of the format, and the bytes it takes.
pub fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (at, shift) in (0..64).step_by(7).enumerate() {
        let byte = *bytes.get(at)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delta_lists_end_where_their_miniblocks_do() {
        // 128 values a block in 4 miniblocks; 34 values: the first, and 33 deltas of 1 bit.
        let mut bytes = vec![0x80, 0x01, 4, 34, 0, 0, 1, 1, 0, 0];
        bytes.extend([0xff; 8]);
        assert_eq!(delta_list(&bytes), Some((34, bytes.len())));
        bytes.push(7);
        assert_eq!(delta_list(&bytes), Some((34, bytes.len() - 1)));
        assert_eq!(delta_list(&[0x80, 0x01, 4, 1, 8, 9]), Some((1, 5)));
    }

    #[test]
    fn delta_lists_that_cannot_be() {
        assert_eq!(delta_list(&[]), None);
        assert_eq!(delta_list(&[0x80, 0x01, 0, 1, 0]), None);
        assert_eq!(delta_list(&[4, 8, 1, 0]), None);
        // 2^62 values without a byte to hold them.
        let mut bytes = vec![0x80, 0x01, 4];
        bytes.extend([0x80; 8]);
        bytes.extend([0x40, 0]);
        assert_eq!(delta_list(&bytes), None);
    }
}
