//! The entities of one database in one shard, and how each mutation changes them.
//!
//! Invariants
//! - Every change goes through one of the methods here, with the LSN it happens at.
//! - A big hash is owned by exactly one row, and is dropped with it.

mod frozen;
mod layered;

pub use frozen::FrozenTable;
pub use layered::Seen;

use super::big::{Big, Stored};
use super::bigs::Bigs;
use super::catalog::Catalog;
use super::layer::{Over, Part};
use super::row::{
    self, Body, Content, NAMED_FIELDS_MAX, Packed, Places, ROW_BYTES_MAX, Row, Rows, Slot,
};
use super::shape::{SHAPE_FIELDS_MAX, Shape};
use super::store::{Found, Store};
use super::ttl::TIME_END;
use super::{FieldExpire, KeyExpire, Millis};
use smallvec::SmallVec;

/// What a row is put together from.
pub type Slots<'a> = SmallVec<[Slot<'a>; 64]>;

/// How many shapes of recent new rows are remembered, by their number of fields.
const GUESSES: usize = 16;
/// Strings from this length on get room to grow when they are appended to.
const STRING_GROWTH_FROM: usize = 256;
const STRING_GROWTH_MAX: usize = 1024 * 1024;

/// See the module.
pub struct Table {
    rows: Store<Rows>,
    /// The newest first.
    layers: Vec<Part>,
    /// What layers up to this LSN have is in files.
    folded_lsn: u64,
    bigs: Bigs,
    /// Keys that have an expiry.
    expiring: usize,
    guesses: [u16; GUESSES],
    /// Memory to work in.
    places: Places,
}

/// Where a change happens: a key by name and hash, and the LSN of the change.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub name: &'a [u8],
    pub hash: u64,
    pub lsn: u64,
}

/// The new expiry of a field that is written.
fn field_expiry(expire: FieldExpire, before: Option<Millis>) -> Option<Millis> {
    match expire {
        FieldExpire::Keep => before,
        FieldExpire::Clear => None,
        FieldExpire::At(at) => Some(at.min(TIME_END - 1)),
    }
}

impl Table {
    /// A table of names whose hashes share this many top bits.
    pub fn new(shared_bits: u32) -> Table {
        Table {
            rows: Store::new(shared_bits),
            layers: Vec::new(),
            folded_lsn: 0,
            bigs: Bigs::default(),
            expiring: 0,
            guesses: [0; GUESSES],
            places: Places::default(),
        }
    }

    /// Entities, expired or not.
    pub fn len(&self) -> usize {
        let beyond: usize = self.layers.iter().map(|part| part.beyond).sum();
        self.rows.len() + beyond
    }

    /// Entities that have an expiry of the key.
    pub fn expiring(&self) -> usize {
        self.expiring
    }

    pub fn bytes(&self) -> usize {
        self.rows.bytes() + self.bigs.bytes()
    }

    pub fn rows(&self) -> &Store<Rows> {
        &self.rows
    }

    #[inline]
    fn find(&self, name: &[u8], hash: u64) -> Option<Found> {
        self.rows.find(name, hash)
    }

    pub fn big(&self, id: u32) -> Option<&Big> {
        self.bigs.get(id)
    }

    #[inline]
    fn read<'a>(&'a self, found: Found, catalog: &'a Catalog) -> Option<Row<'a>> {
        row::read(self.rows.get(found), &catalog.shapes)
    }

    /// The earliest time at which this row's key or a field of it expires.
    #[inline]
    fn due_of(&self, row: &Row<'_>) -> Millis {
        due_of(row, &self.bigs)
    }

    /// Look again when the rows that were due by `now` are next due.
    pub fn refresh_due(&mut self, now: Millis, catalog: &Catalog) {
        self.refresh_layers(now, catalog);
        let bigs = &self.bigs;
        self.rows.refresh_due(now, &catalog.hasher, |payload| {
            let due = due_of(&row::read(payload, &catalog.shapes)?, bigs);
            (due != Millis::MAX).then_some(due)
        });
    }

    /// Store a row in the place of `old`.
    fn put(&mut self, at: At<'_>, old: Option<Found>, row: &[u8], catalog: &Catalog) {
        let had = old.is_some_and(|r| row::expires(self.rows.get(r)));
        self.expiring += usize::from(row::expires(row));
        // What a damaged file says of itself may be less than it has.
        self.expiring = self.expiring.saturating_sub(usize::from(had));
        self.rows.put(&catalog.hasher, at.hash, old, row, at.lsn);
        if let Some(new) = row::read(row, &catalog.shapes) {
            let due = self.due_of(&new);
            if due != Millis::MAX {
                self.rows.note_due(at.hash, due);
            }
        }
    }

    /// Change a big hash, keeping account of when it is due.
    fn with_big<T>(&mut self, id: u32, hash: u64, change: impl FnOnce(&mut Big) -> T) -> Option<T> {
        let (result, due) = self.bigs.change(id, |big| (change(big), big.due()))?;
        if due != Millis::MAX {
            // The row may be in any level.
            self.rows.note_due_below(hash, due);
        }
        Some(result)
    }

    /// Remove an entity; answers whether it was there.
    pub fn delete(&mut self, at: At<'_>, catalog: &Catalog) -> bool {
        let Some(found) = self.find(at.name, at.hash) else {
            return false;
        };
        if let Some(Body::Big(id)) = self.read(found, catalog).map(|r| r.body) {
            self.bigs.remove(id);
        }
        let had = row::expires(self.rows.get(found));
        self.expiring = self.expiring.saturating_sub(usize::from(had));
        let says = self.is_layered(at.name, at.hash);
        let hasher = &catalog.hasher;
        self.rows.remove(hasher, at.hash, found, at.lsn, says);
        true
    }

    pub fn expire(
        &mut self,
        at: At<'_>,
        scratch: &mut Vec<u8>,
        expire_at: Option<Millis>,
        catalog: &Catalog,
    ) -> bool {
        let Some(found) = self.find(at.name, at.hash) else {
            return false;
        };
        if row::write_expire(scratch, self.rows.get(found), expire_at).is_none() {
            return false;
        }
        self.put(at, Some(found), scratch, catalog);
        true
    }

    pub fn string_set(
        &mut self,
        at: At<'_>,
        scratch: &mut Vec<u8>,
        value: &[u8],
        expire: KeyExpire,
        catalog: &Catalog,
    ) {
        let old = self.find(at.name, at.hash);
        let before = old.and_then(|r| self.read(r, catalog));
        let expire_at = match expire {
            KeyExpire::Keep => before.and_then(|row| row.expire_at),
            KeyExpire::Clear => None,
            KeyExpire::At(at) => Some(at),
        };
        if let Some(Body::Big(id)) = before.map(|row| row.body) {
            self.bigs.remove(id);
        }
        row::write_string(scratch, at.name, expire_at, value);
        self.put(at, old, scratch, catalog);
    }

    /// Answers the new length; `None` if the key holds a hash.
    pub fn string_write(
        &mut self,
        at: At<'_>,
        scratch: &mut Vec<u8>,
        offset: usize,
        bytes: &[u8],
        catalog: &Catalog,
    ) -> Option<usize> {
        let old = self.find(at.name, at.hash);
        let Some(found) = old else {
            let mut value = vec![0; offset + bytes.len()];
            value[offset..].copy_from_slice(bytes);
            self.string_set(at, scratch, &value, KeyExpire::Clear, catalog);
            return Some(value.len());
        };
        let row = self.read(found, catalog)?;
        let Body::String(value) = row.body else {
            return None;
        };
        let len = value.len().max(offset + bytes.len());
        let (start, length_bytes) = row::string_value_at(&row)?;
        let fits = start + len <= self.rows.get(found).len()
            && super::bytes::varint_len(len) == length_bytes;
        let before = value.len();
        if fits && found.may_change() {
            let block = self.rows.get_mut(found)?;
            if offset > before {
                block[start + before..start + offset].fill(0);
            }
            block[start + offset..start + offset + bytes.len()].copy_from_slice(bytes);
            let mut length = Vec::with_capacity(length_bytes);
            super::bytes::put_varint(&mut length, len);
            block[start - length_bytes..start].copy_from_slice(&length);
            self.rows.set_lsn(found, at.lsn);
            return Some(len);
        }
        let mut new = Vec::with_capacity(len);
        new.extend_from_slice(value);
        new.resize(len, 0);
        new[offset..offset + bytes.len()].copy_from_slice(bytes);
        let expire_at = row.expire_at;
        row::write_string(scratch, at.name, expire_at, &new);
        if len >= STRING_GROWTH_FROM {
            // Slack behind the value, so that a string built by appending is not copied each time.
            scratch.resize(scratch.len() + len.min(STRING_GROWTH_MAX), 0);
        }
        self.put(at, old, scratch, catalog);
        Some(len)
    }

    /// Answers how many fields are new.
    pub fn hash_set(
        &mut self,
        at: At<'_>,
        scratch: &mut Vec<u8>,
        fields: &[(&[u8], &[u8])],
        expire: FieldExpire,
        catalog: &Catalog,
    ) -> usize {
        let old = self.find(at.name, at.hash);
        let before = old.and_then(|r| self.read(r, catalog));
        match before.map(|row| row.body) {
            Some(Body::Big(id)) if self.big(id).is_some() => {
                return self.big_set(id, at.hash, fields, expire, catalog);
            }
            Some(Body::String(_)) => {
                self.delete(at, catalog);
                return self.hash_set(at, scratch, fields, expire, catalog);
            }
            // A row that cannot be read, or whose fields are missing, is replaced.
            Some(Body::Packed(_) | Body::Big(_)) | None => {}
        }
        if let Some(reference) = old
            && self.hash_change(reference, scratch, fields, expire, catalog)
        {
            self.put(at, old, scratch, catalog);
            return 0;
        }
        let before = old.and_then(|r| self.read(r, catalog));
        let expire_at = before.and_then(|row| row.expire_at);
        let packed = before.and_then(|row| match row.body {
            Body::Packed(packed) => Some(packed),
            _ => None,
        });
        let (slots, added) = merge(packed, fields, expire, catalog);
        let fits = write(
            scratch,
            at,
            expire_at,
            packed,
            &slots,
            &self.guesses,
            catalog,
        );
        match fits {
            Written::Packed { shape } => {
                drop(slots);
                if let Some((fields, id)) = shape {
                    self.guesses[fields % GUESSES] = id;
                }
            }
            Written::TooLarge => {
                let big = to_big(at.hash, &slots, catalog);
                drop(slots);
                let id = self.bigs.add(big);
                row::write_big(scratch, at.name, expire_at, id);
            }
        }
        self.put(at, old, scratch, catalog);
        added
    }

    /// Write the row as it is with other values for these fields into `scratch`, if that is all.
    fn hash_change(
        &mut self,
        found: Found,
        scratch: &mut Vec<u8>,
        fields: &[(&[u8], &[u8])],
        expire: FieldExpire,
        catalog: &Catalog,
    ) -> bool {
        let mut places = std::mem::take(&mut self.places);
        let block = self.rows.get(found);
        let changed = self
            .read(found, catalog)
            .and_then(|row| change(scratch, &mut places, block, row, fields, expire, catalog));
        let changed = changed.is_some();
        self.places = places;
        changed
    }

    fn big_set(
        &mut self,
        id: u32,
        hash: u64,
        fields: &[(&[u8], &[u8])],
        expire: FieldExpire,
        catalog: &Catalog,
    ) -> usize {
        let set = |big: &mut Big| {
            let (hasher, dictionary) = (&catalog.hasher, &catalog.dictionary);
            let added = fields.iter().filter(|(name, value)| {
                big.set(
                    name,
                    value,
                    |before| field_expiry(expire, before),
                    hasher,
                    dictionary,
                )
            });
            added.count()
        };
        self.with_big(id, hash, set).unwrap_or(0)
    }

    /// Answers how many fields were there. The last one takes the key with it.
    pub fn hash_delete(
        &mut self,
        at: At<'_>,
        scratch: &mut Vec<u8>,
        fields: &[&[u8]],
        catalog: &Catalog,
    ) -> usize {
        let Some(found) = self.find(at.name, at.hash) else {
            return 0;
        };
        let Some(row) = self.read(found, catalog) else {
            return 0;
        };
        let packed = match row.body {
            Body::Packed(packed) => packed,
            Body::String(_) => return 0,
            Body::Big(id) => {
                let remove = |big: &mut Big| {
                    let gone = fields
                        .iter()
                        .filter(|f| big.remove(f, &catalog.hasher))
                        .count();
                    (gone, big.len() == 0)
                };
                let (gone, empty) = self.with_big(id, at.hash, remove).unwrap_or((0, false));
                if empty {
                    self.delete(at, catalog);
                }
                return gone;
            }
        };
        let mut removed: SmallVec<[usize; 16]> = fields
            .iter()
            .filter_map(|name| packed.find(name, &catalog.hasher))
            .collect();
        removed.sort_unstable();
        removed.dedup();
        let gone = removed.len();
        if gone == 0 {
            return 0;
        }
        let mut rank = 0;
        let mut slots: Slots<'_> = slots_of(&packed).collect();
        slots.retain(|_| {
            rank += 1;
            removed.binary_search(&(rank - 1)).is_err()
        });
        if slots.is_empty() {
            drop(slots);
            self.delete(at, catalog);
            return gone;
        }
        write(
            scratch,
            at,
            row.expire_at,
            Some(packed),
            &slots,
            &self.guesses,
            catalog,
        );
        drop(slots);
        self.put(at, Some(found), scratch, catalog);
        gone
    }

    /// Answers how many of the fields were found.
    pub fn hash_expire(
        &mut self,
        at: At<'_>,
        scratch: &mut Vec<u8>,
        fields: &[&[u8]],
        expire_at: Option<Millis>,
        catalog: &Catalog,
    ) -> usize {
        let Some(found) = self.find(at.name, at.hash) else {
            return 0;
        };
        let Some(row) = self.read(found, catalog) else {
            return 0;
        };
        let packed = match row.body {
            Body::Packed(packed) => packed,
            Body::String(_) => return 0,
            Body::Big(id) => {
                let expire = |big: &mut Big| {
                    let found = |f: &&&[u8]| big.expire(f, expire_at, &catalog.hasher);
                    fields.iter().filter(found).count()
                };
                return self.with_big(id, at.hash, expire).unwrap_or(0);
            }
        };
        let mut slots: Slots<'_> = slots_of(&packed).collect();
        let mut count = 0;
        for name in fields {
            let rank = packed.find(name, &catalog.hasher);
            let Some(slot) = rank.and_then(|rank| slots.get_mut(rank)) else {
                continue;
            };
            slot.expire_at = expire_at.map(|at| at.min(TIME_END - 1));
            count += 1;
        }
        if count == 0 {
            return 0;
        }
        write(
            scratch,
            at,
            row.expire_at,
            Some(packed),
            &slots,
            &self.guesses,
            catalog,
        );
        drop(slots);
        self.put(at, Some(found), scratch, catalog);
        count
    }

    /// After expired fields were removed from a big hash.
    pub fn big_refresh_due(&mut self, id: u32, hash: u64, now: Millis, catalog: &Catalog) {
        self.with_big(id, hash, |big| big.refresh_due(now, &catalog.hasher));
    }
}

#[inline]
fn due_of(row: &Row<'_>, bigs: &Bigs) -> Millis {
    let fields = match row.body {
        Body::Packed(packed) => packed.stamps.map(|s| s.earliest()),
        Body::Big(id) => bigs.get(id).map(Big::due),
        Body::String(_) => None,
    };
    fields
        .unwrap_or(Millis::MAX)
        .min(row.expire_at.unwrap_or(Millis::MAX))
}

fn slots_of<'a>(packed: &Packed<'a>) -> impl Iterator<Item = Slot<'a>> {
    let stamps = packed.stamps;
    packed
        .names()
        .zip(packed.cells())
        .enumerate()
        .map(move |(rank, (name, cell))| {
            let expire_at = stamps.and_then(|s| s.get(rank));
            Slot {
                name,
                content: Content::Cell(cell),
                expire_at,
            }
        })
}

/// Ranks of cells, and their new values.
type Changes<'a> = SmallVec<[(usize, &'a [u8]); 64]>;

/// Write the row in `block` with other values for fields that it has, whatever else it holds being
/// copied; `None` if that is not all there is to do. Measured: setting one field of 50 costs a
/// third of what taking the row apart does.
fn change(
    out: &mut Vec<u8>,
    places: &mut Places,
    block: &[u8],
    row: Row<'_>,
    fields: &[(&[u8], &[u8])],
    expire: FieldExpire,
    catalog: &Catalog,
) -> Option<()> {
    let Body::Packed(packed) = row.body else {
        return None;
    };
    let stays = match expire {
        FieldExpire::Keep => true,
        FieldExpire::Clear => packed.stamps.is_none(),
        FieldExpire::At(_) => false,
    };
    if !stays || fields.len() > packed.len() {
        return None;
    }
    let (mut changes, mut next) = (Changes::new(), 0);
    // Not collected from an iterator of options: what those give goes through memory, written in
    // pieces and read whole, which stalls for each field.
    for &(name, value) in fields {
        let rank = packed.find_from(next, name, &catalog.hasher)?;
        next = rank + 1;
        changes.push((rank, value));
    }
    if !changes.is_sorted_by_key(|(rank, _)| *rank) {
        changes.sort_unstable_by_key(|(rank, _)| *rank);
    }
    // A name given twice.
    if changes.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return None;
    }
    row::write_changed(out, block, &packed, &changes, places, &catalog.dictionary)?;
    (out.len() <= ROW_BYTES_MAX).then_some(())
}

/// The slots of a row after these fields were set, and how many of them are new: the fields it
/// had, in their order, then the new ones.
fn merge<'a>(
    packed: Option<Packed<'a>>,
    fields: &[(&'a [u8], &'a [u8])],
    expire: FieldExpire,
    catalog: &Catalog,
) -> (Slots<'a>, usize) {
    let mut slots: Slots<'a> = packed.iter().flat_map(slots_of).collect();
    let had = slots.len();
    // Names given twice are found by a search among the new ones; many of them, by a table.
    let mut new_ranks = std::collections::HashMap::new();
    let many = fields.len() > NAMED_FIELDS_MAX;
    for &(name, value) in fields {
        let old = packed.and_then(|p| p.find(name, &catalog.hasher));
        // Of a damaged row there may be fewer cells than names.
        let old = old.filter(|rank| *rank < had);
        let known = old.or_else(|| {
            if many {
                new_ranks.get(name).copied()
            } else {
                slots[had..]
                    .iter()
                    .position(|s| s.name == name)
                    .map(|at| had + at)
            }
        });
        let content = Content::Value(value);
        match known {
            Some(rank) => {
                slots[rank].content = content;
                slots[rank].expire_at = field_expiry(expire, slots[rank].expire_at);
            }
            None => {
                if many {
                    new_ranks.insert(name, slots.len());
                }
                slots.push(Slot {
                    name,
                    content,
                    expire_at: field_expiry(expire, None),
                });
            }
        }
    }
    let added = slots.len() - had;
    (slots, added)
}

enum Written {
    /// Fits one row; the shape to guess for the next new row of so many fields.
    Packed {
        shape: Option<(usize, u16)>,
    },
    TooLarge,
}

/// Write the slots as a row: under the shape they had, if it has their names, else under one that
/// does, else with their own names.
fn write<'a>(
    out: &mut Vec<u8>,
    at: At<'_>,
    expire_at: Option<Millis>,
    before: Option<Packed<'a>>,
    slots: &[Slot<'_>],
    guesses: &[u16; GUESSES],
    catalog: &'a Catalog,
) -> Written {
    let longest: usize = slots.iter().map(slot_bytes).sum();
    if slots.len() > SHAPE_FIELDS_MAX || longest > ROW_BYTES_MAX {
        return Written::TooLarge;
    }
    let guess = catalog.shapes.get(guesses[slots.len() % GUESSES]);
    let known = [before.and_then(|p| p.shape()), guess];
    let mut placed = known
        .into_iter()
        .flatten()
        .find_map(|shape| place(shape, slots, catalog));
    if placed.is_none() {
        let names: SmallVec<[&[u8]; 64]> = slots.iter().map(|s| s.name).collect();
        let shape = catalog.shapes.resolve(&names, &catalog.hasher);
        placed = shape.and_then(|shape| place(shape, slots, catalog));
    }
    let dictionary = &catalog.dictionary;
    let Some((shape, positions)) = placed else {
        if slots.len() > NAMED_FIELDS_MAX {
            return Written::TooLarge;
        }
        row::write_hash(out, at.name, expire_at, None, slots, dictionary);
        return Written::Packed { shape: None };
    };
    if positions.is_sorted() {
        row::write_hash(
            out,
            at.name,
            expire_at,
            Some((shape, &positions)),
            slots,
            dictionary,
        );
    } else {
        let mut order: SmallVec<[(u16, Slot<'_>); 64]> =
            positions.into_iter().zip(slots.iter().copied()).collect();
        order.sort_unstable_by_key(|(position, _)| *position);
        let positions: SmallVec<[u16; 64]> = order.iter().map(|(p, _)| *p).collect();
        let slots: Slots<'_> = order.into_iter().map(|(_, slot)| slot).collect();
        row::write_hash(
            out,
            at.name,
            expire_at,
            Some((shape, &positions)),
            &slots,
            dictionary,
        );
    }
    Written::Packed {
        shape: Some((slots.len(), shape.id)),
    }
}

/// Write the slots as the row that several together are: however large, as no big hash can be made
/// here. The next change of it does.
pub fn write_folded(
    out: &mut Vec<u8>,
    name: &[u8],
    over: &Over<'_>,
    slots: &[Slot<'_>],
    catalog: &Catalog,
) {
    let (hash, lsn) = (0, 0);
    let (at, guesses) = (At { name, hash, lsn }, [0; GUESSES]);
    let (expire_at, base) = (over.expire_at, over.base());
    if let Written::TooLarge = write(out, at, expire_at, base, slots, &guesses, catalog) {
        row::write_hash(out, name, expire_at, None, slots, &catalog.dictionary);
    }
}

/// The most bytes a slot may take in a row.
fn slot_bytes(slot: &Slot<'_>) -> usize {
    let content = match slot.content {
        Content::Cell(cell) => cell.bytes.len(),
        Content::Value(value) => value.len() + 5,
    };
    // A name in the row counts as well: whether it is needed is not known yet.
    content + slot.name.len() + 8
}

type Positions = SmallVec<[u16; 64]>;

/// Where the slots are in this shape, if it has all of them and few others.
fn place<'a>(
    shape: &'a Shape,
    slots: &[Slot<'_>],
    catalog: &Catalog,
) -> Option<(&'a Shape, Positions)> {
    if slots.len() > shape.len() {
        return None;
    }
    let in_order = |(i, slot): (usize, &Slot<'_>)| {
        let found = if i < shape.len() && shape.name(i) == slot.name {
            Some(i)
        } else {
            shape.find(slot.name, &catalog.hasher)
        };
        found.map(|position| position as u16)
    };
    let positions: Option<Positions> = slots.iter().enumerate().map(in_order).collect();
    Some((shape, positions?))
}

fn to_big(hash: u64, slots: &[Slot<'_>], catalog: &Catalog) -> Big {
    let mut big = Big::new(hash);
    for slot in slots {
        match slot.content {
            Content::Cell(cell) => {
                let stored = Stored {
                    name: slot.name,
                    cell,
                    expire_at: slot.expire_at,
                };
                big.put(stored, &catalog.hasher);
            }
            Content::Value(value) => {
                let expire = |_| slot.expire_at;
                big.set(
                    slot.name,
                    value,
                    expire,
                    &catalog.hasher,
                    &catalog.dictionary,
                );
            }
        }
    }
    big
}
