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

/// A word as Redis's configuration and `redis-cli` read it back: in quotes where it needs them.
pub fn quoted(word: impl AsRef<[u8]>) -> String {
    let word = word.as_ref();
    let plain = |b: &u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'\\' | b'#');
    let mut out = String::with_capacity(word.len() + 2);
    if !word.is_empty() && word.iter().all(plain) {
        out.extend(word.iter().copied().map(char::from));
        return out;
    }
    out.push('"');
    for chunk in word.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c.is_control() => {
                    let mut bytes = [0; 4];
                    escape(c.encode_utf8(&mut bytes).as_bytes(), &mut out);
                }
                c => out.push(c),
            }
        }
        escape(chunk.invalid(), &mut out);
    }
    out.push('"');
    out
}

fn escape(bytes: &[u8], out: &mut String) {
    out.extend(bytes.iter().map(|byte| format!("\\x{byte:02x}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_read_back() {
        for (word, want) in [
            (&b"A:user:1"[..], "A:user:1"),
            (b"", "\"\""),
            (b"a b", "\"a b\""),
            (b"\"\\\n\t\r", r#""\"\\\n\t\r""#),
            (b"\0\xff\x7f", r#""\x00\xff\x7f""#),
            ("caf\u{e9} \u{9b}".as_bytes(), "\"caf\u{e9} \\xc2\\x9b\""),
        ] {
            assert_eq!(quoted(word), want);
        }
    }

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
