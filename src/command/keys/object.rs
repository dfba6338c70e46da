//! `OBJECT`: what is known of how a value is kept.

use super::super::table::{Command, Keys, acl, container, flag};
use super::super::{CommandError, Context};
use crate::resp::Args;

pub const OBJECT: Command = Command {
    name: "object",
    arity: -2,
    flags: 0,
    keys: Keys::NONE,
    acl: acl::SLOW,
    group: "generic",
    since: "2.2.3",
    summary: "A container for object introspection commands.",
    complexity: "Depends on subcommand.",
    handler: container,
    starts: None,
    subcommands: &[
        Command {
            name: "encoding",
            summary: "Returns the internal encoding of a Redis object.",
            handler: encoding,
            ..ABOUT_KEY
        },
        Command {
            name: "freq",
            since: "4.0.0",
            summary: "Returns the logarithmic access frequency counter of a Redis object.",
            handler: freq,
            ..ABOUT_KEY
        },
        Command {
            acl: acl::KEYSPACE | acl::SLOW,
            ..Command::help("generic", "6.2.0", help)
        },
        Command {
            name: "idletime",
            summary: "Returns the time since the last access to a Redis object.",
            handler: idletime,
            ..ABOUT_KEY
        },
        Command {
            name: "refcount",
            summary: "Returns the reference count of a value of a key.",
            handler: refcount,
            ..ABOUT_KEY
        },
    ],
};

/// What the subcommands about a key have in common.
const ABOUT_KEY: Command = Command {
    arity: 3,
    flags: flag::READONLY,
    keys: Keys {
        first: 2,
        last: 2,
        step: 1,
    },
    acl: acl::KEYSPACE | acl::READ | acl::SLOW,
    group: "generic",
    since: "2.2.3",
    ..Command::SUB
};

const HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
    "HELP",
    "    Print this help.",
];

const NO_LFU: &str = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. \
                      Please note that when switching between policies at runtime LRU and LFU \
                      data will take some time to adjust.";

fn help(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.out.array(HELP.len());
    for line in HELP {
        ctx.out.simple(line);
    }
    Ok(())
}

fn encoding(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(2));
    match ctx.data.get(&key) {
        Some(entity) => ctx.out.bulk(entity.encoding().as_bytes()),
        None => ctx.out.null(),
    }
    Ok(())
}

/// Reply with a number that is the same for every key.
fn constant(ctx: &mut Context<'_>, args: Args<'_>, number: i64) {
    let key = ctx.key(args.at(2));
    match ctx.data.get(&key) {
        Some(_) => ctx.out.integer(number),
        None => ctx.out.null(),
    }
}

/// Values are not shared.
fn refcount(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    constant(ctx, args, 1);
    Ok(())
}

/// Accesses are not tracked: reads leave no trace.
fn idletime(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    constant(ctx, args, 0);
    Ok(())
}

fn freq(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args.at(2));
    if ctx.data.get(&key).is_some() {
        return Err(NO_LFU.into());
    }
    ctx.out.null();
    Ok(())
}
