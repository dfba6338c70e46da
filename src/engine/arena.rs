//! Memory for rows: blocks of bytes behind 32-bit references.
//!
//! One heap allocation a row costs 16 bytes of pointer and rounding and a pause when a million of
//! them are freed. Here rows lie in segments of 64 KiB; a reference is a position in units of 8
//! bytes; freed blocks are reused by size. What stays unused is won back by evacuating a segment:
//! its owner moves the live blocks elsewhere ([`Arena::sparse_segment`]) and drops the segment.
//!
//! ```text
//! block:  | units u16 | lsn u48 | payload ... |     units: size with this header, in 8 bytes
//! free:   | units u16 | ones    | next u32 | previous u32 | ... |
//! ```
//!
//! Invariants
//! - The blocks of a segment tile it from 0 to `used`.
//! - A payload larger than a segment has a segment of its own, whose block says 0 units.
//! - Reference 0 is a valid block; `NIL` is none.

use super::memory::Memory;

/// Bytes of a segment.
const SEGMENT_BYTES: usize = 64 * 1024;
const UNIT: usize = 8;
const SEGMENT_UNITS: u32 = (SEGMENT_BYTES / UNIT) as u32;
const HEADER: usize = 8;
const UNITS_MIN: usize = 2;
const NIL: u32 = u32::MAX;
/// The LSN bits of a free block.
const FREE_LSN: u64 = (1 << 48) - 1;
/// Free lists by exact size up to this many units, by power of two above.
const EXACT: usize = 128;
const CLASSES: usize = EXACT + 8;

struct Segment {
    data: Memory,
    /// Where the next new block goes, bytes.
    used: usize,
    /// Bytes in live blocks.
    live: usize,
}

/// See the module.
#[derive(Default)]
pub struct Arena {
    segments: Vec<Option<Segment>>,
    /// Indexes in `segments` that hold none.
    vacant: Vec<u32>,
    /// The segment that new blocks are taken from.
    open: Option<u32>,
    free: Vec<u32>,
    /// The segment being emptied: nothing new is put there.
    evacuating: Option<u32>,
    used: usize,
    live: usize,
}

fn class(units: usize) -> usize {
    if units < EXACT {
        units
    } else {
        EXACT + (units / EXACT).ilog2() as usize
    }
}

fn load_u32(data: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]])
}

fn header(data: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&data[at..at + 8]);
    u64::from_le_bytes(bytes)
}

fn set_header(data: &mut [u8], at: usize, units: usize, lsn: u64) {
    debug_assert!(units <= 0xffff && lsn <= FREE_LSN);
    data[at..at + 8].copy_from_slice(&(units as u64 | lsn << 16).to_le_bytes());
}

impl Arena {
    /// Bytes of memory in use, freed blocks included.
    pub fn bytes(&self) -> usize {
        self.used
    }

    #[inline]
    fn place(&self, reference: u32) -> (&Segment, usize) {
        let segment = self.segments[(reference / SEGMENT_UNITS) as usize].as_ref();
        (
            segment.expect("a live reference"),
            (reference % SEGMENT_UNITS) as usize * UNIT,
        )
    }

    fn place_mut(&mut self, reference: u32) -> (&mut Segment, usize) {
        let segment = self.segments[(reference / SEGMENT_UNITS) as usize].as_mut();
        (
            segment.expect("a live reference"),
            (reference % SEGMENT_UNITS) as usize * UNIT,
        )
    }

    /// Size of the block with its header, bytes.
    fn size(segment: &Segment, at: usize) -> usize {
        match (header(&segment.data, at) & 0xffff) as usize {
            0 => segment.data.len(),
            units => units * UNIT,
        }
    }

    /// The payload: at least as long as what was asked for.
    #[inline]
    pub fn get(&self, reference: u32) -> &[u8] {
        let (segment, at) = self.place(reference);
        &segment.data[at + HEADER..at + Self::size(segment, at)]
    }

    pub fn get_mut(&mut self, reference: u32) -> &mut [u8] {
        let (segment, at) = self.place_mut(reference);
        let size = Self::size(segment, at);
        &mut segment.data[at + HEADER..at + size]
    }

    pub fn prefetch(&self, reference: u32) {
        let (segment, at) = self.place(reference);
        super::prefetch::block(&segment.data, at);
    }

    /// The LSN of the last write of this block.
    pub fn lsn(&self, reference: u32) -> u64 {
        let (segment, at) = self.place(reference);
        header(&segment.data, at) >> 16
    }

    pub fn set_lsn(&mut self, reference: u32, lsn: u64) {
        let (segment, at) = self.place_mut(reference);
        let units = (header(&segment.data, at) & 0xffff) as usize;
        set_header(&mut segment.data, at, units, lsn);
    }

    /// Bytes of memory that a payload of this length takes.
    pub fn cost(len: usize) -> usize {
        (len + HEADER).next_multiple_of(UNIT).max(UNITS_MIN * UNIT)
    }

    /// A new block for a payload of `len` bytes.
    pub fn allocate(&mut self, len: usize, lsn: u64) -> u32 {
        let size = Self::cost(len);
        if size > SEGMENT_BYTES {
            return self.allocate_alone(size, lsn);
        }
        let units = size / UNIT;
        let reference = match self.take_free(units) {
            Some(found) => found,
            None => self.bump(units),
        };
        let (segment, at) = self.place_mut(reference);
        set_header(&mut segment.data, at, units, lsn);
        segment.live += size;
        self.live += size;
        reference
    }

    fn add_segment(&mut self, segment: Segment) -> u32 {
        match self.vacant.pop() {
            Some(index) => {
                self.segments[index as usize] = Some(segment);
                index
            }
            None => {
                let index = u32::try_from(self.segments.len()).unwrap_or(NIL);
                assert!(
                    index < u32::MAX / SEGMENT_UNITS,
                    "a shard holds at most 32 GiB"
                );
                self.segments.push(Some(segment));
                index
            }
        }
    }

    fn allocate_alone(&mut self, size: usize, lsn: u64) -> u32 {
        let mut data = Memory::zeroed(size);
        set_header(&mut data, 0, 0, lsn);
        self.used += size;
        self.live += size;
        self.add_segment(Segment {
            data,
            used: size,
            live: size,
        }) * SEGMENT_UNITS
    }

    /// Take new memory from the open segment.
    fn bump(&mut self, units: usize) -> u32 {
        let size = units * UNIT;
        if let Some(open) = self.open {
            let segment = self.segments[open as usize]
                .as_mut()
                .expect("the open segment is there");
            let at = segment.used;
            let rest = SEGMENT_BYTES - at;
            if size <= rest {
                segment.used += size;
                self.used += size;
                return open * SEGMENT_UNITS + (at / UNIT) as u32;
            }
            if rest >= UNITS_MIN * UNIT {
                segment.used = SEGMENT_BYTES;
                self.used += rest;
                self.put_free(open * SEGMENT_UNITS + (at / UNIT) as u32, rest / UNIT);
            }
        }
        let data = Memory::zeroed(SEGMENT_BYTES);
        let open = self.add_segment(Segment {
            data,
            used: size,
            live: 0,
        });
        self.open = Some(open);
        self.used += size;
        open * SEGMENT_UNITS
    }

    /// A free block of exactly these units, cut from a larger one if need be.
    fn take_free(&mut self, units: usize) -> Option<u32> {
        if self.free.is_empty() {
            return None;
        }
        let exact = class(units);
        // Beyond the exact classes only a block of a higher class surely fits.
        let first = if exact < EXACT { exact } else { exact + 1 };
        let from = (first..CLASSES).find(|&c| self.free[c] != NIL)?;
        let reference = self.free[from];
        let found = self.unlink(reference);
        let rest = found - units;
        if rest >= UNITS_MIN {
            self.put_free(reference + units as u32, rest);
        } else if rest > 0 {
            // One unit is too small for a block: leave it with this one by giving it back.
            self.put_free(reference, found);
            return self.take_larger(units, from);
        }
        Some(reference)
    }

    /// As `take_free`, past a class whose blocks would leave a crumb.
    fn take_larger(&mut self, units: usize, past: usize) -> Option<u32> {
        let from = (past + 1..CLASSES).find(|&c| self.free[c] != NIL)?;
        let reference = self.free[from];
        let rest = self.unlink(reference) - units;
        self.put_free(reference + units as u32, rest);
        Some(reference)
    }

    /// Take a block out of its free list; answers its units.
    fn unlink(&mut self, reference: u32) -> usize {
        let (segment, at) = self.place(reference);
        let units = (header(&segment.data, at) & 0xffff) as usize;
        let (next, previous) = (
            load_u32(&segment.data, at + HEADER),
            load_u32(&segment.data, at + HEADER + 4),
        );
        if previous == NIL {
            self.free[class(units)] = next;
        } else {
            let (segment, at) = self.place_mut(previous);
            segment.data[at + HEADER..at + HEADER + 4].copy_from_slice(&next.to_le_bytes());
        }
        if next != NIL {
            let (segment, at) = self.place_mut(next);
            segment.data[at + HEADER + 4..at + HEADER + 8].copy_from_slice(&previous.to_le_bytes());
        }
        units
    }

    fn put_free(&mut self, reference: u32, units: usize) {
        if self.free.is_empty() {
            self.free = vec![NIL; CLASSES];
        }
        let head = std::mem::replace(&mut self.free[class(units)], reference);
        let (segment, at) = self.place_mut(reference);
        set_header(&mut segment.data, at, units, FREE_LSN);
        segment.data[at + HEADER..at + HEADER + 4].copy_from_slice(&head.to_le_bytes());
        segment.data[at + HEADER + 4..at + HEADER + 8].copy_from_slice(&NIL.to_le_bytes());
        if head != NIL {
            let (segment, at) = self.place_mut(head);
            let previous = at + HEADER + 4..at + HEADER + 8;
            segment.data[previous].copy_from_slice(&reference.to_le_bytes());
        }
    }

    /// Give a block back.
    pub fn release(&mut self, reference: u32) {
        let index = reference / SEGMENT_UNITS;
        let (segment, at) = self.place_mut(reference);
        let mut size = Self::size(segment, at);
        segment.live -= size;
        let (empty, alone) = (segment.live == 0, header(&segment.data, at) & 0xffff == 0);
        let behind = (at + size < segment.used).then(|| header(&segment.data, at + size));
        self.live -= size;
        if alone || (empty && self.open != Some(index)) {
            self.drop_segment(index);
            return;
        }
        if self.evacuating == Some(index) {
            return;
        }
        if let Some(behind) = behind.filter(|h| h >> 16 == FREE_LSN) {
            self.unlink(reference + (size / UNIT) as u32);
            size += (behind & 0xffff) as usize * UNIT;
        }
        self.put_free(reference, size / UNIT);
    }

    /// Drop a segment none of whose blocks is live.
    fn drop_segment(&mut self, index: u32) {
        let mut at = 0;
        while let Some((units, lsn)) = self.block_at(index, at) {
            if units == 0 {
                break;
            }
            if lsn == FREE_LSN {
                self.unlink(index * SEGMENT_UNITS + (at / UNIT) as u32);
            }
            at += units * UNIT;
        }
        let segment = self.segments[index as usize]
            .take()
            .expect("the segment is there");
        self.used -= segment.used;
        self.vacant.push(index);
        if self.evacuating == Some(index) {
            self.evacuating = None;
        }
    }

    fn block_at(&self, index: u32, at: usize) -> Option<(usize, u64)> {
        let segment = self.segments[index as usize].as_ref()?;
        if at >= segment.used {
            return None;
        }
        let header = header(&segment.data, at);
        Some(((header & 0xffff) as usize, header >> 16))
    }

    /// A segment worth evacuating: over a quarter of all memory is free, and so is much of it.
    pub fn sparse_segment(&self, random: u64) -> Option<u32> {
        let spare = self.used - self.live;
        if spare < 4 * SEGMENT_BYTES || spare * 4 < self.used {
            return None;
        }
        let count = self.segments.len() as u64;
        let candidates = (0..8).map(|i| (random.wrapping_add(i * 0x9e37_79b9) % count) as u32);
        candidates
            .filter(|&i| Some(i) != self.open)
            .filter_map(|i| Some((i, self.segments[i as usize].as_ref()?)))
            .filter(|(_, s)| s.data.len() == SEGMENT_BYTES && s.live * 4 < s.used * 3)
            .min_by_key(|(_, s)| s.live)
            .map(|(i, _)| i)
    }

    /// Take the free blocks of a segment out of use, so that nothing new is put there, and list
    /// its live blocks: the owner copies each elsewhere and releases it; the segment goes with the
    /// last.
    pub fn evacuate(&mut self, index: u32) -> Vec<u32> {
        if self.segments[index as usize]
            .as_ref()
            .is_some_and(|s| s.live == 0)
        {
            // It was emptied while it was the open one: no release will come that drops it.
            self.drop_segment(index);
            return Vec::new();
        }
        self.evacuating = Some(index);
        let mut live = Vec::new();
        let mut at = 0;
        while let Some((units, lsn)) = self.block_at(index, at) {
            let reference = index * SEGMENT_UNITS + (at / UNIT) as u32;
            if lsn == FREE_LSN {
                self.unlink(reference);
                let (segment, at) = self.place_mut(reference);
                set_header(&mut segment.data, at, units, 0);
            } else {
                live.push(reference);
            }
            at += units * UNIT;
        }
        live
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// What is emptied while new blocks are taken from it stays; once it is no longer the open
    /// one, evacuating it must drop it, or its free blocks would pass for live ones.
    #[test]
    fn a_segment_emptied_while_open_is_dropped_later() {
        let mut arena = Arena::default();
        let first = arena.allocate(100, 1);
        let index = first / SEGMENT_UNITS;
        arena.release(first);
        // More than the first segment has left: another is opened.
        let second = arena.allocate(SEGMENT_BYTES - HEADER, 2);
        assert_ne!(second / SEGMENT_UNITS, index);
        assert!(arena.evacuate(index).is_empty());
        assert!(arena.segments[index as usize].is_none());
        assert_eq!(arena.bytes(), SEGMENT_BYTES);
        // Its free blocks went with it: this one comes from elsewhere.
        let third = arena.allocate(100, 3);
        assert_eq!(arena.evacuate(third / SEGMENT_UNITS), [third]);
    }

    /// Fill each block with a pattern of its own, so that an overlap shows.
    fn stamp(arena: &mut Arena, reference: u32, len: usize, id: u64) {
        let payload = arena.get_mut(reference);
        assert!(payload.len() >= len);
        payload[..len].fill(id as u8);
    }

    #[test]
    fn blocks_never_overlap_and_freed_memory_is_used_again() {
        let mut arena = Arena::default();
        let mut live: HashMap<u32, (usize, u64)> = HashMap::new();
        let mut order: Vec<u32> = Vec::new();
        let mut random = 1u64;
        for id in 0..200_000u64 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            if live.len() > 2_000 {
                let reference = order.swap_remove((random >> 33) as usize % order.len());
                let (len, id) = live.remove(&reference).unwrap();
                assert!(
                    arena.get(reference)[..len].iter().all(|&b| b == id as u8),
                    "block {id}"
                );
                arena.release(reference);
                if let Some(segment) = arena.sparse_segment(random) {
                    let moved = arena.evacuate(segment);
                    for block in moved {
                        let (len, id) = live.remove(&block).unwrap();
                        let new = arena.allocate(len, id);
                        stamp(&mut arena, new, len, id);
                        arena.release(block);
                        live.insert(new, (len, id));
                    }
                    order = live.keys().copied().collect();
                }
            }
            let len = match random >> 60 {
                0 => 70_000,
                1..4 => (random >> 40) as usize % 3_000,
                _ => 150 + (random >> 40) as usize % 100,
            };
            let reference = arena.allocate(len, id);
            assert_eq!(arena.lsn(reference), id);
            stamp(&mut arena, reference, len, id);
            live.insert(reference, (len, id));
            order.push(reference);
        }
        let wanted: usize = live.values().map(|l| Arena::cost(l.0)).sum();
        assert_eq!(arena.live, wanted);
        assert!(
            arena.bytes() < wanted * 3 / 2,
            "{} for {wanted}",
            arena.bytes()
        );
        for reference in live.into_keys() {
            arena.release(reference);
        }
        assert_eq!(arena.live, 0);
        assert!(
            arena.bytes() <= SEGMENT_BYTES,
            "only the open segment stays"
        );
    }

    #[test]
    fn a_sparse_segment_is_emptied_by_moving_its_blocks() {
        let mut arena = Arena::default();
        let mut blocks: Vec<u32> = (0..20_000).map(|n| arena.allocate(200, n)).collect();
        let full = arena.bytes();
        let mut kept: Vec<u32> = blocks.iter().copied().step_by(4).collect();
        blocks.retain(|b| !kept.contains(b));
        blocks.into_iter().for_each(|b| arena.release(b));
        for round in 0..10_000 {
            let Some(segment) = arena.sparse_segment(round * 7) else {
                continue;
            };
            for block in arena.evacuate(segment) {
                let lsn = arena.lsn(block);
                let new = arena.allocate(200, lsn);
                arena.release(block);
                let at = kept
                    .iter()
                    .position(|&k| k == block)
                    .expect("only live blocks move");
                kept[at] = new;
            }
        }
        assert!(arena.bytes() < full / 2, "{} of {full}", arena.bytes());
        for (n, block) in kept.into_iter().enumerate() {
            assert_eq!(arena.lsn(block), n as u64 * 4);
        }
    }
}
