//! What is asked of the servers: the requests of a test, and what must be answered.

use crate::replies::Replies;
use crate::request::{NUMBER, Request};
use crate::workload::random::{Random, mix};
use crate::workload::{FEATURES, Workload};

/// The entity whose values are written over those of others; it is not there itself.
const WRITTEN: u64 = 1 << 40;

/// The feature that HSET of one writes, and of which every write has other bytes.
const CHANGING: &str = "click_rate_7d";

/// A value of a string.
const STRING_BYTES: usize = 64;

/// Strings that one MGET asks for.
const MGET_KEYS: usize = 100;

#[derive(Clone)]
pub enum Ask {
    /// Of these features.
    Hmget(Vec<usize>),
    Hgetall,
    Get,
    Mget,
    HsetAll,
    HsetOne,
    Set,
}

pub fn entity_key() -> Vec<u8> {
    [b"A:user:", NUMBER].concat()
}

pub fn string_key() -> Vec<u8> {
    [b"s:", NUMBER].concat()
}

/// The value of a string.
pub fn string(number: u64) -> Vec<u8> {
    let parts = [1, 2, 3, 4].map(|part| format!("{:016x}", mix(number << 3 | part)));
    let text = parts.concat();
    assert_eq!(text.len(), STRING_BYTES);
    text.into_bytes()
}

fn changed() -> Vec<u8> {
    [b"0.", NUMBER].concat()
}

impl Ask {
    pub fn is_write(&self) -> bool {
        matches!(self, Ask::HsetAll | Ask::HsetOne | Ask::Set)
    }

    pub fn words(&self, workload: &Workload) -> Vec<Vec<u8>> {
        let name = |place: usize| workload.features[place].name.as_bytes().to_vec();
        match self {
            Ask::Hmget(places) => {
                let names = places.iter().map(|place| name(*place));
                [b"HMGET".to_vec(), entity_key()]
                    .into_iter()
                    .chain(names)
                    .collect()
            }
            Ask::Hgetall => vec![b"HGETALL".to_vec(), entity_key()],
            Ask::Get => vec![b"GET".to_vec(), string_key()],
            Ask::Mget => {
                let mut words = vec![b"MGET".to_vec()];
                words.resize(1 + MGET_KEYS, string_key());
                words
            }
            Ask::HsetAll => {
                let changing = workload.place(CHANGING);
                let pairs = (0..FEATURES).flat_map(|place| match place == changing {
                    true => [name(place), changed()],
                    false => [name(place), workload.value(WRITTEN, place).to_vec()],
                });
                [b"HSET".to_vec(), entity_key()]
                    .into_iter()
                    .chain(pairs)
                    .collect()
            }
            Ask::HsetOne => {
                let words = [b"HSET".to_vec(), entity_key(), CHANGING.into(), changed()];
                words.to_vec()
            }
            Ask::Set => vec![b"SET".to_vec(), string_key(), vec![b'v'; STRING_BYTES]],
        }
    }

    pub fn request(&self, workload: &Workload, keyspace: u64) -> Request {
        Request::new(&self.words(workload), keyspace)
    }

    /// The same fields in another order.
    pub fn reordered(&self, workload: &Workload, keyspace: u64, random: &mut Random) -> Request {
        let mut words = self.words(workload);
        random.shuffle(&mut words[2..]);
        Request::new(&words, keyspace)
    }

    pub fn replies(&self, workload: &Workload, keyspace: u64) -> Replies {
        match self {
            Ask::Hmget(places) => Replies::values(workload, keyspace, places),
            Ask::Hgetall => Replies::all(workload, keyspace),
            _ => Replies::fixed(&self.reply(workload, &[0; MGET_KEYS])),
        }
    }

    /// The reply to the request with these numbers, while all is as it was loaded.
    pub fn reply(&self, workload: &Workload, numbers: &[u64]) -> Vec<u8> {
        let mut reply = Vec::new();
        match self {
            Ask::Hmget(places) => workload.put_values(numbers[0], places, &mut reply),
            Ask::Hgetall => workload.put_all(numbers[0], &mut reply),
            Ask::Get => crate::workload::put_bulk(&mut reply, &string(numbers[0])),
            Ask::Mget => {
                reply.extend(format!("*{}\r\n", numbers.len()).bytes());
                for number in numbers {
                    crate::workload::put_bulk(&mut reply, &string(*number));
                }
            }
            // All fields are there.
            Ask::HsetAll | Ask::HsetOne => reply.extend_from_slice(b":0\r\n"),
            Ask::Set => reply.extend_from_slice(b"+OK\r\n"),
        }
        reply
    }

    /// Whether what is there may be what this wrote; the rest is what was loaded.
    pub fn may_write(&self, workload: &Workload, place: usize, value: &[u8]) -> bool {
        if place == workload.place(CHANGING) {
            return value.len() == 2 + NUMBER.len() && value.starts_with(b"0.000");
        }
        matches!(self, Ask::HsetAll) && value == workload.value(WRITTEN, place)
    }

    /// What there is of an entity after this, written with these numbers.
    pub fn written(&self, workload: &Workload, numbers: &[u64]) -> Vec<Vec<u8>> {
        let changing = workload.place(CHANGING);
        let value = |place: usize| match self {
            _ if place == changing => format!("0.{:012}", numbers[1]).into_bytes(),
            Ask::HsetAll => workload.value(WRITTEN, place).to_vec(),
            _ => workload.value(numbers[0], place).to_vec(),
        };
        (0..FEATURES).map(value).collect()
    }
}
