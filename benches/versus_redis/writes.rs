//! The rate of writes with a log, by when it is synced: both servers in turn, in one folder.

use crate::ask::Ask;
use crate::check;
use crate::clients::Load;
use crate::figures::{Figure, Goal, digits, head, row};
use crate::pair::{Cores, Pair};
use crate::server::NotFound;
use crate::settings::Settings;
use crate::workload::Workload;

/// A part of the entities: the logs must not become long.
const PART: u64 = 10;

/// A measurement is so many times as long as one of the table: syncs vary.
const WINDOWS: u32 = 2;

/// Neither rewrites its log, or checkpoints, meanwhile.
const REDIS: &[&str] = &[
    "--appendonly",
    "yes",
    "--appendfsync",
    "no",
    "--auto-aof-rewrite-percentage",
    "0",
];
const OURS: &[&str] = &["--appendfsync", "no", "--checkpoint-log-size", "64gb"];

struct Test {
    policy: &'static str,
    depth: usize,
    goal: Option<Goal>,
}

const TESTS: &[Test] = &[
    test("always", 1, Some(1.0)),
    test("always", 16, Some(1.0)),
    test("everysec", 1, None),
    test("everysec", 16, Some(1.5)),
];

const fn test(policy: &'static str, depth: usize, must: Option<f64>) -> Test {
    let goal = match must {
        Some(must) => Some(Goal {
            must,
            aim: f64::INFINITY,
        }),
        None => None,
    };
    Test {
        policy,
        depth,
        goal,
    }
}

pub fn run(cores: Cores, workload: &Workload, settings: &Settings) -> Result<(), NotFound> {
    let entities = (settings.entities / PART).max(1000);
    let mut pair = Pair::start(cores, workload, entities, [REDIS, OURS])?;
    head(
        "Thousands of HSET of 1 a second, 50 clients, both with a log",
        &[
            "appendfsync, pipeline",
            "Redis",
            "ours",
            "ratio",
            "spread",
            "must",
            "",
        ],
    );
    let ask = Ask::HsetOne;
    let (request, replies) = (
        ask.request(workload, entities),
        ask.replies(workload, entities),
    );
    for test in TESTS {
        let load = Load {
            request: &request,
            depth: test.depth,
            replies: &replies,
            reorder: None,
        };
        let mut rates = [Vec::new(), Vec::new()];
        for peer in &mut pair.peers {
            peer.server
                .call(&["CONFIG", "SET", "appendfsync", test.policy]);
            peer.server.settle();
            check::writes(&peer.server, &ask, workload, entities);
            peer.clients.run(&load, settings.window);
        }
        for _ in 0..settings.rounds {
            for (peer, rates) in pair.peers.iter_mut().zip(&mut rates) {
                let done = peer.clients.run(&load, settings.window * WINDOWS);
                rates.push(done.commands as f64 / done.took.as_secs_f64() / 1000.0);
            }
        }
        let [redis, ours] = &rates;
        let ratio = Figure::ratio(ours, redis);
        row(&[
            format!("{}, P{}", test.policy, test.depth),
            Figure::of(redis).show(),
            Figure::of(ours).show(),
            ratio.show(),
            ratio.show_spread(),
            test.goal.map_or(String::new(), |goal| digits(goal.must)),
            Goal::judge(test.goal, ratio.median).to_owned(),
        ]);
    }
    for peer in &pair.peers {
        check::after(&peer.server, std::slice::from_ref(&ask), workload, entities);
    }
    Ok(())
}
