//! Forms of the same entities: with times to live, and as Feast writes them.

use crate::workload::random::mix;
use crate::workload::{FEATURES, Kind, Workload, key, put_bulk};
use fieldstone::resp::write_request;

const HOUR_MILLIS: u64 = 3_600_000;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Plain,
    /// The key expires.
    KeyTtl,
    /// All fields expire at the same time.
    RowTtl,
    /// Every field expires at a time of its own.
    EachTtl,
    /// Names are hashes of 4 bytes, values protobuf, and there is the time of the row.
    Feast,
}

pub struct Layout<'a> {
    pub form: Form,
    pub workload: &'a Workload,
}

/// Some time from one to 25 hours, in milliseconds.
fn ttl(of: u64) -> String {
    (HOUR_MILLIS + mix(of) % (24 * HOUR_MILLIS)).to_string()
}

impl Layout<'_> {
    /// Fields of an entity.
    pub fn fields(&self) -> usize {
        FEATURES + usize::from(self.form == Form::Feast)
    }

    pub fn key(&self, entity: u64) -> Vec<u8> {
        match self.form {
            Form::Feast => feast_key(entity),
            _ => key(entity),
        }
    }

    /// The replies to what [`Layout::put`] writes of an entity.
    pub fn reply(&self) -> Vec<u8> {
        let created = format!(":{}\r\n", self.fields()).into_bytes();
        let rest = match self.form {
            Form::Plain | Form::Feast => Vec::new(),
            Form::KeyTtl => b":1\r\n".to_vec(),
            Form::RowTtl => [b"*50\r\n".to_vec(), b":1\r\n".repeat(FEATURES)].concat(),
            Form::EachTtl => b"*1\r\n:1\r\n".repeat(FEATURES),
        };
        [created, rest].concat()
    }

    /// Append what writes an entity.
    pub fn put(&self, entity: u64, out: &mut Vec<u8>) {
        if self.form == Form::Feast {
            return put_feast(self.workload, entity, out);
        }
        self.workload.put_hset(entity, out);
        let key = key(entity);
        let names = self
            .workload
            .features
            .iter()
            .map(|feature| feature.name.as_bytes());
        match self.form {
            Form::Plain | Form::Feast => {}
            Form::KeyTtl => write_request(out, &[b"PEXPIRE", &key, ttl(entity).as_bytes()]),
            Form::RowTtl => {
                let at = ttl(entity);
                let mut words = vec![b"HPEXPIRE", &*key, at.as_bytes(), b"FIELDS", b"50"];
                words.extend(names);
                write_request(out, &words);
            }
            Form::EachTtl => {
                for (place, name) in (0..).zip(names) {
                    let at = ttl(entity * FEATURES as u64 + place);
                    let words = [b"HPEXPIRE", &*key, at.as_bytes(), b"FIELDS", b"1", name];
                    write_request(out, &words);
                }
            }
        }
    }

    /// What HMGET of all fields is, and must answer.
    pub fn read(&self, entity: u64) -> (Vec<u8>, Vec<u8>) {
        let fields = match self.form {
            Form::Feast => feast_fields(self.workload, entity),
            _ => {
                let plain = |(place, feature): (usize, &crate::workload::Feature)| {
                    let value = self.workload.value(entity, place).to_vec();
                    (feature.name.as_bytes().to_vec(), value)
                };
                self.workload
                    .features
                    .iter()
                    .enumerate()
                    .map(plain)
                    .collect()
            }
        };
        let key = self.key(entity);
        let mut words: Vec<&[u8]> = vec![b"HMGET", &key];
        words.extend(fields.iter().map(|(name, _)| name.as_slice()));
        let mut request = Vec::new();
        write_request(&mut request, &words);
        let mut reply = format!("*{}\r\n", fields.len()).into_bytes();
        fields
            .iter()
            .for_each(|(_, value)| put_bulk(&mut reply, value));
        (request, reply)
    }

    /// Bytes of the values of an entity, on average.
    pub fn value_bytes(&self) -> f64 {
        const SAMPLES: u64 = 10_000;
        let bytes = |entity: u64| match self.form {
            Form::Feast => {
                let fields = feast_fields(self.workload, entity);
                fields.iter().map(|(_, value)| value.len()).sum()
            }
            _ => self.workload.text_bytes(entity),
        };
        (0..SAMPLES).map(bytes).sum::<usize>() as f64 / SAMPLES as f64
    }
}

/// The join key of an entity, its value and the project, as Feast serializes them.
fn feast_key(entity: u64) -> Vec<u8> {
    let mut key = 2u32.to_le_bytes().to_vec();
    key.extend_from_slice(b"user_id");
    key.extend_from_slice(&4u32.to_le_bytes());
    key.extend_from_slice(&8u32.to_le_bytes());
    key.extend_from_slice(&entity.to_le_bytes());
    key.extend_from_slice(b"online");
    key
}

fn put_feast(workload: &Workload, entity: u64, out: &mut Vec<u8>) {
    let (key, fields) = (feast_key(entity), feast_fields(workload, entity));
    let mut words: Vec<&[u8]> = vec![b"HSET", &key];
    words.extend(
        fields
            .iter()
            .flat_map(|(name, value)| [name.as_slice(), value]),
    );
    write_request(out, &words);
}

fn feast_fields(workload: &Workload, entity: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    let feature = |(place, feature): (usize, &crate::workload::Feature)| {
        let name = mix(place as u64) as u32;
        let value = feast_value(feature.kind, workload.value(entity, place));
        (name.to_le_bytes().to_vec(), value)
    };
    let features = workload.features.iter().enumerate().map(feature);
    // A timestamp of protobuf: seconds.
    let mut time = vec![0x08];
    put_varint(&mut time, 1_700_000_000 + mix(entity) % 86_400);
    features
        .chain([(b"_ts:user_features".to_vec(), time)])
        .collect()
}

/// A `feast.types.Value`: the tag of its kind, and the value.
fn feast_value(kind: Kind, text: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(text).expect("text");
    let mut value = Vec::new();
    match kind {
        Kind::Text => {
            value.extend_from_slice(&[0x12, text.len() as u8]);
            value.extend_from_slice(text.as_bytes());
        }
        Kind::Int => {
            value.push(0x20);
            put_varint(&mut value, text.parse().expect("a number"));
        }
        Kind::Float => {
            let x: f64 = text.parse().expect("a number");
            value.push(0x29);
            value.extend_from_slice(&x.to_le_bytes());
        }
        Kind::Bool => value.extend_from_slice(&[0x38, u8::from(text == "1")]),
    }
    value
}

fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}
