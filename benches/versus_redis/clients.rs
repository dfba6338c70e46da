//! The load client, closed loop: one thread, many connections, each with one pipeline of requests
//! under way. Requests are made once and drawn in place, replies are counted by their bytes.
//!
//! Invariants
//! - When a run ends, every request was answered, with as many bytes as the right replies have.
//! - A reply that does not come, or begins with something else, ends the benchmark.

use crate::replies::Replies;
use crate::request::Request;
use crate::server::Server;
use crate::workload::random::Random;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const REPLY_WAIT_MILLIS: u16 = 30_000;
const INPUT_BYTES: usize = 256 << 10;

/// Commands of a client after which it asks in another order, if it does so.
const SAME_ORDER: u64 = 1000;

/// What is sent.
pub struct Load<'a> {
    pub request: &'a Request,
    /// Requests in a pipeline.
    pub depth: usize,
    pub replies: &'a Replies,
    /// Makes a request of each connection's own.
    pub reorder: Option<&'a dyn Fn(&mut Random) -> Request>,
}

/// What came of it.
#[derive(Clone, Copy)]
pub struct Done {
    pub commands: u64,
    pub took: Duration,
}

pub struct Connection {
    pub stream: TcpStream,
    pub out: Vec<u8>,
    /// Bytes of it that are sent.
    pub sent: usize,
    /// Watched for room to write as well.
    watches_room: bool,
    /// Bytes of replies that are still to come.
    due: usize,
    /// None of them has come.
    fresh: bool,
    request: Request,
    /// Commands since that request was made.
    asked: u64,
}

pub struct Clients {
    name: &'static str,
    pub epoll: Epoll,
    pub connections: Vec<Connection>,
    pub input: Vec<u8>,
    pub random: Random,
}

impl Clients {
    pub fn connect(server: &Server, count: usize) -> Clients {
        let epoll = Epoll::new(EpollCreateFlags::empty()).expect("epoll");
        let connections = (0..count).map(|at| {
            let stream = server.stream();
            stream.set_nonblocking(true).expect("a setting");
            let event = EpollEvent::new(EpollFlags::EPOLLIN, at as u64);
            epoll.add(&stream, event).expect("watch");
            Connection {
                stream,
                out: Vec::new(),
                sent: 0,
                watches_room: false,
                due: 0,
                fresh: true,
                request: Request::new(&[b"PING"], 1),
                asked: 0,
            }
        });
        Clients {
            name: server.name,
            connections: connections.collect(),
            epoll,
            input: vec![0; INPUT_BYTES],
            random: Random::new(u64::from(server.port)),
        }
    }

    /// Send for so long, and wait for what is under way.
    pub fn run(&mut self, load: &Load<'_>, window: Duration) -> Done {
        let began = Instant::now();
        for at in 0..self.connections.len() {
            self.renew(at, load);
            self.pipeline(at, load);
        }
        let (mut open, mut commands) = (self.connections.len(), 0);
        let mut events = [EpollEvent::empty(); 256];
        while open > 0 {
            let count = match self.epoll.wait(&mut events, REPLY_WAIT_MILLIS) {
                Err(Errno::EINTR) => continue,
                other => other.expect("wait"),
            };
            assert!(count > 0, "{}: replies do not come", self.name);
            for event in &events[..count] {
                let at = event.data() as usize;
                if event.events().contains(EpollFlags::EPOLLOUT) {
                    self.push(at);
                }
                if !self.read(at, load.replies.first()) {
                    continue;
                }
                commands += load.depth as u64;
                if began.elapsed() < window {
                    self.pipeline(at, load);
                } else {
                    open -= 1;
                }
            }
        }
        Done {
            commands,
            took: began.elapsed(),
        }
    }

    /// Make the bytes of a connection anew.
    fn renew(&mut self, at: usize, load: &Load<'_>) {
        let connection = &mut self.connections[at];
        connection.request = match load.reorder {
            Some(reorder) => reorder(&mut self.random),
            None => load.request.clone(),
        };
        connection.out = connection.request.copies(load.depth);
        connection.asked = 0;
    }

    /// Send the next pipeline.
    fn pipeline(&mut self, at: usize, load: &Load<'_>) {
        if load.reorder.is_some() && self.connections[at].asked >= SAME_ORDER {
            self.renew(at, load);
        }
        let connection = &mut self.connections[at];
        let Connection { out, request, .. } = connection;
        for copy in out.chunks_exact_mut(request.bytes.len()) {
            let entity = request.draw(copy, &mut self.random);
            connection.due += load.replies.bytes(entity);
        }
        connection.asked += load.depth as u64;
        (connection.sent, connection.fresh) = (0, true);
        self.push(at);
    }

    /// Send what there is, as far as there is room.
    pub fn push(&mut self, at: usize) {
        let connection = &mut self.connections[at];
        while connection.sent < connection.out.len() {
            match connection.stream.write(&connection.out[connection.sent..]) {
                Ok(n) => connection.sent += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{}: {error}", self.name),
            }
        }
        let waits = connection.sent < connection.out.len();
        if waits != connection.watches_room {
            let flags = match waits {
                true => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
                false => EpollFlags::EPOLLIN,
            };
            let mut event = EpollEvent::new(flags, at as u64);
            let modified = self.epoll.modify(&connection.stream, &mut event);
            modified.expect("watch");
            connection.watches_room = waits;
        }
    }

    /// Bytes that have come.
    pub fn receive(&mut self, at: usize) -> usize {
        match self.connections[at].stream.read(&mut self.input) {
            Ok(0) => panic!("{} hung up", self.name),
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("{}: {error}", self.name),
        }
    }

    /// Take what has come; true when all replies of a pipeline are there.
    fn read(&mut self, at: usize, first: u8) -> bool {
        let read = self.receive(at);
        let connection = &mut self.connections[at];
        let bytes = &self.input[..read];
        if bytes.is_empty() || connection.due == 0 {
            assert!(bytes.is_empty(), "{}: a reply too many", self.name);
            return false;
        }
        let begins = bytes[0] == first || !connection.fresh;
        let ends = read < connection.due || (read == connection.due && bytes.ends_with(b"\r\n"));
        if !begins || !ends {
            let shown = &bytes[..read.min(100)];
            panic!("{}: wrong replies: {}", self.name, shown.escape_ascii());
        }
        connection.fresh = false;
        connection.due -= read;
        connection.due == 0
    }

    /// Whether something has come within so many milliseconds; 0: do not wait.
    pub fn ready(&self, events: &mut [EpollEvent], millis: u16) -> usize {
        match self.epoll.wait(events, EpollTimeout::from(millis)) {
            Err(Errno::EINTR) => 0,
            other => other.expect("wait"),
        }
    }
}
