//! Layers: published batches, read where they lie, above whatever is older.
//!
//! A batch holds rows of one view, cut by shard, in a file of its own with its own shapes and
//! dictionary. Published, it is a layer of every shard from one LSN on, as if each of its rows had
//! been set at that moment: what was written before loses, what is written later wins, features of
//! other views stay, and so does a key that is a string. A batch that replaces also takes the
//! features of its view from all entities in its scope that it does not have.
//!
//! Invariants
//! - A row of the store is complete as of its LSN: only layers published after that are looked at.
//! - A change first takes up what the layers say of its entity. Big hashes take it up when a layer
//!   is published, so no layer is ever looked at for them.
//! - What a layer says of a name is masked by a deletion of a later LSN: where a layer has a name
//!   that is removed, the store says that it is gone.

use super::catalog::Catalog;
use super::cell::{self, Cell, Frequent, Value};
use super::projection::Relation;
use super::row::{self, Body, Content, Packed, Row, Rows, Slot};
use super::sealed::Sealed;
use super::section::{Place, Section};
use super::shape::Shape;
use super::{Db, Key, Millis};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// Whether a key may have features of the view.
pub type Scope = Box<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// What a file says of the batch that it holds.
pub struct BatchFacts<'a> {
    pub number: u64,
    pub view: &'a str,
    pub db: Db,
    /// Takes the features of the view from entities in the scope that it does not have.
    pub replace: bool,
    pub scope: Scope,
    /// The same scope, as text.
    pub scope_text: &'a str,
    /// The features that a replacing batch masks.
    pub names: &'a [&'a [u8]],
    /// Of its rows; see [`super::Keyspace::catalog`].
    pub catalog: &'a [u8],
    /// A section for each shard.
    pub places: &'a [Place],
}

const NOT_COUNTED: usize = usize::MAX;

/// A batch whose file is open.
pub struct Batch {
    pub number: u64,
    pub view: Box<str>,
    pub db: Db,
    pub replace: bool,
    scope: Scope,
    scope_text: Box<str>,
    names: Shape,
    catalog: Catalog,
    sections: Vec<Arc<Section<Rows>>>,
    /// Of its file.
    pub bytes: u64,
    /// All of it.
    pub file: Bytes,
    /// Names in each of them that are no entities yet, about, or [`NOT_COUNTED`].
    new: Vec<AtomicUsize>,
    /// Its file was found to be damaged.
    damaged: AtomicBool,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "batch {} of {}", self.number, self.view)
    }
}

impl Batch {
    /// `None`: what the file says cannot be.
    pub(super) fn open(seed: u64, file: &Bytes, facts: BatchFacts<'_>) -> Option<Batch> {
        let catalog = Catalog::new(seed);
        catalog.read(facts.catalog)?;
        let sections = facts.places.iter().map(|place| Section::open(file, place));
        let sections: Option<Vec<_>> = sections.map(|section| section.map(Arc::new)).collect();
        let distinct: std::collections::HashSet<&[u8]> = facts.names.iter().copied().collect();
        if distinct.len() < facts.names.len() || facts.names.len() >= usize::from(u16::MAX) {
            return None;
        }
        Some(Batch {
            number: facts.number,
            view: facts.view.into(),
            db: facts.db,
            replace: facts.replace,
            scope: facts.scope,
            scope_text: facts.scope_text.into(),
            names: Shape::new(0, facts.names, &catalog.hasher),
            catalog,
            new: facts
                .places
                .iter()
                .map(|_| AtomicUsize::new(NOT_COUNTED))
                .collect(),
            sections: sections?,
            damaged: AtomicBool::new(false),
            bytes: file.len() as u64,
            file: file.clone(),
        })
    }

    pub(super) fn note_new(&self, shard: usize, count: usize) {
        if let Some(new) = self.new.get(shard) {
            new.store(count, Relaxed);
        }
    }

    /// What was counted, which is right for one time that it is published.
    fn take_new(&self, shard: usize) -> Option<usize> {
        let new = self.new.get(shard)?.swap(NOT_COUNTED, Relaxed);
        (new != NOT_COUNTED).then_some(new)
    }

    /// Of its rows.
    pub(super) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Whether a name may have a row with these features.
    pub(super) fn may_have(&self, name: &[u8], packed: &Packed<'_>) -> bool {
        let hasher = &self.catalog.hasher;
        let mut names = packed.names();
        (self.scope)(name) && names.all(|name| self.names.find(name, hasher).is_some())
    }

    pub(super) fn has_name(&self, name: &[u8]) -> bool {
        self.names.find(name, &self.catalog.hasher).is_some()
    }

    /// Its file is damaged: it must not be published again.
    pub fn note_damaged(&self) {
        self.damaged.store(true, Relaxed);
    }

    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Relaxed)
    }

    /// The features of the view.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.names.len()).map(|at| self.names.name(at))
    }

    /// Rows there are.
    pub fn entries(&self) -> usize {
        self.sections.iter().map(|section| section.len()).sum()
    }

    pub(super) fn section(&self, shard: usize) -> Option<&Arc<Section<Rows>>> {
        self.sections.get(shard)
    }

    /// Whether it sets or may take features of a key, which is of this shard.
    pub(super) fn concerns(&self, shard: usize, key: &Key<'_>, shard_bits: u32) -> bool {
        let has = |section: &Arc<Section<Rows>>| {
            let found = section.find(key.name, key.hash << shard_bits);
            found.is_some()
        };
        self.section(shard).is_some_and(has) || self.replace && (self.scope)(key.name)
    }

    /// Whether nothing of the other, which is older, shows where this one is.
    pub(super) fn supersedes(&self, other: &Batch) -> bool {
        let hasher = &self.catalog.hasher;
        let has = |at: usize| self.names.find(other.names.name(at), hasher).is_some();
        self.replace
            && self.view == other.view
            && self.scope_text == other.scope_text
            && (0..other.names.len()).all(has)
    }
}

/// A batch that was published.
#[derive(Clone, Debug)]
pub struct Layer {
    pub batch: Arc<Batch>,
    pub lsn: u64,
    /// When it was published, milliseconds since the epoch.
    pub at: Millis,
}

/// A layer in one table of one shard.
#[derive(Clone)]
pub struct Part {
    pub layer: Layer,
    pub level: Sealed<Rows>,
    /// Names of which the store has no row, and that no older layer shows, about: others may have
    /// been added or removed while they were counted.
    pub beyond: usize,
    /// They are being counted, in hash order.
    pub counting: Option<Counting>,
}

/// How far a count has come.
#[derive(Clone, Copy, Default)]
pub struct Counting {
    /// Names with smaller hashes were looked at.
    pub from: u64,
    /// Of those.
    pub beyond: usize,
}

/// What one layer says of an entity.
#[derive(Clone, Copy)]
pub struct Piece<'a> {
    batch: &'a Batch,
    /// When it was published.
    at: Millis,
    /// `None`: that it has no feature of the view.
    packed: Option<Packed<'a>>,
}

/// A cell, and what is needed to read it.
#[derive(Clone, Copy)]
pub struct SeenCell<'a> {
    pub cell: Cell<'a>,
    pub catalog: &'a Catalog,
    pub expire_at: Option<Millis>,
}

impl<'a> SeenCell<'a> {
    pub fn is_live(&self, now: Millis) -> bool {
        self.expire_at.is_none_or(|at| at > now)
    }

    pub fn value(&self) -> Option<Value<'a>> {
        Value::of(self.cell, &self.catalog.dictionary)
    }

    /// What a row of another catalog holds for it.
    pub fn content(&self, catalog: &Catalog) -> Option<Content<'a>> {
        if std::ptr::eq(self.catalog, catalog) {
            return Some(Content::Cell(self.cell));
        }
        match cell::frequent(self.cell, &self.catalog.dictionary) {
            Frequent::No => Some(Content::Cell(self.cell)),
            Frequent::Text(text) => Some(Content::Value(text)),
            Frequent::Unknown => None,
        }
    }

    /// As part of a row of this catalog; `None`: it cannot be read.
    pub fn slot(&self, name: &'a [u8], catalog: &Catalog) -> Option<Slot<'a>> {
        Some(Slot {
            name,
            content: self.content(catalog)?,
            expire_at: self.expire_at,
        })
    }
}

/// An entity of which newer layers than its row say something.
pub struct Over<'a> {
    /// The newest first.
    pieces: smallvec::SmallVec<[Piece<'a>; 4]>,
    base: Option<(Packed<'a>, &'a Catalog)>,
    pub key: &'a [u8],
    /// Of the key.
    pub expire_at: Option<Millis>,
}

fn seen<'a>(packed: &Packed<'a>, name: &[u8], catalog: &'a Catalog) -> Option<SeenCell<'a>> {
    let rank = packed.find(name, &catalog.hasher)?;
    Some(SeenCell {
        cell: packed.cell(rank)?,
        catalog,
        expire_at: packed.stamps.and_then(|stamps| stamps.get(rank)),
    })
}

fn walk<'a>(
    packed: &Packed<'a>,
    catalog: &'a Catalog,
    visit: &mut dyn FnMut(&'a [u8], SeenCell<'a>),
) {
    let cells = packed.names().zip(packed.cells());
    for (rank, (name, cell)) in cells.enumerate() {
        let expire_at = packed.stamps.and_then(|stamps| stamps.get(rank));
        let seen = SeenCell {
            cell,
            catalog,
            expire_at,
        };
        visit(name, seen);
    }
}

impl<'a> Piece<'a> {
    /// Whether older ones do not show a field of this name.
    fn hides(&self, name: &[u8]) -> bool {
        let hasher = &self.batch.catalog.hasher;
        let has = |packed: &Packed<'a>| packed.find(name, hasher).is_some();
        self.packed.as_ref().is_some_and(has)
            || self.batch.replace && self.batch.names.find(name, hasher).is_some()
    }
}

impl<'a> Over<'a> {
    /// What these layers, the newest first, say of a name whose row the store has as of `lsn`;
    /// `None`: nothing. `relation` is that of a layer to the fields that are asked for: no others
    /// may be looked for in what is answered.
    pub fn new(
        parts: &'a [Part],
        (name, hash): (&[u8], u64),
        (base, lsn): (Option<&Row<'a>>, u64),
        catalog: &'a Catalog,
        relation: &mut dyn FnMut(&Layer) -> Relation,
    ) -> Option<Over<'a>> {
        let mut over = Over {
            pieces: smallvec::SmallVec::new(),
            base: None,
            key: base.map_or(&[], |row| row.key),
            expire_at: base.and_then(|row| row.expire_at),
        };
        let mut hidden = false;
        for part in parts.iter().take_while(|part| part.layer.lsn > lsn) {
            // When a key ended is told by all layers together.
            let relation = match over.expire_at {
                Some(_) => Relation::Some,
                None => relation(&part.layer),
            };
            if relation != Relation::Foreign {
                hidden = over.look(part, name, hash, base.is_some()) && relation == Relation::All;
                if hidden {
                    break;
                }
            }
        }
        match base.map(|row| row.body) {
            Some(Body::Packed(packed)) => {
                if over.pieces.is_empty() {
                    return None;
                }
                over.base = (!hidden).then_some((packed, catalog));
                over.end_with_key();
                return Some(over);
            }
            Some(Body::Big(_)) => return None,
            // No feature of a string can be set, as by HSET; but it may have been gone.
            Some(Body::String(_)) => {
                let expire_at = over.expire_at.take()?;
                over.pieces.retain(|piece| expire_at <= piece.at);
            }
            None => {}
        }
        let sets = over.pieces.iter().any(|piece| piece.packed.is_some());
        sets.then_some(over)
    }

    /// Look what a layer says; answers whether it hides all fields of its view from older ones.
    #[inline]
    fn look(&mut self, part: &'a Part, name: &[u8], hash: u64, has_base: bool) -> bool {
        let batch = &*part.layer.batch;
        let found = part.level.body.find(name, hash);
        let row = found.and_then(|(_, block)| row::read(block, &batch.catalog.shapes));
        let packed = row.and_then(|row| match row.body {
            Body::Packed(packed) => Some(packed),
            Body::String(_) | Body::Big(_) => None,
        });
        if let Some(row) = row.filter(|_| !has_base) {
            self.key = row.key;
        }
        if packed.is_none() && !(batch.replace && (batch.scope)(name)) {
            return false;
        }
        self.pieces.push(Piece {
            batch,
            at: part.layer.at,
            packed,
        });
        let is_full = packed.is_some_and(|p| p.is_full() && p.len() >= batch.names.len());
        batch.replace || is_full
    }

    /// A key that had expired, or had no field left, when a layer was published, was gone, with its
    /// expiry.
    fn end_with_key(&mut self) {
        let Some(expire_at) = self.expire_at else {
            return;
        };
        for at in (0..self.pieces.len()).rev() {
            let piece = self.pieces[at];
            let had_ended = expire_at <= piece.at || self.is_dead(at + 1, piece.at);
            let ends = piece.packed.is_none() && self.is_dead(at, piece.at);
            if had_ended || ends {
                self.pieces.truncate(at + usize::from(!ends));
                (self.base, self.expire_at) = (None, None);
                return;
            }
        }
    }

    /// Whether the row and the pieces from this one on had no field that lived at `now`.
    fn is_dead(&self, from: usize, now: Millis) -> bool {
        let older = Over {
            pieces: self.pieces[from..].into(),
            base: self.base,
            key: self.key,
            expire_at: None,
        };
        older.len() == older.expired(now).len()
    }

    /// Whether no field is left.
    pub fn is_empty(&self) -> bool {
        // Only what removes fields can leave none.
        let removes = self.pieces.iter().any(|piece| piece.packed.is_none());
        (removes || self.pieces.is_empty()) && self.len() == 0
    }

    /// Some row of it.
    pub fn any(&self) -> Option<(Packed<'a>, &'a Catalog)> {
        let of_layer = |piece: &Piece<'a>| Some((piece.packed?, &piece.batch.catalog));
        self.base.or_else(|| self.pieces.iter().find_map(of_layer))
    }

    /// The row of the store, of which more is said.
    pub fn base(&self) -> Option<Packed<'a>> {
        self.base.map(|(packed, _)| packed)
    }

    /// The one row that says it all, if there is one.
    pub fn only(&self) -> Option<(Packed<'a>, &'a Catalog)> {
        match (&self.pieces[..], self.base) {
            ([piece], None) => Some((piece.packed?, &piece.batch.catalog)),
            _ => None,
        }
    }

    pub fn get(&self, name: &[u8]) -> Option<SeenCell<'a>> {
        for piece in &self.pieces {
            let catalog = &piece.batch.catalog;
            if let Some(seen) = piece.packed.and_then(|p| seen(&p, name, catalog)) {
                return Some(seen);
            }
            if piece.hides(name) {
                return None;
            }
        }
        let (packed, catalog) = self.base?;
        seen(&packed, name, catalog)
    }

    /// Visit all fields, whether they have expired or not: those of the row first.
    pub fn walk(&self, visit: &mut dyn FnMut(&'a [u8], SeenCell<'a>)) {
        let is_hidden = |by: &[Piece<'a>], name: &[u8]| by.iter().any(|piece| piece.hides(name));
        if let Some((packed, catalog)) = &self.base {
            walk(packed, catalog, &mut |name, seen| {
                if !is_hidden(&self.pieces, name) {
                    visit(name, seen);
                }
            });
        }
        for (at, piece) in self.pieces.iter().enumerate().rev() {
            if let Some(packed) = &piece.packed {
                walk(packed, &piece.batch.catalog, &mut |name, seen| {
                    if !is_hidden(&self.pieces[..at], name) {
                        visit(name, seen);
                    }
                });
            }
        }
    }

    /// The names of the fields that have expired by `now`.
    pub fn expired(&self, now: Millis) -> Vec<Box<[u8]>> {
        let mut names: Vec<Box<[u8]>> = Vec::new();
        self.walk(&mut |name, seen| {
            if !seen.is_live(now) {
                names.push(name.into());
            }
        });
        names
    }

    /// Fields, whether they have expired or not.
    pub fn len(&self) -> usize {
        let mut len = 0;
        self.walk(&mut |_, _| len += 1);
        len
    }

    /// The earliest time at which the key or a field that shows expires.
    pub fn due_exactly(&self) -> Millis {
        let mut due = self.expire_at.unwrap_or(Millis::MAX);
        self.walk(&mut |_, seen| due = due.min(seen.expire_at.unwrap_or(Millis::MAX)));
        due
    }

    /// The earliest time at which the key or a field may expire.
    pub fn due(&self) -> Millis {
        let stamps = |packed: &Packed<'a>| packed.stamps.map(|stamps| stamps.earliest());
        let pieces = self
            .pieces
            .iter()
            .filter_map(|piece| stamps(piece.packed.as_ref()?));
        let base = self.base.and_then(|(packed, _)| stamps(&packed));
        let dues = pieces.chain(base).chain(self.expire_at);
        dues.min().unwrap_or(Millis::MAX)
    }
}

impl Layer {
    /// No other layer has it: one change may publish several batches, each once.
    pub fn id(&self) -> (u64, u64) {
        (self.lsn, self.batch.number)
    }

    /// The hash in a block.
    fn packed<'a>(&'a self, block: &'a [u8]) -> Option<Packed<'a>> {
        match row::read(block, &self.batch.catalog.shapes)?.body {
            Body::Packed(packed) => Some(packed),
            Body::String(_) | Body::Big(_) => None,
        }
    }

    /// Visit the fields that a replacing batch takes from an entity of which it has this block.
    pub fn take_from(&self, block: Option<&[u8]>, visit: &mut dyn FnMut(&[u8])) {
        let batch = &*self.batch;
        if !batch.replace {
            return;
        }
        let packed = block.and_then(|block| self.packed(block));
        let has =
            |name: &[u8]| packed.is_some_and(|p| p.find(name, &batch.catalog.hasher).is_some());
        let names = (0..batch.names.len()).map(|at| batch.names.name(at));
        names.filter(|name| !has(name)).for_each(visit);
    }

    /// Visit the fields in this block.
    pub fn give<'a>(
        &'a self,
        block: Option<&'a [u8]>,
        visit: &mut dyn FnMut(&'a [u8], SeenCell<'a>),
    ) {
        if let Some(packed) = block.and_then(|block| self.packed(block)) {
            walk(&packed, &self.batch.catalog, visit);
        }
    }
}

impl Part {
    /// A layer of a table of this shard; `None`: the batch has no such shard.
    pub fn new(layer: &Layer, shard: usize) -> Option<Part> {
        let section = layer.batch.section(shard)?.clone();
        let new = layer.batch.take_new(shard);
        Some(Part {
            level: Sealed::mapped(layer.batch.number, layer.lsn, section),
            layer: layer.clone(),
            beyond: new.unwrap_or(0),
            counting: new.is_none().then(Counting::default),
        })
    }

    /// Whether nothing of this part, which is older, shows below a layer.
    pub fn is_superseded(&self, by: &Layer) -> bool {
        by.batch.supersedes(&self.layer.batch)
    }

    /// The block of a name, and its row.
    pub fn said(&self, name: &[u8], hash: u64) -> Option<&[u8]> {
        let found = self.level.body.find(name, hash);
        found.map(|(_, block)| block)
    }

    pub fn in_scope(&self, name: &[u8]) -> bool {
        self.layer.batch.replace && (self.layer.batch.scope)(name)
    }
}
