//! Pipelines of changes of a key each ([`flag::SHORT`]): what stream jobs send.
//!
//! Those that have come are parsed, their shards locked and the memory of their entities asked for
//! before the first of them runs: misses of the cache overlap, and there is one lock, one LSN and
//! one record of the log for all of them.
//!
//! Invariants
//! - The replies are those of the general way, which decides whatever is not plain: in a
//!   transaction, for subscribers, with monitors, while clients are paused, on errors of the gates.
//!   Memory is looked at once for all of them, before the first.
//! - They run in their order. Those that are answered have run, the others have had no effect.
//! - They become visible together, and a crash takes all of them or none; unless another thread has
//!   one of the shards: then each has its own lock and record. Waiting for one of 16 locks while
//!   holding others makes two threads that write slower than one (0.77 times, measured).

use super::dispatch::{gate_of_log, is_plain, reply_error};
use super::meter::{Meter, Outcome};
use super::registry::{self, Entry};
use super::table::flag;
use super::{Context, Data};
use crate::engine::{Access, Key, Locked, ShardSet};
use crate::instance::{Instance, Session};
use crate::resp::{Limits, Output, Parser, REQUESTS_MAX, Requests};
use smallvec::SmallVec;
use std::ops::Range;

type Entries = SmallVec<[&'static Entry; REQUESTS_MAX]>;

/// Run the request that `parser` found at the start of `input`, and those behind it, if they are
/// such changes and at least two; answers how many bytes they take.
pub fn run(
    instance: &Instance,
    session: &mut Session,
    (meter, shards): (&mut Meter, &mut ShardSet),
    (parser, input, consumed): (&Parser, &[u8], usize),
    limits: &Limits,
    out: &mut Output,
) -> usize {
    let Some(first) = registry::resolve(parser.args(input)).ok() else {
        return 0;
    };
    if !first.has(flag::SHORT) || !is_plain(instance, session, first, out) {
        return 0;
    }
    let Some(mut requests) = Requests::begin(parser, input, consumed) else {
        return 0;
    };
    let entries = gather(&mut requests, first, limits, |entry| {
        is_plain(instance, session, entry, out)
    });
    let bytes = requests.end(requests.count());
    if entries.len() < 2 || gate_of_log(instance, session, first, bytes).is_err() {
        return 0;
    }
    let key = |i| instance.keyspace.key(session.db, requests.args(i).at(1));
    let keys: SmallVec<[Key<'_>; REQUESTS_MAX]> = (0..entries.len()).map(key).collect();
    shards.clear();
    for key in &keys {
        shards.insert(&instance.keyspace, key);
    }
    let (mut done, found) = (0, (&requests, &entries));
    if let Some(locked) = instance.keyspace.try_lock_to_write(shards) {
        locked.prefetch(&keys);
        let to = (instance, &mut *session, &mut *meter);
        done = run_some(locked, to, found, 0..entries.len(), out);
    } else {
        for (i, key) in keys.iter().enumerate() {
            shards.clear();
            shards.insert(&instance.keyspace, key);
            let locked = instance.keyspace.lock(shards, Access::Write);
            let to = (instance, &mut *session, &mut *meter);
            done = run_some(locked, to, found, i..i + 1, out);
            if done == i {
                break;
            }
        }
    }
    session.commands += done as u64;
    requests.end(done)
}

/// Run these of the requests under these locks, until the output is full; answers where it ended.
fn run_some<'a>(
    locked: Locked<'a>,
    (instance, session, meter): (&'a Instance, &'a mut Session, &mut Meter),
    (requests, entries): (&Requests<'_>, &Entries),
    part: Range<usize>,
    out: &'a mut Output,
) -> usize {
    let mut ctx = Context {
        instance,
        data: Data::new(locked, session.now),
        session,
        out,
    };
    let mut done = part.start;
    for i in part {
        let Some(entry) = entries.get(i).filter(|_| !ctx.out.is_full()) else {
            break;
        };
        meter.begin(instance, ctx.session, entry);
        let start = ctx.out.len();
        let result = (entry.command.handler)(&mut ctx, requests.args(i));
        if let Err(error) = &result {
            ctx.out.truncate(start);
            reply_error(instance, error, ctx.out);
        }
        let failed = u32::from(result.is_err());
        let lookups = ctx.data.lookups.take();
        meter.add(1, Outcome { failed, lookups });
        ctx.session.command = entry.id;
        done = i + 1;
    }
    let seen = ctx.data.locked.last_lsn();
    ctx.session.seen_lsn = ctx.session.seen_lsn.max(seen);
    done
}

/// Parse what follows as long as it is such changes, too; answers the commands of all.
fn gather(
    requests: &mut Requests<'_>,
    first: &'static Entry,
    limits: &Limits,
    is_plain: impl Fn(&'static Entry) -> bool,
) -> Entries {
    let mut entries = Entries::new();
    entries.push(first);
    let mut last = first;
    while requests.advance(limits) {
        let args = requests.args(entries.len());
        // Most have the name of the one before.
        let is_same = args.at(0) == requests.args(entries.len() - 1).at(0);
        if !is_same || !last.command.takes(args.len()) {
            match registry::resolve(args) {
                Ok(entry) if entry.has(flag::SHORT) && is_plain(entry) => last = entry,
                _ => {
                    requests.retreat();
                    break;
                }
            }
        }
        entries.push(last);
    }
    entries
}
