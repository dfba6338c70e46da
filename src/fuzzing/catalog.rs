//! The catalog of shapes and values that rows in files refer to.
//!
//! ```text
//! input: a catalog
//! ```
//!
//! Checked: what is read is written to the same bytes; a keyspace that has it behaves as one that
//! has none.

use super::image::{images, keyspace};
use crate::engine::{Access, FieldExpire, Keyspace, Mutation, ShardSet};

pub fn run(bytes: &[u8]) {
    let (restored, fresh) = (keyspace(1), keyspace(1));
    if restored.restore_catalog(bytes).is_none() {
        return;
    }
    assert_eq!(restored.catalog(), bytes);
    fill(&restored);
    fill(&fresh);
    assert_eq!(images(&restored), images(&fresh));
}

/// Rows of names and values that catalogs here have.
fn fill(keyspace: &Keyspace) {
    let pairs: [(&[u8], &[u8]); 3] = [(b"age", b"31"), (b"city", b"Turin"), (b"seen", b"yes")];
    for (n, name) in [b"a", b"b", b"c", b"d", b"e"].into_iter().enumerate() {
        let key = keyspace.key(0, name);
        let mut shards = ShardSet::default();
        shards.insert(keyspace, &key);
        let mutation = Mutation::HashSet {
            key,
            fields: &pairs[..1 + n % pairs.len()],
            expire: FieldExpire::Keep,
        };
        keyspace.lock(&shards, Access::Write).commit(&mutation, 1);
    }
}
