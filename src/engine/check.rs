//! Whether a file can be what a checkpoint wrote: every byte of its sections is looked at.
//!
//! Invariant: reading a file that passes gives what its writer had, whatever is read and in
//! whatever order. What of it older files decide is not looked at.

use super::Millis;
use super::big::{self, Fields};
use super::catalog::Catalog;
use super::checkpoint::{BigPlace, Opened, OpenedTable, ShardFile, TablePlace};
use super::entity::Field;
use super::keyspace::Keyspace;
use super::layer::Batch;
use super::level::{Aligned, Form};
use super::row::{self, Body, Packed, Rows};
use super::section::{ALIGN, Place, Section};
use super::ttl::TIME_END;
use std::collections::HashSet;

fn claim(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl Keyspace {
    /// Look at every row of a file of this shard: each is found, can be read, and is where it
    /// belongs. Answers what is wrong.
    pub fn check_file(&self, shard: usize, file: &ShardFile<'_>) -> Result<(), String> {
        let opened = Opened::new(file).map_err(|error| error.to_string())?;
        check_places(file.tables)?;
        for table in &opened.tables {
            self.check_rows(shard, table)?;
            for place in &table.place.bigs {
                let fields = table.bigs.get(&place.id);
                let fields = fields.ok_or_else(|| format!("there is no big hash {}", place.id))?;
                self.check_fields(place, fields)?;
            }
        }
        Ok(())
    }

    fn check_rows(&self, shard: usize, table: &OpenedTable<'_>) -> Result<(), String> {
        let (catalog, rows, place) = (&self.catalog, &*table.rows, table.place);
        let aligned = self.aligned(self.shard_bits);
        rows.check(aligned)?;
        let mut seen = Seen::default();
        for reference in rows.entries() {
            let block = rows.get(reference);
            let due = check_row(block, table, catalog, &mut seen);
            let due = due.ok_or_else(|| format!("the row at {reference} cannot be read"))?;
            let is_here = self.shard_of(catalog.hasher.hash(Rows::name(block))) == shard;
            claim(is_here, || {
                format!("the row at {reference} is of another shard")
            })?;
            check_due(rows, aligned, block, due)?;
        }
        if place.rows.complete {
            let found = (seen.rows, seen.expiring, seen.bigs.len(), seen.gone);
            let (len, expiring) = (place.len, place.expiring);
            let said = (len, expiring, place.bigs.len(), 0);
            claim(found == said, || format!("of rows, {found:?} are {said:?}"))?;
        }
        claim(seen.bigs.len() <= place.bigs.len(), || {
            "two rows have the same fields".to_owned()
        })
    }

    fn check_fields(&self, place: &BigPlace, fields: &Section<Fields>) -> Result<(), String> {
        let aligned = self.aligned(0);
        fields.check(aligned)?;
        let mut live = 0;
        for reference in fields.entries() {
            let block = fields.get(reference);
            let due = match Fields::is_gone(block) {
                true => big::inspect(block).map(|(_, due)| due),
                false => big::value(block, &self.catalog.dictionary).and_then(|()| {
                    live += 1;
                    Some(big::inspect(block)?.1)
                }),
            };
            let due = due.ok_or_else(|| format!("the field at {reference} cannot be read"))?;
            check_due(fields, aligned, block, due)?;
        }
        let whole = place.len == live && live as usize == fields.len();
        claim(place.len > 0 && (whole || !place.fields.complete), || {
            format!("{live} fields of {}", place.len)
        })
    }
}

/// What was seen of the rows of a table.
#[derive(Default)]
struct Seen {
    rows: u64,
    expiring: u64,
    gone: u64,
    bigs: HashSet<u32>,
}

/// When this row is due; `None` if it is none.
fn check_row(
    block: &[u8],
    table: &OpenedTable<'_>,
    catalog: &Catalog,
    seen: &mut Seen,
) -> Option<Millis> {
    let len = row::extent(block, &catalog.shapes)?;
    block.get(..len)?;
    if Rows::is_gone(block) {
        seen.gone += 1;
        return Some(Millis::MAX);
    }
    let row = row::read(block, &catalog.shapes)?;
    let fields = match row.body {
        Body::String(_) => None,
        Body::Big(id) => {
            let mut bigs = table.place.bigs.iter();
            let hash = catalog.hasher.hash(row.key);
            let owned = bigs.any(|big| big.id == id && big.hash == hash);
            (owned && seen.bigs.insert(id)).then_some(())?;
            None
        }
        Body::Packed(packed) => check_packed(&packed, catalog)?,
    };
    seen.rows += 1;
    seen.expiring += u64::from(row.expire_at.is_some());
    let due = fields.unwrap_or(Millis::MAX);
    Some(due.min(row.expire_at.unwrap_or(Millis::MAX)))
}

/// A row of a batch, for who has a say in what it may hold.
pub struct BatchRow<'a> {
    pub key: &'a [u8],
    packed: Packed<'a>,
    catalog: &'a Catalog,
}

impl<'a> BatchRow<'a> {
    /// Its fields, in the order of their names in the batch.
    pub fn for_each(&self, mut visit: impl FnMut(Field<'a>)) {
        let stamps = self.packed.stamps;
        self.packed
            .walk(&self.catalog.dictionary, |rank, name, value| {
                let expire_at = stamps.and_then(|stamps| stamps.get(rank));
                visit(Field {
                    name,
                    value,
                    expire_at,
                });
            });
    }
}

/// What else is asked of each row of a batch; an error says what is wrong with it.
pub type RowRule<'r> = dyn Fn(&BatchRow<'_>) -> Result<(), String> + Sync + 'r;

/// The row, if this can be one of a batch.
pub fn check_row_of_batch<'a>(
    section: &Section<Rows>,
    aligned: Aligned<'_>,
    block: &'a [u8],
    batch: &'a Batch,
) -> Option<BatchRow<'a>> {
    let catalog = batch.catalog();
    block.get(..row::extent(block, &catalog.shapes)?)?;
    let row = row::read(block, &catalog.shapes)?;
    let Body::Packed(packed) = row.body else {
        return None;
    };
    let may_be = row.expire_at.is_none() && batch.may_have(row.key, &packed);
    let due = check_packed(&packed, catalog).filter(|_| may_be)?;
    check_due(section, aligned, block, due.unwrap_or(Millis::MAX)).ok()?;
    Some(BatchRow {
        key: row.key,
        packed,
        catalog,
    })
}

/// When a field of it is due.
fn check_packed(packed: &Packed<'_>, catalog: &Catalog) -> Option<Option<Millis>> {
    let mut values = 0;
    packed.walk(&catalog.dictionary, |_, _, _| values += 1);
    let is_found = |(rank, name)| packed.find(name, &catalog.hasher) == Some(rank);
    let once = packed.names().enumerate().all(is_found);
    let whole = values == packed.len() && once && values > 0;
    whole.then_some(())?;
    let Some(stamps) = packed.stamps else {
        return Some(None);
    };
    let mut times = (0..values).filter_map(|rank| stamps.get(rank));
    let first = times.all(|at| (stamps.earliest()..TIME_END).contains(&at));
    first.then_some(Some(stamps.earliest()))
}

/// Its group is not due later than it.
fn check_due<F: Form>(
    section: &Section<F>,
    aligned: Aligned<'_>,
    block: &[u8],
    due: Millis,
) -> Result<(), String> {
    let group = section.group_of(aligned.of(F::name(block)));
    let known = section.dues().get(group).copied();
    claim(known.unwrap_or(Millis::MAX) <= due, || {
        format!("something is due at {due}, but nothing of group {group}")
    })
}

/// Parts of sections begin where parts may, and do not overlap.
fn check_places(tables: &[TablePlace]) -> Result<(), String> {
    let places = tables.iter().flat_map(TablePlace::places);
    let parts = places.flat_map(Place::parts);
    let mut parts: Vec<(u64, u64)> = parts.filter(|(_, bytes)| *bytes > 0).collect();
    parts.sort_unstable();
    let mut free = 0;
    for (at, bytes) in parts {
        let right = at >= free && at.is_multiple_of(ALIGN);
        claim(right, || format!("no part of a section can be at {at}"))?;
        free = at.saturating_add(bytes);
    }
    Ok(())
}
