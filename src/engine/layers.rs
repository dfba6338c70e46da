//! The layers of a keyspace: batches whose files are open, and those that are published.
//!
//! Invariants
//! - A layer that shows nothing any more (another one took its place, its database was flushed) is
//!   known until every shard is in files as of then: a restart begins before that.
//! - A batch is known before a change publishes it.

use super::Millis;
use super::check::{RowRule, check_row_of_batch};
use super::journal::{self, Step};
use super::keyspace::{Key, Keyspace};
use super::layer::{Batch, BatchFacts, Layer, Part};
use super::level::Form;
use super::row::Rows;
use super::section::Place;
use super::shard::Shard;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// See the module.
#[derive(Default)]
pub struct Layers {
    batches: Mutex<BTreeMap<u64, Known>>,
    published: Mutex<Vec<Published>>,
}

/// A batch whose file is open.
struct Known {
    batch: Arc<Batch>,
    /// The last change that published it; 0: none has; all ones: the first one is being made.
    last_lsn: u64,
}

/// A layer as a restart needs to know it.
#[derive(Clone, Debug)]
pub struct Published {
    pub layer: Layer,
    /// It shows nothing since the change of this LSN.
    pub gone_lsn: Option<u64>,
}

fn shows(layer: &Layer, shard: &Shard) -> bool {
    let is_it = |part: &Part| part.layer.id() == layer.id();
    shard
        .tables()
        .any(|(_, table)| table.layers().iter().any(is_it))
}

impl Keyspace {
    /// Know the batch of a file that is open; `None`: what the file says cannot be.
    pub fn open_batch(&self, file: &::bytes::Bytes, facts: BatchFacts<'_>) -> Option<Arc<Batch>> {
        let parts = facts.places.iter().flat_map(Place::parts);
        let bytes = parts.map(|(_, bytes)| bytes).fold(0, u64::saturating_add);
        // Of a part some is copied: the same one, told many times, would fill memory.
        let is_bounded = bytes <= file.len() as u64;
        let is_ours = facts.places.len() == self.shards.len() && facts.db < self.databases();
        if !is_bounded || !is_ours {
            return None;
        }
        let batch = Arc::new(Batch::open(self.seed(), file, facts)?);
        let mut batches = self.layers.batches.lock();
        // In use, until it is published or said not to be.
        let known = Known {
            batch: batch.clone(),
            last_lsn: u64::MAX,
        };
        batches.insert(batch.number, known);
        Some(batch)
    }

    /// The batch of this number, if its file is open.
    pub fn batch(&self, number: u64) -> Option<Arc<Batch>> {
        let batches = self.layers.batches.lock();
        batches.get(&number).map(|known| known.batch.clone())
    }

    /// All batches whose files are open, whether they show or are kept.
    pub fn batches(&self) -> Vec<Arc<Batch>> {
        let batches = self.layers.batches.lock();
        batches.values().map(|known| known.batch.clone()).collect()
    }

    /// The highest number of a batch whose file is open.
    pub fn last_batch(&self) -> Option<u64> {
        self.layers.batches.lock().keys().last().copied()
    }

    /// No change has published this batch yet, and none is to: unless one that is done again does.
    pub fn release_batch(&self, number: u64) {
        self.note_published(number, 0);
    }

    fn note_published(&self, number: u64, lsn: u64) {
        if let Some(known) = self.layers.batches.lock().get_mut(&number) {
            known.last_lsn = lsn;
        }
    }

    /// The numbers of the batches that neither show, nor are needed by a restart that begins with
    /// shards as of this LSN.
    pub fn unused_batches(&self, oldest_lsn: u64) -> Vec<u64> {
        let published = self.published(oldest_lsn);
        let is_needed = |number: u64| published.iter().any(|one| one.layer.batch.number == number);
        let batches = self.layers.batches.lock();
        let unused = batches
            .iter()
            .filter(|(number, known)| known.last_lsn <= oldest_lsn && !is_needed(**number));
        unused.map(|(number, _)| *number).collect()
    }

    /// The batch that a change publishes and that is not known.
    pub fn unknown_batch(&self, change: &[u8]) -> Option<u64> {
        let mut unknown = None;
        let key = |db, name| Some(self.key(db, name));
        journal::read_change(change, key, |step| {
            if let Step::Publish(number, _) = step {
                unknown = unknown.or(Some(number).filter(|n| self.batch(*n).is_none()));
            }
        });
        unknown
    }

    /// Forget a batch that is no layer any more.
    pub fn forget_batch(&self, number: u64) {
        self.layers.batches.lock().remove(&number);
    }

    /// The layers that a restart needs that begins with shards as of this LSN at the earliest:
    /// those that show, and those that showed then. The oldest first.
    pub fn published(&self, oldest_lsn: u64) -> Vec<Published> {
        let all = self.layers.published.lock().clone();
        let is_needed = |one: &Published| match one.gone_lsn {
            Some(gone) => gone > oldest_lsn,
            None => self.shows_anywhere(&one.layer),
        };
        let (needed, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_needed);
        let is_other = |one: &Published| others.iter().any(|o| o.layer.id() == one.layer.id());
        self.layers.published.lock().retain(|one| !is_other(one));
        needed
    }

    fn shows_anywhere(&self, layer: &Layer) -> bool {
        self.shards.iter().any(|shard| shows(layer, &shard.read()))
    }

    /// The layers that show, the oldest first.
    pub fn showing(&self) -> Vec<Layer> {
        let all = self.layers.published.lock().clone();
        let showing = all.into_iter().filter(|one| one.gone_lsn.is_none());
        let layers = showing.map(|one| one.layer);
        layers.filter(|layer| self.shows_anywhere(layer)).collect()
    }

    /// A layer was put above all of these shards, which are all.
    pub(super) fn add_layer(&self, layer: &Layer, shards: &[&Shard]) {
        let layer = layer.clone();
        let lsn = layer.lsn;
        let gone_lsn = None;
        self.note_published(layer.batch.number, lsn);
        self.layers
            .published
            .lock()
            .push(Published { layer, gone_lsn });
        self.note_layers(lsn, shards);
    }

    /// After a change of all shards: some layers may show nothing any more.
    pub(super) fn note_layers(&self, lsn: u64, shards: &[&Shard]) {
        for one in self.layers.published.lock().iter_mut() {
            if one.gone_lsn.is_none() && !shards.iter().any(|shard| shows(&one.layer, shard)) {
                one.gone_lsn = Some(lsn);
            }
        }
    }

    pub(super) fn look_for_layers(&self, lsn: u64) {
        if !self.layers.published.lock().is_empty() {
            let guards: Vec<_> = self.shards.iter().map(|shard| shard.read()).collect();
            let shards: Vec<&Shard> = guards.iter().map(|guard| &**guard).collect();
            self.note_layers(lsn, &shards);
        }
    }

    /// Publish a batch again as the change of this LSN did.
    pub(super) fn publish_again(&self, number: u64, lsn: u64, at: Millis) -> Option<()> {
        if self.shards.iter().all(|shard| shard.read().base_lsn >= lsn) {
            return Some(());
        }
        let batch = self.batch(number)?;
        self.note_published(number, lsn);
        let layer = Layer { batch, lsn, at };
        for (index, shard) in self.shards.iter().enumerate() {
            let mut shard = shard.write();
            if shard.base_lsn < lsn && shard.attach(&layer, index, &self.catalog) {
                shard.last_lsn = lsn;
                self.settle(&mut shard);
            }
        }
        let mut published = self.layers.published.lock();
        if published.iter().all(|one| one.layer.id() != layer.id()) {
            let gone_lsn = None;
            published.push(Published { layer, gone_lsn });
        }
        drop(published);
        self.look_for_layers(lsn);
        Some(())
    }

    /// Put a layer back that was there when the files were written, before the log is replayed; the
    /// oldest first. `None`: its batch is not known.
    pub fn restore_layer(
        &self,
        number: u64,
        lsn: u64,
        at: Millis,
        gone_lsn: Option<u64>,
    ) -> Option<()> {
        let batch = self.batch(number)?;
        self.note_published(number, lsn);
        let layer = Layer { batch, lsn, at };
        for (index, shard) in self.shards.iter().enumerate() {
            let mut shard = shard.write();
            // The log publishes it again for shards that were written before.
            let was_there = lsn <= shard.base_lsn;
            let is_gone = gone_lsn.is_some_and(|gone| gone <= shard.base_lsn);
            // It may show in other shards, and in another database there.
            let has_table = lsn > shard.stacked_lsn || shard.table(layer.batch.db).is_some();
            let shows = was_there && !is_gone && has_table;
            let part = Part::new(&layer, index).filter(|_| shows);
            if let Some(part) = part {
                shard.table_mut(layer.batch.db).attach_again(part);
            }
        }
        self.layers
            .published
            .lock()
            .push(Published { layer, gone_lsn });
        Some(())
    }

    /// Look at every row of a batch in a shard: each is found, can be read, is where it belongs,
    /// and follows the rule; answers what is wrong. Those that are no entities yet are counted:
    /// about, as there may be changes until the batch is published.
    pub fn look_through(
        &self,
        batch: &Batch,
        shard: usize,
        rule: &RowRule<'_>,
    ) -> Result<(), String> {
        let section = batch.section(shard).ok_or("a shard is missing")?;
        section.check(self.aligned(self.shard_bits))?;
        let hasher = &self.catalog.hasher;
        let entries: Vec<u32> = section.entries().collect();
        let mut new = 0;
        for some in entries.chunks(LOOKED_AT_ONCE) {
            let locked = self.shards[shard].read();
            let table = locked.table(batch.db);
            for reference in some {
                let block = section.get(*reference);
                let name = Rows::name(block);
                let hash = hasher.hash(name);
                let is_here = self.shard_of(hash) == shard;
                let sound =
                    check_row_of_batch(section, self.aligned(self.shard_bits), block, batch);
                let Some(row) = sound.filter(|_| is_here) else {
                    let name = name.escape_ascii();
                    return Err(format!(
                        "the row of {name} cannot be, or is not in its place"
                    ));
                };
                rule(&row).map_err(|reason| format!("{}: {reason}", name.escape_ascii()))?;
                let known = table.is_some_and(|table| table.has_below(batch, name, hash));
                new += usize::from(!known);
            }
        }
        batch.note_new(shard, new);
        Ok(())
    }

    /// Go on with counts of names that only layers have, for about so many: what a restart or a
    /// batch that is published again leaves to be counted. Answers whether there is more to do.
    pub fn count_layers(&self, names_max: usize) -> bool {
        if self.layers.published.lock().is_empty() {
            return false;
        }
        let mut left = names_max;
        for shard in &self.shards {
            while shard.read().tables().any(|(_, table)| table.is_counting()) {
                let mut shard = shard.write();
                for (_, table) in shard.tables_mut() {
                    let seen = table.count_layers(LOOKED_AT_ONCE, &self.catalog.hasher);
                    left = left.saturating_sub(seen);
                }
                if left == 0 {
                    return true;
                }
            }
        }
        false
    }

    /// Whether publishing a batch may change a key; so it is, if the batch is not known.
    pub(super) fn publishes(&self, number: u64, key: &Key<'_>) -> bool {
        let Some(batch) = self.batch(number) else {
            return true;
        };
        batch.db == key.db && batch.concerns(self.shard_of(key.hash), key, self.shard_bits)
    }
}

/// Rows looked at under one lock.
const LOOKED_AT_ONCE: usize = 256;
