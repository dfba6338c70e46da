//! The file of a batch: rows of one view for every shard, with their own catalog.
//!
//! ```text
//! as a row file, of shard 2^32 - 1 and LSN 0, with this directory:
//! view text | key text | db u32 | mode u32: 0 upsert, 1 replace | names u32, so many texts |
//! catalog text | shards u32, so many sections
//! text:    length u32 | bytes
//! section: blocks at u64, bytes u64 | buckets at u64, count u64 | dues at u64, count u64 |
//!          entries u64
//! ```
//!
//! Invariant: reading is total, as that of a row file.

use super::read::Reader;
use super::write::put_place;
use super::{Damage, RowFile, Writer};
use crate::engine::Place;
use bytes::Bytes;
use std::io;

const SHARD: u32 = u32::MAX;
const PLACE_BYTES: usize = 7 * 8;

/// The name of the file of a number.
pub fn name(number: u64) -> String {
    format!("batch-{number:012}")
}

/// The number of a file of this name.
pub fn number(file: &str) -> Option<u64> {
    let number = file.strip_prefix("batch-")?.parse().ok()?;
    // A number has one name only.
    (name(number) == file).then_some(number)
}

/// What a file says of its batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub view: String,
    /// The template of the keys that may have features of the view.
    pub key: String,
    pub db: u8,
    /// Takes the features from keys that it does not have.
    pub replace: bool,
    /// The features of the view.
    pub names: Vec<Vec<u8>>,
    pub catalog: Vec<u8>,
    /// Of each shard.
    pub places: Vec<Place>,
}

/// An open file of a batch.
#[derive(Debug)]
pub struct BatchFile {
    pub file: RowFile,
    pub facts: Facts,
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) -> io::Result<()> {
    let len = u32::try_from(text.len()).map_err(io::Error::other)?;
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(text);
    Ok(())
}

/// Write what follows the sections, and make the file safe, but for its name; answers its length.
pub fn finish(writer: Writer<'_>, facts: &Facts) -> io::Result<u64> {
    let mut out = Vec::new();
    put_text(&mut out, facts.view.as_bytes())?;
    put_text(&mut out, facts.key.as_bytes())?;
    out.extend_from_slice(&u32::from(facts.db).to_le_bytes());
    out.extend_from_slice(&u32::from(facts.replace).to_le_bytes());
    let count = |n: usize| u32::try_from(n).map_err(io::Error::other);
    out.extend_from_slice(&count(facts.names.len())?.to_le_bytes());
    for name in &facts.names {
        put_text(&mut out, name)?;
    }
    put_text(&mut out, &facts.catalog)?;
    out.extend_from_slice(&count(facts.places.len())?.to_le_bytes());
    for place in &facts.places {
        put_place(&mut out, place);
    }
    writer.finish_with(SHARD, 0, &out)
}

impl Reader<'_> {
    fn text(&mut self) -> Option<Vec<u8>> {
        let len = self.count(1)?;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(text.to_vec())
    }

    fn facts(&mut self) -> Option<Facts> {
        let view = String::from_utf8(self.text()?).ok()?;
        let key = String::from_utf8(self.text()?).ok()?;
        let db = u8::try_from(self.u32()?).ok()?;
        let replace = match self.u32()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let mut names = Vec::new();
        for _ in 0..self.count(4)? {
            names.push(self.text()?);
        }
        let catalog = self.text()?;
        let mut places = Vec::new();
        for _ in 0..self.count(PLACE_BYTES)? {
            places.push(self.place()?);
        }
        Some(Facts {
            view,
            key,
            db,
            replace,
            names,
            catalog,
            places,
        })
    }
}

impl BatchFile {
    /// Open the file of this number.
    pub fn open(bytes: Bytes, number: u64) -> Result<BatchFile, Damage> {
        let (file, directory) = RowFile::sealed(bytes, number)?;
        if file.shard != SHARD {
            return Err(Damage::Directory);
        }
        let facts = Reader(&directory).facts().ok_or(Damage::Directory)?;
        Ok(BatchFile { file, facts })
    }
}
