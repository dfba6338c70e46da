//! Text of numbers as half bytes and back: two characters a byte, low half first.

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
    #[cfg(all(
        target_arch = "x86_64",
        target_feature = "ssse3",
        target_feature = "sse4.1"
    ))]
    {
        // SAFETY: the processor has what the function needs: the whole program is built for it.
        unsafe { narrowed(&widened(text)?, text.len()) }
    }
    #[cfg(not(all(
        target_arch = "x86_64",
        target_feature = "ssse3",
        target_feature = "sse4.1"
    )))]
    {
        assembled(&widened(text)?, text.len())
    }
}

#[cfg(all(
    target_arch = "x86_64",
    target_feature = "ssse3",
    target_feature = "sse4.1"
))]
#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn vector(bytes: &[u8; 16]) -> std::arch::x86_64::__m128i {
    let wide = u128::from_le_bytes(*bytes);
    std::arch::x86_64::_mm_set_epi64x((wide >> 64) as i64, wide as i64)
}

#[cfg(all(
    target_arch = "x86_64",
    target_feature = "ssse3",
    target_feature = "sse4.1"
))]
#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn narrowed(text: &[u8; 32], len: usize) -> Option<[u8; 16]> {
    use std::arch::x86_64::*;
    // By the lower half of a character that is no digit; of `E` it is that of `e`. What is behind
    // the text is 0, and so is what a pad stands for here.
    let others = vector(&[
        PAD, PAD, PAD, PAD, PAD, 13, PAD, PAD, PAD, PAD, PAD, 12, PAD, 11, 10, PAD,
    ]);
    let alphabet = vector(b"0123456789.-+eE\0");
    let (half, nine) = (_mm_set1_epi8(15), _mm_set1_epi8(9));
    let (zero, large_e) = (_mm_set1_epi8(b'0' as i8), _mm_set1_epi8(b'E' as i8));
    let (mut unknown, mut pads, mut pairs) = (0, 0, [_mm_setzero_si128(); 2]);
    let (pieces, _) = text.as_chunks::<16>();
    for ((pair, piece), shift) in pairs.iter_mut().zip(pieces).zip([0, 16]) {
        let piece = vector(piece);
        let digit = _mm_sub_epi8(piece, zero);
        let is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, nine), digit);
        let other = _mm_shuffle_epi8(others, _mm_and_si128(piece, half));
        let other = _mm_sub_epi8(other, _mm_cmpeq_epi8(piece, large_e));
        let halves = _mm_blendv_epi8(other, digit, is_digit);
        let same = _mm_cmpeq_epi8(_mm_shuffle_epi8(alphabet, halves), piece);
        unknown |= (!_mm_movemask_epi8(same) as u32 & 0xffff) << shift;
        pads |= (_mm_movemask_epi8(_mm_cmpeq_epi8(halves, half)) as u32) << shift;
        // The first of two counts once, the second 16 times.
        *pair = _mm_maddubs_epi16(halves, _mm_set1_epi16(0x1001));
    }
    if unknown != 0 || pads.trailing_zeros() < len as u32 {
        return None;
    }
    let packed = _mm_packus_epi16(pairs[0], pairs[1]);
    let [lower, upper] = [_mm_cvtsi128_si64(packed), _mm_extract_epi64::<1>(packed)];
    Some((u128::from(upper as u64) << 64 | u128::from(lower as u64)).to_le_bytes())
}

/// Half a byte for each character of the alphabet; 0xff for any other.
#[cfg(any(test, not(all(target_feature = "ssse3", target_feature = "sse4.1"))))]
const HALVES: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut i = 0;
    while i < PAD as usize {
        table[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    table
};

#[cfg(any(test, not(all(target_feature = "ssse3", target_feature = "sse4.1"))))]
fn assembled(text: &[u8; 32], len: usize) -> Option<[u8; 16]> {
    let (mut packed, mut seen) = ([PAD << 4 | PAD; 16], 0);
    for (byte, pair) in packed.iter_mut().zip(text[..len].chunks(2)) {
        let low = HALVES[usize::from(pair[0])];
        let high = pair.get(1).map_or(PAD, |&c| HALVES[usize::from(c)]);
        seen |= low | high;
        *byte = low & PAD | high << 4;
    }
    (seen <= PAD).then_some(packed)
}

/// Up to 32 characters from 16 bytes, the lowest first.
#[inline]
pub fn unpack(packed: u128) -> [u8; 32] {
    #[cfg(all(
        target_arch = "x86_64",
        target_feature = "ssse3",
        target_feature = "sse4.1"
    ))]
    {
        // SAFETY: the processor has what the function needs: the whole program is built for it.
        unsafe { shuffled(packed) }
    }
    #[cfg(not(all(
        target_arch = "x86_64",
        target_feature = "ssse3",
        target_feature = "sse4.1"
    )))]
    {
        looked_up(packed)
    }
}

#[cfg(all(
    target_arch = "x86_64",
    target_feature = "ssse3",
    target_feature = "sse4.1"
))]
#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn shuffled(packed: u128) -> [u8; 32] {
    use std::arch::x86_64::*;
    let half = _mm_set1_epi8(15);
    let (bytes, alphabet) = (vector(&packed.to_le_bytes()), vector(ALPHABET));
    let even = _mm_shuffle_epi8(alphabet, _mm_and_si128(bytes, half));
    let odd = _mm_shuffle_epi8(alphabet, _mm_and_si128(_mm_srli_epi16::<4>(bytes), half));
    let mut text = [0; 32];
    let halves = [_mm_unpacklo_epi8(even, odd), _mm_unpackhi_epi8(even, odd)];
    for (to, wide) in text.as_chunks_mut::<16>().0.iter_mut().zip(halves) {
        // SAFETY: `to` is 16 bytes, and the store needs no alignment.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), wide) };
    }
    text
}

/// The two characters of each packed byte.
#[cfg(any(test, not(all(target_feature = "ssse3", target_feature = "sse4.1"))))]
const PAIRS: [[u8; 2]; 256] = {
    let mut table = [[b' '; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [ALPHABET[byte % 16], ALPHABET[byte / 16]];
        byte += 1;
    }
    table
};

#[cfg(any(test, not(all(target_feature = "ssse3", target_feature = "sse4.1"))))]
fn looked_up(packed: u128) -> [u8; 32] {
    let mut text = [0; 32];
    for (pair, byte) in text
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(packed.to_le_bytes())
    {
        *pair = PAIRS[usize::from(byte)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_ways_say_the_same(packed in any::<u128>()) {
            prop_assert_eq!(unpack(packed), looked_up(packed));
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
            prop_assert_eq!(pack(&text), assembled(&wide, text.len()));
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
