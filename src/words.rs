//! Words for people: what somebody may have meant, and bytes from outside as text that a terminal
//! can show.

/// The word that is nearest to this one, if one is near enough to be what was meant.
pub fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_ascii_lowercase();
    // One slip in three characters; of short words, one.
    let slips_max = (word.chars().count() / 3).max(1);
    let slips = |other: &&str| distance(&lower, &other.to_ascii_lowercase());
    let near = words.map(|other| (slips(&other), other));
    let near = near.filter(|(slips, _)| *slips <= slips_max);
    near.min_by_key(|(slips, _)| *slips).map(|(_, other)| other)
}

/// A text that a terminal shows as it is: control characters are written as escapes, and of what is
/// long only the beginning.
pub fn printable(text: &str) -> String {
    const CHARS_MAX: usize = 4000;
    let mut out = String::with_capacity(text.len());
    for (n, c) in text.chars().enumerate() {
        if n == CHARS_MAX {
            out.push_str("...");
            break;
        }
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

/// How many characters must be put in, taken away, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    const CHARS_MAX: usize = 100;
    let a: Vec<char> = a.chars().take(CHARS_MAX).collect();
    let b: Vec<char> = b.chars().take(CHARS_MAX).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let changed = at(&last, j) + usize::from(x != y);
            let mut best = changed.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_would_obey() {
        let text = "a\u{1b}[2J\r\n\0\u{9b}caf\u{e9}";
        let want = "a\\u{1b}[2J\\r\\n\\u{0}\\u{9b}caf\u{e9}";
        assert_eq!(printable(text), want);
        assert_eq!(printable(&"x".repeat(5000)).len(), 4003);
    }

    #[test]
    fn what_was_meant() {
        let words = ["appendfsync", "appendonly", "port", "user_purchases"];
        for (word, want) in [
            ("apendfsync", Some("appendfsync")),
            ("APPENDONLY", Some("appendonly")),
            ("prot", Some("port")),
            ("user_purchase", Some("user_purchases")),
            ("users", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, words.into_iter()), want, "{word}");
        }
    }
}
