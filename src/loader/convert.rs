//! Values of an export as the bytes that a declared type stores.
//!
//! | from \ to | int64 | float64 | string | bool | bytes | timestamp |
//! |---|---|---|---|---|---|---|
//! | integers | if it fits | if exact | digits | 0, 1 | - | as milliseconds |
//! | floats | if whole | shortest text | the same | 0, 1 | - | if whole |
//! | decimals | if whole | nearest | every digit | - | - | - |
//! | bool | 0, 1 | - | `1`, `0` | itself | - | - |
//! | date | - | - | `YYYY-MM-DD` | - | - | midnight UTC |
//! | timestamp | milliseconds | - | milliseconds | - | - | itself |
//! | text | read | read | itself, in UTF-8 | `1 0 true false` | itself | milliseconds or ISO 8601 |
//! | bytes | - | - | itself, in UTF-8 | - | itself | - |
//! | UUID | - | - | `8-4-4-4-12` | - | 16 bytes | - |
//!
//! Each cell of this table is total: what is not in it is a misfit with a reason.

use super::text;
use crate::view::{Encoding, Feature, Scalar, Type};

/// A value of an export.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Single(f32),
    Double(f64),
    /// Written out.
    Decimal(&'a [u8]),
    /// Days since 1970-01-01.
    Date(i32),
    /// Milliseconds since 1970-01-01.
    Timestamp(i64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Uuid(&'a [u8]),
}

/// What a column's cells are to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A part of a key: any text or bytes.
    Key,
    Scalar(Scalar),
    List {
        item: Scalar,
        encoding: Encoding,
    },
    Embedding {
        dim: u32,
        encoding: Encoding,
    },
}

impl Target {
    pub fn of(feature: &Feature) -> Target {
        let encoding = feature.encoding;
        match feature.kind {
            Type::Scalar(scalar) => Target::Scalar(scalar),
            Type::List(item) => Target::List { item, encoding },
            Type::Embedding { dim } => Target::Embedding { dim, encoding },
        }
    }

    /// Of lists and embeddings: what their items are.
    pub fn item(self) -> Option<Scalar> {
        match self {
            Target::Key | Target::Scalar(_) => None,
            Target::List { item, .. } => Some(item),
            Target::Embedding { .. } => Some(Scalar::Float64),
        }
    }

    pub fn name(self) -> String {
        match self {
            Target::Key => "part of a key".to_owned(),
            Target::Scalar(scalar) => scalar.name().to_owned(),
            Target::List { item, .. } => format!("list<{}>", item.name()),
            Target::Embedding { dim, .. } => format!("embedding of {dim}"),
        }
    }
}

/// Why a value does not become what it is declared to be.
pub type Reason = String;

impl Value<'_> {
    /// What it is, for messages.
    fn kind(&self) -> &'static str {
        match self {
            Value::Bool(_) => "a bool",
            Value::Int(_) | Value::Unsigned(_) => "an integer",
            Value::Single(_) | Value::Double(_) => "a float",
            Value::Decimal(_) => "a decimal",
            Value::Date(_) => "a date",
            Value::Timestamp(_) => "a timestamp",
            Value::Text(_) => "a text",
            Value::Bytes(_) => "bytes",
            Value::Uuid(_) => "a UUID",
        }
    }

    #[cold]
    pub(super) fn misfit(&self, target: &str) -> Reason {
        const SHOWN_CHARS_MAX: usize = 60;
        let mut shown = Vec::new();
        text::of(*self, &mut shown);
        let shown = String::from_utf8_lossy(&shown);
        let mut short: String = shown.chars().take(SHOWN_CHARS_MAX).collect();
        if short.len() < shown.len() {
            short.push_str("...");
        }
        format!("{} {short:?} is no {target}", self.kind())
    }
}

/// The text or bytes of a scalar feature.
#[inline]
pub fn scalar(value: Value, target: Scalar, out: &mut Vec<u8>) -> Result<(), Reason> {
    match target {
        Scalar::Int64 => text::integer(int64(value)?, out),
        Scalar::Float64 => match value {
            // As short as the number that it is.
            Value::Single(number) => text::single(number, out),
            _ => text::double(float64(value)?, out),
        },
        Scalar::String => match value {
            // Most are ASCII, which is told faster.
            Value::Text(bytes) | Value::Bytes(bytes)
                if !bytes.is_ascii() && str::from_utf8(bytes).is_err() =>
            {
                return Err(value.misfit("UTF-8"));
            }
            _ => text::of(value, out),
        },
        Scalar::Bool => out.push(if boolean(value)? { b'1' } else { b'0' }),
        Scalar::Bytes => match value {
            Value::Text(bytes) | Value::Bytes(bytes) | Value::Uuid(bytes) => {
                out.extend_from_slice(bytes)
            }
            _ => return Err(value.misfit("bytes")),
        },
        Scalar::Timestamp => text::integer(timestamp(value)?, out),
    }
    Ok(())
}

#[inline]
pub fn int64(value: Value) -> Result<i64, Reason> {
    let found = match value {
        Value::Int(number) | Value::Timestamp(number) => Some(number),
        Value::Unsigned(number) => i64::try_from(number).ok(),
        Value::Bool(is) => Some(i64::from(is)),
        Value::Single(number) => whole(f64::from(number)),
        Value::Double(number) => whole(number),
        Value::Decimal(digits) => whole_decimal(digits),
        Value::Text(digits) => parse(digits),
        Value::Date(_) | Value::Bytes(_) | Value::Uuid(_) => None,
    };
    found.ok_or_else(|| value.misfit("int64"))
}

#[inline]
pub fn float64(value: Value) -> Result<f64, Reason> {
    let found = match value {
        Value::Double(number) => Some(number),
        Value::Single(number) => Some(f64::from(number)),
        Value::Int(number) => Some(number as f64).filter(|f| *f as i128 == i128::from(number)),
        Value::Unsigned(number) => Some(number as f64).filter(|f| *f as i128 == i128::from(number)),
        Value::Decimal(digits) | Value::Text(digits) => parse(digits),
        _ => None,
    };
    found.ok_or_else(|| value.misfit("float64"))
}

/// An item of an embedding.
pub fn float32(value: Value) -> Result<f32, Reason> {
    if let Value::Single(number) = value {
        return Ok(number);
    }
    let wide = float64(value)?;
    let narrow = wide as f32;
    if wide.is_finite() && !narrow.is_finite() {
        return Err(value.misfit("number of single precision"));
    }
    Ok(narrow)
}

#[inline]
pub fn boolean(value: Value) -> Result<bool, Reason> {
    let found = match value {
        Value::Bool(is) => Some(is),
        Value::Int(0) | Value::Unsigned(0) => Some(false),
        Value::Int(1) | Value::Unsigned(1) => Some(true),
        Value::Single(number) if number == 0.0 || number == 1.0 => Some(number == 1.0),
        Value::Double(number) if number == 0.0 || number == 1.0 => Some(number == 1.0),
        Value::Text(b"1") => Some(true),
        Value::Text(b"0") => Some(false),
        Value::Text(text) if text.eq_ignore_ascii_case(b"true") => Some(true),
        Value::Text(text) if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    };
    found.ok_or_else(|| value.misfit("bool"))
}

/// Milliseconds since the epoch.
#[inline]
pub fn timestamp(value: Value) -> Result<i64, Reason> {
    let found = match value {
        Value::Timestamp(millis) | Value::Int(millis) => Some(millis),
        Value::Unsigned(millis) => i64::try_from(millis).ok(),
        Value::Single(millis) => whole(f64::from(millis)),
        Value::Double(millis) => whole(millis),
        Value::Date(days) => Some(i64::from(days) * text::DAY_MILLIS),
        Value::Text(written) => parse(written).or_else(|| text::parse_time(written)),
        _ => None,
    };
    found.ok_or_else(|| value.misfit("timestamp"))
}

fn parse<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    str::from_utf8(digits).ok()?.parse().ok()
}

/// A float that is an integer of 64 bits.
fn whole(number: f64) -> Option<i64> {
    // 2^63 is the first that is too large; NaN is in no range.
    let limit = 9_223_372_036_854_775_808.0;
    ((-limit..limit).contains(&number) && number.fract() == 0.0).then_some(number as i64)
}

fn whole_decimal(digits: &[u8]) -> Option<i64> {
    let (whole, fraction) = match digits.iter().position(|b| *b == b'.') {
        Some(point) => digits.split_at_checked(point)?,
        None => (digits, &[][..]),
    };
    let zeros = fraction.iter().all(|b| matches!(b, b'.' | b'0'));
    zeros.then(|| parse(whole)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Value::{Bool, Bytes, Date, Decimal, Double, Int, Single, Text, Timestamp, Unsigned, Uuid};

    fn stored(value: Value, target: Scalar) -> Option<String> {
        let mut out = Vec::new();
        scalar(value, target, &mut out).ok()?;
        Some(String::from_utf8_lossy(&out).into_owned())
    }

    /// The table of the module, and its edges: what each value is as int64, float64, string, bool,
    /// bytes and timestamp; `-` is a misfit, `=` is what it is as a string.
    #[test]
    fn every_type_to_every_type() {
        const MANY: i64 = (1 << 53) + 1;
        let table = [
            (Int(5), "5 5.0 5 - - 5"),
            (Int(1), "1 1.0 1 1 - 1"),
            (Int(MANY), "= - 9007199254740993 - - ="),
            (Unsigned(u64::MAX), "- - 18446744073709551615 - - -"),
            (Single(0.1), "- 0.1 0.1 - - -"),
            (Double(2.0), "2 2.0 2.0 - - 2"),
            (Double(1.0), "1 1.0 1.0 1 - 1"),
            (Double(f64::NAN), "- NaN NaN - - -"),
            (Double(1e19), "- 1e19 1e19 - - -"),
            (Decimal(b"-7.00"), "-7 -7.0 -7.00 - - -"),
            (Decimal(b"0.50"), "- 0.5 0.50 - - -"),
            (Bool(true), "1 - 1 1 - -"),
            (Date(1), "- - 1970-01-02 - - 86400000"),
            (Timestamp(-1), "-1 - -1 - - -1"),
            (Text(b"007"), "7 7.0 007 - = 7"),
            (Text(b"1e3"), "- 1000.0 1e3 - = -"),
            (Text(b"True"), "- - True 1 = -"),
            (Text(b"x"), "- - x - = -"),
            (Text(b"+1"), "1 1.0 +1 - = 1"),
            (Text(b"2013-01-01"), "- - 2013-01-01 - = 1356998400000"),
            (Text(b"\xff"), "- - - - \u{fffd} -"),
            (Bytes(b"12"), "- - 12 - = -"),
            (
                Uuid(b"0123456789abcdef"),
                "- - 30313233-3435-3637-3839-616263646566 - 0123456789abcdef -",
            ),
            (
                Text(b"9223372036854775808"),
                "- 9.223372036854776e18 9223372036854775808 - = -",
            ),
        ];
        let targets = [
            Scalar::Int64,
            Scalar::Float64,
            Scalar::String,
            Scalar::Bool,
            Scalar::Bytes,
            Scalar::Timestamp,
        ];
        for (value, wants) in table {
            let wants: Vec<&str> = wants.split(' ').collect();
            for (target, want) in targets.into_iter().zip(&wants) {
                let want = match *want {
                    "-" => None,
                    "=" => Some(wants[2]),
                    other => Some(other),
                };
                let got = stored(value, target);
                assert_eq!(got.as_deref(), want, "{value:?} as {target:?}");
            }
        }
    }

    #[test]
    fn reasons_are_short_and_say_what_it_was() {
        let long = [b'a'; 100];
        let reason = int64(Text(&long)).unwrap_err();
        assert_eq!(
            reason,
            format!("a text \"{}...\" is no int64", "a".repeat(60))
        );
        assert_eq!(
            float32(Double(1e300)).unwrap_err(),
            "a float \"1e300\" is no number of single precision"
        );
    }
}
