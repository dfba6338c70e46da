//! The request parser: multibulk (`*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`) and inline commands.
//!
//! Invariants
//! - Arguments are spans of the input; nothing is copied but the words of an inline command.
//! - Each length is checked against the limits before its bytes are waited for, and no memory is
//!   set aside for more arguments than `SPANS_AHEAD_MAX` before they have come.
//! - However a stream is cut into pieces, the same requests come out of it. After `Incomplete` no
//!   byte is looked at twice, but for the one length line where it stopped.
//! - One flat loop: nesting cannot be expressed.
//!
//! As in Redis, a length line ends at its CR, and the byte after that CR is passed over unread; so
//! are the two bytes after an argument. Both sides thus agree on where a request ends, whatever
//! those bytes are.

use super::args::{Args, Span};
use super::inline;
use super::limits::{Limits, ProtocolError};
use super::number::parse_integer;

/// Arguments for which room is made on the word of a `*N` alone.
const SPANS_AHEAD_MAX: usize = 1024;

/// An idle parser keeps no more room for arguments than this.
const SPANS_IDLE_MAX: usize = 16 * 1024;

/// The longest length line, with its end, that the hot loop takes itself.
const HOT_LINE_BYTES_MAX: usize = 5;

#[derive(Debug, PartialEq, Eq)]
pub enum Status {
    /// More bytes are needed: at least this many in all. It is the client's word: do not set
    /// aside memory for all of it at once.
    Incomplete { want: usize },
    /// One request, whose arguments are [`Parser::args`]; it takes this many bytes of the input.
    Request { consumed: usize },
    /// Nothing to do (an empty line, `*0`): pass over this many bytes.
    Skip { consumed: usize },
}

#[derive(Debug, Default)]
pub struct Parser {
    /// The arguments found so far.
    spans: Vec<Span>,
    /// The words of an inline command.
    words: Vec<u8>,
    is_inline: bool,
    /// Arguments of the multibulk request under way; 0 between requests.
    count: usize,
    /// Where its next argument's length line starts.
    pos: usize,
    /// Bytes of the current line known not to end it.
    scanned: usize,
}

/// A line looked for in the input.
enum Line<'a> {
    Incomplete,
    TooBig,
    /// The line without its type byte, and where the next one starts.
    Found(&'a [u8], usize),
}

impl Parser {
    pub fn new() -> Parser {
        Parser::default()
    }

    /// Look for one request at the start of `input`. Called again with more bytes after
    /// `Incomplete`, it goes on where it stopped: the input must start with the same bytes.
    pub fn parse(&mut self, input: &[u8], limits: &Limits) -> Result<Status, ProtocolError> {
        if self.count == 0 {
            self.spans.clear();
            match input.first() {
                None => return Ok(Status::Incomplete { want: 1 }),
                Some(b'*') => {}
                Some(_) => return self.inline(input, limits),
            }
            if let Some(status) = self.multibulk_header(input, limits)? {
                return Ok(status);
            }
        }
        self.arguments(input, limits)
    }

    /// The arguments of the request just found by [`Parser::parse`] at the start of `input`.
    #[inline]
    pub fn args<'a>(&'a self, input: &'a [u8]) -> Args<'a> {
        let bytes = if self.is_inline { &self.words } else { input };
        Args {
            bytes,
            spans: &self.spans,
        }
    }

    /// Whether no request is under way: the next call of [`Parser::parse`] starts one.
    #[inline]
    pub fn is_between_requests(&self) -> bool {
        self.count == 0 && self.scanned == 0
    }

    /// Whether the request just found came as an inline command.
    pub fn is_inline(&self) -> bool {
        self.is_inline
    }

    /// Give memory back after a huge request. Not between a request and its execution.
    pub fn shrink_if_large(&mut self) {
        if self.count == 0 && self.spans.capacity() > SPANS_IDLE_MAX {
            self.spans = Vec::new();
        }
    }

    #[cfg(test)]
    pub(super) fn spans_capacity(&self) -> usize {
        self.spans.capacity()
    }

    /// `*<count>\r\n`; `None`: go on with the arguments.
    #[inline]
    fn multibulk_header(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<Status>, ProtocolError> {
        let (text, next) = match line(input, &mut self.scanned, limits) {
            Line::Found(text, next) => (text, next),
            Line::Incomplete => return Ok(Some(incomplete(input))),
            Line::TooBig => return Err(ProtocolError::new("too big mbulk count string")),
        };
        let count = match parse_integer(text) {
            None => return Err(limits.multibulk_error(None)),
            Some(..=0) => return Ok(Some(Status::Skip { consumed: next })),
            Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        if count > limits.args_max {
            return Err(limits.multibulk_error(Some(count)));
        }
        self.spans.reserve(count.min(SPANS_AHEAD_MAX));
        self.is_inline = false;
        self.count = count;
        self.pos = next;
        Ok(None)
    }

    /// The hot loop.
    fn arguments(&mut self, input: &[u8], limits: &Limits) -> Result<Status, ProtocolError> {
        let request_bytes_max = limits.request_bytes_max.min(u32::MAX as usize);
        let visible = input.len().min(request_bytes_max);
        let mut pos = self.pos;
        for _ in self.spans.len()..self.count {
            // A branch, not a choice: that would be one more step from each argument to the next.
            let Some(rest) = input.get(pos..) else {
                self.pos = pos;
                return Ok(incomplete(input));
            };
            // Where the next argument is depends on this one's length, and so on: what is not
            // needed for that is left out of the sum.
            let (len, start, after) = match *rest {
                [b'$', a @ b'0'..=b'9', b'\r', _, ..] => {
                    let len = usize::from(a & 15);
                    (
                        len,
                        pos.wrapping_add(4),
                        pos.wrapping_add(6).wrapping_add(len),
                    )
                }
                [b'$', a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', _, ..] => {
                    let len = usize::from(a & 15)
                        .wrapping_mul(10)
                        .wrapping_add(usize::from(b & 15));
                    (
                        len,
                        pos.wrapping_add(5),
                        pos.wrapping_add(7).wrapping_add(len),
                    )
                }
                _ => match bulk_header(rest, &mut self.scanned, limits)? {
                    Some((len, header)) => {
                        let start = pos.wrapping_add(header);
                        (len, start, start.saturating_add(len).saturating_add(2))
                    }
                    None => {
                        self.pos = pos;
                        return Ok(incomplete(input));
                    }
                },
            };
            if len > limits.bulk_bytes_max {
                return Err(limits.bulk_error(Some(len)));
            }
            if after > visible {
                if after > request_bytes_max {
                    return Err(ProtocolError::new("too big request"));
                }
                self.pos = pos;
                return Ok(Status::Incomplete { want: after });
            }
            self.spans.push(Span::new(start, len));
            pos = after;
        }
        self.count = 0;
        Ok(Status::Request { consumed: pos })
    }

    fn inline(&mut self, input: &[u8], limits: &Limits) -> Result<Status, ProtocolError> {
        let window = input.get(..=limits.inline_bytes_max).unwrap_or(input);
        let unseen = window.get(self.scanned..).unwrap_or_default();
        let Some(at) = memchr::memchr(b'\n', unseen) else {
            if input.len() > limits.inline_bytes_max {
                return Err(ProtocolError::new("too big inline request"));
            }
            self.scanned = input.len();
            return Ok(incomplete(input));
        };
        let end = self.scanned.saturating_add(at);
        self.scanned = 0;
        self.is_inline = true;
        self.words.clear();
        let line = input.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        inline::split(line, &mut self.words, &mut self.spans)
            .map_err(|_| ProtocolError::new("unbalanced quotes in request"))?;
        let consumed = end.saturating_add(1);
        if self.spans.is_empty() {
            return Ok(Status::Skip { consumed });
        }
        Ok(Status::Request { consumed })
    }
}

fn incomplete(input: &[u8]) -> Status {
    Status::Incomplete {
        want: input.len().saturating_add(1),
    }
}

/// `$<len>\r\n`, of any length: the length, and the bytes of the line.
#[inline(never)]
fn bulk_header(
    rest: &[u8],
    scanned: &mut usize,
    limits: &Limits,
) -> Result<Option<(usize, usize)>, ProtocolError> {
    let (text, next) = match line(rest, scanned, limits) {
        Line::Found(text, next) => (text, next),
        Line::Incomplete => {
            // So short a line may be seen whole by the hot loop next time, which keeps no account.
            if rest.len() < HOT_LINE_BYTES_MAX {
                *scanned = 0;
            }
            return Ok(None);
        }
        Line::TooBig => return Err(ProtocolError::new("too big bulk count string")),
    };
    if let Some(byte) = rest.first()
        && *byte != b'$'
    {
        let text = format!("expected '$', got '{}'", char::from(*byte));
        return Err(ProtocolError(text));
    }
    match parse_integer(text).map(usize::try_from) {
        Some(Ok(len)) => Ok(Some((len, next))),
        _ => Err(limits.bulk_error(None)),
    }
}

/// The line that starts `rest`, up to a CR and one byte more.
#[inline]
fn line<'a>(rest: &'a [u8], scanned: &mut usize, limits: &Limits) -> Line<'a> {
    let window = rest.get(..=limits.inline_bytes_max).unwrap_or(rest);
    let unseen = window.get(*scanned..).unwrap_or_default();
    // A length line is short: a plain loop finds its end sooner than a wide search would start.
    let Some(at) = unseen.iter().position(|byte| *byte == b'\r') else {
        if rest.len() > limits.inline_bytes_max {
            return Line::TooBig;
        }
        *scanned = rest.len();
        return Line::Incomplete;
    };
    let end = scanned.saturating_add(at);
    let next = end.saturating_add(2);
    if next > rest.len() {
        *scanned = end;
        return Line::Incomplete;
    }
    *scanned = 0;
    Line::Found(rest.get(1..end).unwrap_or_default(), next)
}
