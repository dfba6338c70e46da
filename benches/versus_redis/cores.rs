//! What a second core gives: sessions of two server threads, fed in this process, no sockets. The
//! same threads on one entity show what bounces between cores: its lock. Writes are not logged.

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
use nix::time::{ClockId, clock_gettime};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

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
        "Pipelines of 100, in this process; millions a second",
        &[
            "commands",
            "1 thread",
            "2 threads",
            "ratio",
            "spread",
            "must",
            "",
            "CPU us a command",
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
    let set = Ask::HsetOne.request(workload, entities);
    let of_set = Ask::HsetOne.replies(workload, entities);
    for (name, request, replies, goal) in [
        ("HMGET 50 of 50", &any, &of_any, Some(goal)),
        ("the same, all of one entity", &one, &of_one, None),
        ("HSET 1", &set, &of_set, None),
    ] {
        let feeding = Feeding {
            instance: &instance,
            request,
            replies,
            settings,
        };
        let (mut alone, mut both) = (Rounds::default(), Rounds::default());
        for _ in 0..settings.rounds {
            alone.add(feeding.threads(&cores[..1]));
            both.add(feeding.threads(cores));
        }
        let ratio = Figure::ratio(&both.millions, &alone.millions);
        row(&[
            name.to_owned(),
            Figure::of(&alone.millions).show(),
            Figure::of(&both.millions).show(),
            ratio.show(),
            ratio.show_spread(),
            goal.map_or(String::new(), |goal| digits(goal.must)),
            Goal::judge(goal, ratio.median).to_owned(),
            // Says the same of the cores if others take some of their time.
            format!(
                "{} with 1, {} with 2",
                Figure::of(&alone.micros).show(),
                Figure::of(&both.micros).show()
            ),
        ]);
    }
}

/// What threads did in one window.
#[derive(Clone, Copy, Default)]
struct Fed {
    commands: u64,
    /// Commands of a second of all threads.
    per_second: f64,
    cpu: Duration,
}

#[derive(Default)]
struct Rounds {
    millions: Vec<f64>,
    micros: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, fed: Fed) {
        self.millions.push(fed.per_second / 1e6);
        let micros = fed.cpu.as_secs_f64() * 1e6;
        self.micros.push(micros / fed.commands as f64);
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
    /// With a thread on each of these cores.
    fn threads(&self, cores: &[usize]) -> Fed {
        let start = &Barrier::new(cores.len());
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..)
                .zip(cores)
                .map(|(worker, core)| {
                    scope.spawn(move || {
                        machine::pin(&[*core]);
                        self.thread(worker, start)
                    })
                })
                .collect();
            let mut all = Fed::default();
            for thread in threads {
                let fed = thread.join().expect("a thread");
                all.commands += fed.commands;
                all.per_second += fed.per_second;
                all.cpu += fed.cpu;
            }
            all
        })
    }

    fn thread(&self, worker: usize, start: &Barrier) -> Fed {
        let mut client = Client::open(self.instance, worker);
        let mut random = Random::new(worker as u64);
        let mut requests = self.request.copies(DEPTH);
        let own = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
        let own = || Duration::from(own().expect("the time of a thread"));
        start.wait();
        let (began, cpu, mut commands) = (Instant::now(), own(), 0);
        while began.elapsed() < self.settings.window {
            let mut expected = 0;
            for copy in requests.chunks_exact_mut(self.request.bytes.len()) {
                let entity = self.request.draw(copy, &mut random);
                expected += self.replies.bytes(entity);
            }
            let bytes = client.feed(&requests, &mut |_| ());
            assert_eq!(bytes, expected, "bytes of the replies");
            commands += DEPTH as u64;
        }
        Fed {
            commands,
            per_second: commands as f64 / began.elapsed().as_secs_f64(),
            cpu: own() - cpu,
        }
    }
}
