//! A server against a model that is too simple to be wrong: maps of maps. Batches of two views and
//! two tenants, which replace or not, with and without expiries, are published, rolled back,
//! retired and taken up at random, between all kinds of live changes, checkpoints and restarts;
//! after each step every value and every expiry is compared.
//!
//! Times are far, or so near that they are waited for before anything else is asked.

use super::export::Load;
use super::support::{Connection, Rng, Server, Value};
use super::{VIEWS, start};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The year 2100.
const FAR: u64 = 4_102_444_800_000;
/// Milliseconds from now.
const NEAR: u64 = 15;
const USERS: usize = 12;

type Fields = BTreeMap<String, (String, Option<u64>)>;

#[derive(Clone, Debug, PartialEq)]
enum Thing {
    Text(String),
    Hash(Fields),
}

type Things = BTreeMap<(usize, String), (Thing, Option<u64>)>;

/// A batch, as it was published.
#[derive(Clone)]
struct Export {
    tenant: &'static str,
    purchases: bool,
    rows: Vec<(String, Vec<Option<String>>)>,
    expire_at: Option<u64>,
}

const PURCHASES: &[&str] = &["purchases", "country", "rate"];
const CLICKS: &[&str] = &["clicks"];

impl Export {
    fn view(&self) -> &'static str {
        if self.purchases {
            "user_purchases"
        } else {
            "user_clicks"
        }
    }

    fn features(&self) -> &'static [&'static str] {
        if self.purchases { PURCHASES } else { CLICKS }
    }

    fn random(rng: &mut Rng) -> Export {
        let (tenant, purchases) = (["A", "B"][rng.below(2)], rng.percent(60));
        let mut export = Export {
            tenant,
            purchases,
            rows: Vec::new(),
            expire_at: time(rng),
        };
        for user in 0..USERS {
            if rng.percent(50) {
                let features = export.features().iter();
                let mut values: Vec<Option<String>> = features
                    .map(|name| rng.percent(70).then(|| value(rng, name)))
                    .collect();
                values[0] = values[0].take().or_else(|| Some("0".to_owned()));
                export.rows.push((format!("{tenant}:user:{user}"), values));
            }
        }
        export
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_millis() as u64
}

fn time(rng: &mut Rng) -> Option<u64> {
    match rng.below(6) {
        0 => Some(now() + NEAR),
        1 | 2 => Some(FAR + rng.below(1000) as u64),
        _ => None,
    }
}

fn value(rng: &mut Rng, feature: &str) -> String {
    match feature {
        "rate" => format!("0.{}", 1 + rng.below(9)),
        "country" => ["CH", "AT", "a longer text"][rng.below(3)].to_owned(),
        _ => rng.below(100).to_string(),
    }
}

struct World {
    server: Server,
    c: Connection,
    things: Things,
    /// By view and version.
    exports: BTreeMap<(String, String), Export>,
    db: usize,
    /// How often what was done.
    done: BTreeMap<&'static str, usize>,
}

/// Nothing that is near is still to come.
fn pass(until: u64) {
    while now() <= until {
        std::thread::yield_now();
    }
}

impl World {
    fn new(dir: &Path) -> World {
        let server = start(dir, &["--appendfsync", "everysec"]);
        let c = server.connect();
        World {
            server,
            c,
            things: Things::new(),
            exports: BTreeMap::new(),
            db: 0,
            done: BTreeMap::new(),
        }
    }

    /// What has expired is gone, with all that it had.
    fn forget(&mut self) {
        let near = |at: Option<u64>| at.filter(|at| *at < FAR);
        let fields = self.things.values().filter_map(|(thing, _)| match thing {
            Thing::Hash(fields) => fields.values().filter_map(|(_, at)| near(*at)).max(),
            Thing::Text(_) => None,
        });
        let keys = self.things.values().filter_map(|(_, at)| near(*at));
        pass(fields.chain(keys).max().unwrap_or(0));
        self.things.retain(|_, (thing, at)| {
            let is_empty = match thing {
                Thing::Hash(fields) => {
                    fields.retain(|_, (_, at)| near(*at).is_none());
                    fields.is_empty()
                }
                Thing::Text(_) => false,
            };
            !is_empty && near(*at).is_none()
        });
    }

    fn ok(&mut self, words: &[&str]) -> Value {
        let reply = self.c.call(words);
        assert!(!reply.is_error(), "{words:?}: {}", reply.text());
        reply
    }

    fn hash(&mut self, key: &str) -> Option<&mut Fields> {
        match self.things.get_mut(&(self.db, key.to_owned())) {
            Some((Thing::Hash(fields), _)) => Some(fields),
            _ => None,
        }
    }

    fn publish(&mut self, export: &Export) {
        let replace = export.purchases;
        for user in 0..USERS {
            let key = format!("{}:user:{user}", export.tenant);
            let row = export.rows.iter().find(|(own, _)| *own == key);
            let place = (0, key);
            if row.is_none() && !self.things.contains_key(&place) {
                continue;
            }
            let none = || (Thing::Hash(Fields::new()), None);
            let (thing, _) = self.things.entry(place).or_insert_with(none);
            let Thing::Hash(fields) = thing else { continue };
            for (n, name) in export.features().iter().enumerate() {
                let cell = row.and_then(|(_, values)| values[n].clone());
                match cell {
                    Some(value) => {
                        fields.insert((*name).to_owned(), (value, export.expire_at));
                    }
                    None if replace => drop(fields.remove(*name)),
                    None => {}
                }
            }
        }
    }

    fn load(&mut self, rng: &mut Rng) {
        let mut export = Export::random(rng);
        let key = format!("{}:user:{{user_id}}", export.tenant);
        let load = Load {
            view: export.view(),
            key: &key,
            replace: export.purchases,
            features: export.features(),
        };
        // By the time it is published it may have come.
        let published = load.publish_with(&mut self.c, &export.rows, export.expire_at);
        let version = published.entry("version").map(Value::integer);
        let version = version.unwrap_or_else(|| panic!("{published:?}"));
        self.publish(&export);
        export.expire_at = export.expire_at.map(|at| if at < FAR { 1 } else { at });
        let name = (export.view().to_owned(), version.to_string());
        self.exports.insert(name, export);
    }

    /// A version that is kept, which is current or not.
    fn version(&mut self, rng: &mut Rng) -> Option<(String, String, bool)> {
        let all = self.ok(&["FS.BATCH", "LIST"]);
        let text = |one: &Value, name: &str| one.entry(name).expect("an entry").text();
        let one = all.items().get(rng.below(all.items().len().max(1)))?;
        let version = one
            .entry("version")
            .expect("a version")
            .integer()
            .to_string();
        Some((text(one, "view"), version, text(one, "state") == "current"))
    }

    fn roll_back(&mut self, rng: &mut Rng) {
        if let Some((view, version, _)) = self.version(rng) {
            self.ok(&["FS.BATCH", "ROLLBACK", &view, "VERSION", &version]);
            let export = self.exports[&(view, version)].clone();
            self.publish(&export);
        }
    }

    fn retire(&mut self, rng: &mut Rng) {
        if let Some((view, version, false)) = self.version(rng) {
            self.ok(&["FS.BATCH", "RETIRE", &view, &version]);
        }
    }

    fn take_up(&mut self) {
        self.ok(&["CONFIG", "SET", "batch-layers", "0"]);
        self.ok(&["SAVE"]);
        self.ok(&["CONFIG", "SET", "batch-layers", "8"]);
    }

    fn restart(&mut self, dir: &Path, signal: &str) {
        let pid = self.server.pid().to_string();
        let kill = Command::new("kill").args([signal, &pid]).status();
        assert!(kill.expect("run kill").success());
        self.server.exit_status();
        self.server = start(dir, &["--appendfsync", "everysec"]);
        self.c = self.server.connect();
        self.ok(&["SELECT", &self.db.to_string()]);
    }

    /// A change that clients make.
    fn change(&mut self, rng: &mut Rng) {
        let tenant = ["A", "B"][rng.below(2)];
        let key = &format!("{tenant}:user:{}", rng.below(USERS));
        let names = ["purchases", "country", "rate", "clicks", "live"];
        let name = names[rng.below(5)];
        let place = (self.db, key.clone());
        match rng.below(24) {
            0..10 => {
                let value = value(rng, name);
                if self.c.call(&["HSET", key, name, &value]).is_error() {
                    let is_text = matches!(self.things.get(&place), Some((Thing::Text(_), _)));
                    return assert!(is_text, "HSET {key}");
                }
                let none = || (Thing::Hash(Fields::new()), None);
                self.things.entry(place).or_insert_with(none);
                let fields = self.hash(key).expect("a hash");
                fields.insert(name.to_owned(), (value, None));
            }
            10..13 => {
                self.c.call(&["HDEL", key, name, "live"]);
                if let Some(fields) = self.hash(key) {
                    fields.remove(name);
                    fields.remove("live");
                }
            }
            13..16 => {
                let at = time(rng).unwrap_or(1);
                let time = at.to_string();
                self.c
                    .call(&["HPEXPIREAT", key, &time, "FIELDS", "1", name]);
                if let Some(field) = self.hash(key).and_then(|fields| fields.get_mut(name)) {
                    field.1 = Some(at);
                }
            }
            16 | 17 => {
                let at = time(rng).unwrap_or(1);
                self.ok(&["PEXPIREAT", key, &at.to_string()]);
                if let Some(thing) = self.things.get_mut(&place) {
                    thing.1 = Some(at);
                }
            }
            18 => {
                self.ok(&["PERSIST", key]);
                if let Some(thing) = self.things.get_mut(&place) {
                    thing.1 = None;
                }
            }
            19 => {
                self.ok(&["SET", key, "text"]);
                let text = Thing::Text("text".to_owned());
                self.things.insert(place, (text, None));
            }
            20 | 21 => {
                self.ok(&["DEL", key]);
                self.things.remove(&place);
            }
            22 if rng.percent(30) => {
                self.ok(&["FLUSHDB"]);
                self.things.retain(|(db, _), _| *db != place.0);
            }
            22 => {
                self.ok(&["SWAPDB", "0", "1"]);
                let all = std::mem::take(&mut self.things);
                let swapped = all.into_iter();
                self.things = swapped.map(|((db, key), t)| ((1 - db, key), t)).collect();
            }
            _ => {
                self.db = 1 - self.db;
                self.ok(&["SELECT", &self.db.to_string()]);
            }
        }
    }

    fn step(&mut self, rng: &mut Rng, dir: &Path) -> &'static str {
        let what = match rng.below(100) {
            0..66 => "change",
            66..76 => "load",
            76..82 => "roll back",
            82..86 => "retire",
            86..92 => "save",
            92..96 => "take up",
            96..98 => "kill",
            _ => "restart",
        };
        match what {
            "change" => self.change(rng),
            "load" => self.load(rng),
            "roll back" => self.roll_back(rng),
            "retire" => self.retire(rng),
            "save" => drop(self.ok(&["SAVE"])),
            "take up" => self.take_up(),
            "kill" => self.restart(dir, "-KILL"),
            _ => self.restart(dir, "-TERM"),
        }
        *self.done.entry(what).or_default() += 1;
        what
    }

    /// Everything that the server has.
    fn read(&mut self) -> Things {
        let mut things = Things::new();
        for db in 0..2 {
            self.ok(&["SELECT", &db.to_string()]);
            for key in self.ok(&["KEYS", "*:user:*"]).items() {
                let key = key.text();
                let at = self.ok(&["PEXPIRETIME", &key]).integer();
                let thing = match self.ok(&["TYPE", &key]).text().as_str() {
                    "hash" => Thing::Hash(self.fields(&key)),
                    _ => Thing::Text(self.ok(&["GET", &key]).text()),
                };
                things.insert((db, key), (thing, u64::try_from(at).ok()));
            }
        }
        self.ok(&["SELECT", &self.db.to_string()]);
        things
    }

    fn fields(&mut self, key: &str) -> Fields {
        let all = self.ok(&["HGETALL", key]);
        let pairs = all.items().chunks(2);
        let mut fields: Fields = pairs.map(|p| (p[0].text(), (p[1].text(), None))).collect();
        for (name, (value, at)) in &mut fields {
            let reply = self.c.call(&["HPEXPIRETIME", key, "FIELDS", "1", name]);
            *at = u64::try_from(reply.items()[0].integer()).ok();
            assert_eq!(self.c.call(&["HGET", key, name]).text(), *value);
        }
        fields
    }
}

#[test]
fn a_server_tells_the_models_story() {
    const STEPS: usize = 250;
    for seed in 1..=3 {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut world, mut rng) = (World::new(dir.path()), Rng::new(seed));
        world.ok(&["FS.VIEW", "APPLY", VIEWS]);
        // So much that layers are not taken up by themselves.
        for n in 0..10 {
            world.ok(&["SET", &format!("filler:{n}"), &"f".repeat(100_000)]);
        }
        world.ok(&["SAVE"]);
        for step in 0..STEPS {
            world.forget();
            let what = world.step(&mut rng, dir.path());
            world.forget();
            let found = world.read();
            let keys = found.keys().chain(world.things.keys());
            for key in keys {
                let (found, expected) = (found.get(key), world.things.get(key));
                assert_eq!(found, expected, "seed {seed}, step {step}, {what}: {key:?}");
            }
        }
        assert_eq!(world.done.len(), 8, "{:?}", world.done);
    }
}
