//! The engine's share of reads and writes: HMGET and HSET by the shape of entities, the encoding of
//! their values and their times to live; no protocol, no log.

#[path = "workload/mod.rs"]
mod workload;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fieldstone::engine::{
    Access, FieldExpire, Key, Keyspace, Locked, Mutation, Options, Places, Projection, ShardSet,
};
use workload::random::{Random, mix};
use workload::{FEATURES, Workload};

/// More than the caches of a core hold; few where only the code is tested.
const ENTITIES: u64 = if cfg!(debug_assertions) { 500 } else { 20_000 };
const NOW: u64 = 1_700_000_000_000;
const HOUR: u64 = 3_600_000;

type Values = Box<dyn Fn(u64, usize) -> Vec<u8>>;

/// Entities of one form.
struct Shape {
    name: &'static str,
    names: Vec<Vec<u8>>,
    value: Values,
}

#[derive(Clone, Copy, Debug)]
enum Ttl {
    None,
    /// All fields of an entity at the same time.
    Row,
    /// Each at a time of its own.
    Each,
}

fn shape(name: &'static str, fields: usize, value: fn(u64) -> String) -> Shape {
    let number = move |entity, field| mix(entity * fields as u64 + field as u64);
    Shape {
        name,
        names: (0..fields)
            .map(|f| format!("feature_{f:03}").into_bytes())
            .collect(),
        value: Box::new(move |entity, field| value(number(entity, field)).into_bytes()),
    }
}

fn shapes() -> Vec<Shape> {
    let workload = Workload::new();
    let names = workload.features.iter().map(|f| f.name.as_bytes().to_vec());
    vec![
        Shape {
            name: "50 mixed",
            names: names.collect(),
            value: Box::new(move |entity, field| workload.value(entity, field).to_vec()),
        },
        shape("10 counts", 10, |n| (n % 1000).to_string()),
        shape("50 counts", 50, |n| (n % 1000).to_string()),
        shape("50 floats", 50, |n| (n as f64 / 2f64.powi(64)).to_string()),
        shape("50 categories", 50, |n| format!("category_{}", n % 100)),
        shape("50 texts", 50, |n| format!("{n:016x}{n:016x}")),
        // A table of its own rather than a row.
        shape("600 counts", 600, |n| (n % 1000).to_string()),
    ]
}

struct Store {
    keyspace: Keyspace,
    shape: Shape,
    keys: Vec<Vec<u8>>,
    shards: ShardSet,
    projection: Projection,
    places: Places,
    out: Vec<u8>,
}

type Pair<'a> = (&'a [u8], &'a [u8]);

fn pairs<'a>(names: &'a [Vec<u8>], values: &'a [Vec<u8>]) -> Vec<Pair<'a>> {
    let slices = |(name, value): (&'a Vec<u8>, &'a Vec<u8>)| (name.as_slice(), value.as_slice());
    names.iter().zip(values).map(slices).collect()
}

impl Store {
    fn new(shape: Shape, ttl: Ttl) -> Store {
        // As many values in all, whatever the shape.
        let entities = ENTITIES * FEATURES as u64 / shape.names.len() as u64;
        let mut store = Store {
            keyspace: Keyspace::new(&Options {
                shards: 256,
                databases: 16,
                seed: 42,
            }),
            keys: (0..entities).map(workload::key).collect(),
            shape,
            shards: ShardSet::default(),
            projection: Projection::default(),
            places: Places::default(),
            out: Vec::new(),
        };
        let names = store.shape.names.clone();
        for entity in 0..entities {
            let values = store.values(entity);
            let created = store.set(entity, &pairs(&names, &values));
            assert_eq!(created, names.len() as u64);
            store.expire(entity, ttl);
        }
        for entity in (0..entities).step_by(997) {
            let expected = store.values(entity).concat();
            assert!(
                store.get(entity, &names) == expected,
                "{}",
                store.shape.name
            );
        }
        // It was of these names; others may come.
        store.projection.clear();
        store
    }

    fn entities(&self) -> u64 {
        self.keys.len() as u64
    }

    fn values(&self, entity: u64) -> Vec<Vec<u8>> {
        let fields = 0..self.shape.names.len();
        fields
            .map(|field| (self.shape.value)(entity, field))
            .collect()
    }

    fn change<R>(&mut self, entity: u64, with: impl FnOnce(&mut Locked<'_>, Key<'_>) -> R) -> R {
        let key = self.keyspace.key(0, &self.keys[entity as usize]);
        self.shards.clear();
        self.shards.insert(&self.keyspace, &key);
        with(&mut self.keyspace.lock(&self.shards, Access::Write), key)
    }

    /// Answers how many fields are new.
    fn set(&mut self, entity: u64, fields: &[Pair<'_>]) -> u64 {
        self.change(entity, |locked, key| {
            let expire = FieldExpire::Keep;
            locked.commit(
                &Mutation::HashSet {
                    key,
                    fields,
                    expire,
                },
                NOW,
            )
        })
    }

    fn expire(&mut self, entity: u64, ttl: Ttl) {
        let names = self.shape.names.clone();
        let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        let at = |of: u64| Some(NOW + HOUR + mix(of) % (24 * HOUR));
        self.change(entity, |locked, key| {
            let mut expire = |fields: &[&[u8]], at| {
                locked.commit(&Mutation::HashExpire { key, fields, at }, NOW);
            };
            match ttl {
                Ttl::None => {}
                Ttl::Row => expire(&names, at(entity)),
                Ttl::Each => {
                    for (n, name) in (0..).zip(&names) {
                        expire(&[name], at(entity << 10 | n));
                    }
                }
            }
        });
    }

    /// The values of these fields, one behind the other.
    fn get(&mut self, entity: u64, names: &[Vec<u8>]) -> &[u8] {
        let key = self.keyspace.key(0, &self.keys[entity as usize]);
        self.shards.clear();
        self.shards.insert(&self.keyspace, &key);
        let locked = self.keyspace.lock(&self.shards, Access::Read);
        let hash = locked.get(&key, NOW).and_then(|entity| entity.hash());
        let names = names.iter().map(Vec::as_slice);
        let (projection, places) = (&mut self.projection, &mut self.places);
        self.out.clear();
        let hash = hash.expect("an entity");
        let out = &mut self.out;
        match hash.project(projection, names.clone(), places) {
            Some(values) => values.for_each(|value| value.expect("a value").append_to(out)),
            // The first of its kind: its names are not a shape yet.
            None => hash.get_many(names, places, |value| {
                value.expect("a value").append_to(out);
            }),
        }
        &self.out
    }
}

fn reads(c: &mut Criterion) {
    let mut group = c.benchmark_group("HMGET");
    for ttl in [Ttl::None, Ttl::Row, Ttl::Each] {
        for shape in shapes() {
            let mut random = Random::new(1);
            let mut store = Store::new(shape, ttl);
            let (entities, all) = (store.entities(), store.shape.names.clone());
            group.throughput(Throughput::Elements(all.len() as u64));
            let id = BenchmarkId::new(store.shape.name, format!("ttl {ttl:?}"));
            group.bench_function(id, |b| {
                b.iter(|| store.get(random.below(entities), black_box(&all)).len());
            });
            if store.shape.name != "50 mixed" {
                continue;
            }
            store.projection.clear();
            group.throughput(Throughput::Elements(10));
            let id = BenchmarkId::new("10 of 50 mixed", format!("ttl {ttl:?}"));
            group.bench_function(id, |b| {
                b.iter(|| {
                    store
                        .get(random.below(entities), black_box(&all[..10]))
                        .len()
                });
            });
        }
    }
    group.finish();
}

fn writes(c: &mut Criterion) {
    let mut group = c.benchmark_group("HSET");
    for ttl in [Ttl::None, Ttl::Row, Ttl::Each] {
        for shape in shapes() {
            let mut random = Random::new(1);
            let mut store = Store::new(shape, ttl);
            let (entities, names) = (store.entities(), store.shape.names.clone());
            // Those of others, made before: writing is measured, not making.
            let values: Vec<_> = (0..64).map(|n| store.values(n)).collect();
            let written: Vec<_> = values.iter().map(|values| pairs(&names, values)).collect();
            let name = store.shape.name;
            for (what, fields) in [("one of", 1), ("all of", names.len())] {
                group.throughput(Throughput::Elements(fields as u64));
                let id = BenchmarkId::new(format!("{what} {name}"), format!("ttl {ttl:?}"));
                group.bench_function(id, |b| {
                    b.iter(|| {
                        let written = &written[random.below(64) as usize][..fields];
                        let created = store.set(random.below(entities), black_box(written));
                        assert_eq!(created, 0);
                    });
                });
            }
            store.set(3, &written[7]);
            assert!(store.get(3, &names) == values[7].concat(), "{name}");
        }
    }
    group.finish();
}

fn config() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = benches;
    config = config();
    targets = reads, writes
}
criterion_main!(benches);
