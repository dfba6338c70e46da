//! Batches loaded and published over a connection.

#[path = "file.rs"]
mod file;

use super::support::{Connection, Value};
pub use file::{Begun, Load};

/// Bytes of one FS.BATCH WRITE.
const CHUNK_BYTES: usize = 100_000;

pub fn begin(c: &mut Connection, view: &str) -> Begun {
    let begun = c.call(&["FS.BATCH", "BEGIN", view]);
    let entry = |name: &str| {
        begun
            .entry(name)
            .unwrap_or_else(|| panic!("no {name}: {begun:?}"))
    };
    Begun {
        number: entry("number").integer(),
        seed: u64::from_str_radix(&entry("seed").text(), 16).expect("a seed"),
        shards: entry("shards").integer() as usize,
    }
}

impl Load<'_> {
    /// All of it; answers what PUBLISH did.
    pub fn publish(&self, c: &mut Connection, rows: &[(String, Vec<Option<String>>)]) -> Value {
        self.publish_with(c, rows, None)
    }

    /// The same, all values expiring then.
    pub fn publish_with(
        &self,
        c: &mut Connection,
        rows: &[(String, Vec<Option<String>>)],
        expire_at: Option<u64>,
    ) -> Value {
        self.publish_as(c, rows, expire_at, &["ALLOW-EMPTY", "ALLOW-SHRINK"])
    }

    /// The same, with these options: whatever it takes from the view, unless they say so.
    pub fn publish_as(
        &self,
        c: &mut Connection,
        rows: &[(String, Vec<Option<String>>)],
        expire_at: Option<u64>,
        options: &[&str],
    ) -> Value {
        let begun = begin(c, self.view);
        let file = self.file(&begun, rows, expire_at);
        upload(c, begun.number, &file);
        let number = begun.number.to_string();
        c.call(&[&["FS.BATCH", "PUBLISH", &number], options].concat())
    }
}

pub fn upload(c: &mut Connection, number: i64, file: &[u8]) {
    let number = number.to_string();
    let mut at = 0;
    for chunk in file.chunks(CHUNK_BYTES) {
        let offset = at.to_string();
        let words: [&[u8]; 5] = [
            b"FS.BATCH",
            b"WRITE",
            number.as_bytes(),
            offset.as_bytes(),
            chunk,
        ];
        at += chunk.len();
        assert_eq!(c.call(&words).integer(), at as i64);
    }
}
