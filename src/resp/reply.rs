//! The client's side: requests out, replies in. For the loader and for tests.
//!
//! Invariants
//! - The parser does not recurse: open aggregates are a list no longer than `depth_max`.
//! - No memory is set aside on the word of a length alone.

use super::limits::ProtocolError;
use super::number::parse_integer;

/// Elements for which room is made on the word of an aggregate's length alone.
const ITEMS_AHEAD_MAX: usize = 64;

/// A line without its end longer than this is not a reply.
const LINE_BYTES_MAX: usize = 1024 * 1024;

#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Integer(i64),
    Bulk(Vec<u8>),
    /// `$-1`, `*-1` or `_`.
    Null,
    Array(Vec<Reply>),
    Map(Vec<(Reply, Reply)>),
    Set(Vec<Reply>),
    Push(Vec<Reply>),
    Double(f64),
    Boolean(bool),
    BigNumber(Vec<u8>),
    /// The text without its three-letter format.
    Verbatim(Vec<u8>),
}

/// `None` while it is incomplete.
type Found<T> = Result<Option<T>, ProtocolError>;

#[derive(Clone, Copy)]
enum Kind {
    Array,
    Map,
    Set,
    Push,
}

/// An aggregate whose elements are still coming.
struct Open {
    kind: Kind,
    missing: usize,
    items: Vec<Reply>,
}

/// What one element of the stream is.
enum Element {
    Whole(Reply),
    /// An aggregate of so many elements.
    Head(Kind, usize),
}

/// The reply at the start of `input` and the bytes it takes; `None` while it is incomplete. Each
/// call starts anew: with large replies, wait for more bytes before asking again.
pub fn parse_reply(
    input: &[u8],
    depth_max: usize,
) -> Result<Option<(Reply, usize)>, ProtocolError> {
    let mut open: Vec<Open> = Vec::new();
    let mut rest = input;
    loop {
        let Some((element, after)) = element(rest)? else {
            return Ok(None);
        };
        rest = after;
        let mut reply = match element {
            Element::Whole(reply) => reply,
            Element::Head(kind, 0) => close(kind, Vec::new()),
            Element::Head(kind, missing) => {
                if open.len() >= depth_max {
                    return Err(ProtocolError::new("reply nested too deep"));
                }
                let items = Vec::with_capacity(missing.min(ITEMS_AHEAD_MAX));
                open.push(Open {
                    kind,
                    missing,
                    items,
                });
                continue;
            }
        };
        // The element may be the last of its aggregate, and that of the one around it.
        loop {
            let Some(mut inner) = open.pop() else {
                return Ok(Some((reply, input.len().saturating_sub(rest.len()))));
            };
            inner.items.push(reply);
            inner.missing = inner.missing.saturating_sub(1);
            if inner.missing > 0 {
                open.push(inner);
                break;
            }
            reply = close(inner.kind, inner.items);
        }
    }
}

fn close(kind: Kind, items: Vec<Reply>) -> Reply {
    match kind {
        Kind::Array => Reply::Array(items),
        Kind::Set => Reply::Set(items),
        Kind::Push => Reply::Push(items),
        Kind::Map => {
            let mut items = items.into_iter();
            let mut pairs = Vec::with_capacity(items.len().div_ceil(2));
            while let (Some(key), Some(value)) = (items.next(), items.next()) {
                pairs.push((key, value));
            }
            Reply::Map(pairs)
        }
    }
}

/// One element and what follows it; `None` while it is incomplete.
fn element(input: &[u8]) -> Result<Option<(Element, &[u8])>, ProtocolError> {
    let Some((kind, text, rest)) = line(input)? else {
        return Ok(None);
    };
    let whole = |reply| Ok(Some((Element::Whole(reply), rest)));
    match kind {
        b'+' => whole(Reply::Simple(text.to_vec())),
        b'-' => whole(Reply::Error(text.to_vec())),
        b':' => whole(Reply::Integer(
            parse_integer(text).ok_or_else(|| invalid("integer"))?,
        )),
        b'(' => whole(Reply::BigNumber(big_number(text)?)),
        b',' => whole(Reply::Double(double(text)?)),
        b'_' if text.is_empty() => whole(Reply::Null),
        b'#' if text == b"t" => whole(Reply::Boolean(true)),
        b'#' if text == b"f" => whole(Reply::Boolean(false)),
        b'$' | b'*' if text == b"-1" => whole(Reply::Null),
        b'$' | b'=' => {
            let Some((body, rest)) = body(rest, length(text)?)? else {
                return Ok(None);
            };
            let reply = match (kind, body) {
                (b'$', body) => Reply::Bulk(body.to_vec()),
                (_, [_, _, _, b':', text @ ..]) => Reply::Verbatim(text.to_vec()),
                _ => return Err(invalid("verbatim string")),
            };
            Ok(Some((Element::Whole(reply), rest)))
        }
        b'*' => Ok(Some((Element::Head(Kind::Array, length(text)?), rest))),
        b'~' => Ok(Some((Element::Head(Kind::Set, length(text)?), rest))),
        b'>' => Ok(Some((Element::Head(Kind::Push, length(text)?), rest))),
        b'%' => {
            let len = length(text)?
                .checked_mul(2)
                .ok_or_else(|| invalid("length"))?;
            Ok(Some((Element::Head(Kind::Map, len), rest)))
        }
        _ => Err(invalid("type")),
    }
}

/// `<type><text>\r\n` and what follows.
fn line(input: &[u8]) -> Found<(u8, &[u8], &[u8])> {
    let window = input.get(..LINE_BYTES_MAX).unwrap_or(input);
    let Some(end) = memchr::memchr(b'\r', window) else {
        if window.len() == LINE_BYTES_MAX {
            return Err(invalid("line"));
        }
        return Ok(None);
    };
    let Some((line, after)) = input.split_at_checked(end) else {
        return Ok(None);
    };
    match (line, after) {
        ([kind, text @ ..], [b'\r', b'\n', rest @ ..]) => Ok(Some((*kind, text, rest))),
        (_, [b'\r']) => Ok(None),
        _ => Err(invalid("line")),
    }
}

/// `len` bytes and CR LF, and what follows.
fn body(rest: &[u8], len: usize) -> Found<(&[u8], &[u8])> {
    let Some((body, after)) = rest.split_at_checked(len) else {
        return Ok(None);
    };
    match after {
        [b'\r', b'\n', after @ ..] => Ok(Some((body, after))),
        [] | [b'\r'] => Ok(None),
        _ => Err(invalid("bulk string")),
    }
}

fn length(text: &[u8]) -> Result<usize, ProtocolError> {
    let len = parse_integer(text).and_then(|len| usize::try_from(len).ok());
    len.ok_or_else(|| invalid("length"))
}

fn double(text: &[u8]) -> Result<f64, ProtocolError> {
    let text = str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| invalid("double"))
}

fn big_number(text: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(invalid("big number"));
    }
    Ok(text.to_vec())
}

#[cold]
fn invalid(what: &str) -> ProtocolError {
    ProtocolError(format!("invalid {what} in reply"))
}

/// Append a multibulk request.
pub fn write_request(out: &mut Vec<u8>, args: &[&[u8]]) {
    let mut number = itoa::Buffer::new();
    out.push(b'*');
    out.extend_from_slice(number.format(args.len()).as_bytes());
    out.extend_from_slice(b"\r\n");
    for arg in args {
        out.push(b'$');
        out.extend_from_slice(number.format(arg.len()).as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}
