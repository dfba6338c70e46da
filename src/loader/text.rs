//! Values of an export as text: exact, without a library of types.
//!
//! Dates are proleptic Gregorian, decimals keep every digit of their scale, floats are the shortest
//! text that reads back as the same number.

use std::fmt::Debug;
use std::io::Write;

use super::convert::Value;

/// Bytes of the longest decimal: 64 hold 154 digits, twice what exporters write.
pub const DECIMAL_BYTES_MAX: usize = 64;
pub const DECIMAL_SCALE_MAX: usize = 154;

pub const DAY_MILLIS: i64 = 86_400_000;

/// A value as text, whatever it is.
#[inline]
pub fn of(value: Value, out: &mut Vec<u8>) {
    match value {
        Value::Bool(is) => out.push(if is { b'1' } else { b'0' }),
        Value::Int(number) | Value::Timestamp(number) => integer(number, out),
        Value::Unsigned(number) => integer(number, out),
        Value::Single(number) => single(number, out),
        Value::Double(number) => double(number, out),
        Value::Date(days) => date(days, out),
        Value::TimeOfDay(nanos) => time_of(nanos, out),
        Value::Decimal(bytes) | Value::Text(bytes) | Value::Bytes(bytes) => {
            out.extend_from_slice(bytes)
        }
        Value::Uuid(bytes) => uuid(bytes, out),
    }
}

#[inline]
pub fn integer(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A float: `Debug` turns to an exponent for large and small numbers where `Display` writes
/// hundreds of digits. For what needs no exponent there is a faster way to a text as short.
#[inline]
pub fn double(number: f64, out: &mut Vec<u8>) {
    if (1e-4..1e16).contains(&number.abs()) {
        out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    } else {
        debug(number, out);
    }
}

#[inline]
pub fn single(number: f32, out: &mut Vec<u8>) {
    if (1e-4..1e12).contains(&number.abs()) {
        out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    } else {
        debug(number, out);
    }
}

fn debug(number: impl Debug, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{number:?}");
}

/// Days since 1970-01-01 as `YYYY-MM-DD`; years before 0 get a minus sign.
pub fn date(days: i32, out: &mut Vec<u8>) {
    // Eras of 400 years, which start on 1 March: the leap day is then the last of its year.
    let shifted = i64::from(days) + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let sign = if year < 0 { "-" } else { "" };
    let _ = write!(out, "{sign}{:04}-{month:02}-{day:02}", year.abs());
}

/// Milliseconds since the epoch as `YYYY-MM-DDTHH:MM:SS.mmmZ`.
pub fn time(millis: i64, out: &mut Vec<u8>) {
    let (days, rest) = (millis.div_euclid(DAY_MILLIS), millis.rem_euclid(DAY_MILLIS));
    match i32::try_from(days) {
        Ok(days) => date(days, out),
        Err(_) => integer(days, out),
    }
    out.push(b'T');
    time_of(rest * 1_000_000, out);
    out.push(b'Z');
}

/// Nanoseconds since midnight as `HH:MM:SS`, with as much of a fraction as there is.
fn time_of(nanos: i64, out: &mut Vec<u8>) {
    let (seconds, rest) = (
        nanos.div_euclid(1_000_000_000),
        nanos.rem_euclid(1_000_000_000),
    );
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}");
    if rest != 0 {
        let digits = format!("{rest:09}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

/// A number of eight digits that is a day between 1900 and 2199, as milliseconds.
pub fn day_of_digits(number: i64) -> Option<i64> {
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    (1900..2200)
        .contains(&year)
        .then(|| millis_of_day(year, month, day))
        .flatten()
}

/// Milliseconds since the epoch of `2026-11-20`, `2026-11-20T01:02:03.456Z` or `... +01:00`; a
/// space may be in place of the T. UTC where no zone is said; what is finer than a millisecond is
/// cut.
pub fn parse_time(text: &[u8]) -> Option<i64> {
    let (day, rest) = text.split_at_checked(10)?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = day else {
        return None;
    };
    let (year, month, day) = (
        number(&[y1, y2, y3, y4])?,
        number(&[m1, m2])?,
        number(&[d1, d2])?,
    );
    let of_day = match rest {
        [] => 0,
        [b'T' | b't' | b' ', rest @ ..] => time_of_day(rest)?,
        _ => return None,
    };
    Some(millis_of_day(year, month, day)? + of_day)
}

/// Of its midnight; `None` if there is no such day.
fn millis_of_day(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => 31,
    };
    if !(1..=12).contains(&month) || !(1..=month_days).contains(&day) {
        return None;
    }
    // Years that start in March, as in `date`.
    let (shifted, from_march) = (year - i64::from(month <= 2), (month + 9) % 12);
    let days = shifted * 365 + shifted.div_euclid(4) - shifted.div_euclid(100)
        + shifted.div_euclid(400)
        + (153 * from_march + 2) / 5
        + day
        - 1
        - 719_468;
    Some(days * DAY_MILLIS)
}

/// `01:02:03.456Z`, `01:02` or with a zone behind it: milliseconds, less its distance from UTC.
fn time_of_day(text: &[u8]) -> Option<i64> {
    let (&[h1, h2, b':', m1, m2], mut rest) = text.split_first_chunk()? else {
        return None;
    };
    let (hour, minute) = (number(&[h1, h2])?, number(&[m1, m2])?);
    if hour > 23 || minute > 59 {
        return None;
    }
    let mut millis = (hour * 60 + minute) * 60_000;
    if let [b':', s1, s2, behind @ ..] = rest {
        // A leap second is the last of its minute.
        let second = number(&[*s1, *s2]).filter(|second| *second <= 60)?;
        millis += second.min(59) * 1000;
        rest = behind;
        if let [b'.' | b',', fraction @ ..] = rest {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            let (fraction, behind) = fraction.split_at_checked(digits)?;
            let mut unit = 100;
            for digit in fraction.iter().take(3) {
                millis += i64::from(digit - b'0') * unit;
                unit /= 10;
            }
            if digits == 0 {
                return None;
            }
            rest = behind;
        }
    }
    let zone = match rest {
        [b' ', zone @ ..] => zone,
        zone => zone,
    };
    let east = match *zone {
        [] | [b'Z' | b'z'] | [b'U', b'T', b'C'] | [b'G', b'M', b'T'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            signed(sign, number(&[h1, h2])? * 60 + number(&[m1, m2])?)
        }
        [sign @ (b'+' | b'-'), h1, h2] => signed(sign, number(&[h1, h2])? * 60),
        _ => return None,
    };
    Some(millis - east * 60_000)
}

fn signed(sign: u8, minutes: i64) -> i64 {
    if sign == b'-' { -minutes } else { minutes }
}

fn number(digits: &[u8]) -> Option<i64> {
    let mut number = 0;
    for digit in digits {
        number = number * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    Some(number)
}

/// The number `unscaled / 10^scale`.
pub fn decimal(unscaled: i64, scale: usize, out: &mut Vec<u8>) {
    let mut digits = Vec::new();
    integer(unscaled.unsigned_abs(), &mut digits);
    point(unscaled < 0, &digits, scale, out);
}

/// A decimal as big-endian two's complement.
pub fn decimal_bytes(bytes: &[u8], scale: usize, out: &mut Vec<u8>) -> Result<(), String> {
    if bytes.len() > DECIMAL_BYTES_MAX {
        return Err(format!("a decimal of {} bytes", bytes.len()));
    }
    let negative = bytes.first().is_some_and(|b| b & 0x80 != 0);
    let mut magnitude = bytes.to_vec();
    if negative {
        negate(&mut magnitude);
    }
    // Divide by ten until nothing is left: quadratic, but at most 64 bytes.
    let mut digits = Vec::new();
    while magnitude.iter().any(|&b| b != 0) {
        let mut rest = 0u32;
        for byte in &mut magnitude {
            let dividend = rest << 8 | u32::from(*byte);
            *byte = u8::try_from(dividend / 10).unwrap_or(u8::MAX);
            rest = dividend % 10;
        }
        digits.push(b'0' + u8::try_from(rest).unwrap_or(0));
    }
    digits.reverse();
    point(negative, &digits, scale, out);
    Ok(())
}

/// Two's complement.
fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes.iter_mut().rev() {
        let (sum, overflow) = (!*byte).overflowing_add(u8::from(carry));
        *byte = sum;
        carry = overflow;
    }
}

/// Set the decimal point before the last `scale` digits.
fn point(negative: bool, digits: &[u8], scale: usize, out: &mut Vec<u8>) {
    if negative {
        out.push(b'-');
    }
    let whole = digits.len().saturating_sub(scale);
    let (before, after) = digits.split_at(whole);
    out.extend_from_slice(if before.is_empty() { b"0" } else { before });
    if scale > 0 {
        out.push(b'.');
        out.resize(out.len() + (scale - after.len()), b'0');
        out.extend_from_slice(after);
    }
}

/// A half-precision float, exactly, as single precision.
pub fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff) / 1024.0;
    match exponent {
        0 => sign * fraction * 2f32.powi(-14),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1.0 + fraction) * 2f32.powi(exponent - 15),
    }
}

/// `8-4-4-4-12` for 16 bytes.
pub fn uuid(bytes: &[u8], out: &mut Vec<u8>) {
    for (i, byte) in bytes.iter().enumerate() {
        if [4, 6, 8, 10].contains(&i) {
            out.push(b'-');
        }
        let _ = write!(out, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_around_leap_days_and_at_the_ends() {
        for (days, want) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (15_706, "2013-01-01"),
            (-25_509, "1900-02-28"),
            (-719_528, "0000-01-01"),
            (-719_529, "-0001-12-31"),
            (i32::MAX, "5881580-07-11"),
            (i32::MIN, "-5877641-06-23"),
        ] {
            assert_eq!(text(|out| date(days, out)), want);
        }
    }

    #[test]
    fn decimals_keep_every_digit() {
        for (unscaled, scale, want) in [
            (12_345, 2, "123.45"),
            (-5, 2, "-0.05"),
            (0, 3, "0.000"),
            (i64::MIN, 0, "-9223372036854775808"),
            (i64::MIN, 19, "-0.9223372036854775808"),
        ] {
            assert_eq!(text(|out| decimal(unscaled, scale, out)), want);
            let bytes = i128::from(unscaled).to_be_bytes();
            let got = text(|out| decimal_bytes(&bytes, scale, out).unwrap());
            assert_eq!(got, want, "as bytes");
        }
        let got = text(|out| decimal_bytes(&i128::MIN.to_be_bytes(), 0, out).unwrap());
        assert_eq!(got, i128::MIN.to_string());
        assert_eq!(text(|out| decimal_bytes(&[], 1, out).unwrap()), "0.0");
        assert!(decimal_bytes(&[0; 65], 0, &mut Vec::new()).is_err());
    }

    #[test]
    fn floats_read_back_the_same() {
        for x in [0.1, 60.0, -0.0, 1e300, 5e-324, f64::MAX, f64::INFINITY] {
            let got = text(|out| double(x, out));
            assert!(got.len() <= 25, "{got}");
            assert_eq!(got.parse::<f64>().unwrap().to_bits(), x.to_bits());
        }
        assert_eq!(text(|out| single(0.1, out)), "0.1");
        assert_eq!(text(|out| double(f64::NAN, out)), "NaN");
    }

    proptest::proptest! {
        /// The fast way is as short and as exact as the slow one. (Of two shortest texts that are
        /// equally near, each takes its own.)
        #[test]
        fn floats_are_written_in_one_way(bits: u64, small in -1e17..1e17, tiny in -1e-3..1e-3) {
            for x in [f64::from_bits(bits), small, tiny, small.trunc()] {
                let got = text(|out| double(x, out));
                let slow = format!("{x:?}");
                let same = got == slow || got.parse() == Ok(x) && got.len() == slow.len();
                proptest::prop_assert!(same, "{} {}", got, slow);
                let x = x as f32;
                let got = text(|out| single(x, out));
                let slow = format!("{x:?}");
                let same = got == slow || got.parse() == Ok(x) && got.len() == slow.len();
                proptest::prop_assert!(same, "{} {}", got, slow);
            }
        }

        #[test]
        fn dates_are_read_as_they_are_written(days in -719_162..2_932_896i32) {
            let written = text(|out| date(days, out));
            let millis = parse_time(written.as_bytes());
            proptest::prop_assert_eq!(millis, Some(i64::from(days) * DAY_MILLIS), "{}", written);
        }
    }

    #[test]
    fn times_of_day_and_zones() {
        for (written, want) in [
            ("1970-01-01", Some(0)),
            ("1970-01-01T00:00:01Z", Some(1000)),
            ("1970-01-01 00:00:01.5", Some(1500)),
            ("1970-01-01T00:00:00.001999+00:00", Some(1)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("1969-12-31T23:30:00-0030", Some(0)),
            ("2024-02-29T00:00:00Z", Some(1_709_164_800_000)),
            ("2023-02-29", None),
            ("2023-13-01", None),
            ("2023-1-1", None),
            ("1970-01-01T24:00:00Z", None),
            ("1970-01-01T00:00", Some(0)),
            ("1970-01-01 00:01+00", Some(60_000)),
            ("1970-01-01 01:00:00,250 +01", Some(250)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_799_000)),
            ("1970-01-01T00:00:61Z", None),
            ("1970-01-01T00:0", None),
            ("1970-01-01T00:00:0", None),
            ("1970-01-01T00:00:00.Z", None),
            ("1970-01-01T00:00:00 UTC", Some(0)),
            ("1970-01-01T00:00:00 CET", None),
            ("1970-01-0\u{661}", None),
        ] {
            assert_eq!(parse_time(written.as_bytes()), want, "{written}");
        }
    }

    #[test]
    fn halves_are_exact() {
        for (bits, want) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x0001, 2f32.powi(-24)),
            (0x7bff, 65504.0),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), want);
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn a_uuid_is_hyphenated() {
        let bytes: Vec<u8> = (0..16).collect();
        assert_eq!(
            text(|out| uuid(&bytes, out)),
            "00010203-0405-0607-0809-0a0b0c0d0e0f"
        );
    }
}
