//! Sessions of two clients of one server.
//!
//! ```text
//! input: steps
//! step:  what u8, and for what < 224 (bit 0: which client, bit 1: run it later, with what follows)
//!        a command (see `session/command.rs`); else by the table of [`Server::step`]
//! ```
//!
//! Checked: what comes back are replies, one a command unless the client asked for something else
//! (subscriptions, MONITOR, CLIENT REPLY, bytes that are no command); the account of memory; that
//! the changes a log would be given, done to another keyspace, make the same data.

mod command;

use super::image::{Changes, assert_flushed, images};
use super::input::Input;
use crate::config::Config;
use crate::engine::{Keyspace, Options, SYSTEM_DB};
use crate::instance::{Instance, Peer, Views};
use crate::resp::{Output, parse_reply, write_request};
use crate::server::Session;
use std::sync::Arc;

const START: u64 = 1_700_000_000_000;
/// Few: making, comparing and flushing them is most of what a short input takes.
const DATABASES: u8 = 3;
const CLIENTS_MAX: usize = 16;
const BULK_BYTES_MAX: usize = 1 << 20;
/// Steps of one input: what they take grows with what is there.
const STEPS_MAX: usize = 256;
const REPLY_DEPTH_MAX: usize = 16;
/// Most memory of the keyspace: few steps write values, none of them more than 64 KiB.
const MEMORY_MAX: usize = 64 << 20;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut server = Server::new();
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        server.step(&mut input);
    }
    server.end();
}

struct Server {
    instance: Arc<Instance>,
    clients: [Client; 2],
    changes: Arc<Changes>,
    now: u64,
}

/// A client, while it is connected.
struct Client {
    session: Session,
    out: Output,
    /// What was sent and has not been run.
    input: Vec<u8>,
    /// Requests in it.
    waiting: usize,
    /// Replies are not one a request.
    loose: bool,
    last: Vec<Vec<u8>>,
}

impl Client {
    fn open(instance: &Arc<Instance>, now: u64) -> Client {
        let session = Session::open(instance, Peer::default(), 0, now);
        Client {
            session: session.expect("there may be two clients"),
            out: Output::new(),
            input: Vec::new(),
            waiting: 0,
            loose: false,
            last: Vec::new(),
        }
    }

    fn send(&mut self, request: Vec<Vec<u8>>) {
        self.loose |= command::is_loose(&request);
        let args: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
        write_request(&mut self.input, &args);
        self.waiting += 1;
        self.last = request;
    }

    /// Run what is there, first the bytes before `cut` alone; false once it is closed.
    fn run(&mut self, instance: &Instance, now: u64, cut: usize) -> bool {
        let (mut replies, mut visible) = (Vec::new(), cut.min(self.input.len()));
        let closed = loop {
            let fed = self
                .session
                .feed(now, &self.input[..visible], &mut self.out);
            assert!(fed.consumed <= visible);
            self.input.drain(..fed.consumed);
            visible -= fed.consumed;
            replies.extend_from_slice(self.out.as_slice());
            self.out.consume(self.out.len());
            if fed.close {
                break true;
            }
            match (fed.more, fed.paused) {
                (_, true) => instance.unpause(now),
                (true, _) => {}
                _ if visible == self.input.len() => break false,
                _ => visible = self.input.len(),
            }
        };
        self.check(&replies, closed);
        !closed
    }

    fn check(&mut self, replies: &[u8], closed: bool) {
        let (mut rest, mut count) = (replies, 0);
        while !rest.is_empty() {
            match parse_reply(rest, REPLY_DEPTH_MAX) {
                Ok(Some((_, used))) => rest = &rest[used..],
                // Within EXEC, CLIENT REPLY leaves a hole, as with Redis.
                Ok(None) if self.loose => break,
                other => panic!("{other:?}: {}", rest.escape_ascii()),
            }
            count += 1;
        }
        let waiting = std::mem::take(&mut self.waiting);
        if self.loose {
            return;
        }
        let least = if closed { 0 } else { waiting };
        assert!(
            (least..=waiting).contains(&count),
            "{count} replies to {waiting}"
        );
        assert!(
            closed || self.input.is_empty(),
            "whole requests were not run"
        );
    }
}

impl Server {
    fn new() -> Server {
        let config = Config {
            databases: DATABASES,
            maxclients: CLIENTS_MAX,
            proto_max_bulk_len: BULK_BYTES_MAX,
            ..Config::default()
        };
        let instance = Arc::new(Instance::new(config, 1, START));
        let changes = Arc::new(Changes::default());
        instance.keyspace.attach(changes.clone());
        Server {
            clients: [(); 2].map(|()| Client::open(&instance, START)),
            instance,
            changes,
            now: START,
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let what = input.u8();
        let (which, later) = (usize::from(what & 1), what & 2 != 0);
        let client = &mut self.clients[which];
        match what {
            0..224 => {
                let request = command::read(input, self.now);
                client.send(request);
                if !later {
                    self.run(which, usize::from(what >> 2));
                }
            }
            224..232 => client.send(command::again(&client.last, input)),
            232..240 => self.now += 1 << (input.u8() % 36),
            240..244 => {
                client.loose = true;
                client.input.extend_from_slice(input.bytes());
                self.run(which, usize::MAX);
            }
            244..248 => self.reopen(which),
            _ => {
                self.instance.keyspace.sweep(self.now, 16);
            }
        }
    }

    fn run(&mut self, which: usize, cut: usize) {
        let open = self.clients[which].run(&self.instance, self.now, cut);
        self.keep_settings();
        if !open {
            self.reopen(which);
        }
        let used = self.instance.keyspace.used_memory();
        assert!(used <= MEMORY_MAX, "{used} bytes");
    }

    /// What some setting was set to must not end the run, nor let it take all memory.
    fn keep_settings(&self) {
        let live = &self.instance.live;
        if (live.maxclients(), live.bulk_bytes_max()) != (CLIENTS_MAX, BULK_BYTES_MAX) {
            let _ = self.instance.reconfigure(|config| {
                (config.maxclients, config.proto_max_bulk_len) = (CLIENTS_MAX, BULK_BYTES_MAX);
                Ok::<(), ()>(())
            });
        }
    }

    fn reopen(&mut self, which: usize) {
        self.clients[which] = Client::open(&self.instance, self.now);
    }

    fn end(mut self) {
        (0..self.clients.len()).for_each(|which| self.run(which, usize::MAX));
        let keyspace = &self.instance.keyspace;
        let again = Keyspace::new(&Options {
            shards: 4,
            databases: keyspace.databases(),
            seed: 1,
        });
        self.changes.replay(&again);
        assert_eq!(images(keyspace), images(&again), "what a replay makes");
        let views = Views::default();
        assert_eq!(views.load(&again), Ok(()));
        let (ours, theirs) = (self.instance.views.registry(), views.registry());
        assert!(ours.all().eq(theirs.all()), "the views that a replay makes");
        let _ = self.instance.reconfigure(|config| {
            config.requirepass.clear();
            Ok::<(), ()>(())
        });
        self.instance.unpause(self.now);
        let mut last = Client::open(&self.instance, self.now);
        last.session.feed(self.now, b"FLUSHALL\r\n", &mut last.out);
        assert_eq!(last.out.as_slice(), b"+OK\r\n");
        let has_system = images(keyspace).keys().any(|(db, _)| *db == SYSTEM_DB);
        assert_flushed(keyspace, has_system);
    }
}
