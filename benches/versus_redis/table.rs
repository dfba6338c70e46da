//! The table: server CPU a command, both servers in turn.

use crate::ask::Ask;
use crate::check;
use crate::clients::{Done, Load};
use crate::figures::{Figure, Goal, digits, head, row};
use crate::machine;
use crate::pair::{Cores, Pair, Peer};
use crate::server::Server;
use crate::settings::{STRINGS, Settings};
use crate::workload::Workload;
use crate::workload::random::Random;
use std::time::{Duration, Instant};

/// Strings that stay in the caches of a processor.
const FEW_STRINGS: u64 = 20_000;

struct Test {
    name: &'static str,
    ask: Ask,
    keyspace: u64,
    depth: usize,
    /// Each client asks in an order of its own.
    reorders: bool,
    /// The null responder is measured beside.
    floor: bool,
    goal: Option<Goal>,
}

const fn goal(must: f64, aim: f64) -> Option<Goal> {
    Some(Goal { must, aim })
}

fn tests(workload: &Workload, entities: u64) -> Vec<Test> {
    let asked = workload.asked();
    let of = |name, ask: &Ask, keyspace, depth, goal| Test {
        name,
        ask: ask.clone(),
        keyspace,
        depth,
        reorders: false,
        floor: false,
        goal,
    };
    let (all, ten) = (Ask::Hmget(asked.clone()), Ask::Hmget(asked[..10].to_vec()));
    let floor = |test| Test {
        floor: true,
        ..test
    };
    let own = |test| Test {
        reorders: true,
        ..test
    };
    vec![
        floor(of("HMGET 50 of 50, P1", &all, entities, 1, goal(2.2, 2.8))),
        floor(of(
            "HMGET 50 of 50, P10",
            &all,
            entities,
            10,
            goal(10.0, 14.0),
        )),
        floor(of(
            "HMGET 50 of 50, P100",
            &all,
            entities,
            100,
            goal(15.0, 25.0),
        )),
        own(of(
            "same, orders that change, P10",
            &all,
            entities,
            10,
            None,
        )),
        own(of(
            "same, orders that change, P100",
            &all,
            entities,
            100,
            goal(12.0, 20.0),
        )),
        of("HMGET 10 of 50, P10", &ten, entities, 10, goal(3.5, 5.0)),
        of("HGETALL, P10", &Ask::Hgetall, entities, 10, goal(4.0, 6.0)),
        of("GET 64 B, P1", &Ask::Get, STRINGS, 1, goal(1.0, 1.05)),
        of("GET 64 B, P16", &Ask::Get, STRINGS, 16, goal(1.3, 1.6)),
        of(
            "MGET 100 of 20 k, P1",
            &Ask::Mget,
            FEW_STRINGS,
            1,
            goal(2.0, 3.0),
        ),
        of(
            "MGET 100 of 100 k, P1",
            &Ask::Mget,
            STRINGS,
            1,
            goal(2.0, 3.0),
        ),
        // Those that write come last.
        // Ours copies a row up from the file of a checkpoint when it is first changed, and the fill
        // brings checkpoints about. Pipelines first, so that what follows finds most rows changed,
        // as a server under load has them.
        of("SET 64 B, P16", &Ask::Set, STRINGS, 16, goal(1.3, 1.5)),
        of("SET 64 B, P1", &Ask::Set, STRINGS, 1, goal(1.0, 1.05)),
        of(
            "HSET 1, P16, first changes",
            &Ask::HsetOne,
            entities,
            16,
            None,
        ),
        of("HSET 1, P16", &Ask::HsetOne, entities, 16, goal(1.8, 2.5)),
        of("HSET 50, P10", &Ask::HsetAll, entities, 10, goal(4.0, 6.0)),
    ]
}

/// The rounds of one server.
#[derive(Default)]
struct Rounds {
    micros: Vec<f64>,
    /// Part of the time for which it computed.
    busy: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, cpu: Duration, done: Done) {
        self.micros
            .push(cpu.as_secs_f64() * 1e6 / done.commands as f64);
        self.busy.push(cpu.as_secs_f64() / done.took.as_secs_f64());
    }
}

pub fn run(pair: &mut Pair, cores: Cores, workload: &Workload, settings: &Settings) {
    head(
        "Server CPU a command",
        &[
            "test",
            "Redis us",
            "ours us",
            "floor us",
            "ratio",
            "spread",
            "must",
            "aim",
            "",
            "busy, others",
        ],
    );
    for test in tests(workload, settings.entities) {
        measure(&test, pair, cores, workload, settings);
    }
    for peer in &pair.peers {
        let writes = [Ask::HsetAll, Ask::HsetOne];
        check::after(&peer.server, &writes, workload, settings.entities);
        check::after(&peer.server, &[Ask::Set], workload, STRINGS);
    }
}

fn measure(test: &Test, pair: &mut Pair, cores: Cores, workload: &Workload, settings: &Settings) {
    let request = test.ask.request(workload, test.keyspace);
    let replies = test.ask.replies(workload, test.keyspace);
    let reorder = |random: &mut Random| test.ask.reordered(workload, test.keyspace, random);
    let load = Load {
        request: &request,
        depth: test.depth,
        replies: &replies,
        reorder: if test.reorders { Some(&reorder) } else { None },
    };
    for peer in &mut pair.peers {
        match test.ask.is_write() {
            true => check::writes(&peer.server, &test.ask, workload, test.keyspace),
            false => check::replies(&peer.server, &test.ask, workload, test.keyspace),
        }
        peer.clients.run(&load, settings.window / 4);
        peer.server.settle();
    }
    let mut rounds = [Rounds::default(), Rounds::default()];
    let mut others: f64 = 0.0;
    for _ in 0..settings.rounds {
        for (peer, rounds) in pair.peers.iter_mut().zip(&mut rounds) {
            others = others.max(window(peer, &load, settings, rounds));
        }
    }
    let floor = test.floor.then(|| floor(cores, &load, settings));
    let [redis, ours] = rounds;
    let ratio = Figure::ratio(&redis.micros, &ours.micros);
    let must = |of: fn(Goal) -> f64| test.goal.map_or(String::new(), |goal| digits(of(goal)));
    let percent = |busy: &[f64]| 100.0 * Figure::of(busy).median;
    row(&[
        test.name.to_owned(),
        Figure::of(&redis.micros).show(),
        Figure::of(&ours.micros).show(),
        floor.map_or(String::new(), digits),
        ratio.show(),
        ratio.show_spread(),
        must(|goal| goal.must),
        must(|goal| goal.aim),
        Goal::judge(test.goal, ratio.median).to_owned(),
        format!(
            "{:.0}/{:.0} %, {:.0} %",
            percent(&redis.busy),
            percent(&ours.busy),
            100.0 * others
        ),
    ]);
}

/// One window; answers the part of a core that neither the server nor we took.
fn window(peer: &mut Peer, load: &Load<'_>, settings: &Settings, rounds: &mut Rounds) -> f64 {
    let own = || nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID);
    let own = || Duration::from(own().expect("our own time"));
    let (began, busy, server, client) = (Instant::now(), machine::busy(), peer.server.cpu(), own());
    let done = peer.clients.run(load, settings.window);
    let used = peer.server.cpu() - server;
    let known = used + (own() - client);
    rounds.add(used, done);
    let rest = (machine::busy() - busy).saturating_sub(known);
    rest.as_secs_f64() / began.elapsed().as_secs_f64()
}

fn floor(cores: Cores, load: &Load<'_>, settings: &Settings) -> f64 {
    let (request, reply) = (load.request.bytes.len(), load.replies.average());
    let mut null = Peer::new(Server::null(&[cores.server], request, reply));
    let replies = crate::replies::Replies::fixed(&vec![b'*'; reply]);
    let load = Load {
        replies: &replies,
        ..*load
    };
    null.clients.run(&load, settings.window / 4);
    let mut rounds = Rounds::default();
    for _ in 0..settings.rounds {
        window(&mut null, &load, settings, &mut rounds);
    }
    Figure::of(&rounds.micros).median
}
