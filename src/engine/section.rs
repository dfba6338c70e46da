//! A level in a file: index and blocks as on the heap, packed, read where they lie.
//!
//! ```text
//! block:  | units u16 | payload ... |                     units: size with this header, in 8 bytes
//!         | 0 u16 | 0 u16 | units u32 | payload ... |     from 2^16 units on
//! bucket: | 12 tags u8 | passed u32 | 12 references u32 | reference: place of a block, in 8 bytes
//! due:    u64 for each 64 buckets: when an entry of theirs may first expire
//! ```
//!
//! The home bucket of a hash is `hash * buckets / 2^64`, so buckets are in the order of hashes, as
//! blocks are. `passed` counts the entries that belong to the bucket or an earlier one and lie
//! behind it; behind the last bucket comes the first. None lies further behind than [`WALK_MAX`]
//! says.
//!
//! Invariants
//! - Reading is total: bytes that are no section are an error or a name that is not found, never
//!   a panic, a read past the end or a walk without end: no bucket is looked for further than
//!   [`WALK_MAX`] buckets, though each says that something lies behind it.
//! - What a section holds never changes.

use super::Millis;
use super::level::{Aligned, Form};
use super::tags::{EMPTY, SLOTS, hits, tag};
use crate::wide::same;
use bytes::Bytes;
use std::io;
use std::marker::PhantomData;

const BUCKET_BYTES: usize = 64;
const UNIT: usize = 8;
/// A bucket is filled with so many entries on average.
const FILL: usize = 10;
/// An entry lies in its home bucket or in one of those behind it, so many in all. With twelve slots
/// and ten entries a bucket one in 10^10 would lie further: then there are more buckets.
const WALK_MAX: usize = 128;
/// Buckets of which it is known together when they are next due.
const GROUP_BUCKETS: usize = 64;
/// Where sections, and the parts of one, begin.
pub const ALIGN: u64 = 64;

/// Where the parts of a section are in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub blocks_at: u64,
    pub blocks_bytes: u64,
    pub buckets_at: u64,
    pub buckets: u64,
    pub dues_at: u64,
    /// 0: nothing expires.
    pub dues: u64,
    pub entries: u64,
}

impl Place {
    /// The parts: where they begin, and how long they are.
    pub fn parts(&self) -> [(u64, u64); 3] {
        [
            (self.blocks_at, self.blocks_bytes),
            (
                self.buckets_at,
                self.buckets.saturating_mul(BUCKET_BYTES as u64),
            ),
            (self.dues_at, self.dues.saturating_mul(8)),
        ]
    }
}

/// See the module.
pub struct Section<F> {
    blocks: Bytes,
    buckets: Bytes,
    count: usize,
    entries: usize,
    dues: Vec<Millis>,
    form: PhantomData<fn() -> F>,
}

#[inline]
fn home(hash: u64, count: usize) -> usize {
    ((u128::from(hash) * count as u128) >> 64) as usize
}

fn part(file: &Bytes, at: u64, bytes: u64) -> Option<Bytes> {
    let from = usize::try_from(at).ok()?;
    let to = from.checked_add(usize::try_from(bytes).ok()?)?;
    (to <= file.len()).then(|| file.slice(from..to))
}

impl<F: Form> Section<F> {
    /// The section at this place of a file; `None` if it cannot be there.
    pub fn open(file: &Bytes, place: &Place) -> Option<Section<F>> {
        let buckets = place.buckets.checked_mul(BUCKET_BYTES as u64)?;
        let count = usize::try_from(place.buckets).ok()?;
        if place.entries > place.buckets.checked_mul(SLOTS as u64)? {
            return None;
        }
        if place.dues != 0 && place.dues != count.div_ceil(GROUP_BUCKETS) as u64 {
            return None;
        }
        let dues = part(file, place.dues_at, place.dues.checked_mul(8)?)?;
        let (dues, _) = dues.as_chunks::<8>();
        Some(Section {
            blocks: part(file, place.blocks_at, place.blocks_bytes)?,
            buckets: part(file, place.buckets_at, buckets)?,
            count,
            entries: usize::try_from(place.entries).ok()?,
            dues: dues.iter().map(|due| u64::from_le_bytes(*due)).collect(),
            form: PhantomData,
        })
    }

    pub fn len(&self) -> usize {
        self.entries
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        home(hash, self.count)
    }

    /// The hash at which a bucket begins; `None` behind the last.
    fn begin(&self, bucket: usize) -> Option<u64> {
        let begin = ((bucket as u128) << 64).div_ceil(self.count as u128);
        u64::try_from(begin).ok()
    }

    #[inline]
    fn bucket(&self, at: usize) -> Option<Bucket<'_>> {
        let bytes = self.buckets.get(at * BUCKET_BYTES..)?.first_chunk()?;
        Some(Bucket(bytes))
    }

    /// Buckets in which an entry may lie.
    #[inline]
    fn walk(&self) -> usize {
        self.count.min(WALK_MAX)
    }

    #[inline]
    fn after(&self, bucket: usize) -> usize {
        if bucket + 1 == self.count {
            0
        } else {
            bucket + 1
        }
    }

    /// The entry of a name, and its block.
    #[inline]
    pub fn find(&self, name: &[u8], hash: u64) -> Option<(u32, &[u8])> {
        let mut at = self.home(hash);
        for _ in 0..self.walk() {
            let bucket = self.bucket(at)?;
            for slot in hits(bucket.tags(), tag(hash)) {
                let reference = bucket.reference(slot);
                let block = self.get(reference);
                if same(F::name(block), name) {
                    return Some((reference, block));
                }
            }
            if bucket.passed() == 0 {
                return None;
            }
            at = self.after(at);
        }
        None
    }

    /// The block of a reference: nothing, if there is none.
    #[inline]
    pub fn get(&self, reference: u32) -> &[u8] {
        self.block(reference).map_or(&[], |(payload, _)| payload)
    }

    /// The payload of a block, and the size of the block, bytes.
    #[inline]
    fn block(&self, reference: u32) -> Option<(&[u8], usize)> {
        let rest = self.blocks.get(reference as usize * UNIT..)?;
        let units = u16::from_le_bytes(*rest.first_chunk()?);
        let (header, size) = match units {
            0 => {
                let head: &[u8; 8] = rest.first_chunk()?;
                let units = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
                (8, units as usize * UNIT)
            }
            _ => (2, usize::from(units) * UNIT),
        };
        Some((rest.get(header..size)?, size))
    }

    #[inline]
    pub fn prefetch_index(&self, hash: u64) {
        if let Some(bucket) = self.bucket(self.home(hash)) {
            super::prefetch::line(bucket.0);
        }
    }

    #[inline]
    pub fn prefetch_entry(&self, hash: u64) -> bool {
        let Some(bucket) = self.bucket(self.home(hash)) else {
            return false;
        };
        let Some(slot) = hits(bucket.tags(), tag(hash)).next() else {
            return false;
        };
        let reference = bucket.reference(slot);
        super::prefetch::block(&self.blocks, reference as usize * UNIT);
        true
    }

    pub fn bucket_end(&self, from: u64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        self.begin(self.home(from) + 1)
    }

    pub fn visit_bucket<'a>(
        &'a self,
        from: u64,
        aligned: Aligned<'_>,
        mut visit: impl FnMut(u64, &'a [u8]),
    ) {
        let home = self.home(from);
        let mut at = home;
        for _ in 0..self.walk() {
            let Some(bucket) = self.bucket(at) else {
                return;
            };
            for reference in bucket.references() {
                let block = self.get(reference);
                let hash = aligned.of(F::name(block));
                if self.home(hash) == home && hash >= from {
                    visit(hash, block);
                }
            }
            if bucket.passed() == 0 {
                return;
            }
            at = self.after(at);
        }
    }

    /// All entries, in no useful order.
    pub fn entries(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.count)
            .map_while(|at| self.bucket(at))
            .flat_map(Bucket::references)
    }

    /// When each group of entries is due, as it was when the section was written; empty: nothing
    /// expires.
    pub fn dues(&self) -> &[Millis] {
        &self.dues
    }

    pub fn group_of(&self, hash: u64) -> usize {
        self.home(hash) / GROUP_BUCKETS
    }

    pub fn groups(&self) -> usize {
        self.count.div_ceil(GROUP_BUCKETS)
    }

    /// The entries that belong to the buckets of this group.
    pub fn group_entries(&self, group: usize, aligned: Aligned<'_>) -> Vec<u32> {
        let from = group * GROUP_BUCKETS;
        let mut found = Vec::new();
        let mut at = from;
        for n in 0..self.count.min(GROUP_BUCKETS + WALK_MAX) {
            let Some(bucket) = self.bucket(at) else {
                break;
            };
            let belongs = |r: &u32| self.group_of(aligned.of(F::name(self.get(*r)))) == group;
            found.extend(bucket.references().filter(belongs));
            // Entries of the last bucket may lie behind it.
            if n + 1 >= GROUP_BUCKETS && bucket.passed() == 0 {
                break;
            }
            at = self.after(at);
        }
        found
    }

    /// Look at every byte: blocks tile their part, and each of them, and nothing else, is found
    /// under the hash of its name. Answers what is wrong.
    pub fn check(&self, aligned: Aligned<'_>) -> Result<(), String> {
        let mut starts = Vec::new();
        let mut at = 0;
        while at < self.blocks.len() {
            let reference = u32::try_from(at / UNIT).map_err(|_| "too many blocks".to_owned())?;
            let block = self.block(reference).filter(|(_, size)| *size > 0);
            let (payload, size) = block.ok_or_else(|| format!("no block at {at}"))?;
            let name = F::name(payload);
            let found = self.find(name, aligned.of(name));
            if found.is_none_or(|(found, _)| found != reference) {
                return Err(format!("the block at {at} is not found by its name"));
            }
            starts.push(reference);
            at += size;
        }
        let mut referred = 0;
        for reference in self.entries() {
            referred += 1;
            if starts.binary_search(&reference).is_err() {
                return Err(format!("no block begins at reference {reference}"));
            }
        }
        if referred != starts.len() || referred != self.entries {
            let (blocks, entries) = (starts.len(), self.entries);
            return Err(format!(
                "{blocks} blocks, {referred} references, {entries} entries"
            ));
        }
        self.check_passed(aligned)
    }

    /// Buckets are passed by as they say. Every entry was found under its name.
    fn check_passed(&self, aligned: Aligned<'_>) -> Result<(), String> {
        let mut passed = vec![0; self.count];
        for at in 0..self.count {
            for reference in self.bucket(at).iter().flat_map(|b| b.references()) {
                let mut by = self.home(aligned.of(F::name(self.get(reference))));
                while by != at {
                    passed[by] += 1;
                    by = self.after(by);
                }
            }
        }
        let wrong = (0..self.count).find(|at| {
            let said = self.bucket(*at).map(Bucket::passed);
            said != passed.get(*at).copied()
        });
        match wrong {
            None => Ok(()),
            Some(at) => Err(format!("bucket {at} says wrongly how many passed it")),
        }
    }
}

#[derive(Clone, Copy)]
struct Bucket<'a>(&'a [u8; BUCKET_BYTES]);

impl<'a> Bucket<'a> {
    #[inline]
    fn tags(self) -> &'a [u8; SLOTS] {
        self.0.first_chunk().unwrap_or(&[EMPTY; SLOTS])
    }

    #[inline]
    fn u32(self, at: usize) -> u32 {
        let four = self.0.get(at..).and_then(|bytes| bytes.first_chunk());
        four.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    #[inline]
    fn passed(self) -> u32 {
        self.u32(SLOTS)
    }

    #[inline]
    fn reference(self, slot: usize) -> u32 {
        self.u32(SLOTS + 4 + slot * 4)
    }

    fn references(self) -> impl Iterator<Item = u32> + 'a {
        let used = move |slot: &usize| self.tags().get(*slot).is_some_and(|t| *t != EMPTY);
        (0..SLOTS)
            .filter(used)
            .map(move |slot| self.reference(slot))
    }
}

/// Where a section is written to.
pub trait Sink {
    /// Bytes written so far.
    fn at(&self) -> u64;
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// Fill up to where a part may begin.
pub fn align(sink: &mut dyn Sink) -> io::Result<()> {
    let missing = sink.at().next_multiple_of(ALIGN) - sink.at();
    let zeros = [0; ALIGN as usize];
    sink.write(zeros.get(..missing as usize).unwrap_or_default())
}

/// Writes a section: its entries in the order of their hashes.
pub struct Writer<'s> {
    sink: &'s mut dyn Sink,
    blocks_at: u64,
    references: Vec<(u64, u32)>,
    dues: Vec<(u64, Millis)>,
}

impl<'s> Writer<'s> {
    pub fn new(sink: &'s mut dyn Sink) -> io::Result<Writer<'s>> {
        align(sink)?;
        let blocks_at = sink.at();
        Ok(Writer {
            sink,
            blocks_at,
            references: Vec::new(),
            dues: Vec::new(),
        })
    }

    /// Add an entry. Names differ.
    pub fn put(&mut self, hash: u64, payload: &[u8], due: Millis) -> io::Result<()> {
        let place = (self.sink.at() - self.blocks_at) / UNIT as u64;
        let reference = u32::try_from(place);
        let reference = reference.map_err(|_| io::Error::other("a section is 32 GiB at most"))?;
        self.references.push((hash, reference));
        if due != Millis::MAX {
            self.dues.push((hash, due));
        }
        let units = (payload.len() + 2).div_ceil(UNIT);
        let header = match u16::try_from(units) {
            Ok(units) => {
                self.sink.write(&units.to_le_bytes())?;
                2
            }
            Err(_) => {
                let units = (payload.len() + 8).div_ceil(UNIT);
                let units = u32::try_from(units).map_err(io::Error::other)?;
                self.sink.write(&[0; 4])?;
                self.sink.write(&units.to_le_bytes())?;
                8
            }
        };
        self.sink.write(payload)?;
        let size = header + payload.len();
        let zeros = [0; UNIT];
        let pad = size.next_multiple_of(UNIT) - size;
        self.sink.write(zeros.get(..pad).unwrap_or_default())
    }

    pub fn finish(self) -> io::Result<Place> {
        let sink = self.sink;
        let blocks_bytes = sink.at() - self.blocks_at;
        align(sink)?;
        let buckets_at = sink.at();
        let (count, buckets) = fill_all(&self.references)?;
        sink.write(buckets.as_flattened())?;
        let dues_at = sink.at();
        let mut dues = Vec::new();
        if !self.dues.is_empty() {
            dues.resize(count.div_ceil(GROUP_BUCKETS), Millis::MAX);
            for (hash, due) in self.dues {
                let group = &mut dues[home(hash, count) / GROUP_BUCKETS];
                *group = due.min(*group);
            }
        }
        for due in &dues {
            sink.write(&due.to_le_bytes())?;
        }
        Ok(Place {
            blocks_at: self.blocks_at,
            blocks_bytes,
            buckets_at,
            buckets: count as u64,
            dues_at,
            dues: dues.len() as u64,
            entries: self.references.len() as u64,
        })
    }
}

/// As many buckets as it takes, with these entries.
fn fill_all(references: &[(u64, u32)]) -> io::Result<(usize, Vec<[u8; BUCKET_BYTES]>)> {
    let least = references.len().div_ceil(FILL);
    let counts = [1, 2, 4, 8].map(|more| least * more).into_iter();
    let filled = counts.map(|count| Some((count, fill(references, count)?)));
    let mut filled = filled.flatten();
    let none = || io::Error::other("too many names have nearly the same hash");
    filled.next().ok_or_else(none)
}

/// So many buckets with these entries; `None`: one would lie too far behind its home.
fn fill(references: &[(u64, u32)], count: usize) -> Option<Vec<[u8; BUCKET_BYTES]>> {
    let mut buckets = vec![[0u8; BUCKET_BYTES]; count];
    for &(hash, reference) in references {
        let mut at = home(hash, count);
        let mut walk = 0..count.min(WALK_MAX);
        loop {
            walk.next()?;
            let bucket = &mut buckets[at];
            let tags = &mut bucket[..SLOTS];
            if let Some(slot) = tags.iter().position(|t| *t == EMPTY) {
                tags[slot] = tag(hash);
                let at = SLOTS + 4 + slot * 4;
                bucket[at..at + 4].copy_from_slice(&reference.to_le_bytes());
                break;
            }
            let passed = Bucket(bucket).passed() + 1;
            bucket[SLOTS..SLOTS + 4].copy_from_slice(&passed.to_le_bytes());
            at = if at + 1 == count { 0 } else { at + 1 };
        }
    }
    Some(buckets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::row::Rows;

    fn section(references: &[(u64, u32)]) -> io::Result<Section<Rows>> {
        let (count, buckets) = fill_all(references)?;
        Ok(Section {
            blocks: Bytes::new(),
            buckets: buckets.as_flattened().to_vec().into(),
            count,
            entries: references.len(),
            dues: Vec::new(),
            form: PhantomData,
        })
    }

    #[test]
    fn names_of_one_hash_lie_near_it_or_are_refused() {
        let spread = (0..20_000u64).map(|n| n * (u64::MAX / 20_000));
        let all = |same: usize| -> Vec<(u64, u32)> {
            let hashes = spread.clone().chain(std::iter::repeat_n(7 << 60, same));
            let mut all: Vec<u64> = hashes.collect();
            all.sort_unstable();
            all.into_iter().zip(0..).collect()
        };
        let (mut fitting, mut grown) = (0, 0);
        for same in SLOTS * (WALK_MAX - 1)..=SLOTS * WALK_MAX {
            let Ok(section) = section(&all(same)) else {
                continue;
            };
            assert_eq!(section.entries().count(), section.len());
            match section.count > section.len().div_ceil(FILL) {
                true => grown += 1,
                false => fitting += 1,
            }
        }
        assert!(fitting > 0 && grown > 0, "{fitting}, {grown}");
        // As many as fit into a segment of an index on the heap.
        assert!(section(&all(SLOTS * 112)).is_ok());
        assert!(section(&all(SLOTS * WALK_MAX + 1)).is_err());
        assert_eq!(section(&[]).unwrap().count, 0);
    }

    /// What a file may say: something lies behind every bucket. Without blocks names are empty.
    #[test]
    fn a_walk_is_short_whatever_buckets_say() {
        let count = 1 << 12;
        let hasher = crate::engine::hasher::Hasher::new(1);
        let aligned = Aligned {
            hasher: &hasher,
            shared_bits: 0,
        };
        let mut full = [0xff; BUCKET_BYTES];
        full[..SLOTS].fill(tag(aligned.of(b"")));
        let section = Section::<Rows> {
            blocks: Bytes::new(),
            buckets: [full].repeat(count).as_flattened().to_vec().into(),
            count,
            entries: count,
            dues: Vec::new(),
            form: PhantomData,
        };
        let (hash, home) = (aligned.of(b""), section.home(aligned.of(b"")));
        let mut seen = 0;
        section.visit_bucket(section.begin(home).unwrap(), aligned, |_, _| seen += 1);
        assert_eq!(seen, WALK_MAX * SLOTS);
        let group = section.group_entries(section.group_of(hash), aligned);
        assert_eq!(group.len(), (GROUP_BUCKETS + WALK_MAX) * SLOTS);
        let none = [].as_slice();
        assert_eq!(section.find(b"", hash), Some((u32::MAX, none)));
        assert_eq!(section.find(b"another", hash), None);
    }
}
