//! Values of an export as the bytes that a declared type stores.
//!
//! | from \ to | int64 | float64 | string | bool | bytes | timestamp |
//! |---|---|---|---|---|---|---|
//! | integers | if it fits | if exact | digits | 0, 1 | - | as milliseconds |
//! | floats | if whole | shortest text | the same | 0, 1 | - | if whole, or of another unit |
//! | decimals | if whole | nearest | every digit | - | - | - |
//! | bool | 0, 1 | - | `1`, `0` | itself | - | - |
//! | date | - | - | `YYYY-MM-DD` | - | - | midnight UTC |
//! | timestamp | milliseconds | - | milliseconds | - | - | itself |
//! | time of day | - | - | `HH:MM:SS.ffffff` | - | - | - |
//! | text | read | read | itself, in UTF-8 | `1 0 true false` | itself | milliseconds or ISO 8601 |
//! | bytes | - | - | itself, in UTF-8 | - | itself | - |
//! | UUID | - | - | `8-4-4-4-12` | - | 16 bytes | - |
//!
//! A float of 32 bits is widened exactly as a `float64`; as a `float32` its text is the shortest.
//! A timestamp from a number is what its unit says.
//!
//! Each cell of this table is total: what is not in it is a misfit with a reason.

use super::{list, text};
use crate::view::{Encoding, Feature, Scalar, TimeUnit, Type};

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
    /// Nanoseconds since midnight.
    TimeOfDay(i64),
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
    /// A timestamp, where numbers count these.
    Time(TimeUnit),
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
            Type::Scalar(Scalar::Timestamp) => Target::Time(feature.unit),
            Type::Scalar(scalar) => Target::Scalar(scalar),
            Type::List(item) => Target::List { item, encoding },
            Type::Embedding { dim } => Target::Embedding { dim, encoding },
        }
    }

    /// Of lists and embeddings: what their items are.
    pub fn item(self) -> Option<Scalar> {
        match self {
            Target::Key | Target::Scalar(_) | Target::Time(_) => None,
            Target::List { item, .. } => Some(item),
            Target::Embedding { .. } => Some(Scalar::Float64),
        }
    }

    pub fn name(self) -> String {
        match self {
            Target::Key => "part of a key".to_owned(),
            Target::Scalar(scalar) => scalar.name().to_owned(),
            Target::Time(_) => Scalar::Timestamp.name().to_owned(),
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
            Value::TimeOfDay(_) => "a time of day",
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

/// A part of a key: the same whatever types a writer gave the column. An integer beside nulls
/// becomes a float in pandas, or a decimal without fraction elsewhere.
pub fn key(value: Value, out: &mut Vec<u8>) -> Result<(), Reason> {
    /// Floats from here on have no neighbour at a distance of one.
    const EXACT: (f64, f64) = (16_777_216.0, 9_007_199_254_740_992.0);
    let whole_below = |number: f64, limit: f64| {
        let number = whole(number).filter(|_| number.abs() <= limit);
        number.ok_or_else(|| value.misfit("part of a key, which a whole number would be"))
    };
    match value {
        Value::Single(number) => text::integer(whole_below(f64::from(number), EXACT.0)?, out),
        Value::Double(number) => text::integer(whole_below(number, EXACT.1)?, out),
        Value::Decimal(digits) => {
            let point = digits
                .iter()
                .position(|b| *b == b'.')
                .unwrap_or(digits.len());
            let (integer, fraction) = digits.split_at_checked(point).unwrap_or((digits, &[]));
            if fraction.iter().any(|b| !matches!(b, b'.' | b'0')) {
                return Err(value.misfit("part of a key, which a whole number would be"));
            }
            out.extend_from_slice(match integer {
                b"-0" => b"0",
                other => other,
            });
        }
        _ => text::of(value, out),
    }
    Ok(())
}

/// What is stored of a value.
#[inline]
pub fn cell(value: Value, target: Target, out: &mut Vec<u8>) -> Result<(), Reason> {
    match target {
        Target::Key => key(value, out),
        Target::Scalar(target) => scalar(value, target, out),
        Target::Time(unit) => {
            text::integer(timestamp(value, unit)?, out);
            Ok(())
        }
        Target::List { .. } | Target::Embedding { .. } => list::from_value(value, target, out),
    }
}

/// The text or bytes of a scalar feature.
#[inline]
pub fn scalar(value: Value, target: Scalar, out: &mut Vec<u8>) -> Result<(), Reason> {
    match target {
        Scalar::Int64 => text::integer(int64(value)?, out),
        Scalar::Float64 => text::double(float64(value)?, out),
        Scalar::Float32 => text::single(float32(value)?, out),
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
        Scalar::Timestamp => text::integer(timestamp(value, TimeUnit::Millis)?, out),
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
        Value::Date(_) | Value::TimeOfDay(_) | Value::Bytes(_) | Value::Uuid(_) => None,
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

/// Milliseconds since the epoch. Numbers that do not say what they count count `unit`, but a number
/// of eight digits that is a day, as 20261121, is that day.
#[inline]
pub fn timestamp(value: Value, unit: TimeUnit) -> Result<i64, Reason> {
    let counted = |number: i64| text::day_of_digits(number).or_else(|| unit.millis(number));
    let found = match value {
        Value::Timestamp(millis) => Some(millis),
        Value::Int(number) => counted(number),
        Value::Unsigned(number) => i64::try_from(number).ok().and_then(counted),
        Value::Single(number) => fractional(f64::from(number), unit),
        Value::Double(number) => fractional(number, unit),
        Value::Date(days) => Some(i64::from(days) * text::DAY_MILLIS),
        Value::Text(written) => match parse(written) {
            Some(number) => counted(number),
            None => text::parse_time(written).or_else(|| {
                let plain = |b: &u8| b.is_ascii_digit() || matches!(b, b'.' | b'-');
                fractional(
                    parse(written).filter(|_: &f64| written.iter().all(plain))?,
                    unit,
                )
            }),
        },
        _ => None,
    };
    found.ok_or_else(|| value.misfit("timestamp"))
}

/// A time with a fraction, which is that of a unit: milliseconds have none.
fn fractional(number: f64, unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Millis => whole(number),
        _ => whole((number / unit.per_milli()).floor()),
    }
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
            (Single(0.1), "- 0.10000000149011612 0.1 - - -"),
            (
                Value::TimeOfDay(3_723_004_000_000),
                "- - 01:02:03.004 - - -",
            ),
            (
                Int(20_261_121),
                "20261121 20261121.0 20261121 - - 1795219200000",
            ),
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

    /// The same key, whatever types its column went through.
    #[test]
    fn keys_do_not_change_with_the_writer() {
        for (value, want) in [
            (Int(1), Ok("1")),
            (Double(1.0), Ok("1")),
            (Double(-0.0), Ok("0")),
            (Single(16_777_216.0), Ok("16777216")),
            (Double(9_007_199_254_740_992.0), Ok("9007199254740992")),
            (Decimal(b"1.00"), Ok("1")),
            (Decimal(b"-0.00"), Ok("0")),
            (
                Decimal(b"123456789012345678901234.0"),
                Ok("123456789012345678901234"),
            ),
            (Text(b"1.0"), Ok("1.0")),
            (Date(1), Ok("1970-01-02")),
            (Bool(true), Ok("1")),
            (Double(1.5), Err("a float \"1.5\"")),
            (Double(f64::NAN), Err("a float \"NaN\"")),
            (Double(f64::INFINITY), Err("a float \"inf\"")),
            (Double(1e17), Err("a float \"1e17\"")),
            (Single(2e8), Err("a float \"200000000.0\"")),
            (Decimal(b"1.50"), Err("a decimal \"1.50\"")),
        ] {
            let mut out = Vec::new();
            match (key(value, &mut out), want) {
                (Ok(()), Ok(want)) => assert_eq!(String::from_utf8_lossy(&out), want),
                (Err(reason), Err(want)) => assert!(reason.starts_with(want), "{reason}"),
                (got, want) => panic!("{value:?}: {got:?}, {want:?}"),
            }
        }
    }

    #[test]
    fn timestamps_are_what_their_unit_says() {
        for (value, unit, want) in [
            (
                Int(1_700_000_000),
                TimeUnit::Seconds,
                Some(1_700_000_000_000),
            ),
            (Int(-1), TimeUnit::Nanos, Some(-1)),
            (Int(i64::MAX), TimeUnit::Seconds, None),
            (Double(1.5), TimeUnit::Seconds, Some(1500)),
            (Double(1.5), TimeUnit::Millis, None),
            (
                Text(b"20261121"),
                TimeUnit::Seconds,
                Some(1_795_219_200_000),
            ),
            (Int(20_261_321), TimeUnit::Millis, Some(20_261_321)),
            (Timestamp(5), TimeUnit::Seconds, Some(5)),
            (Date(1), TimeUnit::Micros, Some(86_400_000)),
        ] {
            assert_eq!(timestamp(value, unit).ok(), want, "{value:?} {unit:?}");
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
