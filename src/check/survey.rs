//! All of a directory: manifest, catalog, files of rows, batches, log.

use super::batches::BatchesFound;
use super::key::Wanted;
use super::log::LogFound;
use super::{Report, Verdict};
use crate::checkpoint::{MANIFEST, Manifest, catalog};
use crate::config::Config;
use crate::engine::{Access, Db, Keyspace, Options, SYSTEM_DB, ShardSet};
use crate::io::Disk;
use crate::rowfile::{self, RowFile};
use crate::wal::{self, CLOSING_MARK};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// All that the format has: a byte says which, and the last of it stands for all of them. What a
/// server is set to is nothing of the directory's.
pub const DATABASES: Db = SYSTEM_DB;

/// All there may be.
fn databases() -> impl Iterator<Item = Db> {
    (0..DATABASES).chain([SYSTEM_DB])
}

/// What the manifest is.
pub enum Found {
    Right(Manifest),
    Missing,
    Damaged,
}

/// See the module.
pub struct Checked {
    pub disk: Arc<dyn Disk>,
    /// In order.
    pub names: Vec<String>,
    pub manifest: Found,
    /// What a start would bring back, but for what is damaged.
    pub keyspace: Keyspace,
    /// What rows refer to is right.
    pub catalog: bool,
    pub catalog_bytes: usize,
    /// Those that are right.
    pub rows: BTreeMap<u64, RowFile>,
    pub row_bytes: u64,
    pub entries: u64,
    /// Keys by database.
    counts: Vec<(Db, usize)>,
    pub batches: BatchesFound,
    pub log: LogFound,
    pub report: Report,
}

impl Checked {
    /// Look at everything, and look for a key meanwhile.
    pub fn of(disk: Arc<dyn Disk>, wanted: Option<&Wanted>) -> io::Result<Checked> {
        let mut names = disk.list()?;
        names.sort_unstable();
        let mut report = Report::default();
        let manifest = read_manifest(&*disk, &names, &mut report);
        let (seed, shards) = match &manifest {
            Found::Right(manifest) => (manifest.seed, manifest.shards.len()),
            _ => (0, 1),
        };
        let mut checked = Checked {
            disk,
            names,
            manifest,
            keyspace: Keyspace::new(&Options {
                shards,
                databases: DATABASES,
                seed,
            }),
            catalog: false,
            catalog_bytes: 0,
            rows: BTreeMap::new(),
            row_bytes: 0,
            entries: 0,
            counts: Vec::new(),
            batches: BatchesFound::default(),
            log: LogFound::default(),
            report,
        };
        checked.check_catalog();
        checked.check_rows();
        checked.check_batches();
        checked.check_log(wanted);
        checked.check_records();
        checked.check_counts();
        checked.advise();
        Ok(checked)
    }

    pub fn manifest(&self) -> Option<&Manifest> {
        match &self.manifest {
            Found::Right(manifest) => Some(manifest),
            _ => None,
        }
    }

    /// The bytes of a file. Read, not mapped: a disk that fails is told of.
    pub fn read(&mut self, name: &str) -> Option<Bytes> {
        match self.disk.read(name) {
            Ok(bytes) => Some(bytes.into()),
            Err(error) => {
                self.report.unread(name, &error);
                None
            }
        }
    }

    fn check_catalog(&mut self) {
        let numbers: Vec<u64> = match self.manifest() {
            Some(manifest) => vec![manifest.catalog],
            // Nothing says which it is.
            None => self
                .names
                .iter()
                .filter_map(|n| catalog::number(n))
                .collect(),
        };
        self.catalog = true;
        for number in numbers.into_iter().filter(|number| *number != 0) {
            let name = catalog::name(number);
            let bytes = self.read(&name);
            self.catalog &= bytes.is_some();
            let Some(bytes) = bytes else { continue };
            self.catalog_bytes += bytes.len();
            let content = catalog::unseal(number, &bytes);
            let restored = match (content, &self.manifest) {
                (Some(content), Found::Right(_)) => self.keyspace.restore_catalog(content),
                (content, _) => content.map(|_| ()),
            };
            if restored.is_none() {
                let what = match content {
                    None => "its checksum is wrong, or it is another file in its place",
                    Some(_) => "its checksum is right, but it is no catalog",
                };
                self.report.damage(&name, what);
                self.catalog = false;
            }
        }
    }

    /// Whether there are as many keys as the files and the log say.
    fn check_counts(&mut self) {
        if self.report.verdict() != Verdict::Fine {
            return;
        }
        let (mut wrong, mut last) = (Vec::new(), 0);
        let all = self.lock_all();
        let locked = self.keyspace.lock(&all, Access::Read);
        for db in databases() {
            let (mut cursor, mut seen) = (0, 0);
            loop {
                cursor = locked.scan(db, cursor, 1024, 0, &mut |_, _| seen += 1);
                if cursor == 0 {
                    break;
                }
            }
            let count = locked.count(db).0;
            if seen > 0 && db != SYSTEM_DB {
                last = db;
            }
            self.counts.extend((seen > 0).then_some((db, seen)));
            // Of what only layers have, about so many are counted.
            if seen != count && locked.layers().is_empty() {
                wrong.push(format!(
                    "database {db} is to have {count} keys, and has {seen}"
                ));
            }
        }
        drop(locked);
        wrong
            .iter()
            .for_each(|what| self.report.damage(MANIFEST, what));
        if last >= Config::default().databases {
            let what = format!("{last} has keys: a start with fewer, by the settings, is refused");
            self.report.note("databases", &what);
        }
    }

    fn lock_all(&self) -> ShardSet {
        let mut all = ShardSet::default();
        all.insert_all(&self.keyspace);
        all
    }

    fn advise(&mut self) {
        if self.report.verdict() == Verdict::Damaged {
            let rows = "Files of rows, catalog and manifest are never repaired: put a copy of the \
                        whole directory in its place, or fill a new one.";
            let cut = self.log.cut_at();
            match cut {
                Some(lsn) if self.manifest().is_some_and(|m| m.promised() < lsn) => {
                    self.report.advise(format!(
                        "A start is refused. `fieldstone check --repair-log` cuts the log before \
                         LSN {lsn}: all changes from there on would be lost."
                    ));
                }
                Some(_) => self.report.advise(
                    "The log cannot be cut: files of rows go beyond its damage.".to_owned(),
                ),
                None => {}
            }
            if cut.is_none() || self.report.damages() > self.log.damages {
                self.report.advise(rows.to_owned());
            }
        }
    }

    /// Files that nobody names: what a crash left, and what is not of the store.
    pub fn left_over(&self) -> Vec<&str> {
        let Some(manifest) = self.manifest() else {
            return Vec::new();
        };
        let files: BTreeSet<String> = manifest.files().map(rowfile::name).collect();
        let catalog = catalog::name(manifest.catalog);
        let is_named = |name: &str| {
            let fixed = [MANIFEST, "LOCK", CLOSING_MARK, &catalog].contains(&name);
            let is_batch = rowfile::batch::number(name).is_some_and(|n| self.batches.needs(n));
            let is_segment = wal::segment_number(name).is_some();
            fixed || files.contains(name) || is_segment || is_batch
        };
        let names = self.names.iter().map(String::as_str);
        names.filter(|name| !is_named(name)).collect()
    }

    /// The summary.
    pub fn show(&self, dir: &Path, out: &mut String) {
        let verdict = match self.report.verdict() {
            Verdict::Fine => "fine".to_owned(),
            Verdict::Damaged => match self.report.damages() {
                1 => "DAMAGED in 1 place".to_owned(),
                places => format!("DAMAGED in {places} places"),
            },
            Verdict::Unread => "could not be read".to_owned(),
        };
        // Writing to a string does not fail.
        let _ = writeln!(out, "{}: {verdict}", dir.display());
        let manifest = match &self.manifest {
            Found::Right(manifest) => {
                let (shards, (oldest, newest)) = (manifest.shards.len(), manifest.lsns());
                format!("{shards} shards, in files up to LSN {oldest} to {newest}")
            }
            Found::Missing => "none".to_owned(),
            Found::Damaged => "damaged".to_owned(),
        };
        let (shapes, values) = self.keyspace.interned();
        let lines = [
            ("manifest", manifest),
            (
                "catalog",
                format!(
                    "{} bytes; {shapes} shapes, {values} values",
                    self.catalog_bytes
                ),
            ),
            (
                "rows",
                format!(
                    "{} files, {} bytes, {} rows",
                    self.rows.len(),
                    self.row_bytes,
                    self.entries
                ),
            ),
            ("batches", self.batches.summary()),
            ("log", self.log.summary()),
            ("keys", self.keys()),
            ("left over", self.left_over().join(", ")),
        ];
        for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(out, "{name:<10} {value}");
        }
        self.report.findings(out);
    }

    fn keys(&self) -> String {
        if self.report.verdict() != Verdict::Fine {
            return "not known while something is damaged".to_owned();
        }
        let is_own = |(db, _): &&(Db, usize)| *db == SYSTEM_DB;
        let of_clients = || self.counts.iter().filter(|count| !is_own(count));
        let sum: usize = of_clients().map(|(_, keys)| keys).sum();
        let each = of_clients().map(|(db, keys)| format!("database {db}: {keys}"));
        let each: Vec<String> = each.collect();
        let mut text = match each.is_empty() {
            true => "0".to_owned(),
            false => format!("{sum} ({})", each.join(", ")),
        };
        if let Some((_, own)) = self.counts.iter().find(is_own) {
            let _ = write!(text, "; {own} more say of views and batches what they are");
        }
        text
    }
}

fn read_manifest(disk: &dyn Disk, names: &[String], report: &mut Report) -> Found {
    if !names.iter().any(|name| name == MANIFEST) {
        if names.iter().any(|name| rowfile::number(name).is_some()) {
            report.damage(MANIFEST, "it is missing: there are files of rows");
        }
        return Found::Missing;
    }
    let read = disk.read(MANIFEST).map(|bytes| Manifest::read(&bytes));
    match read {
        Ok(Ok(manifest)) => return Found::Right(manifest),
        Ok(Err(damage)) => report.damage(MANIFEST, &damage.to_string()),
        Err(error) => report.unread(MANIFEST, &error),
    }
    Found::Damaged
}
