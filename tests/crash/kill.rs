//! Death at a random moment under load, again and again on the same directory.
//!
//! The end of the process loses nothing that was acknowledged, whatever the policy: the page cache
//! outlives it.

use crate::node::{self, Node};
use crate::support::{Address, Connection, Rng};
use crate::tally;
use crate::workload::Load;
use std::time::{Duration, Instant};

/// A cycle leaves a segment behind: begin anew after so many.
const CYCLES_A_DIRECTORY: usize = 20;
/// Acknowledged before a death, at most.
const ACKED_MAX: usize = 3000;

/// Under load, so many times.
pub fn cycles(policy: &str, cycles: usize) {
    let seed = tally::seed();
    println!("kill {policy}: seed {seed}");
    let mut rng = Rng::new(seed);
    let mut left = cycles;
    while left > 0 {
        let now = left.min(CYCLES_A_DIRECTORY);
        left -= now;
        let (acked, early, within) = one_directory(policy, &mut rng, now);
        tally::add("acknowledged writes checked, 0 lost", acked as u64);
        tally::add(format!("kills under load, {policy}"), now as u64);
        tally::add(format!("  of them within a checkpoint, {policy}"), within);
        tally::add(
            format!("kills at a random moment of a start, {policy}"),
            early,
        );
        assert!(
            now < CYCLES_A_DIRECTORY || within * 10 > now as u64,
            "{within} of {now} within a checkpoint"
        );
    }
}

/// Acknowledged writes, and deaths before it was ready and within a checkpoint.
fn one_directory(policy: &str, rng: &mut Rng, cycles: usize) -> (usize, u64, u64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let policy = &format!("{policy} --checkpoint-log-size 1mb");
    let mut load = Load::new(rng.next());
    let (mut early, mut within, mut start_took) = (0, 0, Duration::from_millis(100));
    for _ in 0..cycles {
        // A random moment of the start; that recovery was cut short must not show.
        if rng.percent(10) {
            let node = node::spawn(None, folder.path(), policy);
            std::thread::sleep(start_took.mul_f64(rng.below(1000) as f64 / 1000.0));
            node.kill();
            early += 1;
        }
        let began = Instant::now();
        let mut node = node::start(folder.path(), policy);
        start_took = began.elapsed();
        load.check(&mut node.connect());
        // Without a pause, so that most deaths are in one; else as the size of the log has it.
        let saves = rng.percent(70);
        run(&mut load, &mut node, 1 + rng.below(ACKED_MAX), saves);
        within += u64::from(!node::left_over(folder.path()).is_empty());
    }
    let node = node::start(folder.path(), policy);
    load.check(&mut node.connect());
    node.terminate();
    (load.acked, early, within)
}

fn run(load: &mut Load, node: &mut Node, enough: usize, saves: bool) {
    let address = node.address.clone();
    std::thread::scope(|scope| {
        if saves {
            scope.spawn(|| save(&address));
        }
        load.run(&address, enough, || {
            assert!(node.signal("-KILL"), "it is running")
        });
    });
    assert!(node::was_killed(node.wait()));
}

/// One checkpoint after the other, of which some are waited for, until the server goes away.
fn save(address: &Address) -> Option<()> {
    let mut c = Connection::open(address).ok()?;
    for line in [b"BGSAVE\r\n".as_slice(), b"SAVE\r\n"].iter().cycle() {
        c.send(line).ok()?;
        let reply = c.read().ok()?.value.text();
        let fine = !reply.starts_with("ERR") || reply.contains("already in progress");
        assert!(fine, "{reply}");
        tally::add("checkpoints asked for under load", 1);
    }
    None
}

/// SIGTERM under load: what was acknowledged is there, and the end is orderly.
pub fn terminated() {
    for policy in ["always", "everysec", "no"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut load = Load::new(tally::seed());
        for _ in 0..2 {
            let node = node::start(folder.path(), policy);
            load.check(&mut node.connect());
            let address = node.address.clone();
            load.run(&address, 500, || {
                let said = node.terminate().join("\n");
                let synced = said
                    .lines()
                    .find_map(|line| line.split_once("synced up to LSN ")?.1.split_once(" of "));
                let (durable, appended) = synced.unwrap_or_else(|| panic!("not said: {said}"));
                assert_eq!(durable, appended, "everything is synced at the end");
            });
        }
        let node = node::start(folder.path(), policy);
        load.check(&mut node.connect());
    }
}

/// Transactions sent ahead are there whole, and in order, wherever death comes between them.
pub fn pipelined_transactions() {
    const COUNT: usize = 500;
    for policy in ["always", "everysec", "no"] {
        let folder = node::fast_folder();
        let node = node::start(folder.path(), policy);
        let mut c = node.connect();
        for i in 0..COUNT {
            let block = format!("MULTI\r\nSET a {i}\r\nHSET b n {i}\r\nINCR c\r\nEXEC\r\n");
            c.send(block.as_bytes()).expect("send");
        }
        // Killed while they run.
        node::poll("the first", || !node.connect().line("GET a").is_nil());
        node.kill();
        let node = node::start(folder.path(), policy);
        let mut c = node.connect();
        let a: i64 = c.line("GET a").text().parse().expect("a number");
        assert_eq!(c.line("HGET b n").text(), a.to_string());
        assert_eq!(c.line("GET c").text(), (a + 1).to_string());
    }
}
