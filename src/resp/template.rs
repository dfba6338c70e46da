//! A request seen before, to recognise the next that differs only in its key.
//!
//! Online reads ask the same fields of ever other entities. Comparing such a request with the one
//! before is one memory comparison; parsing it costs a loop over all its arguments.
//!
//! Invariant: where `matches` says yes, a full parse finds the same arguments as in the request the
//! template was made of, but for argument 1, and the same end. Where it says no, the parser
//! decides.

use super::args::{Args, Span};
use super::parser::Parser;

/// Digits of the length of a key that is recognised: longer ones take the long way, where the
/// limits are checked.
const KEY_DIGITS_MAX: usize = 5;

/// A multibulk request around its argument 1.
#[derive(Clone, Debug)]
pub struct Template {
    /// Up to and with the `$` of argument 1.
    head: Vec<u8>,
    /// What follows its CR LF.
    tail: Vec<u8>,
    /// Where in `tail` the arguments from 2 on are.
    spans: Box<[Span]>,
}

impl Template {
    /// Of the request that `parser` just found at the start of `input`; `None` if it has no
    /// argument 1 or is an inline command.
    pub fn new(parser: &Parser, input: &[u8], consumed: usize) -> Option<Template> {
        if parser.is_inline() {
            return None;
        }
        let request = input.get(..consumed)?;
        let [_, key, others @ ..] = parser.args(request).spans else {
            return None;
        };
        let (start, len) = (key.start as usize, key.len as usize);
        // A length has one form only, so its digits can be counted.
        let digits = len.checked_ilog10().unwrap_or(0).saturating_add(1) as usize;
        let head = request.get(..start.checked_sub(digits)?.checked_sub(2)?)?;
        let tail_at = start.checked_add(len)?.checked_add(2)?;
        let within = |span: &Span| {
            let start = (span.start as usize).checked_sub(tail_at)?;
            Some(Span::new(start, span.len as usize))
        };
        Some(Template {
            head: head.to_vec(),
            tail: request.get(tail_at..)?.to_vec(),
            spans: others.iter().map(within).collect::<Option<_>>()?,
        })
    }

    /// The arguments behind the key.
    #[inline]
    pub fn others(&self) -> Args<'_> {
        Args {
            bytes: &self.tail,
            spans: &self.spans,
        }
    }

    /// The key of the request at the start of `input`, and the bytes that request takes.
    #[inline]
    pub fn matches<'a>(&self, input: &'a [u8]) -> Option<(&'a [u8], usize)> {
        let rest = input.strip_prefix(self.head.as_slice())?;
        let (len, rest) = key_length(rest)?;
        let (key, rest) = rest.split_at_checked(len)?;
        let rest = rest
            .strip_prefix(b"\r\n")?
            .strip_prefix(self.tail.as_slice())?;
        Some((key, input.len().saturating_sub(rest.len())))
    }
}

/// `<len>\r\n`, in the only form the parser takes.
#[inline]
fn key_length(rest: &[u8]) -> Option<(usize, &[u8])> {
    if let [b'0', after @ ..] = rest {
        return Some((0, after.strip_prefix(b"\r\n")?));
    }
    let (mut len, mut rest) = (0_usize, rest);
    for _ in 0..KEY_DIGITS_MAX {
        let [digit @ b'0'..=b'9', after @ ..] = rest else {
            break;
        };
        len = len.wrapping_mul(10).wrapping_add(usize::from(digit & 15));
        rest = after;
    }
    // No digit at all leaves 0, which only "0" may mean.
    if len == 0 {
        return None;
    }
    Some((len, rest.strip_prefix(b"\r\n")?))
}
