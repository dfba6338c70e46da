//! Globs against a definition by tables: what each element of the pattern takes, and for each place
//! of the text whether the elements so far can end there.
//!
//! ```text
//! input: pattern length u8, pattern, text
//! ```
//!
//! Checked: both say the same, in either case of letters, within so many steps.

use super::input::Input;
use crate::glob::{matches, matches_ignore_case, matches_with};
use std::cell::Cell;

/// Longer texts only take time.
const TEXT_BYTES_MAX: usize = 1024;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let pattern = input.bytes();
    let text = input.take(TEXT_BYTES_MAX);
    assert_eq!(matches(pattern, text), is_match(pattern, text, |b| b));
    let lower = |byte: u8| byte.to_ascii_lowercase();
    let expected = is_match(pattern, text, lower);
    assert_eq!(matches_ignore_case(pattern, text), expected);
    let steps = Cell::new(0);
    matches_with(pattern, text, |byte| {
        steps.set(steps.get() + 1);
        byte
    });
    let max = 4 * (pattern.len() + 1) * (text.len() + 1);
    assert!(steps.get() <= max, "{} steps of {max}", steps.get());
}

enum Element {
    Star,
    /// One byte, of those that this says.
    One(Box<dyn Fn(u8) -> bool>),
}

fn elements(pattern: &[u8], fold: fn(u8) -> u8) -> Vec<Element> {
    let mut elements = Vec::new();
    let mut bytes = Input::new(pattern);
    while !bytes.is_empty() {
        let first = bytes.u8();
        elements.push(match first {
            b'*' => Element::Star,
            b'?' => Element::One(Box::new(|_| true)),
            b'[' => class(&mut bytes, fold),
            b'\\' if !bytes.is_empty() => is(bytes.u8(), fold),
            other => is(other, fold),
        });
    }
    elements
}

fn is(byte: u8, fold: fn(u8) -> u8) -> Element {
    Element::One(Box::new(move |other| fold(byte) == fold(other)))
}

/// Up to its `]`, or to the end of the pattern.
fn class(bytes: &mut Input<'_>, fold: fn(u8) -> u8) -> Element {
    let negated = bytes.rest().first() == Some(&b'^');
    bytes.take(usize::from(negated));
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    while !bytes.is_empty() {
        let byte = bytes.u8();
        match (byte, bytes.rest()) {
            (b']', _) => break,
            (b'\\', [_, ..]) => {
                let escaped = bytes.u8();
                ranges.push((escaped, escaped));
            }
            (from, [b'-', to, ..]) => {
                bytes.take(2);
                ranges.push((from, *to));
            }
            (single, _) => ranges.push((single, single)),
        }
    }
    Element::One(Box::new(move |byte| {
        let byte = fold(byte);
        let within = |&(a, b): &(u8, u8)| {
            let (a, b) = (fold(a), fold(b));
            a.min(b) <= byte && byte <= a.max(b)
        };
        ranges.iter().any(within) != negated
    }))
}

fn is_match(pattern: &[u8], text: &[u8], fold: fn(u8) -> u8) -> bool {
    let elements = elements(pattern, fold);
    if text.is_empty() {
        // As in Redis, the empty name is matched by nothing and by a single star.
        return matches!(*elements, [] | [Element::Star]);
    }
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    for element in &elements {
        let mut next = vec![false; text.len() + 1];
        match element {
            Element::Star => {
                let mut reached = false;
                for (next, end) in next.iter_mut().zip(&ends) {
                    reached |= end;
                    *next = reached;
                }
            }
            Element::One(accepts) => {
                for (at, byte) in text.iter().enumerate() {
                    next[at + 1] = ends[at] && accepts(*byte);
                }
            }
        }
        ends = next;
    }
    ends[text.len()]
}
