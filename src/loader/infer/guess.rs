//! What type a column is, from what it says of itself and from its cells.
//!
//! | a column of text whose cells are | becomes |
//! |---|---|
//! | integers of 64 bits as they would be written back | `int64` |
//! | numbers that a double holds, one with a point or an exponent at least | `float64` |
//! | `true`, `false` | `bool` |
//! | times with a day and an hour | `timestamp` |
//! | anything else in UTF-8 | `string` |
//! | no text | `bytes` |
//!
//! A column that has a type keeps it, and what is wider is tried where rows do not fit: other files
//! may have it of another type. Lists of single-precision numbers that are all as long are an
//! embedding.

use super::super::convert::{self, Value};
use super::super::text;
use crate::view::{DIM_MAX, Encoding, Scalar, Type};

const SINGLE_BYTES: usize = 4;
/// From here on not all integers are there as doubles.
const EXACT_END: f64 = 9_007_199_254_740_992.0;

/// A type that is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// Text that was not looked at yet, read as bytes.
    Text,
    /// Lists of single-precision numbers whose lengths were not looked at yet.
    Singles,
    Known(Type),
}

impl Guess {
    pub fn new(natural: Option<Type>) -> Guess {
        match natural {
            None => Guess::Text,
            Some(Type::List(Scalar::Float32)) => Guess::Singles,
            Some(natural) => Guess::Known(natural),
        }
    }

    pub fn is_text(self) -> bool {
        self == Guess::Text
    }

    pub fn kind(self) -> Type {
        match self {
            Guess::Text => Type::Scalar(Scalar::Bytes),
            Guess::Singles => Type::List(Scalar::Float32),
            Guess::Known(kind) => kind,
        }
    }

    /// Lists whose lengths are looked at are packed.
    pub fn encoding(self) -> Encoding {
        match self {
            Guess::Singles => Encoding::Packed,
            other => other.kind().encoding(),
        }
    }

    /// Go by what was seen; false: no type is left.
    pub fn widen(&mut self, seen: &Seen, has_misfits: bool) -> bool {
        let kind = match *self {
            Guess::Text => Some(Type::Scalar(seen.texts())),
            Guess::Singles if has_misfits => wider(self.kind()),
            Guess::Singles => Some(match seen.dim() {
                Some(dim) => Type::Embedding { dim },
                None => self.kind(),
            }),
            Guess::Known(kind) if has_misfits => wider(kind),
            Guess::Known(kind) => Some(kind),
        };
        match kind {
            Some(kind) => *self = Guess::Known(kind),
            None => return false,
        }
        true
    }
}

/// What takes all values of this type and more.
fn wider(kind: Type) -> Option<Type> {
    Some(match kind {
        Type::Scalar(Scalar::Int64 | Scalar::Float32) => Type::Scalar(Scalar::Float64),
        Type::Scalar(Scalar::String) => Type::Scalar(Scalar::Bytes),
        Type::Scalar(Scalar::Bytes) => return None,
        Type::Scalar(_) => Type::Scalar(Scalar::String),
        Type::Embedding { .. } => Type::List(Scalar::Float32),
        Type::List(Scalar::Int64 | Scalar::Float32) => Type::List(Scalar::Float64),
        Type::List(Scalar::String | Scalar::Bytes) => return None,
        Type::List(_) => Type::List(Scalar::String),
    })
}

/// What the cells of a column have in common.
#[derive(Debug)]
pub struct Seen {
    cells: u64,
    /// They are packed lists: bytes of each.
    is_list: bool,
    bytes: Option<usize>,
    all_integers: bool,
    all_floats: bool,
    /// Of them, some that are numbers.
    any_number: bool,
    all_bools: bool,
    all_times: bool,
    all_utf8: bool,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen {
            cells: 0,
            is_list: false,
            bytes: None,
            all_integers: true,
            all_floats: true,
            any_number: false,
            all_bools: true,
            all_times: true,
            all_utf8: true,
        }
    }
}

impl Seen {
    /// Of cells that are read as this type.
    pub fn of(kind: Type) -> Seen {
        Seen {
            is_list: matches!(kind, Type::List(_)),
            ..Seen::default()
        }
    }

    /// As it would be stored.
    pub fn cell(&mut self, cell: &[u8]) {
        self.cells += 1;
        if self.is_list {
            let first = self.cells == 1;
            self.bytes = self.bytes.or(first.then_some(cell.len()));
            self.bytes = self.bytes.filter(|bytes| *bytes == cell.len());
            return;
        }
        let value = Value::Text(cell);
        self.all_integers &= is_integer(cell);
        self.all_floats = self.all_floats && is_float(cell);
        self.any_number |= self.all_floats && cell.iter().any(u8::is_ascii_digit);
        let is_word = cell.iter().all(u8::is_ascii_alphabetic);
        self.all_bools = self.all_bools && is_word && convert::boolean(value).is_ok();
        let has_hour = cell.len() > "2026-11-20".len();
        self.all_times = self.all_times && has_hour && text::parse_time(cell).is_some();
        self.all_utf8 = self.all_utf8 && str::from_utf8(cell).is_ok();
    }

    fn texts(&self) -> Scalar {
        match self {
            Seen { cells: 0, .. } => Scalar::String,
            Seen { all_integers, .. } if *all_integers => Scalar::Int64,
            Seen { any_number, .. } if self.all_floats && *any_number => Scalar::Float64,
            Seen { all_bools, .. } if *all_bools => Scalar::Bool,
            Seen { all_times, .. } if *all_times => Scalar::Timestamp,
            Seen { all_utf8, .. } if *all_utf8 => Scalar::String,
            _ => Scalar::Bytes,
        }
    }

    /// Of packed lists of single-precision numbers.
    fn dim(&self) -> Option<u32> {
        let dim = self
            .bytes
            .and_then(|bytes| u32::try_from(bytes / SINGLE_BYTES).ok());
        dim.filter(|dim| (2..=DIM_MAX).contains(dim))
    }
}

/// Whether it is an integer that would be written back as it is.
fn is_integer(cell: &[u8]) -> bool {
    let mut written = Vec::with_capacity(cell.len());
    let number = convert::int64(Value::Text(cell));
    number.is_ok_and(|number| {
        text::integer(number, &mut written);
        written == cell
    })
}

/// Whether it is a number of which a double loses nothing that was meant: no code with a leading
/// zero, no identifier of many digits.
fn is_float(cell: &[u8]) -> bool {
    let Ok(number) = convert::float64(Value::Text(cell)) else {
        return false;
    };
    let digits = cell.strip_prefix(b"-").unwrap_or(cell);
    match digits {
        [b'0', b'0'..=b'9', ..] => false,
        _ if digits.iter().all(u8::is_ascii_digit) => number.abs() < EXACT_END,
        // Not so large that it is no number any more.
        [b'0'..=b'9' | b'.', ..] => number.is_finite(),
        _ => !number.is_finite(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(cells: &[&[u8]]) -> String {
        let mut guess = Guess::new(None);
        let mut seen = Seen::of(guess.kind());
        cells.iter().for_each(|cell| seen.cell(cell));
        assert!(guess.widen(&seen, false));
        guess.kind().to_string()
    }

    #[test]
    fn columns_of_text() {
        for (cells, want) in [
            (&[&b"1"[..], b"-7", b"9223372036854775807"][..], "int64"),
            (&[b"1", b"2.5"], "float64"),
            (&[b"1", b"NaN", b"-inf", b"1e-3"], "float64"),
            (&[], "string"),
            (&[b"nan"], "string"),
            (&[b"1", b"007"], "string"),
            (&[b"00.5"], "string"),
            (&[b"+1"], "string"),
            (&[b"9223372036854775808"], "string"),
            (&[b"1.5", b"9007199254740993"], "string"),
            (&[b"1e400"], "string"),
            (&[b"1", b"0"], "int64"),
            (&[b"true", b"False"], "bool"),
            (&[b"true", b"1"], "string"),
            (&[b"2026-11-20T01:02:03Z", b"2026-11-20 01:02"], "timestamp"),
            (&[b"2026-11-20"], "string"),
            (&[b"", b"1"], "string"),
            (&[b"a", "caf\u{e9}".as_bytes()], "string"),
            (&[b"a", b"\xff"], "bytes"),
        ] {
            assert_eq!(guessed(cells), want, "{cells:?}");
        }
    }

    #[test]
    fn lists_of_one_length_are_embeddings() {
        for (lengths, want) in [
            (&[8, 8][..], "embedding"),
            (&[8, 12], "list<float32>"),
            (&[8, 12, 8], "list<float32>"),
            (&[4, 4], "list<float32>"),
            (&[], "list<float32>"),
        ] {
            let mut guess = Guess::new(Some(Type::List(Scalar::Float32)));
            let mut seen = Seen::of(guess.kind());
            lengths
                .iter()
                .for_each(|length| seen.cell(&vec![0; *length]));
            assert!(guess.widen(&seen, false));
            assert_eq!(guess.kind().to_string(), want, "{lengths:?}");
        }
    }

    #[test]
    fn what_does_not_fit_becomes_wider_until_nothing_is_left() {
        for (first, last) in [
            (Type::Scalar(Scalar::Int64), Type::Scalar(Scalar::Bytes)),
            (Type::Scalar(Scalar::Timestamp), Type::Scalar(Scalar::Bytes)),
            (Type::Embedding { dim: 3 }, Type::List(Scalar::String)),
            (Type::List(Scalar::Bool), Type::List(Scalar::String)),
        ] {
            let mut guess = Guess::Known(first);
            let mut steps = 0;
            while guess.widen(&Seen::default(), true) {
                steps += 1;
                assert!(steps < 10);
            }
            assert_eq!(guess.kind(), last);
            assert!(guess.widen(&Seen::default(), false));
        }
    }
}
