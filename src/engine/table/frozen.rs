//! A table as a checkpoint sees it.

use super::Table;
use crate::engine::big::{Big, Fields};
use crate::engine::checkpoint::OpenedTable;
use crate::engine::row::Rows;
use crate::engine::sealed::{Body, Sealed};
use crate::engine::store::Frozen;
use crate::engine::{Db, Millis};

/// A table at one moment.
pub struct FrozenTable {
    pub db: Db,
    pub expiring: usize,
    pub rows: Frozen<Rows>,
    pub bigs: Vec<FrozenBig>,
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
        for (id, big) in (0..).zip(&mut self.bigs) {
            if let Some(big) = big {
                bigs.push(FrozenBig {
                    id,
                    hash: big.hash,
                    due: big.due(),
                    fields: big.store_mut().freeze(),
                });
            }
        }
        // Each has one level more.
        self.bigs_bytes = self.bigs.iter().flatten().map(|big| big.bytes()).sum();
        FrozenTable {
            db,
            expiring: self.expiring,
            rows: self.rows.freeze(),
            bigs,
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
            let live = self.bigs.get_mut(old.id as usize).and_then(Option::as_mut);
            let live = live.filter(|big| big.store().is(&old.fields));
            if let (Some(big), Some(section)) = (live, opened.bigs.get(&old.id)) {
                let before = big.bytes();
                let folded = fields_folded(&old.fields);
                let section = section.clone();
                let replaced = big.store_mut().install(folded, opened.number, section);
                big.look_again();
                self.bigs_bytes = self.bigs_bytes - before + big.bytes();
                fields.extend(replaced);
            }
        }
        let folded = rows_folded(&frozen.rows);
        let rows = self
            .rows
            .install(folded, opened.number, opened.rows.clone());
        self.note_bigs();
        Replaced {
            _rows: rows,
            _fields: fields,
        }
    }

    /// The rows of big hashes are in levels that were written before their fields changed.
    fn note_bigs(&mut self) {
        for big in self.bigs.iter().flatten() {
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
            self.bigs.clear();
        }
        let (rows, complete) = (opened.rows.clone(), place.rows.complete);
        self.rows.stack(opened.number, rows, complete, place.len)?;
        self.expiring = place.expiring as usize;
        let listed: std::collections::HashSet<u32> = opened.bigs.keys().copied().collect();
        for (id, big) in (0..).zip(&mut self.bigs) {
            if !listed.contains(&id) {
                *big = None;
            }
        }
        for big in &place.bigs {
            let at = big.id as usize;
            if self.bigs.len() <= at {
                self.bigs.resize_with(at + 1, || None);
            }
            let live = self.bigs[at].get_or_insert_with(|| Box::new(Big::new(big.hash)));
            if big.fields.complete {
                **live = Big::new(big.hash);
            }
            if let Some(section) = opened.bigs.get(&big.id) {
                let (store, complete) = (live.store_mut(), big.fields.complete);
                store.stack(opened.number, section.clone(), complete, big.len)?;
            }
            live.look_again();
        }
        self.bigs_free = (0..)
            .zip(&self.bigs)
            .filter_map(|(id, big)| big.is_none().then_some(id))
            .collect();
        self.bigs_bytes = self.bigs.iter().flatten().map(|big| big.bytes()).sum();
        self.note_bigs();
        Some(())
    }
}
