//! A table as a checkpoint sees it.

use super::Table;
use crate::engine::big::{Big, Fields};
use crate::engine::checkpoint::OpenedTable;
use crate::engine::fold::Transitions;
use crate::engine::hasher::Hasher;
use crate::engine::layer::Part;
use crate::engine::row::Rows;
use crate::engine::sealed::{Body, Sealed};
use crate::engine::store::Frozen;
use crate::engine::{Db, Millis};
use parking_lot::Mutex;

/// A table at one moment.
pub struct FrozenTable {
    pub db: Db,
    pub expiring: usize,
    pub rows: Frozen<Rows>,
    /// The newest first.
    pub layers: Vec<Part>,
    pub bigs: Vec<FrozenBig>,
    /// What taking up layers did, as it was last written.
    pub transitions: Mutex<Transitions>,
}

pub struct FrozenBig {
    pub id: u32,
    pub hash: u64,
    pub due: Millis,
    pub fields: Frozen<Fields>,
}

/// Levels that were replaced, to be freed where nobody waits.
pub struct Replaced {
    _rows: Vec<Sealed<Rows>>,
    _fields: Vec<Sealed<Fields>>,
}

fn bytes<F: crate::engine::level::Form>(frozen: &Frozen<F>) -> usize {
    let heap = frozen.levels.iter().map(|level| match level {
        Body::Heap(level) => level.bytes(),
        Body::File { .. } => 0,
    });
    heap.sum()
}

impl FrozenTable {
    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        let bigs: usize = self.bigs.iter().map(|big| bytes(&big.fields)).sum();
        bytes(&self.rows) + bigs
    }
}

impl Table {
    pub fn freeze(&mut self, db: Db) -> FrozenTable {
        let mut bigs = Vec::new();
        self.bigs.change_all(|id, big| {
            bigs.push(FrozenBig {
                id,
                hash: big.hash,
                due: big.due(),
                fields: big.store_mut().freeze(),
            });
        });
        FrozenTable {
            db,
            expiring: self.expiring,
            rows: self.rows.freeze(),
            layers: self.layers.clone(),
            bigs,
            transitions: Mutex::default(),
        }
    }

    /// Put the sections of a file in the place of the levels that they were made of; the functions
    /// say how many those are.
    pub fn install(
        &mut self,
        frozen: &FrozenTable,
        rows_folded: impl Fn(&Frozen<Rows>) -> usize,
        fields_folded: impl Fn(&Frozen<Fields>) -> usize,
        opened: &OpenedTable<'_>,
    ) -> Replaced {
        let mut fields = Vec::new();
        for old in &frozen.bigs {
            let Some(section) = opened.bigs.get(&old.id) else {
                continue;
            };
            self.bigs.change(old.id, |big| {
                if big.store().is(&old.fields) {
                    let (folded, section) = (fields_folded(&old.fields), section.clone());
                    fields.extend(big.store_mut().install(folded, opened.at(), section));
                    big.look_again();
                }
            });
        }
        let folded = rows_folded(&frozen.rows);
        let rows = self.rows.install(folded, opened.at(), opened.rows.clone());
        self.note_bigs();
        Replaced {
            _rows: rows,
            _fields: fields,
        }
    }

    /// After the file of a frozen table was put in its place: what it took up of layers shows in
    /// the numbers of keys, and a complete one has all that the layers have up to its LSN.
    pub fn settle(&mut self, frozen: &FrozenTable, lsn: u64, complete: bool, hasher: &Hasher) {
        let transitions = std::mem::take(&mut *frozen.transitions.lock());
        // A change meanwhile took all of it up, and was counted.
        let is_untouched = |table: &Table, name: &[u8]| {
            let hash = hasher.hash(name);
            !table.rows.is_changed(name, hash)
        };
        let freed = transitions.freed.iter();
        let freed = freed.filter(|name| is_untouched(self, name)).count();
        self.expiring = self.expiring.saturating_sub(freed);
        for name in &transitions.died {
            if is_untouched(self, name) {
                self.rows.count(false);
                self.is_beyond_again(name, hasher.hash(name), lsn);
            }
        }
        for (name, gone_lsn) in &transitions.born {
            if is_untouched(self, name) {
                self.rows.count(true);
                self.is_no_more_beyond(name, hasher.hash(name), *gone_lsn);
            }
        }
        if complete {
            self.detach(lsn);
        }
    }

    /// The rows of big hashes are in levels that were written before their fields changed.
    fn note_bigs(&mut self) {
        for big in self.bigs.iter() {
            if big.due() != Millis::MAX {
                self.rows.note_due_below(big.hash, big.due());
            }
        }
    }

    /// Put the sections of a file above those of older ones; `None`: what it says of them cannot
    /// be.
    pub fn stack(&mut self, opened: &OpenedTable<'_>) -> Option<()> {
        let place = opened.place;
        if place.rows.complete {
            self.folded_lsn = opened.lsn;
            self.bigs.clear();
        }
        let (rows, complete) = (opened.rows.clone(), place.rows.complete);
        self.rows.stack(opened.at(), rows, complete, place.len)?;
        self.expiring = place.expiring as usize;
        let listed = place.bigs.iter().map(|big| (big.id, big.hash));
        self.bigs.keep_and_make(listed);
        for big in &place.bigs {
            let (fields, at) = (opened.bigs.get(&big.id), opened.at());
            let stacked = self.bigs.change(big.id, |live| {
                let complete = big.fields.complete;
                if complete {
                    *live = Big::new(big.hash);
                }
                let store = live.store_mut();
                let stacked = fields.is_none_or(|fields| {
                    let stacked = store.stack(at, fields.clone(), complete, big.len);
                    stacked.is_some()
                });
                live.look_again();
                stacked
            });
            if stacked != Some(true) {
                return None;
            }
        }
        self.note_bigs();
        Some(())
    }
}
