//! The power is cut: the file system stops at a random moment, the process is killed, and what a
//! server finds after mounting again is compared with what was acknowledged.
//!
//! What must be there
//! - `always`: all that was ever acknowledged, even after the cut.
//! - `everysec`: all but the last two seconds of what was acknowledged; all, if there was time to
//!   sync it, without another write.
//! - `no`: what the last start found.
//! - Under all: what was acknowledged before a `SAVE` that was answered; nothing that is not the
//!   effect of the first so many commands.

use crate::history::Outcome;
use crate::node::{self, Node};
use crate::oracle::Group;
use crate::points::assert_refusing;
use crate::signals::Signals;
use crate::support::{Address, Connection, Rng};
use crate::tally;
use crate::volume::{self, Journal, Volume};
use crate::workload::{Load, everysec_keeps};
use std::time::{Duration, Instant};

/// Of mounting it.
const OPTIONS: [&str; 3] = ["data=ordered", "data=writeback", "nodelalloc"];
const CUTS_A_VOLUME: usize = 6;
const VOLUME_MIB: u64 = 1024;
/// Acknowledged before a cut that does not wait for more, at most.
const ACKED_MAX: usize = 1500;

/// Under load, so many times.
pub fn cuts(policy: &'static str, cuts: usize) {
    let seed = tally::seed();
    println!("power {policy}: seed {seed}");
    let body = move || {
        let mut rng = Rng::new(seed);
        let mut left = cuts;
        while left > 0 {
            let now = left.min(CUTS_A_VOLUME);
            left -= now;
            one_volume(policy, &mut rng, now);
            tally::add(format!("power cuts, {policy}"), now as u64);
        }
    };
    volume::privately(body).expect("mounts of its own");
}

/// A server outlives its file system, whatever the mapped pages of the log need of it: it refuses
/// changes, and answers reads.
pub fn outlived() {
    let each = || {
        for options in OPTIONS {
            for policy in ["always", "everysec", "no"] {
                outlives(options, policy);
            }
        }
    };
    volume::privately(each).expect("mounts of its own");
}

fn outlives(options: &str, policy: &str) {
    const CHANGES_MAX: usize = 1_000_000;
    let folder = node::fast_folder();
    let volume = Volume::new(folder.path(), VOLUME_MIB, options).expect("a volume is mounted");
    let mut node = node::start(&volume.data(), policy);
    let mut c = node.connect();
    let breaker = volume.breaker(Journal::Dropped).expect("a breaker");
    breaker.cut().expect("a cut");
    let change = format!("SET other {}\r\n", "x".repeat(500));
    // The change in flight is not answered: nobody knows what became of it.
    let is_taken = |c: &mut Connection| {
        let answer = c.send(change.as_bytes()).and_then(|()| c.read());
        answer.is_ok_and(|reply| node::is_ok(&reply.value))
    };
    let taken = (0..CHANGES_MAX).take_while(|_| is_taken(&mut c)).count();
    assert!(taken < CHANGES_MAX, "{options}, {policy}: all were taken");
    assert_refusing(&node, true);
    assert!(node.is_running(), "{options}, {policy}");
    node.kill();
    tally::add(
        format!("power cuts, {policy}: changes taken after them until one was not"),
        taken as u64,
    );
}

/// What a cut took is not asked for after the next, however soon that comes.
pub fn lost_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let node = node::start(folder.path(), "everysec");
    let mut c = node.connect();
    let mut rng = Rng::new(tally::seed());
    for mut group in (0..8).flat_map(Group::all) {
        let began = Instant::now();
        // Acknowledged by a machine that is gone, with all that it had.
        let _ = group.issue(&mut rng);
        group.acknowledge();
        for _ in 0..2 {
            group.may_lose(began, Instant::now());
            group.check(&mut c);
        }
    }
    node.terminate();
}

struct Cut {
    at: Instant,
    /// What was acknowledged until then must be there; if there is no such time, all.
    keeps: Option<Instant>,
}

fn one_volume(policy: &str, rng: &mut Rng, cuts: usize) {
    let folder = node::fast_folder();
    let options = *rng.pick(&OPTIONS);
    let volume = Volume::new(folder.path(), VOLUME_MIB, options);
    let mut volume = volume.expect("a volume is mounted");
    // With checkpoints as the log has it, which would hide much, or none of themselves.
    let more = *rng.pick(&["", " --checkpoint-log-size 1mb"]);
    let settings = &format!("{policy}{more}");
    let mut load = Load::new(rng.next());
    let mut start_took = Duration::from_millis(100);
    let mut node = node::start(&volume.data(), settings);
    for _ in 0..cuts {
        let cut = run(&mut load, &mut node, &volume, policy, rng);
        volume.remount();
        if rng.percent(15) {
            cut_in_start(
                &mut volume,
                policy,
                start_took.mul_f64(rng.below(1000) as f64 / 1e3),
            );
        }
        let began = Instant::now();
        node = node::start(&volume.data(), settings);
        start_took = began.elapsed();
        if let Some(keeps) = cut.keeps {
            load.may_lose(keeps, cut.at);
        }
        tell(policy, &cut, load.check(&mut node.connect()));
    }
    node.terminate();
}

fn tell(policy: &str, cut: &Cut, outcome: Outcome) {
    let name = |what: &str| format!("power cuts, {policy}: {what}");
    tally::add(
        name("acknowledged writes that had to be there, 0 lost"),
        outcome.kept,
    );
    tally::add(
        name("acknowledged writes lost, of those that may be"),
        outcome.lost,
    );
    let oldest = outcome.oldest_lost;
    let age = oldest.map_or(Duration::ZERO, |at| cut.at.saturating_duration_since(at));
    let millis = age.as_millis() as u64;
    tally::most(name("the oldest of them, in ms before the cut"), millis);
}

/// That a start was cut short must not show.
fn cut_in_start(volume: &mut Volume, settings: &str, wait: Duration) {
    let breaker = volume.breaker(Journal::Dropped).expect("a breaker");
    let node = node::spawn(None, &volume.data(), settings);
    std::thread::sleep(wait);
    breaker.cut().expect("a cut");
    node.kill();
    volume.remount();
    tally::add("power cuts within a start, besides", 1);
}

/// What happens around a cut.
#[derive(Debug)]
struct Scene {
    journal: Journal,
    /// One checkpoint after the other is made.
    saves: bool,
    /// Nothing is written any more, until all is synced.
    is_idle: bool,
    /// The server lives on, and must refuse whatever comes.
    goes_on: bool,
    /// After so many acknowledged writes, and so long.
    enough: usize,
    wait: Duration,
}

impl Scene {
    fn draw(policy: &str, rng: &mut Rng) -> Scene {
        let is_idle = policy == "everysec" && rng.percent(25);
        let millis = match policy {
            // So that there is something that is old enough.
            "everysec" if rng.percent(75) => 2000 + rng.below(1500),
            "no" => rng.below(500),
            // So that a segment becomes full.
            "always" if rng.percent(25) => 500 + rng.below(1500),
            _ => rng.below(30),
        };
        Scene {
            journal: match rng.percent(25) {
                true => Journal::Flushed,
                false => Journal::Dropped,
            },
            saves: rng.percent(50),
            is_idle,
            // `no` would go on for long.
            goes_on: policy != "no" && !is_idle && rng.percent(50),
            enough: 1 + rng.below(ACKED_MAX),
            wait: Duration::from_millis(millis as u64),
        }
    }

    fn tell(&self, policy: &str) {
        let count = |what: &str, is: bool| {
            tally::add(format!("power cuts, {policy}: {what}"), u64::from(is));
        };
        count("amid checkpoints", self.saves);
        count("once all was synced", self.is_idle);
        count("that the server outlived", self.goes_on);
    }
}

/// Clients write until the power is cut, and some a little longer.
fn run(load: &mut Load, node: &mut Node, volume: &Volume, policy: &str, rng: &mut Rng) -> Cut {
    let scene = Scene::draw(policy, rng);
    let breaker = volume.breaker(scene.journal).expect("a breaker");
    let (address, signals) = (node.address.clone(), Signals::default());
    let began = Instant::now();
    let (mut at, mut saved) = (began, None);
    std::thread::scope(|scope| {
        let saving = scene.saves.then(|| scope.spawn(|| save(&address)));
        load.run_with(&signals, &address, scene.enough, || {
            std::thread::sleep(scene.wait);
            if scene.is_idle {
                signals.stop_writing();
                node.await_durable();
            }
            signals.may_refuse();
            at = Instant::now();
            breaker.cut().expect("a cut");
            if policy == "always" {
                signals.is_dead_from_now_on();
            }
            if scene.goes_on {
                signals.until_all_end();
                assert_refusing(node, true);
                assert!(node.info("log_state").starts_with("failed: "));
            }
            assert!(node.signal("-KILL"), "it is running");
        });
        saved = saving.and_then(|saving| saving.join().expect("a client that saves"));
    });
    assert!(node::was_killed(node.wait()));
    scene.tell(policy);
    let keeps = match policy {
        "always" => None,
        "everysec" if scene.is_idle => Some(at),
        "everysec" => saved.max(everysec_keeps(at)).max(Some(began)),
        _ => saved.max(Some(began)),
    };
    // Should a check fail, this tells after what.
    let [after, kept, save] =
        [Some(at), keeps, saved].map(|time| time.map(|time| time.saturating_duration_since(began)));
    println!("cut {policy} after {after:?}, keeps {kept:?}, saved {save:?}: {scene:?}");
    Cut { at, keeps }
}

/// One checkpoint after the other until the server goes away; when the last was asked for that
/// was answered.
fn save(address: &Address) -> Option<Instant> {
    let mut saved = None;
    let mut go = || -> std::io::Result<()> {
        let mut c = Connection::open(address)?;
        loop {
            let asked = Instant::now();
            c.send(b"SAVE\r\n")?;
            match node::is_ok(&c.read()?.value) {
                true => saved = Some(asked),
                false => return Ok(()),
            }
            tally::add("checkpoints answered before power cuts", 1);
        }
    };
    let _ = go();
    saved
}
