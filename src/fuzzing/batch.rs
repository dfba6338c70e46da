//! The file of a batch, published above a keyspace.
//!
//! ```text
//! input: where its directory is u16, bytes from its header to its checksums
//! ```
//!
//! Checksums and trailer are right.
//!
//! Checked: whatever is done ends, and takes no more memory than there are bytes; a batch that the
//! check of its rows passes is the same in another keyspace that does the change again, and once it
//! was folded.

use super::image::{Changes, images};
use super::input::Input;
use super::reading::exercise;
use super::rows::{base, sealed, write_frozen};
use crate::checkpoint::batches;
use crate::engine::{Access, Batch, FieldExpire, KeyExpire, Keyspace, Mutation, ShardSet};
use crate::rowfile::{BatchFile, Damage, RowFile};
use std::sync::Arc;

const DATABASES: u8 = 2;
const NUMBER: u64 = 1;
const HEAD_BYTES: usize = 64;

/// When the batch is published: some of what is there has expired by then.
const AT: u64 = 1_500;

/// The file of an input.
fn opened(bytes: &[u8]) -> Result<BatchFile, Damage> {
    let mut input = Input::new(bytes);
    let directory_at = u64::from(input.u16());
    let mut body = input.rest().to_vec();
    // Zeros at the end need not be given.
    body.resize(body.len().next_multiple_of(HEAD_BYTES) + HEAD_BYTES, 0);
    let file = sealed(NUMBER, u32::MAX, directory_at, &body);
    BatchFile::open(file.into(), NUMBER)
}

pub fn run(bytes: &[u8]) {
    publish(bytes);
}

/// Whether it came to be published, and passed the check.
fn publish(bytes: &[u8]) -> Option<bool> {
    let file = match opened(bytes) {
        Ok(file) => file,
        Err(error) => {
            assert_eq!(error, Damage::Directory);
            return None;
        }
    };
    let (keyspace, changes) = (base(DATABASES), Arc::new(Changes::default()));
    keyspace.attach(changes.clone());
    fill(&keyspace);
    let batch = batches::know(&keyspace, &file).ok()?;
    let mut shards = 0..keyspace.shard_count();
    let is_sound = shards.all(|shard| keyspace.look_through(&batch, shard, &|_| Ok(())).is_ok());
    commit(&keyspace, &batch);
    if is_sound {
        let published = images(&keyspace);
        let again = base(DATABASES);
        assert!(batches::know(&again, &file).is_ok(), "it was opened once");
        changes.replay(&again);
        assert_eq!(images(&again), published, "done again");
        fold(&again).expect("what was checked");
        assert_eq!(images(&again), published, "folded");
        assert!(again.showing().is_empty(), "it is no layer any more");
        exercise(&again);
    }
    exercise(&keyspace);
    commit(&keyspace, &batch);
    exercise(&keyspace);
    let folded = fold(&keyspace);
    assert!(folded.is_ok() || !is_sound, "rows that cannot be written");
    exercise(&keyspace);
    Some(is_sound)
}

fn commit(keyspace: &Keyspace, batch: &Arc<Batch>) {
    let mut shards = ShardSet::default();
    shards.insert_all(keyspace);
    let publish = Mutation::Publish { batch, at: AT };
    keyspace.lock(&shards, Access::Write).commit(&publish, AT);
}

/// Take up all layers, as a checkpoint does.
fn fold(keyspace: &Keyspace) -> std::io::Result<()> {
    for (number, shard) in (10..).zip(0..keyspace.shard_count()) {
        if let (lsn, Some(frozen)) = keyspace.freeze(shard, true) {
            let bytes = write_frozen(keyspace, shard, number, &|_| true, (lsn, &frozen))?;
            let file = RowFile::open(bytes.into(), number).expect("what was written");
            // Others were written by what cannot be.
            let _ = keyspace.check_file(shard, &file.view());
        }
    }
    Ok(())
}

/// Hashes, small and big, and strings, some of which expire, of names that batches here have.
fn fill(keyspace: &Keyspace) {
    let many: Vec<String> = (0..520).map(|n| format!("f{n}")).collect();
    let many: Vec<(&[u8], &[u8])> = many.iter().map(|n| (n.as_bytes(), &b"7"[..])).collect();
    let few: &[(&[u8], &[u8])] = &[(b"f0", b"0"), (b"other", b"Turin")];
    let set = |name, fields, expire| Mutation::HashSet {
        key: keyspace.key(0, name),
        fields,
        expire,
    };
    let text = |name, expire| Mutation::StringSet {
        key: keyspace.key(0, name),
        value: b"text",
        expire,
    };
    let expire = |name, at| Mutation::Expire {
        key: keyspace.key(0, name),
        at: Some(at),
    };
    let mutations = [
        set(b"k0", few, FieldExpire::Clear),
        set(b"k1", few, FieldExpire::At(1_000)),
        set(b"k2", few, FieldExpire::At(2_000)),
        set(b"k3", few, FieldExpire::Clear),
        expire(b"k3", 1_000),
        set(b"k4", few, FieldExpire::At(1_000)),
        expire(b"k4", 2_000),
        text(b"k5", KeyExpire::Clear),
        text(b"k6", KeyExpire::At(1_000)),
        set(b"k7", &many, FieldExpire::Clear),
        expire(b"k7", 1_000),
    ];
    for mutation in &mutations {
        let mut shards = ShardSet::default();
        shards.insert_all(keyspace);
        keyspace.lock(&shards, Access::Write).commit(mutation, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the committed corpus: what is to be published, and what is not to get so far.
    #[test]
    fn the_corpus_reaches_what_is_behind() {
        let corpus: [(&[u8], Option<bool>); 5] = [
            (
                include_bytes!("../../fuzz/corpus/batch/hand-00"),
                Some(true),
            ),
            (
                include_bytes!("../../fuzz/corpus/batch/hand-22"),
                Some(true),
            ),
            (
                include_bytes!("../../fuzz/corpus/batch/bad-entries"),
                Some(false),
            ),
            (include_bytes!("../../fuzz/corpus/batch/bad-shards"), None),
            (include_bytes!("../../fuzz/corpus/batch/bad-database"), None),
        ];
        for (input, expected) in corpus {
            assert_eq!(publish(input), expected, "{}", input.escape_ascii());
        }
    }
}
