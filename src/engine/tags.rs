//! Tags: a byte of the hash of each entry of a bucket, compared all at once, so that nearly only
//! the entry that is looked for is read.

/// Entries of a bucket.
pub const SLOTS: usize = 12;

/// The tag of a slot without an entry.
pub const EMPTY: u8 = 0;

/// Neither from the top bits, which choose the bucket, nor from the lowest, which callers may have
/// shifted in.
#[inline]
pub fn tag(hash: u64) -> u8 {
    ((hash >> 16) as u8).max(1)
}

/// The slots that have a tag, ascending: a bit for each.
#[derive(Clone, Copy)]
pub struct Hits(u32);

impl Iterator for Hits {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let slot = self.0.trailing_zeros() as usize;
        self.0 &= self.0.wrapping_sub(1);
        (slot < SLOTS).then_some(slot)
    }
}

/// The slots that have this tag.
#[inline(always)]
pub fn hits(tags: &[u8; SLOTS], tag: u8) -> Hits {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every processor of this architecture has what the function needs.
        Hits(unsafe { compared(tags, tag) })
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        Hits(compared_singly(tags, tag))
    }
}

/// Five instructions, where the same in two general registers takes some thirty.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2")]
fn compared(tags: &[u8; SLOTS], tag: u8) -> u32 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    let mut wide = [0; 16];
    wide[..SLOTS].copy_from_slice(tags);
    let wide = u128::from_le_bytes(wide);
    let tags = _mm_set_epi64x((wide >> 64) as i64, wide as i64);
    let same = _mm_cmpeq_epi8(tags, _mm_set1_epi8(tag as i8));
    _mm_movemask_epi8(same) as u32 & ((1 << SLOTS) - 1)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn compared_singly(tags: &[u8; SLOTS], tag: u8) -> u32 {
    let bits = tags
        .iter()
        .zip(0..)
        .map(|(t, slot)| u32::from(*t == tag) << slot);
    bits.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_ways_find_the_same(
            tags in prop::array::uniform12(prop_oneof![0..4u8, any::<u8>()]),
            tag in prop_oneof![0..4u8, any::<u8>()],
        ) {
            let expected: Vec<usize> = (0..SLOTS).filter(|slot| tags[*slot] == tag).collect();
            prop_assert_eq!(Hits(compared_singly(&tags, tag)).collect::<Vec<_>>(), &*expected);
            prop_assert_eq!(hits(&tags, tag).collect::<Vec<_>>(), expected);
        }
    }
}
