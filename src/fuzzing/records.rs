//! Delimited text: any bytes in any dialect.

use std::io::{self, Read};

use crate::loader::{Dialect, Records};

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

type Table = Vec<Vec<(Vec<u8>, bool)>>;

/// All records, and the first line of the one that is none, with why.
fn read(text: &[u8], dialect: Dialect, piece: usize) -> (Table, Option<(u64, String)>) {
    let mut records = Records::new(Pieces(text, piece), dialect);
    let mut table = Table::new();
    loop {
        match records.read() {
            Ok(false) => return (table, None),
            Ok(true) => {
                let field = |at| {
                    records
                        .get(at)
                        .map(|(bytes, quoted)| (bytes.to_vec(), quoted))
                };
                table.push((0..records.len()).map_while(field).collect());
            }
            Err(wrong) => return (table, Some((records.first_line(), wrong.to_string()))),
        }
    }
}

/// The first byte is the dialect. Whatever the pieces in which it comes, text is the same records;
/// what was read is read again when it is written; and no byte that means something is lost.
pub fn run(bytes: &[u8]) {
    let Some((&first, text)) = bytes.split_first() else {
        return;
    };
    let dialect = Dialect {
        delimiter: [b',', b';', b'\t', b'|'][usize::from(first) % 4],
        quote: [Some(b'"'), Some(b'\''), None][usize::from(first / 4) % 3],
        escape: (first / 16 % 2 == 1).then_some(b'\\'),
    };
    let (table, wrong) = read(text, dialect, usize::MAX);
    for piece in [1, 2, 7] {
        assert_eq!(read(text, dialect, piece), (table.clone(), wrong.clone()));
    }
    let kept = |byte: &u8| !b"\"'\\\r\n,;\t|".contains(byte);
    if wrong.is_none() {
        let fields = table.iter().flatten().flat_map(|(field, _)| field);
        assert!(
            fields
                .filter(|b| kept(b))
                .eq(text.iter().filter(|b| kept(b)))
        );
    }
    let again = read(&write(&table, dialect), dialect, usize::MAX);
    assert_eq!(again, (table, None));
}

fn write(table: &Table, dialect: Dialect) -> Vec<u8> {
    let mut out = Vec::new();
    for record in table {
        for (at, (field, quoted)) in record.iter().enumerate() {
            if at > 0 {
                out.push(dialect.delimiter);
            }
            let quote = dialect.quote.filter(|_| *quoted);
            out.extend(quote);
            for &byte in field {
                let is_special = match quote {
                    Some(quote) => byte == quote || Some(byte) == dialect.escape,
                    None => {
                        dialect.quote.is_none()
                            && (matches!(byte, b'\n' | b'\r')
                                || byte == dialect.delimiter
                                || Some(byte) == dialect.escape)
                    }
                };
                match (is_special, quote, dialect.escape) {
                    (true, _, Some(escape)) => out.extend([escape, byte]),
                    (true, Some(quote), None) => out.extend([quote, byte]),
                    _ => out.push(byte),
                }
            }
            out.extend(quote);
        }
        out.push(b'\n');
    }
    out
}
