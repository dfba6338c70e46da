//! Where a key is: what a file says of it, and which changes of a journal concern it.

use super::checkpoint::{Opened, ShardFile};
use super::journal::{self, Step};
use super::layer::Part;
use super::level::Form;
use super::row::Rows;
use super::{Key, Keyspace};
use std::io;

/// What a file says of the row of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Nothing,
    /// That it is there no more, whatever older files say.
    Gone,
    Row,
}

/// What a layer says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaidOfLayer {
    Nothing,
    Row,
    /// That it has no feature of the view.
    Masked,
}

/// What a file has of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    pub row: Said,
    /// Fields of a big hash, those included that are there no more.
    pub fields: usize,
}

impl Keyspace {
    /// What this file of the shard of a key has of it.
    pub fn trace(&self, file: &ShardFile<'_>, key: &Key<'_>) -> io::Result<Trace> {
        let opened = Opened::new(file)?;
        let (mut row, mut fields) = (Said::Nothing, 0);
        if let Some(table) = opened.table(key.db) {
            let found = table.rows.find(key.name, key.hash << self.shard_bits);
            row = match found {
                None => Said::Nothing,
                Some((_, block)) if Rows::is_gone(block) => Said::Gone,
                Some(_) => Said::Row,
            };
            let bigs = table.place.bigs.iter().filter(|big| big.hash == key.hash);
            let sections = bigs.filter_map(|big| table.bigs.get(&big.id));
            fields = sections.map(|section| section.len()).sum();
        }
        Ok(Trace { row, fields })
    }

    /// The layers above a key: number, LSN, and what each says of it. The newest first.
    pub fn trace_layers(&self, key: &Key<'_>) -> Vec<(u64, u64, SaidOfLayer)> {
        let shard = self.shards[self.shard_of(key.hash)].read();
        let layers = shard.table(key.db).map_or(&[][..], |table| table.layers());
        let said = |part: &Part| match part.said(key.name, key.hash << self.shard_bits) {
            Some(_) => SaidOfLayer::Row,
            None if part.in_scope(key.name) => SaidOfLayer::Masked,
            None => SaidOfLayer::Nothing,
        };
        let layers = layers.iter();
        let shown = layers.map(|part| (part.layer.batch.number, part.layer.lsn, said(part)));
        shown.collect()
    }

    /// Whether a change of a journal is one of this key, or of a whole database.
    pub fn concerns(&self, change: &[u8], key: &Key<'_>) -> bool {
        let mut found = false;
        let is_it = |other: &Key<'_>| other.db == key.db && other.name == key.name;
        journal::read_change(
            change,
            |db, name| Some(self.key(db, name)),
            |step| {
                found |= match step {
                    Step::Reap(other, _) => is_it(&other),
                    Step::Publish(number, _) => self.publishes(number, key),
                    Step::Mutation(mutation) => mutation.key().is_none_or(is_it),
                };
            },
        );
        found
    }
}
