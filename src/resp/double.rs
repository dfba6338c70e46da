//! A double as text, as Redis 8 prints it (`d2string`, `fpconv_dtoa`): the shortest digits that
//! read back to the same number, with an exponent where plain notation would be long.

/// Redis prints a whole number up to this as an integer (`double2ll`).
const WHOLE_MAX: f64 = (i64::MAX / 2) as f64;

pub fn double_text(x: f64) -> String {
    if x.is_nan() {
        return "nan".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if x == 0.0 || (x.abs() <= WHOLE_MAX && x.fract() == 0.0) {
        return format!("{x:.0}");
    }
    // `-d.ddde-7`: the shortest digits. The exponent always is there.
    let scientific = format!("{x:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let Ok(exponent) = exponent.parse::<i64>() else {
        return scientific;
    };
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    // The power of ten of the last digit.
    let last = exponent
        .saturating_add(1)
        .saturating_sub_unsigned(digits as u64);
    let plain = if last >= 0 {
        exponent.unsigned_abs() < (digits as u64).saturating_add(7)
    } else {
        last > -7 || exponent.unsigned_abs() < 4
    };
    if plain {
        // Rust's plain notation is the same digits, padded with zeros.
        format!("{x}")
    } else if exponent >= 0 {
        format!("{mantissa}e+{exponent}")
    } else {
        scientific
    }
}

#[cfg(test)]
mod tests {
    use super::double_text;

    /// What redis-server 8.2.3 answers to `EVAL "return {double=x}"` in RESP3.
    #[test]
    fn as_redis_prints_it() {
        let table = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (-2.5, "-2.5"),
            (100.0, "100"),
            (1e15, "1000000000000000"),
            (1e17, "100000000000000000"),
            (1e20, "1e+20"),
            (12345678901234567890.0, "12345678901234567000"),
            (f64::MAX, "1.7976931348623157e+308"),
            (0.1, "0.1"),
            (0.00001, "0.00001"),
            (0.000001, "0.000001"),
            (0.0000001, "1e-7"),
            (0.0012345678, "0.0012345678"),
            (0.00012345678, "1.2345678e-4"),
            (1.23456e-5, "1.23456e-5"),
            (5e-324, "5e-324"),
            (0.1 + 0.2, "0.30000000000000004"),
            (123456.789, "123456.789"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (-f64::NAN, "nan"),
        ];
        for (x, text) in table {
            assert_eq!(double_text(x), text);
        }
    }
}
