//! The reader of `DUMP` payloads, behind a seal that is always right.
//!
//! ```text
//! input: version u8, type and body of a payload
//! ```
//!
//! Checked: a value that is accepted is written and read back as the same; a hash has a field, and
//! times are such as the engine can store.

use super::input::Input;
use crate::rdb::{self, HashWriter, Value, dump_string, seal};

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let version = u16::from(input.u8() % 16);
    let Ok(value) = rdb::parse(&seal(input.rest().to_vec(), version)) else {
        return;
    };
    let written = match &value {
        Value::String(bytes) => dump_string(bytes),
        Value::Hash(fields) => {
            assert!(fields.iter().next().is_some(), "a hash without a field");
            let mut times = fields.iter().filter_map(|field| field.expire_at);
            assert!(times.all(|at| at < 1 << 48), "a time without end");
            let expire_min = fields.iter().filter_map(|field| field.expire_at).min();
            let mut writer = HashWriter::new(fields.iter().count(), expire_min);
            for field in fields.iter() {
                writer.field(field.name, field.value, field.expire_at);
            }
            writer.finish()
        }
    };
    assert_eq!(rdb::parse(&written), Ok(value));
}
