//! CLUSTER READONLY READWRITE ASKING: this is not a cluster, and says so as Redis does.

use super::table::{Command, acl, container, flag};
use super::{CommandError, Context};
use crate::resp::Args;

const CONNECTION: Command = Command {
    arity: 1,
    flags: flag::LOADING | flag::STALE | flag::FAST,
    acl: acl::FAST | acl::CONNECTION,
    group: "cluster",
    since: "3.0.0",
    handler: disabled,
    ..Command::SUB
};

/// What the subcommands that clients try have in common.
const SUB: Command = Command {
    flags: flag::STALE,
    group: "cluster",
    since: "3.0.0",
    handler: disabled,
    ..Command::SUB
};

pub const COMMANDS: &[Command] = &[
    Command {
        name: "cluster",
        arity: -2,
        flags: 0,
        summary: "A container for Redis Cluster commands.",
        complexity: "Depends on subcommand.",
        handler: container,
        subcommands: CLUSTER,
        ..SUB
    },
    Command {
        name: "readonly",
        summary: "Enables read-only queries for a connection to a Redis Cluster replica node.",
        ..CONNECTION
    },
    Command {
        name: "readwrite",
        // The misspelling is Redis's: clients are given its very text.
        summary: "Enables read-write queries for a connection to a Reids Cluster replica node.",
        ..CONNECTION
    },
    Command {
        name: "asking",
        flags: flag::FAST,
        summary: "Signals that a cluster client is following an -ASK redirect.",
        ..CONNECTION
    },
];

const CLUSTER: &[Command] = &[
    Command {
        name: "info",
        summary: "Returns information about the state of a node.",
        ..SUB
    },
    Command {
        name: "nodes",
        summary: "Returns the cluster configuration for a node.",
        complexity: "O(N) where N is the total number of Cluster nodes",
        ..SUB
    },
    Command {
        name: "slots",
        flags: flag::LOADING | flag::STALE,
        summary: "Returns the mapping of cluster slots to nodes.",
        complexity: "O(N) where N is the total number of Cluster nodes",
        ..SUB
    },
    Command {
        name: "shards",
        flags: flag::LOADING | flag::STALE,
        since: "7.0.0",
        summary: "Returns the mapping of cluster slots to shards.",
        complexity: "O(N) where N is the total number of cluster nodes",
        ..SUB
    },
    Command {
        name: "myid",
        summary: "Returns the ID of a node.",
        ..SUB
    },
    Command {
        name: "keyslot",
        arity: 3,
        summary: "Returns the hash slot for a key.",
        complexity: "O(N) where N is the number of bytes in the key",
        ..SUB
    },
    Command::help("cluster", "5.0.0", disabled),
];

fn disabled(_ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    Err("ERR This instance has cluster support disabled".into())
}
