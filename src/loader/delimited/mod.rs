//! Delimited text (CSV, TSV and their dialects) as a source of rows: a header with the names, then
//! a record a row. An empty field is a null, `""` is an empty text.
//!
//! ```text
//! bytes (unpacked, decoded) -> records (strict) -> cells
//! ```
//!
//! Invariants
//! - A row with more or fewer fields than the header is a misfit as a whole; what is no record of
//!   the dialect ends the load with file, row, line and column.

mod bytes;
mod records;

use std::io::Read;
use std::sync::Arc;

use encoding_rs::{Encoding, UTF_8};

use self::bytes::ReadSoFar;
pub use self::records::{Dialect, Records};
use super::contain::Position;
use super::convert::{self, Target, Value};
use super::source::{Cells, Misfit, Rows, Source, TextCells, Wanted};
use super::storage::Blob;
use crate::client::Failure;
use crate::view::{Scalar, Type};

const BLOCK_ROWS_MAX: usize = 1024;
/// A block ends early when it has this much.
const BLOCK_BYTES: usize = 8 * 1024 * 1024;
const COLUMNS_MAX: usize = 16_384;

/// What the command line says of text files.
#[derive(Clone, Debug)]
pub struct TextOptions {
    /// `None`: by the name of the file, a tab for `.tsv` and a comma for others.
    pub delimiter: Option<u8>,
    pub quote: Option<u8>,
    pub escape: Option<u8>,
    pub encoding: &'static Encoding,
    /// Unquoted fields with this text are nulls.
    pub null: Vec<u8>,
    /// So are quoted ones.
    pub quoted_null: bool,
    /// What a part of a key such as `1.0` is; `None`: it is a misfit.
    pub float_keys: Option<FloatKeys>,
}

/// Text does not say of `1.0` in a key whether it is that text, or an integer that became a float,
/// as pandas writes those beside nulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FloatKeys {
    /// 1.0 is the integer 1
    Integer,
    /// 1.0 is the text 1.0
    Text,
}

impl Default for TextOptions {
    fn default() -> TextOptions {
        let Dialect { quote, escape, .. } = Dialect::default();
        TextOptions {
            delimiter: None,
            quote,
            escape,
            encoding: UTF_8,
            null: Vec::new(),
            quoted_null: false,
            float_keys: None,
        }
    }
}

impl TextOptions {
    fn dialect(&self, file: &str) -> Dialect {
        let lower = file.to_ascii_lowercase();
        let is_tsv = [".tsv", ".tsv.gz", ".tsv.zst"]
            .iter()
            .any(|end| lower.ends_with(end));
        Dialect {
            delimiter: self.delimiter.unwrap_or(if is_tsv { b'\t' } else { b',' }),
            quote: self.quote,
            escape: self.escape,
        }
    }
}

pub struct TextSource {
    records: Records<Box<dyn Read>>,
    options: TextOptions,
    names: Vec<String>,
    wanted: Vec<Wanted>,
    next_row: u64,
    read: ReadSoFar,
    position: Arc<Position>,
    /// Found behind rows that are given first.
    failure: Option<Failure>,
}

impl TextSource {
    /// `name`: of the file.
    pub fn open(
        blob: Arc<dyn Blob>,
        name: &str,
        options: &TextOptions,
        position: Arc<Position>,
    ) -> Result<TextSource, Failure> {
        let dialect = options.dialect(name);
        if [dialect.quote, dialect.escape].contains(&Some(dialect.delimiter)) {
            let reason = "the delimiter is the quote or the escape as well: --delimiter, --quote, \
                          --escape";
            return Err(Failure::lasting(position.error(reason)));
        }
        let opened = bytes::open(blob, options.encoding);
        let (text, read) = opened.map_err(|error| unread(&position, None, &error))?;
        let mut source = TextSource {
            records: Records::new(text, dialect),
            options: options.clone(),
            names: Vec::new(),
            wanted: Vec::new(),
            next_row: 0,
            read,
            position,
            failure: None,
        };
        source.read_header()?;
        Ok(source)
    }

    fn read_header(&mut self) -> Result<(), Failure> {
        match self.records.read() {
            Ok(true) => {}
            Ok(false) => return Err(self.error("no header: the file is empty")),
            Err(wrong) => return Err(self.wrong(&wrong, "the header")),
        }
        let fields = self.records.len();
        if fields > COLUMNS_MAX {
            return Err(self.error(&format!("{fields} columns, more than {COLUMNS_MAX}")));
        }
        for at in 0..fields {
            let (name, _) = self.records.get(at).unwrap_or_default();
            let Ok(name) = str::from_utf8(name) else {
                let name = name.escape_ascii();
                return Err(self.error(&format!(
                    "the header is not in UTF-8 ({name}): --encoding latin-1, or what it is in"
                )));
            };
            if name.contains('\0') {
                let utf_16 = match name.starts_with('\0') {
                    true => "utf-16be",
                    false => "utf-16le",
                };
                return Err(self.error(&format!(
                    "the header has NUL characters: it may be in UTF-16 (--encoding {utf_16}), or \
                     no text at all"
                )));
            }
            self.names.push(name.to_owned());
        }
        if let [name] = self.names.as_slice() {
            let others = [(';', ";"), ('\t', "tab"), ('|', "'|'"), (',', ",")];
            let other = others.iter().find(|(c, _)| name.contains(*c));
            if let Some((_, option)) = other {
                return Err(self.error(&format!(
                    "the header is one column {name:?}: is the delimiter another one? \
                     --delimiter {option}"
                )));
            }
            self.records.keep_empty_lines();
        }
        Ok(())
    }

    fn read_record(&mut self) -> Result<bool, Failure> {
        let row = self.next_row;
        let read = self.records.read();
        read.map_err(|wrong| self.wrong(&wrong, &format!("row {row}")))
    }

    fn error(&self, reason: &str) -> Failure {
        Failure::lasting(self.position.error(reason))
    }

    /// What is wrong with the record that was to be read, and what may help.
    fn wrong(&self, wrong: &records::Wrong, what: &str) -> Failure {
        let line = self.records.first_line();
        if let records::Wrong::Unreadable(error) = wrong {
            return unread(
                &self.position,
                Some(&format!("{what} (line {line})")),
                error,
            );
        }
        let column = match self.names.get(self.records.failed_at()) {
            Some(name) => format!(" column {name}"),
            None => String::new(),
        };
        let escapes = self.options.escape.is_none() && self.options.quote.is_some();
        let hint = match wrong {
            records::Wrong::Behind if escapes => {
                "; if quotes are escaped by backslashes, as Spark writes them: --escape '\\'"
            }
            records::Wrong::Inside => "; if nothing is quoted in this file: --quote none",
            _ => "",
        };
        self.error(&format!("{what} (line {line}){column}: {wrong}{hint}"))
    }

    /// A field as it counts: `None` is a null.
    fn cell(&self, at: usize) -> Option<&[u8]> {
        let (field, quoted) = self.records.get(at)?;
        let is_null = field == self.options.null && (!quoted || self.options.quoted_null);
        (!is_null).then_some(field)
    }
}

/// What the disk or a store does not give may come later; what is cut short does not.
fn unread(position: &Position, at: Option<&str>, error: &std::io::Error) -> Failure {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    let text = position.error(&match at {
        Some(at) => format!("{at}: {error}"),
        None => error.to_string(),
    });
    match error.kind() {
        InvalidData | InvalidInput | UnexpectedEof => Failure::lasting(text),
        _ => Failure::passing(text),
    }
}

impl Source for TextSource {
    fn columns(&self) -> Vec<String> {
        self.names.clone()
    }

    fn select(&mut self, wanted: Vec<Wanted>) -> Result<(), Failure> {
        self.wanted = wanted;
        Ok(())
    }

    fn natural(&self, _column: usize) -> Result<Option<Type>, String> {
        Ok(None)
    }

    fn next_rows(&mut self) -> Result<Option<Rows>, Failure> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let first_row = self.next_row;
        let mut columns: Vec<TextCells> = Vec::with_capacity(self.wanted.len());
        columns.resize_with(self.wanted.len(), TextCells::default);
        let (mut rows, mut bytes) = (0, 0);
        let mut misfits = Vec::new();
        while rows < BLOCK_ROWS_MAX && bytes < BLOCK_BYTES {
            match self.read_record() {
                Ok(true) => {}
                Ok(false) => break,
                Err(failure) if rows == 0 => return Err(failure),
                Err(failure) => {
                    self.failure = Some(failure);
                    break;
                }
            }
            let fields = self.records.len();
            if fields != self.names.len() {
                let (line, header) = (self.records.first_line(), self.names.len());
                misfits.push(Misfit {
                    row: rows,
                    input: None,
                    reason: format!("{fields} fields (line {line}), and the header has {header}"),
                });
            }
            for (wanted, cells) in self.wanted.iter().zip(&mut columns) {
                let Some(field) = self.cell(wanted.column) else {
                    cells.push_null();
                    continue;
                };
                if let Err(mut reason) =
                    cells.push(|out| read_with(field, wanted.target, self.options.float_keys, out))
                {
                    if field.is_empty() {
                        reason.push_str(" (--quoted-null reads \"\" as a null)");
                    }
                    if str::from_utf8(field).is_err() {
                        reason.push_str(": --encoding latin-1, or what the file is in");
                    }
                    misfits.push(Misfit {
                        row: rows,
                        input: Some(wanted.input),
                        reason,
                    });
                }
            }
            bytes += self.records.bytes();
            rows += 1;
            self.next_row += 1;
        }
        let note = self.records.is_open().then(|| {
            let last = self.next_row.saturating_sub(1);
            let reason = format!("row {last} is the last, and its line has no end: is it torn?");
            self.position.error(&reason)
        });
        Ok((rows > 0).then_some(Rows {
            note,
            row_group: None,
            first_row,
            rows,
            columns: columns.into_iter().map(Cells::Text).collect(),
            misfits,
            bytes_read: self.read.bytes(),
        }))
    }
}

/// A text as a cell of the wanted type.
pub fn read(text: &[u8], target: Target, out: &mut Vec<u8>) -> Result<(), String> {
    read_with(text, target, None, out)
}

fn read_with(
    text: &[u8],
    target: Target,
    float_keys: Option<FloatKeys>,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    // No writer of text means it: damage, or another encoding.
    let is_text =
        matches!(target, Target::Key | Target::Scalar(Scalar::String)) || target.item().is_some();
    if is_text && memchr::memchr(0, text).is_some() {
        let text = text.escape_ascii();
        return Err(format!("\"{text}\" has a NUL character, which is no text"));
    }
    if target != Target::Key {
        return convert::cell(Value::Text(text), target, out);
    }
    let key = match (whole_float(text), float_keys) {
        (None, _) | (_, Some(FloatKeys::Text)) => text,
        (Some(integer), Some(FloatKeys::Integer)) => integer,
        (Some(integer), None) => {
            let (text, integer) = (text.escape_ascii(), integer.escape_ascii());
            return Err(format!(
                "is {text} in a key the integer {integer}, which became a float? --float-keys \
                 integer, or --float-keys text if it is that text"
            ));
        }
    };
    if str::from_utf8(key).is_err() {
        let key = key.escape_ascii();
        return Err(format!("\"{key}\" in a key is not UTF-8"));
    }
    out.extend_from_slice(key);
    Ok(())
}

/// The integer of a text such as `-12.0`.
fn whole_float(text: &[u8]) -> Option<&[u8]> {
    let point = memchr::memchr(b'.', text)?;
    let (integer, fraction) = text.split_at_checked(point)?;
    let digits = integer.strip_prefix(b"-").unwrap_or(integer);
    let is_whole = !digits.is_empty()
        && digits.iter().all(u8::is_ascii_digit)
        && fraction.len() > 1
        && fraction.iter().skip(1).all(|b| *b == b'0');
    is_whole.then_some(integer)
}
