//! Parquet files as a source of rows. Only this folder names types of the `parquet` crate.
//!
//! Invariants
//! - The schema is flat: every column is a child of the root and not repeated. Others are refused
//!   by name before anything is read.
//! - A row group has the rows that its metadata says in every column, or reading fails.
//! - Every call into the crate that looks at the file's bytes runs at a [`Position`], so that an
//!   error or a panic can name the place.

mod column;
mod footer;
mod pages;

use crate::io::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Repetition;
use parquet::column::reader::get_column_reader;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::SchemaDescriptor;

use self::column::{Column, Format};
use self::pages::CheckedPages;
use super::contain::Position;
use super::source::{Block, Source, SourceError};
use crate::io;

const COLUMNS_MAX: usize = 16_384;
const BLOCK_ROWS_MAX: usize = 1024;
/// Wide files are read in smaller blocks: this bounds the cells in memory.
const BLOCK_CELLS_MAX: usize = 256 * 1024;

pub struct ParquetSource {
    file: SerializedFileReader<File>,
    names: Vec<String>,
    formats: Vec<Format>,
    /// The columns to read, as positions in the file.
    selected: Vec<usize>,
    next_row_group: usize,
    current: Option<RowGroup>,
    position: Arc<Position>,
}

struct RowGroup {
    number: usize,
    columns: Vec<Column>,
    rows: usize,
    next_row: usize,
}

impl ParquetSource {
    /// Read the footer of the file at `path` and check that its schema can be loaded.
    pub fn open(path: &Path, position: Arc<Position>) -> Result<ParquetSource, SourceError> {
        let wrong = |reason: &str| SourceError(position.error(reason));
        let mut file = io::open(path).map_err(|e| wrong(&e.to_string()))?;
        footer::check(&mut file).map_err(|e| wrong(&e))?;
        let file = position
            .at(None, || SerializedFileReader::new(file))
            .map_err(|e| wrong(&e.to_string()))?;
        let metadata = file.metadata().file_metadata();
        let (names, formats) = flat_columns(metadata.schema_descr()).map_err(|e| wrong(&e))?;
        let groups = file.metadata().row_groups();
        let rows = groups
            .iter()
            .try_fold(0, |sum: i64, group| sum.checked_add(group.num_rows()));
        if rows != Some(metadata.num_rows()) {
            return Err(wrong("the row groups do not have the rows of the file"));
        }
        position.set_names(names.clone());
        Ok(ParquetSource {
            selected: (0..names.len()).collect(),
            file,
            names,
            formats,
            next_row_group: 0,
            current: None,
            position,
        })
    }

    fn open_row_group(&mut self) -> Result<Option<RowGroup>, SourceError> {
        let number = self.next_row_group;
        let Some(metadata) = self.file.metadata().row_groups().get(number) else {
            return Ok(None);
        };
        let rows = usize::try_from(metadata.num_rows());
        let rows = rows.map_err(|_| self.error("a negative number of rows"))?;
        let mut columns = Vec::with_capacity(self.selected.len());
        for &index in &self.selected {
            let descriptor = metadata.schema_descr().column(index);
            let opened = self.position.at(Some((number, index)), || {
                let pages = self
                    .file
                    .get_row_group(number)?
                    .get_column_page_reader(index)?;
                let pages = CheckedPages::new(pages, &descriptor, rows);
                Ok(get_column_reader(descriptor.clone(), Box::new(pages)))
            });
            let reader = opened.map_err(|e: ParquetError| self.error(&e.to_string()))?;
            let format = self.formats.get(index).copied().unwrap_or(Format::Plain);
            columns.push(Column::new(reader, descriptor.max_def_level() > 0, format));
        }
        self.next_row_group += 1;
        Ok(Some(RowGroup {
            number,
            columns,
            rows,
            next_row: 0,
        }))
    }

    /// The next rows of `group`; `None` behind the last.
    fn read(&self, group: &mut RowGroup) -> Result<Option<Block>, SourceError> {
        let block_rows = (BLOCK_CELLS_MAX / group.columns.len().max(1)).clamp(1, BLOCK_ROWS_MAX);
        let rows = block_rows.min(group.rows.saturating_sub(group.next_row));
        let mut cells = Vec::with_capacity(group.columns.len());
        for (column, &index) in group.columns.iter_mut().zip(&self.selected) {
            let place = Some((group.number, index));
            if rows == 0 {
                let end = self.position.at(place, || column.end());
                end.map_err(|e| self.error(&e))?;
            } else {
                let read = self.position.at(place, || column.read(rows));
                cells.push(read.map_err(|e| self.error(&e))?);
            }
        }
        let first_row = group.next_row;
        group.next_row += rows;
        Ok((rows > 0).then_some(Block {
            row_group: group.number,
            first_row,
            rows,
            columns: cells,
        }))
    }

    fn error(&self, reason: &str) -> SourceError {
        SourceError(self.position.error(reason))
    }
}

impl Source for ParquetSource {
    fn columns(&self) -> &[String] {
        &self.names
    }

    fn select(&mut self, columns: Vec<usize>) {
        self.selected = columns;
    }

    fn next_block(&mut self) -> Result<Option<Block>, SourceError> {
        loop {
            let mut group = match self.current.take() {
                Some(group) => group,
                None => match self.open_row_group()? {
                    Some(group) => group,
                    None => return Ok(None),
                },
            };
            if let Some(block) = self.read(&mut group)? {
                self.current = Some(group);
                return Ok(Some(block));
            }
        }
    }
}

/// The names and formats of the columns, if the schema is flat.
fn flat_columns(schema: &SchemaDescriptor) -> Result<(Vec<String>, Vec<Format>), String> {
    let fields = schema.root_schema().get_fields();
    if fields.len() > COLUMNS_MAX {
        return Err(format!("{} columns, more than {COLUMNS_MAX}", fields.len()));
    }
    for field in fields {
        let name = field.name();
        if !field.is_primitive() {
            return Err(format!(
                "column {name} is nested; only flat columns can be loaded"
            ));
        }
        let info = field.get_basic_info();
        if info.has_repetition() && info.repetition() == Repetition::REPEATED {
            return Err(format!(
                "column {name} is repeated; only flat columns can be loaded"
            ));
        }
    }
    let mut names = Vec::with_capacity(fields.len());
    let mut formats = Vec::with_capacity(fields.len());
    for descriptor in schema.columns() {
        let name = descriptor.name().to_owned();
        let format = Format::of(descriptor).map_err(|e| format!("column {name}: {e}"))?;
        if !column::fits(format, descriptor.physical_type()) {
            return Err(format!(
                "column {name}: its annotation does not fit its type"
            ));
        }
        names.push(name);
        formats.push(format);
    }
    Ok((names, formats))
}
