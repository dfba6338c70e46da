//! Reading numbers and options out of arguments, as strictly as Redis does.
//!
//! Pure functions of the bytes of arguments; nothing here panics or allocates before it knows that
//! the input is sound.

use super::CommandError;
use crate::engine::Millis;

/// Redis's `string2ll`: an optional minus and digits, no leading zeros, no spaces, in i64.
pub fn integer(bytes: &[u8]) -> Result<i64, CommandError> {
    parse_integer(bytes).ok_or(CommandError::NotAnInteger)
}

/// As [`integer`], for a caller with an error of its own.
pub fn parse_integer(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, bytes),
    };
    match digits {
        b"0" => return if negative { None } else { Some(0) },
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    // Towards the sign, because i64::MIN has no positive counterpart.
    digits.iter().try_fold(0_i64, |n, byte| {
        let digit = byte.checked_sub(b'0').filter(|d| *d < 10)?;
        let n = n.checked_mul(10)?;
        if negative {
            n.checked_sub(i64::from(digit))
        } else {
            n.checked_add(i64::from(digit))
        }
    })
}

/// An integer that C's `int` holds.
pub fn int(bytes: &[u8]) -> Result<i32, CommandError> {
    i32::try_from(integer(bytes)?).map_err(|_| {
        "ERR value is out of range, value must between -2147483648 and 2147483647".into()
    })
}

/// The cursor of `SCAN` and `HSCAN`: Redis's `string2ull`, which falls back to C's `strtoull`, so
/// leading spaces, signs and zeros pass, and a NUL ends it.
pub fn cursor(bytes: &[u8]) -> Result<u64, CommandError> {
    let bytes = bytes.split(|b| *b == 0).next().unwrap_or_default();
    let invalid = || CommandError::from("ERR invalid cursor");
    if let Some(n) = parse_integer(bytes) {
        return u64::try_from(n).map_err(|_| invalid());
    }
    let spaces = bytes
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t'..=b'\r'))
        .count();
    let (negative, digits) = match bytes.get(spaces..).unwrap_or_default() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(invalid());
    }
    let size = digits
        .iter()
        .try_fold(0_u64, |n, b| {
            n.checked_mul(10)?.checked_add(u64::from(b - b'0'))
        })
        .ok_or_else(invalid)?;
    Ok(if negative { size.wrapping_neg() } else { size })
}

/// Whether an argument is this keyword, in any case of letters.
pub fn is(arg: &[u8], keyword: &str) -> bool {
    arg.eq_ignore_ascii_case(keyword.as_bytes())
}

/// How a command gives a moment: in seconds or milliseconds, from now or since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeForm {
    pub seconds: bool,
    pub absolute: bool,
}

impl TimeForm {
    pub const EX: TimeForm = TimeForm {
        seconds: true,
        absolute: false,
    };
    pub const PX: TimeForm = TimeForm {
        seconds: false,
        absolute: false,
    };
    pub const EXAT: TimeForm = TimeForm {
        seconds: true,
        absolute: true,
    };
    pub const PXAT: TimeForm = TimeForm {
        seconds: false,
        absolute: true,
    };

    /// The form that an option (`EX`, `PX`, `EXAT`, `PXAT`) announces.
    pub fn option(arg: &[u8]) -> Option<TimeForm> {
        [
            ("EX", TimeForm::EX),
            ("PX", TimeForm::PX),
            ("EXAT", TimeForm::EXAT),
            ("PXAT", TimeForm::PXAT),
        ]
        .into_iter()
        .find(|(keyword, _)| is(arg, keyword))
        .map(|(_, form)| form)
    }

    /// The moment in milliseconds since the epoch, maybe in the past or before the epoch; `None`
    /// if it does not fit.
    pub fn moment(self, amount: i64, now: Millis) -> Option<i64> {
        let millis = if self.seconds {
            amount.checked_mul(1000)?
        } else {
            amount
        };
        if self.absolute {
            Some(millis)
        } else {
            millis.checked_add(i64::try_from(now).ok()?)
        }
    }

    /// The moment of an option that must be positive (`SET ... EX`, `GETEX`, `SETEX`), for
    /// `command` in the error.
    pub fn positive_moment(
        self,
        arg: &[u8],
        now: Millis,
        command: &str,
    ) -> Result<Millis, CommandError> {
        let amount = integer(arg)?;
        self.moment(amount, now)
            .filter(|_| amount > 0)
            .and_then(|at| Millis::try_from(at).ok())
            .ok_or_else(|| CommandError::invalid_expire(command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_as_strict_as_string2ll() {
        for (text, value) in [
            ("0", 0),
            ("7", 7),
            ("-7", -7),
            ("10", 10),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(integer(text.as_bytes()), Ok(value));
        }
        for text in [
            "",
            "-",
            "-0",
            "+1",
            "01",
            "-01",
            " 1",
            "1 ",
            "1.0",
            "1e3",
            "0x10",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "1\0",
            "--1",
            "1:",
        ] {
            assert_eq!(
                integer(text.as_bytes()),
                Err(CommandError::NotAnInteger),
                "{text:?}"
            );
        }
    }

    #[test]
    fn cursors_are_as_lenient_as_strtoull() {
        for (text, value) in [
            ("0", 0),
            ("01", 1),
            ("+0", 0),
            (" 0", 0),
            ("\t\n\u{b}\u{c}\r7", 7),
            ("18446744073709551615", u64::MAX),
            (" -1", u64::MAX),
            ("5\0x", 5),
            ("-0", 0),
        ] {
            assert_eq!(cursor(text.as_bytes()), Ok(value), "{text:?}");
        }
        for text in [
            "",
            " ",
            "-",
            "+",
            "-1",
            "1 ",
            "0a",
            "0x10",
            "abc",
            "+-1",
            "18446744073709551616",
        ] {
            assert_eq!(
                cursor(text.as_bytes()),
                Err("ERR invalid cursor".into()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn ints_have_32_bits() {
        assert_eq!(int(b"2147483647"), Ok(i32::MAX));
        assert_eq!(int(b"-2147483648"), Ok(i32::MIN));
        assert_eq!(int(b"x"), Err(CommandError::NotAnInteger));
        assert!(int(b"2147483648").is_err() && int(b"-2147483649").is_err());
    }

    #[test]
    fn moments_do_not_overflow() {
        let now = 1_700_000_000_000;
        assert_eq!(TimeForm::EX.moment(10, now), Some(1_700_000_010_000));
        assert_eq!(TimeForm::PX.moment(-10, now), Some(1_699_999_999_990));
        assert_eq!(TimeForm::EXAT.moment(10, now), Some(10_000));
        assert_eq!(TimeForm::PXAT.moment(i64::MAX, now), Some(i64::MAX));
        assert_eq!(TimeForm::PX.moment(i64::MAX, now), None);
        assert_eq!(TimeForm::EX.moment(i64::MAX / 1000, now), None);
        assert_eq!(TimeForm::EXAT.moment(i64::MAX / 1000 + 1, now), None);
        assert_eq!(TimeForm::EXAT.moment(i64::MIN / 1000 - 1, now), None);
    }

    #[test]
    fn options_take_only_positive_times() {
        let invalid = Err(CommandError::invalid_expire("set"));
        for arg in ["0", "-1", "9223372036854775807"] {
            assert_eq!(
                TimeForm::EX.positive_moment(arg.as_bytes(), 1, "set"),
                invalid
            );
        }
        assert_eq!(
            TimeForm::EX.positive_moment(b"ten", 1, "set"),
            Err(CommandError::NotAnInteger)
        );
        assert_eq!(TimeForm::PX.positive_moment(b"5", 1, "set"), Ok(6));
        assert_eq!(TimeForm::option(b"pxAt"), Some(TimeForm::PXAT));
        assert_eq!(TimeForm::option(b"PXA"), None);
    }
}
