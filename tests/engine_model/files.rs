//! Checkpoints of a keyspace, by hand: files in memory, folded as the test wishes.

use bytes::Bytes;
use fieldstone::engine::{FrozenShard, Keyspace, Options, ShardFile, Sink, TablePlace};
use std::io;

#[derive(Default)]
struct Memory(Vec<u8>);

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
    bytes: Bytes,
    tables: Vec<TablePlace>,
}

impl File {
    fn view(&self) -> ShardFile<'_> {
        ShardFile {
            number: self.number,
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
}

impl Files {
    pub fn of(keyspace: &Keyspace) -> Files {
        let mut shards = Vec::new();
        shards.resize_with(keyspace.shard_count(), Shard::default);
        Files {
            shards,
            catalog: keyspace.catalog(),
            next: 1,
        }
    }

    /// Begin a checkpoint of those shards that have none under way.
    pub fn freeze(&mut self, keyspace: &Keyspace) {
        for (n, shard) in self.shards.iter_mut().enumerate() {
            if shard.frozen.is_none() {
                let (lsn, frozen) = keyspace.freeze(n);
                shard.frozen = frozen;
                if shard.frozen.is_none() {
                    shard.lsn = lsn;
                }
            }
        }
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
    }

    /// A keyspace of these files, and of the changes that came after them.
    pub fn open(&self, options: &Options, changes: &[(u64, Vec<u8>)]) -> Keyspace {
        let keyspace = Keyspace::new(options);
        keyspace.restore_catalog(&self.catalog).unwrap();
        for (n, shard) in self.shards.iter().enumerate() {
            let files: Vec<ShardFile<'_>> = shard.files.iter().rev().map(File::view).collect();
            keyspace.stack(n, shard.lsn, &files).unwrap();
        }
        for (lsn, change) in changes {
            assert_eq!(keyspace.replay(*lsn, change), Some(()));
        }
        keyspace
    }
}
