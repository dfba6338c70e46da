//! CLIENT: what a client says about itself, what it may know about and do to others.

use super::args::{is, parse_integer};
use super::client_filter::{self, Filter};
use super::client_list;
use super::error::printable;
use super::table::{Command, acl, container, flag};
use super::{CommandError, Context, help};
use crate::instance::{Close, Pause, Reply};
use crate::resp::Args;
use std::sync::atomic::{AtomicBool, Ordering};

const FLAGS: u32 = flag::NOSCRIPT | flag::LOADING | flag::STALE;

/// What most subcommands have in common.
const SUB: Command = Command {
    flags: FLAGS,
    acl: acl::SLOW | acl::CONNECTION,
    group: "connection",
    ..Command::SUB
};

/// What those for administrators have in common.
const ADMIN: Command = Command {
    flags: FLAGS | flag::ADMIN,
    acl: acl::ADMIN | acl::SLOW | acl::DANGEROUS | acl::CONNECTION,
    ..SUB
};

pub const COMMANDS: &[Command] = &[Command {
    name: "client",
    arity: -2,
    flags: 0,
    group: "connection",
    since: "2.4.0",
    summary: "A container for client connection commands.",
    complexity: "Depends on subcommand.",
    handler: container,
    subcommands: CLIENT,
    ..Command::SUB
}];

const CLIENT: &[Command] = &[
    Command {
        name: "id",
        since: "5.0.0",
        summary: "Returns the unique client ID of the connection.",
        handler: id,
        ..SUB
    },
    Command {
        name: "info",
        since: "6.2.0",
        summary: "Returns information about the connection.",
        handler: info,
        ..SUB
    },
    Command {
        name: "list",
        arity: -2,
        since: "2.4.0",
        summary: "Lists open connections.",
        complexity: "O(N) where N is the number of client connections",
        handler: list,
        ..ADMIN
    },
    Command {
        name: "kill",
        arity: -3,
        since: "2.4.0",
        summary: "Terminates open connections.",
        complexity: "O(N) where N is the number of client connections",
        handler: kill,
        ..ADMIN
    },
    Command {
        name: "getname",
        since: "2.6.9",
        summary: "Returns the name of the connection.",
        handler: getname,
        ..SUB
    },
    Command {
        name: "setname",
        arity: 3,
        since: "2.6.9",
        summary: "Sets the connection name.",
        handler: setname,
        ..SUB
    },
    Command {
        name: "setinfo",
        arity: 4,
        since: "7.2.0",
        summary: "Sets information specific to the client or connection.",
        handler: setinfo,
        ..SUB
    },
    Command {
        name: "reply",
        arity: 3,
        since: "3.2.0",
        summary: "Instructs the server whether to reply to commands.",
        handler: reply,
        ..SUB
    },
    Command {
        name: "pause",
        arity: -3,
        since: "3.0.0",
        summary: "Suspends commands processing.",
        handler: pause,
        ..ADMIN
    },
    Command {
        name: "unpause",
        since: "6.2.0",
        summary: "Resumes processing commands from paused clients.",
        complexity: "O(N) Where N is the number of paused clients",
        handler: unpause,
        ..ADMIN
    },
    Command {
        name: "no-evict",
        arity: 3,
        since: "7.0.0",
        summary: "Sets the client eviction mode of the connection.",
        handler: no_evict,
        ..ADMIN
    },
    Command {
        name: "no-touch",
        arity: 3,
        since: "7.2.0",
        summary: "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
        handler: no_touch,
        ..SUB
    },
    Command {
        name: "tracking",
        arity: -3,
        since: "6.0.0",
        summary: "Controls server-assisted client-side caching for the connection.",
        complexity: "O(1). Some options may introduce additional complexity.",
        handler: tracking,
        ..SUB
    },
    Command {
        name: "trackinginfo",
        since: "6.2.0",
        summary: "Returns information about server-assisted client-side caching for the connection.",
        handler: trackinginfo,
        ..SUB
    },
    Command {
        name: "getredir",
        since: "6.0.0",
        summary: "Returns the client ID to which the connection's tracking notifications are \
                  redirected.",
        handler: getredir,
        ..SUB
    },
    Command {
        name: "caching",
        arity: 3,
        since: "6.0.0",
        summary: "Instructs the server whether to track the keys in the next request.",
        handler: caching,
        ..SUB
    },
    Command {
        acl: acl::SLOW | acl::CONNECTION,
        ..Command::help("connection", "5.0.0", help::client)
    },
];

fn id(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.out.integer(ctx.session.client.id as i64);
    Ok(())
}

fn info(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let mut text = String::new();
    ctx.session.show(ctx.out.protocol);
    client_list::write(ctx, &ctx.session.client, &mut text);
    ctx.out.verbatim(text.as_bytes());
    Ok(())
}

fn list(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let filter = client_filter::of_list(args.from(2))?;
    let mut text = String::new();
    ctx.session.show(ctx.out.protocol);
    for client in ctx.instance.clients.all() {
        if filter.accepts(&client, ctx.session) {
            client_list::write(ctx, &client, &mut text);
        }
    }
    ctx.out.verbatim(text.as_bytes());
    Ok(())
}

fn kill(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len() == 3 {
        let address = String::from_utf8_lossy(args.at(2)).into_owned();
        let filter = Filter {
            addr: Some(address),
            ..Filter::default()
        };
        return match close_all(ctx, &filter) {
            0 => Err("ERR No such client".into()),
            _ => {
                ctx.out.simple("OK");
                Ok(())
            }
        };
    }
    let filter = client_filter::of_kill(args.from(2))?;
    let killed = close_all(ctx, &filter);
    ctx.out.integer(killed as i64);
    Ok(())
}

fn close_all(ctx: &mut Context<'_>, filter: &Filter) -> usize {
    let mut closed = 0;
    for client in ctx.instance.clients.all() {
        if !filter.accepts(&client, ctx.session) {
            continue;
        }
        closed += 1;
        if client.id == ctx.session.client.id {
            // It still gets the reply.
            ctx.session.close = true;
        } else {
            client.close(Close::Killed);
        }
    }
    closed
}

/// A name or another label: printable, without spaces.
fn label(bytes: &[u8], what: &str) -> Result<String, CommandError> {
    // Redis looks at it as at a C string.
    let bytes = bytes.split(|b| *b == 0).next().unwrap_or_default();
    let fits = bytes.iter().all(|b| (b'!'..=b'~').contains(b));
    match std::str::from_utf8(bytes) {
        Ok(text) if fits => Ok(text.to_owned()),
        _ => {
            Err(format!("ERR {what} cannot contain spaces, newlines or special characters.").into())
        }
    }
}

/// A name for a connection.
pub fn name_of(bytes: &[u8]) -> Result<String, CommandError> {
    label(bytes, "Client names")
}

fn getname(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let name = ctx.session.client.labels.lock().name.clone();
    match name.is_empty() {
        true => ctx.out.null(),
        false => ctx.out.bulk(name.as_bytes()),
    }
    Ok(())
}

fn setname(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let name = name_of(args.at(2))?;
    ctx.session.client.labels.lock().name = name;
    ctx.out.simple("OK");
    Ok(())
}

fn setinfo(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let (option, value) = (args.at(2), args.at(3));
    if is(option, "lib-name") {
        let value = label(value, &printable(option, usize::MAX))?;
        ctx.session.client.labels.lock().lib_name = value;
    } else if is(option, "lib-ver") {
        let value = label(value, &printable(option, usize::MAX))?;
        ctx.session.client.labels.lock().lib_ver = value;
    } else {
        let option = printable(option, 128);
        return Err(format!("ERR Unrecognized option '{option}'").into());
    }
    ctx.out.simple("OK");
    Ok(())
}

fn reply(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let mode = args.at(2);
    if is(mode, "on") {
        ctx.session.reply = Reply::On;
        ctx.out.simple("OK");
    } else if is(mode, "off") {
        ctx.session.reply = Reply::Off;
    } else if is(mode, "skip") {
        if ctx.session.reply != Reply::Off {
            ctx.session.reply = Reply::SkipNext;
        }
    } else {
        return Err(CommandError::Syntax);
    }
    Ok(())
}

fn pause(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let what = match args.get(3) {
        None => Pause::All,
        Some(mode) if is(mode, "all") => Pause::All,
        Some(mode) if is(mode, "write") => Pause::Writes,
        Some(_) => return Err("ERR CLIENT PAUSE mode must be WRITE or ALL".into()),
    };
    if args.len() > 4 {
        return Err(CommandError::Syntax);
    }
    let millis = parse_integer(args.at(2));
    let millis = millis.ok_or("ERR timeout is not an integer or out of range")?;
    let millis = u64::try_from(millis).map_err(|_| "ERR timeout is negative")?;
    let now = ctx.session.now;
    let until = now.checked_add(millis);
    let until = until.filter(|until| i64::try_from(*until).is_ok());
    let until = until.ok_or("ERR timeout is out of range")?;
    ctx.instance.control.pause(what, until, now);
    ctx.out.simple("OK");
    Ok(())
}

fn unpause(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.instance.unpause(ctx.session.now);
    ctx.out.simple("OK");
    Ok(())
}

fn switch(ctx: &mut Context<'_>, arg: &[u8], of: Switch) -> Result<(), CommandError> {
    let on = match arg {
        arg if is(arg, "on") => true,
        arg if is(arg, "off") => false,
        _ => return Err(CommandError::Syntax),
    };
    of(ctx).store(on, Ordering::Relaxed);
    ctx.out.simple("OK");
    Ok(())
}

type Switch = for<'a> fn(&'a Context<'_>) -> &'a AtomicBool;

fn no_evict(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    switch(ctx, args.at(2), |ctx| &ctx.session.client.status.no_evict)
}

fn no_touch(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    switch(ctx, args.at(2), |ctx| &ctx.session.client.status.no_touch)
}

fn tracking(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let mode = args.at(2);
    let mut rest = args.from(3).iter();
    while let Some(option) = rest.next() {
        let flags = ["bcast", "optin", "optout", "noloop"];
        let has_value = ["redirect", "prefix"].iter().any(|name| is(option, name));
        if has_value && rest.next().is_some() || flags.iter().any(|name| is(option, name)) {
            continue;
        }
        return Err(CommandError::Syntax);
    }
    if is(mode, "on") {
        return Err("ERR Client tracking is not supported".into());
    }
    if !is(mode, "off") {
        return Err(CommandError::Syntax);
    }
    ctx.out.simple("OK");
    Ok(())
}

fn trackinginfo(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.out.map(3);
    ctx.out.bulk(b"flags");
    ctx.out.set(1);
    ctx.out.bulk(b"off");
    ctx.out.bulk(b"redirect");
    ctx.out.integer(-1);
    ctx.out.bulk(b"prefixes");
    ctx.out.array(0);
    Ok(())
}

fn getredir(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.out.integer(-1);
    Ok(())
}

fn caching(_ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    Err(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or \
         OPTOUT mode enabled"
            .into(),
    )
}
