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
}
