//! MULTI EXEC DISCARD WATCH UNWATCH.
//!
//! `EXEC` is given the shards of all queued and of all watched keys at once, for writing if one of
//! the commands writes; so a transaction is atomic and isolated, and a watched key cannot change
//! between the look at its flag and the first command.

use super::dispatch::run_queued;
use super::registry;
use super::table::{Command, Keys, acl, flag};
use super::{CommandError, Context};
use crate::instance::{Transaction, Watch};
use crate::resp::Args;
use std::collections::btree_map;

const FLAGS: u32 = flag::NOSCRIPT | flag::LOADING | flag::STALE;

pub const COMMANDS: &[Command] = &[
    Command {
        name: "multi",
        arity: 1,
        flags: FLAGS | flag::FAST | flag::ALLOW_BUSY | flag::IN_MULTI,
        acl: acl::FAST | acl::TRANSACTION,
        group: "transactions",
        since: "1.2.0",
        summary: "Starts a transaction.",
        handler: multi,
        ..Command::SUB
    },
    Command {
        name: "exec",
        arity: 1,
        flags: FLAGS | flag::SKIP_SLOWLOG | flag::IN_MULTI | flag::OF_QUEUE,
        acl: acl::SLOW | acl::TRANSACTION,
        group: "transactions",
        since: "1.2.0",
        summary: "Executes all commands in a transaction.",
        complexity: "Depends on commands in the transaction",
        handler: exec,
        ..Command::SUB
    },
    Command {
        name: "discard",
        arity: 1,
        flags: FLAGS | flag::FAST | flag::ALLOW_BUSY | flag::IN_MULTI,
        acl: acl::FAST | acl::TRANSACTION,
        group: "transactions",
        since: "2.0.0",
        summary: "Discards a transaction.",
        complexity: "O(N), when N is the number of queued commands",
        handler: discard,
        ..Command::SUB
    },
    Command {
        name: "watch",
        arity: -2,
        flags: FLAGS | flag::FAST | flag::ALLOW_BUSY | flag::IN_MULTI,
        keys: Keys::ALL,
        acl: acl::FAST | acl::TRANSACTION,
        group: "transactions",
        since: "2.2.0",
        summary: "Monitors changes to keys to determine the execution of a transaction.",
        complexity: "O(1) for every key.",
        handler: watch,
        ..Command::SUB
    },
    Command {
        name: "unwatch",
        arity: 1,
        flags: FLAGS | flag::FAST | flag::ALLOW_BUSY,
        acl: acl::FAST | acl::TRANSACTION,
        group: "transactions",
        since: "2.2.0",
        summary: "Forgets about watched keys of a transaction.",
        handler: unwatch,
        ..Command::SUB
    },
];

fn multi(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    if ctx.session.transaction.is_some() {
        return Err("ERR MULTI calls can not be nested".into());
    }
    ctx.session.transaction = Some(Box::<Transaction>::default());
    ctx.out.simple("OK");
    Ok(())
}

fn exec(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let transaction = ctx.session.transaction.take();
    let transaction = transaction.ok_or("ERR EXEC without MULTI")?;
    let watch = ctx.session.watch.take();
    if transaction.aborted {
        return Err(CommandError::ExecAbort);
    }
    if watch.is_some_and(|watch| has_changed(ctx, &watch)) {
        ctx.out.null_array();
        return Ok(());
    }
    ctx.out.array(transaction.len());
    ctx.session.executing = true;
    for (id, args) in transaction.iter() {
        if let Some(entry) = registry::entry(id) {
            run_queued(ctx, entry, args);
        }
    }
    ctx.session.executing = false;
    Ok(())
}

fn has_changed(ctx: &Context<'_>, watch: &Watch) -> bool {
    let gone = |((db, name), existed): (&(u8, Box<[u8]>), &bool)| {
        let key = ctx.instance.keyspace.key(*db, name);
        *existed && ctx.data.locked.get(&key, ctx.data.now).is_none()
    };
    watch.is_dirty() || watch.keys.iter().any(gone)
}

fn discard(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let transaction = ctx.session.transaction.take();
    transaction.ok_or("ERR DISCARD without MULTI")?;
    ctx.session.watch = None;
    ctx.out.simple("OK");
    Ok(())
}

fn watch(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    if ctx.session.transaction.is_some() {
        return Err("ERR WATCH inside MULTI is not allowed".into());
    }
    let mut watch = ctx.session.watch.take().unwrap_or_default();
    for name in args.from(1).iter() {
        let key = ctx.key(name);
        if let btree_map::Entry::Vacant(vacant) = watch.keys.entry((key.db, name.into())) {
            vacant.insert(ctx.data.locked.get(&key, ctx.data.now).is_some());
            ctx.data.locked.watch(&key, &watch.dirty);
        }
    }
    ctx.session.watch = Some(watch);
    ctx.out.simple("OK");
    Ok(())
}

fn unwatch(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.session.watch = None;
    ctx.out.simple("OK");
    Ok(())
}
