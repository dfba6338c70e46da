//! Records of delimited text, read strictly: what no writer of this dialect would have written is
//! an error with its place, and never somebody's guess.
//!
//! ```text
//! record: field (delimiter field)* (\n | \r\n | \r | end of the file)
//! field:  quote (anything; a quote twice or behind the escape) quote | no delimiter, quote, \n, \r
//! ```
//!
//! Invariants
//! - A record is bounded: a quote that is never closed does not swallow the file.
//! - A quote that is open at the end of the file, text behind a closing quote, and a quote within a
//!   field that does not begin with one are errors.
//! - Every byte of the input is in a field, is a delimiter, a quote, an escape or ends a line.

use std::io::{self, Read};

const RECORD_BYTES_MAX: usize = 64 << 20;
const FIELDS_MAX: usize = 1 << 16;
const WINDOW_BYTES: usize = 256 << 10;

/// How a writer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub delimiter: u8,
    /// `None`: nothing is quoted.
    pub quote: Option<u8>,
    /// What stands before a quote that is meant; `None`: it is written twice.
    pub escape: Option<u8>,
}

impl Default for Dialect {
    fn default() -> Dialect {
        Dialect {
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
        }
    }
}

/// What is wrong with a record.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    #[error("the quote that begins it is never closed: a torn file, or a quote that is not meant")]
    Open,
    #[error("text behind the closing quote")]
    Behind,
    #[error("a quote in a field that does not begin with one")]
    Inside,
    #[error("the escape has nothing behind it: a torn file")]
    Escape,
    #[error("longer than 64 MiB: a quote that is never closed?")]
    Long,
    #[error("more than 65536 fields")]
    Many,
}

#[derive(Clone, Copy)]
struct Field {
    end: usize,
    quoted: bool,
}

/// See the module.
pub struct Records<R> {
    input: R,
    dialect: Dialect,
    /// Bytes that end a field without quotes, or may not be in it.
    stops: [bool; 256],
    window: Vec<u8>,
    at: usize,
    end: usize,
    /// Of the byte at `at`, counted from 1.
    line: u64,
    record: Vec<u8>,
    fields: Vec<Field>,
    /// Lines without a byte are records: where there is one column they are its nulls.
    keeps_empty: bool,
    first_line: u64,
    /// The last record ended with the file and not with a line.
    is_open: bool,
}

impl<R: Read> Records<R> {
    pub fn new(input: R, dialect: Dialect) -> Records<R> {
        Records {
            input,
            dialect,
            stops: stops(dialect),
            window: vec![0; WINDOW_BYTES],
            at: 0,
            end: 0,
            line: 1,
            record: Vec::new(),
            fields: Vec::new(),
            keeps_empty: false,
            first_line: 1,
            is_open: false,
        }
    }

    pub fn keep_empty_lines(&mut self) {
        self.keeps_empty = true;
    }

    /// Read the next record; false at the end.
    pub fn read(&mut self) -> Result<bool, Wrong> {
        loop {
            self.record.clear();
            self.fields.clear();
            self.first_line = self.line;
            let Some(first) = self.peek()? else {
                return Ok(false);
            };
            if matches!(first, b'\n' | b'\r') {
                self.end_line(first)?;
                if self.keeps_empty {
                    self.end_field(false);
                    return Ok(true);
                }
                continue;
            }
            while self.field()? {
                if self.fields.len() >= FIELDS_MAX {
                    return Err(Wrong::Many);
                }
            }
            return Ok(true);
        }
    }

    /// Fields of the record.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Bytes of the record.
    pub fn bytes(&self) -> usize {
        self.record.len()
    }

    /// A field, and whether it was quoted.
    pub fn get(&self, at: usize) -> Option<(&[u8], bool)> {
        let field = self.fields.get(at)?;
        let before = at.checked_sub(1).and_then(|at| self.fields.get(at));
        let start = before.map_or(0, |field| field.end);
        Some((self.record.get(start..field.end)?, field.quoted))
    }

    /// The line that the record begins in, counted from 1.
    pub fn first_line(&self) -> u64 {
        self.first_line
    }

    /// Whether the record was the last, without an end of its line: it may be torn.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Of which field it is that reading ended with an error: counted from 0.
    pub fn failed_at(&self) -> usize {
        self.fields.len()
    }

    #[inline]
    fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.at == self.end {
            self.fill()?;
        }
        Ok(self.rest().first().copied())
    }

    #[cold]
    fn fill(&mut self) -> io::Result<()> {
        self.at = 0;
        self.end = loop {
            match self.input.read(&mut self.window) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        Ok(())
    }

    /// What of the window was not read.
    fn rest(&self) -> &[u8] {
        self.window.get(self.at..self.end).unwrap_or_default()
    }

    /// Take so many bytes of the window into the record.
    fn take(&mut self, count: usize) -> Result<(), Wrong> {
        let to = self.at.saturating_add(count).min(self.end);
        let bytes = self.window.get(self.at..to).unwrap_or_default();
        if self.record.len().saturating_add(bytes.len()) > RECORD_BYTES_MAX {
            return Err(Wrong::Long);
        }
        self.record.extend_from_slice(bytes);
        self.at = to;
        Ok(())
    }

    fn skip(&mut self) {
        self.at = self.at.saturating_add(1).min(self.end);
    }

    fn end_field(&mut self, quoted: bool) {
        let end = self.record.len();
        self.fields.push(Field { end, quoted });
    }

    /// Past the end of a line.
    fn end_line(&mut self, byte: u8) -> io::Result<()> {
        self.skip();
        if byte == b'\r' && self.peek()? == Some(b'\n') {
            self.skip();
        }
        self.line += 1;
        Ok(())
    }

    /// Read a field and what ends it; whether another follows.
    fn field(&mut self) -> Result<bool, Wrong> {
        let quoted = self.dialect.quote.is_some() && self.peek()? == self.dialect.quote;
        if quoted {
            self.skip();
            self.quoted()?;
        } else {
            self.plain()?;
        }
        let ended_by = self.peek()?;
        match ended_by {
            Some(byte) if byte == self.dialect.delimiter => {
                self.end_field(quoted);
                self.skip();
                return Ok(true);
            }
            Some(byte @ (b'\n' | b'\r')) => {
                self.end_field(quoted);
                self.end_line(byte)?;
            }
            None => {
                self.end_field(quoted);
                self.is_open = true;
            }
            Some(_) => return Err(Wrong::Behind),
        }
        Ok(false)
    }

    /// Up to the delimiter or the end of the line.
    fn plain(&mut self) -> Result<(), Wrong> {
        while self.peek()?.is_some() {
            // Most fields are short.
            let length = self.rest().iter().position(|byte| self.is_stop(*byte));
            let length = length.unwrap_or_else(|| self.rest().len());
            self.take(length)?;
            let Some(stop) = self.rest().first().copied() else {
                continue;
            };
            if Some(stop) == self.dialect.quote {
                return Err(Wrong::Inside);
            }
            if stop == self.dialect.delimiter || matches!(stop, b'\n' | b'\r') {
                break;
            }
            // The escape, which stands before what would be a stop.
            self.skip();
            let Some(meant) = self.peek()? else {
                return Err(Wrong::Escape);
            };
            self.line += u64::from(meant == b'\n');
            self.take(1)?;
        }
        Ok(())
    }

    #[inline]
    fn is_stop(&self, byte: u8) -> bool {
        self.stops.get(usize::from(byte)) == Some(&true)
    }

    /// Up to the closing quote.
    fn quoted(&mut self) -> Result<(), Wrong> {
        let quote = self.dialect.quote.unwrap_or_default();
        let escape = self.dialect.escape.filter(|escape| *escape != quote);
        loop {
            if self.peek()?.is_none() {
                return Err(Wrong::Open);
            }
            let rest = self.rest();
            let stop = memchr::memchr2(quote, escape.unwrap_or(quote), rest);
            let length = stop.unwrap_or(rest.len());
            let stopped_by = stop.and_then(|at| rest.get(at).copied());
            let text = rest.get(..length).unwrap_or_default();
            self.line += memchr::memchr_iter(b'\n', text).count() as u64;
            self.take(length)?;
            let Some(byte) = stopped_by else {
                continue;
            };
            self.skip();
            let next = self.peek()?;
            if byte != quote {
                // Only what could be mistaken is escaped; elsewhere it is a byte as any other.
                if next != Some(quote) && next != escape {
                    self.record.push(byte);
                    continue;
                }
                self.take(1)?;
            } else if next == Some(quote) && escape.is_none() {
                self.take(1)?;
            } else {
                return Ok(());
            }
        }
    }
}

/// Without quotes the escape stands before delimiters; with them it means nothing outside.
fn stops(dialect: Dialect) -> [bool; 256] {
    let escape = dialect.escape.filter(|_| dialect.quote.is_none());
    let meant = [Some(dialect.delimiter), dialect.quote, escape];
    std::array::from_fn(|byte| {
        let byte = u8::try_from(byte).unwrap_or_default();
        matches!(byte, b'\n' | b'\r') || meant.contains(&Some(byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives what it has in pieces of so many bytes.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(into.len());
            let (piece, rest) = self.0.split_at(length);
            into[..length].copy_from_slice(piece);
            self.0 = rest;
            Ok(length)
        }
    }

    /// Records as `a|b`, quoted fields in brackets; an error as its line, field and text.
    fn read(text: &str, dialect: Dialect, piece: usize) -> Vec<String> {
        let mut records = Records::new(Pieces(text.as_bytes(), piece), dialect);
        let mut all = Vec::new();
        loop {
            match records.read() {
                Ok(false) => return all,
                Ok(true) => {
                    let fields = (0..records.len()).map(|at| {
                        let (field, quoted) = records.get(at).unwrap();
                        let text = String::from_utf8_lossy(field);
                        if quoted {
                            format!("[{text}]")
                        } else {
                            text.into_owned()
                        }
                    });
                    all.push(fields.collect::<Vec<_>>().join("|"));
                }
                Err(wrong) => {
                    let (line, at) = (records.first_line(), records.failed_at());
                    all.push(format!("line {line} field {at}: {wrong}"));
                    return all;
                }
            }
        }
    }

    fn check(dialect: Dialect, text: &str, want: &[&str]) {
        for piece in [1, 2, 3, 7, 1000] {
            let got = read(text, dialect, piece);
            let same = got.len() == want.len()
                && got
                    .iter()
                    .zip(want)
                    .all(|(got, want)| got.starts_with(want));
            assert!(same, "{text:?} in pieces of {piece}: {got:?}");
        }
    }

    #[test]
    fn what_writers_write() {
        let csv = Dialect::default();
        for (text, want) in [
            ("", &[][..]),
            ("a,b\n1,2\n", &["a|b", "1|2"]),
            ("a,b\r\n1,2\r\n", &["a|b", "1|2"]),
            ("a,b\r1,2", &["a|b", "1|2"]),
            ("a\n\n\nb", &["a", "b"]),
            ("a,\n,b\n,\n", &["a|", "|b", "|"]),
            ("\"a\",\"\"\n", &["[a]|[]"]),
            ("\"a\nb\",\"c,d\"\n", &["[a\nb]|[c,d]"]),
            ("\"a\"\"b\",\"\"\"\"\n", &["[a\"b]|[\"]"]),
            ("\"a\\\",b\n", &["[a\\]|b"]),
            (" a , b \n", &[" a | b "]),
        ] {
            check(csv, text, want);
        }
        let spark = Dialect {
            escape: Some(b'\\'),
            ..csv
        };
        for (text, want) in [
            (r#""a\"b",c"#, &[r#"[a"b]|c"#][..]),
            (r#""a\\",c"#, &[r"[a\]|c"]),
            (r#""a\nb",c\d"#, &[r"[a\nb]|c\d"]),
            ("\"\",\n", &["[]|"]),
        ] {
            check(spark, text, want);
        }
        let plain = Dialect {
            delimiter: b'\t',
            quote: None,
            escape: Some(b'\\'),
        };
        check(plain, "5\" x\ta\\\tb\n", &["5\" x|a\tb"]);
        let torn = ["a", "line 2 field 0: the escape has nothing behind it"];
        check(plain, "a\nb\\", &torn);
    }

    #[test]
    fn what_no_writer_writes_is_an_error_with_its_place() {
        let csv = Dialect::default();
        for (text, want) in [
            (
                "a,b\n1,\"Bonn\n3,4\n",
                &["a|b", "line 2 field 1: the quote that begins it"][..],
            ),
            ("a\n\"", &["a", "line 2 field 0: the quote that begins it"]),
            ("a\n\"x\"y\n", &["a", "line 2 field 0: text behind"]),
            ("a\n\"x\" \n", &["a", "line 2 field 0: text behind"]),
            (
                "a,b\n1,x\"\n",
                &["a|b", "line 2 field 1: a quote in a field"],
            ),
            (
                "\"a\nb\"\n1,\"\n",
                &["[a\nb]", "line 3 field 1: the quote that begins it"],
            ),
        ] {
            check(csv, text, want);
        }
        let spark = Dialect {
            escape: Some(b'\\'),
            ..csv
        };
        check(spark, "\"a\"\"b\"\n", &["line 1 field 0: text behind"]);
        check(
            spark,
            "\"a\\\"\n",
            &["line 1 field 0: the quote that begins it"],
        );
    }

    #[test]
    fn a_record_is_bounded() {
        let long = "x".repeat(RECORD_BYTES_MAX + 1);
        assert!(read(&long, Dialect::default(), 1 << 20)[0].contains("longer than 64 MiB"));
        let many = ",".repeat(FIELDS_MAX + 1);
        assert!(read(&many, Dialect::default(), 1 << 20)[0].contains("more than 65536"));
    }

    proptest::proptest! {
        /// Whatever fields there are, written in a dialect they are read back; and cut anywhere
        /// within a quoted field they are an error.
        #[test]
        fn fields_come_back(
            rows in proptest::collection::vec(
                proptest::collection::vec("[a\",;\\\\\n\r ]{0,6}", 2..4), 1..5),
            spark: bool,
        ) {
            let dialect = Dialect {
                escape: spark.then_some(b'\\'),
                ..Dialect::default()
            };
            let mut text = String::new();
            for row in &rows {
                let fields: Vec<String> = row.iter().map(|field| match spark {
                    true => field.replace('\\', "\\\\").replace('"', "\\\""),
                    false => field.replace('"', "\"\""),
                }).map(|field| format!("\"{field}\"")).collect();
                text.push_str(&fields.join(","));
                text.push('\n');
            }
            let want: Vec<String> = rows.iter().map(|row| {
                row.iter().map(|f| format!("[{f}]")).collect::<Vec<_>>().join("|")
            }).collect();
            for piece in [1, 5, 1000] {
                proptest::prop_assert_eq!(read(&text, dialect, piece), want.clone());
            }
            // Without the last quote and the end of the line.
            let cut = &text[..text.len() - 2];
            let got = read(cut, dialect, 1000);
            proptest::prop_assert!(got.last().is_some_and(|last| last.contains("never closed")));
        }
    }
}
