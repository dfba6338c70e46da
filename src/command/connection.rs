//! PING ECHO SELECT RESET QUIT.

use super::args::int;
use super::auth;
use super::table::{Command, acl, flag};
use super::{CommandError, Context};
use crate::instance::Reply;
use crate::resp::{Args, Protocol};
use std::sync::atomic::Ordering;

const FLAGS: u32 = flag::LOADING | flag::STALE | flag::FAST;

/// What connection commands have in common.
pub const CONNECTION: Command = Command {
    flags: FLAGS,
    acl: acl::FAST | acl::CONNECTION,
    group: "connection",
    ..Command::SUB
};

/// Of those that work without a password and at any time.
pub const ALWAYS: u32 = FLAGS | flag::NOSCRIPT | flag::NO_AUTH | flag::ALLOW_BUSY;

pub const COMMANDS: &[Command] = &[
    Command {
        name: "ping",
        arity: -1,
        flags: flag::FAST | flag::IN_PUBSUB,
        since: "1.0.0",
        summary: "Returns the server's liveliness response.",
        handler: ping,
        ..CONNECTION
    },
    Command {
        name: "echo",
        since: "1.0.0",
        summary: "Returns the given string.",
        handler: echo,
        ..CONNECTION
    },
    Command {
        name: "select",
        since: "1.0.0",
        summary: "Changes the selected database.",
        handler: select,
        ..CONNECTION
    },
    Command {
        name: "reset",
        arity: 1,
        flags: ALWAYS | flag::IN_MULTI | flag::IN_PUBSUB,
        since: "6.2.0",
        summary: "Resets the connection.",
        handler: reset,
        ..CONNECTION
    },
    Command {
        name: "quit",
        arity: -1,
        flags: ALWAYS | flag::IN_MULTI | flag::IN_PUBSUB,
        since: "1.0.0",
        summary: "Closes the connection.",
        handler: quit,
        ..CONNECTION
    },
];

fn ping(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len() > 2 {
        return Err(CommandError::arity("ping"));
    }
    if ctx.out.protocol == Protocol::Resp2 && ctx.session.subscriptions() > 0 {
        ctx.out.array(2);
        ctx.out.bulk(b"pong");
        ctx.out.bulk(args.at(1));
        return Ok(());
    }
    match args.get(1) {
        Some(text) => ctx.out.bulk(text),
        None => ctx.out.simple("PONG"),
    }
    Ok(())
}

fn echo(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    ctx.out.bulk(args.at(1));
    Ok(())
}

fn select(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let index = int(args.at(1))?;
    let db = u8::try_from(index)
        .ok()
        .filter(|db| *db < ctx.instance.identity.databases);
    ctx.session.db = db.ok_or("ERR DB index is out of range")?;
    ctx.out.simple("OK");
    Ok(())
}

fn reset(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let session = &mut *ctx.session;
    ctx.instance.unsubscribe_all(session);
    session.client.mailbox.clear();
    session.transaction = None;
    session.watch = None;
    session.db = 0;
    session.reply = Reply::On;
    session.authenticated = !auth::is_required(ctx.instance);
    session.client.labels.lock().name.clear();
    session
        .client
        .status
        .no_evict
        .store(false, Ordering::Relaxed);
    session
        .client
        .status
        .no_touch
        .store(false, Ordering::Relaxed);
    ctx.out.protocol = Protocol::Resp2;
    ctx.out.simple("RESET");
    Ok(())
}

fn quit(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.session.close = true;
    ctx.out.simple("OK");
    Ok(())
}
