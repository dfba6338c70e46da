//! Hashes: the commands that Redis has had since before fields could expire. An expired field does
//! not show in any of them.

mod declared;
mod random;
mod read;
mod write;

use super::table::{Command, Keys, acl, flag};
use crate::engine::Value;
use crate::resp::Output;
pub use declared::{Expire, set_fields};
pub use read::{reply_many, reply_pairs};

/// Write a stored value as a bulk string, straight from its packed form, which stays in registers.
#[inline(always)]
pub fn reply_value(out: &mut Output, value: Value<'_>) {
    if let Err(plain) = value.short(|text, len| out.bulk_short(text, len)) {
        out.bulk_apart(plain);
    }
}

/// Write a value, or that there is none.
#[inline(always)]
pub fn reply_found(out: &mut Output, value: Option<Value<'_>>) {
    match value {
        Some(value) => reply_value(out, value),
        None => out.null(),
    }
}

pub const COMMANDS: &[Command] = &[
    Command {
        name: "hget",
        arity: 3,
        flags: flag::READONLY | flag::FAST,
        keys: Keys::ONE,
        acl: acl::READ | acl::HASH | acl::FAST,
        group: "hash",
        since: "2.0.0",
        summary: "Returns the value of a field in a hash.",
        complexity: "O(1)",
        handler: read::hget,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hmget",
        arity: -3,
        flags: flag::READONLY | flag::FAST,
        keys: Keys::ONE,
        acl: acl::READ | acl::HASH | acl::FAST,
        group: "hash",
        since: "2.0.0",
        summary: "Returns the values of all fields in a hash.",
        complexity: "O(N) where N is the number of fields being requested.",
        handler: read::hmget,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hgetall",
        arity: 2,
        flags: flag::READONLY,
        keys: Keys::ONE,
        acl: acl::READ | acl::HASH | acl::SLOW,
        group: "hash",
        since: "2.0.0",
        summary: "Returns all fields and values in a hash.",
        complexity: "O(N) where N is the size of the hash.",
        handler: read::hgetall,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hkeys",
        arity: 2,
        flags: flag::READONLY,
        keys: Keys::ONE,
        acl: acl::READ | acl::HASH | acl::SLOW,
        group: "hash",
        since: "2.0.0",
        summary: "Returns all fields in a hash.",
        complexity: "O(N) where N is the size of the hash.",
        handler: read::hkeys,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hvals",
        arity: 2,
        flags: flag::READONLY,
        keys: Keys::ONE,
        acl: acl::READ | acl::HASH | acl::SLOW,
        group: "hash",
        since: "2.0.0",
        summary: "Returns all values in a hash.",
        complexity: "O(N) where N is the size of the hash.",
        handler: read::hvals,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hlen",
        arity: 2,
        flags: flag::READONLY | flag::FAST,
        keys: Keys::ONE,
        acl: acl::READ | acl::HASH | acl::FAST,
        group: "hash",
        since: "2.0.0",
        summary: "Returns the number of fields in a hash.",
        complexity: "O(1)",
        handler: read::hlen,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hexists",
        arity: 3,
        flags: flag::READONLY | flag::FAST,
        keys: Keys::ONE,
        acl: acl::READ | acl::HASH | acl::FAST,
        group: "hash",
        since: "2.0.0",
        summary: "Determines whether a field exists in a hash.",
        complexity: "O(1)",
        handler: read::hexists,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hstrlen",
        arity: 3,
        flags: flag::READONLY | flag::FAST,
        keys: Keys::ONE,
        acl: acl::READ | acl::HASH | acl::FAST,
        group: "hash",
        since: "3.2.0",
        summary: "Returns the length of the value of a field.",
        complexity: "O(1)",
        handler: read::hstrlen,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hscan",
        arity: -3,
        flags: flag::READONLY,
        keys: Keys::ONE,
        acl: acl::READ | acl::HASH | acl::SLOW,
        group: "hash",
        since: "2.8.0",
        summary: "Iterates over fields and values of a hash.",
        complexity: "O(1) for every call. O(N) for a complete iteration, including enough command \
            calls for the cursor to return back to 0. N is the number of elements inside the \
            collection.",
        handler: read::hscan,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hrandfield",
        arity: -2,
        flags: flag::READONLY,
        keys: Keys::ONE,
        acl: acl::READ | acl::HASH | acl::SLOW,
        group: "hash",
        since: "6.2.0",
        summary: "Returns one or more random fields from a hash.",
        complexity: "O(N) where N is the number of fields returned",
        handler: random::hrandfield,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hset",
        arity: -4,
        flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::SHORT,
        keys: Keys::ONE,
        acl: acl::WRITE | acl::HASH | acl::FAST,
        group: "hash",
        since: "2.0.0",
        summary: "Creates or modifies the value of a field in a hash.",
        complexity: "O(1) for each field/value pair added, so O(N) to add N field/value pairs \
            when the command is called with multiple field/value pairs.",
        handler: write::hset,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hmset",
        arity: -4,
        flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::SHORT,
        keys: Keys::ONE,
        acl: acl::WRITE | acl::HASH | acl::FAST,
        group: "hash",
        since: "2.0.0",
        summary: "Sets the values of multiple fields.",
        complexity: "O(N) where N is the number of fields being set.",
        handler: write::hmset,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hsetnx",
        arity: 4,
        flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::SHORT,
        keys: Keys::ONE,
        acl: acl::WRITE | acl::HASH | acl::FAST,
        group: "hash",
        since: "2.0.0",
        summary: "Sets the value of a field in a hash only when the field doesn't exist.",
        complexity: "O(1)",
        handler: write::hsetnx,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hdel",
        arity: -3,
        flags: flag::WRITE | flag::FAST | flag::SHORT,
        keys: Keys::ONE,
        acl: acl::WRITE | acl::HASH | acl::FAST,
        group: "hash",
        since: "2.0.0",
        summary: "Deletes one or more fields and their values from a hash. Deletes the hash if no \
            fields remain.",
        complexity: "O(N) where N is the number of fields to be removed.",
        handler: write::hdel,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hincrby",
        arity: 4,
        flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::SHORT,
        keys: Keys::ONE,
        acl: acl::WRITE | acl::HASH | acl::FAST,
        group: "hash",
        since: "2.0.0",
        summary: "Increments the integer value of a field in a hash by a number. Uses 0 as \
            initial value if the field doesn't exist.",
        complexity: "O(1)",
        handler: write::hincrby,
        starts: None,
        subcommands: &[],
    },
    Command {
        name: "hincrbyfloat",
        arity: 4,
        flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::SHORT,
        keys: Keys::ONE,
        acl: acl::WRITE | acl::HASH | acl::FAST,
        group: "hash",
        since: "2.6.0",
        summary: "Increments the floating point value of a field by a number. Uses 0 as initial \
            value if the field doesn't exist.",
        complexity: "O(1)",
        handler: write::hincrbyfloat,
        starts: None,
        subcommands: &[],
    },
];
