//! An index and its arena: blocks found by the name they begin with.
//!
//! Invariants
//! - Every live block of the arena has one entry of the index, under the hash of its name.
//! - Memory that is freed and not used again is won back a segment at a time.

use super::Millis;
use super::arena::Arena;
use super::hasher::Hasher;
use super::index::Index;

/// See the module.
pub struct Store {
    index: Index,
    arena: Arena,
    /// The name a payload holds.
    name_of: fn(&[u8]) -> &[u8],
    /// Top bits of the hash that all names here share (they chose the shard).
    shared_bits: u32,
}

impl Store {
    pub fn new(name_of: fn(&[u8]) -> &[u8], shared_bits: u32) -> Store {
        Store {
            index: Index::new(),
            arena: Arena::default(),
            name_of,
            shared_bits,
        }
    }

    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn bytes(&self) -> usize {
        self.index.bytes() + self.arena.bytes()
    }

    #[inline]
    pub fn find(&self, name: &[u8], hash: u64) -> Option<u32> {
        self.index.find(hash << self.shared_bits, |r| {
            (self.name_of)(self.arena.get(r)) == name
        })
    }

    #[inline]
    pub fn get(&self, reference: u32) -> &[u8] {
        self.arena.get(reference)
    }

    pub fn get_mut(&mut self, reference: u32) -> &mut [u8] {
        self.arena.get_mut(reference)
    }

    /// When, at the earliest, the entry of this hash expires.
    #[inline]
    pub fn due_near(&self, hash: u64) -> Millis {
        self.index.due_near(hash << self.shared_bits)
    }

    /// Ask for the memory that finding this hash reads first.
    pub fn prefetch_index(&self, hash: u64) {
        self.index.prefetch(hash << self.shared_bits);
    }

    /// Ask for the memory of the entry that is most likely the one of this hash.
    pub fn prefetch_entry(&self, hash: u64) {
        if let Some(reference) = self.index.candidate(hash << self.shared_bits) {
            self.arena.prefetch(reference);
        }
    }

    pub fn set_lsn(&mut self, reference: u32, lsn: u64) {
        self.arena.set_lsn(reference, lsn);
    }

    /// Note that this entry expires at `at`.
    pub fn note_due(&mut self, hash: u64, at: Millis) {
        self.index.note_due(hash << self.shared_bits, at);
    }

    /// Store a payload in the place of `old`, or as a new entry. References may change by it.
    pub fn put(&mut self, hasher: &Hasher, hash: u64, old: Option<u32>, payload: &[u8], lsn: u64) {
        if let Some(old) = old {
            let block = self.arena.get_mut(old);
            if Arena::cost(payload.len()) == Arena::cost(block.len()) {
                block[..payload.len()].copy_from_slice(payload);
                self.arena.set_lsn(old, lsn);
                return;
            }
        }
        let new = self.arena.allocate(payload.len(), lsn);
        self.arena.get_mut(new)[..payload.len()].copy_from_slice(payload);
        let local = hash << self.shared_bits;
        match old {
            Some(old) => {
                self.index.replace(local, old, new);
                self.release(hasher, old, hash);
            }
            None => {
                let (arena, name_of, shared) = (&self.arena, self.name_of, self.shared_bits);
                let hash_of = |r: u32| hasher.hash(name_of(arena.get(r))) << shared;
                self.index.insert(local, new, hash_of);
            }
        }
    }

    pub fn remove(&mut self, hasher: &Hasher, hash: u64, reference: u32) {
        self.index.remove(hash << self.shared_bits, reference);
        self.release(hasher, reference, hash);
    }

    fn release(&mut self, hasher: &Hasher, reference: u32, random: u64) {
        self.arena.release(reference);
        let Some(segment) = self.arena.sparse_segment(random) else {
            return;
        };
        for block in self.arena.evacuate(segment) {
            let payload = self.arena.get(block).to_vec();
            let new = self.arena.allocate(payload.len(), self.arena.lsn(block));
            self.arena.get_mut(new)[..payload.len()].copy_from_slice(&payload);
            let hash = hasher.hash((self.name_of)(&payload)) << self.shared_bits;
            self.index.replace(hash, block, new);
            self.arena.release(block);
        }
    }

    /// All entries, in no useful order.
    pub fn entries(&self) -> impl Iterator<Item = u32> + '_ {
        self.index.entries()
    }

    /// Visit the payloads of one bucket of hash order, from the place `from` (hash bits behind the
    /// shared ones); answers where the next bucket begins.
    pub fn visit_bucket<'a>(
        &'a self,
        from: u64,
        hasher: &Hasher,
        mut visit: impl FnMut(&'a [u8]),
    ) -> Option<u64> {
        let hash_of = |r: u32| hasher.hash((self.name_of)(self.arena.get(r))) << self.shared_bits;
        self.index
            .visit_bucket(from, hash_of, |r| visit(self.arena.get(r)))
    }

    /// The earliest time at which an entry may expire.
    pub fn due(&self) -> Millis {
        self.index.due_any()
    }

    /// The payloads of the segments in which something may have expired by `now`.
    pub fn due_entries(&self, now: Millis) -> impl Iterator<Item = &[u8]> {
        (0..self.index.segments())
            .filter(move |&segment| self.index.due(segment) <= now)
            .flat_map(|segment| self.index.segment_entries(segment))
            .map(|r| self.arena.get(r))
    }

    /// Look again when the entries of those segments expire.
    pub fn refresh_due(&mut self, now: Millis, due_of: impl Fn(&[u8]) -> Option<Millis>) {
        for segment in 0..self.index.segments() {
            if self.index.due(segment) <= now {
                let entries = self.index.segment_entries(segment);
                let due = entries.filter_map(|r| due_of(self.arena.get(r))).min();
                self.index.set_due(segment, due.unwrap_or(Millis::MAX));
            }
        }
    }
}
