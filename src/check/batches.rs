//! The files of batches: every checksum, every row, and whether what needs them goes with them: the
//! layers of the manifest, the log, and the records that are kept.
//!
//! Invariant: a file that nothing needs is left over, whatever is in it: a start removes it.

use super::rows::explained;
use super::survey::{Checked, Found};
use super::{Report, Verdict};
use crate::batch::{self, Record, Versions};
use crate::checkpoint::{LayerLine, Loading, MANIFEST, batches};
use crate::engine::{Access, Batch, Keyspace};
use crate::rowfile::{self, BatchFile};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was found of them.
#[derive(Default)]
pub struct BatchesFound {
    /// Those that are right.
    pub right: BTreeMap<u64, Arc<Batch>>,
    /// Those that are not, and why.
    wrong: BTreeMap<u64, String>,
    /// Those that something needs.
    needed: BTreeSet<u64>,
    /// Of all files.
    bytes: u64,
    pub layers: usize,
}

impl BatchesFound {
    pub fn summary(&self) -> String {
        let files = self.right.len() + self.wrong.len();
        if files == 0 {
            return String::new();
        }
        let rows: usize = self.right.values().map(|batch| batch.entries()).sum();
        let (bytes, layers) = (self.bytes, self.layers);
        format!("{files} files, {bytes} bytes, {rows} rows; {layers} of them layers")
    }

    pub fn needs(&self, number: u64) -> bool {
        self.needed.contains(&number)
    }

    /// Something needs a batch: it is damage if there is none.
    fn need(&mut self, number: u64, why: &str, report: &mut Report) {
        let is_new = self.needed.insert(number);
        if is_new && !self.right.contains_key(&number) {
            let missing = "it is missing";
            let what = self.wrong.get(&number).map_or(missing, |what| what);
            report.damage(&rowfile::batch::name(number), &format!("{what}; {why}"));
        }
    }
}

impl Checked {
    /// Read all of them, and put the layers of the manifest on top of the files of rows.
    pub fn check_batches(&mut self) {
        let names = self.names.iter();
        let numbers: Vec<u64> = names.filter_map(|n| rowfile::batch::number(n)).collect();
        for number in numbers {
            match self.check_batch(number) {
                Ok(batch) => drop(self.batches.right.insert(number, batch)),
                Err(what) => {
                    self.keyspace.forget_batch(number);
                    self.batches.wrong.insert(number, what);
                }
            }
        }
        let Found::Right(manifest) = &self.manifest else {
            return;
        };
        self.batches.layers = manifest.layers.len();
        for layer in &manifest.layers.clone() {
            self.put_back(layer);
        }
    }

    fn put_back(&mut self, layer: &LayerLine) {
        let LayerLine {
            number,
            lsn,
            at,
            gone_lsn,
        } = *layer;
        let gone_lsn = Some(gone_lsn).filter(|gone| *gone != 0);
        let why = format!("{MANIFEST} has it as the layer of LSN {lsn}");
        self.batches.need(number, &why, &mut self.report);
        let _ = self.keyspace.restore_layer(number, lsn, at, gone_lsn);
    }

    /// One file. Read, not mapped: a disk that fails is told of.
    fn check_batch(&mut self, number: u64) -> Result<Arc<Batch>, String> {
        let name = rowfile::batch::name(number);
        let Some(bytes) = self.read(&name) else {
            // It was told of.
            self.batches.needed.insert(number);
            return Err("it cannot be read".to_owned());
        };
        let len = bytes.len() as u64;
        self.batches.bytes += len;
        let file = BatchFile::open(bytes, number).map_err(|d| explained(&d, len))?;
        file.file.verify_all().map_err(|d| explained(&d, len))?;
        drop(file);
        if !matches!(self.manifest, Found::Right(_)) {
            return Err("nothing says what its rows are to be".to_owned());
        }
        let opened = batches::open(&*self.disk, &self.keyspace, number, Loading::default());
        let (_, batch) = opened.map_err(|error| error.to_string())?;
        self.keyspace.release_batch(number);
        let mut shards = 0..self.keyspace.shard_count();
        let sound =
            shards.try_for_each(|shard| self.keyspace.look_through(&batch, shard, &|_| Ok(())));
        sound.map_err(|what| format!("its checksums are right, but not what it holds: {what}"))?;
        Ok(batch)
    }

    /// The log publishes a batch that there is none of.
    pub fn lacks_batch(&mut self, number: u64, lsn: u64) {
        let why = format!("LSN {lsn} of the log publishes it");
        self.batches.need(number, &why, &mut self.report);
    }

    /// After the log: what is kept must be there, and be what the record says.
    pub fn check_records(&mut self) {
        let Some((oldest, _)) = self.manifest().map(|manifest| manifest.lsns()) else {
            return;
        };
        let unused = self.keyspace.unused_batches(oldest);
        let used = self.batches.right.keys().filter(|n| !unused.contains(n));
        let used: Vec<u64> = used.copied().collect();
        self.batches.needed.extend(used);
        // A record that the damage of something else hides, or brings back, says nothing.
        if self.report.verdict() != Verdict::Fine {
            self.batches.needed.extend(batch::kept(&self.keyspace));
            return;
        }
        for (view, versions) in records(&self.keyspace) {
            for record in &versions.records {
                let version = record.version;
                let why = format!("version {version} of view {view} is kept");
                self.batches.need(record.number, &why, &mut self.report);
                let batch = self.batches.right.get(&record.number);
                if let Some(what) = batch.and_then(|batch| differs(batch, &view, record)) {
                    let name = rowfile::batch::name(record.number);
                    self.report.damage(&name, &format!("{what}; {why}"));
                }
            }
        }
    }
}

fn records(keyspace: &Keyspace) -> Vec<(String, Versions)> {
    let mut shards = crate::engine::ShardSet::default();
    shards.insert_all(keyspace);
    Versions::load_all(&keyspace.lock(&shards, Access::Read))
}

/// What of a record is not so.
fn differs(batch: &Batch, view: &str, record: &Record) -> Option<String> {
    let found = (
        &*batch.view,
        batch.db,
        batch.replace,
        batch.entries() as u64,
        batch.bytes,
    );
    let said = (
        view,
        record.db,
        record.replace,
        record.entities,
        record.bytes,
    );
    let text = |(view, db, replace, entities, bytes): (&str, u8, bool, u64, u64)| {
        let mode = if replace { "replace" } else { "upsert" };
        format!("view {view}, database {db}, {mode}, {entities} entities, {bytes} bytes")
    };
    let differ = || format!("it has {}; its record says {}", text(found), text(said));
    (found != said).then(differ)
}
