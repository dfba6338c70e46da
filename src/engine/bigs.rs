//! The big hashes of a table, by the ids that rows give.
//!
//! Invariants
//! - Memory is in proportion to how many there are, whatever their ids: a file may list one under
//!   an id of millions, as what is left of many, or because it lies.
//! - A new one gets the smallest id that is free, so ids are below the most there ever were.

use super::big::Big;
use std::collections::BTreeMap;

/// See the module.
#[derive(Default)]
pub struct Bigs {
    by_id: BTreeMap<u32, Box<Big>>,
    /// All ids below are taken.
    taken_below: u32,
    /// Of all of them, on the heap.
    bytes: usize,
}

impl Bigs {
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    #[inline]
    pub fn get(&self, id: u32) -> Option<&Big> {
        self.by_id.get(&id).map(Box::as_ref)
    }

    /// In the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Big> {
        self.by_id.values().map(Box::as_ref)
    }

    /// Ids, and the hashes of their keys.
    pub fn hashes(&self) -> impl Iterator<Item = (u32, u64)> {
        self.by_id.iter().map(|(id, big)| (*id, big.hash))
    }

    /// Add one; answers its id.
    pub fn add(&mut self, big: Big) -> u32 {
        let mut id = self.taken_below;
        let mut taken = self.by_id.range(id..).map(|(id, _)| *id);
        while taken.next() == Some(id) {
            id += 1;
        }
        self.taken_below = id + 1;
        self.bytes += big.bytes();
        self.by_id.insert(id, Box::new(big));
        id
    }

    pub fn remove(&mut self, id: u32) {
        if let Some(big) = self.by_id.remove(&id) {
            self.bytes -= big.bytes();
            self.taken_below = self.taken_below.min(id);
        }
    }

    /// Change one, keeping account of its memory.
    pub fn change<T>(&mut self, id: u32, change: impl FnOnce(&mut Big) -> T) -> Option<T> {
        let big = self.by_id.get_mut(&id)?;
        let before = big.bytes();
        let result = change(big);
        self.bytes = self.bytes - before + big.bytes();
        Some(result)
    }

    /// Change all, in the order of their ids.
    pub fn change_all(&mut self, mut change: impl FnMut(u32, &mut Big)) {
        for (id, big) in &mut self.by_id {
            change(*id, big);
        }
        self.bytes = self.iter().map(Big::bytes).sum();
    }

    pub fn clear(&mut self) {
        *self = Bigs::default();
    }

    /// Remove those that are not listed, and make those that are missing, of the hashes given.
    pub fn keep_and_make(&mut self, listed: impl Iterator<Item = (u32, u64)>) {
        let mut old = std::mem::take(self).by_id;
        for (id, hash) in listed {
            let big = old.remove(&id).unwrap_or_else(|| Box::new(Big::new(hash)));
            self.bytes += big.bytes();
            self.by_id.insert(id, big);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_smallest_that_are_free() {
        let mut bigs = Bigs::default();
        bigs.keep_and_make([(1, 0), (3, 0), (1 << 24, 0)].into_iter());
        let add = |bigs: &mut Bigs| bigs.add(Big::new(0));
        assert_eq!([0, 2, 4, 5], [(); 4].map(|()| add(&mut bigs)));
        for id in [5, 1, 2, 77] {
            bigs.remove(id);
        }
        assert_eq!([1, 2, 5, 6], [(); 4].map(|()| add(&mut bigs)));
        assert_eq!(bigs.bytes(), bigs.iter().map(Big::bytes).sum::<usize>());
        assert_eq!(bigs.iter().count(), 8);
    }

    #[test]
    fn a_large_id_takes_no_more_memory_than_a_small_one() {
        let bytes = |id| {
            let mut bigs = Bigs::default();
            bigs.keep_and_make([(id, 0)].into_iter());
            bigs.bytes()
        };
        assert_eq!(bytes(0), bytes(u32::MAX));
    }
}
