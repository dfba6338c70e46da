//! What callers read: one entity as of a moment. Expired fields do not show.

use super::Millis;
use super::big::Big;
use super::catalog::Catalog;
use super::cell::{Cell, Value};
use super::dictionary::Dictionary;
use super::layer::Over;
use super::projection::{self, Projection};
use super::row::{Body, Packed, Place, Places, Row};
use super::shape::Label;
use super::walk::Walked;
use std::rc::Rc;

/// The type of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Hash,
    String,
}

/// One entity as of a `now`: expired fields do not show.
#[derive(Clone)]
pub struct Entity<'a> {
    pub(super) row: Row<'a>,
    /// What layers say of it, if it is not one row.
    pub(super) over: Option<Rc<Over<'a>>>,
    /// The table of its fields, if it is a big hash.
    pub(super) big: Option<&'a Big>,
    pub(super) catalog: &'a Catalog,
    pub(super) now: Millis,
    /// Bytes of its block.
    pub(super) block_bytes: usize,
}

/// One field of a hash.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    pub name: &'a [u8],
    pub value: Value<'a>,
    /// When it expires, milliseconds since the epoch.
    pub expire_at: Option<Millis>,
}

/// The share of the index that an entry takes, bytes: a tag and a reference in buckets 3/4 full.
const INDEX_BYTES: usize = 7;
/// Redis keeps a hash in a listpack up to this many fields, of names and values up to this long.
const LISTPACK_FIELDS_MAX: usize = 512;
const LISTPACK_VALUE_BYTES_MAX: usize = 64;
/// Redis allocates a string and its header together up to this length.
const EMBSTR_BYTES_MAX: usize = 44;

impl<'a> Entity<'a> {
    pub fn kind(&self) -> Kind {
        match self.row.body {
            Body::String(_) => Kind::String,
            _ => Kind::Hash,
        }
    }

    /// When the key expires, milliseconds since the epoch.
    pub fn expire_at(&self) -> Option<Millis> {
        self.row.expire_at
    }

    /// The bytes, if this is a string.
    #[inline]
    pub fn string(&self) -> Option<&'a [u8]> {
        match self.row.body {
            Body::String(value) => Some(value),
            _ => None,
        }
    }

    #[inline]
    pub fn hash(&self) -> Option<Hash<'a>> {
        let form = match self.row.body {
            Body::Packed(packed) => match &self.over {
                Some(over) => Form::Layered(over.clone()),
                None => Form::Packed(packed),
            },
            Body::Big(_) => Form::Big(self.big?),
            Body::String(_) => return None,
        };
        Some(Hash {
            form,
            catalog: self.catalog,
            now: self.now,
        })
    }

    /// Bytes this entity takes, with its share of the index.
    pub fn memory_usage(&self) -> usize {
        self.block_bytes + INDEX_BYTES + self.big.map_or(0, Big::bytes)
    }

    /// What `OBJECT ENCODING` of Redis 8 says of such a value.
    pub fn encoding(&self) -> &'static str {
        if let Some(value) = self.string() {
            let number = std::str::from_utf8(value)
                .ok()
                .and_then(|s| s.parse::<i64>().ok());
            return match number {
                Some(n) if n.to_string().as_bytes() == value => "int",
                _ if value.len() <= EMBSTR_BYTES_MAX => "embstr",
                _ => "raw",
            };
        }
        let Some(hash) = self.hash() else {
            return "raw";
        };
        let (mut long, mut stamped) = (hash.len() > LISTPACK_FIELDS_MAX, false);
        if !long {
            hash.for_each(|field| {
                let longest = field.name.len().max(field.value.len());
                long |= longest > LISTPACK_VALUE_BYTES_MAX;
                stamped |= field.expire_at.is_some();
            });
        }
        match (long, stamped) {
            (true, _) => "hashtable",
            (false, true) => "listpackex",
            (false, false) => "listpack",
        }
    }
}

/// The fields of a hash that have not expired.
#[derive(Clone)]
pub struct Hash<'a> {
    form: Form<'a>,
    catalog: &'a Catalog,
    now: Millis,
}

#[derive(Clone)]
enum Form<'a> {
    Packed(Packed<'a>),
    Big(&'a Big),
    Layered(Rc<Over<'a>>),
}

impl<'a> Hash<'a> {
    /// Whether some field of a packed row may have expired.
    fn may_be_stale(&self, packed: &Packed<'a>) -> bool {
        packed.stamps.is_some_and(|s| s.earliest() <= self.now)
    }

    fn is_live(&self, packed: &Packed<'a>, rank: usize) -> bool {
        packed
            .stamps
            .and_then(|s| s.get(rank))
            .is_none_or(|at| at > self.now)
    }

    fn value(&self, cell: Cell<'a>) -> Option<Value<'a>> {
        Value::of(cell, &self.catalog.dictionary)
    }

    /// Fields that have not expired. Never 0: a hash without a live field is no entity.
    #[expect(clippy::len_without_is_empty, reason = "an entity is never empty")]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Packed(packed) if self.may_be_stale(packed) => (0..packed.len())
                .filter(|&rank| self.is_live(packed, rank))
                .count(),
            Form::Packed(packed) => packed.len(),
            Form::Big(big) => big.live_len(self.now, &self.catalog.hasher),
            Form::Layered(over) => over.len() - over.expired(self.now).len(),
        }
    }

    pub fn get(&self, name: &[u8]) -> Option<Value<'a>> {
        match &self.form {
            Form::Packed(packed) => {
                let rank = packed.find(name, &self.catalog.hasher)?;
                if self.may_be_stale(packed) && !self.is_live(packed, rank) {
                    return None;
                }
                self.value(packed.cell(rank)?)
            }
            Form::Big(big) => {
                let field = big.get(name, &self.catalog.hasher)?;
                if field.is_live(self.now) {
                    field.value(&self.catalog.dictionary)
                } else {
                    None
                }
            }
            Form::Layered(over) => over
                .get(name)
                .filter(|seen| seen.is_live(self.now))?
                .value(),
        }
    }

    /// Look up many fields of one hash: the places of its cells are computed once, in `places`,
    /// whose memory is used again.
    pub fn get_many<'n>(
        &self,
        names: impl Iterator<Item = &'n [u8]>,
        places: &mut Places,
        mut visit: impl FnMut(Option<Value<'a>>),
    ) {
        let Form::Packed(packed) = &self.form else {
            names.for_each(|name| visit(self.get(name)));
            return;
        };
        let located = packed.locate(places).is_some();
        let stale = self.may_be_stale(packed);
        for name in names {
            let rank = packed.find(name, &self.catalog.hasher).filter(|_| located);
            let rank = rank.filter(|&rank| !stale || self.is_live(packed, rank));
            visit(rank.and_then(|rank| {
                packed.located(rank, places.as_slice(), &self.catalog.dictionary)
            }));
        }
    }

    /// As [`Hash::get_many`], with a projection that belongs to these names; `None` if this hash
    /// has no shape.
    #[inline(always)]
    pub fn project<'n, 'p>(
        &'p self,
        projection: &'p mut Projection,
        names: impl Iterator<Item = &'n [u8]>,
        places: &'p mut Places,
    ) -> Option<Projected<'a, 'p>> {
        let Form::Packed(packed) = &self.form else {
            return None;
        };
        let positions = projection.positions(packed.shape()?, names, &self.catalog.hasher);
        if packed.locate(places).is_none() {
            places.clear();
        }
        let stale = self.may_be_stale(packed);
        Some(Projected {
            hash: self,
            packed: *packed,
            stale,
            is_plain: packed.is_full() && !stale,
            positions: positions.iter(),
            places: places.as_slice(),
            dictionary: &self.catalog.dictionary,
        })
    }

    /// `None`: no such field. `Some(None)`: it does not expire.
    pub fn expire_at(&self, name: &[u8]) -> Option<Option<Millis>> {
        let at = match &self.form {
            Form::Packed(packed) => {
                let rank = packed.find(name, &self.catalog.hasher)?;
                packed.stamps.and_then(|s| s.get(rank))
            }
            Form::Big(big) => big.get(name, &self.catalog.hasher)?.expire_at,
            Form::Layered(over) => over.get(name)?.expire_at,
        };
        if at.is_some_and(|at| at <= self.now) {
            None
        } else {
            Some(at)
        }
    }

    #[inline]
    pub fn for_each(&self, mut visit: impl FnMut(Field<'a>)) {
        match &self.form {
            Form::Packed(packed) => {
                packed.walk(&self.catalog.dictionary, |rank, name, value| {
                    let expire_at = packed.stamps.and_then(|s| s.get(rank));
                    if expire_at.is_none_or(|at| at > self.now) {
                        visit(Field {
                            name,
                            value,
                            expire_at,
                        });
                    }
                });
            }
            Form::Big(big) => big
                .fields(&self.catalog.hasher)
                .for_each(|stored| self.show(stored, &mut visit)),
            Form::Layered(over) => over.walk(&mut |name, seen| {
                if let Some(value) = seen.value().filter(|_| seen.is_live(self.now)) {
                    let expire_at = seen.expire_at;
                    visit(Field {
                        name,
                        value,
                        expire_at,
                    });
                }
            }),
        }
    }

    /// Visit all values with labels of their names, the places of cells computed once, in `places`.
    /// `false`: this hash has no labels, nothing was visited.
    #[inline]
    pub fn read_labelled(
        &self,
        make: fn(&[u8]) -> Option<Label>,
        places: &mut Places,
        mut visit: impl FnMut(&'a Label, Value<'a>),
    ) -> bool {
        let Form::Packed(packed) = &self.form else {
            return false;
        };
        let labels = packed.shape().and_then(|shape| shape.labels(make));
        let labels = labels.filter(|_| packed.locate(places).is_some());
        let Some(labels) = labels else {
            return false;
        };
        let stale = self.may_be_stale(packed);
        packed.positions(labels.len(), |rank, position| {
            if stale && !self.is_live(packed, rank) {
                return;
            }
            let value = packed.located(rank, places.as_slice(), &self.catalog.dictionary);
            if let (Some(label), Some(value)) = (labels.get(position), value) {
                visit(label, value);
            }
        });
        true
    }

    fn show(&self, stored: super::big::Stored<'a>, visit: &mut dyn FnMut(Field<'a>)) {
        if stored.is_live(self.now)
            && let Some(value) = stored.value(&self.catalog.dictionary)
        {
            visit(Field {
                name: stored.name,
                value,
                expire_at: stored.expire_at,
            });
        }
    }

    /// Visit fields in hash order from `cursor` until about `count` were visited, or few in much
    /// that is empty; answers the next cursor, 0 at the end. Cursors are below 2^48. A packed hash
    /// is visited whole at once.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(Field<'a>)) -> u64 {
        let Form::Big(big) = &self.form else {
            self.for_each(visit);
            return 0;
        };
        let mut from = Some(cursor << 16);
        let mut walked = Walked::default();
        while let Some(hash) = from.filter(|_| walked.may_go_on(count)) {
            walked.buckets += 1;
            from = big.visit_bucket(hash, &self.catalog.hasher, |stored| {
                walked.found += 1;
                self.show(stored, visit);
            });
        }
        from.map_or(0, |hash| hash >> 16)
    }

    /// Some field, chosen by `random`; `None` only if none can be read.
    pub fn random(&self, random: u64) -> Option<Field<'a>> {
        let mut found = None;
        match &self.form {
            Form::Packed(_) | Form::Layered(_) => {
                let mut skip = (random as usize).checked_rem(self.len())?;
                self.for_each(|field| {
                    if found.is_none() && skip == 0 {
                        found = Some(field);
                    }
                    skip = skip.wrapping_sub(1);
                });
            }
            Form::Big(big) => {
                let mut from = Some(random & !0xffff);
                let mut wrapped = false;
                while found.is_none() {
                    // Past the end the walk goes on at the beginning, once: some field is live.
                    if from.is_none() && std::mem::replace(&mut wrapped, true) {
                        break;
                    }
                    let hash = from.unwrap_or(0);
                    let mut nearest = u64::MAX;
                    from = big.visit_bucket(hash, &self.catalog.hasher, |stored| {
                        let place = self.catalog.hasher.hash(stored.name);
                        self.show(stored, &mut |field| {
                            if place <= nearest {
                                (found, nearest) = (Some(field), place);
                            }
                        });
                    });
                }
            }
        }
        found
    }
}

/// The values of the fields that were asked for, or that there are none. An iterator, as a closure
/// called for each value is not inlined, and values returned through memory stall.
pub struct Projected<'a, 'p> {
    hash: &'p Hash<'a>,
    packed: Packed<'a>,
    stale: bool,
    /// All fields of the shape are there and live.
    is_plain: bool,
    positions: std::slice::Iter<'p, u16>,
    places: &'p [Place],
    dictionary: &'a Dictionary,
}

/// The rank of a cell that is there and live. Not of a [`Projected`] by reference: all of that
/// would be kept in memory, and read and written again for each value.
#[inline(never)]
fn live_rank(hash: &Hash<'_>, stale: bool, found: u16) -> Option<usize> {
    let Form::Packed(packed) = &hash.form else {
        return None;
    };
    let rank = packed.rank(projection::position(found)?)?;
    (!stale || hash.is_live(packed, rank)).then_some(rank)
}

impl<'a> Iterator for Projected<'a, '_> {
    type Item = Option<Value<'a>>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let found = *self.positions.next()?;
        // Where there is no such field there is no such place.
        let rank = match self.is_plain {
            true => Some(usize::from(found)),
            false => live_rank(self.hash, self.stale, found),
        };
        Some(rank.and_then(|rank| self.packed.located(rank, self.places, self.dictionary)))
    }
}
