//! Talks to a session as a client would, without a socket, at a fixed time of day.

#![allow(
    dead_code,
    reason = "not every test that has this module calls all of it"
)]

use fieldstone::config::Config;
use fieldstone::instance::{Instance, Peer};
use fieldstone::resp::Output;
use fieldstone::server::Session;
use std::sync::Arc;

/// Milliseconds since the epoch.
const NOW: u64 = 1_700_000_000_000;

pub struct Client {
    instance: Arc<Instance>,
    session: Session,
    out: Output,
    now: u64,
    /// What has been sent and not been run.
    input: Vec<u8>,
}

impl Client {
    /// The only client of a new, empty server.
    pub fn new() -> Client {
        Client::of(&Arc::new(Instance::new(Config::default(), 1, NOW)), NOW)
    }

    fn of(instance: &Arc<Instance>, now: u64) -> Client {
        let session = Session::open(instance, Peer::default(), 0, now);
        Client {
            instance: instance.clone(),
            session: session.expect("the client is let in"),
            out: Output::new(),
            now,
            input: Vec::new(),
        }
    }

    /// Another client of the same server, at the same time.
    pub fn another(&self) -> Client {
        Client::of(&self.instance, self.now)
    }

    /// Let so many milliseconds pass.
    pub fn advance(&mut self, millis: u64) {
        self.now += millis;
    }

    /// The bytes that answer these bytes, which are whole requests.
    pub fn talk(&mut self, request: &[u8]) -> Vec<u8> {
        let reply = self.hear(request);
        assert!(self.input.is_empty(), "{}", request.escape_ascii());
        reply
    }

    /// The bytes that answer what is complete after these bytes.
    pub fn hear(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.input.extend_from_slice(bytes);
        self.run().0
    }

    /// As [`Client::talk`], and how many times the output was full or empty.
    pub fn talk_in_steps(&mut self, request: &[u8]) -> (Vec<u8>, usize) {
        self.input.extend_from_slice(request);
        self.run()
    }

    fn run(&mut self) -> (Vec<u8>, usize) {
        let (mut reply, mut steps, mut more) = (Vec::new(), 0, true);
        while more {
            let fed = self.session.feed(self.now, &self.input, &mut self.out);
            self.input.drain(..fed.consumed);
            reply.extend_from_slice(self.out.as_slice());
            self.out.consume(self.out.len());
            (more, steps) = (fed.more, steps + 1);
        }
        (reply, steps)
    }

    /// The answer to one command.
    pub fn call(&mut self, args: &[&[u8]]) -> Vec<u8> {
        let mut request = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            request.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            request.extend_from_slice(arg);
            request.extend_from_slice(b"\r\n");
        }
        self.talk(&request)
    }
}

/// Send inline commands to a new server, one by one, and compare the replies.
pub fn check(rows: &[(&str, &str)]) {
    let mut client = Client::new();
    let mut wrong = Vec::new();
    for (request, expected) in rows {
        let reply = client.talk(format!("{request}\r\n").as_bytes());
        if reply != expected.as_bytes() {
            let (reply, expected) = (reply.escape_ascii(), expected.escape_default());
            wrong.push(format!(
                "{request}\n    replied  {reply}\n    expected {expected}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
