//! Opening a data directory: manifest, files, then the log.

use super::files::Files;
use super::manifest::{self, Manifest};
use super::{catalog, manifest::NAME};
use crate::engine::{Keyspace, ShardFile};
use crate::io::{Disk, Residency};
use crate::rowfile::{self, RowFile};
use crate::wal::{self, Log, Options, Policy, Recovered};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0}")]
    Directory(#[from] io::Error),
    #[error("{0}")]
    Log(#[from] wal::Damage),
    #[error("{NAME}: {0}")]
    Manifest(manifest::Damage),
    #[error("{file}: {error}")]
    File { file: String, error: io::Error },
    #[error("{file}: {error}")]
    Rows {
        file: String,
        error: rowfile::Damage,
    },
    #[error("{file}: it is damaged, or another file in its place")]
    Catalog { file: String },
    #[error("{file}: it is of shard {found} as of LSN {lsn}; {NAME} has it under shard {shard}")]
    Misplaced {
        file: String,
        found: u32,
        lsn: u64,
        shard: usize,
    },
    #[error("{file}: {error}; {NAME} or the log says that it was published")]
    Batch {
        file: String,
        error: super::batches::Damage,
    },
    #[error("there is a log with {0} changes, but no {NAME}: it was lost")]
    NoManifest(u64),
    #[error("there are files of rows, but no {NAME}: it was lost")]
    RowsOnly,
    #[error("there is a {NAME}, but no log: it was lost")]
    NoLog,
    #[error(
        "the log ends at LSN {log}, but {NAME} says that it was synced up to LSN {manifest}: its \
         end was lost"
    )]
    LogEnds { log: u64, manifest: u64 },
}

/// A directory whose manifest was read.
pub struct Opened {
    pub disk: Arc<dyn Disk>,
    /// `None`: the directory is new.
    pub manifest: Option<Manifest>,
}

/// Read what a directory is.
pub fn open(disk: Arc<dyn Disk>) -> Result<Opened, OpenError> {
    let names = disk.list()?;
    if !names.iter().any(|name| name == NAME) {
        if names.iter().any(|name| rowfile::number(name).is_some()) {
            return Err(OpenError::RowsOnly);
        }
        let manifest = None;
        return Ok(Opened { disk, manifest });
    }
    let manifest = Manifest::read(&disk.read(NAME)?).map_err(OpenError::Manifest)?;
    let manifest = Some(manifest);
    Ok(Opened { disk, manifest })
}

/// What a start needs to know of the log.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// Bytes of a segment.
    pub segment_bytes: usize,
    pub policy: Policy,
    /// Never the same twice.
    pub signature: u64,
}

/// What a start found, and what keeps changes from then on.
pub struct Started {
    pub disk: Arc<dyn Disk>,
    pub log: Arc<Log>,
    pub files: Files,
    pub recovered: Recovered,
}

/// Names of layers that are counted before a start ends.
const COUNTED_AT_START: usize = 50_000;

/// The numbers of the batches whose files stay though nothing shows them.
pub type Keeps = fn(&Keyspace) -> BTreeSet<u64>;

/// How files are brought in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loading {
    pub residency: Residency,
    /// Compare every checksum first.
    pub verify: bool,
}

impl Opened {
    /// The seed and the shards that the keyspace must have; `None`: the directory is new.
    pub fn layout(&self) -> Option<(u64, usize)> {
        let manifest = self.manifest.as_ref()?;
        Some((manifest.seed, manifest.shards.len()))
    }

    /// Bring back what there is, and start the log behind it. The keyspace is new, and has the
    /// seed and the shards of the manifest. What no manifest names is removed, and batches that
    /// nothing needs or keeps.
    pub fn start(
        self,
        keyspace: &Keyspace,
        loading: Loading,
        log: LogOptions,
        keeps: Keeps,
    ) -> Result<Started, OpenError> {
        wal::settle(&*self.disk)?;
        let (files, recovered) = self.recover(keyspace, loading)?;
        let disk = self.disk;
        let options = Options {
            segment_bytes: log.segment_bytes,
            policy: log.policy,
            next_lsn: recovered.last_lsn + 1,
            next_segment: recovered.last_segment + 1,
            kept: recovered.kept.clone(),
            signature: log.signature,
        };
        let log = Log::start(disk.clone(), options)?;
        if self.manifest.is_none() {
            disk.replace(NAME, files.manifest.text().as_bytes())?;
        }
        // The new segment is there: the log is never without one.
        for number in &recovered.empty {
            disk.remove(&wal::segment_name(*number))?;
        }
        let (oldest, _) = files.manifest.lsns();
        let unused = keyspace.unused_batches(oldest);
        // Those that the manifest names are needed for as long as it does.
        let layers = files.manifest.layers.iter().map(|layer| layer.number);
        let kept: BTreeSet<u64> = keeps(keyspace).into_iter().chain(layers).collect();
        for number in unused.into_iter().filter(|n| !kept.contains(n)) {
            keyspace.forget_batch(number);
        }
        let is_left_over = |name: &&String| match rowfile::batch::number(name) {
            // One that is kept and cannot be read may be put right.
            Some(number) => keyspace.batch(number).is_none() && !kept.contains(&number),
            None => files.is_left_over(name),
        };
        for name in disk.list()?.iter().filter(is_left_over) {
            disk.remove(name)?;
        }
        // Small ones at once, large ones while it serves.
        keyspace.count_layers(COUNTED_AT_START);
        Ok(Started {
            disk,
            log,
            files,
            recovered,
        })
    }

    /// Put the files below, and do again what the log holds on top of them.
    pub fn recover(
        &self,
        keyspace: &Keyspace,
        loading: Loading,
    ) -> Result<(Files, Recovered), OpenError> {
        let (seed, shards) = (keyspace.seed(), keyspace.shard_count());
        let fresh = || Manifest::new(seed, shards);
        let manifest = self.manifest.clone().unwrap_or_else(fresh);
        let mut files = Files {
            manifest,
            open: BTreeMap::new(),
            catalog_len: 0,
        };
        super::batches::open_all(&*self.disk, keyspace, loading)?;
        self.stack(keyspace, loading, &mut files)?;
        for layer in &files.manifest.layers {
            let gone_lsn = Some(layer.gone_lsn).filter(|lsn| *lsn != 0);
            let restored = keyspace.restore_layer(layer.number, layer.lsn, layer.at, gone_lsn);
            if restored.is_none() {
                return Err(self.no_batch(keyspace, layer.number, loading));
            }
        }
        let (base, newest) = (files.manifest.lsns().0, files.manifest.promised());
        let mut unknown = None;
        let replay = |lsn, change: &[u8]| {
            let done = keyspace.replay(lsn, change).is_some();
            unknown = keyspace.unknown_batch(change).filter(|_| !done);
            done
        };
        let recovered = wal::recover(&*self.disk, base, replay);
        if let Some(number) = unknown {
            return Err(self.no_batch(keyspace, number, loading));
        }
        let recovered = recovered?;
        match &self.manifest {
            None if recovered.records > 0 => Err(OpenError::NoManifest(recovered.records)),
            None if recovered.mark.promise() > 0 => {
                Err(OpenError::NoManifest(recovered.mark.promise()))
            }
            Some(_) if recovered.segments == 0 => Err(OpenError::NoLog),
            Some(_) if recovered.last_lsn < newest => Err(OpenError::LogEnds {
                log: recovered.last_lsn,
                manifest: newest,
            }),
            _ => Ok((files, recovered)),
        }
    }

    /// Why a batch that was published is not known.
    fn no_batch(&self, keyspace: &Keyspace, number: u64, loading: Loading) -> OpenError {
        let file = rowfile::batch::name(number);
        let opened = super::batches::open(&*self.disk, keyspace, number, loading);
        let error = opened.err().unwrap_or(super::batches::Damage::Facts);
        OpenError::Batch { file, error }
    }

    fn stack(
        &self,
        keyspace: &Keyspace,
        loading: Loading,
        files: &mut Files,
    ) -> Result<(), OpenError> {
        let number = files.manifest.catalog;
        if number != 0 {
            let file = catalog::name(number);
            let unread = |error| OpenError::File {
                file: file.clone(),
                error,
            };
            let bytes = self.disk.read(&file).map_err(unread)?;
            let content = catalog::unseal(number, &bytes);
            let restored = content.and_then(|content| keyspace.restore_catalog(content));
            restored.ok_or(OpenError::Catalog { file })?;
        }
        files.catalog_len = keyspace.catalog_len();
        // All of them before the first is read: the disk brings in many at once.
        let numbers = files.manifest.shards.iter();
        let numbers = numbers.flat_map(|base| base.files.iter().rev());
        let mapped: Result<Vec<Bytes>, OpenError> = numbers
            .map(|number| self.map(*number, loading.residency))
            .collect();
        let mut mapped = mapped?.into_iter();
        for (shard, base) in files.manifest.shards.iter().enumerate() {
            let mut opened = Vec::new();
            for (number, bytes) in base.files.iter().rev().zip(&mut mapped) {
                let file = file(*number, bytes, (shard, base.lsn), loading)?;
                opened.push(Arc::new(file));
            }
            let views: Vec<ShardFile<'_>> = opened.iter().map(|file| file.view()).collect();
            let newest = base.files.first().copied().unwrap_or_default();
            let failed = |error| OpenError::File {
                file: rowfile::name(newest),
                error,
            };
            keyspace.stack(shard, base.lsn, &views).map_err(failed)?;
            drop(views);
            files.open.extend(opened.into_iter().map(|f| (f.number, f)));
        }
        Ok(())
    }

    fn map(&self, number: u64, residency: Residency) -> Result<Bytes, OpenError> {
        let file = rowfile::name(number);
        let mapped = self.disk.map(&file, residency);
        mapped.map_err(|error| OpenError::File { file, error })
    }
}

/// A file of a shard, of rows up to an LSN.
fn file(
    number: u64,
    bytes: Bytes,
    (shard, lsn): (usize, u64),
    loading: Loading,
) -> Result<RowFile, OpenError> {
    let file = rowfile::name(number);
    let opened = RowFile::open(bytes, number).and_then(|opened| {
        if loading.verify {
            opened.verify_all()?;
        }
        Ok(opened)
    });
    let opened = opened.map_err(|error| OpenError::Rows {
        file: file.clone(),
        error,
    })?;
    if opened.shard as usize != shard || opened.lsn > lsn {
        let (found, lsn) = (opened.shard, opened.lsn);
        return Err(OpenError::Misplaced {
            file,
            found,
            lsn,
            shard,
        });
    }
    Ok(opened)
}
