//! Does our server answer like Redis? Random sequences of commands go to it and to a real Redis,
//! and the replies are compared byte for byte (exceptions: `compare.rs`), then the stored state.
//!
//! Each of the four tests pairs one oracle (Debian's 7.0; 8.2, which also has field expiry) with
//! one protocol. A failure prints its seed and a short sequence that still fails.
//!
//! - `FIELDSTONE_DIFF_COMMANDS`: commands over all four tests; 100,000 if not set.
//! - `FIELDSTONE_DIFF_SEED`: another seed than the date-independent default.
//! - `FIELDSTONE_DIFF_SUBJECT=host:port`: test another server in place of ours. It is emptied!
//! - `FIELDSTONE_DIFF_REPORTS`: go on to this many differences (of different commands); 1.

mod compare;
mod conversations;
mod grammar;
mod sequence;
#[path = "../support/mod.rs"]
mod support;

use grammar::Grammar;
use sequence::{Pair, Step, print, print_words};
use std::collections::HashSet;
use support::{Rng, Server, Value};

const SEQUENCE_COMMANDS: usize = 250;

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
        Err(_) => default,
    }
}

#[test]
fn redis_7_resp2() {
    compare_with(Server::redis7(&[]), 2);
}

#[test]
fn redis_7_resp3() {
    compare_with(Server::redis7(&[]), 3);
}

#[test]
fn redis_8_resp2() {
    compare_with(Server::redis8(&[]), 2);
}

#[test]
fn redis_8_resp3() {
    compare_with(Server::redis8(&[]), 3);
}

fn compare_with(oracle: Server, protocol: u8) {
    let newer = oracle.name == "redis 8.2";
    let subject = Server::subject();
    let (ours, theirs) = (commands_of(&subject), commands_of(&oracle));
    let both = |name: &str| ours.contains(name) && theirs.contains(name);
    let unknown: Vec<&str> = grammar::names()
        .into_iter()
        .filter(|n| !ours.contains(*n))
        .collect();
    assert!(
        unknown.is_empty(),
        "the grammar has commands that our server lacks: {unknown:?}"
    );
    let payloads = payloads(&oracle);
    let seed = setting("FIELDSTONE_DIFF_SEED", 20) ^ u64::from(protocol) << 8 ^ u64::from(newer);
    let mut grammar = Grammar::new(Rng::new(seed), newer, both, payloads);
    let pair = Pair {
        subject,
        oracle,
        protocol,
        field_expiry: newer && both("HPEXPIRETIME"),
        cross_restore: newer && both("RESTORE"),
    };
    let mut left = setting("FIELDSTONE_DIFF_COMMANDS", 100_000) as usize / 4;
    let mut reports = Vec::new();
    let mut seen = HashSet::new();
    while left > 0 {
        let steps = steps(&mut grammar);
        left = left.saturating_sub(steps.len());
        let Err(first) = pair.run(&steps) else {
            continue;
        };
        let start = |reply: &str| reply.chars().take(20).collect::<String>();
        let name = first.words[0].to_ascii_uppercase();
        if !seen.insert((name, start(&first.ours), start(&first.oracle))) {
            continue;
        }
        reports.push(report(&pair, steps, first));
        if reports.len() as u64 >= setting("FIELDSTONE_DIFF_REPORTS", 1) {
            break;
        }
    }
    assert!(
        reports.is_empty(),
        "differs from {} in RESP{protocol}, seed {seed}:\n{}",
        pair.oracle.name,
        reports.join("\n")
    );
}

fn steps(grammar: &mut Grammar) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut connection = 0;
    while steps.len() < SEQUENCE_COMMANDS {
        let commands = match grammar.rng.percent(6) {
            true => grammar.transaction(),
            false => vec![grammar.command()],
        };
        for words in commands {
            let flush = grammar.rng.percent(10);
            if flush && grammar.rng.percent(30) {
                connection = 1 - connection;
            }
            let check = flush && grammar.rng.percent(10);
            steps.push(Step {
                connection,
                words,
                flush,
                check,
            });
        }
    }
    steps
}

fn report(pair: &Pair, steps: Vec<Step>, first: sequence::Difference) -> String {
    let (steps, last) = pair.shrink(steps);
    let difference = last.unwrap_or(first);
    format!(
        "{}  differs: {}\n     ours: {}\n   oracle: {}",
        print(&steps),
        print_words(&difference.words),
        difference.ours,
        difference.oracle
    )
}

/// The commands a server lists, in capitals.
fn commands_of(server: &Server) -> HashSet<String> {
    let listed = server.connect().line("COMMAND");
    assert!(
        !listed.items().is_empty(),
        "{}: COMMAND: {listed:?}",
        server.name
    );
    let name = |command: &Value| command.items()[0].text().to_ascii_uppercase();
    listed.items().iter().map(name).collect()
}

/// DUMPs of strings and hashes of several sizes, as this oracle writes them.
fn payloads(oracle: &Server) -> Vec<Vec<u8>> {
    let mut c = oracle.connect();
    let long = "a long value that compresses well ".repeat(20);
    let mut big = vec!["HSET".to_string(), "p:table".to_string()];
    big.extend((0..600).map(|i| format!("{i}")));
    c.line("MSET p:int 12345 p:minus -7 p:text some-text p:wide 123456789012");
    c.call(&["SET", "p:long", &long]);
    c.line("HSET p:pack f1 1 f2 two f3 -3.5");
    c.call(&["HSET", "p:long-hash", "f1", &long, "f2", "x"]);
    c.call(&big);
    c.line("HSET p:expiring f1 1 f2 2");
    c.line("HPEXPIREAT p:expiring 4102444800000 FIELDS 1 f1");
    let keys = c.line("KEYS p:*");
    let dumps: Vec<Vec<u8>> = keys
        .items()
        .iter()
        .map(|key| c.call(&[b"DUMP".as_slice(), key.bytes()]).bytes().to_vec())
        .collect();
    assert_eq!(dumps.len(), 9);
    dumps
}

/// HRANDFIELD and RANDOMKEY return what is there, and in time all of it.
#[test]
fn random_members_are_members() {
    let server = Server::subject();
    let mut c = server.connect();
    c.line("FLUSHALL");
    for i in 0..20 {
        c.line(&format!("HSET h f{i} v{i}"));
        c.line(&format!("SET k{i} x"));
    }
    let (mut fields, mut keys) = (HashSet::new(), HashSet::new());
    for _ in 0..1000 {
        fields.insert(c.line("HRANDFIELD h").text());
        keys.insert(c.line("RANDOMKEY").text());
        let distinct = c.line("HRANDFIELD h 7");
        let distinct: HashSet<String> = distinct.items().iter().map(Value::text).collect();
        assert_eq!(distinct.len(), 7, "a positive count gives different fields");
        let pairs = c.line("HRANDFIELD h -5 WITHVALUES");
        assert_eq!(pairs.items().len(), 10);
        for pair in pairs.items().chunks(2) {
            assert_eq!(pair[0].text().replace('f', "v"), pair[1].text());
            fields.insert(pair[0].text());
        }
    }
    let expected: HashSet<String> = (0..20).map(|i| format!("f{i}")).collect();
    assert_eq!(fields, expected);
    let mut expected: HashSet<String> = (0..20).map(|i| format!("k{i}")).collect();
    expected.insert("h".into());
    assert_eq!(keys, expected);
}
