//! The engine against a model that is too simple to be wrong: maps of maps, expiry checked on every
//! look. Random mutations over few keys and fields, time moving on, the sweep running in between;
//! after each step the two must tell the same story. What would break: a field lost in a change of
//! shape or representation, an expiry given to the wrong field, something expired that shows; or,
//! as checkpoints begin and end anywhere in between, a change lost between the levels.

mod batches;
mod files;

use batches::Export;
use fieldstone::engine::{
    Access, Entity, FieldExpire, Journal, KeyExpire, Keyspace, Millis, Mutation, Options, Places,
    Projection, ShardSet,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const START: Millis = 1_700_000_000_000;

#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    dbs: BTreeMap<(u8, Vec<u8>), Thing>,
}

#[derive(Clone, Debug, PartialEq)]
struct Thing {
    expire_at: Option<Millis>,
    value: ThingValue,
}

#[derive(Clone, Debug, PartialEq)]
enum ThingValue {
    Text(Vec<u8>),
    Fields(BTreeMap<Vec<u8>, (Vec<u8>, Option<Millis>)>),
}

impl Model {
    fn forget_expired(&mut self, now: Millis) {
        self.dbs.retain(|_, thing| {
            if let ThingValue::Fields(fields) = &mut thing.value {
                fields.retain(|_, (_, at)| at.is_none_or(|at| at > now));
                if fields.is_empty() {
                    return false;
                }
            }
            thing.expire_at.is_none_or(|at| at > now)
        });
    }

    fn fields(&mut self, key: (u8, Vec<u8>)) -> &mut BTreeMap<Vec<u8>, (Vec<u8>, Option<Millis>)> {
        let empty = || Thing {
            expire_at: None,
            value: ThingValue::Fields(BTreeMap::new()),
        };
        let thing = self.dbs.entry(key).or_insert_with(empty);
        if matches!(thing.value, ThingValue::Text(_)) {
            *thing = empty();
        }
        match &mut thing.value {
            ThingValue::Fields(fields) => fields,
            ThingValue::Text(_) => unreachable!("just replaced"),
        }
    }

    fn apply(&mut self, op: &Op, now: Millis) {
        self.forget_expired(now);
        match op {
            Op::Set {
                key,
                fields,
                expire,
            } => {
                let at_key = self.fields(key.name());
                for (name, value) in fields {
                    let old = at_key.get(&name.bytes()).and_then(|f| f.1);
                    let at = match expire {
                        FieldExpire::Keep => old,
                        FieldExpire::Clear => None,
                        FieldExpire::At(at) => Some(*at),
                    };
                    at_key.insert(name.bytes(), (value.clone(), at));
                }
            }
            Op::Remove { key, fields } => {
                if let Some(Thing {
                    value: ThingValue::Fields(have),
                    ..
                }) = self.dbs.get_mut(&key.name())
                {
                    fields.iter().for_each(|f| {
                        have.remove(&f.bytes());
                    });
                }
            }
            Op::FieldExpire { key, fields, at } => {
                if let Some(Thing {
                    value: ThingValue::Fields(have),
                    ..
                }) = self.dbs.get_mut(&key.name())
                {
                    for field in fields {
                        if let Some(found) = have.get_mut(&field.bytes()) {
                            found.1 = *at;
                        }
                    }
                }
            }
            Op::Text { key, value, expire } => {
                let old = self.dbs.get(&key.name()).and_then(|t| t.expire_at);
                let expire_at = match expire {
                    KeyExpire::Keep => old,
                    KeyExpire::Clear => None,
                    KeyExpire::At(at) => Some(*at),
                };
                let value = ThingValue::Text(value.clone());
                self.dbs.insert(key.name(), Thing { expire_at, value });
            }
            Op::Write { key, offset, bytes } => {
                let empty = Thing {
                    expire_at: None,
                    value: ThingValue::Text(Vec::new()),
                };
                let thing = self.dbs.entry(key.name()).or_insert(empty);
                if let ThingValue::Text(text) = &mut thing.value {
                    text.resize(text.len().max(offset + bytes.len()), 0);
                    text[*offset..offset + bytes.len()].copy_from_slice(bytes);
                }
            }
            Op::Delete { key } => {
                self.dbs.remove(&key.name());
            }
            Op::Expire { key, at } => {
                if let Some(thing) = self.dbs.get_mut(&key.name()) {
                    thing.expire_at = *at;
                }
            }
            Op::Flush { db } => self.dbs.retain(|(d, _), _| db.is_some_and(|db| db != *d)),
            Op::Swap => {
                let all = std::mem::take(&mut self.dbs);
                self.dbs = all.into_iter().map(|((d, n), t)| ((1 - d, n), t)).collect();
            }
            Op::Publish(export) => self.publish(export),
            Op::Sweep | Op::Wait(_) | Op::Freeze | Op::TakeUp | Op::Finish(_) => {}
        }
        self.forget_expired(now);
    }

    fn publish(&mut self, export: &Export) {
        for (key, cells) in &export.rows {
            let old = self.dbs.get(&(export.db, key.clone()));
            if old.is_some_and(|thing| matches!(thing.value, ThingValue::Text(_))) {
                continue;
            }
            let fields = self.fields((export.db, key.clone()));
            for (name, value, at) in cells {
                fields.insert(name.clone(), (value.clone(), *at));
            }
        }
        if !export.replace {
            return;
        }
        for ((db, key), thing) in &mut self.dbs {
            let ThingValue::Fields(fields) = &mut thing.value else {
                continue;
            };
            if *db == export.db && export.has_in_scope(key) {
                let row = export.rows.get(key);
                let has = |name: &Vec<u8>| row.is_some_and(|row| row.iter().any(|c| c.0 == *name));
                fields.retain(|name, _| !export.features.contains(name) || has(name));
            }
        }
    }
}

#[derive(Clone, Debug)]
struct KeyName {
    db: u8,
    id: u8,
}

impl KeyName {
    fn name(&self) -> (u8, Vec<u8>) {
        (self.db, format!("A:user:{}", self.id).into_bytes())
    }
}

#[derive(Clone, Debug)]
struct FieldName(u16);

impl FieldName {
    fn bytes(&self) -> Vec<u8> {
        match self.0 {
            0 => vec![],
            1 => b"\x00\r\n\xff".to_vec(),
            n => format!("feature_{n}").into_bytes(),
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Set {
        key: KeyName,
        fields: Vec<(FieldName, Vec<u8>)>,
        expire: FieldExpire,
    },
    Remove {
        key: KeyName,
        fields: Vec<FieldName>,
    },
    FieldExpire {
        key: KeyName,
        fields: Vec<FieldName>,
        at: Option<Millis>,
    },
    Text {
        key: KeyName,
        value: Vec<u8>,
        expire: KeyExpire,
    },
    Write {
        key: KeyName,
        offset: usize,
        bytes: Vec<u8>,
    },
    Delete {
        key: KeyName,
    },
    Expire {
        key: KeyName,
        at: Option<Millis>,
    },
    Flush {
        db: Option<u8>,
    },
    Swap,
    Sweep,
    Wait(Millis),
    Publish(Export),
    /// A checkpoint begins.
    Freeze,
    /// One that takes up layers.
    TakeUp,
    /// It ends, and folds so many files.
    Finish(usize),
}

fn commit(keyspace: &Keyspace, op: &Op, now: Millis) {
    let mut shards = ShardSet::default();
    let slices = |names: &[FieldName]| names.iter().map(FieldName::bytes).collect::<Vec<_>>();
    let mut run = |key: Option<&KeyName>, build: &dyn Fn(&mut fieldstone::engine::Locked<'_>)| {
        match key {
            Some(key) => shards.insert(keyspace, &keyspace.key(key.db, &key.name().1)),
            None => shards.insert_all(keyspace),
        }
        build(&mut keyspace.lock(&shards, Access::Write));
    };
    let named = |key: &KeyName| key.name();
    match op {
        Op::Set {
            key,
            fields,
            expire,
        } => run(Some(key), &|locked| {
            let (db, name) = named(key);
            let names: Vec<Vec<u8>> = fields.iter().map(|f| f.0.bytes()).collect();
            let pairs: Vec<(&[u8], &[u8])> = names
                .iter()
                .zip(fields)
                .map(|(n, f)| (&n[..], &f.1[..]))
                .collect();
            let key = keyspace.key(db, &name);
            locked.commit(
                &Mutation::HashSet {
                    key,
                    fields: &pairs,
                    expire: *expire,
                },
                now,
            );
        }),
        Op::Remove { key, fields } => run(Some(key), &|locked| {
            let (db, name) = named(key);
            let names = slices(fields);
            let fields: Vec<&[u8]> = names.iter().map(|n| &n[..]).collect();
            let key = keyspace.key(db, &name);
            locked.commit(
                &Mutation::HashDelete {
                    key,
                    fields: &fields,
                },
                now,
            );
        }),
        Op::FieldExpire { key, fields, at } => run(Some(key), &|locked| {
            let (db, name) = named(key);
            let names = slices(fields);
            let fields: Vec<&[u8]> = names.iter().map(|n| &n[..]).collect();
            let key = keyspace.key(db, &name);
            locked.commit(
                &Mutation::HashExpire {
                    key,
                    fields: &fields,
                    at: *at,
                },
                now,
            );
        }),
        Op::Text { key, value, expire } => run(Some(key), &|locked| {
            let (db, name) = named(key);
            let key = keyspace.key(db, &name);
            locked.commit(
                &Mutation::StringSet {
                    key,
                    value,
                    expire: *expire,
                },
                now,
            );
        }),
        Op::Write { key, offset, bytes } => run(Some(key), &|locked| {
            let (db, name) = named(key);
            let key = keyspace.key(db, &name);
            locked.commit(
                &Mutation::StringWrite {
                    key,
                    offset: *offset,
                    bytes,
                },
                now,
            );
        }),
        Op::Delete { key } => run(Some(key), &|locked| {
            let (db, name) = named(key);
            locked.commit(
                &Mutation::Delete {
                    key: keyspace.key(db, &name),
                },
                now,
            );
        }),
        Op::Expire { key, at } => run(Some(key), &|locked| {
            let (db, name) = named(key);
            let key = keyspace.key(db, &name);
            locked.commit(&Mutation::Expire { key, at: *at }, now);
        }),
        Op::Flush { db } => run(None, &|locked| {
            locked.commit(&Mutation::Flush { db: *db }, now);
        }),
        Op::Swap => run(None, &|locked| {
            locked.commit(&Mutation::SwapDb { a: 0, b: 1 }, now);
        }),
        Op::Sweep => {
            keyspace.sweep(now, 1000);
        }
        Op::Publish(export) => run(None, &|locked| {
            let batch = keyspace.batch(export.number).unwrap();
            locked.commit(
                &Mutation::Publish {
                    batch: &batch,
                    at: now,
                },
                now,
            );
        }),
        Op::Wait(_) | Op::Freeze | Op::TakeUp | Op::Finish(_) => {}
    }
}

fn thing_of(entity: &Entity<'_>) -> Thing {
    let value = match entity.hash() {
        None => ThingValue::Text(entity.string().unwrap().to_vec()),
        Some(hash) => {
            let mut fields = BTreeMap::new();
            hash.for_each(|f| {
                fields.insert(f.name.to_vec(), (f.value.to_vec(), f.expire_at));
            });
            assert_eq!(fields.len(), hash.len(), "len counts what shows");
            for (name, (value, at)) in &fields {
                assert_eq!(hash.get(name).map(|v| v.to_vec()).as_ref(), Some(value));
                assert_eq!(hash.expire_at(name), Some(*at));
            }
            // In another order, with one that is not there.
            let names = || {
                fields
                    .keys()
                    .rev()
                    .map(|n| &n[..])
                    .chain([&b"never a field"[..]])
            };
            let expected = fields.values().rev().map(|(value, _)| Some(value.clone()));
            let expected: Vec<_> = expected.chain([None]).collect();
            let (mut places, mut projection) = (Places::default(), Projection::default());
            let mut many = Vec::new();
            hash.get_many(names(), &mut places, |v| many.push(v.map(|v| v.to_vec())));
            assert_eq!(many, expected);
            if let Some(found) = hash.project(&mut projection, names(), &mut places) {
                let found: Vec<_> = found.map(|v| v.map(|v| v.to_vec())).collect();
                assert_eq!(found, expected);
            }
            assert!(hash.get(b"never a field").is_none());
            let random = hash.random(now_random(&fields)).expect("a live field");
            assert!(fields.contains_key(random.name));
            ThingValue::Fields(fields)
        }
    };
    Thing {
        expire_at: entity.expire_at(),
        value,
    }
}

fn now_random(fields: &BTreeMap<Vec<u8>, (Vec<u8>, Option<Millis>)>) -> u64 {
    (fields.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn state(keyspace: &Keyspace, now: Millis) -> Model {
    // Names of layers are counted bit by bit, while they change.
    let is_counting = keyspace.count_layers(2);
    let mut shards = ShardSet::default();
    shards.insert_all(keyspace);
    let locked = keyspace.lock(&shards, Access::Read);
    let mut dbs = BTreeMap::new();
    for db in 0..2 {
        let mut cursor = 0;
        let mut seen = HashSet::new();
        loop {
            cursor = locked.scan(db, cursor, 3, now, &mut |name, entity| {
                assert!(seen.insert(name.to_vec()), "a quiet scan visits a key once");
                let key = keyspace.key(db, name);
                assert!(
                    locked.get(&key, now).is_some(),
                    "what a scan shows is there"
                );
                dbs.insert((db, name.to_vec()), thing_of(entity));
            });
            if cursor == 0 {
                break;
            }
        }
        // What has expired, or was masked, may be among them.
        let count = locked.count(db).0;
        assert!(
            is_counting || count >= seen.len(),
            "{count} of {}",
            seen.len()
        );
        let random = locked.random_key(db, now_random(&BTreeMap::new()) ^ now, now);
        assert_eq!(random.is_some(), !seen.is_empty());
        assert!(random.is_none_or(|name| seen.contains(&name)));
    }
    Model { dbs }
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => "-?[0-9]{1,6}(\\.[0-9]{1,12})?".prop_map(String::into_bytes),
        3 => prop::sample::select(vec!["mobile", "desktop", "tablet", ""])
            .prop_map(|s| s.as_bytes().to_vec()),
        2 => prop::collection::vec(any::<u8>(), 0..60),
        1 => (0usize..20_000).prop_map(|n| vec![b'x'; n]),
    ]
}

fn time() -> impl Strategy<Value = Millis> {
    prop_oneof![
        4 => (0u64..400).prop_map(|d| START + d),
        1 => Just(START + 1_000_000),
        1 => (0u64..1 << 45).prop_map(|d| START + d),
    ]
}

fn field_name() -> impl Strategy<Value = FieldName> {
    prop_oneof![5 => 0u16..12, 2 => 0u16..700].prop_map(FieldName)
}

fn export() -> impl Strategy<Value = Export> {
    // Two views, whose features are some of those that are written by other means too.
    let views = [(1u16..8).collect::<Vec<_>>(), (6u16..16).collect()];
    let cell = (0usize..9, value(), prop::option::of(time()));
    let row = (0u8..8, prop::collection::vec(cell, 1..6));
    let rows = prop::collection::vec(row, 0..6);
    let scope = prop::option::of(prop::sample::select(vec![b'1', b'2']));
    (0u8..2, 0usize..2, any::<bool>(), scope, rows).prop_map(
        move |(db, view, replace, scope, rows)| {
            let features: Vec<Vec<u8>> =
                views[view].iter().map(|n| FieldName(*n).bytes()).collect();
            let rows = rows.into_iter().map(|(id, cells)| {
                let cells = cells.into_iter();
                let cell = |(n, value, at): (usize, Vec<u8>, Option<Millis>)| {
                    (features[n % features.len()].clone(), value, at)
                };
                (KeyName { db, id }.name().1, cells.map(cell).collect())
            });
            Export {
                number: 0,
                db,
                replace,
                scope,
                rows: rows
                    .filter(|(key, _)| batches::in_scope(scope, key))
                    .collect(),
                features: features.clone(),
            }
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    let key = || (0u8..2, 0u8..6).prop_map(|(db, id)| KeyName { db, id });
    let names = || prop::collection::vec(field_name(), 1..6);
    let few = prop::collection::vec((field_name(), value()), 1..8);
    // A block of fields in order, as loaders send them: long ones become big hashes.
    let many = (0u16..400, 1u16..300, value()).prop_map(|(from, count, value)| {
        (from..from + count)
            .map(|n| (FieldName(n), value.clone()))
            .collect()
    });
    let expire = prop_oneof![
        3 => Just(FieldExpire::Clear),
        1 => Just(FieldExpire::Keep),
        2 => time().prop_map(FieldExpire::At),
    ];
    let key_expire = prop_oneof![
        2 => Just(KeyExpire::Clear),
        1 => Just(KeyExpire::Keep),
        1 => time().prop_map(KeyExpire::At),
    ];
    prop_oneof![
        8 => (key(), prop_oneof![9 => few, 1 => many], expire)
            .prop_map(|(key, fields, expire)| Op::Set { key, fields, expire }),
        3 => (key(), names()).prop_map(|(key, fields)| Op::Remove { key, fields }),
        3 => (key(), names(), prop::option::of(time()))
            .prop_map(|(key, fields, at)| Op::FieldExpire { key, fields, at }),
        2 => (key(), value(), key_expire)
            .prop_map(|(key, value, expire)| Op::Text { key, value, expire }),
        2 => (key(), 0usize..700, prop::collection::vec(any::<u8>(), 1..300))
            .prop_map(|(key, offset, bytes)| Op::Write { key, offset, bytes }),
        1 => key().prop_map(|key| Op::Delete { key }),
        2 => (key(), prop::option::of(time())).prop_map(|(key, at)| Op::Expire { key, at }),
        1 => prop::option::of(0u8..2).prop_map(|db| Op::Flush { db }),
        1 => Just(Op::Swap),
        2 => Just(Op::Sweep),
        3 => (0u64..60).prop_map(Op::Wait),
        3 => export().prop_map(Op::Publish),
        3 => Just(Op::Freeze),
        2 => Just(Op::TakeUp),
        3 => (0usize..4).prop_map(Op::Finish),
    ]
}

/// Keeps what a log would.
#[derive(Default)]
struct Recorder {
    next: AtomicU64,
    changes: Mutex<BTreeMap<u64, Vec<u8>>>,
}

impl Recorder {
    /// The changes by LSN; each LSN that was given out has one.
    fn in_order(&self) -> Vec<(u64, Vec<u8>)> {
        let changes: Vec<_> = self.changes.lock().unwrap().clone().into_iter().collect();
        let lsns: Vec<u64> = changes.iter().map(|(lsn, _)| *lsn).collect();
        let given = self.next.load(Ordering::Relaxed);
        assert_eq!(lsns, (1..=given).collect::<Vec<u64>>());
        changes
    }
}

impl Journal for Recorder {
    fn reserve(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn append(&self, lsn: u64, change: &[u8]) {
        assert!(!change.is_empty());
        let before = self.changes.lock().unwrap().insert(lsn, change.to_vec());
        assert!(before.is_none(), "an LSN twice");
    }

    fn last(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    fn accepts(&self) -> bool {
        true
    }
}

/// The same cases each time; or as many new ones as the variable of proptest says.
fn cases() -> ProptestConfig {
    let given = std::env::var("PROPTEST_CASES").ok();
    let (cases, rng_seed) = match given {
        None => (192, RngSeed::Fixed(4)),
        Some(text) => (text.parse().expect("a number of cases"), RngSeed::Random),
    };
    ProptestConfig {
        cases,
        rng_seed,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]
    #[test]
    fn the_engine_tells_the_models_story(
        ops in prop::collection::vec(op(), 1..120),
        shards in prop::sample::select(vec![1usize, 4, 256]),
    ) {
        let options = Options { shards, databases: 2, seed: 42 };
        let keyspace = Keyspace::new(&options);
        let mut files = files::Files::of(&keyspace);
        let journal = Arc::new(Recorder::default());
        keyspace.attach(journal.clone());
        let mut model = Model::default();
        let mut now = START;
        let mut exports: Vec<Export> = Vec::new();
        for mut op in ops {
            if let Op::Publish(export) = &mut op {
                export.number = exports.len() as u64 + 1;
                if export.open(&keyspace, &options).is_none() {
                    continue;
                }
                exports.push(export.clone());
            }
            if let Op::Wait(ms) = op {
                now += ms;
            }
            model.apply(&op, now);
            commit(&keyspace, &op, now);
            match op {
                Op::Freeze => files.freeze(&keyspace, false),
                Op::TakeUp => files.freeze(&keyspace, true),
                Op::Finish(fold) => files.finish(&keyspace, fold),
                _ => {}
            }
            prop_assert_eq!(&state(&keyspace, now), &model, "after {:?}", op);
        }
        // What was journalled gives the same again, whatever the shards and the seed.
        let others = Options { shards: 16, databases: 2, seed: 7 };
        let again = Keyspace::new(&others);
        exports.iter().for_each(|export| { export.open(&again, &others); });
        for (lsn, change) in journal.in_order() {
            prop_assert_eq!(again.replay(lsn, &change), Some(()));
        }
        // So do the files of the checkpoints and what was journalled behind them.
        let reopened = files.open(&options, &exports, &journal.in_order());
        for later in [0, 1, 50, 100_000] {
            let first = state(&keyspace, now + later);
            for other in [&again, &reopened] {
                prop_assert_eq!(&first, &state(other, now + later), "{} ms later", later);
            }
        }
        now += 100_000;
        for keyspace in [&keyspace, &again, &reopened] {
            commit(keyspace, &Op::Flush { db: None }, now);
            prop_assert_eq!(keyspace.used_memory(), 0);
        }
    }
}

#[test]
fn a_clock_set_back_brings_nothing_back_that_was_reported_expired() {
    let keyspace = Keyspace::new(&Options {
        shards: 4,
        databases: 2,
        seed: 1,
    });
    let key = KeyName { db: 0, id: 1 };
    let fields = vec![(FieldName(2), b"1".to_vec()), (FieldName(3), b"2".to_vec())];
    let set = Op::Set {
        key: key.clone(),
        fields,
        expire: FieldExpire::Clear,
    };
    commit(&keyspace, &set, START);
    let at = Some(START + 10);
    commit(
        &keyspace,
        &Op::FieldExpire {
            key,
            fields: vec![FieldName(2)],
            at,
        },
        START,
    );
    let later = state(&keyspace, START + 10);
    assert_eq!(
        later,
        state(&keyspace, START),
        "the field that was seen expired stays so"
    );
}

/// Keys and fields of a keyspace, by SCAN and HSCAN in small steps; each is met once.
fn scanned(keyspace: &Keyspace) -> (BTreeMap<Vec<u8>, usize>, HashSet<Vec<u8>>) {
    let mut shards = ShardSet::default();
    shards.insert_all(keyspace);
    let locked = keyspace.lock(&shards, Access::Read);
    let (mut keys, mut fields) = (BTreeMap::new(), HashSet::new());
    let (mut cursor, mut steps) = (0, 0);
    loop {
        cursor = locked.scan(0, cursor, 7, START, &mut |name, entity| {
            let len = entity.hash().unwrap().len();
            assert!(keys.insert(name.to_vec(), len).is_none(), "a key twice");
        });
        steps += 1;
        assert!(steps < 100_000, "a scan without end");
        if cursor == 0 {
            break;
        }
    }
    let big = locked.get(&keyspace.key(0, b"big"), START).unwrap();
    let big = big.hash().unwrap();
    loop {
        cursor = big.scan(cursor, 7, &mut |field| {
            assert!(fields.insert(field.name.to_vec()), "a field twice");
        });
        steps += 1;
        assert!(steps < 200_000, "a scan without end");
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(fields.len(), big.len());
    (keys, fields)
}

#[test]
fn a_scan_meets_every_key_and_field_once_in_whatever_level_it_is() {
    for shards in [1, 256] {
        let options = Options {
            shards,
            databases: 1,
            seed: 5,
        };
        let keyspace = Keyspace::new(&options);
        let journal = Arc::new(Recorder::default());
        keyspace.attach(journal.clone());
        let mut files = files::Files::of(&keyspace);
        let mut expected: (BTreeMap<Vec<u8>, usize>, HashSet<Vec<u8>>) = Default::default();
        for round in 0..5u32 {
            let mut set = ShardSet::default();
            set.insert_all(&keyspace);
            let mut locked = keyspace.lock(&set, Access::Write);
            for n in 0..4000 / (round + 1) {
                let name = format!("key-{}", n * (round + 1));
                let key = keyspace.key(0, name.as_bytes());
                let field = format!("field-{round}-{n}");
                let big = keyspace.key(0, b"big");
                for key in [key, big] {
                    let fields: &[(&[u8], &[u8])] = &[(field.as_bytes(), b"1")];
                    let expire = FieldExpire::Clear;
                    let set = Mutation::HashSet {
                        key,
                        fields,
                        expire,
                    };
                    locked.commit(&set, START);
                }
                *expected.0.entry(name.into_bytes()).or_default() += 1;
                expected.1.insert(field.into_bytes());
            }
            for n in (0..4000).step_by(7 + round as usize) {
                let name = format!("key-{n}");
                let key = keyspace.key(0, name.as_bytes());
                locked.commit(&Mutation::Delete { key }, START);
                expected.0.remove(name.as_bytes());
                let field = format!("field-0-{n}");
                let (key, fields) = (keyspace.key(0, b"big"), &[field.as_bytes()][..]);
                locked.commit(&Mutation::HashDelete { key, fields }, START);
                expected.1.remove(field.as_bytes());
            }
            drop(locked);
            expected.0.insert(b"big".to_vec(), expected.1.len());
            assert_eq!(scanned(&keyspace), expected, "before checkpoint {round}");
            files.freeze(&keyspace, false);
            assert_eq!(scanned(&keyspace), expected, "within checkpoint {round}");
            files.finish(&keyspace, [0, 1, 0, 2, 9][round as usize]);
            assert_eq!(scanned(&keyspace), expected, "after checkpoint {round}");
            let reopened = files.open(&options, &[], &journal.in_order());
            assert_eq!(scanned(&reopened), expected, "opened again {round}");
        }
    }
}

#[test]
fn ten_million_fields_in_one_hash_and_back() {
    let keyspace = Keyspace::new(&Options {
        shards: 256,
        databases: 1,
        seed: 9,
    });
    let key = keyspace.key(0, b"one-hash-per-feature");
    let mut shards = ShardSet::default();
    shards.insert(&keyspace, &key);
    let mut locked = keyspace.lock(&shards, Access::Write);
    let count = if cfg!(debug_assertions) {
        300_000
    } else {
        10_000_000u32
    };
    for from in (0..count).step_by(1000) {
        let names: Vec<Vec<u8>> = (from..from + 1000)
            .map(|n| format!("user-{n}").into_bytes())
            .collect();
        let fields: Vec<(&[u8], &[u8])> = names.iter().map(|n| (&n[..], &n[5..])).collect();
        let set = Mutation::HashSet {
            key,
            fields: &fields,
            expire: FieldExpire::Clear,
        };
        assert_eq!(locked.commit(&set, START), 1000);
    }
    let entity = locked.get(&key, START).unwrap();
    let hash = entity.hash().unwrap();
    assert_eq!(hash.len(), count as usize);
    assert_eq!(hash.get(b"user-123456").unwrap().to_vec(), b"123456");
    let (mut cursor, mut seen) = (0, 0);
    loop {
        let mut in_step = 0;
        cursor = hash.scan(cursor, 100, &mut |_| in_step += 1);
        assert!(in_step < 200, "a step of HSCAN is bounded");
        seen += in_step;
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen, count);
}
