//! Parquet files as a source of rows. Only this folder names types of the `parquet` crate.
//!
//! ```text
//! footer (checked) -> schema (what can be loaded) -> chunk (bytes of a column, by windows)
//!     -> pages (checked) -> the crate's decoders -> column (cells)
//! ```
//!
//! Invariants
//! - What is read is flat or a list of flat values; a nested column is refused by name when asked
//!   for.
//! - A row group has the rows that its metadata says in every column that is read, or reading
//!   fails.
//! - Every call into the crate that looks at the file's bytes runs at a [`Position`], so that an
//!   error or a panic can name the place.
//! - Memory is bounded whatever a file claims: windows of columns, pages, cells of a block.

mod chunk;
mod column;
mod footer;
mod format;
mod levels;
mod pages;
mod schema;
mod thrift;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::column::reader::get_column_reader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use self::chunk::{Chunk, PageBudget};
use self::column::Column;
use self::pages::CheckedPages;
use self::schema::{Field, Loadable, Shape};
use super::contain::Position;
use super::source::{Rows, Source, Wanted};
use super::storage::Blob;
use crate::client::Failure;
use crate::view::Type;

const BLOCK_ROWS_MAX: usize = 1024;
/// Before it is known how large lists are.
const BLOCK_ROWS_OF_LISTS: usize = 64;
/// Wide files are read in smaller blocks: this bounds the cells in memory.
const BLOCK_CELLS_MAX: usize = 256 * 1024;
/// Read ahead, over all columns of a row group; less where little memory is allowed.
const WINDOWS_BYTES: u64 = 64 * 1024 * 1024;
const WINDOW_BYTES_MIN: u64 = 64 * 1024;
const WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;

pub struct ParquetSource {
    blob: Arc<dyn Blob>,
    metadata: ParquetMetaData,
    fields: Vec<Field>,
    wanted: Vec<Wanted>,
    next_row_group: usize,
    current: Option<RowGroup>,
    position: Arc<Position>,
    /// What the pages of all columns may take.
    memory_bytes: u64,
    rows: u64,
    rows_read: u64,
}

/// What helps where a file is whole but odd.
const WRITE_AGAIN: &str = "write the file again, for example by reading it with pyarrow";

struct RowGroup {
    number: usize,
    columns: Vec<Column>,
    rows: usize,
    next_row: usize,
}

/// The rows of all row groups. The count of the file may be too small, as some writers leave it 0;
/// if it is larger, rows are lost.
fn rows_of_groups(metadata: &ParquetMetaData) -> Result<u64, String> {
    let claimed = metadata.file_metadata().num_rows();
    let mut groups = metadata.row_groups().iter();
    let rows = groups
        .try_fold(0, |sum: u64, group| {
            sum.checked_add(u64::try_from(group.num_rows()).ok()?)
        })
        .ok_or("damaged footer: a row group with a negative number of rows")?;
    match u64::try_from(claimed).is_ok_and(|claimed| claimed <= rows) {
        true => Ok(rows),
        false => Err(format!(
            "the footer says {claimed} rows, but its row groups have {rows}"
        )),
    }
}

impl ParquetSource {
    /// Read the footer of a file.
    pub fn open(
        blob: Arc<dyn Blob>,
        position: Arc<Position>,
        memory_bytes: u64,
    ) -> Result<ParquetSource, Failure> {
        let wrong = |reason: &str| Failure::lasting(position.error(reason));
        let footer = footer::read(&*blob).map_err(|e| wrong(&e))?;
        let decode =
            |footer: &[u8]| position.at(None, || ParquetMetaDataReader::decode_metadata(footer));
        let metadata = decode(&footer)
            .or_else(|error| match footer::without_misfits(&footer) {
                Some(footer) => decode(&footer),
                None => Err(error),
            })
            .map_err(|e| wrong(&format!("the footer cannot be decoded: {e}; {WRITE_AGAIN}")))?;
        let of_file = metadata.file_metadata();
        let fields = schema::fields(of_file.schema_descr()).map_err(|e| wrong(&e))?;
        let rows = rows_of_groups(&metadata).map_err(|e| wrong(&e))?;
        position.set_columns(fields.iter().map(|field| field.name.clone()).collect());
        Ok(ParquetSource {
            rows,
            blob,
            metadata,
            fields,
            wanted: Vec::new(),
            next_row_group: 0,
            current: None,
            position,
            memory_bytes,
            rows_read: 0,
        })
    }

    fn loadable(&self, column: usize) -> Result<&Loadable, String> {
        let field = self.fields.get(column).ok_or("no such column")?;
        let name = &field.name;
        let column = field.column.as_ref();
        column.map_err(|reason| format!("column {name} {reason}"))
    }

    fn open_row_group(&mut self) -> Result<Option<RowGroup>, Failure> {
        let number = self.next_row_group;
        let Some(group) = self.metadata.row_groups().get(number) else {
            return Ok(None);
        };
        let rows = usize::try_from(group.num_rows());
        let rows = rows.map_err(|_| self.error("a negative number of rows"))?;
        let chunks = self.chunks(number, group)?;
        let mut columns = Vec::with_capacity(self.wanted.len());
        for (wanted, chunk) in self.wanted.iter().zip(chunks) {
            let loadable = self.loadable(wanted.column).map_err(|e| self.error(&e))?;
            let place = Some((number, wanted.column));
            let opened = self.position.at(place, || {
                let chunk_metadata = group.column(loadable.leaf);
                let descriptor = chunk_metadata.column_descr_ptr();
                let pages = SerializedPageReader::new(chunk, chunk_metadata, rows, None)?;
                let pages = CheckedPages::new(Box::new(pages), &descriptor, rows);
                Ok(get_column_reader(descriptor, Box::new(pages)))
            });
            let reader = opened.map_err(|e: ParquetError| self.error(&e.to_string()))?;
            let (shape, format) = (loadable.shape, loadable.format);
            let column = Column::new(reader, shape, format, wanted.target, wanted.input);
            columns.push(column);
        }
        self.next_row_group += 1;
        Ok(Some(RowGroup {
            number,
            columns,
            rows,
            next_row: 0,
        }))
    }

    /// The bytes of the wanted columns; the first window of each is read at once.
    fn chunks(&self, number: usize, group: &RowGroupMetaData) -> Result<Vec<Arc<Chunk>>, Failure> {
        let columns = u64::try_from(self.wanted.len().max(1)).unwrap_or(u64::MAX);
        let windows = WINDOWS_BYTES.min(self.memory_bytes / 4);
        let window = (windows / columns).clamp(WINDOW_BYTES_MIN, WINDOW_BYTES_MAX);
        let mut ranges: Vec<Range<u64>> = Vec::with_capacity(self.wanted.len());
        for wanted in &self.wanted {
            let loadable = self.loadable(wanted.column).map_err(|e| self.error(&e))?;
            let place = Some((number, wanted.column));
            let (start, length) = self.position.at(place, || {
                let column = group.columns().get(loadable.leaf);
                column.map_or((0, 0), |column| column.byte_range())
            });
            match start
                .checked_add(length)
                .filter(|end| *end <= self.blob.len())
            {
                Some(end) => ranges.push(start..end),
                None => return Err(self.error("lies behind the end of the file")),
            }
        }
        let first =
            |range: &Range<u64>| range.start..range.end.min(range.start.saturating_add(window));
        let firsts: Vec<Range<u64>> = ranges.iter().map(first).collect();
        let windows = self.position.at(None, || self.blob.read_all(&firsts));
        let windows = windows.map_err(|e| self.error(&e.to_string()))?;
        let budget = PageBudget::new(self.memory_bytes);
        let chunk = |(range, bytes): (Range<u64>, Bytes)| {
            let budget = budget.clone();
            Arc::new(Chunk::new(self.blob.clone(), range, bytes, window, budget))
        };
        Ok(ranges.into_iter().zip(windows).map(chunk).collect())
    }

    /// The next rows of `group`; `None` behind the last.
    fn read(&mut self, group: &mut RowGroup) -> Result<Option<Rows>, Failure> {
        let rows = self
            .block_rows()
            .min(group.rows.saturating_sub(group.next_row));
        let mut columns = Vec::with_capacity(group.columns.len());
        let mut misfits = Vec::new();
        for (column, wanted) in group.columns.iter_mut().zip(&self.wanted) {
            let place = Some((group.number, wanted.column));
            if rows == 0 {
                let end = self.position.at(place, || column.end());
                end.map_err(|e| self.error(&e))?;
            } else {
                let read = self.position.at(place, || column.read(rows, &mut misfits));
                columns.push(read.map_err(|e| self.error(&e))?);
            }
        }
        let first_row = group.next_row as u64;
        group.next_row += rows;
        self.rows_read = self.rows_read.saturating_add(rows as u64);
        let share = self.rows_read as f64 / self.rows.max(1) as f64;
        Ok((rows > 0).then_some(Rows {
            row_group: Some(group.number),
            first_row,
            rows,
            columns,
            misfits,
            bytes_read: (share * self.blob.len() as f64) as u64,
            note: None,
        }))
    }

    fn block_rows(&self) -> usize {
        let lists = self
            .wanted
            .iter()
            .any(|wanted| wanted.target.item().is_some());
        let most = if lists {
            BLOCK_ROWS_OF_LISTS
        } else {
            BLOCK_ROWS_MAX
        };
        (BLOCK_CELLS_MAX / self.wanted.len().max(1)).clamp(1, most)
    }

    fn error(&self, reason: &str) -> Failure {
        Failure::lasting(self.position.error(reason))
    }
}

impl Source for ParquetSource {
    fn columns(&self) -> Vec<String> {
        self.fields.iter().map(|field| field.name.clone()).collect()
    }

    fn select(&mut self, wanted: Vec<Wanted>) -> Result<(), Failure> {
        for Wanted { column, target, .. } in &wanted {
            let loadable = self.loadable(*column).map_err(|e| self.error(&e))?;
            let is_list = matches!(loadable.shape, Shape::List { .. });
            if is_list && target.item().is_none() {
                let name = self.fields.get(*column).map_or("", |field| &field.name);
                let target = target.name();
                return Err(self.error(&format!("column {name} is a list, not a {target}")));
            }
        }
        self.wanted = wanted;
        Ok(())
    }

    fn natural(&self, column: usize) -> Result<Option<Type>, String> {
        let loadable = self.loadable(column)?;
        let item = loadable.format.natural(loadable.physical);
        Ok(Some(match loadable.shape {
            Shape::Flat { .. } => Type::Scalar(item),
            Shape::List { .. } => Type::List(item),
        }))
    }

    fn next_rows(&mut self) -> Result<Option<Rows>, Failure> {
        loop {
            let mut group = match self.current.take() {
                Some(group) => group,
                None => match self.open_row_group()? {
                    Some(group) => group,
                    None => return Ok(None),
                },
            };
            if let Some(rows) = self.read(&mut group)? {
                self.current = Some(group);
                return Ok(Some(rows));
            }
        }
    }
}
