//! Writing the rows of a table with layers above it: each is written as all of them together say.
//!
//! Invariants
//! - What is written is complete as of the LSN of the frozen table, so no layer up to there is
//!   looked at for it any more.
//! - A section that is complete holds the entities too that only layers have.

use super::Millis;
use super::catalog::Catalog;
use super::checkpoint::{SectionPlace, damaged};
use super::layer::{Over, Part};
use super::level::{Aligned, Form};
use super::projection::Relation;
use super::row::{self, Row, Rows};
use super::sealed::Body;
use super::section::{Sink, Writer};
use super::table::{Slots, write_folded};
use std::io;

/// Names that came to be entities, or ceased to be, by what layers say of them.
#[derive(Default)]
pub struct Transitions {
    /// With the LSN of when each was gone, if it was.
    pub born: Vec<(Box<[u8]>, u64)>,
    pub died: Vec<Box<[u8]>>,
    /// Those that lost the expiry of the key.
    pub freed: Vec<Box<[u8]>>,
}

/// What is folded: levels, the newest first, and layers above them.
pub struct Fold<'a> {
    pub levels: &'a [Body<Rows>],
    pub parts: &'a [Part],
    pub complete: bool,
    pub aligned: Aligned<'a>,
    pub catalog: &'a Catalog,
}

/// Tells how long a block is and when it is due.
pub type Inspect<'a> = dyn Fn(&[u8]) -> Option<(usize, Millis)> + 'a;

/// Hash, place among levels and then layers, reference.
type Entry = (u64, u32, u32);

impl<'a> Fold<'a> {
    fn body(&self, place: u32) -> Option<&'a Body<Rows>> {
        let place = place as usize;
        let layer = || self.parts.get(place - self.levels.len());
        self.levels
            .get(place)
            .or_else(|| Some(&layer()?.level.body))
    }

    fn block(&self, (_, place, reference): &Entry) -> &'a [u8] {
        self.body(*place).map_or(&[], |body| body.get(*reference))
    }

    /// All entries, in hash order, the newest of a name first.
    fn entries(&self) -> Vec<Entry> {
        let layers = if self.complete { self.parts } else { &[] };
        let bodies = self.levels.iter();
        let bodies = bodies.chain(layers.iter().map(|part| &part.level.body));
        let mut entries = Vec::new();
        for (place, body) in (0..).zip(bodies) {
            let hash_of = |reference| self.aligned.of(Rows::name(body.get(reference)));
            entries.extend(body.entries().map(|r| (hash_of(r), place, r)));
        }
        entries.sort_unstable();
        entries
    }

    /// Write them all.
    pub fn write(
        &self,
        sink: &mut dyn Sink,
        transitions: &mut Transitions,
        inspect: &Inspect<'_>,
    ) -> io::Result<SectionPlace> {
        let mut writer = Writer::new(sink)?;
        let mut scratch = Vec::new();
        for same in self.entries().chunk_by(|a, b| a.0 == b.0) {
            for (n, entry) in same.iter().enumerate() {
                let name = Rows::name(self.block(entry));
                if same[..n].iter().any(|e| Rows::name(self.block(e)) == name) {
                    continue;
                }
                if let Some(payload) = self.folded(entry, name, &mut scratch, transitions)? {
                    let known = inspect(payload);
                    let (len, due) = known.ok_or_else(|| damaged("a row cannot be read"))?;
                    let payload = payload.get(..len);
                    let payload = payload.ok_or_else(|| damaged("a row is cut short"))?;
                    writer.put(entry.0, payload, due)?;
                }
            }
        }
        let place = writer.finish()?;
        Ok(SectionPlace {
            complete: self.complete,
            place,
        })
    }

    /// What is to be written of a name of which this is the newest entry.
    fn folded<'s>(
        &'s self,
        entry: &Entry,
        name: &[u8],
        scratch: &'s mut Vec<u8>,
        transitions: &mut Transitions,
    ) -> io::Result<Option<&'s [u8]>> {
        let (hash, place, reference) = *entry;
        let block = self.block(entry);
        let of_layer = place as usize >= self.levels.len();
        let is_gone = of_layer || Rows::is_gone(block);
        let base: Option<Row<'_>> = match is_gone {
            true => None,
            false => Some(
                row::read(block, &self.catalog.shapes)
                    .ok_or_else(|| damaged("a row cannot be read"))?,
            ),
        };
        let lsn = match self.body(place) {
            Some(body) if !of_layer => body.lsn(reference),
            _ => 0,
        };
        let over = Over::new(
            self.parts,
            (name, hash),
            (base.as_ref(), lsn),
            self.catalog,
            &mut |_| Relation::Some,
        );
        let Some(over) = over else {
            let is_nothing = of_layer || (self.complete && is_gone);
            return Ok((!is_nothing).then_some(block));
        };
        let expired = base.is_some_and(|row| row.expire_at.is_some());
        let mut slots = Slots::new();
        over.walk(&mut |name, seen| slots.extend(seen.slot(name, self.catalog)));
        if expired && (over.expire_at.is_none() || slots.is_empty()) {
            transitions.freed.push(name.into());
        }
        if slots.is_empty() {
            if base.is_some() {
                transitions.died.push(name.into());
            }
            if self.complete {
                return Ok(None);
            }
            scratch.clear();
            Rows::write_gone(scratch, name);
            return Ok(Some(scratch));
        }
        if base.is_none() {
            transitions.born.push((name.into(), lsn));
        }
        write_folded(scratch, name, &over, &slots, self.catalog);
        Ok(Some(scratch))
    }
}
