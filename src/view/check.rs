//! Whether a value that is to be stored is of the type of its feature.

use super::{Encoding, Feature, Scalar, Type};
use std::fmt::Write;

/// Of a value that is refused, shown.
const SHOWN_BYTES_MAX: usize = 64;

impl Feature {
    /// An error says what is not what.
    pub fn check(&self, value: &[u8]) -> Result<(), String> {
        if is(self.kind, self.encoding, value) {
            return Ok(());
        }
        let kind = self.kind;
        Err(match (kind, self.encoding) {
            (Type::Scalar(scalar), _) => {
                let article = match scalar {
                    Scalar::Int64 => "an",
                    _ => "a",
                };
                format!("{} is not {article} {kind}", shown(value))
            }
            (Type::List(_), Encoding::Json) => {
                format!("{} is not a {kind} in JSON", shown(value))
            }
            (Type::Embedding { dim }, Encoding::Json) => {
                format!("{} is not {dim} numbers in JSON", shown(value))
            }
            (Type::List(_), Encoding::Packed) => {
                format!("{} bytes are not a packed {kind}", value.len())
            }
            (Type::Embedding { dim }, Encoding::Packed) => {
                let bytes = u64::from(dim) * 4;
                let len = value.len();
                format!("{len} bytes are not an embedding of dim {dim}: {bytes} bytes")
            }
        })
    }
}

fn shown(value: &[u8]) -> String {
    let head = value.get(..SHOWN_BYTES_MAX).unwrap_or(value);
    let mut text = format!("\"{}\"", head.escape_ascii());
    if head.len() < value.len() {
        // Writing to a string cannot fail.
        let _ = write!(text, "... ({} bytes)", value.len());
    }
    text
}

fn is(kind: Type, encoding: Encoding, value: &[u8]) -> bool {
    match (kind, encoding) {
        (Type::Scalar(scalar), _) => is_scalar(scalar, value),
        (Type::List(scalar), Encoding::Json) => is_json_list(scalar, value),
        (Type::Embedding { dim }, Encoding::Json) => {
            let numbers = serde_json::from_slice::<Vec<f64>>(value);
            numbers.is_ok_and(|numbers| usize::try_from(dim) == Ok(numbers.len()))
        }
        (Type::List(Scalar::Bool), Encoding::Packed) => value.iter().all(|item| *item <= 1),
        (Type::List(scalar), Encoding::Packed) => scalar
            .packed_bytes()
            .is_some_and(|bytes| value.len().is_multiple_of(bytes)),
        (Type::Embedding { dim }, Encoding::Packed) => value.len() as u64 == u64::from(dim) * 4,
    }
}

fn is_scalar(scalar: Scalar, value: &[u8]) -> bool {
    match scalar {
        Scalar::Int64 | Scalar::Timestamp => is_int64(value),
        Scalar::Float64 => str::from_utf8(value).is_ok_and(|text| text.parse::<f64>().is_ok()),
        Scalar::Float32 => str::from_utf8(value).is_ok_and(is_float32),
        Scalar::Bool => matches!(value, b"0" | b"1"),
        Scalar::String => str::from_utf8(value).is_ok(),
        Scalar::Bytes => true,
    }
}

/// A number that is too large for 32 bits reads as infinite; only a word may mean that.
fn is_float32(text: &str) -> bool {
    let is_word = || !text.bytes().any(|byte| byte.is_ascii_digit());
    text.parse::<f32>()
        .is_ok_and(|number| number.is_finite() || is_word())
}

/// In the one form that Redis counts on with: no `+`, no zeros in front.
fn is_int64(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let canonical = match digits {
        [b'0'] => digits == value,
        [b'1'..=b'9', ..] => true,
        _ => false,
    };
    // Few of them cannot be too large.
    canonical
        && digits.iter().all(u8::is_ascii_digit)
        && (digits.len() < 19
            || str::from_utf8(value).is_ok_and(|text| text.parse::<i64>().is_ok()))
}

fn is_json_list(scalar: Scalar, value: &[u8]) -> bool {
    match scalar {
        Scalar::Int64 | Scalar::Timestamp => serde_json::from_slice::<Vec<i64>>(value).is_ok(),
        Scalar::Float64 => serde_json::from_slice::<Vec<f64>>(value).is_ok(),
        Scalar::Float32 => serde_json::from_slice::<Vec<f32>>(value).is_ok_and(|numbers| {
            // One that is too large reads as infinite.
            numbers.iter().all(|number| number.is_finite())
        }),
        Scalar::Bool => serde_json::from_slice::<Vec<bool>>(value).is_ok(),
        Scalar::String | Scalar::Bytes => serde_json::from_slice::<Vec<String>>(value).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;

    fn check(kind: &str, value: &[u8]) -> Result<(), String> {
        let text = format!("[view.v]\nentity = 'e'\nkey = '{{k}}'\nfeature.f = {{ {kind} }}");
        read(&text).unwrap()[0].features[0].check(value)
    }

    #[test]
    fn values_of_each_type() {
        let packed = 1.5f32.to_le_bytes().repeat(2);
        for (kind, good, bad) in [
            (
                "type = 'int64'",
                vec!["0", "-1", "9223372036854775807"],
                vec!["", "-0", "+1", "01", "1.0", "9223372036854775808", " 1"],
            ),
            (
                "type = 'float64'",
                vec!["0", "-1.5", "1e300", "inf", "nan", "0.1"],
                vec!["", "x", "1,5", " 1"],
            ),
            ("type = 'bool'", vec!["0", "1"], vec!["", "true", "2", "01"]),
            (
                "type = 'timestamp'",
                vec!["1700000000000"],
                vec!["2024-01-01"],
            ),
            ("type = 'string'", vec!["", "any"], vec![]),
            (
                "type = 'list<int64>'",
                vec!["[]", "[1, -2]"],
                vec!["", "[1.5]", "1", "[1", "[[1]]", "[1]x"],
            ),
            (
                "type = 'list<float64>'",
                vec!["[1, 2.5e3]"],
                vec!["[1e999]", "[null]", "{}"],
            ),
            ("type = 'list<bool>'", vec!["[true,false]"], vec!["[1]"]),
            (
                "type = 'list<string>'",
                vec![r#"["a","\u00e9\n"]"#],
                vec![r#"["a"#, "[1]"],
            ),
            (
                "type = 'list<int64>', encoding = 'packed'",
                vec!["", "12345678"],
                vec!["1234567"],
            ),
            (
                "type = 'list<bool>', encoding = 'packed'",
                vec!["", "\0\x01"],
                vec!["1"],
            ),
            (
                "type = 'embedding', dim = 2, encoding = 'json'",
                vec!["[1,2.5]"],
                vec!["[1]", "[]", "x"],
            ),
            (
                "type = 'embedding', dim = 2",
                vec!["12345678"],
                vec!["", "1234", "[1,2]"],
            ),
        ] {
            for value in good {
                assert_eq!(check(kind, value.as_bytes()), Ok(()), "{kind} {value:?}");
            }
            for value in bad {
                assert!(check(kind, value.as_bytes()).is_err(), "{kind} {value:?}");
            }
        }
        assert_eq!(check("type = 'embedding', dim = 2", &packed), Ok(()));
        assert_eq!(check("type = 'bytes'", b"\xff\0"), Ok(()));
    }

    #[test]
    fn numbers_of_32_bits() {
        for (kind, good, bad) in [
            (
                "type = 'float32'",
                ["0", "0.1", "-3.4e38", "inf", "nan"],
                ["", "x", "3.5e38", "1e39", "1e400"],
            ),
            (
                "type = 'list<float32>'",
                ["[1, 2.5e3]", "[]", "[0.1]", "[-3.4e38]", "[1]"],
                ["[1e39]", "[null]", "[3.5e38]", "[1e400]", ""],
            ),
            (
                "type = 'list<float32>', encoding = 'packed'",
                ["", "1234", "12345678", "    ", "\0\0\0\0"],
                ["12345", "1", "123", "1234567", "123456789"],
            ),
        ] {
            for value in good {
                assert_eq!(check(kind, value.as_bytes()), Ok(()), "{kind} {value:?}");
            }
            for value in bad {
                assert!(check(kind, value.as_bytes()).is_err(), "{kind} {value:?}");
            }
        }
    }

    #[test]
    fn errors_say_what_is_not_what() {
        for (kind, value, want) in [
            (
                "type = 'int64'",
                b"abc".to_vec(),
                r#""abc" is not an int64"#,
            ),
            ("type = 'string'", vec![0xff], r#""\xff" is not a string"#),
            (
                "type = 'list<bool>'",
                b"[1]".to_vec(),
                r#""[1]" is not a list<bool> in JSON"#,
            ),
            (
                "type = 'list<int64>', encoding = 'packed'",
                vec![0; 7],
                "7 bytes are not a packed list<int64>",
            ),
            (
                "type = 'embedding', dim = 2",
                vec![0; 7],
                "7 bytes are not an embedding of dim 2: 8 bytes",
            ),
        ] {
            assert_eq!(check(kind, &value), Err(want.to_owned()));
        }
        let long = check("type = 'int64'", &[b'x'; 100]).unwrap_err();
        assert!(
            long.ends_with("xxx\"... (100 bytes) is not an int64"),
            "{long}"
        );
    }
}
