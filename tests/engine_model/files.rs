//! Checkpoints of a keyspace, by hand: files in memory, folded as the test wishes.

use crate::batches::Export;
use bytes::Bytes;
use fieldstone::engine::{FrozenShard, Keyspace, Options, Published, ShardFile, Sink, TablePlace};
use std::io;

#[derive(Default)]
pub struct Memory(pub Vec<u8>);

impl Sink for Memory {
    fn at(&self) -> u64 {
        self.0.len() as u64
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

struct File {
    number: u64,
    lsn: u64,
    bytes: Bytes,
    tables: Vec<TablePlace>,
}

impl File {
    fn view(&self) -> ShardFile<'_> {
        ShardFile {
            number: self.number,
            lsn: self.lsn,
            bytes: &self.bytes,
            tables: &self.tables,
        }
    }
}

#[derive(Default)]
struct Shard {
    lsn: u64,
    /// Newest first.
    files: Vec<File>,
    frozen: Option<FrozenShard>,
}

pub struct Files {
    shards: Vec<Shard>,
    catalog: Vec<u8>,
    next: u64,
    layers: Vec<Published>,
}

impl Files {
    pub fn of(keyspace: &Keyspace) -> Files {
        let mut shards = Vec::new();
        shards.resize_with(keyspace.shard_count(), Shard::default);
        Files {
            shards,
            catalog: keyspace.catalog(),
            next: 1,
            layers: Vec::new(),
        }
    }

    /// Begin a checkpoint of those shards that have none under way.
    pub fn freeze(&mut self, keyspace: &Keyspace, takes_up: bool) {
        for (n, shard) in self.shards.iter_mut().enumerate() {
            if shard.frozen.is_none() {
                let (lsn, frozen) = keyspace.freeze(n, takes_up);
                shard.frozen = frozen;
                if shard.frozen.is_none() {
                    shard.lsn = lsn;
                }
            }
        }
        self.note_layers(keyspace);
    }

    /// What a manifest says of layers.
    fn note_layers(&mut self, keyspace: &Keyspace) {
        let oldest = self.shards.iter().map(|shard| shard.lsn).min().unwrap();
        self.layers = keyspace.published(oldest);
    }

    /// End it, folding so many of the newest files.
    pub fn finish(&mut self, keyspace: &Keyspace, fold: usize) {
        for (n, shard) in self.shards.iter_mut().enumerate() {
            let Some(frozen) = shard.frozen.take() else {
                continue;
            };
            let fold = if frozen.must_fold { usize::MAX } else { fold };
            let fold = fold.min(shard.files.len());
            let folded: Vec<u64> = shard.files.drain(..fold).map(|f| f.number).collect();
            let folds = |file: u64| folded.contains(&file);
            let mut memory = Memory::default();
            let tables = keyspace.write_frozen(&frozen, &folds, &mut memory).unwrap();
            let file = File {
                number: self.next,
                lsn: frozen.lsn,
                bytes: Bytes::from(memory.0),
                tables,
            };
            self.next += 1;
            keyspace.check_file(n, &file.view()).unwrap();
            keyspace
                .install(n, &frozen, &folds, Some(&file.view()))
                .unwrap();
            shard.lsn = frozen.lsn;
            shard.files.insert(0, file);
        }
        self.catalog = keyspace.catalog();
        self.note_layers(keyspace);
    }

    /// A keyspace of these files, and of the changes that came after them.
    pub fn open(
        &self,
        options: &Options,
        batches: &[Export],
        changes: &[(u64, Vec<u8>)],
    ) -> Keyspace {
        let keyspace = Keyspace::new(options);
        batches
            .iter()
            .for_each(|batch| drop(batch.open(&keyspace, options)));
        keyspace.restore_catalog(&self.catalog).unwrap();
        for (n, shard) in self.shards.iter().enumerate() {
            let files: Vec<ShardFile<'_>> = shard.files.iter().rev().map(File::view).collect();
            keyspace.stack(n, shard.lsn, &files).unwrap();
        }
        for one in &self.layers {
            let (number, lsn) = (one.layer.batch.number, one.layer.lsn);
            let restored = keyspace.restore_layer(number, lsn, one.layer.at, one.gone_lsn);
            assert_eq!(restored, Some(()));
        }
        for (lsn, change) in changes {
            assert_eq!(keyspace.replay(*lsn, change), Some(()));
        }
        keyspace
    }
}
