//! Packed text back to characters: two a byte, low half first.

/// The character of each half byte; 15 pads.
pub const ALPHABET: &[u8; 16] = b"0123456789.-+eE ";

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
    let [low, high] = [packed, u128::from_le_bytes(*ALPHABET)].map(|wide| {
        let (upper, lower) = ((wide >> 64) as i64, wide as i64);
        _mm_set_epi64x(upper, lower)
    });
    let (bytes, alphabet) = (low, high);
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

    #[test]
    fn low_halves_come_first() {
        let text = unpack(0xf0_21_3a);
        assert_eq!(&text[..6], b".3120 ");
    }
}
