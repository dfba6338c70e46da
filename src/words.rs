//! Words for people: what somebody may have meant, and bytes from outside as text that a terminal
//! can show.

/// The word that is nearest to this one, if one is near enough to be what was meant.
pub fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const CHARS_MAX: usize = 100;
    let cut = |word: &str| -> String {
        let chars = word.chars().take(CHARS_MAX);
        chars.map(|c| c.to_ascii_lowercase()).collect()
    };
    let lower = cut(word);
    // One slip in three characters; of short words, one.
    let slips_max = (word.chars().count() / 3).max(1);
    let slips = |other: &&str| strsim::osa_distance(&lower, &cut(other));
    let near = words.map(|other| (slips(&other), other));
    let near = near.filter(|(slips, _)| *slips <= slips_max);
    near.min_by_key(|(slips, _)| *slips).map(|(_, other)| other)
}

/// What to put behind an error about a word that is none of these.
pub fn did_you_mean<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> String {
    nearest(word, words).map_or(String::new(), |near| format!("; did you mean {near}?"))
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
