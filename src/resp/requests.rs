//! Several requests of one input, parsed before the first of them is run.
//!
//! Invariants
//! - Multibulk requests only, whole and one behind the other, as [`Parser`] finds them. Whatever
//!   else follows is left to the parser that goes through the input.
//! - They take bounded room, whatever a client sends.

use super::args::{Args, Span};
use super::limits::Limits;
use super::parser::{Parser, Status};
use smallvec::SmallVec;

/// Requests that are parsed at once.
pub const REQUESTS_MAX: usize = 16;

/// Bytes of them.
pub(super) const BYTES_MAX: usize = 64 * 1024;

/// Arguments for which room is made at once.
const SPANS_MAX: usize = 4096;

/// See the module.
pub struct Requests<'a> {
    input: &'a [u8],
    spans: Vec<Span>,
    /// Where each begins, and where it and its spans end.
    places: SmallVec<[Place; REQUESTS_MAX]>,
    next: Parser,
}

#[derive(Clone, Copy)]
struct Place {
    begin: usize,
    end: usize,
    spans: (usize, usize),
}

impl<'a> Requests<'a> {
    /// Begins with the request that was found at the start of `input`; `None` if that is not
    /// followed by another of this kind.
    #[inline]
    pub fn begin(parser: &Parser, input: &'a [u8], consumed: usize) -> Option<Requests<'a>> {
        if parser.is_inline() || consumed > BYTES_MAX || input.get(consumed) != Some(&b'*') {
            return None;
        }
        let first = parser.args(input).spans;
        let spans = first.len().saturating_mul(REQUESTS_MAX).min(SPANS_MAX);
        let mut requests = Requests {
            input,
            spans: Vec::with_capacity(spans),
            places: SmallVec::new(),
            next: Parser::default(),
        };
        requests.add(0, consumed, first);
        Some(requests)
    }

    fn add(&mut self, begin: usize, end: usize, spans: &[Span]) {
        let start = self.spans.len();
        self.spans.extend_from_slice(spans);
        let spans = (start, self.spans.len());
        self.places.push(Place { begin, end, spans });
    }

    /// Parse the next one; false if there is none, or no more are taken.
    #[inline]
    pub fn advance(&mut self, limits: &Limits) -> bool {
        let begin = self.places.last().map_or(0, |place| place.end);
        let rest = self.input.get(begin..).unwrap_or_default();
        if self.places.len() == REQUESTS_MAX || rest.first() != Some(&b'*') {
            return false;
        }
        let mut parser = std::mem::take(&mut self.next);
        // What is wrong, or not complete, is found again when its turn comes.
        let Ok(Status::Request { consumed }) = parser.parse(rest, limits) else {
            return false;
        };
        let end = begin.saturating_add(consumed);
        if end > BYTES_MAX {
            return false;
        }
        self.add(begin, end, parser.args(rest).spans);
        self.next = parser;
        true
    }

    /// Forget the last one.
    pub fn retreat(&mut self) {
        if let Some(place) = self.places.pop() {
            self.spans.truncate(place.spans.0);
        }
    }

    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// The arguments of request `i`; none past the end.
    #[inline]
    pub fn args(&self, i: usize) -> Args<'_> {
        let place = self.places.get(i);
        let of = |place: &Place| {
            let bytes = self.input.get(place.begin..place.end)?;
            Some((bytes, self.spans.get(place.spans.0..place.spans.1)?))
        };
        let (bytes, spans) = place.and_then(of).unwrap_or_default();
        Args { bytes, spans }
    }

    /// Bytes of the input that the first `count` take.
    #[inline]
    pub fn end(&self, count: usize) -> usize {
        let last = count.checked_sub(1).and_then(|last| self.places.get(last));
        last.map_or(0, |place| place.end)
    }
}
