//! Latency at a fixed rate, open loop: both servers and the null responder in turn.

use crate::ask::Ask;
use crate::check;
use crate::figures::{Figure, at_most, digits, head, row};
use crate::open_loop::{self, Latencies};
use crate::pair::{Cores, Pair, Peer};
use crate::replies::Replies;
use crate::server::Server;
use crate::settings::Settings;
use crate::workload::Workload;

const PER_SECOND: f64 = 20_000.0;

/// A measurement is so many times as long as one of the table: the tail needs many requests.
const WINDOWS: u32 = 6;

/// The median may be so many times that of the null responder.
const OVER_NULL: f64 = 1.2;

/// Figures of the rounds of one server, microseconds.
#[derive(Default)]
struct Rounds {
    half: Vec<f64>,
    most: Vec<f64>,
    tail: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, latencies: &Latencies) {
        self.half.push(latencies.within(0.5));
        self.tail.push(latencies.within(0.99));
        self.most.push(latencies.most());
    }
}

pub fn run(pair: &mut Pair, cores: Cores, workload: &Workload, settings: &Settings) {
    let ask = Ask::Hmget(workload.asked());
    let request = ask.request(workload, settings.entities);
    let replies = ask.replies(workload, settings.entities);
    for peer in &pair.peers {
        check::replies(&peer.server, &ask, workload, settings.entities);
    }
    let (sent, answered) = (request.bytes.len(), replies.average());
    let fixed = Replies::fixed(&vec![b'*'; answered]);
    let mut null = Peer::new(Server::null(&[cores.server], sent, answered));
    let mut rounds = [Rounds::default(), Rounds::default(), Rounds::default()];
    let window = settings.window * WINDOWS;
    // The first round warms up.
    for round in 0..=settings.rounds.min(5) {
        let [redis, ours] = &mut pair.peers;
        let peers = [(redis, &replies), (ours, &replies), (&mut null, &fixed)];
        for ((peer, replies), rounds) in peers.into_iter().zip(&mut rounds) {
            let window = if round == 0 { settings.window } else { window };
            let latencies =
                open_loop::run(&mut peer.clients, &request, replies, PER_SECOND, window);
            if round > 0 {
                rounds.add(&latencies);
            }
        }
    }
    print(&rounds);
}

fn print(rounds: &[Rounds; 3]) {
    let title = "Latency, open loop, 20,000 HMGET of 50 a second on 50 connections; microseconds";
    head(
        title,
        &["server", "p50", "spread", "p99", "spread", "most", ""],
    );
    let [redis, ours, null] = rounds;
    let floor = Figure::of(&null.half).median;
    let median = Figure::of(&ours.half).median;
    let (tail, theirs) = (
        Figure::of(&ours.tail).median,
        Figure::of(&redis.tail).median,
    );
    let verdict = format!(
        "p50 {:.2} of the null responder's (at most {OVER_NULL}) {}, p99 {:.2} of Redis's (at most \
         1) {}",
        median / floor,
        at_most(median, OVER_NULL * floor),
        tail / theirs,
        at_most(tail, theirs)
    );
    for (name, rounds, verdict) in [
        ("Redis", redis, ""),
        ("ours", ours, verdict.as_str()),
        ("null responder", null, ""),
    ] {
        let (half, tail) = (Figure::of(&rounds.half), Figure::of(&rounds.tail));
        row(&[
            name,
            &half.show(),
            &half.show_spread(),
            &tail.show(),
            &tail.show_spread(),
            &digits(Figure::of(&rounds.most).most),
            verdict,
        ]);
    }
}
