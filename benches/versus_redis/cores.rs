//! What a second core gives: sessions of two server threads, fed in this process, no sockets. The
//! same threads on one entity show what bounces between cores: its lock.

use crate::ask::Ask;
use crate::figures::{Figure, Goal, digits, head, row};
use crate::machine;
use crate::replies::Replies;
use crate::request::Request;
use crate::settings::Settings;
use crate::workload::Workload;
use crate::workload::random::Random;
use fieldstone::clock;
use fieldstone::config::Config;
use fieldstone::instance::{Instance, Peer};
use fieldstone::resp::Output;
use fieldstone::server::Session;
use std::sync::{Arc, Barrier};
use std::time::Instant;

/// A part of the entities: more than the caches hold.
const PART: u64 = 5;
const DEPTH: usize = 100;

/// All threads read it. Not the first one: until a list of names comes a second time, rows hold
/// their own.
const HOT: u64 = 700;

pub fn run(cores: &[usize], workload: &Workload, settings: &Settings) {
    let cores = &cores[..2];
    let entities = (settings.entities / PART).max(1000);
    let now = clock::wall_millis();
    let instance = Arc::new(Instance::new(Config::default(), cores.len(), now));
    load(&instance, workload, entities);
    head(
        "HMGET 50 of 50, pipeline 100, in this process; millions a second",
        &[
            "entities",
            "1 thread",
            "2 threads",
            "ratio",
            "spread",
            "must",
            "",
        ],
    );
    let ask = Ask::Hmget(workload.asked());
    let goal = Goal {
        must: 1.7,
        aim: f64::INFINITY,
    };
    let (any, one) = (ask.request(workload, entities), {
        let mut words = ask.words(workload);
        words[1] = crate::workload::key(HOT);
        Request::new(&words, 1)
    });
    let of_any = ask.replies(workload, entities);
    let of_one = Replies::fixed(&ask.reply(workload, &[HOT]));
    compare(
        &instance,
        &any,
        |entity| ask.reply(workload, &[entity]),
        entities,
    );
    compare(&instance, &one, |_| ask.reply(workload, &[HOT]), entities);
    for (name, request, replies, goal) in [
        ("all", &any, &of_any, Some(goal)),
        ("one, the same", &one, &of_one, None),
    ] {
        let feeding = Feeding {
            instance: &instance,
            request,
            replies,
            settings,
        };
        let (mut one, mut two) = (Vec::new(), Vec::new());
        for _ in 0..settings.rounds {
            one.push(feeding.threads(&cores[..1]));
            two.push(feeding.threads(cores));
        }
        let ratio = Figure::ratio(&two, &one);
        row(&[
            name.to_owned(),
            Figure::of(&one).show(),
            Figure::of(&two).show(),
            ratio.show(),
            ratio.show_spread(),
            goal.map_or(String::new(), |goal| digits(goal.must)),
            Goal::judge(goal, ratio.median).to_owned(),
        ]);
    }
}

struct Client {
    session: Session,
    out: Output,
}

impl Client {
    fn open(instance: &Arc<Instance>, worker: usize) -> Client {
        let peer = Peer::default();
        let session = Session::open(instance, peer, worker, clock::wall_millis());
        Client {
            session: session.expect("there are few clients"),
            out: Output::new(),
        }
    }

    /// Run these requests; answers the bytes of their replies, which `see` may look at.
    fn feed(&mut self, input: &[u8], see: &mut dyn FnMut(&[u8])) -> usize {
        let (mut at, mut bytes) = (0, 0);
        while at < input.len() {
            let fed = self
                .session
                .feed(clock::wall_millis(), &input[at..], &mut self.out);
            at += fed.consumed;
            bytes += self.out.len();
            see(self.out.as_slice());
            self.out.consume(self.out.len());
            assert!(at == input.len() || fed.more, "requests are not run");
        }
        bytes
    }
}

fn load(instance: &Arc<Instance>, workload: &Workload, entities: u64) {
    let mut client = Client::open(instance, 0);
    let mut requests = Vec::new();
    for entity in 0..entities {
        requests.clear();
        workload.put_hset(entity, &mut requests);
        client.feed(&requests, &mut |reply| assert_eq!(reply, b":50\r\n"));
    }
}

/// That replies are right, byte for byte.
fn compare(
    instance: &Arc<Instance>,
    request: &Request,
    expected: impl Fn(u64) -> Vec<u8>,
    keyspace: u64,
) {
    let (mut client, mut random) = (Client::open(instance, 0), Random::new(1));
    for _ in 0..100 {
        let entity = random.below(keyspace);
        let expected = expected(entity);
        client.feed(&request.with(&[entity]), &mut |reply| {
            assert!(reply == expected, "a wrong reply");
        });
    }
}

struct Feeding<'a> {
    instance: &'a Arc<Instance>,
    request: &'a Request,
    replies: &'a Replies,
    settings: &'a Settings,
}

impl Feeding<'_> {
    /// Millions of commands a second of a thread on each of these cores.
    fn threads(&self, cores: &[usize]) -> f64 {
        let start = Barrier::new(cores.len());
        std::thread::scope(|scope| {
            let threads: Vec<_> = cores
                .iter()
                .enumerate()
                .map(|(worker, core)| {
                    let start = &start;
                    scope.spawn(move || {
                        machine::pin(&[*core]);
                        self.thread(worker, start)
                    })
                })
                .collect();
            let rates = threads
                .into_iter()
                .map(|thread| thread.join().expect("a thread"));
            rates.sum()
        })
    }

    fn thread(&self, worker: usize, start: &Barrier) -> f64 {
        let mut client = Client::open(self.instance, worker);
        let mut random = Random::new(worker as u64);
        let mut requests = self.request.copies(DEPTH);
        start.wait();
        let (began, mut commands) = (Instant::now(), 0);
        while began.elapsed() < self.settings.window {
            let mut expected = 0;
            for copy in requests.chunks_exact_mut(self.request.bytes.len()) {
                let entity = self.request.draw(copy, &mut random);
                expected += self.replies.bytes(entity);
            }
            let bytes = client.feed(&requests, &mut |_| ());
            assert_eq!(bytes, expected, "bytes of the replies");
            commands += DEPTH;
        }
        commands as f64 / began.elapsed().as_secs_f64() / 1e6
    }
}
