//! Mutations: the one type that changes data, and what a log carries.

use super::{Batch, Db, Key, Millis};
use std::sync::Arc;

/// What happens to the expiry of the fields that a [`Mutation::HashSet`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldExpire {
    /// Stays as it is (`HINCRBY`, `HSETEX ... KEEPTTL`).
    Keep,
    /// Is removed (`HSET`).
    Clear,
    /// Becomes this time, milliseconds since the epoch.
    At(Millis),
}

/// What happens to the expiry of the key that a [`Mutation::StringSet`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyExpire {
    Keep,
    Clear,
    /// Becomes this time, milliseconds since the epoch.
    At(Millis),
}

/// One change. Each is total: on a key of another kind or a missing key it does what the comment
/// says, so that replay cannot fail.
#[derive(Clone, Copy, Debug)]
pub enum Mutation<'a> {
    /// Set fields, creating the hash; a string under the key is replaced. Effect: fields created.
    /// A name given twice takes its last value.
    HashSet {
        key: Key<'a>,
        fields: &'a [(&'a [u8], &'a [u8])],
        expire: FieldExpire,
    },
    /// Remove fields; the last one takes the key with it. Effect: fields removed.
    HashDelete {
        key: Key<'a>,
        fields: &'a [&'a [u8]],
    },
    /// Set (`Some`) or remove (`None`) the expiry of those of the fields that exist.
    /// Effect: fields found.
    HashExpire {
        key: Key<'a>,
        fields: &'a [&'a [u8]],
        at: Option<Millis>,
    },
    /// Make the key a string of this value, whatever it was. Effect: 1.
    StringSet {
        key: Key<'a>,
        value: &'a [u8],
        expire: KeyExpire,
    },
    /// Write bytes at an offset of a string, zero-filling a gap, creating it (`APPEND`,
    /// `SETRANGE`). A hash under the key is left alone. Effect: the new length.
    StringWrite {
        key: Key<'a>,
        offset: usize,
        bytes: &'a [u8],
    },
    /// Remove the key. Effect: 1 if it was there.
    Delete { key: Key<'a> },
    /// Set or remove the expiry of a key. Effect: 1 if the key is there.
    Expire { key: Key<'a>, at: Option<Millis> },
    /// Remove every key of one database, or of all (`None`) but [`super::SYSTEM_DB`]. Needs all
    /// shards. Effect: keys removed.
    Flush { db: Option<Db> },
    /// Exchange two databases. Needs all shards.
    SwapDb { a: Db, b: Db },
    /// Set what a batch has, and take what it masks, as of this time (milliseconds since the
    /// epoch). Needs all shards.
    Publish { batch: &'a Arc<Batch>, at: Millis },
}

impl<'a> Mutation<'a> {
    /// The one key it changes; `None`: whole databases.
    pub fn key(&self) -> Option<&Key<'a>> {
        match self {
            Mutation::HashSet { key, .. }
            | Mutation::HashDelete { key, .. }
            | Mutation::HashExpire { key, .. }
            | Mutation::StringSet { key, .. }
            | Mutation::StringWrite { key, .. }
            | Mutation::Delete { key }
            | Mutation::Expire { key, .. } => Some(key),
            Mutation::Flush { .. } | Mutation::SwapDb { .. } | Mutation::Publish { .. } => None,
        }
    }
}
