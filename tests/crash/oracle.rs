//! What must be found: groups of fields that one writer owns and writes in ever larger versions.
//!
//! Invariants
//! - A version is `issued` before it is sent and `acked` after its replies; what is found lies
//!   between, in every part of the group alike.
//! - A value names its key, field and version and is sealed by a checksum: one that strays or is
//!   torn shows.

use crate::history::{History, Outcome};
use crate::support::{Connection, Rng, Value, encode};
use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// 2100-01-01: expiries from here on never come in a test.
pub const FAR: u64 = 4_102_444_800_000;
const FIELDS: usize = 8;
/// A string that grows begins anew this often.
const GROWTH: u64 = 64;

pub fn now_millis() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    now.as_millis() as u64
}

pub fn value(key: &str, field: &str, version: u64) -> String {
    let pad = "x".repeat((version * 37 % 200) as usize);
    let text = format!("{key} {field} {version} {pad}");
    format!("{text} {:08x}", crc32fast::hash(text.as_bytes()))
}

/// The version of a value that belongs to this key and field.
pub fn version(found: &Value, key: &str, field: &str) -> Option<u64> {
    if found.is_nil() {
        return None;
    }
    let text = found.text();
    let version = text.split(' ').nth(2).and_then(|word| word.parse().ok());
    let version = version.unwrap_or_else(|| panic!("{key} {field}: not a value: {text:?}"));
    assert_eq!(
        text,
        value(key, field, version),
        "{key} {field}: strayed or torn"
    );
    Some(version)
}

/// How a version is written and what must hold of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One field.
    Single,
    /// Some fields by one HSET: all or none.
    Many,
    /// A hash and a string by MULTI and EXEC: both or none.
    Transaction,
    /// A field with an expiry that tells its version.
    Expiring,
    /// A string with an expiry that tells its version.
    Text,
    /// HINCRBY: the value is the version.
    Counter,
    /// APPEND: the versions since the last SET.
    Growing,
    /// Written aside, then renamed.
    Renamed,
    /// Written aside, then copied.
    Copied,
    /// Deleted and made anew with another field, in a transaction.
    Replaced,
    /// Odd versions are there, even ones are deleted.
    Gone,
    /// Expires soon.
    Near,
    /// Set with an expiry in the past: even versions are gone at once.
    Past,
}

const KINDS: [Kind; 13] = [
    Kind::Single,
    Kind::Many,
    Kind::Transaction,
    Kind::Expiring,
    Kind::Text,
    Kind::Counter,
    Kind::Growing,
    Kind::Renamed,
    Kind::Copied,
    Kind::Replaced,
    Kind::Gone,
    Kind::Near,
    Kind::Past,
];

pub struct Group {
    key: String,
    kind: Kind,
    acked: u64,
    issued: u64,
    next: u64,
    /// Of [`Kind::Near`], by version; of one that is known to be gone 0.
    expiries: BTreeMap<u64, u64>,
    history: History,
}

impl Group {
    /// One of each kind for a writer.
    pub fn all(writer: usize) -> Vec<Group> {
        let group = |kind| Group {
            key: format!("w{writer}:{kind:?}"),
            kind,
            acked: 0,
            issued: 0,
            next: 1,
            expiries: BTreeMap::from([(0, 0)]),
            history: History::default(),
        };
        KINDS.into_iter().map(group).collect()
    }

    /// The next version as requests, and how many replies they have.
    pub fn issue(&mut self, rng: &mut Rng) -> (Vec<u8>, usize) {
        let v = self.next;
        self.issued = v;
        self.next += 1;
        if self.kind == Kind::Near {
            self.expiries
                .insert(v, now_millis() + 20 + rng.next() % 400);
        }
        let requests = self.requests(v);
        let bytes = requests.iter().flat_map(|words| encode(words)).collect();
        (bytes, requests.len())
    }

    pub fn acknowledge(&mut self) {
        self.acked = self.issued;
        self.history.note(self.acked);
    }

    /// What was acknowledged between these may be lost, what came later does not count.
    pub fn may_lose(&mut self, since: Instant, end: Instant) {
        self.acked = self.history.by(since);
        self.history.end(end);
    }

    fn requests(&self, v: u64) -> Vec<Vec<String>> {
        let k = self.key.as_str();
        let aside = format!("{k}:aside");
        let line = |words: &[&str]| words.iter().map(|w| w.to_string()).collect::<Vec<_>>();
        let val = |field: &str| value(k, field, v);
        let f = val("f");
        let multi = |mut body: Vec<Vec<String>>| {
            body.insert(0, line(&["MULTI"]));
            body.push(line(&["EXEC"]));
            body
        };
        let far = (FAR + v).to_string();
        match self.kind {
            Kind::Single => vec![line(&["HSET", k, "f", &f])],
            Kind::Many => {
                let mut words = line(&["HSET", k]);
                for i in 0..FIELDS {
                    let name = format!("f{i}");
                    words.extend([name.clone(), val(&name)]);
                }
                vec![words]
            }
            Kind::Transaction => multi(vec![
                line(&["HSET", k, "f", &f]),
                line(&["SET", &aside, &value(&aside, "f", v)]),
            ]),
            Kind::Expiring => vec![line(&["HSETEX", k, "PXAT", &far, "FIELDS", "1", "f", &f])],
            Kind::Text => vec![line(&["SET", k, &f, "PXAT", &far])],
            Kind::Counter => vec![line(&["HINCRBY", k, "f", "1"])],
            Kind::Growing => {
                let command = if v % GROWTH == 1 { "SET" } else { "APPEND" };
                vec![line(&[command, k, &format!("{v} ")])]
            }
            Kind::Renamed => vec![line(&["SET", &aside, &f]), line(&["RENAME", &aside, k])],
            Kind::Copied => vec![
                line(&["HSET", &aside, "f", &f]),
                line(&["COPY", &aside, k, "REPLACE"]),
            ],
            Kind::Replaced => {
                let name = format!("f{}", v % 3);
                multi(vec![
                    line(&["DEL", k]),
                    line(&["HSET", k, &name, &val(&name)]),
                ])
            }
            Kind::Gone if v.is_multiple_of(4) => vec![line(&["DEL", k])],
            Kind::Gone if v.is_multiple_of(2) => vec![line(&["HDEL", k, "f"])],
            Kind::Gone => vec![line(&["HSET", k, "f", &f])],
            Kind::Near => {
                let at = self.expiries[&v].to_string();
                vec![line(&["HSETEX", k, "PXAT", &at, "FIELDS", "1", "f", &f])]
            }
            Kind::Past if v.is_multiple_of(2) => {
                vec![line(&["HPEXPIREAT", k, "1", "FIELDS", "1", "f"])]
            }
            Kind::Past => vec![line(&["HSET", k, "f", &f])],
        }
    }

    /// Compare what is there with what must be; go on from what is there.
    pub fn check(&mut self, c: &mut Connection) -> Outcome {
        let must = self.acked;
        let found = match self.kind {
            Kind::Near => self.check_near(c),
            _ => self.check_version(c),
        };
        self.history.settle(must, found)
    }

    fn check_version(&mut self, c: &mut Connection) -> u64 {
        let found = self.found(c);
        assert!(
            self.acked <= found && found <= self.issued,
            "{}: acknowledged {}, issued {}, found {found}",
            self.key,
            self.acked,
            self.issued
        );
        (self.acked, self.issued) = (found, found);
        if matches!(
            self.kind,
            Kind::Counter | Kind::Growing | Kind::Gone | Kind::Past
        ) {
            self.next = found + 1;
        }
        found
    }

    fn found(&self, c: &mut Connection) -> u64 {
        let k = self.key.as_str();
        let aside = format!("{k}:aside");
        match self.kind {
            Kind::Single => field(c, k, "f"),
            Kind::Many => {
                let found: Vec<u64> = (0..FIELDS).map(|i| field(c, k, &format!("f{i}"))).collect();
                assert!(
                    found.iter().all(|v| *v == found[0]),
                    "{k} is in parts: {found:?}"
                );
                found[0]
            }
            Kind::Transaction => {
                let (hash, string) = (field(c, k, "f"), text(c, &aside, &aside));
                assert_eq!(hash, string, "{k} and {aside} are of one transaction");
                hash
            }
            Kind::Expiring => {
                let found = field(c, k, "f");
                let at = c.call(&["HPEXPIRETIME", k, "FIELDS", "1", "f"]);
                let at = at.items().first().map_or(-2, Value::integer);
                let must = if found == 0 { -2 } else { (FAR + found) as i64 };
                assert_eq!(at, must, "{k}: the expiry of version {found}");
                found
            }
            Kind::Text => {
                let found = text(c, k, k);
                let at = c.call(&["PEXPIRETIME", k]).integer();
                let must = if found == 0 { -2 } else { (FAR + found) as i64 };
                assert_eq!(at, must, "{k}: the expiry of version {found}");
                found
            }
            Kind::Counter => c.call(&["HGET", k, "f"]).text().parse().unwrap_or(0),
            Kind::Growing => self.grown(c),
            Kind::Renamed | Kind::Copied => {
                let (found, written) = match self.kind {
                    Kind::Renamed => (text(c, k, k), c.call(&["GET", &aside])),
                    _ => (field(c, k, "f"), c.call(&["HGET", &aside, "f"])),
                };
                let written = version(&written, k, "f").unwrap_or(found);
                // One that was written aside just before a death stays there until the next.
                let next_only = found <= written && written < self.next;
                assert!(
                    next_only,
                    "{aside}: {written}, {k}: {found}, next {}",
                    self.next
                );
                found
            }
            Kind::Replaced => self.replaced(c),
            Kind::Gone | Kind::Past => match field(c, k, "f") {
                0 => self.newest_even(),
                found => found,
            },
            Kind::Near => 0,
        }
    }

    /// The version that a missing value stands for.
    fn newest_even(&self) -> u64 {
        let even = (self.acked..=self.issued).rev().find(|v| v % 2 == 0);
        even.unwrap_or_else(|| panic!("{}: {} is missing", self.key, self.acked))
    }

    fn grown(&self, c: &mut Connection) -> u64 {
        let found = c.call(&["GET", &self.key]).text();
        let numbers: Vec<u64> = found
            .split_whitespace()
            .map(|n| n.parse().expect("n"))
            .collect();
        let Some(last) = numbers.last().copied() else {
            return 0;
        };
        let first = (last - 1) / GROWTH * GROWTH + 1;
        let must: Vec<u64> = (first..=last).collect();
        assert_eq!(numbers, must, "{}: something is missing or twice", self.key);
        last
    }

    fn replaced(&self, c: &mut Connection) -> u64 {
        let k = self.key.as_str();
        let all = c.call(&["HGETALL", k]);
        match all.items() {
            [] => 0,
            [name, value] => {
                let name = name.text();
                let found = version(value, k, &name).unwrap_or(0);
                assert_eq!(
                    name,
                    format!("f{}", found % 3),
                    "{k}: a field of another version"
                );
                found
            }
            more => panic!("{k}: what was deleted came back: {more:?}"),
        }
    }

    /// If none is there, the last that may have been is: gone from then on, whether it expired or
    /// was lost.
    fn check_near(&mut self, c: &mut Connection) -> u64 {
        let k = self.key.as_str();
        let at = c.call(&["HPEXPIRETIME", k, "FIELDS", "1", "f"]);
        let found = version(&c.call(&["HGET", k, "f"]), k, "f");
        let now = now_millis();
        let may_be = self.acked..=self.issued;
        let (found, expiry) = match found {
            Some(found) => {
                assert!(may_be.contains(&found), "{k}: {found} of {may_be:?}");
                let expiry = self.expiries[&found];
                let at = at.items().first().map(Value::integer);
                assert_eq!(
                    at,
                    Some(expiry as i64),
                    "{k}: the expiry of version {found}"
                );
                (found, expiry)
            }
            None => {
                let is_gone = self.expiries.range(may_be).any(|(_, at)| *at <= now);
                assert!(is_gone, "{k}: lost before its time");
                (self.issued, 0)
            }
        };
        (self.acked, self.issued) = (found, found);
        self.expiries = BTreeMap::from([(found, expiry)]);
        found
    }
}

fn field(c: &mut Connection, key: &str, field: &str) -> u64 {
    version(&c.call(&["HGET", key, field]), key, field).unwrap_or(0)
}

/// The version of a string whose value was made for `owner`.
fn text(c: &mut Connection, key: &str, owner: &str) -> u64 {
    version(&c.call(&["GET", key]), owner, "f").unwrap_or(0)
}
