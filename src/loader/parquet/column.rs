//! One column of a row group: typed values of the Parquet crate in, cells of the declared type out.

use bytes::Bytes;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};

use super::super::convert::{self, Target};
use super::super::list::ListWriter;
use super::super::source::{Cells, Misfit, TextCells};
use super::format::{Format, Physical, ShortWay};
use super::schema::Shape;
use crate::view::Scalar;

/// Lists read at once: each may have many items.
const LISTS_AT_ONCE: usize = 16;
/// Above this, the values of a column in a block share the page that they were read from.
const SHARED_BYTES_MIN: usize = 4 * 1024 * 1024;

/// A column of the row group that is being read.
pub struct Column {
    reader: ColumnReader,
    cells: CellWriter,
}

/// How values become cells, and which did not.
struct CellWriter {
    shape: Shape,
    format: Format,
    target: Target,
    /// For misfits.
    input: usize,
    scratch: Vec<u8>,
}

/// Call `$f` with the typed reader inside `$reader`, as each type needs its own code.
macro_rules! typed {
    ($reader:expr, $typed:ident => $call:expr) => {
        match $reader {
            ColumnReader::BoolColumnReader($typed) => $call,
            ColumnReader::Int32ColumnReader($typed) => $call,
            ColumnReader::Int64ColumnReader($typed) => $call,
            ColumnReader::Int96ColumnReader($typed) => $call,
            ColumnReader::FloatColumnReader($typed) => $call,
            ColumnReader::DoubleColumnReader($typed) => $call,
            ColumnReader::ByteArrayColumnReader($typed) => $call,
            ColumnReader::FixedLenByteArrayColumnReader($typed) => $call,
        }
    };
}

impl Column {
    pub fn new(
        reader: ColumnReader,
        shape: Shape,
        format: Format,
        target: Target,
        input: usize,
    ) -> Column {
        Column {
            reader,
            cells: CellWriter {
                shape,
                format,
                target,
                input,
                scratch: Vec::new(),
            },
        }
    }

    /// The next `rows` rows: fewer are an error.
    pub fn read(&mut self, rows: usize, misfits: &mut Vec<Misfit>) -> Result<Cells, String> {
        let cells = &mut self.cells;
        typed!(&mut self.reader, reader => match cells.shape {
            Shape::List { .. } => cells.lists(reader, rows, misfits),
            Shape::Flat { optional } => cells.flat(reader, rows, optional, misfits),
        })
    }

    /// Check that the row group's rows were all there is.
    pub fn end(&mut self) -> Result<(), String> {
        let more = typed!(&mut self.reader, reader => has_more(reader))?;
        if more {
            return Err("has more values than the row group has rows".to_owned());
        }
        Ok(())
    }
}

fn has_more<T: Physical>(reader: &mut ColumnReaderImpl<T>) -> Result<bool, String> {
    let (mut defined, mut repeated) = (Vec::new(), Vec::new());
    let read = reader.read_records(1, Some(&mut defined), Some(&mut repeated), &mut Vec::new());
    read.map(|(got, _, _)| got > 0).map_err(|e| e.to_string())
}

fn early(rows: usize, got: usize) -> String {
    format!("ends {} rows early", rows.saturating_sub(got))
}

impl CellWriter {
    fn flat<T: Physical>(
        &mut self,
        reader: &mut ColumnReaderImpl<T>,
        rows: usize,
        optional: bool,
        misfits: &mut Vec<Misfit>,
    ) -> Result<Cells, String> {
        let mut levels = Vec::with_capacity(rows);
        let mut values = Vec::with_capacity(rows);
        let (got, _, _) = reader
            .read_records(rows, Some(&mut levels), None, &mut values)
            .map_err(|e| e.to_string())?;
        let defined = levels.iter().filter(|level| **level == 1).count();
        if got != rows || (optional && levels.len() != rows) {
            return Err(early(rows, got));
        }
        if values.len() != (if optional { defined } else { rows }) {
            return Err(format!("has {} values for {rows} rows", values.len()));
        }
        if let Some(shared) = self.shared::<T>(optional, &levels, &values) {
            return Ok(shared);
        }
        let mut writer = FlatWriter::<T> {
            cells: TextCells::with_rows(rows),
            short_way: T::short_way(self.format, self.target),
            column: self,
            misfits,
        };
        if !optional || defined == rows {
            for (row, value) in values.iter().enumerate() {
                writer.push(row, value);
            }
        } else {
            let mut values = values.iter();
            for (row, level) in levels.iter().enumerate() {
                match (*level == 1).then(|| values.next()).flatten() {
                    Some(value) => writer.push(row, value),
                    None => writer.cells.push_null(),
                }
            }
        }
        let cells = writer.cells;
        cells.check_size()?;
        Ok(Cells::Text(cells))
    }

    /// Large values that go out as they are keep sharing the page they were read from: a dictionary
    /// of one of them can stand for many.
    fn shared<T: Physical>(
        &self,
        optional: bool,
        levels: &[i16],
        values: &[T::T],
    ) -> Option<Cells> {
        let bytes = values.iter().try_fold(0usize, |sum, value| {
            sum.checked_add(T::shared(value)?.len())
        })?;
        if bytes < SHARED_BYTES_MIN || !matches!(self.format, Format::Plain | Format::Text) {
            return None;
        }
        let is_text = |value| T::shared(value).is_some_and(|b| str::from_utf8(b).is_ok());
        let as_is = match self.target {
            Target::Key | Target::Scalar(Scalar::Bytes) => true,
            Target::Scalar(Scalar::String) => values.iter().all(is_text),
            _ => false,
        };
        if !as_is {
            return None;
        }
        let mut values = values
            .iter()
            .map(|value| Bytes::from_owner(Owner::<T>(value.clone())));
        let cells = match optional {
            true => levels
                .iter()
                .map(|level| (*level == 1).then(|| values.next()).flatten())
                .collect(),
            false => values.map(Some).collect(),
        };
        Some(Cells::Shared(cells))
    }

    fn lists<T: Physical>(
        &mut self,
        reader: &mut ColumnReaderImpl<T>,
        rows: usize,
        misfits: &mut Vec<Misfit>,
    ) -> Result<Cells, String> {
        let mut cells = TextCells::with_rows(rows);
        let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
        while cells.len() < rows {
            defined.clear();
            repeated.clear();
            values.clear();
            let wanted = LISTS_AT_ONCE.min(rows.saturating_sub(cells.len()));
            let (got, _, levels) = reader
                .read_records(wanted, Some(&mut defined), Some(&mut repeated), &mut values)
                .map_err(|e| e.to_string())?;
            if got != wanted || defined.len() != levels || repeated.len() != levels {
                return Err(early(rows, cells.len().saturating_add(got)));
            }
            let before = cells.len();
            self.assemble::<T>(&defined, &repeated, &values, &mut cells, misfits);
            if cells.len() != before.saturating_add(wanted) {
                return Err("lists that do not begin".to_owned());
            }
            cells.check_size()?;
        }
        Ok(Cells::Text(cells))
    }

    /// Cut the values into lists: a repetition level of 0 begins one.
    fn assemble<T: Physical>(
        &mut self,
        defined: &[i16],
        repeated: &[i16],
        values: &[T::T],
        cells: &mut TextCells,
        misfits: &mut Vec<Misfit>,
    ) {
        let mut values = values.iter();
        let mut defined = defined;
        let mut repeated = repeated;
        while !repeated.is_empty() {
            let behind = repeated.iter().skip(1).position(|level| *level == 0);
            let length = behind.map_or(repeated.len(), |at| at + 1);
            let (levels, rest) = defined.split_at_checked(length).unwrap_or((defined, &[]));
            defined = rest;
            repeated = repeated.get(length..).unwrap_or_default();
            let Some(kinds) = self.shape.items(levels) else {
                cells.push_null();
                continue;
            };
            // All of them, even if one does not fit: the next list's begin behind.
            let present = kinds
                .iter()
                .filter(|level| self.shape.is_value(**level))
                .count();
            let row = cells.len();
            let items = values.as_slice().get(..present).unwrap_or_default();
            values = values.as_slice().get(present..).unwrap_or_default().iter();
            let whole = items.len() == kinds.len();
            let written = cells.push(|out| {
                let list = ListWriter::begin(self.target, out);
                let mut list = list.ok_or_else(|| "a list".to_owned())?;
                for item in items {
                    list.push(T::value(item, self.format, &mut self.scratch)?)?;
                }
                match whole {
                    true => list.end(),
                    false => Err("an item of the list is null".to_owned()),
                }
            });
            if let Err(reason) = written {
                misfits.push(self.misfit(row, reason));
            }
        }
    }

    #[cold]
    fn misfit(&self, row: usize, reason: String) -> Misfit {
        Misfit {
            row,
            input: Some(self.input),
            reason,
        }
    }
}

/// Cells of one block of a flat column.
struct FlatWriter<'a, T: Physical> {
    cells: TextCells,
    short_way: Option<ShortWay<T::T>>,
    column: &'a mut CellWriter,
    misfits: &'a mut Vec<Misfit>,
}

impl<T: Physical> FlatWriter<'_, T> {
    #[inline]
    fn push(&mut self, row: usize, value: &T::T) {
        match self.short_way {
            Some(go) if self.cells.try_push(|out| go(value, out)) => {}
            _ => self.push_any(row, value),
        }
    }

    fn push_any(&mut self, row: usize, value: &T::T) {
        let column = &mut *self.column;
        let written = self.cells.push(|out| {
            let value = T::value(value, column.format, &mut column.scratch)?;
            convert::cell(value, column.target, out)
        });
        if let Err(reason) = written {
            self.misfits.push(self.column.misfit(row, reason));
        }
    }
}

/// Keeps a value of the crate alive for who has its bytes.
struct Owner<T: Physical>(T::T);

impl<T: Physical> AsRef<[u8]> for Owner<T> {
    fn as_ref(&self) -> &[u8] {
        T::shared(&self.0).unwrap_or_default()
    }
}
