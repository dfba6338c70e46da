//! What all shards share and rows refer to: the hash, the shapes, the dictionary.
//!
//! ```text
//! as bytes: count, count x (count of names, so many names) | count, count x value
//! name, value: varint length, bytes; count: varint
//! ```
//!
//! Shapes and values have their places as ids: the first one is 0.

use super::bytes::{Reader, put_varint};
use super::dictionary::{self, Dictionary};
use super::hasher::Hasher;
use super::shape::Shapes;

pub struct Catalog {
    pub hasher: Hasher,
    pub shapes: Shapes,
    pub dictionary: Dictionary,
}

impl Catalog {
    pub fn new(seed: u64) -> Catalog {
        Catalog {
            hasher: Hasher::new(seed),
            shapes: Shapes::new(),
            dictionary: Dictionary::new(),
        }
    }

    /// All shapes and values there are now: whatever rows that are there refer to.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let shapes = self.shapes.len();
        put_varint(&mut out, shapes);
        for shape in (0..shapes).filter_map(|id| self.shapes.get(id as u16)) {
            put_varint(&mut out, shape.len());
            for position in 0..shape.len() {
                put_varint(&mut out, shape.name(position).len());
                out.extend_from_slice(shape.name(position));
            }
        }
        let values = self.dictionary.len();
        put_varint(&mut out, values);
        for text in (0..values).filter_map(|id| self.dictionary.text(id as u16)) {
            put_varint(&mut out, dictionary::len(text));
            out.extend_from_slice(text.get(..dictionary::len(text)).unwrap_or_default());
        }
        out
    }

    /// Take them back, into a catalog that has none; `None` if the bytes are no catalog.
    pub fn read(&self, bytes: &[u8]) -> Option<()> {
        let mut reader = Reader(bytes);
        for id in 0..reader.varint()? {
            let count = reader.varint()?;
            let mut names = Vec::new();
            for _ in 0..count {
                names.push(reader.text()?);
            }
            if usize::from(self.shapes.restore(&names, &self.hasher)?) != id {
                return None;
            }
        }
        for id in 0..reader.varint()? {
            if usize::from(self.dictionary.restore(reader.text()?)?) != id {
                return None;
            }
        }
        reader.0.is_empty().then_some(())
    }
}
