//! Bytes as text that a person reads, and that `redis-cli` reads back.

use std::fmt::Write;

/// As Redis quotes: printable ASCII as it is, anything else escaped.
pub fn quote(arg: &[u8], line: &mut String) {
    line.push('"');
    for &byte in arg {
        match byte {
            b'\\' | b'"' => {
                line.push('\\');
                line.push(char::from(byte));
            }
            b'\n' => line.push_str("\\n"),
            b'\r' => line.push_str("\\r"),
            b'\t' => line.push_str("\\t"),
            0x07 => line.push_str("\\a"),
            0x08 => line.push_str("\\b"),
            b' '..=b'~' => line.push(char::from(byte)),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(line, "\\x{byte:02x}");
            }
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    #[test]
    fn quotes_as_redis_does() {
        let mut line = String::new();
        super::quote(b"a\"\\\r\n\t\x07\x00\xff", &mut line);
        assert_eq!(line, r#""a\"\\\r\n\t\a\x00\xff""#);
    }
}
