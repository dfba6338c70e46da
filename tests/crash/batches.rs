//! Batches: how a step loads one, what is known of their versions, which files may be there; and
//! death at random moments while they are published, rolled back and taken up.

#[path = "../batches/file.rs"]
mod file;

use crate::node::{self, Node};
use crate::state::State;
use crate::support::{Address, Connection, Rng, Value, encode};
use crate::tally;
use file::{Begun, Load};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

pub const LOAD: &str = "LOAD ";

const A: Load<'_> = Load {
    view: "a",
    key: "u:{id}",
    replace: true,
    features: &["x", "y"],
};

const B: Load<'_> = Load {
    view: "b",
    key: "u:{id}",
    replace: false,
    features: &["z"],
};

/// A batch of users, of values that tell its version.
pub struct Published {
    load: Load<'static>,
    users: std::ops::Range<u64>,
    version: u64,
}

impl Published {
    /// `view from to version`
    pub fn read(line: &str) -> Published {
        let mut words = line.split(' ');
        let load = if words.next() == Some("a") { A } else { B };
        let mut number = || words.next().expect("a number").parse().expect("a number");
        Published {
            load,
            users: number()..number(),
            version: number(),
        }
    }

    /// Load and publish it; whether that was acknowledged.
    pub fn load(&self, c: &mut Connection) -> io::Result<bool> {
        let row = |user: u64| {
            let value = (1000 * self.version + user).to_string();
            let values = vec![Some(value); self.load.features.len()];
            (format!("u:{user}"), values)
        };
        let rows: Vec<_> = self.users.clone().map(row).collect();
        load(c, &self.load, &rows, b"{}")
    }
}

type Row = (String, Vec<Option<String>>);

fn load(c: &mut Connection, load: &Load<'_>, rows: &[Row], facts: &[u8]) -> io::Result<bool> {
    let begun = ask(c, &[b"FS.BATCH", b"BEGIN", load.view.as_bytes()])?;
    if begun.is_error() {
        return Ok(false);
    }
    let number = field(&begun, "number");
    let file = load.file(
        &Begun {
            number: number.parse().expect("a number"),
            seed: u64::from_str_radix(&field(&begun, "seed"), 16).expect("a seed"),
            shards: field(&begun, "shards").parse().expect("a number"),
        },
        rows,
        None,
    );
    let number = number.as_bytes();
    let written = ask(c, &[b"FS.BATCH", b"WRITE", number, b"0", &file])?;
    if written.is_error() {
        return Ok(false);
    }
    let published = ask(
        c,
        &[
            b"FS.BATCH",
            b"PUBLISH",
            number,
            b"FACTS",
            facts,
            b"ALLOW-EMPTY",
            b"ALLOW-SHRINK",
        ],
    )?;
    Ok(!published.is_error())
}

fn ask(c: &mut Connection, words: &[&[u8]]) -> io::Result<Value> {
    c.send(&encode(words))?;
    Ok(c.read()?.value)
}

fn field(record: &Value, name: &str) -> String {
    let value = record
        .entry(name)
        .unwrap_or_else(|| panic!("no {name}: {record:?}"));
    match value {
        Value::Integer(n) => n.to_string(),
        value => value.text(),
    }
}

/// The versions of all views, but for the numbers of their files.
pub fn listed(c: &mut Connection) -> State {
    let names = ["view", "version", "state", "entities", "mode"];
    let records = c.line("FS.BATCH LIST");
    let line = |record: &Value| {
        let [view, version, rest @ ..] = names.map(|name| field(record, name).into_bytes());
        let key = [&b"batch "[..], &view, b" ", &version].concat();
        ((usize::MAX, key), rest.to_vec())
    };
    records.items().iter().map(line).collect()
}

/// Once two checkpoints have passed: there are the files of what is kept and of layers, no others,
/// and none of them is missing.
pub fn assert_none_left(node: &Node, dir: &Path, told: &str) {
    let mut c = node.connect();
    let records = c.line("FS.BATCH LIST");
    let numbers = records.items().iter().map(|one| field(one, "number"));
    let kept: BTreeSet<String> = numbers.map(|n| format!("batch-{n:0>12}")).collect();
    let there = || -> BTreeSet<String> {
        let entries = std::fs::read_dir(dir).expect("list the directory");
        let names = entries.map(|one| one.expect("an entry").file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("batch-")).collect()
    };
    let missing: Vec<String> = kept.difference(&there()).cloned().collect();
    assert!(
        missing.is_empty(),
        "{told}: kept and not there: {missing:?}"
    );
    if there() == kept {
        return;
    }
    for _ in 0..2 {
        assert!(node::is_ok(&c.line("SAVE")), "{told}");
    }
    let manifest = std::fs::read_to_string(dir.join("MANIFEST")).expect("a manifest");
    let layers = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("layer "));
    let layers = layers.filter_map(|line| line.split(' ').next());
    let layers: BTreeSet<String> = layers.map(|n| format!("batch-{n:0>12}")).collect();
    let needed: BTreeSet<String> = kept.union(&layers).cloned().collect();
    let left: Vec<String> = there().difference(&needed).cloned().collect();
    assert!(left.is_empty(), "{told}: left over: {left:?}");
}

/// Users of a batch under load.
const USERS: u64 = 300;

const VIEW: &str = "[view.a]\nentity='u'\nkey='u:{id}'\nfeature.x.type='int64'\n\
    feature.y.type='string'\n";

/// Under load, so many times: one client publishes batches of all users, rolls back, and has them
/// taken up; another sets live values of the same users.
pub fn cycles(policy: &str, cycles: usize) {
    let seed = tally::seed();
    println!("kill batches {policy}: seed {seed}");
    let mut rng = Rng::new(seed);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut batches, mut live) = (Batches::default(), Live::default());
    for cycle in 0..=cycles {
        let options = format!("{policy} --checkpoint-log-size 1mb --batch-layers 3");
        let mut node = node::start(folder.path(), &options);
        check(&node, &mut batches, &mut live, cycle);
        assert_none_left(&node, folder.path(), "after a start");
        if cycle == cycles {
            break;
        }
        let (enough, address, seed) = (1 + rng.below(12), node.address.clone(), rng.next());
        std::thread::scope(|scope| {
            let (tell, told) = channel();
            let clients = [
                scope.spawn(|| batches.run(&address, seed, tell)),
                scope.spawn(|| live.run(&address)),
            ];
            assert_eq!(told.iter().take(enough).count(), enough, "it goes on");
            // Somewhere within the next one.
            std::thread::sleep(Duration::from_micros(rng.next() % 30_000));
            assert!(node.signal("-KILL"), "it is running");
            for client in clients {
                let ended = client.join().expect("a client");
                let _: io::Error = ended.expect_err("clients go on until the end");
            }
        });
        assert!(node::was_killed(node.wait()));
        tally::add(format!("kills while batches are published, {policy}"), 1);
    }
    tally::add("batches published or rolled back, all found", batches.done);
}

/// All users have the values of one batch, and live values that were acknowledged.
fn check(node: &Node, batches: &mut Batches, live: &mut Live, cycle: usize) {
    let mut c = node.connect();
    assert!(!c.call(&["FS.VIEW", "APPLY", VIEW]).is_error());
    let (mut found, mut found_live) = (BTreeSet::new(), BTreeSet::new());
    for user in 0..USERS {
        let reply = c.call(&["HMGET", &format!("u:{user}"), "x", "y", "live"]);
        let texts: Vec<String> = reply.items().iter().map(Value::text).collect();
        assert_eq!(texts[0], texts[1], "cycle {cycle}: of one batch");
        found.insert(texts[0].parse::<u64>().unwrap_or(0));
        found_live.insert(texts[2].parse::<u64>().unwrap_or(0));
    }
    let Batches { acked, issued, .. } = *batches;
    let one = found.first().copied().expect("a value");
    assert_eq!(found.len(), 1, "cycle {cycle}: a batch in part: {found:?}");
    assert!(
        one == acked || Some(one) == issued,
        "cycle {cycle}: found {one}, acknowledged {acked}, issued {issued:?}"
    );
    (batches.acked, batches.issued) = (one, None);
    let [oldest, newest] = [found_live.first(), found_live.last()];
    let may = live.acked..=live.issued;
    let right = [oldest, newest]
        .into_iter()
        .flatten()
        .all(|n| may.contains(n));
    assert!(right, "cycle {cycle}: live: {found_live:?} of {may:?}");
}

/// The value that all users have, of the batch that was published last.
#[derive(Default)]
struct Batches {
    acked: u64,
    issued: Option<u64>,
    last: u64,
    done: u64,
}

impl Batches {
    fn run(&mut self, address: &Address, seed: u64, tell: Sender<()>) -> io::Result<()> {
        let (mut rng, mut c) = (Rng::new(seed), Connection::open(address)?);
        loop {
            match rng.below(4) {
                0 => self.roll_back(&mut c)?,
                1 => drop(ask(&mut c, &[b"BGSAVE"])?),
                _ => self.publish(&mut c)?,
            }
            // After the end nobody listens.
            let _ = tell.send(());
        }
    }

    fn publish(&mut self, c: &mut Connection) -> io::Result<()> {
        self.last += 1;
        let value = self.last;
        self.issued = Some(value);
        let row = |user| (format!("u:{user}"), vec![Some(value.to_string()); 2]);
        let rows: Vec<Row> = (0..USERS).map(row).collect();
        let facts = format!("{{\"value\":{value}}}");
        assert!(load(c, &A, &rows, facts.as_bytes())?, "it is refused");
        self.acknowledge(value);
        Ok(())
    }

    fn acknowledge(&mut self, value: u64) {
        (self.acked, self.issued) = (value, None);
        self.done += 1;
    }

    /// To any version that is kept.
    fn roll_back(&mut self, c: &mut Connection) -> io::Result<()> {
        let listed = ask(c, &[b"FS.BATCH", b"LIST", b"a"])?;
        let Some(record) = listed.items().first() else {
            return Ok(());
        };
        let (version, facts) = (field(record, "version"), field(record, "facts"));
        let value = facts.trim_matches(|c: char| !c.is_ascii_digit());
        let value = value.parse().expect("the value in the facts");
        self.issued = Some(value);
        let version = version.as_bytes();
        let done = ask(c, &[b"FS.BATCH", b"ROLLBACK", b"a", b"VERSION", version])?;
        assert!(!done.is_error(), "{done:?}");
        self.acknowledge(value);
        Ok(())
    }
}

/// Values of a feature that is of no view, set for all users, one after the other.
#[derive(Default)]
struct Live {
    /// All users have it, or a later one.
    acked: u64,
    issued: u64,
}

impl Live {
    fn run(&mut self, address: &Address) -> io::Result<()> {
        let mut c = Connection::open(address)?;
        loop {
            self.issued += 1;
            let value = self.issued.to_string();
            for user in 0..USERS {
                let key = format!("u:{user}");
                let words = [&b"HSET"[..], key.as_bytes(), b"live", value.as_bytes()];
                let reply = ask(&mut c, &words)?;
                assert!(!reply.is_error(), "{reply:?}");
            }
            self.acked = self.issued;
        }
    }
}
