//! MONITOR: every command, to those who look.

use super::registry::Entry;
use super::table::{Command, acl, flag};
use super::{CommandError, Context};
use crate::clock;
use crate::instance::{Instance, Session};
use crate::resp::{Args, quote};
use bytes::Bytes;

pub const COMMANDS: &[Command] = &[Command {
    name: "monitor",
    arity: 1,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::SLOW | acl::DANGEROUS,
    since: "1.0.0",
    summary: "Listens for all requests received by the server in real-time.",
    complexity: "",
    handler: monitor,
    ..Command::SUB
}];

fn monitor(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    if ctx.session.executing {
        return Err("ERR MONITOR isn't allowed for DENY BLOCKING client".into());
    }
    if !ctx.session.monitoring {
        ctx.session.monitoring = true;
        ctx.instance.monitors.enter(&ctx.session.client);
    }
    ctx.out.simple("OK");
    Ok(())
}

/// Show a command to the monitors; those for administrators are not shown, as in Redis.
pub fn feed(instance: &Instance, session: &Session, entry: &Entry, args: Args<'_>) {
    if entry.has(flag::ADMIN) {
        return;
    }
    let micros = clock::wall_micros();
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let peer = &session.client.peer;
    let mut line = format!("+{seconds}.{micros:06} [{} ", session.db);
    if peer.unix {
        line.push_str("unix:");
        line.push_str(peer.addr.strip_suffix(":0").unwrap_or(&peer.addr));
    } else {
        line.push_str(&peer.addr);
    }
    line.push(']');
    for (i, arg) in args.iter().enumerate() {
        line.push(' ');
        match is_secret(entry, args, i) {
            true => line.push_str("\"(redacted)\""),
            false => quote(arg, &mut line),
        }
    }
    line.push_str("\r\n");
    let deliver = |client: &_, message| instance.deliver(client, message);
    instance.monitors.feed(&Bytes::from(line), deliver);
}

/// Passwords, and the user names that go with them.
pub fn is_secret(entry: &Entry, args: Args<'_>, i: usize) -> bool {
    let follows_auth = |distance: usize| {
        let before = i.checked_sub(distance).and_then(|at| args.get(at));
        i > distance && before.is_some_and(|arg| arg.eq_ignore_ascii_case(b"auth"))
    };
    match entry.name.as_str() {
        "auth" => i > 0,
        "hello" => follows_auth(1) || follows_auth(2),
        "config|set" => {
            let before = i.checked_sub(1).and_then(|at| args.get(at));
            before.is_some_and(|arg| arg.eq_ignore_ascii_case(b"requirepass"))
        }
        _ => false,
    }
}
