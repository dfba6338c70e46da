//! The files of rows: every checksum, every row, and whether they are where they belong.

use super::survey::{Checked, Found};
use crate::checkpoint::{Base, MANIFEST};
use crate::io::Residency;
use crate::rowfile::{self, Damage, RowFile};

/// Pieces of one file that are named, if they are damaged.
const NAMED_MAX: usize = 5;

impl Checked {
    pub fn check_rows(&mut self) {
        let Found::Right(manifest) = &self.manifest else {
            let numbers: Vec<u64> = self
                .names
                .iter()
                .filter_map(|n| rowfile::number(n))
                .collect();
            for number in numbers {
                self.sums(number);
            }
            return;
        };
        let bases = manifest.shards.clone();
        for (shard, base) in bases.iter().enumerate() {
            self.check_shard(shard, base);
        }
    }

    fn check_shard(&mut self, shard: usize, base: &Base) {
        let mut right = self.catalog;
        for number in &base.files {
            right &= self.check_file(*number, shard, base).is_some();
        }
        // The oldest first.
        let rows = base.files.iter().rev().filter_map(|n| self.rows.get(n));
        let views: Vec<_> = rows.filter(|_| right).map(RowFile::view).collect();
        let stacked = self.keyspace.stack(shard, base.lsn, &views);
        if let Err(error) = stacked {
            let newest = base.files.first().copied().unwrap_or_default();
            self.report
                .damage(&rowfile::name(newest), &error.to_string());
            right = false;
        }
        if !right {
            let (of, lsn) = (self.keyspace.shard_count(), base.lsn);
            self.report.advise(format!(
                "Keys of shard {shard} (of {of}) that are in files, as of LSN {lsn}, are \
                 affected{}.",
                match self.catalog {
                    true => "",
                    false => ": the catalog is not right",
                }
            ));
        }
    }

    /// One file; `None`: it is not right.
    fn check_file(&mut self, number: u64, shard: usize, base: &Base) -> Option<()> {
        let name = rowfile::name(number);
        self.sums(number)?;
        let file = self.rows.get(&number)?;
        if file.shard as usize != shard || file.lsn > base.lsn {
            let what = format!(
                "it is of shard {} as of LSN {}; {MANIFEST} has it under shard {shard} as of \
                 LSN {}",
                file.shard, file.lsn, base.lsn
            );
            self.report.damage(&name, &what);
            return None;
        }
        if self.catalog
            && let Err(what) = self.keyspace.check_file(shard, &file.view())
        {
            let what = format!("its checksums are right, but not what it holds: {what}");
            self.report.damage(&name, &what);
            return None;
        }
        Some(())
    }

    /// Compare all checksums of a file, and keep it if they are right.
    fn sums(&mut self, number: u64) -> Option<()> {
        let name = rowfile::name(number);
        let bytes = self.read(&name)?;
        let len = bytes.len() as u64;
        self.row_bytes += len;
        let read = match RowFile::open(bytes, number) {
            Ok(file) => file,
            Err(damage) => {
                self.report.damage(&name, &explained(&damage, len));
                return None;
            }
        };
        let verified = (0..read.chunks()).map(|chunk| read.verify(chunk));
        let damages: Vec<Damage> = verified.filter_map(Result::err).collect();
        for damage in damages.iter().take(NAMED_MAX) {
            self.report.damage(&name, &explained(damage, len));
        }
        if let Some(more) = damages.len().checked_sub(NAMED_MAX + 1) {
            let what = format!("so are {} more pieces of it", more + 1);
            self.report.damage(&name, &what);
        }
        if !damages.is_empty() {
            return None;
        }
        // From here on where it lies: all files together may be larger than memory.
        drop(read);
        let mapped = self.disk.map(&name, Residency::Lazy);
        let opened = mapped.map(|bytes| RowFile::open(bytes, number));
        match opened {
            Ok(Ok(file)) => {
                let tables = file.tables.iter();
                self.entries += tables.map(|t| t.rows.place.entries).sum::<u64>();
                self.rows.insert(number, file);
                Some(())
            }
            Ok(Err(damage)) => {
                self.report.damage(&name, &explained(&damage, len));
                None
            }
            Err(error) => {
                self.report.unread(&name, &error);
                None
            }
        }
    }
}

pub fn explained(damage: &Damage, len: u64) -> String {
    match damage {
        Damage::Chunk(_) | Damage::Number(_) => damage.to_string(),
        _ => format!("{damage} (it has {len} bytes; the last 64 are the trailer)"),
    }
}
