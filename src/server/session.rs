//! A client's session: bytes in, bytes out, no I/O. Tests and fuzzers drive this very code.
//!
//! Invariants
//! - The replies depend on the bytes only, not on how they were cut into pieces.
//! - A request is run once it is complete, and then consumed; what is not consumed has had no
//!   effect.
//! - Messages (pub/sub, MONITOR) are written between replies.

use crate::command::{self, Dispatcher, Progress};
use crate::engine::Millis;
use crate::instance::{self, Client, Instance, Peer};
use crate::resp::{HIGH_WATER_BYTES, Limits, Output, Parser, Status};
use std::sync::Arc;

/// Input of one client that is run before others get their turn.
const BATCH_BYTES_MAX: usize = 256 * 1024;

pub struct Session {
    instance: Arc<Instance>,
    state: instance::Session,
    parser: Parser,
    dispatcher: Dispatcher,
    /// The LSN that the client is to be woken for.
    waits_for: u64,
}

/// See [`Session::may_reply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayReply {
    Yes,
    Later,
    /// What they tell of may be lost: the connection is closed without them.
    Never,
}

/// What became of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fed {
    /// Bytes of the input that are done with.
    pub consumed: usize,
    /// Close the connection once the output is sent.
    pub close: bool,
    /// It stopped because the output is full, or others are to have their turn: feed the rest
    /// again when some of it is sent.
    pub more: bool,
    /// It stopped because clients are paused: feed the rest again later.
    pub paused: bool,
    /// Several requests were run.
    pub pipelined: bool,
    /// The request at the end is incomplete: at least so many bytes of it in all are needed.
    pub want: usize,
}

impl Session {
    /// A session of a new client, unless there are `maxclients` already.
    pub fn open(
        instance: &Arc<Instance>,
        peer: Peer,
        worker: usize,
        now: Millis,
    ) -> Option<Session> {
        let max = instance.live.maxclients();
        let client = instance.clients.enter(peer, worker, now, max)?;
        let authenticated = !command::is_password_required(instance);
        Some(Session {
            instance: instance.clone(),
            state: instance::Session::new(client, authenticated),
            parser: Parser::default(),
            dispatcher: Dispatcher::default(),
            waits_for: 0,
        })
    }

    /// Run the requests at the start of `input` as of `now`, append their replies to `out`.
    pub fn feed(&mut self, now: Millis, input: &[u8], out: &mut Output) -> Fed {
        self.state.now = now;
        let mut fed = Fed::default();
        let before = self.state.commands;
        self.deliver(out);
        while let Some(rest) = input.get(fed.consumed..).filter(|rest| !rest.is_empty()) {
            if self.state.close {
                break;
            }
            if out.is_full() || fed.consumed >= BATCH_BYTES_MAX {
                fed.more = true;
                break;
            }
            if self.parser.is_between_requests() {
                let dispatcher = &mut self.dispatcher;
                let used = dispatcher.repeat(&self.instance, &mut self.state, rest, out);
                if used > 0 {
                    fed.consumed += used;
                    continue;
                }
            }
            match self.parser.parse(rest, &self.limits()) {
                Ok(Status::Request { consumed }) => {
                    let used = self.several(rest, consumed, out);
                    if used > 0 {
                        fed.consumed += used;
                        continue;
                    }
                    if self.request(rest, consumed, out) == Progress::Paused {
                        fed.paused = true;
                        break;
                    }
                    self.dispatcher.note(&self.parser, rest, consumed);
                    fed.consumed += consumed;
                }
                Ok(Status::Skip { consumed }) => fed.consumed += consumed,
                Ok(Status::Incomplete { want }) => {
                    fed.want = want;
                    break;
                }
                Err(error) => {
                    let line = format!("ERR {error}");
                    self.instance.stats.error(line.as_bytes());
                    out.error_text(&line);
                    self.state.close = true;
                }
            }
        }
        self.parser.shrink_if_large();
        self.dispatcher.meter.flush(&self.instance, &self.state);
        self.state.show(out.protocol);
        fed.close = self.state.close;
        fed.pipelined = self.state.commands.wrapping_sub(before) > 1;
        fed
    }

    /// Run the request that was parsed from the start of `rest` with those that follow it, if that
    /// is possible; answers how many bytes they take.
    fn several(&mut self, rest: &[u8], consumed: usize, out: &mut Output) -> usize {
        let limits = self.limits();
        let (dispatcher, found) = (&mut self.dispatcher, (&self.parser, rest, consumed));
        dispatcher.several(&self.instance, &mut self.state, found, &limits, out)
    }

    /// Run the request that was parsed from the start of `rest`.
    fn request(&mut self, rest: &[u8], consumed: usize, out: &mut Output) -> Progress {
        let args = self.parser.args(rest);
        let last = consumed == rest.len();
        let listens = self.state.listens();
        if listens {
            command::deliver(&self.state, out, usize::MAX);
        }
        let (instance, state) = (&self.instance, &mut self.state);
        let progress = self.dispatcher.request(instance, state, args, out, last);
        if listens || self.state.listens() {
            command::deliver(&self.state, out, usize::MAX);
        }
        progress
    }

    fn limits(&self) -> Limits {
        if !self.state.authenticated {
            return Limits::UNAUTHENTICATED;
        }
        Limits {
            bulk_bytes_max: self.instance.live.bulk_bytes_max(),
            ..Limits::DEFAULT
        }
    }

    /// Write messages that have arrived, as far as there is room.
    pub fn deliver(&mut self, out: &mut Output) {
        if self.state.listens() {
            command::deliver(&self.state, out, HIGH_WATER_BYTES);
        }
    }

    /// Whether the client stopped the server, and is to see its end.
    pub fn stays_to_the_end(&self) -> bool {
        self.state.stays_to_the_end
    }

    pub fn client(&self) -> &Arc<Client> {
        &self.state.client
    }

    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// Whether the replies so far may be sent: what they tell of is as safe as was asked for.
    /// Otherwise the client is woken when it is, or never will be.
    pub fn may_reply(&mut self) -> MayReply {
        let Some(log) = self.instance.log() else {
            return MayReply::Yes;
        };
        let seen = self.state.seen_lsn;
        if log.may_acknowledge(seen) {
            return MayReply::Yes;
        }
        if log.has_failed() {
            return MayReply::Never;
        }
        if self.waits_for < seen {
            self.waits_for = seen;
            let client = self.state.client.clone();
            log.when_durable(seen, Box::new(move || client.wake()));
        }
        MayReply::Later
    }

    pub fn is_authenticated(&self) -> bool {
        self.state.authenticated
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.instance.leave(&mut self.state);
    }
}
