//! CSV files as a source of rows: a header with the names, quotes, commas; an empty field is a
//! null.
//!
//! Invariants
//! - A record is bounded: a quote that is never closed does not swallow the file.
//! - A row with more or fewer fields than the header is a misfit as a whole, not an error.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::contain::Position;
use super::convert::{self, Target, Value};
use super::list;
use super::source::{Cells, Misfit, Rows, Source, SourceError, TextCells, Wanted};
use super::storage::Blob;
use crate::view::Scalar;

const BLOCK_ROWS_MAX: usize = 1024;
/// A block ends early when it has this much.
const BLOCK_BYTES: usize = 8 * 1024 * 1024;
const RECORD_BYTES_MAX: u64 = 64 * 1024 * 1024;
const WINDOW_BYTES: u64 = 1024 * 1024;
const COLUMNS_MAX: usize = 16_384;

pub struct CsvSource {
    reader: csv::Reader<BlobReader>,
    /// What may still be read for this record.
    left: Rc<Cell<u64>>,
    names: Vec<String>,
    wanted: Vec<Wanted>,
    record: csv::ByteRecord,
    next_row: u64,
    position: Arc<Position>,
}

impl CsvSource {
    pub fn open(blob: Arc<dyn Blob>, position: Arc<Position>) -> Result<CsvSource, SourceError> {
        let left = Rc::new(Cell::new(RECORD_BYTES_MAX));
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(BlobReader {
                blob,
                at: 0,
                window: Bytes::new(),
                left: left.clone(),
            });
        let mut source = CsvSource {
            reader,
            left,
            names: Vec::new(),
            wanted: Vec::new(),
            record: csv::ByteRecord::new(),
            next_row: 0,
            position,
        };
        if !source.read_record()? {
            return Err(source.error("no header: the file is empty"));
        }
        let fields = source.record.len();
        if fields > COLUMNS_MAX {
            return Err(source.error(&format!("{fields} columns, more than {COLUMNS_MAX}")));
        }
        for (column, name) in source.record.iter().enumerate() {
            // What some programs write in front of UTF-8.
            let mark: &[u8] = b"\xef\xbb\xbf";
            let name = match column {
                0 => name.strip_prefix(mark).unwrap_or(name),
                _ => name,
            };
            source
                .names
                .push(String::from_utf8_lossy(name).into_owned());
        }
        Ok(source)
    }

    fn read_record(&mut self) -> Result<bool, SourceError> {
        self.left.set(RECORD_BYTES_MAX);
        let read = self.reader.read_byte_record(&mut self.record);
        read.map_err(|e| self.error(&format!("row {}: {e}", self.next_row)))
    }

    fn error(&self, reason: &str) -> SourceError {
        SourceError(self.position.error(reason))
    }
}

impl Source for CsvSource {
    fn columns(&self) -> Vec<String> {
        self.names.clone()
    }

    fn select(&mut self, wanted: Vec<Wanted>) -> Result<(), SourceError> {
        self.wanted = wanted;
        Ok(())
    }

    fn natural(&self, _column: usize) -> Result<Scalar, String> {
        Ok(Scalar::Bytes)
    }

    fn next_rows(&mut self) -> Result<Option<Rows>, SourceError> {
        let first_row = self.next_row;
        let mut columns: Vec<TextCells> = Vec::with_capacity(self.wanted.len());
        columns.resize_with(self.wanted.len(), TextCells::default);
        let (mut rows, mut bytes) = (0, 0);
        let mut misfits = Vec::new();
        while rows < BLOCK_ROWS_MAX && bytes < BLOCK_BYTES && self.read_record()? {
            if self.record.len() != self.names.len() {
                misfits.push(Misfit {
                    row: rows,
                    input: None,
                    reason: format!(
                        "{} fields, and the header has {}",
                        self.record.len(),
                        self.names.len()
                    ),
                });
            }
            for (wanted, cells) in self.wanted.iter().zip(&mut columns) {
                let field = self
                    .record
                    .get(wanted.column)
                    .filter(|field| !field.is_empty());
                let Some(field) = field else {
                    cells.push_null();
                    continue;
                };
                if let Err(reason) = cells.push(|out| read(field, wanted.target, out)) {
                    misfits.push(Misfit {
                        row: rows,
                        input: Some(wanted.input),
                        reason,
                    });
                }
            }
            bytes += self.record.as_slice().len();
            rows += 1;
            self.next_row += 1;
        }
        Ok((rows > 0).then_some(Rows {
            row_group: None,
            first_row,
            rows,
            columns: columns.into_iter().map(Cells::Text).collect(),
            misfits,
            bytes_read: self.reader.position().byte(),
        }))
    }
}

/// A text as a cell of the wanted type.
pub fn read(text: &[u8], target: Target, out: &mut Vec<u8>) -> Result<(), String> {
    let value = Value::Text(text);
    match target {
        Target::Key => {
            out.extend_from_slice(text);
            Ok(())
        }
        Target::Scalar(scalar) => convert::scalar(value, scalar, out),
        Target::List { .. } | Target::Embedding { .. } => list::from_value(value, target, out),
    }
}

/// A file from its beginning, in windows.
struct BlobReader {
    blob: Arc<dyn Blob>,
    at: u64,
    window: Bytes,
    left: Rc<Cell<u64>>,
}

impl Read for BlobReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.window.is_empty() {
            let end = self.blob.len().min(self.at.saturating_add(WINDOW_BYTES));
            self.window = self.blob.read(self.at..end)?;
            self.at = end;
        }
        let length = into.len().min(self.window.len());
        if let Some(into) = into.get_mut(..length) {
            self.window.copy_to_slice(into);
        }
        let left = self.left.get().checked_sub(length as u64);
        let left = left.ok_or_else(|| io::Error::other("longer than 64 MiB: an open quote?"))?;
        self.left.set(left);
        Ok(length)
    }
}
