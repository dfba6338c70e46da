//! Death at a random moment under load, again and again on the same directory.
//!
//! The end of the process loses nothing that was acknowledged, whatever the policy: the page cache
//! outlives it.

use crate::node::{self, Node};
use crate::support::Rng;
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
        let (acked, early) = one_directory(policy, &mut rng, now);
        tally::add("acknowledged writes checked, 0 lost", acked as u64);
        tally::add(format!("kills under load, {policy}"), now as u64);
        tally::add(
            format!("kills at a random moment of a start, {policy}"),
            early as u64,
        );
    }
}

/// Acknowledged writes, and deaths before it was ready.
fn one_directory(policy: &str, rng: &mut Rng, cycles: usize) -> (usize, usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut load = Load::new(rng.next());
    let (mut early, mut start_took) = (0, Duration::from_millis(100));
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
        run(&mut load, &mut node, 1 + rng.below(ACKED_MAX));
    }
    let node = node::start(folder.path(), policy);
    load.check(&mut node.connect());
    node.terminate();
    (load.acked, early)
}

fn run(load: &mut Load, node: &mut Node, enough: usize) {
    let address = node.address.clone();
    load.run(&address, enough, || {
        assert!(node.signal("-KILL"), "it is running")
    });
    assert!(node::was_killed(node.wait()));
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
