//! Reply trees of RESP2 and RESP3, read from raw bytes.

/// One whole reply: the bytes as they came, and what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub raw: Vec<u8>,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Integer(i64),
    Bulk(Vec<u8>),
    /// `$-1`, `*-1` or `_`: the bytes say which.
    Nil(&'static str),
    Array(Vec<Value>),
    /// Keys and values in turn.
    Map(Vec<Value>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    Double(Vec<u8>),
    Boolean(bool),
    Verbatim(Vec<u8>),
    BigNumber(Vec<u8>),
}

impl Value {
    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }
    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Nil(_))
    }
    /// The text of a string, error or double; of an integer its digits.
    pub fn text(&self) -> String {
        match self {
            Value::Integer(n) => n.to_string(),
            other => String::from_utf8_lossy(other.bytes()).into_owned(),
        }
    }
    pub fn bytes(&self) -> &[u8] {
        match self {
            Value::Simple(b) | Value::Error(b) | Value::Bulk(b) => b,
            Value::Double(b) | Value::Verbatim(b) | Value::BigNumber(b) => b,
            _ => b"",
        }
    }
    pub fn integer(&self) -> i64 {
        match self {
            Value::Integer(n) => *n,
            other => panic!("not an integer: {other:?}"),
        }
    }
    /// The members of an array, map, set or push.
    pub fn items(&self) -> &[Value] {
        match self {
            Value::Array(v) | Value::Map(v) | Value::Set(v) | Value::Push(v) => v,
            _ => &[],
        }
    }
    /// The value of `name` in a map or in an array of pairs.
    pub fn entry(&self, name: &str) -> Option<&Value> {
        self.items()
            .chunks(2)
            .find(|pair| pair[0].bytes() == name.as_bytes())
            .and_then(|pair| pair.get(1))
    }
}

const DEPTH_MAX: usize = 64;

/// The first reply of `bytes` and its length; `None` if it is not whole yet.
pub fn parse(bytes: &[u8]) -> Result<Option<(Value, usize)>, String> {
    let mut at = 0;
    Ok(parse_at(bytes, &mut at, 0)?.map(|value| (value, at)))
}

fn line<'a>(bytes: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let rest = &bytes[*at..];
    let end = rest.windows(2).position(|w| w == b"\r\n")?;
    *at += end + 2;
    Some(&rest[..end])
}

fn number(text: &[u8]) -> Result<i64, String> {
    let text = String::from_utf8_lossy(text);
    text.parse()
        .map_err(|_| format!("not a length or integer: {text:?}"))
}

fn parse_at(bytes: &[u8], at: &mut usize, depth: usize) -> Result<Option<Value>, String> {
    if depth > DEPTH_MAX {
        return Err("reply nested too deep".into());
    }
    let Some(head) = line(bytes, at) else {
        return Ok(None);
    };
    let Some((&kind, rest)) = head.split_first() else {
        return Err("empty line where a reply should start".into());
    };
    let value = match kind {
        b'+' => Value::Simple(rest.to_vec()),
        b'-' => Value::Error(rest.to_vec()),
        b':' => Value::Integer(number(rest)?),
        b',' => Value::Double(rest.to_vec()),
        b'(' => Value::BigNumber(rest.to_vec()),
        b'#' => Value::Boolean(rest == b"t"),
        b'_' => Value::Nil("_"),
        b'$' | b'=' => match number(rest)? {
            -1 => Value::Nil("$-1"),
            len => {
                let Some(body) = bytes.get(*at..*at + len as usize + 2) else {
                    return Ok(None);
                };
                let Some(body) = body.strip_suffix(b"\r\n") else {
                    return Err("bulk string does not end in CR LF".into());
                };
                *at += body.len() + 2;
                match kind {
                    b'$' => Value::Bulk(body.to_vec()),
                    _ => Value::Verbatim(body.to_vec()),
                }
            }
        },
        b'*' | b'%' | b'~' | b'>' => return aggregate(kind, number(rest)?, bytes, at, depth),
        other => return Err(format!("unknown reply type {:?}", other as char)),
    };
    Ok(Some(value))
}

fn aggregate(
    kind: u8,
    len: i64,
    bytes: &[u8],
    at: &mut usize,
    depth: usize,
) -> Result<Option<Value>, String> {
    if len < 0 {
        return Ok(Some(Value::Nil("*-1")));
    }
    let mut items = Vec::new();
    for _ in 0..if kind == b'%' { len * 2 } else { len } {
        match parse_at(bytes, at, depth + 1)? {
            Some(item) => items.push(item),
            None => return Ok(None),
        }
    }
    Ok(Some(match kind {
        b'%' => Value::Map(items),
        b'~' => Value::Set(items),
        b'>' => Value::Push(items),
        _ => Value::Array(items),
    }))
}

/// Bytes as `redis-cli` would print or take them; long ones cut.
pub fn display(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes.iter().take(600) {
        match byte {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'"' | b'\\' => text.extend(['\\', byte as char]),
            b' '..=b'~' => text.push(byte as char),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    if bytes.len() > 600 {
        text.push_str(&format!("... ({} bytes)", bytes.len()));
    }
    text
}
