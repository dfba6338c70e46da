//! Half bytes by vector instructions: sixteen characters at once.

use super::{ALPHABET, PAD};
use std::arch::x86_64::*;

#[inline]
pub fn pack(text: &[u8; 32], len: usize) -> Option<[u8; 16]> {
    // SAFETY: the processor has what the function needs: the whole program is built for it.
    unsafe { narrowed(text, len) }
}

#[inline]
pub fn unpack(packed: u128) -> [u8; 32] {
    // SAFETY: as above.
    unsafe { shuffled(packed) }
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn vector(bytes: &[u8; 16]) -> __m128i {
    let wide = u128::from_le_bytes(*bytes);
    _mm_set_epi64x((wide >> 64) as i64, wide as i64)
}

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn narrowed(text: &[u8; 32], len: usize) -> Option<[u8; 16]> {
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

#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn shuffled(packed: u128) -> [u8; 32] {
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
