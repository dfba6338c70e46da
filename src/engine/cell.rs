//! Cells: one field value each, packed so that its exact bytes come back without any formatting.
//!
//! | code | cell |
//! |---|---|
//! | 0 | two bytes: id of a dictionary entry |
//! | 1..=14 | that many bytes of packed text: two characters a byte, low half first; 15 pads |
//! | 15 | a varint length and the bytes as they are |
//!
//! Packed text is any text of 1 to 28 characters over `0-9 . - + e E`: every number as clients
//! send it. Measured on a row of 50 mixed features: 237 B an entity with everything, against 244
//! for 8-byte binaries (which must be formatted on every read, 20-68 ns a value) and 464 as text.

use super::bytes::{Reader, put_varint, varint_len};
use super::dictionary::{self, Dictionary};
use super::half_bytes::{self, unpack};
use crate::wide::{same, widened};

const DICTIONARY: u8 = 0;
pub const RAW: u8 = 15;
const PAD: u8 = 15;
/// Every integer of so many digits fits into 64 bits.
const PLAIN_DIGITS_MAX: u8 = 18;

/// Bytes of the cells of each code; raw ones say so themselves.
pub const SIZES: [u8; RAW as usize + 1] = [2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0];

/// A cell as it lies in a row: what a copy of a row copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'a> {
    pub code: u8,
    /// The whole cell, with the length of a raw one.
    pub bytes: &'a [u8],
}

/// Size of the cell that starts `cells`, if its code says; raw cells say so themselves.
#[inline]
pub fn size(code: u8, cells: &[u8]) -> Option<usize> {
    match code {
        DICTIONARY => Some(2),
        1..=14 => Some(usize::from(code)),
        RAW => {
            let len = Reader(cells).varint()?;
            len.checked_add(varint_len(len))
        }
        _ => None,
    }
}

/// Append the cell of `value`; answers its code.
pub fn encode(value: &[u8], dictionary: &Dictionary, out: &mut Vec<u8>) -> u8 {
    if let Some(code) = pack(value, out) {
        return code;
    }
    if let Some(id) = dictionary.id(value) {
        out.extend_from_slice(&id.to_le_bytes());
        return DICTIONARY;
    }
    put_varint(out, value.len());
    out.extend_from_slice(value);
    RAW
}

/// As [`encode`], where a cell of this code was, at the start of these: an entry of the dictionary
/// that stays the same is not looked up.
#[inline]
pub fn encode_over(
    (code, cells): (u8, &[u8]),
    value: &[u8],
    dictionary: &Dictionary,
    out: &mut Vec<u8>,
) -> u8 {
    let old = cells.first_chunk::<2>().filter(|_| code == DICTIONARY);
    let text = old.and_then(|id| dictionary.text(u16::from_le_bytes(*id)));
    match (old, text) {
        (Some(id), Some(text)) if same(&text[..dictionary::len(text)], value) => {
            out.extend_from_slice(id);
            DICTIONARY
        }
        _ => encode(value, dictionary, out),
    }
}

/// What a cell refers to.
pub enum Frequent<'a> {
    /// Nothing: it is whole.
    No,
    Text(&'a [u8]),
    /// An entry that is not there.
    Unknown,
}

/// The dictionary entry that a cell refers to, if it does.
pub fn frequent<'a>(cell: Cell<'a>, dictionary: &'a Dictionary) -> Frequent<'a> {
    if cell.code != DICTIONARY {
        return Frequent::No;
    }
    let text = Reader(cell.bytes).u16().and_then(|id| dictionary.text(id));
    let text = text.and_then(|text| text.get(..dictionary::len(text)));
    text.map_or(Frequent::Unknown, Frequent::Text)
}

fn pack(value: &[u8], out: &mut Vec<u8>) -> Option<u8> {
    let packed = half_bytes::pack(value)?;
    let (start, len) = (out.len(), value.len().div_ceil(2));
    // A copy of a fixed size.
    out.extend_from_slice(&packed);
    out.truncate(start + len);
    Some(len as u8)
}

/// A stored field value; its exact bytes come out by [`Value::short`] or [`Value::append_to`].
#[derive(Clone, Copy)]
pub struct Value<'a>(Form<'a>);

#[derive(Clone, Copy)]
enum Form<'a> {
    /// So many characters.
    Packed(u128, u8),
    Frequent(&'a dictionary::Text),
    Plain(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The value of the cell of this code that starts `cells`. Always inlined: returned through
    /// memory, packed text is written in halves and read whole, which stalls for every value.
    #[inline(always)]
    pub(super) fn at(code: u8, cells: &'a [u8], dictionary: &'a Dictionary) -> Option<Value<'a>> {
        Some(Value(match code {
            DICTIONARY => Form::Frequent(dictionary.text(Reader(cells).u16()?)?),
            RAW => {
                let mut reader = Reader(cells);
                let len = reader.varint()?;
                Form::Plain(reader.take(len)?)
            }
            _ => {
                let size = usize::from(code);
                let bits = match cells.first_chunk::<16>() {
                    Some(wide) => u128::from_le_bytes(*wide),
                    None => at_end(cells.get(..size)?)?,
                };
                let last = cells.get(size.wrapping_sub(1))? >> 4;
                Form::Packed(bits, code * 2 - u8::from(last == PAD))
            }
        }))
    }

    /// The value that a cell holds.
    #[inline]
    pub(super) fn of(cell: Cell<'a>, dictionary: &'a Dictionary) -> Option<Value<'a>> {
        Value::at(cell.code, cell.bytes, dictionary)
    }

    /// Call `then` with the value at the start of 32 bytes and its length, below 32; or answer it,
    /// if it lies there as it is. Each form has a call of its own: of one text for all, the
    /// registers of an unpacked one are stored in pieces.
    #[inline(always)]
    pub fn short(self, mut then: impl FnMut(&[u8; 32], usize)) -> Result<(), &'a [u8]> {
        match self.0 {
            Form::Packed(bits, len) => then(&unpack(bits), usize::from(len)),
            Form::Frequent(text) => then(text, dictionary::len(text)),
            Form::Plain(bytes) => return Err(bytes),
        }
        Ok(())
    }

    /// Length of the value, bytes.
    #[inline]
    pub fn len(&self) -> usize {
        match self.0 {
            Form::Packed(_, len) => usize::from(len),
            Form::Frequent(text) => dictionary::len(text),
            Form::Plain(bytes) => bytes.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is packed and the text of an integer of up to 18 digits, without a `+` or zeros
    /// in front: without unpacking it. `false` tells nothing.
    #[inline]
    pub fn is_plain_integer(&self) -> bool {
        let Some((digits, len, negative)) = self.digits() else {
            return false;
        };
        let is_zero = len == 1 && digits & 0xf == 0;
        let canonical = digits & 0xf != 0 || is_zero && !negative;
        (1..=PLAIN_DIGITS_MAX).contains(&len) && canonical && above_nine(digits, len) == 0
    }

    /// Whether it is packed and the text of a number without an exponent. `false` tells nothing.
    #[inline]
    pub fn is_plain_number(&self) -> bool {
        let Some((digits, len, _)) = self.digits() else {
            return false;
        };
        let others = above_nine(digits, len);
        // A point is 10: of the half bytes above nine the only one with these bits.
        let points = others & !(digits >> 2) & !digits;
        let points_only = points == others && points.count_ones() <= 1;
        points_only && u32::from(len) > points.count_ones()
    }

    /// The half bytes behind a minus sign, how many there are, and whether there is one.
    #[inline]
    fn digits(&self) -> Option<(u128, u8, bool)> {
        const MINUS: u128 = 11;
        match self.0 {
            Form::Packed(bits, len) if bits & 0xf == MINUS => Some((bits >> 4, len - 1, true)),
            Form::Packed(bits, len) => Some((bits, len, false)),
            Form::Frequent(_) | Form::Plain(_) => None,
        }
    }

    pub fn append_to(&self, target: &mut Vec<u8>) {
        let start = target.len();
        let short = self.short(|text, len| {
            target.extend_from_slice(text);
            target.truncate(start + len);
        });
        if let Err(plain) = short {
            target.extend_from_slice(plain);
        }
    }

    pub fn to_vec(&self) -> Vec<u8> {
        // A short one is copied with what is behind it.
        let mut bytes = Vec::with_capacity(self.len().max(32));
        self.append_to(&mut bytes);
        bytes
    }
}

/// The lowest bit of each of the first `len` half bytes that is above nine.
#[inline]
fn above_nine(bits: u128, len: u8) -> u128 {
    const LOWEST: u128 = u128::MAX / 15;
    let first = match len {
        0 => 0,
        len => LOWEST & (u128::MAX >> (128 - u32::from(len.min(32)) * 4)),
    };
    (bits >> 3) & ((bits >> 2) | (bits >> 1)) & first
}

/// A cell at the end of its row.
#[cold]
fn at_end(cell: &[u8]) -> Option<u128> {
    let wide = widened(cell)?;
    wide.first_chunk().map(|half| u128::from_le_bytes(*half))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(dictionary: &Dictionary, value: &[u8]) -> (u8, usize) {
        let mut bytes = vec![];
        let code = encode(value, dictionary, &mut bytes);
        let stored = bytes.len();
        assert_eq!(size(code, &bytes), Some(stored));
        let back = Value::of(
            Cell {
                code,
                bytes: &bytes,
            },
            dictionary,
        )
        .unwrap();
        assert_eq!(back.to_vec(), value);
        assert_eq!(back.len(), value.len());
        (code, stored)
    }

    /// What is told without unpacking is so, and nearly every number is told.
    fn check_plain(text: &str) {
        let mut bytes = vec![];
        let dictionary = Dictionary::new();
        let code = encode(text.as_bytes(), &dictionary, &mut bytes);
        bytes.extend([0xba; 16]);
        let value = Value::at(code, &bytes, &dictionary).unwrap();
        let canonical = text.parse::<i64>().is_ok_and(|n| n.to_string() == text);
        let digits = text.trim_start_matches('-').len();
        let expected = canonical && digits <= usize::from(PLAIN_DIGITS_MAX);
        assert_eq!(value.is_plain_integer(), expected, "{text}");
        let number = text.parse::<f64>().is_ok() && text.len() <= 28;
        let plain = text.bytes().all(|b| b"0123456789.-".contains(&b));
        assert_eq!(value.is_plain_number(), number && plain, "{text}");
    }

    #[test]
    fn what_is_told_without_unpacking() {
        for text in [
            "0",
            "-0",
            "00",
            "01",
            "-1",
            "-",
            "--1",
            "1-",
            "7",
            ".",
            "-.",
            "1.",
            ".5",
            "-.5",
            "1..2",
            "1.2.3",
            "+1",
            "1e5",
            "1E5",
            "999999999999999999",
            "1000000000000000000",
            "-999999999999999999",
            "0.1",
            "-0.25",
            "inf",
            "nan",
            "",
            "abc",
            "9223372036854775808",
            "0.1234567890123456789012345",
            "12345678901234567890123456789",
        ] {
            check_plain(text);
        }
    }

    proptest! {
        #[test]
        fn numbers_are_told_without_unpacking(
            text in "[-]?[0-9]{0,20}[.]?[0-9]{0,9}|[0-9.eE+-]{1,28}",
            number: i64,
            float in -1e9..1e9f64,
        ) {
            check_plain(&text);
            check_plain(&number.to_string());
            check_plain(&(number >> 40).to_string());
            check_plain(&float.to_string());
        }
    }

    #[test]
    fn numbers_take_half_their_text() {
        let dictionary = Dictionary::new();
        for text in [
            "0",
            "1",
            "-17",
            "3.25",
            "-1.7976931348623157e+308",
            "0012",
            "1E9",
            ".",
            "+-e",
        ] {
            let (code, stored) = round_trip(&dictionary, text.as_bytes());
            assert_eq!(
                (usize::from(code), stored),
                (text.len().div_ceil(2), text.len().div_ceil(2))
            );
        }
    }

    #[test]
    fn text_that_no_number_has_is_kept_as_it_is() {
        let dictionary = Dictionary::new();
        for text in [
            &b""[..],
            b"NaN",
            b"inf",
            b"1 2",
            b"\x00\xff\r\n",
            &[b'7'; 29],
            &[0xff; 300],
        ] {
            let (code, stored) = round_trip(&dictionary, text);
            assert_eq!((code, stored), (RAW, text.len() + varint_len(text.len())));
        }
    }

    #[test]
    fn there_are_no_other_codes() {
        for code in 16..=u8::MAX {
            assert_eq!(size(code, &[1; 300]), None, "{code}");
        }
    }

    #[test]
    fn a_category_seen_often_takes_two_bytes() {
        let dictionary = Dictionary::new();
        let sizes: Vec<usize> = (0..10)
            .map(|_| round_trip(&dictionary, b"electronics").1)
            .collect();
        assert_eq!(sizes[0], 12);
        assert_eq!(sizes[9], 2);
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            round_trip(&Dictionary::new(), &value);
        }
        #[test]
        fn any_number_comes_back(value in "[0-9.eE+-]{0,40}") {
            round_trip(&Dictionary::new(), value.as_bytes());
        }
    }
}
