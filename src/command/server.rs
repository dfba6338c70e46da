//! TIME ROLE WAIT SHUTDOWN.

use super::args::{is, parse_integer};
use super::table::{Command, acl, flag};
use super::{CommandError, Context};
use crate::clock;
use crate::resp::Args;

pub const COMMANDS: &[Command] = &[
    Command {
        name: "time",
        arity: 1,
        flags: flag::LOADING | flag::STALE | flag::FAST,
        acl: acl::FAST,
        since: "2.6.0",
        summary: "Returns the server time.",
        handler: time,
        ..Command::SUB
    },
    Command {
        name: "role",
        arity: 1,
        flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST,
        acl: acl::ADMIN | acl::FAST | acl::DANGEROUS,
        since: "2.8.12",
        summary: "Returns the replication role.",
        handler: role,
        ..Command::SUB
    },
    Command {
        name: "wait",
        arity: 3,
        flags: flag::BLOCKING,
        acl: acl::SLOW | acl::BLOCKING | acl::CONNECTION,
        group: "generic",
        since: "3.0.0",
        summary: "Blocks until the asynchronous replication of all preceding write commands sent \
                  by the connection is completed.",
        handler: wait,
        ..Command::SUB
    },
    Command {
        name: "shutdown",
        arity: -1,
        flags: flag::ADMIN
            | flag::NOSCRIPT
            | flag::LOADING
            | flag::STALE
            | flag::NO_MULTI
            | flag::ALLOW_BUSY,
        acl: acl::ADMIN | acl::SLOW | acl::DANGEROUS,
        since: "1.0.0",
        summary: "Synchronously saves the database(s) to disk and shuts down the Redis server.",
        complexity: "O(N) when saving, where N is the total number of keys in all databases when \
                     saving data, otherwise O(1)",
        handler: shutdown,
        ..Command::SUB
    },
];

fn time(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let micros = clock::wall_micros();
    ctx.out.array(2);
    ctx.out.bulk((micros / 1_000_000).to_string().as_bytes());
    ctx.out.bulk((micros % 1_000_000).to_string().as_bytes());
    Ok(())
}

fn role(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.out.array(3);
    ctx.out.bulk(b"master");
    ctx.out.integer(0);
    ctx.out.array(0);
    Ok(())
}

/// There are no replicas to wait for.
fn wait(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    parse_integer(args.at(1)).ok_or(CommandError::NotAnInteger)?;
    let timeout = parse_integer(args.at(2));
    let timeout = timeout.ok_or("ERR timeout is not an integer or out of range")?;
    if timeout < 0 {
        return Err("ERR timeout is negative".into());
    }
    ctx.out.integer(0);
    Ok(())
}

fn shutdown(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let (mut save, mut nosave, mut abort) = (false, false, false);
    for option in args.from(1).iter() {
        match option {
            option if is(option, "save") => save = true,
            option if is(option, "nosave") => nosave = true,
            option if is(option, "abort") => abort = true,
            option if is(option, "now") || is(option, "force") => {}
            _ => return Err(CommandError::Syntax),
        }
    }
    if (save && nosave) || (abort && args.len() > 2) {
        return Err(CommandError::Syntax);
    }
    if abort {
        return Err("ERR No shutdown in progress.".into());
    }
    if save && ctx.instance.storage().is_none() {
        return Err(super::persistence::NO_STORAGE.into());
    }
    // No reply: the client sees the connection close, once the process has ended.
    ctx.session.close = true;
    ctx.session.stays_to_the_end = true;
    // With a log all is safe before the process ends; a checkpoint is for who asks for it.
    match save {
        true => ctx.instance.control.save_and_stop(),
        false => ctx.instance.control.stop(),
    }
    Ok(())
}
