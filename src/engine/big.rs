//! Big hashes: those that do not fit a packed row. A table of fields of their own, so that a hash
//! of ten million fields is as fast as one of a hundred and grows without pauses.
//!
//! ```text
//! field: name: varint length, bytes | code u8, high bit: expires | [expiry u48] | cell
//! gone:  name: varint length, bytes | 0x40
//! ```

use super::Millis;
use super::bytes::{Reader, TIME48_BYTES, put_time48, put_varint, varint_len};
use super::cell::{self, Cell, Value};
use super::dictionary::Dictionary;
use super::hasher::Hasher;
use super::level::Form;
use super::store::Store;
use super::ttl::TIME_END;

const EXPIRES: u8 = 0x80;
const GONE: u8 = 0x40;

/// What a block of a big hash holds.
pub struct Fields;

impl Form for Fields {
    #[inline]
    fn name(block: &[u8]) -> &[u8] {
        let mut reader = Reader(block);
        reader
            .varint()
            .and_then(|len| reader.take(len))
            .unwrap_or_default()
    }

    #[inline]
    fn is_gone(block: &[u8]) -> bool {
        let mut reader = Reader(block);
        let name = reader.varint().and_then(|len| reader.take(len));
        name.and_then(|_| reader.u8()) == Some(GONE)
    }

    fn write_gone(out: &mut Vec<u8>, name: &[u8]) {
        put_varint(out, name.len());
        out.extend_from_slice(name);
        out.push(GONE);
    }
}

/// See the module.
pub struct Big {
    fields: Store<Fields>,
    /// Of the key.
    pub hash: u64,
    /// No field expires before this.
    due: Millis,
}

/// A field of a big hash as it is stored.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    pub name: &'a [u8],
    pub cell: Cell<'a>,
    pub expire_at: Option<Millis>,
}

impl<'a> Stored<'a> {
    pub fn is_live(&self, now: Millis) -> bool {
        self.expire_at.is_none_or(|at| at > now)
    }

    pub fn value(&self, dictionary: &'a Dictionary) -> Option<Value<'a>> {
        Value::of(self.cell, dictionary)
    }
}

fn read(payload: &[u8]) -> Option<Stored<'_>> {
    let mut reader = Reader(payload);
    let len = reader.varint()?;
    let name = reader.take(len)?;
    let flags = reader.u8()?;
    let expire_at = if flags & EXPIRES != 0 {
        Some(reader.time48()?)
    } else {
        None
    };
    let code = flags & !EXPIRES;
    let bytes = reader.take(cell::size(code, reader.0)?)?;
    Some(Stored {
        name,
        cell: Cell { code, bytes },
        expire_at,
    })
}

/// Whether the field in a block has a value that can be read.
pub fn value(block: &[u8], dictionary: &Dictionary) -> Option<()> {
    read(block)?.value(dictionary).map(|_| ())
}

/// How long the field in a block is, and when it expires; `None` if there is none.
pub fn inspect(block: &[u8]) -> Option<(usize, Millis)> {
    if Fields::is_gone(block) {
        let name = Fields::name(block).len();
        return Some((varint_len(name) + name + 1, Millis::MAX));
    }
    let field = read(block)?;
    let head = varint_len(field.name.len()) + field.name.len() + 1;
    let expiry = field.expire_at.map_or(0, |_| TIME48_BYTES);
    let due = field.expire_at.unwrap_or(Millis::MAX);
    Some((head + expiry + field.cell.bytes.len(), due))
}

impl Big {
    /// The fields of the key of this hash.
    pub fn new(hash: u64) -> Big {
        Big {
            fields: Store::new(0),
            hash,
            due: Millis::MAX,
        }
    }

    /// Fields, expired or not.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    pub fn bytes(&self) -> usize {
        size_of::<Big>() + self.fields.bytes()
    }

    pub fn get(&self, field: &[u8], hasher: &Hasher) -> Option<Stored<'_>> {
        let (_, block) = self.fields.look_up(field, hasher.hash(field))?;
        read(block)
    }

    /// When a field may next expire; never later than it does.
    pub fn due(&self) -> Millis {
        self.due
    }

    /// Fields that have not expired.
    pub fn live_len(&self, now: Millis, hasher: &Hasher) -> usize {
        let mut expired = 0;
        self.expired(now, hasher, |_| expired += 1);
        self.len().saturating_sub(expired)
    }

    /// Visit the fields that have expired, looked for only where they may be.
    pub fn expired<'a>(&'a self, now: Millis, hasher: &Hasher, mut visit: impl FnMut(Stored<'a>)) {
        if self.due > now {
            return;
        }
        self.fields.visit_due(now, hasher, |block| {
            if let Some(field) = read(block).filter(|field| !field.is_live(now)) {
                visit(field);
            }
            true
        });
    }

    /// After the expired fields are gone: know when the next one expires.
    pub fn refresh_due(&mut self, now: Millis, hasher: &Hasher) {
        self.fields
            .refresh_due(now, hasher, |block| read(block)?.expire_at);
        self.due = self.fields.due();
    }

    pub fn fields<'a>(&'a self, hasher: &'a Hasher) -> impl Iterator<Item = Stored<'a>> {
        self.fields.blocks(hasher).filter_map(read)
    }

    /// The levels of its fields: what a checkpoint looks at.
    pub fn store(&self) -> &Store<Fields> {
        &self.fields
    }

    pub fn store_mut(&mut self) -> &mut Store<Fields> {
        &mut self.fields
    }

    /// After its levels were changed.
    pub fn look_again(&mut self) {
        self.due = self.fields.due();
    }

    /// Visit the fields of the bucket at `from`; answers where the next bucket begins.
    pub fn visit_bucket<'a>(
        &'a self,
        from: u64,
        hasher: &Hasher,
        mut visit: impl FnMut(Stored<'a>),
    ) -> Option<u64> {
        let end = self.fields.bucket_end(from, std::iter::empty());
        self.fields.visit_range(from, end, hasher, |payload| {
            if let Some(field) = read(payload) {
                visit(field);
            }
        });
        end
    }

    /// Set a field; `expire` decides its expiry given the one it had. Answers whether it is new.
    pub fn set(
        &mut self,
        field: &[u8],
        value: &[u8],
        expire: impl FnOnce(Option<Millis>) -> Option<Millis>,
        hasher: &Hasher,
        dictionary: &Dictionary,
    ) -> bool {
        let old = self.get(field, hasher).map(|f| f.expire_at);
        let mut bytes = Vec::with_capacity(value.len() + 8);
        let code = cell::encode(value, dictionary, &mut bytes);
        let expire_at = expire(old.flatten());
        self.put(
            Stored {
                name: field,
                cell: Cell {
                    code,
                    bytes: &bytes,
                },
                expire_at,
            },
            hasher,
        );
        old.is_none()
    }

    /// Store a field, new or in the place of the one of its name.
    pub fn put(&mut self, field: Stored<'_>, hasher: &Hasher) {
        let at = field.expire_at.map(|at| at.min(TIME_END - 1));
        let mut payload = Vec::with_capacity(field.name.len() + field.cell.bytes.len() + 16);
        put_varint(&mut payload, field.name.len());
        payload.extend_from_slice(field.name);
        payload.push(field.cell.code | if at.is_some() { EXPIRES } else { 0 });
        if let Some(at) = at {
            put_time48(&mut payload, at);
        }
        payload.extend_from_slice(field.cell.bytes);
        let hash = hasher.hash(field.name);
        let old = self.fields.find(field.name, hash);
        self.fields.put(hasher, hash, old, &payload, 0);
        if let Some(at) = at {
            self.fields.note_due(hash, at);
            self.due = self.due.min(at);
        }
    }

    /// Remove a field; answers whether it was there.
    pub fn remove(&mut self, field: &[u8], hasher: &Hasher) -> bool {
        let hash = hasher.hash(field);
        let Some(found) = self.fields.find(field, hash) else {
            return false;
        };
        self.fields.remove(hasher, hash, found, 0, false);
        true
    }

    /// Set or remove the expiry of a field; answers whether the field is there.
    pub fn expire(&mut self, field: &[u8], at: Option<Millis>, hasher: &Hasher) -> bool {
        let Some(stored) = self.get(field, hasher) else {
            return false;
        };
        let (code, bytes) = (stored.cell.code, stored.cell.bytes.to_vec());
        self.put(
            Stored {
                name: field,
                cell: Cell {
                    code,
                    bytes: &bytes,
                },
                expire_at: at,
            },
            hasher,
        );
        true
    }
}
