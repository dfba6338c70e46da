//! The arithmetic of `INCRBYFLOAT` and `HINCRBYFLOAT`: what Redis gets from an x86-64's
//! `long double`, bit for bit, on every machine.
//!
//! A number is `mantissa * 2^exponent` with a mantissa of 64 bits whose top bit is set (or zero).
//! Texts are read, sums are rounded and results are printed exactly as glibc does: to the nearest,
//! ties to even. Results are printed with up to 17 decimals (`%.17Lf`), trailing zeros cut.
//!
//! Pure functions; work and memory are bounded by [`TEXT_BYTES_MAX`].

mod natural;

use super::CommandError;
use natural::Natural;
use std::fmt;

/// Longer texts are no floats for Redis.
const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;
/// Numbers from 2^this on are infinite.
const MAGNITUDE_BITS_MAX: i32 = 16384;
/// Positive numbers up to 2^-this (half of the smallest `long double`) round to zero.
const TINY_BITS: i32 = 16446;
/// Decimal exponents beyond this overflow or vanish whatever the at most 5119 digits are.
const DECIMAL_EXPONENT_MAX: i64 = 20_000;
/// As much of an exponent as can matter.
const POWER_OF_TWO_MAX: i64 = 100_000;
const DECIMALS: usize = 17;

/// A number of the `long double` kind, never NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Float {
    negative: bool,
    infinite: bool,
    /// 0, or its top bit is set.
    mantissa: u64,
    exponent: i32,
}

impl Float {
    pub const ZERO: Float = Float {
        negative: false,
        infinite: false,
        mantissa: 0,
        exponent: 0,
    };

    pub fn is_infinite(self) -> bool {
        self.infinite
    }

    /// The sum; refused if it is no number.
    pub fn plus(self, other: Float) -> Result<Float, CommandError> {
        let refused = || CommandError::from("ERR increment would produce NaN or Infinity");
        if self.infinite || other.infinite {
            return Err(refused());
        }
        if self.mantissa == 0 || other.mantissa == 0 {
            return Ok(if self.mantissa == 0 { other } else { self });
        }
        let rank = |x: Float| (x.exponent, x.mantissa);
        let (large, small) = if rank(self) >= rank(other) {
            (self, other)
        } else {
            (other, self)
        };
        // One bit for the carry above, 63 for the smaller one's shift below; what is shifted out
        // even so can only decide a tie.
        let shift = large.exponent.abs_diff(small.exponent);
        let scaled = u128::from(small.mantissa) << 63;
        let addend = scaled.checked_shr(shift).unwrap_or(0);
        let lost = addend.checked_shl(shift) != Some(scaled);
        let base = u128::from(large.mantissa) << 63;
        let sum = if large.negative == small.negative {
            base + addend
        } else {
            base - addend - u128::from(lost)
        };
        let sum = Float::rounded(large.negative, sum, large.exponent - 63, lost);
        if sum.infinite {
            Err(refused())
        } else {
            Ok(sum)
        }
    }

    /// `value * 2^exponent`, and a bit more if `lost`, to the nearest. With `lost`, the value has
    /// more than 65 bits.
    fn rounded(negative: bool, value: u128, exponent: i32, lost: bool) -> Float {
        if value == 0 {
            return Float::ZERO;
        }
        let zeros = value.leading_zeros();
        let value = value << zeros;
        let mut exponent = exponent - zeros.cast_signed() + 64;
        let mut mantissa = (value >> 64) as u64;
        let rest = value as u64;
        let half = 1 << 63;
        if rest > half || (rest == half && (lost || mantissa & 1 == 1)) {
            mantissa = mantissa.wrapping_add(1);
            if mantissa == 0 {
                mantissa = half;
                exponent += 1;
            }
        }
        Float {
            negative,
            infinite: exponent + 64 > MAGNITUDE_BITS_MAX,
            mantissa,
            exponent,
        }
    }

    /// Whether it is too close to zero for a `long double`.
    fn vanishes(self) -> bool {
        let bits = self.exponent + 64;
        bits <= -TINY_BITS || (bits == 1 - TINY_BITS && self.mantissa == 1 << 63)
    }
}

/// Read a number, decimal or hexadecimal, as `strtold` does, and no more than Redis lets through:
/// no spaces around it, no NaN, nothing that overflows or vanishes. `inf` is let through.
pub fn parse(bytes: &[u8]) -> Option<Float> {
    if bytes.len() > TEXT_BYTES_MAX {
        return None;
    }
    let (negative, body) = match bytes {
        [b'-', body @ ..] => (true, body),
        [b'+', body @ ..] => (false, body),
        body => (false, body),
    };
    if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
        return Some(Float {
            negative,
            infinite: true,
            ..Float::ZERO
        });
    }
    if let [b'0', b'x' | b'X', body @ ..] = body {
        let (value, exponent, lost) = hexadecimal(body)?;
        let float = Float::rounded(negative, value, exponent, lost);
        let fits = float.mantissa == 0 || !(float.infinite || float.vanishes());
        return fits.then_some(float);
    }
    let (digits, exponent) = decimal(body)?;
    if digits.is_zero() {
        return Some(Float::ZERO);
    }
    if exponent.abs() > DECIMAL_EXPONENT_MAX {
        return None;
    }
    let (value, binary_exponent, lost) = scaled(digits, exponent as i32);
    let float = Float::rounded(negative, value, binary_exponent, lost);
    (!float.infinite && !float.vanishes()).then_some(float)
}

/// Digits with at most one point among them and an exponent after them, as an integer and the
/// power of ten that scales it.
fn decimal(body: &[u8]) -> Option<(Natural, i64)> {
    let end = body.iter().position(|b| matches!(b, b'e' | b'E'));
    let (number, exponent) = match end {
        Some(at) => (body.get(..at)?, power(body.get(at + 1..)?)?),
        None => (body, 0),
    };
    let mut digits = Natural::default();
    let mut count = 0_usize;
    let mut point = None;
    for byte in number {
        match byte {
            b'0'..=b'9' => {
                digits.multiply_add(10, u32::from(byte - b'0'));
                count += 1;
            }
            b'.' if point.is_none() => point = Some(count),
            _ => return None,
        }
    }
    if count == 0 {
        return None;
    }
    let decimals = point.map_or(0, |at| count - at);
    Some((digits, exponent.saturating_sub(decimals as i64)))
}

/// What follows `0x`, as `value * 2^exponent`, and whether there is a bit more.
fn hexadecimal(body: &[u8]) -> Option<(u128, i32, bool)> {
    let end = body.iter().position(|b| matches!(b, b'p' | b'P'));
    let (number, power) = match end {
        Some(at) => (body.get(..at)?, power(body.get(at + 1..)?)?),
        None => (body, 0),
    };
    let (mut value, mut exponent, mut lost) = (0_u128, 0_i32, false);
    let (mut digits, mut behind_point) = (0, false);
    for byte in number {
        let Some(digit) = char::from(*byte).to_digit(16) else {
            if *byte != b'.' || std::mem::replace(&mut behind_point, true) {
                return None;
            }
            continue;
        };
        digits += 1;
        let room = value >> 124 == 0;
        if room {
            value = value << 4 | u128::from(digit);
        } else {
            lost |= digit != 0;
        }
        // A digit that counts and is dropped, or stands behind the point and is kept.
        exponent += match (room, behind_point) {
            (false, false) => 4,
            (true, true) => -4,
            _ => 0,
        };
    }
    let power = power.clamp(-POWER_OF_TWO_MAX, POWER_OF_TWO_MAX) as i32;
    (digits > 0).then_some((value, exponent + power, lost))
}

/// The number after an `e` or a `p`.
fn power(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0_i64, |n, byte| {
        n.saturating_mul(10).saturating_add(i64::from(byte - b'0'))
    });
    Some(if negative { -size } else { size })
}

/// `digits * 10^power` as `value * 2^exponent`, and whether there is a bit more.
fn scaled(mut digits: Natural, power: i32) -> (u128, i32, bool) {
    // 10^p = 5^p * 2^p; 5^13 is the largest power of five in 32 bits.
    let fives = power.unsigned_abs();
    let steps = (0..fives / 13)
        .map(|_| 5_u32.pow(13))
        .chain([5_u32.pow(fives % 13)]);
    if power >= 0 {
        for factor in steps {
            digits.multiply_add(factor, 0);
        }
        let (value, shift, lost) = digits.top();
        return (value, shift + power, lost);
    }
    // 128 bits and more are to be left: 5^p is below 2^(7p/3).
    let limbs = (fives as usize * 7 / 3 + 128) / 32 + 1;
    digits.shift_limbs(limbs);
    let mut inexact = false;
    for divisor in steps {
        inexact |= digits.divide(divisor) != 0;
    }
    let (value, shift, lost) = digits.top();
    (value, shift + power - (limbs * 32) as i32, lost || inexact)
}

impl fmt::Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.infinite {
            return f.write_str(if self.negative { "-inf" } else { "inf" });
        }
        let sign = if self.negative { "-" } else { "" };
        let Ok(places) = u32::try_from(-self.exponent) else {
            return write!(f, "{sign}{}", self.integer_text());
        };
        let unit = 10_u128.pow(DECIMALS as u32);
        let scaled = half_even(u128::from(self.mantissa) * unit, places);
        if scaled == 0 {
            return f.write_str("0");
        }
        write!(f, "{sign}{}", scaled / unit)?;
        let decimals = format!("{:0DECIMALS$}", scaled % unit);
        match decimals.trim_end_matches('0') {
            "" => Ok(()),
            decimals => write!(f, ".{decimals}"),
        }
    }
}

impl Float {
    /// The digits of a number whose exponent is not negative.
    fn integer_text(self) -> String {
        let mut rest = Natural::default();
        rest.multiply_add(0, (self.mantissa >> 32) as u32);
        rest.shift_limbs(1);
        rest.multiply_add(1, self.mantissa as u32);
        rest.shift_limbs(self.exponent.unsigned_abs() as usize / 32);
        rest.multiply_add(1 << (self.exponent.unsigned_abs() % 32), 0);
        let mut groups = Vec::new();
        while !rest.is_zero() {
            groups.push(rest.divide(1_000_000_000));
        }
        let mut text = groups.pop().unwrap_or(0).to_string();
        for group in groups.iter().rev() {
            text.push_str(&format!("{group:09}"));
        }
        text
    }
}

/// `value / 2^places`, to the nearest, ties to even.
fn half_even(value: u128, places: u32) -> u128 {
    if places == 0 {
        return value;
    }
    // The value has less than 127 bits, so it is below a half from 128 places on.
    let Some(quotient) = value.checked_shr(places) else {
        return 0;
    };
    let rest = value & ((1 << places) - 1);
    let half = 1 << (places - 1);
    quotient + u128::from(rest > half || (rest == half && quotient & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reply of `INCRBYFLOAT`.
    fn reply(current: &str, increment: &str) -> String {
        let read = |text: &str| parse(text.as_bytes()).ok_or(CommandError::NotAFloat);
        let sum = || read(current)?.plus(read(increment)?);
        sum().map_or_else(|error| format!("-{error}"), |sum| sum.to_string())
    }

    // Replies of Redis 8.2.3 on x86-64.

    #[test]
    fn hexadecimal_numbers_are_read_as_well() {
        for (a, b, expected) in [
            ("0", "0x10", "16"),
            ("0", "-0X1p3", "-8"),
            ("0", "0x", "-ERR value is not a valid float"),
            ("0", "0x.8", "0.5"),
            ("0", "0x.", "-ERR value is not a valid float"),
            ("0", "0x1.8p1", "3"),
            ("0", "0x1p", "-ERR value is not a valid float"),
            ("0", "0x1p-70", "0"),
            ("0", "0xfffffffffffffffff", "295147905179352825856"),
            ("0", "0x80000000000000008", "147573952589676412928"),
            ("0", "0x80000000000000018", "147573952589676412960"),
            ("0", "0x1p16384", "-ERR value is not a valid float"),
            ("0", "0x0p99999", "0"),
            ("0", "0x1p-16445", "0"),
            ("0", "0x1p-16446", "-ERR value is not a valid float"),
            (
                "0",
                "0x0.00000000000000000000000000000000000000001p164",
                "1",
            ),
            ("0", "0x1p+4", "16"),
            ("0", "1x1", "-ERR value is not a valid float"),
            ("0", "0x1.2.3", "-ERR value is not a valid float"),
            (
                "0",
                "0x123456789abcdef0123456789abcdef012345678p-100",
                "81985529216486895.0078125",
            ),
        ] {
            assert_eq!(reply(a, b), expected, "{a} + {b}");
        }
    }

    #[test]
    fn sums_are_those_of_redis() {
        for (a, b, expected) in [
            ("0.1", "0.2", "0.3"),
            ("3.0e3", "0", "3000"),
            ("10.5", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("1", "-1", "0"),
            ("-0", "-0", "0"),
            ("0.5", "-0.50", "0"),
            ("9223372036854775807", "1", "9223372036854775808"),
            ("18446744073709551615", "1.5", "18446744073709551616"),
            ("18446744073709551615", "0.5", "18446744073709551616"),
            ("18446744073709551616", "-1", "18446744073709551615"),
            ("36893488147419103233", "0", "36893488147419103232"),
            ("1e20", "1", "100000000000000000000"),
            ("1e30", "1", "1000000000000000000024696061952"),
            ("-1e17", "0.3", "-99999999999999999.703125"),
            ("1e-17", "0", "0.00000000000000001"),
            ("5e-18", "0", "0"),
            ("4.9e-18", "0", "0"),
            ("-5e-18", "0", "0"),
            ("1.5e-17", "0", "0.00000000000000002"),
            ("2.5e-17", "0", "0.00000000000000002"),
            (".5", "5.", "5.5"),
            ("+1", "+2", "3"),
            ("1E+2", "1e-2", "100.01"),
            ("3.6e-4951", "1", "1"),
            ("0e99999999999999999999", "1", "1"),
            (
                "12345678901234567890.12345678901234567890",
                "98765432109876543210.98765432109876543210",
                "111111111011111111096",
            ),
            ("123456.789", "-123456.788", "0.00100000000000477"),
            (
                "3.14159265358979323846",
                "2.71828182845904523536",
                "5.85987448204883847",
            ),
            ("1e15", "0.1", "1000000000000000.0999755859375"),
            ("0.1", "-0.3", "-0.2"),
            ("1.005", "1000", "1001.005"),
            (
                "4611686018427387904.25",
                "4611686018427387904.25",
                "9223372036854775808",
            ),
            ("9223372036854775808.5", "0", "9223372036854775808"),
            ("9223372036854775809.5", "0", "9223372036854775810"),
        ] {
            assert_eq!(reply(a, b), expected, "{a} + {b}");
        }
    }

    #[test]
    fn what_is_no_number_for_redis_is_none_here() {
        for text in [
            "1e4933",
            "1.2e4932",
            "1e-4951",
            "1e-4952",
            "1e-99999999999999999999",
            "nan",
            "",
            " 1",
            "1 ",
            "1e",
            "e1",
            ".",
            "-",
            "1..2",
            "1e+",
            "1e5.5",
            "1_0",
        ] {
            assert_eq!(
                reply(text, "1"),
                "-ERR value is not a valid float",
                "{text:?}"
            );
        }
        let long = "1".repeat(TEXT_BYTES_MAX);
        assert!(parse(format!("0{long}").as_bytes()).is_none());
    }

    #[test]
    fn sums_without_end_are_refused() {
        for (a, b) in [
            ("1.1e4932", "1.1e4932"),
            ("inf", "1"),
            ("-Infinity", "inf"),
            ("0", "-inf"),
        ] {
            let expected = "-ERR increment would produce NaN or Infinity";
            assert_eq!(reply(a, b), expected, "{a} + {b}");
        }
    }

    #[test]
    fn large_numbers_are_printed_in_full() {
        let text = reply("1.1e4932", "0");
        assert_eq!(text.len(), 4933);
        assert!(text.starts_with("109999999999999999997437"));
        assert_eq!(reply(&text, "0"), text);
        assert_eq!(reply(&format!("-{text}"), &text), "0");
    }
}
