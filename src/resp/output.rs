//! The reply writer: RESP2 and RESP3.
//!
//! Invariants
//! - `start <= end <= buf.len()`; every byte of `buf` is initialised, so that a reply is written by
//!   plain slice copies: `buf.len()`, not its capacity, is what can be used.
//! - `buf[start..end]` is what the client has not been sent yet.
//! - Text from outside cannot break the framing: CR and LF in simple strings and errors become
//!   spaces, everything else is length-prefixed.

use super::double::double_text;
use crate::wide::widened;

/// `$<len>\r\n` in one 8-byte store; the last byte says how many of the others count. The longest
/// is `$127\r\n`. The first byte is replaced for other types.
const HEADERS: [[u8; 8]; 128] = headers();

/// What a header, whatever its length, takes at most: type, 20 digits, CRLF.
const HEADER_BYTES_MAX: usize = 23;

/// What a bulk string of up to 32 bytes takes, at least; room for one of any length that six bits
/// can tell, so that no store has to be checked.
const SHORT_BULK_BYTES: usize = 8 + 64 + 2;

/// The smallest buffer; there is none before the first reply.
const GROW_BYTES_MIN: usize = 1024;

/// An empty buffer above this is given back by [`Output::shrink_if_large`].
const IDLE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of output at which no further request is run until some of them are sent: a client that
/// does not read is not answered.
pub const HIGH_WATER_BYTES: usize = 1024 * 1024;

/// Bytes of a label: `$32\r\n`, 32 bytes, CRLF, and how many of them count.
const LABEL_BYTES: usize = 40;

/// A bulk string, rendered, unless it is too long for that.
pub fn label(bytes: &[u8]) -> Option<[u8; LABEL_BYTES]> {
    let mut out = Output::new();
    out.bulk(bytes);
    let mut label = [0; LABEL_BYTES];
    let (len, text) = label.split_last_mut()?;
    text.get_mut(..out.len())?.copy_from_slice(out.as_slice());
    *len = u8::try_from(out.len()).ok()?;
    Some(label)
}

/// How many bytes of a label count.
#[inline]
fn label_len(label: &[u8; LABEL_BYTES]) -> usize {
    let [.., len] = label;
    usize::from(*len & 63)
}

/// How many bytes of a header count.
#[inline(always)]
fn header_len(header: &[u8; 8]) -> usize {
    let [.., len] = header;
    usize::from(*len & 7)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Resp2,
    Resp3,
}

/// The bytes to send to one client.
#[derive(Debug)]
pub struct Output {
    pub protocol: Protocol,
    buf: Vec<u8>,
    start: usize,
    end: usize,
}

impl Output {
    pub fn new() -> Output {
        Output {
            protocol: Protocol::Resp2,
            buf: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    /// Bytes written and not yet taken.
    #[inline]
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// So much waits that no further request is to be run.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len() >= HIGH_WATER_BYTES
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Memory held, used or not.
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    pub fn as_slice(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    /// Forget what was written after the first `len` bytes (a handler failed midway).
    pub fn truncate(&mut self, len: usize) {
        self.end = self.end.min(self.start.saturating_add(len));
    }

    /// Forget the first `n` bytes: they were sent.
    pub fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Give the memory back if nothing waits and one large reply has left a large buffer.
    pub fn shrink_if_large(&mut self) {
        if self.is_empty() && self.buf.capacity() > IDLE_BYTES_MAX {
            self.free();
        }
    }

    /// Give the memory back; what was not sent is forgotten.
    pub fn free(&mut self) {
        self.buf = Vec::new();
        self.start = 0;
        self.end = 0;
    }

    /// Call `write` with this output in a variable of its own, which can be in registers while
    /// bytes are stored: behind a reference it is read and written again for each value. (What is
    /// rarely called takes it by value for that.)
    #[inline(always)]
    pub fn locally<R>(&mut self, write: impl FnOnce(&mut Output) -> R) -> R {
        let mut own = std::mem::take(self);
        let result = write(&mut own);
        *self = own;
        result
    }

    /// Room for `n` more bytes.
    #[inline(always)]
    pub fn reserve(&mut self, n: usize) {
        let left = self.buf.len().checked_sub(self.end);
        if left.is_none_or(|left| left < n) {
            *self = std::mem::take(self).grown(n);
        }
    }

    /// The next `N` bytes to write to.
    #[inline(always)]
    fn room<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        self.reserve(N);
        self.buf.get_mut(self.end..)?.first_chunk_mut()
    }

    /// Doubling, and zero-filled: the invariant that all of `buf` is initialised.
    #[cold]
    #[inline(never)]
    fn grown(mut self, n: usize) -> Output {
        if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            self.end = self.len();
            self.start = 0;
        }
        let needed = self.end.saturating_add(n);
        if needed > self.buf.len() {
            let len = needed
                .max(self.buf.len().saturating_mul(2))
                .max(GROW_BYTES_MIN);
            self.buf.reserve_exact(len.saturating_sub(self.buf.len()));
            self.buf.resize(len, 0);
        }
        self
    }

    /// `+text`. CR and LF in the text become spaces.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// `-text`: the whole line with its prefix (`ERR ...`). CR and LF become spaces, as in Redis.
    pub fn error(&mut self, text: &[u8]) {
        self.line(b'-', text);
    }

    /// [`Output::error`] of a text of which each char is one byte (Latin-1): an error may quote
    /// bytes of the client, which need not be UTF-8.
    /// Line ends around it are cut off, as in Redis.
    pub fn error_text(&mut self, text: &str) {
        let text = text.trim_matches(['\r', '\n']);
        if text.is_ascii() {
            return self.error(text.as_bytes());
        }
        let byte = |c| u8::try_from(u32::from(c)).unwrap_or(b'?');
        let bytes: Vec<u8> = text.chars().map(byte).collect();
        self.error(&bytes);
    }

    #[inline]
    pub fn integer(&mut self, n: i64) {
        match usize::try_from(n) {
            Ok(n) => self.header(b':', n),
            Err(_) => {
                self.raw(b":");
                self.raw(itoa::Buffer::new().format(n).as_bytes());
                self.raw(b"\r\n");
            }
        }
    }

    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        match widened(bytes) {
            Some(text) => self.bulk_short(&text, bytes.len()),
            None => self.bulk_long(bytes),
        }
    }

    /// A bulk string that may be of any length: the room for all of it is looked for once.
    #[inline(always)]
    fn bulk_long(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len().saturating_add(HEADER_BYTES_MAX + 2));
        self.header(b'$', bytes.len());
        let room = self.buf.get_mut(self.end..);
        let room = room.and_then(|room| room.split_at_mut_checked(bytes.len()));
        let Some((to, behind)) = room else { return };
        to.copy_from_slice(bytes);
        if let Some(to) = behind.first_chunk_mut::<2>() {
            *to = *b"\r\n";
        }
        self.end = self.end.wrapping_add(bytes.len()).wrapping_add(2);
    }

    /// As [`Output::bulk`], for what is rare where [`Output::locally`] writes.
    #[inline(always)]
    pub fn bulk_apart(&mut self, bytes: &[u8]) {
        *self = std::mem::take(self).with_bulk(bytes);
    }

    #[inline(never)]
    fn with_bulk(mut self, bytes: &[u8]) -> Output {
        self.bulk(bytes);
        self
    }

    /// A bulk string of the first `len` of these bytes: copies of fixed size only.
    #[inline(always)]
    pub fn bulk_short(&mut self, text: &[u8; 32], len: usize) {
        let (Some(room), Some(header)) = (self.room::<SHORT_BULK_BYTES>(), HEADERS.get(len & 63))
        else {
            return;
        };
        if let Some(to) = room.first_chunk_mut::<8>() {
            *to = *header;
        }
        let at = header_len(header);
        if let Some(to) = room.get_mut(at..at.wrapping_add(32)) {
            to.copy_from_slice(text);
        }
        let end = at.wrapping_add(len & 63);
        if let Some(to) = room.get_mut(end..end.wrapping_add(2)) {
            to.copy_from_slice(b"\r\n");
        }
        self.end = self.end.wrapping_add(end).wrapping_add(2);
    }

    /// A bulk string that was rendered by [`label`].
    pub fn label(&mut self, label: &[u8; LABEL_BYTES]) {
        self.raw(label.get(..label_len(label)).unwrap_or_default());
    }

    /// A bulk string that was rendered by [`label`], and one of the first `len` bytes of a text:
    /// copies of fixed size only.
    #[inline(always)]
    pub fn labelled(&mut self, label: &[u8; LABEL_BYTES], text: &[u8; 32], len: usize) {
        const ROOM: usize = LABEL_BYTES + SHORT_BULK_BYTES;
        let (Some(room), Some(header)) = (self.room::<ROOM>(), HEADERS.get(len & 31)) else {
            return;
        };
        if let Some(to) = room.first_chunk_mut::<LABEL_BYTES>() {
            *to = *label;
        }
        let at = label_len(label);
        if let Some(to) = room.get_mut(at..at.wrapping_add(8)) {
            to.copy_from_slice(header);
        }
        let at = at.wrapping_add(header_len(header));
        if let Some(to) = room.get_mut(at..at.wrapping_add(32)) {
            to.copy_from_slice(text);
        }
        let at = at.wrapping_add(len & 31);
        if let Some(to) = room.get_mut(at..at.wrapping_add(2)) {
            to.copy_from_slice(b"\r\n");
        }
        self.end = self.end.wrapping_add(at).wrapping_add(2);
    }

    /// Missing value: `$-1` or `_`.
    #[inline]
    pub fn null(&mut self) {
        match self.protocol {
            Protocol::Resp2 => self.raw(b"$-1\r\n"),
            Protocol::Resp3 => self.raw(b"_\r\n"),
        }
    }

    /// Missing array: `*-1` or `_`.
    pub fn null_array(&mut self) {
        match self.protocol {
            Protocol::Resp2 => self.raw(b"*-1\r\n"),
            Protocol::Resp3 => self.raw(b"_\r\n"),
        }
    }

    #[inline]
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len);
    }

    /// RESP2: an array of twice the length.
    pub fn map(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Resp2 => self.header(b'*', pairs.saturating_mul(2)),
            Protocol::Resp3 => self.header(b'%', pairs),
        }
    }

    /// RESP2: an array.
    pub fn set(&mut self, len: usize) {
        self.header(self.by_protocol(b'*', b'~'), len);
    }

    /// RESP2: an array.
    pub fn push(&mut self, len: usize) {
        self.header(self.by_protocol(b'*', b'>'), len);
    }

    /// RESP2: a bulk string.
    pub fn double(&mut self, x: f64) {
        let text = double_text(x);
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => {
                self.raw(b",");
                self.raw(text.as_bytes());
                self.raw(b"\r\n");
            }
        }
    }

    /// RESP2: 1 or 0.
    pub fn boolean(&mut self, b: bool) {
        match (self.protocol, b) {
            (Protocol::Resp2, true) => self.raw(b":1\r\n"),
            (Protocol::Resp2, false) => self.raw(b":0\r\n"),
            (Protocol::Resp3, true) => self.raw(b"#t\r\n"),
            (Protocol::Resp3, false) => self.raw(b"#f\r\n"),
        }
    }

    /// `=len txt:...`; RESP2: a bulk string.
    pub fn verbatim(&mut self, text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                self.header(b'=', text.len().saturating_add(4));
                self.raw(b"txt:");
                self.raw(text);
                self.raw(b"\r\n");
            }
        }
    }

    /// Bytes already in the protocol.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        let end = self.end.wrapping_add(bytes.len());
        if let Some(to) = self.buf.get_mut(self.end..end) {
            to.copy_from_slice(bytes);
            self.end = end;
        }
    }

    fn by_protocol(&self, resp2: u8, resp3: u8) -> u8 {
        match self.protocol {
            Protocol::Resp2 => resp2,
            Protocol::Resp3 => resp3,
        }
    }

    /// A type byte, a length, CRLF.
    #[inline]
    fn header(&mut self, kind: u8, n: usize) {
        self.reserve(HEADER_BYTES_MAX);
        match HEADERS.get(n) {
            Some(bytes) => {
                let to = self
                    .buf
                    .get_mut(self.end..)
                    .and_then(|to| to.first_chunk_mut::<8>());
                if let Some(to) = to {
                    *to = *bytes;
                    let [first, ..] = to;
                    *first = kind;
                    self.end = self.end.wrapping_add(header_len(bytes));
                }
            }
            None => *self = std::mem::take(self).with_long_header(kind, n),
        }
    }

    #[inline(never)]
    fn with_long_header(mut self, kind: u8, n: usize) -> Output {
        self.raw(&[kind]);
        self.raw(itoa::Buffer::new().format(n).as_bytes());
        self.raw(b"\r\n");
        self
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.reserve(text.len().saturating_add(3));
        self.raw(&[kind]);
        let from = self.end;
        self.raw(text);
        for byte in self.buf.get_mut(from..self.end).unwrap_or_default() {
            if matches!(*byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.raw(b"\r\n");
    }
}

impl Default for Output {
    fn default() -> Output {
        Output::new()
    }
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated at compile time, where any of these would be an error"
)]
const fn headers() -> [[u8; 8]; 128] {
    let mut table = [[0; 8]; 128];
    let mut n = 0;
    while n < table.len() {
        let mut bytes = [0; 8];
        bytes[0] = b'$';
        let digits = if n < 10 {
            1
        } else if n < 100 {
            2
        } else {
            3
        };
        let (mut rest, mut at) = (n, digits);
        while at > 0 {
            bytes[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            at -= 1;
        }
        bytes[digits + 1] = b'\r';
        bytes[digits + 2] = b'\n';
        bytes[7] = digits as u8 + 3;
        table[n] = bytes;
        n += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_bulk_strings() {
        let long = [b'n'; 32];
        for len in 0..=32 {
            let name = &long[..len];
            let label = label(name).expect("it is short");
            let (mut out, mut plain) = (Output::new(), Output::new());
            for text in 0..=31_usize {
                out.labelled(&label, &[b'v'; 32], text);
                plain.bulk(name);
                plain.bulk(&[b'v'; 31][..text]);
            }
            out.label(&label);
            plain.bulk(name);
            assert_eq!(out.as_slice(), plain.as_slice());
        }
        assert!(label(&[b'n'; 33]).is_none());
    }

    fn written(protocol: Protocol, write: impl FnOnce(&mut Output)) -> String {
        let mut out = Output {
            protocol,
            ..Output::new()
        };
        write(&mut out);
        String::from_utf8(out.as_slice().to_vec()).unwrap()
    }

    type Write = fn(&mut Output);

    #[test]
    fn each_type_in_both_protocols() {
        let table: &[(Write, &str, &str)] = &[
            (|o| o.simple("OK"), "+OK\r\n", "+OK\r\n"),
            (|o| o.integer(0), ":0\r\n", ":0\r\n"),
            (|o| o.integer(-1), ":-1\r\n", ":-1\r\n"),
            (
                |o| o.integer(i64::MIN),
                ":-9223372036854775808\r\n",
                ":-9223372036854775808\r\n",
            ),
            (
                |o| o.integer(i64::MAX),
                ":9223372036854775807\r\n",
                ":9223372036854775807\r\n",
            ),
            (|o| o.bulk(b""), "$0\r\n\r\n", "$0\r\n\r\n"),
            (
                |o| o.bulk(b"a\r\nb"),
                "$4\r\na\r\nb\r\n",
                "$4\r\na\r\nb\r\n",
            ),
            (|o| o.null(), "$-1\r\n", "_\r\n"),
            (|o| o.null_array(), "*-1\r\n", "_\r\n"),
            (|o| o.array(0), "*0\r\n", "*0\r\n"),
            (|o| o.array(1_000_000), "*1000000\r\n", "*1000000\r\n"),
            (|o| o.map(2), "*4\r\n", "%2\r\n"),
            (|o| o.set(3), "*3\r\n", "~3\r\n"),
            (|o| o.push(3), "*3\r\n", ">3\r\n"),
            (|o| o.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"),
            (|o| o.boolean(true), ":1\r\n", "#t\r\n"),
            (|o| o.boolean(false), ":0\r\n", "#f\r\n"),
            (|o| o.verbatim(b"a\n"), "$2\r\na\n\r\n", "=6\r\ntxt:a\n\r\n"),
            (|o| o.raw(b"+raw\r\n"), "+raw\r\n", "+raw\r\n"),
        ];
        for (write, resp2, resp3) in table {
            assert_eq!(written(Protocol::Resp2, write), *resp2);
            assert_eq!(written(Protocol::Resp3, write), *resp3);
        }
    }

    /// Redis PR 15496: a CR LF echoed in an error would be read as the end of the reply.
    #[test]
    fn an_echoed_newline_cannot_split_a_reply() {
        let error = written(Protocol::Resp2, |o| {
            o.error(b"ERR unknown command 'a\r\n+OK\r\n'")
        });
        assert_eq!(error, "-ERR unknown command 'a  +OK  '\r\n");
        assert_eq!(
            written(Protocol::Resp3, |o| o.simple("a\nb\r")),
            "+a b \r\n"
        );
    }

    /// The table of short headers against the plain way, and the seam between the two.
    #[test]
    fn bulk_headers_of_every_short_length() {
        let mut out = Output::new();
        let mut expected = Vec::new();
        for len in 0..300 {
            let body = vec![b'x'; len];
            out.bulk(&body);
            expected.extend_from_slice(format!("${len}\r\n").as_bytes());
            expected.extend_from_slice(&body);
            expected.extend_from_slice(b"\r\n");
        }
        assert!(out.as_slice() == expected);
    }

    /// What is written in a variable of its own, past the length of the buffer too, is behind what
    /// was there, and what is stored behind a short text never shows.
    #[test]
    fn what_is_written_locally_is_the_same() {
        let text = [b'#'; 32];
        let mut out = Output::new();
        out.raw(b"abc");
        out.consume(1);
        let mut expected = b"bc".to_vec();
        for round in 0..500 {
            let plain = vec![b'y'; round];
            out.locally(|out| {
                for len in 0..=32 {
                    out.bulk_short(&text, len);
                }
                out.null();
                out.bulk_apart(&plain);
            });
            for bytes in (0..=32).map(|len| &text[..len]) {
                expected.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
                expected.extend_from_slice(bytes);
                expected.extend_from_slice(b"\r\n");
            }
            expected.extend_from_slice(b"$-1\r\n");
            expected.extend_from_slice(format!("${round}\r\n").as_bytes());
            expected.extend_from_slice(&plain);
            expected.extend_from_slice(b"\r\n");
        }
        assert!(out.as_slice() == expected);
    }

    #[test]
    fn truncate_and_consume_count_from_the_first_unsent_byte() {
        let mut out = Output::new();
        out.raw(b"abcdef");
        out.consume(2);
        assert_eq!((out.len(), out.as_slice()), (4, &b"cdef"[..]));
        out.truncate(3);
        assert_eq!(out.as_slice(), b"cde");
        out.truncate(99);
        assert_eq!(out.as_slice(), b"cde");
        // The unsent bytes move to the front when the buffer grows; none is lost.
        out.raw(&[b'x'; 5000]);
        assert_eq!(out.len(), 5003);
        assert!(out.as_slice().starts_with(b"cdex"));
        out.consume(usize::MAX);
        assert!(out.is_empty());
    }

    #[test]
    fn a_large_buffer_is_given_back_only_when_empty() {
        let mut out = Output::new();
        out.raw(&vec![b'x'; 2 << 20]);
        out.shrink_if_large();
        assert_eq!(out.len(), 2 << 20);
        out.consume(2 << 20);
        out.shrink_if_large();
        assert_eq!(out.capacity(), 0);
        out.simple("OK");
        assert_eq!(out.as_slice(), b"+OK\r\n");
    }
}
