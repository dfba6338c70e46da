//! Short byte strings in a fixed number of bytes, to be worked on without calls that copy so many.

/// Up to 32 bytes at the start of an array, zeros behind; `None` of more.
#[inline]
pub fn widened(bytes: &[u8]) -> Option<[u8; 32]> {
    let len = bytes.len();
    // Two reads of a fixed size that overlap, put together in registers: what is stored in pieces
    // and read whole stalls.
    let behind = |at: usize| 8u32.wrapping_mul(u32::try_from(at).unwrap_or(u32::MAX));
    let (lower, upper) = match (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
        (Some(first), Some(last)) => {
            let missing = 32usize.checked_sub(len)?;
            let last = u128::from_le_bytes(*last);
            (
                u128::from_le_bytes(*first),
                last.checked_shr(behind(missing)).unwrap_or_default(),
            )
        }
        _ => match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (Some(first), Some(last)) => {
                let [first, last] = [*first, *last].map(|b| u128::from(u64::from_le_bytes(b)));
                (first | last.wrapping_shl(behind(len.wrapping_sub(8))), 0)
            }
            _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
                (Some(first), Some(last)) => {
                    let [first, last] = [*first, *last].map(|b| u64::from(u32::from_le_bytes(b)));
                    let both = first | last.wrapping_shl(behind(len.wrapping_sub(4)));
                    (u128::from(both), 0)
                }
                _ => {
                    let add = |sum: u32, byte: &u8| sum.wrapping_shl(8) | u32::from(*byte);
                    (u128::from(bytes.iter().rev().fold(0, add)), 0)
                }
            },
        },
    };
    let mut wide = [0; 32];
    let (halves, _) = wide.as_chunks_mut::<16>();
    for (to, half) in halves.iter_mut().zip([lower, upper]) {
        *to = half.to_le_bytes();
    }
    Some(wide)
}

/// Whether these are the same bytes; short ones are compared without a call.
#[inline(always)]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    #[inline(always)]
    fn ends<const N: usize>(a: &[u8], b: &[u8]) -> Option<bool> {
        let first = a.first_chunk::<N>()? == b.first_chunk::<N>()?;
        Some(first & (a.last_chunk::<N>()? == b.last_chunk::<N>()?))
    }
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        16..=32 => ends::<16>(a, b) == Some(true),
        8..=15 => ends::<8>(a, b) == Some(true),
        4..=7 => ends::<4>(a, b) == Some(true),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length() {
        let bytes: Vec<u8> = (1..=40).collect();
        for len in 0..=32 {
            let mut expected = [0; 32];
            expected[..len].copy_from_slice(&bytes[..len]);
            assert_eq!(widened(&bytes[..len]), Some(expected), "{len}");
        }
        for len in 33..=40 {
            assert_eq!(widened(&bytes[..len]), None, "{len}");
        }
    }
    #[test]
    fn one_other_byte_anywhere() {
        for len in 0..=40 {
            let bytes: Vec<u8> = (1..=len).collect();
            assert!(same(&bytes, &bytes.clone()));
            assert!(!same(&bytes, &[&bytes[..], &[0]].concat()));
            for at in 0..bytes.len() {
                let mut other = bytes.clone();
                other[at] ^= 0x80;
                assert!(!same(&bytes, &other), "{at} of {len}");
            }
        }
    }
}
