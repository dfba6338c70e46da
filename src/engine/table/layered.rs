//! A table with layers above it: what is seen of an entity, and how a change takes that up.

use super::{At, Body, Slots, Table, Written, to_big, write};
use crate::engine::Millis;
use crate::engine::big::{Big, Stored};
use crate::engine::catalog::Catalog;
use crate::engine::hasher::Hasher;
use crate::engine::layer::{Batch, Counting, Layer, Over, Part, SeenCell};
use crate::engine::level::Form;
use crate::engine::projection::Relation;
use crate::engine::row::{self, Content, Row, Rows};
use crate::engine::store::Found;
use std::rc::Rc;

/// An entity as all levels and layers together say, whether it has expired or not.
pub struct Seen<'a> {
    /// If layers say more: its key and the expiry of that.
    pub row: Row<'a>,
    pub catalog: &'a Catalog,
    pub big: Option<&'a Big>,
    pub over: Option<Rc<Over<'a>>>,
    /// The earliest time at which something of it may expire.
    pub due: Millis,
    /// Of its block, if it has one.
    pub block_bytes: usize,
}

/// What an entity is.
enum Composed {
    Nothing,
    /// It was written.
    Row,
    Big(Box<Big>, Option<Millis>),
}

impl Table {
    /// What there is under a name.
    #[inline]
    pub fn seen<'a>(&'a self, name: &[u8], hash: u64, catalog: &'a Catalog) -> Option<Seen<'a>> {
        self.seen_for(name, hash, catalog, &mut |_| Relation::Some)
    }

    /// The same, for a request of some fields: no others may be looked for in what is answered.
    #[inline(always)]
    pub fn seen_for<'a>(
        &'a self,
        name: &[u8],
        hash: u64,
        catalog: &'a Catalog,
        relation: &mut dyn FnMut(&Layer) -> Relation,
    ) -> Option<Seen<'a>> {
        if self.layers.is_empty() {
            let (_, block) = self.rows.look_up(name, hash)?;
            return self.seen_row(block, catalog);
        }
        // Taken out and put in again: as the one result of both ways it would be kept in memory on
        // this one too.
        let seen = self.seen_in_layers(name, hash, catalog, relation)?;
        Some(seen)
    }

    #[inline(always)]
    fn seen_row<'a>(&'a self, block: &'a [u8], catalog: &'a Catalog) -> Option<Seen<'a>> {
        let row = row::read(block, &catalog.shapes)?;
        let big = match row.body {
            Body::Big(id) => Some(self.big(id)?),
            _ => None,
        };
        Some(Seen {
            due: self.due_of(&row),
            row,
            catalog,
            big,
            over: None,
            block_bytes: block.len() + 8,
        })
    }

    fn seen_in_layers<'a>(
        &'a self,
        name: &[u8],
        hash: u64,
        catalog: &'a Catalog,
        relation: &mut dyn FnMut(&Layer) -> Relation,
    ) -> Option<Seen<'a>> {
        let (found, over) = self.over(name, hash, catalog, relation);
        let Some(over) = over else {
            return self.seen_row(self.rows.get(found?), catalog);
        };
        if over.is_empty() {
            return None;
        }
        let block_bytes = found.map_or(0, |found| self.rows.get(found).len() + 8);
        let only = over.only();
        // Of several rows, any: it says that this is a hash.
        let (packed, catalog) = only.or_else(|| over.any())?;
        let row = Row {
            key: over.key,
            expire_at: over.expire_at,
            body: Body::Packed(packed),
        };
        Some(Seen {
            due: over.due(),
            row,
            catalog,
            big: None,
            over: only.is_none().then(|| Rc::new(over)),
            block_bytes,
        })
    }

    /// The row of a name, and what newer layers say.
    fn over<'a>(
        &'a self,
        name: &[u8],
        hash: u64,
        catalog: &'a Catalog,
        relation: &mut dyn FnMut(&Layer) -> Relation,
    ) -> (Option<Found>, Option<Over<'a>>) {
        let said = self.rows.find_said(name, hash);
        let lsn = said.map_or(0, |(found, _)| self.rows.lsn(found));
        let found = said.and_then(|(found, gone)| (!gone).then_some(found));
        let base = found.and_then(|found| self.read(found, catalog));
        let hash = self.rows.align(hash);
        let (name, base) = ((name, hash), (base.as_ref(), lsn));
        let over = Over::new(&self.layers, name, base, catalog, relation);
        (found, over)
    }

    /// Whether a layer has the name.
    pub(super) fn is_layered(&self, name: &[u8], hash: u64) -> bool {
        let hash = self.rows.align(hash);
        let mut layers = self.layers.iter();
        layers.any(|part| part.level.body.find(name, hash).is_some())
    }

    pub fn layers(&self) -> &[Part] {
        &self.layers
    }

    /// Write what layers say of an entity into its row, as part of a change of it.
    #[inline]
    pub fn absorb(&mut self, at: At<'_>, scratch: &mut Vec<u8>, catalog: &Catalog) {
        if !self.layers.is_empty() {
            self.absorb_layers(at, scratch, catalog);
        }
    }

    fn absorb_layers(&mut self, at: At<'_>, scratch: &mut Vec<u8>, catalog: &Catalog) {
        let (found, content) = match self.composed(at, scratch, catalog) {
            None => return,
            Some(composed) => composed,
        };
        match content {
            Composed::Nothing => {
                self.delete(at, catalog);
                return;
            }
            Composed::Row => {}
            Composed::Big(big, expire_at) => {
                let id = self.bigs.add(*big);
                row::write_big(scratch, at.name, expire_at, id);
            }
        }
        if found.is_none() {
            self.is_no_more_beyond(at.name, at.hash, self.gone_lsn(at.name, at.hash));
        }
        self.put(at, found, scratch, catalog);
    }

    /// The row of a name, and what it is together with what newer layers say; `None`: they say
    /// nothing.
    fn composed(
        &self,
        at: At<'_>,
        scratch: &mut Vec<u8>,
        catalog: &Catalog,
    ) -> Option<(Option<Found>, Composed)> {
        let (found, over) = self.over(at.name, at.hash, catalog, &mut |_| Relation::Some);
        let over = over?;
        let mut slots = Slots::new();
        over.walk(&mut |name, seen| slots.extend(seen.slot(name, catalog)));
        if slots.is_empty() {
            return Some((found, Composed::Nothing));
        }
        let (expire_at, base) = (over.expire_at, over.base());
        let written = write(scratch, at, expire_at, base, &slots, &self.guesses, catalog);
        let composed = match written {
            Written::Packed { .. } => Composed::Row,
            Written::TooLarge => {
                Composed::Big(Box::new(to_big(at.hash, &slots, catalog)), expire_at)
            }
        };
        Some((found, composed))
    }

    /// Since when a name of which there is no row was gone; 0: it never was there.
    fn gone_lsn(&self, name: &[u8], hash: u64) -> u64 {
        let said = self.rows.find_said(name, hash);
        said.map_or(0, |(found, _)| self.rows.lsn(found))
    }

    /// The store has a row of a name that only layers had. Each was counted in the oldest that
    /// shows it, which is one since it was gone.
    pub(super) fn is_no_more_beyond(&mut self, name: &[u8], hash: u64, gone_lsn: u64) {
        self.count_beyond(name, hash, gone_lsn, |count| count.saturating_sub(1));
    }

    /// The store has no row any more of a name that may show in layers since then.
    pub(super) fn is_beyond_again(&mut self, name: &[u8], hash: u64, gone_lsn: u64) {
        self.count_beyond(name, hash, gone_lsn, |count| count + 1);
    }

    fn count_beyond(
        &mut self,
        name: &[u8],
        hash: u64,
        gone_lsn: u64,
        count: impl Fn(usize) -> usize,
    ) {
        let hash = self.rows.align(hash);
        let mut parts = self.layers.iter_mut().rev();
        let shows =
            |p: &&mut Part| p.layer.lsn > gone_lsn && p.level.body.find(name, hash).is_some();
        let Some(part) = parts.find(shows) else {
            return;
        };
        part.beyond = count(part.beyond);
        if let Some(counting) = part.counting.as_mut().filter(|c| hash < c.from) {
            counting.beyond = count(counting.beyond);
        }
    }

    pub fn is_counting(&self) -> bool {
        self.layers.iter().any(|part| part.counting.is_some())
    }

    /// Go on with counts of names that only layers have, for about so many; answers how many those
    /// were.
    pub fn count_layers(&mut self, max: usize, hasher: &Hasher) -> usize {
        let (mut seen, aligned) = (0, self.rows.aligned(hasher));
        for n in (0..self.layers.len()).rev() {
            while let Some(part) = self.layers.get(n).filter(|_| seen < max)
                && let Some(mut counting) = part.counting
            {
                let level = &part.level.body;
                level.visit_bucket(counting.from, aligned, |_, block| {
                    let name = Rows::name(block);
                    seen += 1;
                    counting.beyond += usize::from(self.is_beyond_in(n, name, hasher.hash(name)));
                });
                let end = level.bucket_end(counting.from);
                seen += 1;
                if let Some(part) = self.layers.get_mut(n) {
                    part.counting = end.map(|from| Counting { from, ..counting });
                    if end.is_none() {
                        part.beyond = counting.beyond;
                    }
                }
            }
        }
        seen
    }

    /// Whether there is no row of a name, and this layer is the oldest that shows it.
    fn is_beyond_in(&self, n: usize, name: &[u8], hash: u64) -> bool {
        if self.find(name, hash).is_some() {
            return false;
        }
        let (gone_lsn, hash) = (self.gone_lsn(name, hash), self.rows.align(hash));
        let shows = |p: &Part| p.layer.lsn > gone_lsn && p.level.body.find(name, hash).is_some();
        self.layers.iter().rposition(shows) == Some(n)
    }

    /// Put a layer above all; answers whether rows changed by it.
    pub fn attach(&mut self, part: Part, catalog: &Catalog) -> bool {
        let (lsn, layer) = (part.layer.lsn, part.layer.clone());
        self.put_above(part);
        let bigs: Vec<(u32, u64)> = self.bigs.hashes().collect();
        let mut changed = false;
        for (id, hash) in bigs {
            if let Some(name) = self.name_of_big(id, hash, catalog) {
                let name = &name;
                changed |= self.absorb_big(At { name, hash, lsn }, id, &layer, catalog);
            }
        }
        changed
    }

    /// Put back a layer of a table of files, unless what it has is in those.
    pub fn attach_again(&mut self, part: Part) {
        if part.layer.lsn > self.folded_lsn {
            self.put_above(part);
        }
    }

    fn put_above(&mut self, part: Part) {
        // That an entity lost its last feature ended the expiry of its key: that must be seen.
        if self.expiring == 0 {
            let gone = |old: &Part| old.is_superseded(&part.layer);
            let oldest = self.layers.iter().rposition(gone).unwrap_or(0);
            self.count_again(oldest);
            self.layers.retain(|old| !gone(old));
        }
        self.layers.insert(0, part);
    }

    /// Whether there is anything to visit.
    pub fn has_entries(&self) -> bool {
        self.rows.has_entries() || !self.layers.is_empty()
    }

    /// Whether a row or a layer has the name.
    pub fn has(&self, name: &[u8], hash: u64) -> bool {
        self.find(name, hash).is_some() || self.is_layered(name, hash)
    }

    /// Whether a row has the name, or a layer that will show below this batch.
    pub fn has_below(&self, batch: &Batch, name: &[u8], hash: u64) -> bool {
        let goes = |part: &Part| self.expiring == 0 && batch.supersedes(&part.layer.batch);
        let (gone_lsn, hash_of_layers) = (self.gone_lsn(name, hash), self.rows.align(hash));
        let has = |part: &Part| {
            let found = part.level.body.find(name, hash_of_layers);
            part.layer.lsn > gone_lsn && found.is_some()
        };
        let mut layers = self.layers.iter();
        self.find(name, hash).is_some() || layers.any(|part| !goes(part) && has(part))
    }

    /// Take away the layers that a complete file holds.
    pub(super) fn detach(&mut self, up_to: u64) {
        let before = self.layers.len();
        self.layers.retain(|part| part.layer.lsn > up_to);
        if self.layers.len() < before {
            self.count_again(self.layers.len());
        }
    }

    /// What was counted in layers that are gone is to be counted in these newer ones.
    fn count_again(&mut self, newest: usize) {
        let newer = self.layers.iter_mut().take(newest);
        newer.for_each(|part| part.counting = Some(Counting::default()));
    }

    fn name_of_big(&self, id: u32, hash: u64, catalog: &Catalog) -> Option<Box<[u8]>> {
        let (mut name, from) = (None, self.rows.align(hash));
        let end = from.checked_add(1);
        self.rows.visit_range(from, end, &catalog.hasher, |block| {
            let row = row::read(block, &catalog.shapes);
            if let Some(row) = row.filter(|row| matches!(row.body, Body::Big(own) if own == id)) {
                name = Some(row.key.into());
            }
        });
        name
    }

    fn absorb_big(&mut self, at: At<'_>, id: u32, layer: &Layer, catalog: &Catalog) -> bool {
        let Some(part) = self.layers.first() else {
            return false;
        };
        let said = part.said(at.name, self.rows.align(at.hash));
        if said.is_none() && !part.in_scope(at.name) {
            return false;
        }
        let Some(found) = self.find(at.name, at.hash) else {
            return false;
        };
        let expire_at = self.read(found, catalog).and_then(|row| row.expire_at);
        if expire_at.is_some_and(|expire_at| expire_at <= layer.at) {
            // The key was gone just before, and comes again with what the layer has.
            let lsn = at.lsn.saturating_sub(1);
            self.delete(At { lsn, ..at }, catalog);
            self.is_beyond_again(at.name, at.hash, lsn);
            return true;
        }
        let layer = layer.clone();
        let row = said.map(<[u8]>::to_vec);
        let hasher = &catalog.hasher;
        let change = |big: &mut Big| {
            layer.take_from(row.as_deref(), &mut |name| {
                big.remove(name, hasher);
            });
            layer.give(row.as_deref(), &mut |name, seen| {
                put(big, name, seen, catalog)
            });
            big.len() == 0
        };
        if self.with_big(id, at.hash, change) == Some(true) {
            self.delete(at, catalog);
        } else {
            let block = self.rows.get(found).to_vec();
            let len = row::extent(&block, &catalog.shapes).unwrap_or(block.len());
            self.put(at, Some(found), &block[..len.min(block.len())], catalog);
        }
        true
    }

    /// Visit the names of about one bucket of hash order, from a place of it on; answers where the
    /// next begins.
    pub fn visit_names<'a>(
        &'a self,
        from: u64,
        hasher: &Hasher,
        mut visit: impl FnMut(&'a [u8]),
    ) -> Option<u64> {
        let ends = self
            .layers
            .iter()
            .filter_map(|p| p.level.body.bucket_end(from));
        let end = self.rows.bucket_end(from, ends);
        let rows = &self.rows;
        rows.visit_range(from, end, hasher, |block| visit(Rows::name(block)));
        let is_before = |hash: u64| end.is_none_or(|end| hash < end);
        let aligned = rows.aligned(hasher);
        for (n, part) in self.layers.iter().enumerate() {
            let mut at = Some(from);
            while let Some(from) = at.filter(|at| is_before(*at)) {
                part.level.body.visit_bucket(from, aligned, |hash, block| {
                    let name = Rows::name(block);
                    let newer = |p: &Part| p.level.body.find(name, hash).is_some();
                    if is_before(hash)
                        && !self.layers[..n].iter().any(newer)
                        && self.find(name, hasher.hash(name)).is_none()
                    {
                        visit(name);
                    }
                });
                at = part.level.body.bucket_end(from);
            }
        }
        end
    }

    /// When, at the earliest, the entity of this hash expires.
    pub fn due_near(&self, hash: u64) -> Millis {
        let aligned = self.rows.align(hash);
        let layers = self.layers.iter().map(|part| part.level.due_near(aligned));
        layers.fold(self.rows.due_near(hash), Millis::min)
    }

    /// The earliest time at which something may expire.
    pub fn due(&self) -> Millis {
        let layers = self.layers.iter().map(|part| part.level.due_any());
        layers.fold(self.rows.due(), Millis::min)
    }

    /// Visit the names of which something may have expired by `now`, until `visit` says no.
    pub fn visit_due<'a>(
        &'a self,
        now: Millis,
        hasher: &Hasher,
        mut visit: impl FnMut(&'a [u8]) -> bool,
    ) -> bool {
        let aligned = self.rows.aligned(hasher);
        let rows = self
            .rows
            .visit_due(now, hasher, |block| visit(Rows::name(block)));
        rows && self.layers.iter().all(|part| {
            let groups = part.level.due_groups(now);
            let mut blocks = groups.flat_map(|group| part.level.group(group, aligned));
            blocks.all(|block| visit(Rows::name(block)))
        })
    }

    /// Look again when what layers have is next due.
    pub(super) fn refresh_layers(&mut self, now: Millis, catalog: &Catalog) {
        let aligned = self.rows.aligned(&catalog.hasher);
        for n in 0..self.layers.len() {
            let mut dues = Vec::new();
            if let Some(part) = self.layers.get(n) {
                for group in part.level.due_groups(now) {
                    let due = part.level.group(group, aligned).map(|block| {
                        let name = Rows::name(block);
                        let seen = self.seen(name, catalog.hasher.hash(name), catalog);
                        seen.map_or(Millis::MAX, |seen| seen.due_exactly())
                    });
                    dues.push((group, due.min().unwrap_or(Millis::MAX)));
                }
            }
            for (group, due) in dues {
                if let Some(part) = self.layers.get_mut(n) {
                    part.level.set_due(group, due);
                }
            }
        }
    }

    /// Ask for the memory that seeing this hash reads first.
    #[inline(always)]
    pub fn prefetch_index(&self, hash: u64, relation: &mut dyn FnMut(&Layer) -> Relation) {
        self.rows.prefetch_index(hash);
        if !self.layers.is_empty() {
            self.prefetch_layers(relation, hash, |part, hash| part.level.prefetch_index(hash));
        }
    }

    #[inline(always)]
    pub fn prefetch_entry(&self, hash: u64, relation: &mut dyn FnMut(&Layer) -> Relation) {
        self.rows.prefetch_entry(hash);
        if !self.layers.is_empty() {
            self.prefetch_layers(relation, hash, |part, hash| {
                part.level.prefetch_entry(hash);
            });
        }
    }

    #[inline(never)]
    fn prefetch_layers(
        &self,
        relation: &mut dyn FnMut(&Layer) -> Relation,
        hash: u64,
        prefetch: impl Fn(&Part, u64),
    ) {
        let aligned = self.rows.align(hash);
        for part in self.read_first(relation) {
            prefetch(part, aligned);
        }
    }

    /// The layers to look at, up to one that is likely to say all.
    fn read_first(
        &self,
        relation: &mut dyn FnMut(&Layer) -> Relation,
    ) -> impl Iterator<Item = &Part> {
        let mut said = false;
        let related = self.layers.iter().map_while(move |part| {
            let relation = (!said).then(|| relation(&part.layer))?;
            said = relation == Relation::All;
            Some((part, relation))
        });
        related.filter_map(|(part, relation)| (relation != Relation::Foreign).then_some(part))
    }
}

impl Seen<'_> {
    fn due_exactly(&self) -> Millis {
        match &self.over {
            Some(over) => over.due_exactly(),
            None => self.due,
        }
    }
}

fn put(big: &mut Big, name: &[u8], seen: SeenCell<'_>, catalog: &Catalog) {
    let expire_at = seen.expire_at;
    match seen.content(catalog) {
        Some(Content::Cell(cell)) => {
            let stored = Stored {
                name,
                cell,
                expire_at,
            };
            big.put(stored, &catalog.hasher);
        }
        Some(Content::Value(value)) => {
            let (hasher, dictionary) = (&catalog.hasher, &catalog.dictionary);
            big.set(name, value, |_| expire_at, hasher, dictionary);
        }
        None => {}
    }
}
