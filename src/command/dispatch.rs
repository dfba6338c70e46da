//! From a request to its reply: find the command, pass the gates, lock, run, count.
//!
//! Order of the gates, as in Redis: known, right number of arguments, allowed in MULTI,
//! authenticated, memory left, allowed to a subscriber, not paused; then queued or run.

use super::meter::{Meter, Outcome, note};
use super::registry::{self, Entry};
use super::repeat::Repeat;
use super::table::flag;
use super::{CommandError, Context, Data, auth, monitor, several};
use crate::engine::{Access, Keyspace, ShardSet};
use crate::instance::{Instance, Pause, Reply, Session};
use crate::resp::{Args, Limits, Output, Parser, Protocol};
use crate::wal::State;

/// Whether a request was dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Done,
    /// Clients are paused, or this one waits for a checkpoint: try the same request again later.
    Paused,
}

/// What is kept between the requests of a client, so that none of them allocates.
#[derive(Default)]
pub struct Dispatcher {
    pub meter: Meter,
    shards: ShardSet,
    repeat: Repeat,
    /// The command that ran last, unless it was refused or queued.
    ran: Option<&'static Entry>,
}

impl Dispatcher {
    /// Answer requests at the start of `input` that only repeat the last one with another key;
    /// answers how many bytes they take, 0 if there is none.
    #[inline]
    pub fn repeat(
        &mut self,
        instance: &Instance,
        session: &mut Session,
        input: &[u8],
        out: &mut Output,
    ) -> usize {
        let own = (&mut self.meter, &mut self.shards);
        self.repeat.run(instance, session, own, input, out)
    }

    /// Run the request that was just found at the start of `input`, and those that follow, if they
    /// can be run together; answers how many bytes they take, 0 if not.
    #[inline]
    pub fn several(
        &mut self,
        instance: &Instance,
        session: &mut Session,
        (parser, input, consumed): (&Parser, &[u8], usize),
        limits: &Limits,
        out: &mut Output,
    ) -> usize {
        if consumed == input.len() {
            return 0;
        }
        let own = (&mut self.meter, &mut self.shards);
        several::run(
            instance,
            session,
            own,
            (parser, input, consumed),
            limits,
            out,
        )
    }

    /// Note the request that was just dealt with: it may be repeated.
    #[inline]
    pub fn note(&mut self, parser: &Parser, input: &[u8], consumed: usize) {
        if let Some(entry) = self.ran {
            self.repeat.note(entry, parser, input, consumed);
        }
    }

    /// Deal with one request; `last` if no other is waiting in the input.
    pub fn request(
        &mut self,
        instance: &Instance,
        session: &mut Session,
        args: Args<'_>,
        out: &mut Output,
        last: bool,
    ) -> Progress {
        self.ran = None;
        let start = out.len();
        let progress = self.answer(instance, session, args, out, last);
        if session.reply != Reply::On && progress == Progress::Done {
            if session.reply != Reply::SkipNext && !self.ran.is_some_and(Entry::pushes) {
                out.truncate(start);
            }
            session.reply = match session.reply {
                Reply::Off => Reply::Off,
                Reply::SkipNext => Reply::Skip,
                Reply::Skip | Reply::On => Reply::On,
            };
        }
        progress
    }

    fn answer(
        &mut self,
        instance: &Instance,
        session: &mut Session,
        args: Args<'_>,
        out: &mut Output,
        last: bool,
    ) -> Progress {
        let entry = match registry::resolve(args) {
            Ok(entry) => entry,
            Err(error) => {
                if is_another_protocol(args.at(0)) {
                    session.close = true;
                } else {
                    refuse(instance, session, registry::find(args.at(0)), &error, out);
                }
                return Progress::Done;
            }
        };
        if !session.authenticated && !auth::is_required(instance) {
            // There is no password any more.
            session.authenticated = true;
        }
        if let Err(error) = gate(instance, session, entry, out.protocol) {
            refuse(instance, session, Some(entry), &error, out);
            return Progress::Done;
        }
        if let Err(error) = gate_of_log(instance, session, entry, args.extent()) {
            refuse(instance, session, Some(entry), &error, out);
            return Progress::Done;
        }
        let pause = instance.control.paused(session.now);
        if pause.is_some_and(|pause| pause == Pause::All || entry.writes(session)) {
            return Progress::Paused;
        }
        if session.transaction.is_some() && !entry.has(flag::IN_MULTI) {
            enqueue(instance, session, entry, args, out);
            return Progress::Done;
        }
        if let Some(starts) = entry.command.starts {
            if session.work.is_none() {
                session.work = starts(instance, session, args);
            }
            if session
                .work
                .as_ref()
                .is_some_and(|work| work.get().is_none())
            {
                return Progress::Paused;
            }
        }
        session.command = entry.id;
        session.commands += 1;
        self.ran = Some(entry);
        self.meter.begin(instance, session, entry);
        shards_of(&instance.keyspace, session, entry, args, &mut self.shards);
        let access = match entry.writes(session) {
            true => Access::Write,
            false => Access::Read,
        };
        let outcome = run(instance, session, entry, args, (&self.shards, access), out);
        self.meter.end(instance, session, args, outcome, last);
        if instance.monitors.any() {
            monitor::feed(instance, session, entry, args);
        }
        Progress::Done
    }
}

impl Entry {
    /// Whether it changes data, or is an `EXEC` of commands of which one does.
    fn writes(&self, session: &Session) -> bool {
        self.flags(session) & flag::WRITE != 0
    }

    /// Its flags; those of `EXEC` with those of the queue.
    fn flags(&self, session: &Session) -> u32 {
        let own = self.command.flags;
        match &session.transaction {
            Some(transaction) if own & flag::OF_QUEUE != 0 => own | transaction.flags,
            _ => own,
        }
    }

    /// What it writes is pushed (messages, and confirmations of subscriptions) and no reply.
    fn pushes(&self) -> bool {
        self.has(flag::PUBSUB) && self.has(flag::IN_PUBSUB)
    }
}

/// `POST` and `Host:` are how a browser greets, made to talk to us by a web page: as Redis, we hang
/// up.
fn is_another_protocol(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

fn gate(
    instance: &Instance,
    session: &Session,
    entry: &Entry,
    protocol: Protocol,
) -> Result<(), CommandError> {
    if session.transaction.is_some() && entry.has(flag::NO_MULTI) {
        return Err("ERR Command not allowed inside a transaction".into());
    }
    if !session.authenticated && !entry.has(flag::NO_AUTH) {
        return Err(CommandError::NoAuth);
    }
    if entry.flags(session) & flag::DENYOOM != 0 && is_out_of_memory(instance) {
        return Err(CommandError::OutOfMemory);
    }
    if !entry.has(flag::IN_PUBSUB) && session.subscriptions() > 0 && protocol == Protocol::Resp2 {
        return Err(format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
             are allowed in this context",
            entry.name
        )
        .into());
    }
    if session.monitoring && entry.command.flags & (flag::READONLY | flag::WRITE) != 0 {
        return Err("ERR Replica can't interact with the keyspace".into());
    }
    Ok(())
}

/// Nothing but the data decides what the reply is.
pub(super) fn is_plain(
    instance: &Instance,
    session: &Session,
    entry: &Entry,
    out: &Output,
) -> bool {
    session.transaction.is_none()
        && session.reply == Reply::On
        && !session.listens()
        && !instance.monitors.any()
        && instance.control.paused(session.now).is_none()
        && gate(instance, session, entry, out.protocol).is_ok()
}

/// Changes are refused that the log could not keep.
pub(super) fn gate_of_log(
    instance: &Instance,
    session: &Session,
    entry: &Entry,
    bytes: usize,
) -> Result<(), CommandError> {
    let Some(log) = instance.log().filter(|_| entry.writes(session)) else {
        return Ok(());
    };
    let queued = session.transaction.as_ref().map_or(0, |t| t.bytes());
    if log.accepts_change(bytes + queued) {
        return Ok(());
    }
    Err(match log.state() {
        State::Full(error) | State::Failed(error) => {
            format!("MISCONF Errors writing to the AOF file: {error}").into()
        }
        State::Damaged(error) => format!("MISCONF Data on the disk is damaged: {error}").into(),
        State::Ok => "MISCONF Errors writing to the AOF file: no room for so large a change".into(),
    })
}

fn is_out_of_memory(instance: &Instance) -> bool {
    let max = instance.live.maxmemory();
    max > 0 && instance.keyspace.used_memory() as u64 > max
}

/// Answer a request that does not run.
fn refuse(
    instance: &Instance,
    session: &mut Session,
    entry: Option<&Entry>,
    error: &CommandError,
    out: &mut Output,
) {
    if let Some(entry) = entry {
        instance
            .stats
            .worker(session.client.worker)
            .rejected(entry.id);
        if entry.has(flag::OF_QUEUE) {
            session.transaction = None;
            session.watch = None;
            let reason = error.to_string();
            let reason = reason.strip_prefix("ERR ").unwrap_or(&reason);
            let line = format!("EXECABORT Transaction discarded because of: {reason}");
            return reply_error(instance, &line.into(), out);
        }
    }
    if let Some(transaction) = &mut session.transaction {
        transaction.aborted = true;
    }
    reply_error(instance, error, out);
}

pub(super) fn reply_error(instance: &Instance, error: &CommandError, out: &mut Output) {
    let line = error.to_string();
    instance.stats.error(line.as_bytes());
    out.error_text(&line);
}

fn enqueue(
    instance: &Instance,
    session: &mut Session,
    entry: &Entry,
    args: Args<'_>,
    out: &mut Output,
) {
    let Some(transaction) = &mut session.transaction else {
        return;
    };
    let bytes_max = instance.live.query_buffer_bytes_max();
    if transaction.push(entry.id, entry.command.flags, args, bytes_max) {
        out.simple("QUEUED");
    } else {
        instance.stats.query_buffer_disconnections.add(1);
        session.transaction = None;
        session.close = true;
    }
}

/// The shards a request needs.
fn shards_of(
    keyspace: &Keyspace,
    session: &Session,
    entry: &Entry,
    args: Args<'_>,
    shards: &mut ShardSet,
) {
    shards.clear();
    let flags = entry.flags(session);
    if flags & flag::ALL_SHARDS != 0 {
        return shards.insert_all(keyspace);
    }
    add_keys(keyspace, session.db, entry, args, shards);
    if flags & flag::OF_QUEUE == 0 {
        return;
    }
    let queued = session.transaction.iter().flat_map(|t| t.iter());
    for (id, args) in queued {
        if let Some(entry) = registry::entry(id) {
            add_keys(keyspace, session.db, entry, args, shards);
        }
    }
    let watched = session.watch.iter().flat_map(|watch| watch.keys.keys());
    for (db, name) in watched {
        shards.insert(keyspace, &keyspace.key(*db, name));
    }
}

/// The hash of a key does not depend on the database, so a `SELECT` in a transaction does no harm.
fn add_keys(keyspace: &Keyspace, db: u8, entry: &Entry, args: Args<'_>, shards: &mut ShardSet) {
    for at in entry.command.keys.positions(args.len()) {
        shards.insert(keyspace, &keyspace.key(db, args.at(at)));
    }
}

/// Run the handler with these shards locked.
fn run(
    instance: &Instance,
    session: &mut Session,
    entry: &Entry,
    args: Args<'_>,
    (shards, access): (&ShardSet, Access),
    out: &mut Output,
) -> Outcome {
    let start = out.len();
    let mut ctx = Context {
        instance,
        data: Data::new(instance.keyspace.lock(shards, access), session.now),
        session,
        out,
    };
    let result = (entry.command.handler)(&mut ctx, args);
    let lookups = ctx.data.lookups.get();
    let seen = ctx.data.locked.last_lsn();
    // Unlock.
    drop(ctx);
    if entry.command.flags & flag::UNSYNCED == 0 {
        session.seen_lsn = session.seen_lsn.max(seen);
    }
    if let Err(error) = &result {
        out.truncate(start);
        reply_error(instance, error, out);
    }
    Outcome {
        failed: u32::from(result.is_err()),
        lookups,
    }
}

/// Run a queued command within the locks of its `EXEC`.
pub(super) fn run_queued(ctx: &mut Context<'_>, entry: &Entry, args: Args<'_>) {
    let started = crate::clock::monotonic();
    let (start, lookups) = (ctx.out.len(), ctx.data.lookups.take());
    let result = (entry.command.handler)(ctx, args);
    if let Err(error) = &result {
        ctx.out.truncate(start);
        reply_error(ctx.instance, error, ctx.out);
    }
    let took = crate::clock::monotonic().saturating_duration_since(started);
    let worker = ctx.instance.stats.worker(ctx.session.client.worker);
    worker.called(entry.id, 1, u64::from(result.is_err()), took);
    note(ctx.instance, ctx.session, entry, Some(args), took);
    let (hits, all) = ctx.data.lookups.replace(lookups);
    if entry.has(flag::READONLY) {
        worker.keyspace_hits.add(u64::from(hits));
        worker.keyspace_misses.add(u64::from(all - hits));
    }
    if ctx.instance.monitors.any() {
        monitor::feed(ctx.instance, ctx.session, entry, args);
    }
}
