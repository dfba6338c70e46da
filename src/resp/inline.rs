//! Inline commands: a line of words, as typed into telnet, quoted as in Redis's `sdssplitargs`.
//!
//! One difference: Redis treats a line as a C string, so that it waits for ever after a NUL; here a
//! NUL is a byte like any other.

use super::args::{Args, Span};

/// A quote is not closed, or is closed in the middle of a word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unbalanced;

/// Split `line`: the words' bytes go to `bytes` one after another (they are shorter than the line),
/// where each lies to `spans`.
pub(super) fn split(
    line: &[u8],
    bytes: &mut Vec<u8>,
    spans: &mut Vec<Span>,
) -> Result<(), Unbalanced> {
    let mut rest = line;
    loop {
        rest = skip_space(rest);
        if rest.is_empty() {
            return Ok(());
        }
        let start = bytes.len();
        rest = word(rest, bytes)?;
        spans.push(Span::new(start, bytes.len().saturating_sub(start)));
    }
}

/// The words of a line, unquoted as in Redis's configuration file; `None` if a quote is not closed,
/// or is closed in the middle of a word.
pub fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    split(line, &mut bytes, &mut spans).ok()?;
    let words = Args {
        bytes: &bytes,
        spans: &spans,
    };
    Some(words.iter().map(<[u8]>::to_vec).collect())
}

/// C's `isspace`: before words and after a closing quote, two more bytes than end a bare word.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn skip_space(mut rest: &[u8]) -> &[u8] {
    while let [byte, after @ ..] = rest
        && is_space(*byte)
    {
        rest = after;
    }
    rest
}

/// One word, up to the blank that ends it or to its closing quote.
fn word<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        match rest {
            [] | [b' ' | b'\t' | b'\n' | b'\r', ..] => return Ok(rest),
            [b'"', after @ ..] => return end_of_quoted(double_quoted(after, bytes)?),
            [b'\'', after @ ..] => return end_of_quoted(single_quoted(after, bytes)?),
            [byte, after @ ..] => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
}

fn end_of_quoted(rest: &[u8]) -> Result<&[u8], Unbalanced> {
    match rest.first() {
        Some(byte) if !is_space(*byte) => Err(Unbalanced),
        _ => Ok(rest),
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        let (byte, after) = match rest {
            [] => return Err(Unbalanced),
            [b'"', after @ ..] => return Ok(after),
            [b'\\', b'x', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex(*high) << 4 | hex(*low), after)
            }
            [b'\\', escaped, after @ ..] => (unescape(*escaped), after),
            [byte, after @ ..] => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        let (byte, after) = match rest {
            [] => return Err(Unbalanced),
            [b'\'', after @ ..] => return Ok(after),
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [byte, after @ ..] => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// The value of an ASCII hexadecimal digit.
fn hex(digit: u8) -> u8 {
    let value = digit & 15;
    if digit.is_ascii_digit() {
        value
    } else {
        value.wrapping_add(9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<String>, Unbalanced> {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        split(line.as_bytes(), &mut bytes, &mut spans)?;
        let word = |s: &Span| &bytes[s.start as usize..(s.start + s.len) as usize];
        Ok(spans
            .iter()
            .map(|s| String::from_utf8(word(s).to_vec()).unwrap())
            .collect())
    }

    /// Each was sent to redis-server 8.2.3 and 7.0.15 as `ECHO <line>`.
    #[test]
    fn quoting_as_in_redis() {
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            (" \t\r\x0b\x0c", &[]),
            (" ping ", &["ping"]),
            ("ping\rx", &["ping", "x"]),
            ("a\tb", &["a", "b"]),
            ("a\x0bb", &["a\x0bb"]),
            ("\x0ca", &["a"]),
            (r#""a b""#, &["a b"]),
            (r#""""#, &[""]),
            (r#""\x41\n\r\t\b\a\q\"\\""#, &["A\n\r\t\x08\x07q\"\\"]),
            (r#""\x4g" "\x" "\X41""#, &["x4g", "x", "X41"]),
            (r#""\x4A\x4a\x0F""#, &["JJ\x0f"]),
            (r"'a\'b\n'", &[r"a'b\n"]),
            (r#"a"b c""#, &["ab c"]),
            (r#""a" b"#, &["a", "b"]),
            ("\"a\"\x0bb", &["a", "b"]),
            ("a\0b", &["a\0b"]),
        ];
        for (line, expected) in table {
            assert_eq!(words(line).unwrap(), *expected, "{line:?}");
        }
        let unbalanced = [
            r#""a"b"#, "'a'b", r#""a"#, "'a", r#"a"b"#, r#""a\""#, r"'a\'", r#"a\"b"#, r#""\"#,
            "\"", "'", "\"a\"\0",
        ];
        for line in unbalanced {
            assert_eq!(words(line), Err(Unbalanced), "{line:?}");
        }
    }
}
