//! The load client, open loop: requests come at random times (Poisson), whether or not earlier ones
//! are answered, and are dealt to the connections in turn. A latency counts from the moment at
//! which a request was due, so that no stall, of the server or of this client, is hidden.

use crate::clients::Clients;
use crate::replies::Replies;
use crate::request::Request;
use nix::sys::epoll::{EpollEvent, EpollFlags};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A server this far behind is given up.
const BEHIND: Duration = Duration::from_secs(20);

/// Latencies in the order of their size.
pub struct Latencies(Vec<u64>);

impl Latencies {
    /// Microseconds within which this part of the requests was answered.
    pub fn within(&self, part: f64) -> f64 {
        let at = (self.0.len() as f64 * part).ceil() as usize;
        self.0[at.clamp(1, self.0.len()) - 1] as f64 / 1000.0
    }

    pub fn most(&self) -> f64 {
        self.within(1.0)
    }
}

/// Requests of a connection that are not answered: when they were due, and the bytes to come.
type Waiting = VecDeque<(u64, usize)>;

/// Send requests at this rate for so long.
pub fn run(
    clients: &mut Clients,
    request: &Request,
    replies: &Replies,
    per_second: f64,
    window: Duration,
) -> Latencies {
    let mut waiting = vec![Waiting::new(); clients.connections.len()];
    let mut latencies = Vec::new();
    let mut events = [EpollEvent::empty(); 256];
    let (began, window) = (Instant::now(), window.as_nanos() as u64);
    let now = || began.elapsed().as_nanos() as u64;
    let (mut next, mut turn, mut sent) = (0, 0, 0);
    while next < window || latencies.len() < sent {
        while next < window && next <= now() {
            put(clients, turn, request, replies, &mut waiting[turn], next);
            turn = (turn + 1) % waiting.len();
            sent += 1;
            next += clients.random.exponential(1e9 / per_second) as u64;
        }
        let count = clients.ready(&mut events, 0);
        for event in &events[..count] {
            let at = event.data() as usize;
            if event.events().contains(EpollFlags::EPOLLOUT) {
                clients.push(at);
            }
            let mut read = clients.receive(at);
            while read > 0 {
                let (due, bytes) = waiting[at].front_mut().expect("a reply that is due");
                let taken = read.min(*bytes);
                (read, *bytes) = (read - taken, *bytes - taken);
                if *bytes == 0 {
                    latencies.push(now() - *due);
                    waiting[at].pop_front();
                }
            }
        }
        let behind = now().saturating_sub(window);
        assert!(behind < BEHIND.as_nanos() as u64, "replies do not come");
    }
    latencies.sort_unstable();
    Latencies(latencies)
}

fn put(
    clients: &mut Clients,
    at: usize,
    request: &Request,
    replies: &Replies,
    waiting: &mut Waiting,
    due: u64,
) {
    let connection = &mut clients.connections[at];
    if connection.sent == connection.out.len() {
        connection.out.clear();
        connection.sent = 0;
    }
    let start = connection.out.len();
    connection.out.extend_from_slice(&request.bytes);
    let entity = request.draw(&mut connection.out[start..], &mut clients.random);
    waiting.push_back((due, replies.bytes(entity)));
    clients.push(at);
}
