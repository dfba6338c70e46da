//! Opening a data directory: manifest, files, then the log.

use super::files::Files;
use super::manifest::{self, Manifest};
use super::{catalog, manifest::NAME};
use crate::engine::{Keyspace, ShardFile};
use crate::io::{Disk, Residency};
use crate::rowfile::{self, RowFile};
use crate::wal::{self, Log, Options, Policy, Recovered};
use std::collections::BTreeMap;
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
    /// seed and the shards of the manifest. What no manifest names is removed.
    pub fn start(
        self,
        keyspace: &Keyspace,
        loading: Loading,
        log: LogOptions,
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
        for name in disk.list()?.iter().filter(|name| files.is_left_over(name)) {
            disk.remove(name)?;
        }
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
        self.stack(keyspace, loading, &mut files)?;
        let (base, newest) = files.manifest.lsns();
        let replay = |lsn, change: &[u8]| keyspace.replay(lsn, change).is_some();
        let recovered = wal::recover(&*self.disk, base, replay)?;
        match &self.manifest {
            None if recovered.records > 0 => Err(OpenError::NoManifest(recovered.records)),
            Some(_) if recovered.segments == 0 => Err(OpenError::NoLog),
            Some(_) if recovered.last_lsn < newest => Err(OpenError::LogEnds {
                log: recovered.last_lsn,
                manifest: newest,
            }),
            _ => Ok((files, recovered)),
        }
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
        for (shard, base) in files.manifest.shards.iter().enumerate() {
            let mut opened = Vec::new();
            for number in base.files.iter().rev() {
                opened.push(Arc::new(self.file(*number, shard, base.lsn, loading)?));
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

    fn file(
        &self,
        number: u64,
        shard: usize,
        lsn: u64,
        loading: Loading,
    ) -> Result<RowFile, OpenError> {
        let file = rowfile::name(number);
        let mapped = self.disk.map(&file, loading.residency);
        let bytes = mapped.map_err(|error| OpenError::File {
            file: file.clone(),
            error,
        })?;
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
}
