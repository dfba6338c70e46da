//! Making the file of a batch, in the process of a loader.
//!
//! ```text
//! rows, in any order -> packed, by shard -> (file without a name) -> a shard at a time: sorted,
//! the newest of each key -> sections -> directory
//! ```
//!
//! Invariants
//! - Memory is bounded by what was asked for, and by one shard, however many rows there are.
//! - Of rows of one key the one of the latest time counts; of those of the same time, the last;
//!   also if it has no value at all.

use crate::engine::{Millis, PackCell, PackError, Packer, Place};
use crate::io::{Append, Spill};
use crate::rowfile::{self, batch};
use std::io;
use std::path::PathBuf;

/// What a row in a buffer begins with: hash, time, length.
const HEAD_BYTES: usize = 8 + 8 + 4;

/// What a batch is to be.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub view: String,
    /// The template of its keys.
    pub key: String,
    pub db: u8,
    pub replace: bool,
    /// The features of the rows, in their order.
    pub features: Vec<String>,
    /// Others that a replacing batch masks.
    pub former: Vec<String>,
    /// The server's.
    pub seed: u64,
    pub shards: usize,
    /// Bytes that rows may take in memory.
    pub memory: usize,
    /// Where what does not fit goes.
    pub dir: PathBuf,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Built {
    pub entities: u64,
    /// Rows that others of the same key took the place of.
    pub outdated: u64,
    /// Of the file.
    pub bytes: u64,
    /// Of rows that did not fit in memory.
    pub spilled: u64,
}

/// See the module.
pub struct Builder {
    plan: Plan,
    packer: Packer,
    shards: Vec<Run>,
    /// In all runs.
    bytes: usize,
    spill: Option<Spill>,
    built: Built,
}

/// The rows of one shard, in the order of their arrival.
#[derive(Default)]
struct Run {
    rows: Vec<u8>,
    /// What was there before, in the file: where, and how long.
    spilled: Vec<(u64, usize)>,
}

impl Builder {
    pub fn new(plan: Plan) -> Result<Builder, PackError> {
        let names: Vec<&[u8]> = plan.features.iter().map(|name| name.as_bytes()).collect();
        let packer = Packer::new(plan.seed, plan.shards, &names)?;
        let mut shards = Vec::new();
        shards.resize_with(plan.shards, Run::default);
        Ok(Builder {
            plan,
            packer,
            shards,
            bytes: 0,
            spill: None,
            built: Built::default(),
        })
    }

    /// Take a row as of a time, counted from anywhere, with cells in the order of the features.
    pub fn add(
        &mut self,
        key: &[u8],
        at: Millis,
        cells: &[Option<PackCell<'_>>],
    ) -> Result<(), PackError> {
        let (shard, hash, row) = self.packer.pack(key, cells)?;
        let len = row.len() as u32;
        if let Some(run) = self.shards.get_mut(shard) {
            run.rows.extend_from_slice(&hash.to_le_bytes());
            run.rows.extend_from_slice(&at.to_le_bytes());
            run.rows.extend_from_slice(&len.to_le_bytes());
            run.rows.extend_from_slice(row);
            self.bytes += HEAD_BYTES + row.len();
        }
        Ok(())
    }

    /// Make room, if there is need: to be called after rows were added.
    pub fn make_room(&mut self) -> io::Result<()> {
        // A buffer that grows has up to twice what it holds.
        if self.bytes < self.plan.memory / 2 {
            return Ok(());
        }
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(Spill::new(&self.plan.dir)?),
        };
        for run in self.shards.iter_mut().filter(|run| !run.rows.is_empty()) {
            let at = spill.write(&run.rows)?;
            run.spilled.push((at, run.rows.len()));
            self.built.spilled += run.rows.len() as u64;
            run.rows.clear();
        }
        self.bytes = 0;
        Ok(())
    }

    /// Write the file of this number.
    pub fn finish(mut self, out: Box<dyn Append>, number: u64) -> io::Result<Built> {
        let mut pace = |_: usize| Ok(());
        let mut writer = rowfile::Writer::new(out, number, &mut pace)?;
        let mut places = Vec::with_capacity(self.shards.len());
        for run in std::mem::take(&mut self.shards) {
            places.push(self.section(run, &mut writer)?);
        }
        let names = self.plan.features.iter().chain(&self.plan.former);
        let facts = batch::Facts {
            view: self.plan.view.clone(),
            key: self.plan.key.clone(),
            db: self.plan.db,
            replace: self.plan.replace,
            names: names.map(|name| name.as_bytes().to_vec()).collect(),
            catalog: self.packer.catalog(),
            places,
        };
        self.built.bytes = batch::finish(writer, &facts)?;
        Ok(self.built)
    }

    fn section(&mut self, run: Run, writer: &mut rowfile::Writer<'_>) -> io::Result<Place> {
        let mut rows = Vec::new();
        if let Some(spill) = self.spill.as_ref().filter(|_| !run.spilled.is_empty()) {
            for (at, len) in &run.spilled {
                spill.read(*at, *len, &mut rows)?;
            }
            rows.extend_from_slice(&run.rows);
        } else {
            rows = run.rows;
        }
        let mut index = index(&rows);
        // The newest of each key first.
        index.sort_unstable_by(|a, b| (a.hash, b.at, b.start).cmp(&(b.hash, a.at, a.start)));
        let row = |entry: &Entry| rows.get(entry.start..entry.end).unwrap_or_default();
        let total = index.len();
        let mut kept: Vec<Entry> = Vec::with_capacity(total);
        for same in index.chunk_by(|a, b| a.hash == b.hash) {
            let first = kept.len();
            for entry in same {
                let key = Packer::key(row(entry));
                let known = kept.iter().skip(first);
                if !known.into_iter().any(|e| Packer::key(row(e)) == key) {
                    kept.push(*entry);
                }
            }
        }
        self.built.outdated += (total - kept.len()) as u64;
        kept.retain(|entry| !Packer::is_empty(row(entry)));
        self.built.entities += kept.len() as u64;
        let sorted = kept.iter().map(|entry| (entry.hash, row(entry)));
        self.packer.write(writer, sorted)
    }
}

#[derive(Clone, Copy)]
struct Entry {
    hash: u64,
    at: Millis,
    start: usize,
    end: usize,
}

fn index(rows: &[u8]) -> Vec<Entry> {
    let (mut index, mut at) = (Vec::new(), 0);
    while let Some(head) = rows.get(at..).and_then(|rest| rest.first_chunk()) {
        let head: &[u8; HEAD_BYTES] = head;
        let (hash, rest) = head.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let (time, len) = rest.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let len = u32::from_le_bytes(*len.first_chunk().unwrap_or(&[0; 4])) as usize;
        let start = at + HEAD_BYTES;
        index.push(Entry {
            hash: u64::from_le_bytes(*hash),
            at: u64::from_le_bytes(*time),
            start,
            end: start + len,
        });
        at = start + len;
    }
    index
}
