//! SAVE BGSAVE BGREWRITEAOF LASTSAVE: checkpoints, asked for by clients.
//!
//! None of them forks or stops the server. `SAVE` is answered once a checkpoint has ended that
//! began after it; other clients are served meanwhile. `BGREWRITEAOF` is a checkpoint too: it is
//! what makes the log shorter.

use super::args::is;
use super::table::{Command, acl, flag};
use super::{CommandError, Context};
use crate::instance::{Instance, Session, Storage, Work};
use crate::resp::Args;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

const FLAGS: u32 = flag::ADMIN | flag::NOSCRIPT | flag::NO_ASYNC_LOADING;
const ACL: u32 = acl::ADMIN | acl::SLOW | acl::DANGEROUS;

pub const NO_STORAGE: &str =
    "ERR there is nothing to save to: the server keeps data in memory only (appendonly no)";

pub const COMMANDS: &[Command] = &[
    Command {
        name: "save",
        arity: 1,
        flags: FLAGS | flag::NO_MULTI,
        acl: ACL,
        since: "1.0.0",
        summary: "Synchronously saves the database(s) to disk.",
        complexity: "O(N) where N is the total number of keys in all databases",
        handler: save,
        starts: Some(start),
        ..Command::SUB
    },
    Command {
        name: "bgsave",
        arity: -1,
        flags: FLAGS,
        acl: ACL,
        since: "1.0.0",
        summary: "Asynchronously saves the database(s) to disk.",
        handler: bgsave,
        ..Command::SUB
    },
    Command {
        name: "bgrewriteaof",
        arity: 1,
        flags: FLAGS,
        acl: ACL,
        since: "1.0.0",
        summary: "Asynchronously rewrites the append-only file to disk.",
        handler: bgrewriteaof,
        ..Command::SUB
    },
    Command {
        name: "lastsave",
        arity: 1,
        flags: flag::LOADING | flag::STALE | flag::FAST,
        acl: acl::ADMIN | acl::FAST | acl::DANGEROUS,
        since: "1.0.0",
        summary: "Returns the Unix timestamp of the last successful save to disk.",
        handler: lastsave,
        ..Command::SUB
    },
];

/// A checkpoint that begins now.
fn start(instance: &Instance, session: &Session, _args: Args<'_>) -> Option<Arc<Work>> {
    let storage = instance.storage()?;
    let (work, client) = (Arc::new(Work::new()), session.client.clone());
    let done = work.clone();
    storage.checkpoints.request_and_then(Box::new(move |saved| {
        let _ = done.set(if saved {
            Ok(0)
        } else {
            Err(String::new().into())
        });
        client.wake();
    }));
    Some(work)
}

fn storage<'a>(ctx: &Context<'a>) -> Result<&'a Storage, CommandError> {
    ctx.instance.storage().ok_or(NO_STORAGE.into())
}

fn save(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    storage(ctx)?;
    let work = ctx.session.work.take();
    if !work.is_some_and(|work| matches!(work.get(), Some(Ok(_)))) {
        return Err("ERR".into());
    }
    ctx.out.simple("OK");
    Ok(())
}

fn bgsave(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len() > 2 || (args.len() == 2 && !is(args.at(1), "schedule")) {
        return Err(CommandError::Syntax);
    }
    if !storage(ctx)?.checkpoints.request() {
        return Err("ERR Background save already in progress".into());
    }
    ctx.out.simple("Background saving started");
    Ok(())
}

fn bgrewriteaof(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    if !storage(ctx)?.checkpoints.request() {
        let line = "ERR Background append only file rewriting already in progress";
        return Err(line.into());
    }
    ctx.out
        .simple("Background append only file rewriting started");
    Ok(())
}

fn lastsave(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.out.integer(last_save_seconds(ctx.instance));
    Ok(())
}

/// When the last checkpoint ended, seconds since the epoch.
pub fn last_save_seconds(instance: &Instance) -> i64 {
    let storage = instance.storage();
    let saved = storage.map_or(0, |s| s.checkpoints.status.saved_at.load(Relaxed));
    let saved = match saved {
        // As Redis, which counts its start as a save.
        0 => instance.identity.started_at,
        saved => saved,
    };
    (saved / 1000) as i64
}
