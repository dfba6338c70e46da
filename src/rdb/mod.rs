//! The codec of `DUMP` payloads: one value as a Redis snapshot (RDB) holds it, with a seal.
//!
//! A payload is a type byte, a body, two bytes of RDB version and eight of CRC64, both little
//! endian.
//!
//! Invariants
//! - Knows only bytes: no keys, no engine, no clock.
//! - Reading is for hostile bytes whose seal is right: no recursion, no panic, no memory asked for
//!   before the bytes that justify it have come, and a bound on what compressed bytes unpack to.
//! - A hash that is read has a field at least and no name twice.
//! - Written payloads are in the oldest form that holds the value, so that Redis from 7.0 on
//!   restores them: see [`dump_string`] and [`HashWriter`].

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation
    )
)]

mod crc64;
mod fields;
mod listpack;
mod lzf;
mod parse;
mod reader;
mod seal;
mod text;
mod write;
mod ziplist;
mod zipmap;

#[cfg(test)]
mod tests;

pub use fields::{Field, Fields};
pub use parse::{Value, parse};
pub(crate) use seal::seal;
pub use write::{HashWriter, dump_string};

/// Why a payload was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RdbError {
    #[error("DUMP payload version or checksum are wrong")]
    Seal,
    #[error(
        "DUMP payload version or checksum are wrong: its RDB version is {0}; up to 15 (Redis 8.10) \
         and 80 (Valkey 9) are known"
    )]
    Version(u16),
    #[error("Bad data format")]
    Format,
    #[error("Bad data format: it is a {0}, and only hashes and strings are kept here")]
    Kind(&'static str),
}

/// The type bytes of the values we know; see [`kind::of_others`] for what others are.
mod kind {
    pub const STRING: u8 = 0;
    pub const HASH: u8 = 4;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const HASH_LISTPACK: u8 = 16;
    pub const HASH_METADATA: u8 = 24;
    /// Of Valkey 9: fields with their expiries.
    pub const HASH_VALKEY: u8 = 22;
    pub const HASH_LISTPACK_EX: u8 = 25;
    /// Of Redis 8.10, whose hashes of the same fields share a template.
    pub const HASH_TEMPLATE_LISTPACK: u8 = 29;
    pub const HASH_TEMPLATE_ARRAY: u8 = 31;

    /// What values of other types are.
    pub fn of_others(kind: u8) -> Option<&'static str> {
        Some(match kind {
            1 | 10 | 14 | 18 => "list",
            2 | 11 | 20 => "set",
            3 | 5 | 12 | 17 => "sorted set",
            15 | 19 | 21 | 26 | 27 => "stream",
            6 | 7 => "value of a module",
            28 => "array",
            _ => return None,
        })
    }
}
