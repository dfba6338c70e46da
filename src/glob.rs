//! Redis's glob patterns, byte for byte: `*`, `?`, `[a-z]`, `[^...]`, `\` to escape.
//!
//! Feast sends binary prefixes unescaped, so what an odd pattern means must be what Redis makes of
//! it: an unterminated class ends with the pattern, a range may be written backwards, a backslash
//! at the end stands for itself.
//!
//! Iterative, with one place to go back to (the last star), so at most pattern x text steps.

/// Whether the whole of `text` matches.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_with(pattern, text, |byte| byte)
}

/// As [`matches`], with ASCII letters of either case alike.
pub fn matches_ignore_case(pattern: &[u8], text: &[u8]) -> bool {
    matches_with(pattern, text, |byte| byte.to_ascii_lowercase())
}

/// As [`matches`], of bytes that are alike when `fold` makes the same of them.
pub(crate) fn matches_with(pattern: &[u8], text: &[u8], fold: impl Fn(u8) -> u8 + Copy) -> bool {
    if text.is_empty() {
        // `**` does not match the empty name.
        return matches!(pattern, [] | [b'*']);
    }
    let (mut p, mut t) = (0, 0);
    // Behind the last star, and the text it is taken to end at.
    let mut star: Option<(usize, usize)> = None;
    loop {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                star = Some((p, t));
                continue;
            }
            None if t == text.len() => return true,
            _ => {}
        }
        let step = match (pattern.get(p..), text.get(t)) {
            (Some(rest), Some(&byte)) if !rest.is_empty() => one(rest, byte, fold),
            _ => None,
        };
        if let Some(used) = step {
            p += used;
            t += 1;
            continue;
        }
        // The last star takes one byte more.
        let Some((behind, end)) = star.filter(|(_, end)| *end < text.len()) else {
            return false;
        };
        star = Some((behind, end + 1));
        (p, t) = (behind, end + 1);
    }
}

/// If the first element of the pattern matches this byte: how long the element is.
fn one(pattern: &[u8], byte: u8, fold: impl Fn(u8) -> u8 + Copy) -> Option<usize> {
    let (used, hit) = match pattern {
        [b'?', ..] => (1, true),
        [b'[', class @ ..] => {
            let (used, hit) = in_class(class, fold(byte), fold);
            (used + 1, hit)
        }
        [b'\\', escaped, ..] => (2, fold(*escaped) == fold(byte)),
        [first, ..] => (1, fold(*first) == fold(byte)),
        [] => return None,
    };
    hit.then_some(used)
}

/// How long the class is (with its `]`), and whether the byte is in it.
fn in_class(class: &[u8], byte: u8, fold: impl Fn(u8) -> u8) -> (usize, bool) {
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut hit = false;
    loop {
        match class.get(at..).unwrap_or_default() {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', escaped, ..] => {
                hit |= fold(*escaped) == byte;
                at += 2;
            }
            [from, b'-', to, ..] => {
                let (from, to) = (fold(*from), fold(*to));
                hit |= (from.min(to)..=from.max(to)).contains(&byte);
                at += 3;
            }
            [single, ..] => {
                hit |= fold(*single) == byte;
                at += 1;
            }
        }
    }
    (at, hit != negated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_redis_matches() {
        // (pattern, text, what redis-server 7.0 answers to CONFIG GET-like matching of it)
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "", false),
            ("a*c", "abbbc", true),
            ("a*c", "abbbcd", false),
            ("**a**", "xay", true),
            ("?", "", false),
            ("h[ae]llo", "hello", true),
            ("h[^e]llo", "hello", false),
            ("h[^e]llo", "hallo", true),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hbllo", true),
            ("h[a", "ha", true),
            ("h[a", "hb", false),
            ("h[]", "h", false),
            ("[\\]]", "]", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a\\", "a\\", true),
            ("[^]", "a", true),
            ("[a-]", "-", false),
            ("a-", "a-", true),
        ] {
            let found = matches(pattern.as_bytes(), text.as_bytes());
            assert_eq!(found, expected, "{pattern} on {text}");
        }
        assert!(matches_ignore_case(b"MAX[M-N]*", b"maxmemory"));
        // The class takes the star in.
        assert!(matches(b"\x02\x00[\x00\x00*", b"\x02\x00\x00"));
        assert!(!matches(b"\x02\x00[\x00\x00*", b"\x02\x00\x00\xff"));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "a*".repeat(200) + "b";
        assert!(!matches(pattern.as_bytes(), &[b'a'; 10_000]));
    }

    /// The recursive definition.
    fn slow(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|skip| slow(rest, &text[skip..])),
            _ => match text {
                [] => false,
                [byte, rest @ ..] => {
                    one(pattern, *byte, |b| b).is_some_and(|used| slow(&pattern[used..], rest))
                }
            },
        }
    }

    proptest! {
        #[test]
        fn going_back_to_the_last_star_is_enough(
            pattern in "[ab*?\\[\\]^\\\\-]{0,10}", text in "[ab\\-]{1,10}"
        ) {
            prop_assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                slow(pattern.as_bytes(), text.as_bytes())
            );
        }
    }
}
