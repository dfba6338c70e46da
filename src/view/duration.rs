//! Times to live as people write them: `26h`.

/// Redis refuses what does not fit in 63 bits with the time added; 1000 years do.
const MILLIS_MAX: u64 = 1000 * 365 * 86_400_000;

/// Largest first.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// `26h` in milliseconds.
pub fn duration(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let Some((_, unit_millis)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err("a number with ms, s, m, h or d, e.g. 26h".to_owned());
    };
    let number: u64 = number
        .parse()
        .map_err(|_| format!("{number:?} is not a number"))?;
    match number.checked_mul(*unit_millis) {
        Some(millis) if millis > 0 && millis <= MILLIS_MAX => Ok(millis),
        _ => Err("must be more than 0 and at most 365000d".to_owned()),
    }
}

/// In the largest unit that leaves no rest.
pub fn show_duration(millis: u64) -> String {
    let fits = |(_, unit): &&(&str, u64)| millis.is_multiple_of(*unit);
    match UNITS.iter().find(fits) {
        Some((name, unit)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_live() {
        for (text, want) in [("1500ms", 1500), ("26h", 93_600_000), ("7d", 604_800_000)] {
            assert_eq!(duration(text), Ok(want));
            assert_eq!(show_duration(want), text);
        }
        for bad in [
            "",
            "26",
            "h",
            "0s",
            "-1s",
            "1.5h",
            "1 h",
            "99999999999999999999d",
            "365001d",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_largest_unit() {
        for (text, shown) in [("90s", "90s"), ("60s", "1m"), ("24h", "1d"), ("48h", "2d")] {
            assert_eq!(show_duration(duration(text).unwrap()), shown);
        }
    }
}
