//! What a checkpoint does to a shard: freeze, write, install; and how files become levels again.
//!
//! Freezing seals the active levels of a shard under its lock, which takes microseconds whatever
//! they hold. The frozen levels, and as many of the newest files as are to be folded, are merged
//! and written without any lock. Installing puts the new file in their place, under the lock.
//!
//! Invariants
//! - A frozen shard is its shard as of `lsn`: all that changed it up to there, nothing behind.
//! - A file lists every table and every big hash that its shard had; what it does not list is gone
//!   whatever older files say. A section is read above those of older files, unless it is complete.
//! - That something is gone is written unless the section is complete.

use super::big::{self, Fields};
use super::catalog::Catalog;
use super::fold::{Fold, Transitions};
use super::hasher::Hasher;
use super::keyspace::Keyspace;
use super::level::{Aligned, Form};
use super::row::{self, Body as RowBody, Rows};
use super::sealed::Body;
use super::section::{Place, Section, Sink, Writer};
use super::shard::Shard;
use super::store::Frozen;
use super::table::{FrozenTable, Table};
use super::{Db, Millis};
use bytes::Bytes;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

/// A shard at one moment.
pub struct FrozenShard {
    /// All changes up to here, and none behind.
    pub lsn: u64,
    /// All files must be folded: tables are no longer where files say.
    pub must_fold: bool,
    pub(super) tables: Vec<FrozenTable>,
}

/// Where a table is in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TablePlace {
    pub db: Db,
    /// Keys, in all levels.
    pub len: u64,
    /// Keys that expire, in all levels.
    pub expiring: u64,
    pub rows: SectionPlace,
    pub bigs: Vec<BigPlace>,
}

impl TablePlace {
    /// Of all its sections.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        let bigs = self.bigs.iter().map(|big| &big.fields.place);
        std::iter::once(&self.rows.place).chain(bigs)
    }
}

/// Where a section is in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SectionPlace {
    /// Nothing in older files counts.
    pub complete: bool,
    pub place: Place,
}

/// Where the fields of a big hash are in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BigPlace {
    /// What its row says.
    pub id: u32,
    /// The hash of its key.
    pub hash: u64,
    /// Fields, in all levels.
    pub len: u64,
    pub fields: SectionPlace,
}

/// A file of a shard.
pub struct ShardFile<'a> {
    pub number: u64,
    /// What it holds is complete as of here.
    pub lsn: u64,
    pub bytes: &'a Bytes,
    pub tables: &'a [TablePlace],
}

pub(super) fn damaged(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

/// How many of the newest levels are folded: those on the heap and those of these files.
fn folded<F>(frozen: &Frozen<F>, folds: &dyn Fn(u64) -> bool) -> usize {
    let is_folded = |level: &&Body<F>| match level {
        Body::Heap(_) => true,
        Body::File { file, .. } => folds(*file),
    };
    frozen.levels.iter().take_while(is_folded).count()
}

/// Write what the newest levels of a store say; `inspect` tells how long a block is and when it
/// is due.
fn merge<F: Form>(
    frozen: &Frozen<F>,
    folds: &dyn Fn(u64) -> bool,
    aligned: Aligned<'_>,
    sink: &mut dyn Sink,
    inspect: impl Fn(&[u8]) -> Option<(usize, Millis)>,
) -> io::Result<SectionPlace> {
    let folded = folded(frozen, folds);
    let complete = folded == frozen.levels.len();
    let levels = &frozen.levels[..folded];
    let mut entries: Vec<(u64, u32, u32)> = Vec::new();
    for (level, body) in (0..).zip(levels) {
        let hash_of = |reference| aligned.of(F::name(body.get(reference)));
        entries.extend(body.entries().map(|r| (hash_of(r), level, r)));
    }
    entries.sort_unstable();
    let block = |(_, level, reference): &(u64, u32, u32)| {
        let body = levels.get(*level as usize);
        body.map_or(&[][..], |body| body.get(*reference))
    };
    let mut writer = Writer::new(sink)?;
    for same in entries.chunk_by(|a, b| a.0 == b.0) {
        for (n, entry) in same.iter().enumerate() {
            let payload = block(entry);
            let name = F::name(payload);
            if same[..n].iter().any(|newer| F::name(block(newer)) == name)
                || (complete && F::is_gone(payload))
            {
                continue;
            }
            let (len, due) = inspect(payload).ok_or_else(|| damaged("a row cannot be read"))?;
            let payload = payload.get(..len);
            let payload = payload.ok_or_else(|| damaged("a row is cut short"))?;
            writer.put(entry.0, payload, due)?;
        }
    }
    let place = writer.finish()?;
    Ok(SectionPlace { complete, place })
}

impl FrozenShard {
    /// Whether nothing is left in the shard.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Bytes on the heap that it keeps.
    pub fn bytes(&self) -> usize {
        self.tables.iter().map(FrozenTable::bytes).sum()
    }
}

impl Keyspace {
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// The LSN up to which every change of this shard is applied, and the shard as of then, if it
    /// has changed since its last checkpoint, or is to take up layers. What was frozen must be
    /// installed before the next.
    pub fn freeze(&self, shard: usize, takes_up: bool) -> (u64, Option<FrozenShard>) {
        let mut shard = self.shards[shard].write();
        // Who has an LSN that is not applied yet holds the locks of its shards: not this one.
        let lsn = self.last_lsn();
        let takes_up = takes_up && shard.has_layers();
        if shard.last_lsn <= shard.base_lsn && !shard.relaid && !takes_up {
            shard.base_lsn = lsn;
            return (lsn, None);
        }
        let frozen = FrozenShard {
            lsn,
            must_fold: std::mem::take(&mut shard.relaid) || takes_up,
            tables: shard.freeze(),
        };
        self.settle(&mut shard);
        (lsn, Some(frozen))
    }

    /// Write what has changed since the last checkpoint, and what is in the files to be folded.
    pub fn write_frozen(
        &self,
        frozen: &FrozenShard,
        folds: &dyn Fn(u64) -> bool,
        sink: &mut dyn Sink,
    ) -> io::Result<Vec<TablePlace>> {
        let catalog = &self.catalog;
        let tables = frozen.tables.iter();
        tables
            .map(|table| write_table(table, folds, self.shard_bits, catalog, sink))
            .collect()
    }

    /// Put a file that was written in the place of the levels it was made of; what takes long to
    /// free is freed without the lock.
    pub fn install(
        &self,
        shard: usize,
        frozen: &FrozenShard,
        folds: &dyn Fn(u64) -> bool,
        file: Option<&ShardFile<'_>>,
    ) -> io::Result<()> {
        let opened = file.map(Opened::new).transpose()?;
        let mut shard = self.shards[shard].write();
        shard.base_lsn = frozen.lsn;
        let mut old = Vec::new();
        for table in &frozen.tables {
            let place = opened.as_ref().and_then(|opened| opened.table(table.db));
            if let (Some(live), Some(place)) = (shard.find_frozen(table), place) {
                let hasher = &self.catalog.hasher;
                old.push(live.install(table, |f| folded(f, folds), |f| folded(f, folds), place));
                live.settle(table, frozen.lsn, place.place.rows.complete, hasher);
            }
        }
        self.settle(&mut shard);
        drop(shard);
        drop(old);
        Ok(())
    }

    /// Put the files of a shard, the oldest first, below what the log will bring: the shard as it
    /// was at `lsn`. The shard is new.
    pub fn stack(&self, shard: usize, lsn: u64, files: &[ShardFile<'_>]) -> io::Result<()> {
        let mut shard = self.shards[shard].write();
        for file in files {
            let opened = Opened::new(file)?;
            if opened.file.tables.iter().any(|t| !self.has_database(t.db)) {
                return Err(damaged(
                    "it has a database that is not there by the settings",
                ));
            }
            let stacked = shard.stack(&opened);
            stacked.ok_or_else(|| damaged("it has more keys or fields than entries"))?;
        }
        (shard.base_lsn, shard.last_lsn) = (lsn, lsn);
        self.is_behind(lsn);
        self.settle(&mut shard);
        Ok(())
    }

    /// The LSN up to which a shard is in its files.
    pub fn base_lsn(&self, shard: usize) -> u64 {
        self.shards[shard].read().base_lsn
    }

    pub(super) fn aligned(&self, shared_bits: u32) -> Aligned<'_> {
        Aligned {
            hasher: &self.catalog.hasher,
            shared_bits,
        }
    }

    /// What rows refer to, as bytes.
    pub fn catalog(&self) -> Vec<u8> {
        self.catalog.write()
    }

    /// How much there is of it: it only grows.
    pub fn catalog_len(&self) -> usize {
        self.catalog.shapes.len() + self.catalog.dictionary.len()
    }

    /// Take what rows in files refer to; `None` if these bytes are not that. To be called once,
    /// before there is data.
    pub fn restore_catalog(&self, bytes: &[u8]) -> Option<()> {
        self.catalog.read(bytes)
    }
}

fn write_table(
    table: &FrozenTable,
    folds: &dyn Fn(u64) -> bool,
    shared_bits: u32,
    catalog: &Catalog,
    sink: &mut dyn Sink,
) -> io::Result<TablePlace> {
    let hasher: &Hasher = &catalog.hasher;
    let aligned = |shared_bits| Aligned {
        hasher,
        shared_bits,
    };
    let dues: HashMap<u32, Millis> = table.bigs.iter().map(|big| (big.id, big.due)).collect();
    let inspect = |block: &[u8]| {
        let len = row::extent(block, &catalog.shapes)?;
        if Rows::is_gone(block) {
            return Some((len, Millis::MAX));
        }
        let row = row::read(block, &catalog.shapes)?;
        let fields = match row.body {
            RowBody::Packed(packed) => packed.stamps.map(|stamps| stamps.earliest()),
            RowBody::Big(id) => dues.get(&id).copied(),
            RowBody::String(_) => None,
        };
        let due = fields.unwrap_or(Millis::MAX);
        Some((len, due.min(row.expire_at.unwrap_or(Millis::MAX))))
    };
    let mut transitions = Transitions::default();
    let rows = match &table.layers[..] {
        [] => merge(&table.rows, folds, aligned(shared_bits), sink, inspect)?,
        parts => {
            let folded = folded(&table.rows, folds);
            let fold = Fold {
                levels: &table.rows.levels[..folded],
                parts,
                complete: folded == table.rows.levels.len(),
                aligned: aligned(shared_bits),
                catalog,
            };
            fold.write(sink, &mut transitions, &inspect)?
        }
    };
    let len = table.rows.len + transitions.born.len();
    let len = len.saturating_sub(transitions.died.len());
    let expiring = table.expiring.saturating_sub(transitions.freed.len());
    *table.transitions.lock() = transitions;
    let mut bigs = Vec::with_capacity(table.bigs.len());
    for big in &table.bigs {
        bigs.push(BigPlace {
            id: big.id,
            hash: big.hash,
            len: big.fields.len as u64,
            fields: merge(&big.fields, folds, aligned(0), sink, big::inspect)?,
        });
    }
    Ok(TablePlace {
        db: table.db,
        len: len as u64,
        expiring: expiring as u64,
        rows,
        bigs,
    })
}

/// The sections of a file.
pub struct Opened<'a> {
    pub file: &'a ShardFile<'a>,
    pub tables: Vec<OpenedTable<'a>>,
}

pub struct OpenedTable<'a> {
    pub place: &'a TablePlace,
    pub number: u64,
    pub lsn: u64,
    pub rows: Arc<Section<Rows>>,
    pub bigs: HashMap<u32, Arc<Section<Fields>>>,
}

impl<'a> Opened<'a> {
    pub fn new(file: &'a ShardFile<'a>) -> io::Result<Opened<'a>> {
        let none = || damaged("a section lies beyond its end");
        let places = file.tables.iter().flat_map(TablePlace::places);
        let bytes = places.flat_map(Place::parts).map(|(_, bytes)| bytes);
        // Of a part some is copied: the same one, told a million times, would fill memory.
        if bytes.fold(0, u64::saturating_add) > file.bytes.len() as u64 {
            return Err(damaged("its sections lie in each other"));
        }
        let open = |place: &'a TablePlace| {
            let mut bigs = HashMap::new();
            for big in &place.bigs {
                let fields = Section::open(file.bytes, &big.fields.place).ok_or_else(none)?;
                bigs.insert(big.id, Arc::new(fields));
            }
            let rows = Section::open(file.bytes, &place.rows.place).ok_or_else(none)?;
            Ok(OpenedTable {
                place,
                number: file.number,
                lsn: file.lsn,
                rows: Arc::new(rows),
                bigs,
            })
        };
        let tables: io::Result<Vec<OpenedTable<'a>>> = file.tables.iter().map(open).collect();
        let tables = tables?;
        Ok(Opened { file, tables })
    }

    pub fn table(&self, db: Db) -> Option<&OpenedTable<'a>> {
        self.tables.iter().find(|table| table.place.db == db)
    }
}

impl OpenedTable<'_> {
    /// The number of its file, and the LSN as of which it is complete.
    pub fn at(&self) -> (u64, u64) {
        (self.number, self.lsn)
    }
}

impl Shard {
    fn has_layers(&self) -> bool {
        self.tables().any(|(_, table)| !table.layers().is_empty())
    }

    fn freeze(&mut self) -> Vec<FrozenTable> {
        let tables = self.tables_mut();
        tables.map(|(db, table)| table.freeze(db)).collect()
    }

    /// The table that was frozen, wherever it is now, if it is still there.
    fn find_frozen(&mut self, frozen: &FrozenTable) -> Option<&mut Table> {
        let mut tables = self.tables_mut().map(|(_, table)| table);
        tables.find(|table| table.rows().is(&frozen.rows))
    }

    fn stack(&mut self, opened: &Opened<'_>) -> Option<()> {
        self.keep_tables(|db| opened.table(db).is_some());
        self.stacked_lsn = opened.file.lsn;
        let mut tables = opened.tables.iter();
        tables.try_for_each(|table| self.table_mut(table.place.db).stack(table))
    }
}
