//! The workload of the benchmarks: entities of 50 features, as a feature view has them; 20 counts,
//! 20 floats of 6 to 17 significant digits, 8 categories, 2 flags.
//!
//! Invariant: everything follows from constants, so two runs, and two servers, get the same data,
//! and what a server must answer is known without asking it.

// Each benchmark uses its own part of this module.
#![allow(dead_code)]

mod decimal;
mod names;
mod pool;
pub mod random;

use names::{BOOLS, FLOATS, INTS, TEXTS};
use pool::Pool;
use random::{Random, mix};

/// Features of an entity.
pub const FEATURES: usize = 50;

/// Digits of the number in a key.
pub const KEY_DIGITS: usize = 12;

const KEY_PREFIX: &[u8] = b"A:user:";

const SEED: u64 = 20_241_101;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Int,
    Float,
    Text,
    Bool,
}

pub struct Feature {
    pub name: &'static str,
    pub kind: Kind,
    /// As a bulk string.
    name_bulk: Vec<u8>,
    pool: Pool,
}

/// See the module.
pub struct Workload {
    /// In the order in which they are written.
    pub features: Vec<Feature>,
}

/// The key of an entity.
pub fn key(entity: u64) -> Vec<u8> {
    let mut key = KEY_PREFIX.to_vec();
    key.extend(format!("{entity:0KEY_DIGITS$}").bytes());
    key
}

/// Append a bulk string.
pub fn put_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(format!("${}\r\n", bytes.len()).bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

impl Workload {
    pub fn new() -> Workload {
        let random = &mut Random::new(SEED);
        let ints = INTS
            .iter()
            .map(|(name, mean)| (*name, Kind::Int, Pool::ints(random, *mean)));
        let mut features: Vec<_> = ints.collect();
        for (at, (name, digits)) in FLOATS.iter().enumerate() {
            // Amounts and times, and some others; the rest are rates.
            let is_amount = at < 6 || at == 16 || at == 18;
            let pool = Pool::floats(random, *digits, is_amount);
            features.push((*name, Kind::Float, pool));
        }
        for (name, words) in TEXTS {
            features.push((*name, Kind::Text, Pool::texts(random, *words)));
        }
        for name in BOOLS {
            features.push((*name, Kind::Bool, Pool::bools(random)));
        }
        // Kinds take turns, as in a real view.
        random.shuffle(&mut features);
        let features = features.into_iter().map(|(name, kind, pool)| {
            let mut name_bulk = Vec::new();
            put_bulk(&mut name_bulk, name.as_bytes());
            Feature {
                name,
                kind,
                name_bulk,
                pool,
            }
        });
        let features: Vec<Feature> = features.collect();
        assert_eq!(features.len(), FEATURES);
        Workload { features }
    }

    /// What an entity has of a feature, by its place.
    pub fn value(&self, entity: u64, feature: usize) -> &[u8] {
        self.features[feature].pool.value(draw(entity, feature))
    }

    /// The same, as a bulk string.
    pub fn bulk(&self, entity: u64, feature: usize) -> &[u8] {
        self.features[feature].pool.bulk(draw(entity, feature))
    }

    pub fn place(&self, name: &str) -> usize {
        let place = self
            .features
            .iter()
            .position(|feature| feature.name == name);
        place.expect("a feature of this name")
    }

    /// The places in another order than that in which they are written, always the same.
    pub fn asked(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..FEATURES).collect();
        Random::new(7).shuffle(&mut places);
        places
    }

    /// Append the HSET of an entity, with all its features.
    pub fn put_hset(&self, entity: u64, out: &mut Vec<u8>) {
        out.extend(format!("*{}\r\n$4\r\nHSET\r\n", 2 + 2 * FEATURES).bytes());
        put_bulk(out, &key(entity));
        for (place, feature) in self.features.iter().enumerate() {
            out.extend_from_slice(&feature.name_bulk);
            out.extend_from_slice(self.bulk(entity, place));
        }
    }

    /// Append what HMGET of these features answers.
    pub fn put_values(&self, entity: u64, places: &[usize], out: &mut Vec<u8>) {
        out.extend(format!("*{}\r\n", places.len()).bytes());
        for place in places {
            out.extend_from_slice(self.bulk(entity, *place));
        }
    }

    /// Append what HGETALL answers.
    pub fn put_all(&self, entity: u64, out: &mut Vec<u8>) {
        out.extend(format!("*{}\r\n", 2 * FEATURES).bytes());
        for (place, feature) in self.features.iter().enumerate() {
            out.extend_from_slice(&feature.name_bulk);
            out.extend_from_slice(self.bulk(entity, place));
        }
    }

    /// Bytes of the values of an entity, as text.
    pub fn text_bytes(&self, entity: u64) -> usize {
        (0..FEATURES)
            .map(|place| self.value(entity, place).len())
            .sum()
    }
}

fn draw(entity: u64, feature: usize) -> u64 {
    mix(SEED ^ (entity * FEATURES as u64 + feature as u64))
}
