//! Shapes: the interned, ordered lists of field names that rows refer to instead of holding names.
//!
//! In Redis half of a 50-feature entity is its field names, repeated in every entity. Here a row
//! says which shape it has (two bytes); a field that is missing costs it one bit.
//!
//! Invariants
//! - A shape is a set: its order is that of its first row. It never changes and is never freed, so
//!   rows may refer to it for ever and readers take no lock.
//! - Shapes are bounded by [`SHAPES_MAX`], whatever clients do. A set of names gets a shape when it
//!   is seen a second time (a set that never comes again gets none); once there are many shapes, a
//!   row prefers an existing one with a few names more. A row that gets none holds its own names.

use super::hasher::Hasher;
use crate::wide::same;
use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Most names in one shape.
pub const SHAPE_FIELDS_MAX: usize = 512;
/// Most bytes of names in one shape.
const SHAPE_NAME_BYTES_MAX: usize = 32 * 1024;
const CHUNK: usize = 256;
/// Most shapes there can be.
const SHAPES_MAX: usize = CHUNK * 64;
/// Up to here each set that repeats gets a shape of its own.
const SHAPES_EXACT: usize = 1024;
/// How many names more than its own a row accepts in a shape: eight bytes of bitmap.
const EXTRA_NAMES_MAX: usize = 64;
const CANDIDATES: usize = 4096;
/// How many shapes are looked at for one that has all names wanted.
const SUPERSETS_TRIED_MAX: usize = 64;

/// A name as whoever reads rows wants it, made once.
pub type Label = [u8; 40];

/// One shape.
pub struct Shape {
    pub id: u16,
    /// No other shape of the process has it, of whatever catalog.
    pub serial: u64,
    names: Box<[u8]>,
    ends: Box<[u32]>,
    labels: OnceLock<Option<Box<[Label]>>>,
    /// Open addressing by name hash: position + 1, or 0.
    table: Box<[u16]>,
    set: u64,
}

impl Shape {
    pub fn new(id: u16, names: &[&[u8]], hasher: &Hasher) -> Shape {
        static SERIALS: AtomicU64 = AtomicU64::new(0);
        let mut table = vec![0; (names.len() * 2).next_power_of_two().max(2)].into_boxed_slice();
        let mut ends = Vec::with_capacity(names.len());
        let mut end = 0;
        for (position, name) in names.iter().enumerate() {
            end += name.len() as u32;
            ends.push(end);
            let mut at = hasher.hash(name) as usize & (table.len() - 1);
            while table[at] != 0 {
                at = (at + 1) & (table.len() - 1);
            }
            table[at] = position as u16 + 1;
        }
        let set = set_hash(names, hasher);
        Shape {
            id,
            serial: SERIALS.fetch_add(1, Relaxed),
            names: names.concat().into(),
            ends: ends.into(),
            labels: OnceLock::new(),
            table,
            set,
        }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    pub fn name(&self, position: usize) -> &[u8] {
        let start = position
            .checked_sub(1)
            .map_or(0, |before| self.ends[before]);
        &self.names[start as usize..self.ends[position] as usize]
    }

    /// All names as labels, always made in the same way. `None`: there is none of some name, or
    /// there are too many shapes.
    #[inline]
    pub fn labels(&self, make: fn(&[u8]) -> Option<Label>) -> Option<&[Label]> {
        let all = || {
            let label = |position| make(self.name(position));
            let is_kept = usize::from(self.id) < SHAPES_EXACT;
            is_kept.then(|| (0..self.len()).map(label).collect())?
        };
        self.labels.get_or_init(all).as_deref()
    }

    /// Where the name is in the shape.
    #[inline]
    pub fn find(&self, name: &[u8], hasher: &Hasher) -> Option<usize> {
        let mut at = hasher.hash(name) as usize & (self.table.len() - 1);
        loop {
            let position = usize::from(self.table[at]).checked_sub(1)?;
            if same(self.name(position), name) {
                return Some(position);
            }
            at = (at + 1) & (self.table.len() - 1);
        }
    }

    /// The same, but look at this position first: writers name the fields in the same order each
    /// time.
    #[inline]
    pub fn find_from(&self, guess: usize, name: &[u8], hasher: &Hasher) -> Option<usize> {
        if guess < self.len() && same(self.name(guess), name) {
            return Some(guess);
        }
        self.find(name, hasher)
    }
}

/// A hash of a set of distinct names, whatever their order.
fn set_hash(names: &[&[u8]], hasher: &Hasher) -> u64 {
    names.iter().fold(names.len() as u64, |sum, name| {
        sum.wrapping_add(hasher.hash(name).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    })
}

type Chunk = Box<[OnceLock<Shape>; CHUNK]>;

/// All shapes.
pub struct Shapes {
    chunks: Box<[OnceLock<Chunk>; SHAPES_MAX / CHUNK]>,
    known: RwLock<Known>,
    candidates: Mutex<Vec<u64>>,
}

#[derive(Default)]
struct Known {
    count: usize,
    by_set: HashMap<u64, SmallVec<[u16; 1]>>,
    by_name: HashMap<u64, Vec<u16>>,
    bytes: usize,
}

impl Shapes {
    pub fn new() -> Shapes {
        Shapes {
            chunks: Box::new([const { OnceLock::new() }; SHAPES_MAX / CHUNK]),
            known: RwLock::default(),
            candidates: Mutex::new(vec![0; CANDIDATES]),
        }
    }

    /// The shape of an id that was given.
    #[inline]
    pub fn get(&self, id: u16) -> Option<&Shape> {
        self.chunks.get(usize::from(id) / CHUNK)?.get()?[usize::from(id) % CHUNK].get()
    }

    pub fn len(&self) -> usize {
        self.known.read().count
    }

    /// Bytes on the heap, about.
    pub fn bytes(&self) -> usize {
        self.known.read().bytes + CANDIDATES * 8
    }

    /// A shape that has all these distinct names, if they are to have one.
    pub fn resolve(&self, names: &[&[u8]], hasher: &Hasher) -> Option<&Shape> {
        let bytes: usize = names.iter().map(|n| n.len()).sum();
        if names.len() > SHAPE_FIELDS_MAX || bytes > SHAPE_NAME_BYTES_MAX {
            return None;
        }
        let set = set_hash(names, hasher);
        {
            let known = self.known.read();
            if let Some(shape) = self.exact(&known, set, names, hasher) {
                return Some(shape);
            }
            if known.count >= SHAPES_EXACT || !self.repeats(set) {
                let superset = self.superset(&known, names, hasher);
                if superset.is_some() || known.count >= SHAPES_MAX || known.count < SHAPES_EXACT {
                    return superset;
                }
                if !self.repeats(set) {
                    return None;
                }
            }
        }
        self.create(set, names, hasher)
    }

    /// Give a shape the id it had; answers the next one, as ids are given in their order. `None`:
    /// it can be no shape.
    pub fn restore(&self, names: &[&[u8]], hasher: &Hasher) -> Option<u16> {
        let bytes: usize = names.iter().map(|n| n.len()).sum();
        let distinct: std::collections::HashSet<&[u8]> = names.iter().copied().collect();
        let fits = (1..=SHAPE_FIELDS_MAX).contains(&names.len()) && bytes <= SHAPE_NAME_BYTES_MAX;
        if !fits || distinct.len() < names.len() {
            return None;
        }
        let shape = self.create(set_hash(names, hasher), names, hasher)?;
        Some(shape.id)
    }

    fn exact(&self, known: &Known, set: u64, names: &[&[u8]], hasher: &Hasher) -> Option<&Shape> {
        let ids = known.by_set.get(&set)?;
        ids.iter().filter_map(|&id| self.get(id)).find(|shape| {
            shape.len() == names.len() && names.iter().all(|n| shape.find(n, hasher).is_some())
        })
    }

    /// The smallest shape looked at that has all the names and not many more.
    fn superset(&self, known: &Known, names: &[&[u8]], hasher: &Hasher) -> Option<&Shape> {
        let lists = names.iter().map(|n| known.by_name.get(&hasher.hash(n)));
        let rarest = lists.min_by_key(|ids| ids.map_or(0, Vec::len))??;
        rarest
            .iter()
            .rev()
            .take(SUPERSETS_TRIED_MAX)
            .filter_map(|&id| self.get(id))
            .filter(|s| (names.len()..=names.len() + EXTRA_NAMES_MAX).contains(&s.len()))
            .filter(|s| names.iter().all(|n| s.find(n, hasher).is_some()))
            .min_by_key(|s| s.len())
    }

    /// Whether this set was seen before, lately. Notes that it was seen now.
    fn repeats(&self, set: u64) -> bool {
        let mut candidates = self.candidates.lock();
        std::mem::replace(&mut candidates[set as usize % CANDIDATES], set) == set
    }

    fn create(&self, set: u64, names: &[&[u8]], hasher: &Hasher) -> Option<&Shape> {
        let mut known = self.known.write();
        if let Some(shape) = self.exact(&known, set, names, hasher) {
            return Some(shape);
        }
        if known.count >= SHAPES_MAX {
            return None;
        }
        let id = u16::try_from(known.count).ok()?;
        let shape = Shape::new(id, names, hasher);
        known.count += 1;
        known.bytes += shape.names.len() + shape.ends.len() * (32 + size_of::<Label>());
        known.by_set.entry(shape.set).or_default().push(id);
        for name in names {
            known.by_name.entry(hasher.hash(name)).or_default().push(id);
        }
        let chunk = self.chunks[usize::from(id) / CHUNK]
            .get_or_init(|| Box::new([const { OnceLock::new() }; CHUNK]));
        // The slot is empty: ids are given one by one, under the lock.
        Some(chunk[usize::from(id) % CHUNK].get_or_init(|| shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[String]) -> Vec<&[u8]> {
        list.iter().map(String::as_bytes).collect()
    }

    #[test]
    fn a_set_gets_one_shape_when_it_repeats_whatever_its_order() {
        let (shapes, hasher) = (Shapes::new(), Hasher::new(7));
        assert!(shapes.resolve(&[b"a", b"b"], &hasher).is_none());
        let first = shapes.resolve(&[b"b", b"a"], &hasher).unwrap();
        assert_eq!((first.name(0), first.name(1)), (&b"b"[..], &b"a"[..]));
        assert_eq!(shapes.resolve(&[b"a", b"b"], &hasher).unwrap().id, first.id);
        assert_eq!(first.find(b"a", &hasher), Some(1));
        assert_eq!(first.find(b"c", &hasher), None);
    }

    #[test]
    fn a_part_of_a_known_set_uses_the_whole() {
        let (shapes, hasher) = (Shapes::new(), Hasher::new(7));
        let all: Vec<String> = (0..50).map(|n| format!("feature_{n}")).collect();
        shapes.resolve(&names(&all), &hasher);
        let whole = shapes.resolve(&names(&all), &hasher).unwrap().id;
        assert_eq!(
            shapes.resolve(&names(&all[10..30]), &hasher).unwrap().id,
            whole
        );
    }

    #[test]
    fn sets_that_never_repeat_and_sets_without_end_are_bounded() {
        let (shapes, hasher) = (Shapes::new(), Hasher::new(7));
        for n in 0..100_000u32 {
            let set = [format!("x{n}"), format!("y{n}")];
            assert!(shapes.resolve(&names(&set), &hasher).is_none());
        }
        assert_eq!(shapes.len(), 0);
        for n in 0..20_000u32 {
            let set = [format!("x{n}")];
            shapes.resolve(&names(&set), &hasher);
            shapes.resolve(&names(&set), &hasher);
        }
        assert!(shapes.len() <= SHAPES_MAX);
    }

    #[test]
    fn fields_added_in_any_order_make_few_shapes() {
        let (shapes, hasher) = (Shapes::new(), Hasher::new(7));
        let all: Vec<String> = (0..50).map(|n| format!("feature_{n}")).collect();
        let mut random = 1u64;
        for _ in 0..500 {
            let mut order = all.clone();
            for i in (1..order.len()).rev() {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                order.swap(i, (random >> 33) as usize % (i + 1));
            }
            for have in 1..=order.len() {
                shapes.resolve(&names(&order[..have]), &hasher);
            }
        }
        assert!(shapes.len() < 200, "{}", shapes.len());
    }
}
