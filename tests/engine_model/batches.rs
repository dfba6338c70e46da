//! Batches for the engine, as a loader would pack them.

use crate::files::Memory;
use bytes::Bytes;
use fieldstone::engine::{
    Batch, BatchFacts, Keyspace, Millis, Options, PackCell, PackError, Packer, Sink,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A feature, its value, when it expires.
pub type Cell = (Vec<u8>, Vec<u8>, Option<Millis>);

/// What a batch is made of.
#[derive(Clone, Debug)]
pub struct Export {
    pub number: u64,
    pub db: u8,
    pub replace: bool,
    /// All features of the view.
    pub features: Vec<Vec<u8>>,
    /// Keys that end so are in the scope.
    pub scope: Option<u8>,
    pub rows: BTreeMap<Vec<u8>, Vec<Cell>>,
}

impl Export {
    pub fn has_in_scope(&self, key: &[u8]) -> bool {
        in_scope(self.scope, key)
    }

    /// The batch, open in a keyspace of these options.
    pub fn open(&self, keyspace: &Keyspace, options: &Options) -> Option<Arc<Batch>> {
        let names: Vec<&[u8]> = self.features.iter().map(|name| &name[..]).collect();
        let mut packer = Packer::new(options.seed, options.shards, &names).unwrap();
        let mut shards = vec![Vec::new(); options.shards];
        for (key, cells) in &self.rows {
            let cell = |name: &&[u8]| -> Option<PackCell<'_>> {
                let found = cells.iter().rev().find(|(own, ..)| own == name);
                found.map(|(_, value, at)| (&value[..], *at))
            };
            let cells: Vec<Option<PackCell<'_>>> = names.iter().map(cell).collect();
            match packer.pack(key, &cells) {
                Ok((shard, hash, row)) => shards[shard].push((hash, row.to_vec())),
                Err(PackError::TooLarge) => return None,
                Err(error) => panic!("{error}"),
            }
        }
        let mut sink = Memory::default();
        let mut places = Vec::new();
        for rows in &mut shards {
            rows.sort();
            let rows = rows.iter().map(|(hash, row)| (*hash, &row[..]));
            places.push(packer.write(&mut sink, rows).unwrap());
        }
        assert!(sink.at() > 0 || places.iter().all(|place| place.entries == 0));
        let scope = self.scope;
        let facts = BatchFacts {
            number: self.number,
            view: "view",
            db: self.db,
            replace: self.replace,
            scope: Box::new(move |key| in_scope(scope, key)),
            scope_text: &format!("{scope:?}"),
            names: &names,
            catalog: &packer.catalog(),
            places: &places,
        };
        let batch = keyspace.open_batch(&Bytes::from(sink.0), facts).unwrap();
        assert_eq!(batch.entries(), self.rows.len());
        Some(batch)
    }
}

pub fn in_scope(scope: Option<u8>, key: &[u8]) -> bool {
    scope.is_none_or(|last| key.last() == Some(&last))
}
