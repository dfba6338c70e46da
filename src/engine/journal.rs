//! Changes as bytes: what a write-ahead log carries, and how a replay takes it.
//!
//! A change is what one command, one transaction, or several commands of a pipeline did: its
//! mutations one after the other. Those of a pipeline set the same fields mostly, which are named
//! once.
//!
//! ```text
//! mutation: op u8 | fields of the op
//!   1 hash set      key, expire u8 (0 keep, 1 clear, 2 at) [time u64], count,
//!                   count x (name, value)
//!   2 hash delete   key, count, count x name
//!   3 hash expire   key, time (u64, all ones: none), count, count x name
//!   4 string set    key, expire u8 [time u64], value
//!   5 string write  key, offset u64, bytes
//!   6 delete        key
//!   7 expire        key, time
//!   8 flush         db u8 (255: all but 254)
//!   9 swap          db u8, db u8
//!  10 reap          key, time: remove what had expired by then
//!  11 publish       number of the file of the batch u64, time
//!  12 set again     key, expire u8 [time u64], a value for each name of the hash set before it
//!                   in this change, in their order
//! key: db u8, name; name, value, bytes: varint length, bytes; count: varint
//! ```
//!
//! Invariants
//! - Reading is total: bytes that are no change are `None`, never a panic, and take no memory on
//!   the word of a count.
//! - Replaying the changes of a keyspace in the order of their LSNs gives its state: mutations
//!   depend on nothing but the state of their key.

use super::bytes::{Reader, put_varint};
use super::{Db, FieldExpire, Key, KeyExpire, Millis, Mutation, SYSTEM_DB, VALUE_BYTES_MAX};

mod op {
    pub const HASH_SET: u8 = 1;
    pub const HASH_DELETE: u8 = 2;
    pub const HASH_EXPIRE: u8 = 3;
    pub const STRING_SET: u8 = 4;
    pub const STRING_WRITE: u8 = 5;
    pub const DELETE: u8 = 6;
    pub const EXPIRE: u8 = 7;
    pub const FLUSH: u8 = 8;
    pub const SWAP: u8 = 9;
    pub const REAP: u8 = 10;
    pub const PUBLISH: u8 = 11;
    pub const HASH_SET_AGAIN: u8 = 12;
}

const ALL_DATABASES: u8 = u8::MAX;
const NO_TIME: u64 = u64::MAX;

/// Where changes go as they happen.
pub trait Journal: Send + Sync {
    /// The LSN of a change that begins now. Each one is appended soon after, whatever happens.
    fn reserve(&self) -> u64;
    /// The last LSN that was given out.
    fn last(&self) -> u64;
    /// The change is whole; its shards are still locked.
    fn append(&self, lsn: u64, change: &[u8]);
    /// Whether changes may be made that no command asked for (removing what has expired).
    fn accepts(&self) -> bool;
}

/// A hash set of more fields is not repeated by [`op::HASH_SET_AGAIN`].
const REMEMBERED_NAMES_MAX: usize = 1024;

/// A larger one gives its memory back when it is cleared.
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// A change that is being written.
#[derive(Default)]
pub struct Change {
    bytes: Vec<u8>,
    /// Where in `bytes` the names of the last hash set are, if there is one to repeat.
    names: Vec<(usize, usize)>,
}

impl Change {
    pub const fn new() -> Change {
        Change {
            bytes: Vec::new(),
            names: Vec::new(),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        self.names.clear();
    }

    pub fn put(&mut self, mutation: &Mutation<'_>) {
        let out = &mut self.bytes;
        match *mutation {
            Mutation::HashSet {
                ref key,
                fields,
                expire,
            } => self.put_hash_set(key, fields, expire),
            Mutation::HashDelete { ref key, fields } => {
                put_head(out, op::HASH_DELETE, key);
                put_names(out, fields);
            }
            Mutation::HashExpire {
                ref key,
                fields,
                at,
            } => {
                put_head(out, op::HASH_EXPIRE, key);
                put_time(out, at);
                put_names(out, fields);
            }
            Mutation::StringSet {
                ref key,
                value,
                expire,
            } => {
                put_head(out, op::STRING_SET, key);
                match expire {
                    KeyExpire::Keep => out.push(0),
                    KeyExpire::Clear => out.push(1),
                    KeyExpire::At(at) => put_at(out, at),
                }
                put_bytes(out, value);
            }
            Mutation::StringWrite {
                ref key,
                offset,
                bytes,
            } => {
                put_head(out, op::STRING_WRITE, key);
                out.extend_from_slice(&(offset as u64).to_le_bytes());
                put_bytes(out, bytes);
            }
            Mutation::Delete { ref key } => put_head(out, op::DELETE, key),
            Mutation::Expire { ref key, at } => {
                put_head(out, op::EXPIRE, key);
                put_time(out, at);
            }
            Mutation::Flush { db } => out.extend([op::FLUSH, db.unwrap_or(ALL_DATABASES)]),
            Mutation::SwapDb { a, b } => out.extend([op::SWAP, a, b]),
            Mutation::Publish { batch, at } => self.put_publish(batch.number, at),
        }
    }

    fn put_hash_set(&mut self, key: &Key<'_>, fields: &[(&[u8], &[u8])], expire: FieldExpire) {
        let same = self.has_names(fields);
        let out = &mut self.bytes;
        let op = match same {
            true => op::HASH_SET_AGAIN,
            false => op::HASH_SET,
        };
        put_head(out, op, key);
        match expire {
            FieldExpire::Keep => out.push(0),
            FieldExpire::Clear => out.push(1),
            FieldExpire::At(at) => put_at(out, at),
        }
        if same {
            fields.iter().for_each(|(_, value)| put_bytes(out, value));
            return;
        }
        put_varint(out, fields.len());
        self.names.clear();
        let remembers = fields.len() <= REMEMBERED_NAMES_MAX;
        for (name, value) in fields {
            put_bytes(out, name);
            if remembers {
                self.names.push((out.len() - name.len(), out.len()));
            }
            put_bytes(out, value);
        }
    }

    /// Whether these are the names of the last hash set, in its order.
    fn has_names(&self, fields: &[(&[u8], &[u8])]) -> bool {
        let names = self
            .names
            .iter()
            .map(|&(from, to)| self.bytes.get(from..to));
        let asked = fields.iter().map(|(name, _)| Some(*name));
        self.names.len() == fields.len() && names.eq(asked)
    }

    /// What had expired of this key by `now` was removed.
    pub fn put_reap(&mut self, key: &Key<'_>, now: Millis) {
        put_head(&mut self.bytes, op::REAP, key);
        self.bytes.extend_from_slice(&now.to_le_bytes());
    }

    /// The batch of this number was published.
    pub fn put_publish(&mut self, number: u64, at: Millis) {
        self.bytes.push(op::PUBLISH);
        self.bytes.extend_from_slice(&number.to_le_bytes());
        self.bytes.extend_from_slice(&at.to_le_bytes());
    }
}

fn put_head(out: &mut Vec<u8>, op: u8, key: &Key<'_>) {
    out.extend([op, key.db]);
    put_bytes(out, key.name);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_names(out: &mut Vec<u8>, names: &[&[u8]]) {
    put_varint(out, names.len());
    names.iter().for_each(|name| put_bytes(out, name));
}

fn put_at(out: &mut Vec<u8>, at: Millis) {
    out.push(2);
    out.extend_from_slice(&at.to_le_bytes());
}

fn put_time(out: &mut Vec<u8>, at: Option<Millis>) {
    out.extend_from_slice(&at.unwrap_or(NO_TIME).to_le_bytes());
}

/// One step of a replay.
pub enum Step<'a> {
    Mutation(Mutation<'a>),
    /// Remove what of this key had expired by then.
    Reap(Key<'a>, Millis),
    /// Publish the batch of this number, as of then.
    Publish(u64, Millis),
}

/// Go through a change; `None` if it is none (steps before the bad one were visited). `key` makes
/// a key of a database and a name, `None` if there is no such database.
pub fn read_change<'a>(
    change: &'a [u8],
    key: impl Fn(Db, &'a [u8]) -> Option<Key<'a>>,
    mut visit: impl FnMut(Step<'_>),
) -> Option<()> {
    let mut reader = Reader(change);
    let mut set = Vec::new();
    let is_of_clients = |db: Db| db != SYSTEM_DB && key(db, b"").is_some();
    while !reader.0.is_empty() {
        let op = reader.u8()?;
        match op {
            op::FLUSH => {
                let db = Some(reader.u8()?).filter(|db| *db != ALL_DATABASES);
                if !db.is_none_or(is_of_clients) {
                    return None;
                }
                visit(Step::Mutation(Mutation::Flush { db }));
            }
            op::SWAP => {
                let (a, b) = (reader.u8()?, reader.u8()?);
                if !is_of_clients(a) || !is_of_clients(b) {
                    return None;
                }
                visit(Step::Mutation(Mutation::SwapDb { a, b }));
            }
            op::PUBLISH => visit(Step::Publish(reader.u64()?, reader.u64()?)),
            _ => {
                let db = reader.u8()?;
                let key = key(db, bytes(&mut reader)?)?;
                read_step(op, key, &mut reader, &mut set, &mut visit)?;
            }
        }
    }
    Some(())
}

/// A step that changes one key; `set`: what the last hash set of this change sets.
fn read_step<'a>(
    op: u8,
    key: Key<'a>,
    reader: &mut Reader<'a>,
    set: &mut Vec<(&'a [u8], &'a [u8])>,
    visit: &mut impl FnMut(Step<'_>),
) -> Option<()> {
    let names;
    let mutation = match op {
        op::HASH_SET | op::HASH_SET_AGAIN => {
            let expire = match reader.u8()? {
                0 => FieldExpire::Keep,
                1 => FieldExpire::Clear,
                2 => FieldExpire::At(reader.u64()?),
                _ => return None,
            };
            read_fields(op, reader, set)?;
            // There is no hash without a field.
            set.first()?;
            let fields = set;
            Mutation::HashSet {
                key,
                fields,
                expire,
            }
        }
        op::HASH_DELETE => {
            names = list(reader, bytes)?;
            Mutation::HashDelete {
                key,
                fields: &names,
            }
        }
        op::HASH_EXPIRE => {
            let at = time(reader)?;
            names = list(reader, bytes)?;
            let fields = &names;
            Mutation::HashExpire { key, fields, at }
        }
        op::STRING_SET => {
            let expire = match reader.u8()? {
                0 => KeyExpire::Keep,
                1 => KeyExpire::Clear,
                2 => KeyExpire::At(reader.u64()?),
                _ => return None,
            };
            let value = bytes(reader)?;
            Mutation::StringSet { key, value, expire }
        }
        op::STRING_WRITE => {
            let (offset, bytes) = place(reader)?;
            Mutation::StringWrite { key, offset, bytes }
        }
        op::DELETE => Mutation::Delete { key },
        op::EXPIRE => Mutation::Expire {
            key,
            at: time(reader)?,
        },
        op::REAP => {
            visit(Step::Reap(key, reader.u64()?));
            return Some(());
        }
        _ => return None,
    };
    visit(Step::Mutation(mutation));
    Some(())
}

fn read_fields<'a>(
    op: u8,
    reader: &mut Reader<'a>,
    set: &mut Vec<(&'a [u8], &'a [u8])>,
) -> Option<()> {
    if op == op::HASH_SET {
        *set = list(reader, |reader| Some((bytes(reader)?, bytes(reader)?)))?;
        return Some(());
    }
    for (_, value) in set {
        *value = bytes(reader)?;
    }
    Some(())
}

fn bytes<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = reader.varint()?;
    reader.take(len)
}

/// What is written to a string, and where. What lies before it is filled with zeros.
fn place<'a>(reader: &mut Reader<'a>) -> Option<(usize, &'a [u8])> {
    let offset = usize::try_from(reader.u64()?).ok()?;
    let bytes = bytes(reader)?;
    let end = offset.checked_add(bytes.len())?;
    (end <= VALUE_BYTES_MAX).then_some((offset, bytes))
}

fn time(reader: &mut Reader<'_>) -> Option<Option<Millis>> {
    let at = reader.u64()?;
    Some((at != NO_TIME).then_some(at))
}

/// A count and so many items. Each takes a byte at least, so memory is bounded by the input.
fn list<'a, T>(
    reader: &mut Reader<'a>,
    mut item: impl FnMut(&mut Reader<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let count = reader.varint()?;
    if count > reader.0.len() {
        return None;
    }
    (0..count).map(|_| item(reader)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(db: Db, name: &[u8]) -> Option<Key<'_>> {
        Some(Key { db, name, hash: 0 })
    }

    fn shown(change: &[u8]) -> Option<Vec<String>> {
        let mut steps = Vec::new();
        let read = read_change(change, key, |step| {
            steps.push(match step {
                Step::Mutation(mutation) => format!("{mutation:?}"),
                Step::Reap(key, now) => format!("reap {key:?} {now}"),
                Step::Publish(number, at) => format!("publish {number} {at}"),
            });
        });
        read.map(|()| steps)
    }

    fn every_kind() -> (Vec<u8>, Vec<String>) {
        let key = Key {
            db: 3,
            name: b"k\r\n",
            hash: 0,
        };
        let long = vec![7; 300];
        let pairs: [(&[u8], &[u8]); 2] = [(b"", b"1"), (b"name", &long)];
        let names: [&[u8]; 2] = [b"a", b""];
        let (fields, at) = (&names[..], Some(1_700_000_000_000));
        let set = |expire| Mutation::HashSet {
            key,
            fields: &pairs,
            expire,
        };
        let put = |expire| Mutation::StringSet {
            key,
            value: b"v",
            expire,
        };
        let mutations = [
            set(FieldExpire::Keep),
            set(FieldExpire::Clear),
            set(FieldExpire::At(9)),
            Mutation::HashDelete { key, fields },
            Mutation::HashExpire { key, fields, at },
            Mutation::HashExpire {
                key,
                fields,
                at: None,
            },
            put(KeyExpire::Keep),
            put(KeyExpire::Clear),
            put(KeyExpire::At(u64::MAX)),
            Mutation::StringWrite {
                key,
                offset: VALUE_BYTES_MAX - 4,
                bytes: b"tail",
            },
            Mutation::Delete { key },
            Mutation::Expire { key, at },
            Mutation::Expire { key, at: None },
            Mutation::Flush { db: Some(15) },
            Mutation::Flush { db: None },
            Mutation::SwapDb { a: 0, b: 15 },
        ];
        let mut change = Change::default();
        let mut expected: Vec<String> = Vec::new();
        for mutation in &mutations {
            change.put(mutation);
            expected.push(format!("{mutation:?}"));
        }
        change.put_reap(&key, 5);
        expected.push(format!("reap {key:?} 5"));
        change.put_publish(7, 8);
        expected.push("publish 7 8".to_owned());
        (change.bytes, expected)
    }

    #[test]
    fn every_mutation_comes_back() {
        let (change, expected) = every_kind();
        assert_eq!(shown(&change), Some(expected));
    }

    /// Names are written once, and only where they are the same in the same order.
    #[test]
    fn fields_that_are_set_again_are_not_named_again() {
        let key = |name| key(3, name).unwrap();
        let name = [b'n'; 100];
        let two: [(&[u8], &[u8]); 2] = [(&name, b"1"), (b"b", b"2")];
        let others: [(&[u8], &[u8]); 2] = [(&name, b""), (b"b", b"long")];
        let turned: [(&[u8], &[u8]); 2] = [(b"b", b"2"), (&name, b"1")];
        let fewer: [(&[u8], &[u8]); 1] = [(&name, b"1")];
        let (mut change, mut expected) = (Change::default(), Vec::new());
        let named: Vec<bool> = [&two[..], &others, &two, &turned, &turned, &fewer, &two]
            .into_iter()
            .enumerate()
            .map(|(i, fields)| {
                let before = change.bytes().len();
                let expire = [FieldExpire::Clear, FieldExpire::At(7)][i % 2];
                let key = key([&b"one"[..], b"other"][i % 2]);
                let set = Mutation::HashSet {
                    key,
                    fields,
                    expire,
                };
                change.put(&set);
                expected.push(format!("{set:?}"));
                // Others in between change nothing.
                let delete = Mutation::Delete { key };
                change.put(&delete);
                expected.push(format!("{delete:?}"));
                change.bytes().len() - before > name.len()
            })
            .collect();
        assert_eq!(named, [true, false, false, true, false, true, true]);
        assert_eq!(shown(change.bytes()), Some(expected));
        change.clear();
        change.put(&Mutation::HashSet {
            key: key(b"k"),
            fields: &two,
            expire: FieldExpire::Keep,
        });
        assert!(shown(change.bytes()).is_some(), "a new change names them");
    }

    #[test]
    fn what_is_cut_short_is_refused_or_a_shorter_change() {
        let (change, expected) = every_kind();
        for len in 0..change.len() {
            if let Some(steps) = shown(&change[..len]) {
                assert!(expected.starts_with(&steps), "{len}");
            }
        }
    }

    #[test]
    fn what_no_command_does_is_no_change() {
        fn two(db: Db, name: &[u8]) -> Option<Key<'_>> {
            key(db, name).filter(|_| db < 2 || db == SYSTEM_DB)
        }
        let read = |change: &[u8]| read_change(change, two, |_| ());
        for (change, known) in [
            ([op::FLUSH, 1].as_slice(), true),
            (&[op::FLUSH, ALL_DATABASES], true),
            (&[op::FLUSH, 2], false),
            (&[op::FLUSH, SYSTEM_DB], false),
            (&[op::SWAP, 0, 1], true),
            (&[op::SWAP, 0, SYSTEM_DB], false),
            (&[op::SWAP, SYSTEM_DB, 0], false),
            (&[op::DELETE, SYSTEM_DB, 1, b'k'], true),
            (&[op::SWAP, 0, 2], false),
            (&[op::SWAP, 2, 0], false),
            (&[op::HASH_SET, 0, 1, b'k', 1, 1, 1, b'a', 0], true),
            (&[op::HASH_SET, 0, 1, b'k', 1, 0], false),
            // The names of no hash set.
            (&[op::HASH_SET_AGAIN, 0, 1, b'k', 1], false),
        ] {
            assert_eq!(read(change).is_some(), known, "{change:?}");
        }
        let write = |offset: usize| {
            let mut change = Change::default();
            let key = key(0, b"k").unwrap();
            let bytes = b"x";
            change.put(&Mutation::StringWrite { key, offset, bytes });
            read(change.bytes()).is_some()
        };
        assert!(write(VALUE_BYTES_MAX - 1));
        assert!(!write(VALUE_BYTES_MAX));
        assert!(!write(usize::MAX));
    }

    proptest! {
        #[test]
        fn bytes_that_are_no_change_do_no_harm(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            shown(&bytes);
        }

        #[test]
        fn nor_do_damaged_ones(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let (mut change, _) = every_kind();
            let at = at.index(change.len());
            change[at] = byte;
            shown(&change);
        }
    }
}
