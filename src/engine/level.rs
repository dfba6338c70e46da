//! A level on the heap: an index and its arena, blocks found by the name they begin with.
//!
//! Invariants
//! - Every live block of the arena has one entry of the index, under the hash of its name.
//! - Memory that is freed and not used again is won back a segment at a time.
//!
//! Hashes given to a level are left-aligned: the bits that all its names share are shifted out.

use super::Millis;
use super::arena::Arena;
use super::hasher::Hasher;
use super::index::Index;
use crate::wide::same;
use std::marker::PhantomData;

/// What blocks hold: a name, and what is stored under it, or that nothing is any more.
pub trait Form: 'static {
    fn name(block: &[u8]) -> &[u8];
    /// Whether the block says that nothing is under its name, whatever older levels say.
    fn is_gone(block: &[u8]) -> bool;
    fn write_gone(out: &mut Vec<u8>, name: &[u8]);
}

/// How hashes are taken and aligned.
#[derive(Clone, Copy)]
pub struct Aligned<'a> {
    pub hasher: &'a Hasher,
    pub shared_bits: u32,
}

impl Aligned<'_> {
    pub fn of(&self, name: &[u8]) -> u64 {
        self.hasher.hash(name) << self.shared_bits
    }
}

/// See the module.
pub struct Level<F> {
    index: Index,
    arena: Arena,
    form: PhantomData<fn() -> F>,
}

impl<F: Form> Level<F> {
    pub fn new() -> Level<F> {
        Level {
            index: Index::new(),
            arena: Arena::default(),
            form: PhantomData,
        }
    }

    /// Entries, those included that say that something is gone.
    #[inline]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn bytes(&self) -> usize {
        self.index.bytes() + self.arena.bytes()
    }

    /// The entry of a name, and its block.
    #[inline]
    pub fn find(&self, name: &[u8], hash: u64) -> Option<(u32, &[u8])> {
        self.index.find(hash, |reference| {
            let block = self.arena.get(reference);
            same(F::name(block), name).then_some((reference, block))
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
        self.index.due_near(hash)
    }

    /// Ask for the memory that finding this hash reads first.
    #[inline]
    pub fn prefetch_index(&self, hash: u64) {
        self.index.prefetch(hash);
    }

    /// Ask for the memory of the entry that is most likely the one of this hash; answers whether
    /// there is one.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) -> bool {
        let candidate = self.index.candidate(hash);
        if let Some(reference) = candidate {
            self.arena.prefetch(reference);
        }
        candidate.is_some()
    }

    /// The LSN of the last change of an entry.
    pub fn lsn(&self, reference: u32) -> u64 {
        self.arena.lsn(reference)
    }

    pub fn set_lsn(&mut self, reference: u32, lsn: u64) {
        self.arena.set_lsn(reference, lsn);
    }

    /// Note that this entry expires at `at`.
    pub fn note_due(&mut self, hash: u64, at: Millis) {
        self.index.note_due(hash, at);
    }

    /// Store a block in the place of `old`, or as a new entry. References may change by it.
    pub fn put(
        &mut self,
        aligned: Aligned<'_>,
        hash: u64,
        old: Option<u32>,
        payload: &[u8],
        lsn: u64,
    ) {
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
        match old {
            Some(old) => {
                self.index.replace(hash, old, new);
                self.release(aligned, old, hash);
            }
            None => {
                let arena = &self.arena;
                let hash_of = |r: u32| aligned.of(F::name(arena.get(r)));
                self.index.insert(hash, new, hash_of);
            }
        }
    }

    pub fn remove(&mut self, aligned: Aligned<'_>, hash: u64, reference: u32) {
        self.index.remove(hash, reference);
        self.release(aligned, reference, hash);
    }

    fn release(&mut self, aligned: Aligned<'_>, reference: u32, random: u64) {
        self.arena.release(reference);
        let Some(segment) = self.arena.sparse_segment(random) else {
            return;
        };
        for block in self.arena.evacuate(segment) {
            let payload = self.arena.get(block).to_vec();
            let new = self.arena.allocate(payload.len(), self.arena.lsn(block));
            self.arena.get_mut(new)[..payload.len()].copy_from_slice(&payload);
            let hash = aligned.of(F::name(&payload));
            self.index.replace(hash, block, new);
            self.arena.release(block);
        }
    }

    /// All entries, in no useful order.
    pub fn entries(&self) -> impl Iterator<Item = u32> + '_ {
        self.index.entries()
    }

    /// The hash at which the bucket behind the one of `from` begins; `None`: it is the last.
    pub fn bucket_end(&self, from: u64) -> Option<u64> {
        self.index.bucket_end(from)
    }

    /// Visit the blocks of the bucket of `from` whose hash is not below it.
    pub fn visit_bucket<'a>(
        &'a self,
        from: u64,
        aligned: Aligned<'_>,
        mut visit: impl FnMut(u64, &'a [u8]),
    ) {
        let hash_of = |r: u32| aligned.of(F::name(self.arena.get(r)));
        self.index
            .visit_bucket(from, hash_of, |hash, r| visit(hash, self.arena.get(r)));
    }

    /// Groups of entries, by hash, of each of which it is known when it is next due.
    pub fn groups(&self) -> usize {
        self.index.segments()
    }

    pub fn group_of(&self, hash: u64) -> usize {
        self.index.segment_at(hash)
    }

    pub fn due(&self, group: usize) -> Millis {
        self.index.due(group)
    }

    pub fn due_any(&self) -> Millis {
        self.index.due_any()
    }

    pub fn set_due(&mut self, group: usize, due: Millis) {
        self.index.set_due(group, due);
    }

    pub fn group_entries(&self, group: usize) -> impl Iterator<Item = u32> + '_ {
        self.index.segment_entries(group)
    }
}
