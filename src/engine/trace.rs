//! Where a key is: what a file says of it, and which changes of a journal concern it.

use super::checkpoint::{Opened, ShardFile};
use super::journal::{self, Step};
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
            row = match found.map(|reference| table.rows.get(reference)) {
                None => Said::Nothing,
                Some(block) if Rows::is_gone(block) => Said::Gone,
                Some(_) => Said::Row,
            };
            let bigs = table.place.bigs.iter().filter(|big| big.hash == key.hash);
            let sections = bigs.filter_map(|big| table.bigs.get(&big.id));
            fields = sections.map(|section| section.len()).sum();
        }
        Ok(Trace { row, fields })
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
                    Step::Mutation(mutation) => mutation.key().is_none_or(is_it),
                };
            },
        );
        found
    }
}
