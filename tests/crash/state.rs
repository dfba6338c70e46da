//! The whole state of a server, before and after: every command that writes, in a random mix.

use crate::batches;
use crate::node::{self, Node};
use crate::oracle::{FAR, now_millis};
use crate::scenario::{CHANGES, ask, request as scenario_request};
use crate::support::{Connection, Rng, Value, display};
use crate::tally;
use std::collections::BTreeMap;
use std::path::Path;

const DATABASES: usize = 16;

/// By database and key: type, value, expiry; of a hash, its fields with their expiries. The
/// versions of batches are beside them.
pub type State = BTreeMap<(usize, Vec<u8>), Vec<Vec<u8>>>;

pub fn read(node: &Node) -> State {
    let mut c = node.connect();
    let mut state = State::new();
    for db in 0..DATABASES {
        c.call(&["SELECT", &db.to_string()]);
        for key in c.line("KEYS *").items() {
            let key = key.bytes().to_vec();
            state.insert((db, key.clone()), read_key(&mut c, &key));
        }
    }
    state.extend(batches::listed(&mut c));
    state
}

fn read_key(c: &mut Connection, key: &[u8]) -> Vec<Vec<u8>> {
    let text = |value: Value| value.text().into_bytes();
    let kind = text(c.call(&[b"TYPE".as_slice(), key]));
    let expires = text(c.call(&[b"PEXPIRETIME".as_slice(), key]));
    let mut all = vec![kind.clone(), expires];
    if kind != b"hash" {
        all.push(c.call(&[b"GET".as_slice(), key]).bytes().to_vec());
        return all;
    }
    let pairs = c.call(&[b"HGETALL".as_slice(), key]);
    let pairs: Vec<(&[u8], &[u8])> = pairs
        .items()
        .chunks(2)
        .map(|pair| (pair[0].bytes(), pair[1].bytes()))
        .collect();
    let count = pairs.len().to_string();
    let mut words = vec![b"HPEXPIRETIME".as_slice(), key, b"FIELDS", count.as_bytes()];
    words.extend(pairs.iter().map(|(name, _)| name));
    let expires = c.call(&words);
    // It may have expired meanwhile.
    assert!(pairs.is_empty() || expires.items().len() == pairs.len());
    let expires = expires.items().iter().map(|at| at.integer().to_string());
    let field = |((name, value), at): (&(&[u8], &[u8]), String)| {
        vec![name.to_vec(), value.to_vec(), at.into_bytes()]
    };
    let mut fields: Vec<Vec<Vec<u8>>> = pairs.iter().zip(expires).map(field).collect();
    fields.sort();
    all.extend(fields.into_iter().flatten());
    all
}

pub fn assert_same(before: &State, after: &State, when: &str) {
    let keys = before.keys().chain(after.keys());
    for key in keys {
        let show = |state: &State| match state.get(key) {
            None => "nothing".to_owned(),
            Some(all) => all.iter().map(|part| shown(part) + " | ").collect(),
        };
        let same = before.get(key) == after.get(key);
        let (before, after) = (show(before), show(after));
        let (db, key) = (key.0, display(&key.1));
        assert!(
            same,
            "{when}: database {db}, key {key}: {before} became {after}"
        );
    }
}

/// The beginning of a value, and its length: it may be megabytes.
fn shown(part: &[u8]) -> String {
    const BYTES: usize = 100;
    match part.len() > BYTES {
        true => format!("{}... ({} bytes)", display(&part[..BYTES]), part.len()),
        false => display(part),
    }
}

/// A request that writes, of words that meet each other often.
fn request(rng: &mut Rng, dumps: &[Vec<u8>]) -> Vec<Vec<u8>> {
    const LINES: &[&str] = &[
        "SET k v",
        "SET k v",
        "SET k v PXAT far",
        "SET k v KEEPTTL",
        "SET k v PXAT 1",
        "SETNX k v",
        "SETEX k 100000 v",
        "PSETEX k 100000000 v",
        "GETSET k v",
        "GETDEL k",
        "GETEX k PXAT far",
        "GETEX k PERSIST",
        "APPEND k v",
        "SETRANGE k 7 v",
        "INCR k",
        "INCRBY k 5",
        "DECRBY k 3",
        "INCRBYFLOAT k 1.5",
        "MSET k v k v k v",
        "MSETNX k v k v",
        "HSET k f v",
        "HSET k f v f v f v",
        "HSET k f v f v",
        "HMSET k f v f v",
        "HSETNX k f v",
        "HSETEX k PXAT far FIELDS 2 f v f v",
        "HSETEX k PXAT 1 FIELDS 1 f v",
        "HSETEX k FNX KEEPTTL FIELDS 1 f v",
        "HGETEX k PXAT far FIELDS 1 f",
        "HGETEX k PERSIST FIELDS 1 f",
        "HGETDEL k FIELDS 2 f f",
        "HDEL k f f",
        "HINCRBY k f 4",
        "HINCRBYFLOAT k f 0.25",
        "HPEXPIREAT k far FIELDS 2 f f",
        "HPEXPIREAT k 1 FIELDS 1 f",
        "HEXPIRE k 100000 NX FIELDS 1 f",
        "HPERSIST k FIELDS 1 f",
        "DEL k",
        "UNLINK k k",
        "RENAME k k",
        "RENAMENX k k",
        "COPY k k REPLACE",
        "COPY k k DB d",
        "MOVE k d",
        "PEXPIREAT k far",
        "PEXPIREAT k far GT",
        "PEXPIREAT k 1",
        "EXPIRE k 100000",
        "PERSIST k",
        "SELECT d",
        "DUMP k",
        "RESTORE k dump",
        "MULTI",
        "EXEC",
        "DISCARD",
    ];
    let rare = match rng.below(400) {
        0 => Some("FLUSHDB"),
        1..4 => Some("SWAPDB d d"),
        4 if rng.percent(30) => Some("FLUSHALL"),
        _ => None,
    };
    let line = rare.unwrap_or_else(|| LINES[rng.below(LINES.len())]);
    let mut words = Vec::new();
    for word in line.split(' ') {
        match word {
            "k" => words.push(format!("k{}", rng.below(12)).into_bytes()),
            "f" => words.push(format!("f{}", rng.below(6)).into_bytes()),
            "d" => words.push(rng.below(3).to_string().into_bytes()),
            "far" => words.push((FAR + rng.next() % 1_000_000_000).to_string().into_bytes()),
            "v" if rng.percent(40) => words.push(rng.below(1000).to_string().into_bytes()),
            "v" => {
                let len = if rng.percent(3) { 5000 } else { 30 };
                let len = rng.below(len);
                words.push(rng.bytes(len));
            }
            "dump" => {
                let dump = if dumps.is_empty() {
                    vec![]
                } else {
                    rng.pick(dumps).clone()
                };
                words.extend([b"0".to_vec(), dump, b"REPLACE".to_vec()]);
            }
            other => words.push(other.as_bytes().to_vec()),
        }
    }
    words
}

fn converse(node: &Node, rng: &mut Rng, requests: usize) -> usize {
    let (mut dumps, mut done) = (Vec::new(), 0);
    let mut c = node.connect();
    for _ in 0..requests {
        let words = request(rng, &dumps);
        let reply = c.call(&words);
        done += usize::from(!reply.is_error());
        if words[0] == b"DUMP" && matches!(reply, Value::Bulk(_)) {
            dumps.push(reply.bytes().to_vec());
        }
    }
    done
}

/// A server that nobody writes to comes back as it was: after an orderly end, and after a death.
pub fn quiet() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let seed = tally::seed();
    println!("quiet: seed {seed}");
    let mut rng = Rng::new(seed);
    let (mut before, mut done, mut keys) = (State::new(), 0, 0);
    for round in 0..10 {
        let node = node::start(folder.path(), ["always", "everysec", "no"][round % 3]);
        assert_same(&before, &read(&node), &format!("start {round}"));
        done += converse(&node, &mut rng, 1000);
        before = read(&node);
        keys += before.len();
        match round % 2 {
            0 => drop(node.terminate()),
            _ => node.kill(),
        }
    }
    assert!(keys > 20, "there was something to compare");
    tally::add("keys compared over restarts of a quiet server", keys as u64);
    tally::add("commands before such a restart", done as u64);
}

/// Each kind of change comes back after an orderly end, and after a death.
pub fn every_kind() {
    for policy in ["always", "everysec", "no"] {
        for orderly in [true, false] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let node = node::start(folder.path(), policy);
            let mut c = node.connect();
            for line in CHANGES.steps {
                assert!(
                    ask(&mut c, &scenario_request(line)).expect("a reply"),
                    "{line}"
                );
            }
            let before = read(&node);
            assert!(!before.is_empty(), "there is something to compare");
            match orderly {
                true => drop(node.terminate()),
                false => node.kill(),
            }
            let node = node::start(folder.path(), policy);
            assert_same(
                &before,
                &read(&node),
                &format!("{policy}, orderly: {orderly}"),
            );
        }
    }
}

fn restarted(node: Node, dir: &Path) -> Node {
    node.kill();
    node::start(dir, "always")
}

/// Expiries to the millisecond; what has expired stays away, whether it was removed or only due.
pub fn expiry() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut node = node::start(folder.path(), "always");
    let mut c = node.connect();
    let near = now_millis() + 60;
    for (name, at) in [("far", FAR + 123), ("near", near), ("past", 1)] {
        let at = at.to_string();
        c.call(&["HSET", "h", name, "v"]);
        c.call(&["HPEXPIREAT", "h", &at, "FIELDS", "1", name]);
        c.call(&["SET", name, "v"]);
        c.call(&["PEXPIREAT", name, &at]);
        let alone = format!("alone:{name}");
        c.call(&["HSETEX", &alone, "PXAT", &at, "FIELDS", "1", "f", "v"]);
    }
    c.line("HSET h stays v");
    for round in 0..3 {
        node = restarted(node, folder.path());
        node::poll("the near ones expire", || now_millis() > near);
        let mut c = node.connect();
        let at = c.line("HPEXPIRETIME h FIELDS 4 far near past stays");
        let at: Vec<i64> = at.items().iter().map(Value::integer).collect();
        let far = (FAR + 123) as i64;
        assert_eq!(at, [far, -2, -2, -1], "round {round}");
        let at: Vec<i64> = ["far", "near", "past"]
            .map(|key| c.call(&["PEXPIRETIME", key]).integer())
            .to_vec();
        assert_eq!(at, [far, -2, -2], "round {round}");
        assert_eq!(
            c.line("EXISTS alone:far alone:near alone:past").integer(),
            1
        );
        // A field that expired and is written anew has no expiry: not after a replay either.
        c.line("HSET h near again");
        c.line("HSET alone:near f again");
        node = restarted(node, folder.path());
        let mut c = node.connect();
        assert_eq!(
            c.line("HPEXPIRETIME h FIELDS 1 near").items()[0].integer(),
            -1
        );
        assert_eq!(c.line("HGET alone:near f").text(), "again");
        c.line("HDEL h near");
        c.line("DEL alone:near");
    }
}
