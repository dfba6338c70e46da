//! Row files, below a keyspace.
//!
//! ```text
//! input: files, the oldest first
//! file:  length u16, where its directory is u16, bytes from its header to its checksums
//! ```
//!
//! Checksums and trailers are right; the files are of the first shard, the catalog is [`CATALOG`].
//!
//! Checked: whatever is done ends; what the check of a file passes is read as it is, can be
//! written again, and is then the same.

use super::image::{images, keyspace};
use super::input::Input;
use super::reading::exercise;
use crate::engine::{
    Access, FrozenShard, Keyspace, Mutation, SYSTEM_DB, ShardFile, ShardSet, TablePlace,
};
use crate::io::Append;
use crate::rowfile::{CHUNK_BYTES, Damage, RowFile, Writer};
use bytes::Bytes;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

/// Two shapes, of three and of nine names, and two values.
pub const CATALOG: &[u8] = b"\x02\x03\x02f0\x02f1\x02f2\x09\x01a\x01b\x01c\x01d\x01e\x01f\x01g\
    \x01h\x01i\x02\x05Turin\x04Oslo";

const DATABASES: u8 = 2;
const FILES_MAX: u64 = 3;
const HEAD_BYTES: usize = 64;

/// The files of an input.
pub fn opened(bytes: &[u8]) -> Result<Vec<RowFile>, Damage> {
    let mut input = Input::new(bytes);
    let mut files = Vec::new();
    for number in 1..=FILES_MAX {
        if input.is_empty() {
            break;
        }
        let (len, directory_at) = (usize::from(input.u16()), u64::from(input.u16()));
        let mut body = input.take(len).to_vec();
        // Zeros at the end need not be given.
        body.resize(body.len().next_multiple_of(HEAD_BYTES) + HEAD_BYTES, 0);
        let file = sealed(number, 0, directory_at, &body);
        files.push(RowFile::open(file.into(), number)?);
    }
    Ok(files)
}

pub fn run(bytes: &[u8]) {
    let files = match opened(bytes) {
        Ok(files) => files,
        Err(error) => return assert_eq!(error, Damage::Directory),
    };
    let keyspace = base(DATABASES);
    let views: Vec<ShardFile<'_>> = files.iter().map(RowFile::view).collect();
    let checked = views
        .iter()
        .map(|view| keyspace.check_file(0, view).is_ok());
    let sound: Vec<bool> = checked.collect();
    let there = |table: &TablePlace| {
        let known = table.db < DATABASES || table.db == SYSTEM_DB;
        known && is_complete(table)
    };
    let is_whole = sound == [true] && files[0].tables.iter().all(there);
    if let Err(error) = keyspace.stack(0, 0, &views) {
        assert!(!is_whole, "{error}");
        return;
    }
    if is_whole {
        let before = images(&keyspace);
        let written = write(&keyspace, 0, 9).expect("what was checked");
        let again = base(DATABASES);
        let file = RowFile::open(written.into(), 9).expect("what was written");
        assert_eq!(again.check_file(0, &file.view()), Ok(()));
        again.stack(0, 0, &[file.view()]).expect("what was written");
        assert_eq!(images(&again), before);
        exercise(&again);
    }
    exercise(&keyspace);
    // A shard that was written is in a file, and one that could not be is as it was.
    let _ = write(&keyspace, 0, 10);
    exercise(&keyspace);
}

fn is_complete(table: &TablePlace) -> bool {
    table.rows.complete && table.bigs.iter().all(|big| big.fields.complete)
}

/// An empty keyspace that knows the catalog.
pub fn base(databases: u8) -> Keyspace {
    let keyspace = keyspace(databases);
    assert!(keyspace.restore_catalog(CATALOG).is_some());
    keyspace
}

/// A file of these bytes from its header to its checksums.
pub fn sealed(number: u64, shard: u32, directory_at: u64, body: &[u8]) -> Vec<u8> {
    let mut file = [b"FSROW001", &number.to_le_bytes()[..], &[0; 48], body].concat();
    let checksums_at = file.len() as u64;
    let checksums = file.chunks(CHUNK_BYTES).map(crc32fast::hash);
    let checksums: Vec<u8> = checksums.flat_map(u32::to_le_bytes).collect();
    let mut trailer = [b"FSROWEND", &number.to_le_bytes()[..]].concat();
    trailer.extend_from_slice(&shard.to_le_bytes());
    trailer.extend_from_slice(&[0; 12]);
    for n in [directory_at, checksums_at, 0] {
        trailer.extend_from_slice(&n.to_le_bytes());
    }
    trailer.extend_from_slice(&crc32fast::hash(&checksums).to_le_bytes());
    trailer.extend_from_slice(&crc32fast::hash(&trailer).to_le_bytes());
    debug_assert_eq!(trailer.len(), HEAD_BYTES);
    file.extend_from_slice(&checksums);
    file.extend_from_slice(&trailer);
    file
}

/// A file in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Append for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Write all of a shard to a file of this number, which takes the place of all it has.
pub fn write(keyspace: &Keyspace, shard: usize, number: u64) -> io::Result<Vec<u8>> {
    let mut shards = ShardSet::default();
    shards.insert_all(keyspace);
    // A change that makes that all is written, and is none.
    let swap = Mutation::SwapDb { a: 0, b: 0 };
    keyspace.lock(&shards, Access::Write).commit(&swap, 0);
    write_changes(keyspace, shard, number, &|_| true)
}

/// Write what has changed in a shard, and what is in these of its files, in the place of those.
pub fn write_changes(
    keyspace: &Keyspace,
    shard: usize,
    number: u64,
    folds: &dyn Fn(u64) -> bool,
) -> io::Result<Vec<u8>> {
    let (lsn, frozen) = keyspace.freeze(shard, false);
    let frozen = frozen.expect("a shard that was changed");
    write_frozen(keyspace, shard, number, folds, (lsn, &frozen))
}

/// Write a shard that was frozen, and put the file in the place of what it holds.
pub fn write_frozen(
    keyspace: &Keyspace,
    shard: usize,
    number: u64,
    folds: &dyn Fn(u64) -> bool,
    (lsn, frozen): (u64, &FrozenShard),
) -> io::Result<Vec<u8>> {
    let memory = Memory::default();
    let mut pace = |_| Ok(());
    let mut writer = Writer::new(Box::new(memory.clone()), number, &mut pace)?;
    let tables = keyspace.write_frozen(frozen, folds, &mut writer)?;
    let len = writer.finish(u32::try_from(shard).unwrap_or(0), lsn, &tables)?;
    let bytes = std::mem::take(&mut *memory.0.lock());
    assert_eq!(bytes.len() as u64, len);
    let file = RowFile::open(Bytes::from(bytes.clone()), number).expect("what was written");
    keyspace.install(shard, frozen, folds, Some(&file.view()))?;
    Ok(bytes)
}
