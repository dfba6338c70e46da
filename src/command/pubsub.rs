//! SUBSCRIBE PSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE PUBLISH PUBSUB, and writing out what arrives.
//!
//! Invariant: messages are written between replies, never inside one; and none of a channel after
//! the confirmation that its subscription has ended.

use super::table::{Command, acl, container, flag};
use super::{CommandError, Context, help};
use crate::instance::{Message, Session};
use crate::resp::{Args, Output};
use bytes::Bytes;

const FLAGS: u32 = flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::IN_PUBSUB;
const ACL: u32 = acl::PUBSUB | acl::SLOW;

/// What the four commands on subscriptions have in common.
const SUBSCRIPTION: Command = Command {
    arity: -2,
    flags: FLAGS,
    acl: ACL,
    group: "pubsub",
    since: "2.0.0",
    ..Command::SUB
};

/// What the subcommands of PUBSUB have in common.
const SUB: Command = Command {
    flags: flag::PUBSUB | flag::LOADING | flag::STALE,
    acl: ACL,
    group: "pubsub",
    since: "2.8.0",
    ..Command::SUB
};

pub const COMMANDS: &[Command] = &[
    Command {
        name: "subscribe",
        summary: "Listens for messages published to channels.",
        complexity: "O(N) where N is the number of channels to subscribe to.",
        handler: subscribe,
        ..SUBSCRIPTION
    },
    Command {
        name: "psubscribe",
        summary: "Listens for messages published to channels that match one or more patterns.",
        complexity: "O(N) where N is the number of patterns to subscribe to.",
        handler: psubscribe,
        ..SUBSCRIPTION
    },
    Command {
        name: "unsubscribe",
        arity: -1,
        summary: "Stops listening to messages posted to channels.",
        complexity: "O(N) where N is the number of channels to unsubscribe.",
        handler: unsubscribe,
        ..SUBSCRIPTION
    },
    Command {
        name: "punsubscribe",
        arity: -1,
        summary: "Stops listening to messages published to channels that match one or more patterns.",
        complexity: "O(N) where N is the number of patterns to unsubscribe.",
        handler: punsubscribe,
        ..SUBSCRIPTION
    },
    Command {
        name: "publish",
        arity: 3,
        flags: flag::PUBSUB | flag::LOADING | flag::STALE | flag::FAST,
        acl: acl::PUBSUB | acl::FAST,
        group: "pubsub",
        since: "2.0.0",
        summary: "Posts a message to a channel.",
        complexity: "O(N+M) where N is the number of clients subscribed to the receiving channel \
                     and M is the total number of subscribed patterns (by any client).",
        handler: publish,
        ..Command::SUB
    },
    Command {
        name: "pubsub",
        arity: -2,
        flags: 0,
        group: "pubsub",
        since: "2.8.0",
        summary: "A container for Pub/Sub commands.",
        complexity: "Depends on subcommand.",
        handler: container,
        subcommands: PUBSUB,
        ..Command::SUB
    },
];

const PUBSUB: &[Command] = &[
    Command {
        name: "channels",
        arity: -2,
        summary: "Returns the active channels.",
        complexity: "O(N) where N is the number of active channels, and assuming constant time \
                     pattern matching (relatively short channels and patterns)",
        handler: channels,
        ..SUB
    },
    Command {
        name: "numsub",
        arity: -2,
        summary: "Returns a count of subscribers to channels.",
        complexity: "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
        handler: numsub,
        ..SUB
    },
    Command {
        name: "numpat",
        summary: "Returns a count of unique pattern subscriptions.",
        handler: numpat,
        ..SUB
    },
    Command::help("pubsub", "6.2.0", help::pubsub),
];

fn subscribe(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    for name in args.from(1).iter() {
        let channel = Bytes::copy_from_slice(name);
        if ctx.session.channels.insert(channel.clone()) {
            ctx.instance.pubsub.subscribe(&channel, &ctx.session.client);
        }
        confirm(ctx, "subscribe", Some(name));
    }
    Ok(())
}

fn psubscribe(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    for name in args.from(1).iter() {
        let pattern = Bytes::copy_from_slice(name);
        if ctx.session.patterns.insert(pattern.clone()) {
            ctx.instance
                .pubsub
                .psubscribe(&pattern, &ctx.session.client);
        }
        confirm(ctx, "psubscribe", Some(name));
    }
    Ok(())
}

fn unsubscribe(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let names = named_or_all(args, &ctx.session.channels);
    if names.is_empty() {
        confirm(ctx, "unsubscribe", None);
    }
    for name in names {
        if ctx.session.channels.remove(&name) {
            ctx.instance.pubsub.unsubscribe(&name, &ctx.session.client);
            deliver(ctx.session, ctx.out, usize::MAX);
        }
        confirm(ctx, "unsubscribe", Some(&name));
    }
    Ok(())
}

fn punsubscribe(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let names = named_or_all(args, &ctx.session.patterns);
    if names.is_empty() {
        confirm(ctx, "punsubscribe", None);
    }
    for name in names {
        if ctx.session.patterns.remove(&name) {
            ctx.instance.pubsub.punsubscribe(&name, &ctx.session.client);
            deliver(ctx.session, ctx.out, usize::MAX);
        }
        confirm(ctx, "punsubscribe", Some(&name));
    }
    Ok(())
}

fn named_or_all(args: Args<'_>, all: &std::collections::BTreeSet<Bytes>) -> Vec<Bytes> {
    match args.len() {
        0 | 1 => all.iter().cloned().collect(),
        _ => args.from(1).iter().map(Bytes::copy_from_slice).collect(),
    }
}

fn confirm(ctx: &mut Context<'_>, kind: &str, name: Option<&[u8]>) {
    ctx.out.push(3);
    ctx.out.bulk(kind.as_bytes());
    match name {
        Some(name) => ctx.out.bulk(name),
        None => ctx.out.null(),
    }
    ctx.out.integer(ctx.session.subscriptions() as i64);
}

fn publish(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let instance = ctx.instance;
    let deliver = |client: &_, message| instance.deliver(client, message);
    let receivers = instance.pubsub.publish(args.at(1), args.at(2), deliver);
    ctx.out.integer(receivers as i64);
    Ok(())
}

fn channels(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len() > 3 {
        return Err(CommandError::subcommand("PUBSUB", args.at(1)));
    }
    let names = ctx.instance.pubsub.channels(args.get(2));
    ctx.out.array(names.len());
    names.iter().for_each(|name| ctx.out.bulk(name));
    Ok(())
}

fn numsub(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let names = args.from(2);
    ctx.out.array(names.len() * 2);
    for name in names.iter() {
        ctx.out.bulk(name);
        ctx.out
            .integer(ctx.instance.pubsub.subscribers(name) as i64);
    }
    Ok(())
}

fn numpat(ctx: &mut Context<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    ctx.out.integer(ctx.instance.pubsub.counts().1 as i64);
    Ok(())
}

/// Write messages that have arrived, until the output holds `bytes_max`.
pub fn deliver(session: &Session, out: &mut Output, bytes_max: usize) {
    if session.executing {
        session.undelivered.set(true);
        return;
    }
    while out.len() < bytes_max && !session.client.mailbox.is_empty() {
        let Some(message) = session.client.mailbox.pop() else {
            break;
        };
        write(&message, out);
    }
    if session.client.mailbox.is_empty() {
        session.undelivered.set(false);
    }
}

fn write(message: &Message, out: &mut Output) {
    match message {
        Message::Channel { channel, payload } => {
            out.push(3);
            out.bulk(b"message");
            out.bulk(channel);
            out.bulk(payload);
        }
        Message::Pattern {
            pattern,
            channel,
            payload,
        } => {
            out.push(4);
            out.bulk(b"pmessage");
            out.bulk(pattern);
            out.bulk(channel);
            out.bulk(payload);
        }
        Message::Monitor(line) => out.raw(line),
    }
}
