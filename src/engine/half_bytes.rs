//! Text of numbers as half bytes and back: two characters a byte, low half first.
//!
//! By vector instructions where the program is built for a processor that has them, else by tables.

#[cfg(any(
    test,
    not(all(
        target_arch = "x86_64",
        target_feature = "ssse3",
        target_feature = "sse4.1"
    ))
))]
mod tables;
#[cfg(all(
    target_arch = "x86_64",
    target_feature = "ssse3",
    target_feature = "sse4.1"
))]
mod vectors;

#[cfg(not(all(
    target_arch = "x86_64",
    target_feature = "ssse3",
    target_feature = "sse4.1"
)))]
use tables as way;
#[cfg(all(
    target_arch = "x86_64",
    target_feature = "ssse3",
    target_feature = "sse4.1"
))]
use vectors as way;

use crate::wide::widened;

/// The character of each half byte; 15 pads.
const ALPHABET: &[u8; 16] = b"0123456789.-+eE ";
const PAD: u8 = 15;

/// What fits into 14 bytes.
pub const CHARS_MAX: usize = 28;

/// Half a byte for each character of a text of 1 to 28, and pads behind; `None` if one is not of
/// the alphabet.
#[inline]
pub fn pack(text: &[u8]) -> Option<[u8; 16]> {
    if text.is_empty() || text.len() > CHARS_MAX {
        return None;
    }
    way::pack(&widened(text)?, text.len())
}

/// Up to 32 characters from 16 bytes, the lowest first.
#[inline]
pub fn unpack(packed: u128) -> [u8; 32] {
    way::unpack(packed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_ways_say_the_same(packed in any::<u128>()) {
            prop_assert_eq!(unpack(packed), tables::unpack(packed));
        }
    }

    /// Of any bytes, and of what is nearly a number.
    fn either() -> impl Strategy<Value = Vec<u8>> {
        let bytes = proptest::collection::vec(any::<u8>(), 1..=CHARS_MAX);
        let near = "[0-9.eE+-]{1,28}".prop_map(String::into_bytes);
        let at = any::<(prop::sample::Index, u8)>();
        let spoilt = (near.clone(), at).prop_map(|(mut text, (at, byte))| {
            let at = at.index(text.len());
            text[at] = byte;
            text
        });
        prop_oneof![bytes, near, spoilt]
    }

    proptest! {
        #[test]
        fn both_ways_of_packing_say_the_same(text in either()) {
            let wide = widened(&text).expect("it is short");
            prop_assert_eq!(pack(&text), tables::pack(&wide, text.len()));
            if let Some(packed) = pack(&text) {
                let back = unpack(u128::from_le_bytes(packed));
                prop_assert_eq!(&back[..text.len()], &text);
                prop_assert!(back[text.len()..].iter().all(|&c| c == b' '));
            }
        }
    }

    /// No character of another kind, pads among them, wherever it is.
    #[test]
    fn only_the_alphabet_is_packed() {
        for byte in 0..=u8::MAX {
            let is_known = ALPHABET[..usize::from(PAD)].contains(&byte);
            for len in 1..=CHARS_MAX {
                for at in 0..len {
                    let mut text = vec![b'7'; len];
                    text[at] = byte;
                    assert_eq!(pack(&text).is_some(), is_known, "{byte} at {at} of {len}");
                }
            }
        }
        assert_eq!(pack(b""), None);
        assert_eq!(pack(&[b'7'; CHARS_MAX + 1]), None);
    }

    #[test]
    fn low_halves_come_first() {
        let text = unpack(0xf0_21_3a);
        assert_eq!(&text[..6], b".3120 ");
    }
}
