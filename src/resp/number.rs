//! Lengths as the protocol writes them.

/// A whole number in its one canonical form, as Redis's `string2ll`: no `+`, no blanks, no leading
/// zeros, no `-0`.
pub(super) fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let mut n = 0_i64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        // Downwards: there is one more negative number than there are positive ones.
        n = n.checked_mul(10)?.checked_sub(i64::from(byte & 15))?;
    }
    if negative { Some(n) } else { n.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::parse_integer;

    #[test]
    fn only_the_canonical_form() {
        for n in [0, 1, -1, 9, 10, 65536, i64::MAX, i64::MIN] {
            assert_eq!(parse_integer(n.to_string().as_bytes()), Some(n));
        }
        let refused = [
            "",
            "-",
            "+1",
            " 1",
            "1 ",
            "01",
            "00",
            "-0",
            "-01",
            "1x",
            "--1",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551615",
            "18446744073709551616",
            "\0",
            "1\0",
        ];
        for text in refused {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
        }
    }
}
