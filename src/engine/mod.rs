//! The engine: entities, their packed rows, their time to live.
//!
//! A caller hashes its keys ([`Keyspace::key`]), locks the shards they fall in
//! ([`Keyspace::lock`], always in index order), reads entities ([`Locked::get`]) and changes them
//! with mutations ([`Locked::commit`]). Everything a command does between taking and dropping its
//! [`Locked`] is atomic and isolated.
//!
//! Invariants
//! - Knows no protocol, no sockets, no files; never reads the clock: callers pass `now`.
//! - A [`Mutation`] is the only thing that changes data, and applying one is deterministic: it
//!   depends on the state of its shard and on itself, never on the time of day. Commit removes
//!   what has expired by explicit mutations first, so a log of mutations replays to the same state.
//! - Whatever has expired by `now` is never returned.

mod arena;
mod big;
mod bigs;
mod bytes;
mod catalog;
mod cell;
mod check;
mod checkpoint;
mod dictionary;
mod entity;
mod fold;
mod half_bytes;
mod hasher;
mod index;
mod journal;
mod keyspace;
mod layer;
mod layers;
mod level;
mod locked;
mod memory;
mod mutation;
mod pack;
mod prefetch;
mod projection;
mod row;
mod sealed;
mod section;
mod shape;
mod shard;
mod store;
mod table;
mod tags;
mod trace;
mod ttl;
mod walk;

pub use cell::Value;
pub use check::{BatchRow, RowRule};
pub use checkpoint::{BigPlace, FrozenShard, SectionPlace, ShardFile, TablePlace};
pub use entity::{Entity, Field, Hash, Kind};
pub use journal::Journal;
pub(crate) use journal::{Change, Step, read_change};
pub use keyspace::{Access, Key, Keyspace, Options, ShardSet, SweepReport};
pub use layer::{Batch, BatchFacts, Layer, Scope};
pub use layers::Published;
pub use locked::{BATCH_KEYS_MAX, Locked};
pub use memory::Memory;
pub use mutation::{FieldExpire, KeyExpire, Mutation};
pub use pack::{PackCell, PackError, Packer};
pub use projection::Projection;
pub use row::Places;
pub use section::{ALIGN, Place, Sink, align};
pub use trace::{Said, SaidOfLayer, Trace};

/// Milliseconds since the epoch.
pub type Millis = u64;

/// Index of a database, `0..databases`, or [`SYSTEM_DB`].
pub type Db = u8;

/// What the server keeps for itself, views above all: kept as any other database, but no client
/// selects it, and what is done to all databases is not done to this one.
pub const SYSTEM_DB: Db = 254;

/// The longest string value or field value, bytes (Redis's `proto-max-bulk-len`).
pub const VALUE_BYTES_MAX: usize = 512 * 1024 * 1024;
