//! Packing the rows of a batch outside a keyspace: what a loader does.
//!
//! Invariant: what is packed is read by a keyspace of the same seed and as many shards as a batch
//! with [`Packer::catalog`].

use super::Millis;
use super::catalog::Catalog;
use super::hasher::top_bits;
use super::level::{Aligned, Form};
use super::row::{self, Content, ROW_BYTES_MAX, Rows, Slot};
use super::section::{Place, Sink, Writer};
use super::table::Slots;
use smallvec::SmallVec;
use std::io;

/// Why there can be no such batch, or no such row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    #[error("a batch has 1 to 512 features, of names that differ and take 32 KiB at most together")]
    Names,
    #[error("a row takes {ROW_BYTES_MAX} bytes at most")]
    TooLarge,
}

/// A cell of a row: its value, and when it expires.
pub type PackCell<'a> = (&'a [u8], Option<Millis>);

/// See the module.
pub struct Packer {
    catalog: Catalog,
    names: Vec<Box<[u8]>>,
    shard_bits: u32,
    row: Vec<u8>,
}

impl Packer {
    /// For rows of these features, and a keyspace of this seed and so many shards.
    pub fn new(seed: u64, shards: usize, names: &[&[u8]]) -> Result<Packer, PackError> {
        let catalog = Catalog::new(seed);
        let shape = catalog.shapes.restore(names, &catalog.hasher);
        shape.ok_or(PackError::Names)?;
        Ok(Packer {
            catalog,
            names: names.iter().map(|name| (*name).into()).collect(),
            shard_bits: shards.trailing_zeros(),
            row: Vec::new(),
        })
    }

    /// The row of a key, of cells in the order of the features: its shard, its hash there, and its
    /// bytes. A row without a cell is no part of a batch: see [`Packer::is_empty`].
    pub fn pack(
        &mut self,
        key: &[u8],
        cells: &[Option<PackCell<'_>>],
    ) -> Result<(usize, u64, &[u8]), PackError> {
        let shape = self.catalog.shapes.get(0).ok_or(PackError::Names)?;
        let mut slots = Slots::new();
        let mut positions: SmallVec<[u16; 64]> = SmallVec::new();
        for ((position, name), cell) in (0..).zip(&self.names).zip(cells) {
            if let Some((value, expire_at)) = *cell {
                positions.push(position);
                slots.push(Slot {
                    name,
                    content: Content::Value(value),
                    expire_at,
                });
            }
        }
        if slots.is_empty() {
            self.row.clear();
            Rows::write_gone(&mut self.row, key);
        } else {
            let (shape, dictionary) = (Some((shape, &positions[..])), &self.catalog.dictionary);
            row::write_hash(&mut self.row, key, None, shape, &slots, dictionary);
        }
        if self.row.len() > ROW_BYTES_MAX {
            return Err(PackError::TooLarge);
        }
        let hash = self.catalog.hasher.hash(key);
        let shard = top_bits(hash, 1 << self.shard_bits);
        Ok((shard, hash << self.shard_bits, &self.row))
    }

    /// Of the rows packed so far.
    pub fn catalog(&self) -> Vec<u8> {
        self.catalog.write()
    }

    /// The key of a row.
    pub fn key(row: &[u8]) -> &[u8] {
        Rows::name(row)
    }

    /// Whether a row says nothing but that older ones of its key do not count.
    pub fn is_empty(row: &[u8]) -> bool {
        Rows::is_gone(row)
    }

    /// The hash of a row in its shard.
    pub fn hash(&self, row: &[u8]) -> u64 {
        let aligned = Aligned {
            hasher: &self.catalog.hasher,
            shared_bits: self.shard_bits,
        };
        aligned.of(Rows::name(row))
    }

    /// Write the rows of one shard, which are in the order of their hashes and of different keys.
    pub fn write<'r>(
        &self,
        sink: &mut dyn Sink,
        rows: impl Iterator<Item = (u64, &'r [u8])>,
    ) -> io::Result<Place> {
        let mut writer = Writer::new(sink)?;
        for (hash, row) in rows {
            let due = row::due(row, &self.catalog.shapes).unwrap_or(Millis::MAX);
            writer.put(hash, row, due)?;
        }
        writer.finish()
    }
}
