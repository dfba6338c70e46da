//! A hash index in hash order: from the hash of a name to the reference of its block.
//!
//! An extendible hash table. The directory is indexed by the top bits of the hash; each segment has
//! up to [`SEGMENT_BUCKETS_MAX`] buckets, chosen by the bits below; a bucket is one cache line of
//! twelve one-byte tags and twelve references. A full segment first doubles, then splits, so no
//! insert ever rehashes more than one segment: there are no growth pauses.
//!
//! Invariants
//! - An entry lies in its home bucket or in a later one of its segment (wrapping round); every full
//!   bucket it passed by counts it in `passed`. A look-up may stop at the first bucket that nobody
//!   passed.
//! - Home buckets follow the order of hashes. So a position in a scan is a hash: whatever the table
//!   has become since, the entries at or above that hash are those not yet visited.
//! - `due` of a segment is at most the earliest expiry of its entries.
//!
//! The index does not store hashes: `hash_of` reads an entry's name again when a segment grows.

use super::Millis;
use super::hasher::top_bits;
use super::tags::{EMPTY, Hits, SLOTS, hits, tag};

/// Largest segment: its growth rehashes at most `12 * 128` entries.
const SEGMENT_BUCKETS_MAX: usize = 128;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Bucket {
    tags: [u8; SLOTS],
    /// Entries that belong to this bucket or an earlier one and lie behind it.
    passed: u32,
    refs: [u32; SLOTS],
}

const _: () = assert!(size_of::<Bucket>() == 64);

const FREE: Bucket = Bucket {
    tags: [EMPTY; SLOTS],
    passed: 0,
    refs: [0; SLOTS],
};

impl Bucket {
    #[inline(always)]
    fn hits(&self, tag: u8) -> Hits {
        hits(&self.tags, tag)
    }

    fn free_slot(&self) -> Option<usize> {
        self.tags.iter().position(|&t| t == EMPTY)
    }
}

struct Segment {
    buckets: Box<[Bucket]>,
    len: u32,
    /// Number of hash bits the directory spends on this segment.
    depth: u8,
    due: Millis,
}

impl Segment {
    fn new(buckets: usize, depth: u8) -> Segment {
        let buckets = vec![FREE; buckets].into_boxed_slice();
        Segment {
            buckets,
            len: 0,
            depth,
            due: Millis::MAX,
        }
    }

    fn bits(&self) -> u32 {
        self.buckets.len().trailing_zeros()
    }

    /// Home bucket of a hash.
    fn home(&self, hash: u64) -> usize {
        top_bits(hash << self.depth, self.buckets.len())
    }

    fn next(&self, bucket: usize) -> usize {
        (bucket + 1) & (self.buckets.len() - 1)
    }

    fn is_full(&self) -> bool {
        (self.len as usize + 1) * 8 > self.buckets.len() * SLOTS * 7
    }

    fn insert(&mut self, hash: u64, reference: u32) {
        let mut at = self.home(hash);
        loop {
            let next = self.next(at);
            let bucket = &mut self.buckets[at];
            if let Some(slot) = bucket.free_slot() {
                bucket.tags[slot] = tag(hash);
                bucket.refs[slot] = reference;
                self.len += 1;
                return;
            }
            bucket.passed += 1;
            at = next;
        }
    }

    /// What `of` makes of the first entry of this hash of which it makes something: it is given
    /// their buckets and slots.
    #[inline(always)]
    fn find<T>(&self, hash: u64, mut of: impl FnMut(usize, usize) -> Option<T>) -> Option<T> {
        let mut at = self.home(hash);
        for _ in 0..self.buckets.len() {
            let bucket = &self.buckets[at];
            for slot in bucket.hits(tag(hash)) {
                if let Some(found) = of(at, slot) {
                    return Some(found);
                }
            }
            if bucket.passed == 0 {
                return None;
            }
            at = self.next(at);
        }
        None
    }

    /// Where the entry is.
    fn position(&self, hash: u64, reference: u32) -> Option<(usize, usize)> {
        self.find(hash, |at, slot| {
            (self.buckets[at].refs[slot] == reference).then_some((at, slot))
        })
    }

    fn entries(&self) -> impl Iterator<Item = u32> + '_ {
        self.buckets.iter().flat_map(|b| {
            b.tags
                .iter()
                .zip(&b.refs)
                .filter(|(t, _)| **t != EMPTY)
                .map(|(_, r)| *r)
        })
    }
}

/// See the module. Hashes given to it are left-aligned: their top bits must be well mixed.
pub struct Index {
    directory: Vec<u32>,
    depth: u8,
    segments: Vec<Segment>,
    len: usize,
    bytes: usize,
}

impl Index {
    pub fn new() -> Index {
        let segments = vec![Segment::new(1, 0)];
        Index {
            directory: vec![0],
            depth: 0,
            segments,
            len: 0,
            bytes: size_of::<Bucket>(),
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        self.bytes + self.segments.len() * size_of::<Segment>() + self.directory.len() * 4
    }

    pub fn segment_at(&self, hash: u64) -> usize {
        self.directory[top_bits(hash, self.directory.len())] as usize
    }

    /// What `of` makes of the first entry of this hash of which it makes something.
    #[inline]
    pub fn find<T>(&self, hash: u64, mut of: impl FnMut(u32) -> Option<T>) -> Option<T> {
        let segment = &self.segments[self.segment_at(hash)];
        segment.find(hash, |at, slot| of(segment.buckets[at].refs[slot]))
    }

    /// The entry that is most likely the one of this hash: the first in its home bucket.
    #[inline(always)]
    pub fn candidate(&self, hash: u64) -> Option<u32> {
        let segment = &self.segments[self.segment_at(hash)];
        let bucket = &segment.buckets[segment.home(hash)];
        let slot = bucket.hits(tag(hash)).next()?;
        Some(bucket.refs[slot])
    }

    /// Ask for the cache line a look-up of this hash reads first.
    pub fn prefetch(&self, hash: u64) {
        let segment = &self.segments[self.segment_at(hash)];
        super::prefetch::line(&segment.buckets[segment.home(hash)]);
    }

    /// Add an entry that is not there.
    pub fn insert(&mut self, hash: u64, reference: u32, hash_of: impl Fn(u32) -> u64) {
        while self.segments[self.segment_at(hash)].is_full() {
            self.grow(hash, &hash_of);
        }
        let segment = self.segment_at(hash);
        self.segments[segment].insert(hash, reference);
        self.len += 1;
    }

    /// Point the entry of `old` to `new`.
    pub fn replace(&mut self, hash: u64, old: u32, new: u32) {
        let segment = self.segment_at(hash);
        let segment = &mut self.segments[segment];
        if let Some((bucket, slot)) = segment.position(hash, old) {
            segment.buckets[bucket].refs[slot] = new;
        }
    }

    pub fn remove(&mut self, hash: u64, reference: u32) {
        let segment = self.segment_at(hash);
        let segment = &mut self.segments[segment];
        let Some((bucket, slot)) = segment.position(hash, reference) else {
            return;
        };
        segment.buckets[bucket].tags[slot] = EMPTY;
        let mut at = segment.home(hash);
        while at != bucket {
            segment.buckets[at].passed -= 1;
            at = segment.next(at);
        }
        segment.len -= 1;
        self.len -= 1;
    }

    /// When, at the earliest, an entry of this hash expires.
    #[inline]
    pub fn due_near(&self, hash: u64) -> Millis {
        self.segments[self.segment_at(hash)].due
    }

    /// Note that the entry of this hash expires at `at`.
    pub fn note_due(&mut self, hash: u64, at: Millis) {
        let segment = self.segment_at(hash);
        let due = &mut self.segments[segment].due;
        *due = at.min(*due);
    }

    /// Double the segment of this hash, or split it in two.
    fn grow(&mut self, hash: u64, hash_of: &impl Fn(u32) -> u64) {
        let at = self.segment_at(hash);
        let depth = self.segments[at].depth;
        let buckets = self.segments[at].buckets.len();
        if buckets < SEGMENT_BUCKETS_MAX {
            let mut larger = Segment::new(buckets * 2, depth);
            larger.due = self.segments[at].due;
            for entry in self.segments[at].entries() {
                larger.insert(hash_of(entry), entry);
            }
            self.segments[at] = larger;
            self.bytes += buckets * size_of::<Bucket>();
            return;
        }
        if depth == self.depth {
            self.directory = self.directory.iter().flat_map(|&s| [s, s]).collect();
            self.depth += 1;
        }
        // Halves start smaller than the whole: they are half full.
        let mut low = Segment::new(buckets, depth + 1);
        let mut high = Segment::new(buckets, depth + 1);
        (low.due, high.due) = (self.segments[at].due, self.segments[at].due);
        for entry in self.segments[at].entries() {
            let hash = hash_of(entry);
            let half = if (hash << depth) >> 63 == 0 {
                &mut low
            } else {
                &mut high
            };
            half.insert(hash, entry);
        }
        let new = self.segments.len() as u32;
        self.segments[at] = low;
        self.segments.push(high);
        self.bytes += buckets * size_of::<Bucket>();
        // The segment owned a run of directory entries; the upper half of the run is the new one's.
        let run = 1usize << (self.depth - depth);
        let first = ((u128::from(hash) << depth) >> 64) as usize * run;
        self.directory[first + run / 2..first + run].fill(new);
    }

    /// The hash at which the bucket behind the one of `from` begins; `None`: it is the last.
    pub fn bucket_end(&self, from: u64) -> Option<u64> {
        let segment = &self.segments[self.segment_at(from)];
        let bits = u32::from(segment.depth) + segment.bits();
        let width = 1u128 << (64 - bits);
        let next = (u128::from(from) & !(width - 1)) + width;
        u64::try_from(next).ok()
    }

    /// Visit the entries whose home is the bucket of `from` and whose hash is not below `from`.
    pub fn visit_bucket(
        &self,
        from: u64,
        hash_of: impl Fn(u32) -> u64,
        mut visit: impl FnMut(u64, u32),
    ) {
        let segment = &self.segments[self.segment_at(from)];
        let home = segment.home(from);
        let mut at = home;
        for _ in 0..segment.buckets.len() {
            let bucket = &segment.buckets[at];
            for (&t, &entry) in bucket.tags.iter().zip(&bucket.refs) {
                if t != EMPTY {
                    let hash = hash_of(entry);
                    if segment.home(hash) == home && hash >= from {
                        visit(hash, entry);
                    }
                }
            }
            if bucket.passed == 0 {
                break;
            }
            at = segment.next(at);
        }
    }

    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// When the next entry of this segment may expire.
    pub fn due(&self, segment: usize) -> Millis {
        self.segments[segment].due
    }

    /// The earliest time at which an entry may expire.
    pub fn due_any(&self) -> Millis {
        self.segments
            .iter()
            .map(|s| s.due)
            .min()
            .unwrap_or(Millis::MAX)
    }

    pub fn set_due(&mut self, segment: usize, due: Millis) {
        self.segments[segment].due = due;
    }

    pub fn segment_entries(&self, segment: usize) -> impl Iterator<Item = u32> + '_ {
        self.segments[segment].entries()
    }

    /// All entries, in no useful order.
    pub fn entries(&self) -> impl Iterator<Item = u32> + '_ {
        self.segments.iter().flat_map(Segment::entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn mix(n: u32) -> u64 {
        rapidhash::v3::rapidhash_v3(&n.to_le_bytes())
    }

    #[test]
    fn finds_what_was_inserted_and_not_what_was_removed_while_growing_and_shrinking() {
        let mut index = Index::new();
        for n in 0..100_000 {
            index.insert(mix(n), n, mix);
        }
        assert_eq!(index.len(), 100_000);
        assert!(index.segments() > 1);
        for n in (0..100_000).step_by(3) {
            index.remove(mix(n), n);
        }
        for n in 0..100_000 {
            let found = index.find(mix(n), |r| (r == n).then_some(r));
            assert_eq!(found, (n % 3 != 0).then_some(n));
        }
        assert_eq!(index.entries().count(), index.len());
        for n in (0..100_000).step_by(3) {
            index.insert(mix(n), n, mix);
        }
        assert!((0..100_000).all(|n| index.find(mix(n), |r| (r == n).then_some(r)).is_some()));
    }

    #[test]
    fn equal_hashes_are_told_apart_by_the_caller() {
        let mut index = Index::new();
        for n in 0..8 {
            index.insert(42, n, |_| 42);
        }
        assert_eq!(index.find(42, |r| (r == 7).then_some(r)), Some(7));
        index.remove(42, 7);
        assert_eq!(index.find(42, |r| (r == 7).then_some(r)), None);
    }

    #[test]
    fn a_scan_meets_every_entry_that_stays_while_the_table_grows() {
        let mut index = Index::new();
        for n in 0..2_000 {
            index.insert(mix(n), n, mix);
        }
        let mut seen = Vec::new();
        let mut from = Some(0);
        let mut extra = 2_000;
        while let Some(hash) = from {
            index.visit_bucket(hash, mix, |_, r| seen.push(r));
            from = index.bucket_end(hash);
            for _ in 0..20 {
                index.insert(mix(extra), extra, mix);
                extra += 1;
            }
        }
        let distinct: HashSet<u32> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "nothing is visited twice");
        assert!((0..2_000).all(|n| distinct.contains(&n)));
    }

    #[test]
    fn a_segment_knows_its_earliest_expiry_through_growth() {
        let mut index = Index::new();
        for n in 0..50_000 {
            index.insert(mix(n), n, mix);
            index.note_due(mix(n), 1_000 + u64::from(n));
        }
        for segment in 0..index.segments() {
            let earliest = index
                .segment_entries(segment)
                .map(|n| 1_000 + u64::from(n))
                .min();
            assert!(index.due(segment) <= earliest.unwrap_or(Millis::MAX));
        }
    }
}
