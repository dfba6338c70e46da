//! The files of the store as they are open now.

use super::manifest::Manifest;
use crate::rowfile::{self, RowFile};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is on the disk, and open.
pub struct Files {
    pub manifest: Manifest,
    pub open: BTreeMap<u64, Arc<RowFile>>,
    /// How much of the catalog is in its file.
    pub catalog_len: usize,
}

impl Files {
    /// The sizes of the files of a shard, the newest first.
    pub fn sizes(&self, shard: usize) -> Vec<u64> {
        let size = |number| self.open.get(number).map_or(0, |f| f.bytes.len() as u64);
        self.numbers(shard).iter().map(size).collect()
    }

    /// The numbers of the files of a shard, the newest first.
    pub fn numbers(&self, shard: usize) -> &[u64] {
        let shard = self.manifest.shards.get(shard);
        shard.map_or(&[], |shard| &shard.files)
    }

    pub fn bytes(&self) -> u64 {
        self.open.values().map(|file| file.bytes.len() as u64).sum()
    }

    /// Take a number for a new file.
    pub fn take_number(&mut self) -> u64 {
        let number = self.manifest.next;
        self.manifest.next += 1;
        number
    }

    /// Whether a file of the directory is one that no manifest names any more.
    pub fn is_left_over(&self, name: &str) -> bool {
        if name.ends_with(".new") {
            return true;
        }
        let rows = rowfile::number(name).is_some_and(|n| !self.open.contains_key(&n));
        let catalog = super::catalog::number(name);
        rows || catalog.is_some_and(|n| n != self.manifest.catalog)
    }
}
