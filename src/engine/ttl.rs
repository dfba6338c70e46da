//! When the fields of a packed row expire.
//!
//! ```text
//! earliest u48 | mode u8 | mask: a bit a cell | later than the earliest by: `width` bits each
//!                mode 0: every cell expires at the earliest time; nothing follows
//!                mode 1 + width: the cells of the mask expire; width 0: all at the earliest time
//! ```
//!
//! So one expiry for the whole row costs 7 bytes, and the common question (has anything expired?)
//! is one compare. Times are milliseconds since the epoch, below 2^48.

use super::Millis;
use super::bytes::{Reader, put_time48};

/// Times from here on cannot be stored; they stand for "never reached".
pub const TIME_END: Millis = 1 << 48;

/// Bits of the time between two times.
const WIDTH_MAX: u8 = 48;

/// The stamps of a row, read in place.
#[derive(Clone, Copy)]
pub struct Stamps<'a> {
    earliest: Millis,
    mode: u8,
    mask: &'a [u8],
    later: &'a [u8],
}

impl<'a> Stamps<'a> {
    /// Read the stamps of a row of `cells` cells.
    pub fn read(reader: &mut Reader<'a>, cells: usize) -> Option<Stamps<'a>> {
        let earliest = reader.time48()?;
        let mode = reader.u8()?;
        let (mut mask, mut later) = (&[][..], &[][..]);
        if let Some(width) = mode.checked_sub(1) {
            if width > WIDTH_MAX {
                return None;
            }
            mask = reader.take(cells.div_ceil(8))?;
            let stamped: usize = mask.iter().map(|b| b.count_ones() as usize).sum();
            later = reader.take((stamped * usize::from(width)).div_ceil(8))?;
        }
        Some(Stamps {
            earliest,
            mode,
            mask,
            later,
        })
    }

    /// The earliest time at which a cell expires.
    #[inline]
    pub fn earliest(&self) -> Millis {
        self.earliest
    }

    /// When cell `rank` expires.
    pub fn get(&self, rank: usize) -> Option<Millis> {
        let Some(width) = self.mode.checked_sub(1) else {
            return Some(self.earliest);
        };
        let (byte, bit) = (rank / 8, rank % 8);
        let own = *self.mask.get(byte)?;
        if own & 1 << bit == 0 {
            return None;
        }
        let before: u32 = self.mask[..byte].iter().map(|b| b.count_ones()).sum();
        let before = before + (own & ((1 << bit) - 1)).count_ones();
        let start = before as usize * usize::from(width);
        let mut wide = [0; 8];
        let from = self.later.get(start / 8..)?;
        let len = from.len().min(8);
        wide[..len].copy_from_slice(&from[..len]);
        let later = u64::from_le_bytes(wide) >> (start % 8) & ((1 << width) - 1);
        Some((self.earliest + later).min(TIME_END - 1))
    }
}

/// Append the stamps of a row's cells. At least one is `Some`.
pub fn write(out: &mut Vec<u8>, stamps: impl ExactSizeIterator<Item = Option<Millis>> + Clone) {
    let earliest = stamps.clone().flatten().min().unwrap_or(0);
    let latest = stamps.clone().flatten().max().unwrap_or(0);
    put_time48(out, earliest);
    if earliest == latest && stamps.clone().all(|s| s.is_some()) {
        out.push(0);
        return;
    }
    let width = (64 - (latest - earliest).leading_zeros()) as usize;
    out.push(width as u8 + 1);
    let mask = out.len();
    out.resize(mask + stamps.len().div_ceil(8), 0);
    let later = out.len();
    let mut bit = 0;
    for (rank, stamp) in stamps.enumerate() {
        let Some(at) = stamp else { continue };
        out[mask + rank / 8] |= 1 << (rank % 8);
        let value = u128::from(at - earliest) << (bit % 8);
        out.resize(later + (bit + width).div_ceil(8), 0);
        for (target, byte) in out[later + bit / 8..].iter_mut().zip(value.to_le_bytes()) {
            *target |= byte;
        }
        bit += width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(stamps: &[Option<Millis>]) -> usize {
        let mut bytes = vec![];
        write(&mut bytes, stamps.iter().copied());
        let stored = bytes.len();
        let mut reader = Reader(&bytes);
        let read = Stamps::read(&mut reader, stamps.len()).unwrap();
        assert!(reader.0.is_empty());
        for (rank, &stamp) in stamps.iter().enumerate() {
            assert_eq!(read.get(rank), stamp, "cell {rank}");
        }
        assert_eq!(
            Some(read.earliest()),
            stamps.iter().copied().flatten().min()
        );
        stored
    }

    #[test]
    fn one_expiry_for_all_costs_seven_bytes() {
        assert_eq!(round_trip(&[Some(1_700_000_000_000); 50]), 7);
    }

    #[test]
    fn an_expiry_of_its_own_for_each_of_50_costs_under_200_bytes() {
        let month = 30 * 24 * 3_600_000;
        let stamps: Vec<_> = (0..50)
            .map(|n| Some(1_700_000_000_000 + n * month / 50 + n * 7))
            .collect();
        assert!(round_trip(&stamps) < 220, "{}", round_trip(&stamps));
        let day: Vec<_> = (0..50)
            .map(|n| Some(1_700_000_000_000 + n * 1_727_999))
            .collect();
        assert!(round_trip(&day) < 200, "{}", round_trip(&day));
    }

    #[test]
    fn times_that_cannot_be_stored_are_none() {
        let stamps = |width: u8| [&[0xff; 6], &[width + 1, 1][..], &[0xff; 32]].concat();
        for width in [0, 1, 48, 49, 63, 64, 254] {
            let bytes = stamps(width);
            let read = Stamps::read(&mut Reader(&bytes), 1);
            assert_eq!(read.is_some(), width <= 48, "{width}");
            let at = read.and_then(|stamps| stamps.get(0));
            assert!(at.is_none_or(|at| at < TIME_END), "{at:?}");
        }
    }

    proptest! {
        #[test]
        fn any_stamps_come_back(
            stamps in proptest::collection::vec(proptest::option::of(0..TIME_END), 1..80)
        ) {
            prop_assume!(stamps.iter().any(Option::is_some));
            round_trip(&stamps);
        }
    }
}
