//! SLOWLOG.

use super::args::parse_integer;
use super::table::{Command, acl, container, flag};
use super::{CommandError, Context, help};
use crate::resp::Args;

const SUB: Command = Command {
    flags: flag::ADMIN | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::SLOW | acl::DANGEROUS,
    since: "2.2.12",
    ..Command::SUB
};

pub const COMMANDS: &[Command] = &[Command {
    name: "slowlog",
    arity: -2,
    flags: 0,
    since: "2.2.12",
    summary: "A container for slow log commands.",
    complexity: "Depends on subcommand.",
    handler: container,
    subcommands: &[
        Command {
            name: "get",
            arity: -2,
            summary: "Returns the slow log's entries.",
            complexity: "O(N) where N is the number of entries returned",
            handler: get,
            ..SUB
        },
        Command {
            name: "len",
            summary: "Returns the number of entries in the slow log.",
            handler: len,
            ..SUB
        },
        Command {
            name: "reset",
            summary: "Clears all entries from the slow log.",
            complexity: "O(N) where N is the number of entries in the slowlog",
            handler: reset,
            ..SUB
        },
        Command {
            summary: "Show helpful text about the different subcommands",
            ..Command::help("server", "6.2.0", help::slowlog)
        },
    ],
    ..Command::SUB
}];

/// Entries that `SLOWLOG GET` shows if it is not told how many.
const COUNT_DEFAULT: i64 = 10;

fn get(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len() > 3 {
        return Err(CommandError::subcommand("SLOWLOG", args.at(1)));
    }
    let count = args.get(2).map_or(Some(COUNT_DEFAULT), parse_integer);
    let count = count.filter(|count| *count >= -1);
    let count = count.ok_or("ERR count should be greater than or equal to -1")?;
    let entries = ctx.instance.slowlog.newest(usize::try_from(count).ok());
    ctx.out.array(entries.len());
    for entry in entries {
        ctx.out.array(6);
        ctx.out.integer(entry.id as i64);
        ctx.out.integer(entry.at_seconds as i64);
        ctx.out.integer(entry.took.as_micros() as i64);
        ctx.out.array(entry.args.len());
        entry.args.iter().for_each(|arg| ctx.out.bulk(arg));
        ctx.out.bulk(entry.addr.as_bytes());
        ctx.out.bulk(entry.name.as_bytes());
    }
    Ok(())
}

fn len(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.out.integer(ctx.instance.slowlog.len() as i64);
    Ok(())
}

fn reset(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.instance.slowlog.clear();
    ctx.out.simple("OK");
    Ok(())
}
