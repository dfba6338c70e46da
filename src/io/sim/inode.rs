//! The bytes of a file, safe and written.

use super::Random;
use std::collections::BTreeSet;

pub const SECTOR_BYTES: usize = 512;

#[derive(Clone, Default)]
pub struct Inode {
    pub safe: Vec<u8>,
    pub written: Vec<u8>,
    /// Sectors that a failed sync gave up.
    pub given_up: BTreeSet<usize>,
}

impl Inode {
    pub fn sync(&mut self, now: Vec<u8>) {
        self.safe.resize(now.len(), 0);
        let sectors = self
            .safe
            .chunks_mut(SECTOR_BYTES)
            .zip(now.chunks(SECTOR_BYTES));
        for (n, (safe, now)) in sectors.enumerate() {
            if !self.given_up.contains(&n) {
                safe.copy_from_slice(now);
            }
        }
    }

    pub fn give_up(&mut self) {
        let sectors = self
            .safe
            .chunks(SECTOR_BYTES)
            .zip(self.written.chunks(SECTOR_BYTES));
        let lost = sectors.enumerate().filter(|(_, (safe, now))| safe != now);
        self.given_up.extend(lost.map(|(n, _)| n));
    }

    /// Sectors that were given up go from memory: what is read of them is what is safe.
    pub fn forget_some(&mut self, random: &mut Random) {
        let percent = [0, 50, 100][random.below(3)];
        let all = std::mem::take(&mut self.given_up);
        for sector in all {
            if !random.chance(percent) {
                self.given_up.insert(sector);
                continue;
            }
            let end = self.safe.len().min((sector + 1) * SECTOR_BYTES);
            let place = sector * SECTOR_BYTES..end;
            self.written[place.clone()].copy_from_slice(&self.safe[place]);
        }
    }

    /// What a loss of power leaves.
    pub fn after_power_loss(&self, random: &mut Random, percent_new: usize) -> Vec<u8> {
        let mut left = self.safe.clone();
        left.resize(self.written.len(), 0);
        let sectors = left
            .chunks_mut(SECTOR_BYTES)
            .zip(self.written.chunks(SECTOR_BYTES));
        for (old, new) in sectors.filter(|(old, new)| old != new) {
            let torn = random.below(old.len());
            match random.below(10) {
                0 => old[..torn].copy_from_slice(&new[..torn]),
                1 => old[torn..].copy_from_slice(&new[torn..]),
                _ if random.chance(percent_new) => old.copy_from_slice(new),
                _ => {}
            }
        }
        left
    }
}
