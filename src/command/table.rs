//! THE TABLE: every command, once.

use super::{CommandError, Context};
use crate::instance::{Instance, Session, Work};
use crate::resp::Args;
use std::sync::Arc;

/// Where the keys of a command are among its arguments (0 is the command's name).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// First key; 0: none.
    pub first: u8,
    /// Last key; negative counts from the end (-1: the last argument).
    pub last: i8,
    pub step: u8,
}

impl Keys {
    pub const NONE: Keys = Keys {
        first: 0,
        last: 0,
        step: 0,
    };
    /// Argument 1 only.
    pub const ONE: Keys = Keys {
        first: 1,
        last: 1,
        step: 1,
    };
    /// Every argument.
    pub const ALL: Keys = Keys {
        first: 1,
        last: -1,
        step: 1,
    };
    /// Arguments 1, 3, 5 ...
    pub const PAIRS: Keys = Keys {
        first: 1,
        last: -1,
        step: 2,
    };
    /// Arguments 1 and 2.
    pub const TWO: Keys = Keys {
        first: 1,
        last: 2,
        step: 1,
    };

    /// Where the keys are among this many arguments.
    #[inline]
    pub fn positions(self, args: usize) -> impl Iterator<Item = usize> + Clone {
        let first = usize::from(self.first);
        let last = match usize::try_from(self.last) {
            Ok(last) => last.min(args.saturating_sub(1)),
            Err(_) => args.saturating_sub(usize::from(self.last.unsigned_abs())),
        };
        let end = if first == 0 { 0 } else { last + 1 };
        (first..end).step_by(usize::from(self.step.max(1)))
    }
}

/// Properties of a command, Redis's names (`COMMAND INFO`), and two of our own.
pub mod flag {
    pub const WRITE: u32 = 1 << 0;
    pub const READONLY: u32 = 1 << 1;
    pub const DENYOOM: u32 = 1 << 2;
    pub const ADMIN: u32 = 1 << 3;
    pub const PUBSUB: u32 = 1 << 4;
    pub const NOSCRIPT: u32 = 1 << 5;
    pub const LOADING: u32 = 1 << 6;
    pub const STALE: u32 = 1 << 7;
    pub const FAST: u32 = 1 << 8;
    pub const NO_AUTH: u32 = 1 << 9;
    pub const NO_MULTI: u32 = 1 << 10;
    pub const SKIP_SLOWLOG: u32 = 1 << 11;
    pub const BLOCKING: u32 = 1 << 12;
    pub const ALLOW_BUSY: u32 = 1 << 13;
    pub const NO_ASYNC_LOADING: u32 = 1 << 14;
    /// Ours: the handler needs every shard, with the access its WRITE or READONLY flag says.
    pub const ALL_SHARDS: u32 = 1 << 16;
    /// Ours: replies at once, though what it tells of may not be safe on the disk yet: it is what
    /// one asks when the disk is in trouble.
    pub const UNSYNCED: u32 = 1 << 20;
    /// Ours: runs at once inside MULTI instead of being queued.
    pub const IN_MULTI: u32 = 1 << 17;
    /// Ours: allowed for a RESP2 client that has subscribed to something.
    pub const IN_PUBSUB: u32 = 1 << 18;
    /// Ours: the handler needs the shards of the queued commands (`EXEC`).
    pub const OF_QUEUE: u32 = 1 << 19;

    /// Ours: changes one key, in so little time that several of a pipeline run under one lock, and
    /// are timed as one.
    pub const SHORT: u32 = 1 << 21;

    /// No two of ours are the same.
    const _: () = {
        let ours = [ALL_SHARDS, UNSYNCED, IN_MULTI, IN_PUBSUB, OF_QUEUE, SHORT];
        let (mut seen, mut n) = (0, 0);
        while n < ours.len() {
            assert!(seen & ours[n] == 0);
            seen |= ours[n];
            n += 1;
        }
    };

    /// Redis's names, in the order in which `COMMAND INFO` lists them.
    pub const NAMES: &[(u32, &str)] = &[
        (WRITE, "write"),
        (READONLY, "readonly"),
        (DENYOOM, "denyoom"),
        (ADMIN, "admin"),
        (PUBSUB, "pubsub"),
        (NOSCRIPT, "noscript"),
        (BLOCKING, "blocking"),
        (LOADING, "loading"),
        (STALE, "stale"),
        (SKIP_SLOWLOG, "skip_slowlog"),
        (FAST, "fast"),
        (NO_AUTH, "no_auth"),
        (NO_ASYNC_LOADING, "no_async_loading"),
        (NO_MULTI, "no_multi"),
        (ALLOW_BUSY, "allow_busy"),
    ];
}

/// ACL categories, Redis's names.
pub mod acl {
    pub const KEYSPACE: u32 = 1 << 0;
    pub const READ: u32 = 1 << 1;
    pub const WRITE: u32 = 1 << 2;
    pub const HASH: u32 = 1 << 3;
    pub const STRING: u32 = 1 << 4;
    pub const PUBSUB: u32 = 1 << 5;
    pub const ADMIN: u32 = 1 << 6;
    pub const FAST: u32 = 1 << 7;
    pub const SLOW: u32 = 1 << 8;
    pub const DANGEROUS: u32 = 1 << 9;
    pub const CONNECTION: u32 = 1 << 10;
    pub const TRANSACTION: u32 = 1 << 11;
    pub const BLOCKING: u32 = 1 << 12;

    /// Redis's names, in the order in which `COMMAND INFO` lists them.
    pub const NAMES: &[(u32, &str)] = &[
        (KEYSPACE, "@keyspace"),
        (READ, "@read"),
        (WRITE, "@write"),
        (HASH, "@hash"),
        (STRING, "@string"),
        (PUBSUB, "@pubsub"),
        (ADMIN, "@admin"),
        (FAST, "@fast"),
        (SLOW, "@slow"),
        (BLOCKING, "@blocking"),
        (DANGEROUS, "@dangerous"),
        (CONNECTION, "@connection"),
        (TRANSACTION, "@transaction"),
    ];
}

/// Begins what a command waits for before its handler is called; `None`: there is nothing to wait
/// for, or its handler will say what is wrong.
pub type Starter = fn(&Instance, &Session, Args<'_>) -> Option<Arc<Work>>;

pub type Handler = fn(&mut Context<'_>, Args<'_>) -> Result<(), CommandError>;

pub struct Command {
    /// Lower case.
    pub name: &'static str,
    /// Number of arguments with the name; negative: at least so many.
    pub arity: i8,
    pub flags: u32,
    pub keys: Keys,
    pub acl: u32,
    /// `hash`, `string`, `generic`, `connection`, `server`, `pubsub`, `transactions`, `views`.
    pub group: &'static str,
    /// Redis version that introduced it.
    pub since: &'static str,
    pub summary: &'static str,
    pub complexity: &'static str,
    pub handler: Handler,
    pub starts: Option<Starter>,
    /// What a container (`CLIENT`, `CONFIG`) contains; its own handler is then never called, unless
    /// it may be called without a subcommand (`COMMAND`).
    pub subcommands: &'static [Command],
}

impl Command {
    /// A subcommand with what most of them have in common.
    pub const SUB: Command = Command {
        name: "",
        arity: 2,
        flags: flag::LOADING | flag::STALE,
        keys: Keys::NONE,
        acl: acl::SLOW,
        group: "server",
        since: "",
        summary: "",
        complexity: "O(1)",
        handler: container,
        starts: None,
        subcommands: &[],
    };

    /// A `HELP` subcommand.
    pub const fn help(group: &'static str, since: &'static str, handler: Handler) -> Command {
        Command {
            name: "help",
            group,
            since,
            summary: "Returns helpful text about the different subcommands.",
            handler,
            ..Command::SUB
        }
    }

    /// Whether this many arguments, with the name, are right.
    #[inline]
    pub fn takes(&self, args: usize) -> bool {
        let least = usize::from(self.arity.unsigned_abs());
        if self.arity >= 0 {
            args == least
        } else {
            args >= least
        }
    }
}

/// The handler of a command that only contains others.
pub fn container(_ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    Err(CommandError::Syntax)
}

/// Every family's commands.
pub static TABLE: &[&[Command]] = &[
    super::hash::COMMANDS,
    super::hash_expire::COMMANDS,
    super::string::COMMANDS,
    super::keys::COMMANDS,
    super::key_expire::COMMANDS,
    super::serial::COMMANDS,
    super::transaction::COMMANDS,
    super::pubsub::COMMANDS,
    super::connection::COMMANDS,
    super::auth::COMMANDS,
    super::client::COMMANDS,
    super::persistence::COMMANDS,
    super::server::COMMANDS,
    super::monitor::COMMANDS,
    super::info::COMMANDS,
    super::config::COMMANDS,
    super::introspect::COMMANDS,
    super::memory::COMMANDS,
    super::slowlog::COMMANDS,
    super::latency::COMMANDS,
    super::cluster::COMMANDS,
    super::view::COMMANDS,
    super::batch::COMMANDS,
];
