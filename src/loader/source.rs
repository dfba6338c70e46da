//! Rows of an export, a block at a time, as the bytes a client would send.
//!
//! Invariants
//! - A block holds the selected columns only, in the order of the selection.
//! - A cell without a value (null) is `None`, never an empty string.
//! - Nothing here knows the format of the file: what reads it implements [`Source`].

use std::fmt;

/// Where a row is in the file, both counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub row_group: usize,
    pub row: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row group {} row {}", self.row_group, self.row)
    }
}

/// The export cannot be read; the text names the file and, where known, row group and column.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// One column of a block.
pub trait Cells {
    fn get(&self, row: usize) -> Option<&[u8]>;
}

impl<T: AsRef<[u8]>> Cells for Vec<Option<T>> {
    fn get(&self, row: usize) -> Option<&[u8]> {
        self.as_slice().get(row)?.as_ref().map(AsRef::as_ref)
    }
}

/// A column whose cells were turned into text, one after the other in one buffer.
#[derive(Default)]
pub struct TextCells {
    text: Vec<u8>,
    /// Where each cell ends, and whether it has a value.
    ends: Vec<(usize, bool)>,
}

impl TextCells {
    /// Add a cell, written by `write` behind the cells before it.
    pub fn push<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        write(&mut self.text)?;
        self.ends.push((self.text.len(), true));
        Ok(())
    }

    pub fn push_null(&mut self) {
        self.ends.push((self.text.len(), false));
    }
}

impl Cells for TextCells {
    fn get(&self, row: usize) -> Option<&[u8]> {
        let &(end, present) = self.ends.get(row)?;
        let start = match row.checked_sub(1) {
            Some(before) => self.ends.get(before)?.0,
            None => 0,
        };
        if present {
            self.text.get(start..end)
        } else {
            None
        }
    }
}

/// Some rows that follow each other in one row group.
pub struct Block {
    pub row_group: usize,
    pub first_row: usize,
    pub rows: usize,
    pub columns: Vec<Box<dyn Cells>>,
}

impl Block {
    pub fn place(&self, row: usize) -> Place {
        Place {
            row_group: self.row_group,
            row: self.first_row.saturating_add(row),
        }
    }

    /// The cell of the selected column `column`.
    pub fn cell(&self, column: usize, row: usize) -> Option<&[u8]> {
        self.columns.get(column)?.get(row)
    }
}

pub trait Source {
    /// The names of all columns of the file.
    fn columns(&self) -> &[String];
    /// Read only these columns, given by their positions in [`Source::columns`].
    fn select(&mut self, columns: Vec<usize>);
    /// The next rows; `None` at the end.
    fn next_block(&mut self) -> Result<Option<Block>, SourceError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_is_not_a_null() {
        let mut cells = TextCells::default();
        for text in [Some("ab"), None, Some(""), Some("c")] {
            match text {
                Some(t) => cells
                    .push(|out| {
                        out.extend_from_slice(t.as_bytes());
                        Ok::<(), ()>(())
                    })
                    .unwrap(),
                None => cells.push_null(),
            }
        }
        let got: Vec<_> = (0..5).map(|row| cells.get(row)).collect();
        let want: [Option<&[u8]>; 5] = [Some(b"ab"), None, Some(b""), Some(b"c"), None];
        assert_eq!(got, want);
    }
}
