//! Rows of an export, a block at a time, as the bytes that would be stored.
//!
//! Invariants
//! - A block has one column for each input of the plan, in the plan's order.
//! - A cell without a value (null) is `None`, never an empty string.
//! - A cell that does not fit its type is null and named in `misfits`; the row counts as rejected.
//! - Nothing here knows the format of a file: what reads it implements [`Source`].

use std::sync::Arc;

use bytes::Bytes;

use super::convert::Target;
use crate::client::Failure;
use crate::view::Type;

/// Where a row is, all counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Position in the list of files.
    pub file: usize,
    /// `None` in formats that have none.
    pub row_group: Option<usize>,
    /// Within the row group, or within the file.
    pub row: u64,
}

/// The cells of one column of a block.
pub enum Cells {
    Text(TextCells),
    /// Large values, which keep sharing what they were read from.
    Shared(Vec<Option<Bytes>>),
    /// Every row has the same: the column is a part of the path, or missing.
    Same(Option<Arc<[u8]>>),
}

impl Cells {
    /// Set `into[row - from]`, then every `step`-th slot behind it, to the cells from row `from`.
    pub fn spread<'a>(&'a self, from: usize, into: &mut [Option<&'a [u8]>], step: usize) {
        let slots = into.iter_mut().step_by(step.max(1));
        match self {
            Cells::Text(cells) => cells.spread(from, slots),
            Cells::Shared(cells) => {
                let cells = cells.get(from..).unwrap_or_default();
                for (slot, cell) in slots.zip(cells) {
                    *slot = cell.as_deref();
                }
            }
            Cells::Same(cell) => slots.for_each(|slot| *slot = cell.as_deref()),
        }
    }
}

/// Set in the end of a cell that is null.
const NULL: u32 = 1 << 31;
/// So that ends fit.
const TEXT_BYTES_MAX: usize = 1 << 30;

/// Cells that were turned into text, one after the other in one buffer.
#[derive(Default)]
pub struct TextCells {
    text: Vec<u8>,
    /// Where each cell ends, with [`NULL`].
    ends: Vec<u32>,
}

impl TextCells {
    pub fn with_rows(rows: usize) -> TextCells {
        TextCells {
            text: Vec::with_capacity(rows.saturating_mul(8)),
            ends: Vec::with_capacity(rows),
        }
    }

    /// Add a cell, written by `write` behind the cells before it: a null where that fails.
    #[inline]
    pub fn push<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let mut written = Ok(());
        let pushed = self.try_push(|text| {
            written = write(text);
            written.is_ok()
        });
        if !pushed {
            self.push_null();
        }
        written
    }

    /// Add a cell, or nothing where `write` says `false`.
    #[inline]
    pub fn try_push(&mut self, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let start = self.text.len();
        let written = write(&mut self.text);
        if written {
            self.ends.push(self.end());
        } else {
            self.text.truncate(start);
        }
        written
    }

    #[inline]
    pub fn push_null(&mut self) {
        self.ends.push(self.end() | NULL);
    }

    fn end(&self) -> u32 {
        u32::try_from(self.text.len()).unwrap_or(NULL) & !NULL
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// An error if the cells are more than a block can hold.
    pub fn check_size(&self) -> Result<(), String> {
        match self.text.len() {
            0..TEXT_BYTES_MAX => Ok(()),
            _ => Err(format!("{} rows take more than 1 GiB", self.ends.len())),
        }
    }

    #[inline]
    fn spread<'a, 'b>(&'a self, from: usize, slots: impl Iterator<Item = &'b mut Option<&'a [u8]>>)
    where
        'a: 'b,
    {
        let before = from.checked_sub(1).and_then(|row| self.ends.get(row));
        let mut start = before.map_or(0, |end| end & !NULL);
        let ends = self.ends.get(from..).unwrap_or_default();
        for (slot, &end) in slots.zip(ends) {
            *slot = match end & NULL {
                0 => self.text.get(start as usize..end as usize),
                _ => None,
            };
            start = end & !NULL;
        }
    }
}

/// A cell that cannot be what it is declared to be.
#[derive(Debug)]
pub struct Misfit {
    /// In the block.
    pub row: usize,
    /// Position among the inputs; `None`: the row as a whole.
    pub input: Option<usize>,
    pub reason: String,
}

/// Some rows that follow each other in one row group.
pub struct Block {
    /// Of the first row.
    pub place: Place,
    pub rows: usize,
    pub columns: Vec<Cells>,
    /// In no order.
    pub misfits: Vec<Misfit>,
    /// Columns of the file that nothing needs.
    pub extra_columns: usize,
    /// Bytes of the source that were read to get here, over all files.
    pub bytes_read: u64,
    /// As of [`Rows`].
    pub note: Option<String>,
}

impl Block {
    pub fn place(&self, row: usize) -> Place {
        Place {
            row: self.place.row.saturating_add(row as u64),
            ..self.place
        }
    }
}

/// A column to read, and what is to become of its cells.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Position in [`Source::columns`].
    pub column: usize,
    /// Position among the plan's inputs, for misfits.
    pub input: usize,
    pub target: Target,
}

/// What a source reads at once: cells in the order of what is wanted.
pub struct Rows {
    pub row_group: Option<usize>,
    pub first_row: u64,
    pub rows: usize,
    pub columns: Vec<Cells>,
    pub misfits: Vec<Misfit>,
    /// Bytes of the file up to here, about.
    pub bytes_read: u64,
    /// What somebody should know of the file.
    pub note: Option<String>,
}

/// One file.
pub trait Source {
    /// The names of all columns of the file.
    fn columns(&self) -> Vec<String>;
    /// Read only these columns; says why one cannot be what it is wanted as.
    fn select(&mut self, wanted: Vec<Wanted>) -> Result<(), Failure>;
    /// What a column is if nobody declares it: a type that takes all of its values, or `None` if
    /// they are texts that do not say. An error if it cannot be loaded.
    fn natural(&self, column: usize) -> Result<Option<Type>, String>;
    /// The next rows; `None` at the end.
    fn next_rows(&mut self) -> Result<Option<Rows>, Failure>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_is_not_a_null_and_a_failed_one_is() {
        let mut cells = TextCells::default();
        for text in [Ok("ab"), Err("no"), Ok(""), Ok("c")] {
            let pushed = cells.push(|out| {
                out.extend_from_slice(b"x");
                out.pop();
                out.extend_from_slice(text?.as_bytes());
                Ok::<(), &str>(())
            });
            assert_eq!(pushed.is_err(), text.is_err());
        }
        let cells = Cells::Text(cells);
        let mut got = [Some(&b"?"[..]); 6];
        cells.spread(0, &mut got[..4], 1);
        let want: [Option<&[u8]>; 4] = [Some(b"ab"), None, Some(b""), Some(b"c")];
        assert_eq!(got[..4], want);
        cells.spread(2, &mut got, 2);
        assert_eq!((got[0], got[2]), (Some(&b""[..]), Some(&b"c"[..])));
    }
}
