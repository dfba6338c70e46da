//! F36, F37: patterns made to be slow, and iteration over what changes meanwhile.

use crate::support::{Connection, Server, encode};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn f36_patterns_made_to_be_slow() {
    let server = Server::ours(&[]);
    let mut c = server.connect();
    let name = "a".repeat(2000);
    c.call(&["SET", &name, "x"]);
    c.call(&["HSET", "h", &name, "x"]);
    c.call(&["PSUBSCRIBE", &format!("{}b", "a*".repeat(50))]);
    c.call(&["RESET"]);
    let bombs = [
        format!("{}b", "a*".repeat(200)),
        format!("{}b", "*a".repeat(500)),
        format!("{}b", "*".repeat(5000)),
        format!("{}b", "?*".repeat(500)),
        format!("{}b", "[a-z]*".repeat(300)),
        format!("{}b", "[^b]*".repeat(300)),
        format!("{}[", "a*".repeat(300)),
        "[".repeat(5000),
        format!("a*{}", "\\".repeat(5000)),
    ];
    for bomb in &bombs {
        let start = Instant::now();
        let found = c.call(&["KEYS", bomb]);
        assert!(found.items().is_empty(), "{bomb} matches {found:?}");
        c.call(&["SCAN", "0", "MATCH", bomb, "COUNT", "1000"]);
        c.call(&["HSCAN", "h", "0", "MATCH", bomb, "COUNT", "1000"]);
        c.call(&["CONFIG", "GET", bomb]);
        c.call(&["PUBSUB", "CHANNELS", bomb]);
        // Not a measurement: an exponential matcher would not end in years.
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{bomb} took {:?}",
            start.elapsed()
        );
    }
    // One that subscribes to a bomb does not stop those who publish.
    let mut victim = server.connect();
    victim.call(&["PSUBSCRIBE", &bombs[0]]);
    let start = Instant::now();
    assert_eq!(c.call(&["PUBLISH", &name, "x"]).integer(), 0);
    assert!(start.elapsed() < Duration::from_secs(20));
}

const STABLE: usize = 1000;

/// One whole iteration; the names it gave, without `extra` per name.
fn iterate(c: &mut Connection, command: &[&str], step: usize) -> HashSet<String> {
    let mut names = HashSet::new();
    let mut cursor = "0".to_string();
    for _ in 0..100_000 {
        let mut words: Vec<&str> = command.to_vec();
        words.extend([cursor.as_str(), "COUNT", "7"]);
        let reply = c.call(&words);
        let found = reply.items()[1].items();
        names.extend(found.iter().step_by(step).map(|item| item.text()));
        cursor = reply.items()[0].text();
        if cursor == "0" {
            return names;
        }
    }
    panic!("an iteration that does not end");
}

/// While another client grows and shrinks the table, each iteration has all that stays.
fn stays_complete(
    grow: &(dyn Fn(usize) -> Vec<String> + Sync),
    shrink: &[&str],
    scan: &[&str],
    step: usize,
) {
    let server = Server::ours(&[]);
    let mut c = server.connect();
    let is_hash = scan[0] == "HSCAN";
    for i in 0..STABLE {
        let name = format!("stays{i}");
        let words = if is_hash {
            vec!["HSET", "h", &name, "x"]
        } else {
            vec!["SET", &name, "x"]
        };
        c.call(&words);
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let churn = scope.spawn(|| {
            let mut other = server.connect();
            // Bounded, should the iterations not end.
            for round in 0..2000 {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let many: Vec<usize> = (0..500 + 2500 * (round % 2)).collect();
                let bytes: Vec<u8> = many.iter().flat_map(|i| encode(&grow(*i))).collect();
                other.send_and_read(&bytes, many.len()).expect("grow");
                let remove = |i: &usize| {
                    let mut words: Vec<String> = shrink.iter().map(|w| w.to_string()).collect();
                    words.push(format!("goes{i}"));
                    encode(&words)
                };
                let bytes: Vec<u8> = many.iter().flat_map(remove).collect();
                other.send_and_read(&bytes, many.len()).expect("shrink");
            }
        });
        let mut missed = Vec::new();
        for _ in 0..10 {
            let names = iterate(&mut c, scan, step);
            missed.extend(
                (0..STABLE)
                    .map(|i| format!("stays{i}"))
                    .filter(|n| !names.contains(n)),
            );
        }
        stop.store(true, Ordering::Relaxed);
        churn.join().expect("the other client");
        assert!(missed.is_empty(), "iterations missed {missed:?}");
    });
}

#[test]
fn f37_scan_while_the_keyspace_changes() {
    let grow = |i: usize| vec!["SET".into(), format!("goes{i}"), "x".into()];
    stays_complete(&grow, &["DEL"], &["SCAN"], 1);
}

#[test]
fn f37_hscan_while_the_hash_changes() {
    let grow = |i: usize| vec!["HSET".into(), "h".into(), format!("goes{i}"), "x".into()];
    stays_complete(&grow, &["HDEL", "h"], &["HSCAN", "h"], 2);
}

/// Nothing is given twice, and all of it, while nothing changes.
#[test]
fn f37_scan_at_rest() {
    let server = Server::ours(&[]);
    let mut c = server.connect();
    for i in 0..STABLE {
        c.line(&format!("SET stays{i} x"));
        c.line(&format!("HSET h stays{i} x"));
    }
    let keys = iterate(&mut c, &["SCAN"], 1);
    assert_eq!(keys.len(), STABLE + 1);
    assert_eq!(iterate(&mut c, &["HSCAN", "h"], 2).len(), STABLE);
}
