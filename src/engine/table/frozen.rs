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
            let Some(section) = opened.bigs.get(&old.id) else {
                continue;
            };
            self.bigs.change(old.id, |big| {
                if big.store().is(&old.fields) {
                    let (folded, section) = (fields_folded(&old.fields), section.clone());
                    fields.extend(big.store_mut().install(folded, opened.number, section));
                    big.look_again();
                }
            });
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
            self.bigs.clear();
        }
        let (rows, complete) = (opened.rows.clone(), place.rows.complete);
        self.rows.stack(opened.number, rows, complete, place.len)?;
        self.expiring = place.expiring as usize;
        let listed = place.bigs.iter().map(|big| (big.id, big.hash));
        self.bigs.keep_and_make(listed);
        for big in &place.bigs {
            let (fields, number) = (opened.bigs.get(&big.id), opened.number);
            let stacked = self.bigs.change(big.id, |live| {
                let complete = big.fields.complete;
                if complete {
                    *live = Big::new(big.hash);
                }
                let store = live.store_mut();
                let stacked = fields.is_none_or(|fields| {
                    let stacked = store.stack(number, fields.clone(), complete, big.len);
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
