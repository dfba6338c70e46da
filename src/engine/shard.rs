//! A shard: a slice of the keys by hash, the unit of locking.

use super::catalog::Catalog;
use super::layer::{Layer, Part};
use super::mutation::Mutation;
use super::row::Body;
use super::table::{At, Table};
use super::{Db, Key, Millis, SYSTEM_DB};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// Watchers of a shard are looked through for dead ones when there are this many keys, or twice as
/// many as were left the last time.
const WATCHED_KEYS_CLEAN: usize = 1024;

/// Memory kept for putting rows together, bytes.
const SCRATCH_BYTES_MAX: usize = 64 * 1024;

type WatchedKey = (Db, Box<[u8]>);

struct Watchers {
    keys: HashMap<WatchedKey, Vec<Weak<AtomicBool>>>,
    /// At so many keys those are removed that nobody watches any more.
    clean_at: usize,
}

impl Default for Watchers {
    fn default() -> Watchers {
        Watchers {
            keys: HashMap::new(),
            clean_at: WATCHED_KEYS_CLEAN,
        }
    }
}

/// See the module.
pub struct Shard {
    /// By database, and [`SYSTEM_DB`] last; made when first written to.
    tables: Vec<Option<Box<Table>>>,
    shared_bits: u32,
    /// Transactions to be told when a key changes. Locked by itself, as watching is no change.
    watchers: Mutex<Watchers>,
    pub keys_expired: u64,
    pub fields_expired: u64,
    /// Bytes last told to the keyspace's account.
    pub reported: usize,
    /// The LSN of the last change.
    pub last_lsn: u64,
    /// The LSN of the last layer that was put above it: no change by itself.
    pub attached_lsn: u64,
    /// The LSN up to which all changes are in files, or about to be.
    pub base_lsn: u64,
    /// The LSN of the newest file that was stacked: a table that it does not list was not there.
    pub stacked_lsn: u64,
    /// Databases were exchanged: tables are not where files say.
    pub relaid: bool,
    /// Where rows are put together.
    scratch: Vec<u8>,
    /// Tables that were flushed: to be freed when the lock is released.
    pub dropped: Vec<Table>,
}

impl Shard {
    pub fn new(databases: Db, shared_bits: u32) -> Shard {
        let mut tables = Vec::new();
        tables.resize_with(usize::from(databases) + 1, || None);
        let watchers = Mutex::default();
        Shard {
            tables,
            shared_bits,
            watchers,
            keys_expired: 0,
            fields_expired: 0,
            reported: 0,
            last_lsn: 0,
            attached_lsn: 0,
            base_lsn: 0,
            stacked_lsn: 0,
            relaid: false,
            scratch: Vec::new(),
            dropped: Vec::new(),
        }
    }

    /// Where the table of a database is in `tables`; beyond the end if there is no such database.
    #[inline]
    fn slot(&self, db: Db) -> usize {
        let system = self.tables.len() - 1;
        match usize::from(db) {
            slot if slot < system => slot,
            _ if db == SYSTEM_DB => system,
            _ => usize::MAX,
        }
    }

    /// The databases, in the order of `tables`.
    fn databases(&self) -> impl Iterator<Item = Db> + use<> {
        let of_clients = self.tables.len() - 1;
        (0..of_clients as Db).chain([SYSTEM_DB])
    }

    #[inline]
    pub fn table(&self, db: Db) -> Option<&Table> {
        self.tables.get(self.slot(db))?.as_deref()
    }

    /// Ascending by database.
    pub fn tables(&self) -> impl Iterator<Item = (Db, &Table)> {
        let tables = self.databases().zip(&self.tables);
        tables.filter_map(|(db, table)| Some((db, table.as_deref()?)))
    }

    pub fn bytes(&self) -> usize {
        self.tables.iter().flatten().map(|t| t.bytes()).sum()
    }

    pub fn tables_mut(&mut self) -> impl Iterator<Item = (Db, &mut Table)> {
        let tables = self.databases().zip(&mut self.tables);
        tables.filter_map(|(db, table)| Some((db, table.as_deref_mut()?)))
    }

    /// Drop the other tables.
    pub fn keep_tables(&mut self, keeps: impl Fn(Db) -> bool) {
        for (db, table) in self.databases().zip(&mut self.tables) {
            if !keeps(db) {
                *table = None;
            }
        }
    }

    pub fn table_mut(&mut self, db: Db) -> &mut Table {
        let (shared_bits, slot) = (self.shared_bits, self.slot(db));
        self.tables[slot].get_or_insert_with(|| Box::new(Table::new(shared_bits)))
    }

    pub fn watch(&self, key: &Key<'_>, dirty: &Arc<AtomicBool>) {
        let mut watchers = self.watchers.lock();
        let Watchers { keys, clean_at } = &mut *watchers;
        if keys.len() >= *clean_at {
            keys.retain(|_, list| {
                list.retain(|w| w.strong_count() > 0);
                !list.is_empty()
            });
            // Each cleaning is paid for by as many keys as it goes through.
            *clean_at = WATCHED_KEYS_CLEAN.max(keys.len() * 2);
        }
        let list = keys.entry((key.db, key.name.into())).or_default();
        list.retain(|w| w.strong_count() > 0);
        list.push(Arc::downgrade(dirty));
    }

    fn tell_watchers(&mut self, db: Db, name: &[u8]) {
        let watchers = &mut self.watchers.get_mut().keys;
        if watchers.is_empty() {
            return;
        }
        for dirty in watchers
            .remove(&(db, name.into()))
            .iter()
            .flatten()
            .filter_map(Weak::upgrade)
        {
            dirty.store(true, Ordering::Release);
        }
    }

    /// Tell those who watch a key of these databases that one of them has: what one has will be
    /// gone, or in the place of what another has.
    fn tell_all_watchers(&mut self, dbs: &[Db], catalog: &Catalog) {
        let mut watchers = std::mem::take(&mut self.watchers.get_mut().keys);
        watchers.retain(|(db, name), list| {
            let hash = catalog.hasher.hash(name);
            let has = |d: &Db| {
                let table = self.table(*d);
                table.is_some_and(|t| t.seen(name, hash, catalog).is_some())
            };
            if !dbs.contains(db) || !dbs.iter().any(has) {
                return true;
            }
            for dirty in list.iter().filter_map(Weak::upgrade) {
                dirty.store(true, Ordering::Release);
            }
            false
        });
        self.watchers.get_mut().keys = watchers;
    }

    /// Apply a mutation to this shard; answers its effect here.
    pub fn apply(&mut self, mutation: &Mutation<'_>, lsn: u64, catalog: &Catalog) -> u64 {
        if let Some(key) = mutation.key() {
            let effect = self.apply_to_key(mutation, key, lsn, catalog);
            if effect > 0 {
                self.tell_watchers(key.db, key.name);
            }
            return effect;
        }
        match *mutation {
            Mutation::Flush { db } => {
                let dbs: Vec<Db> = match db {
                    Some(db) => vec![db],
                    None => self.databases().filter(|db| *db != SYSTEM_DB).collect(),
                };
                for db in &dbs {
                    self.tell_all_watchers(std::slice::from_ref(db), catalog);
                }
                let before = self.dropped.len();
                for db in dbs {
                    let slot = self.slot(db);
                    self.dropped
                        .extend(self.tables[slot].take().map(|table| *table));
                }
                self.dropped[before..]
                    .iter()
                    .map(|table| table.len() as u64)
                    .sum()
            }
            Mutation::SwapDb { a, b } => {
                self.tell_all_watchers(&[a, b], catalog);
                let (a, b) = (self.slot(a), self.slot(b));
                self.tables.swap(a, b);
                self.relaid = true;
                1
            }
            _ => 0,
        }
    }

    /// Put a layer above everything, as the shard of this index; answers whether rows changed.
    pub fn attach(&mut self, layer: &Layer, index: usize, catalog: &Catalog) -> bool {
        self.attached_lsn = layer.lsn;
        let Some(part) = Part::new(layer, index) else {
            return false;
        };
        let watched = self.watchers.get_mut();
        watched.keys.retain(|(db, name), list| {
            let hash = catalog.hasher.hash(name) << self.shared_bits;
            let touched = part.said(name, hash).is_some() || part.in_scope(name);
            if *db != layer.batch.db || !touched {
                return true;
            }
            for dirty in list.iter().filter_map(Weak::upgrade) {
                dirty.store(true, Ordering::Release);
            }
            false
        });
        self.table_mut(layer.batch.db).attach(part, catalog)
    }

    fn apply_to_key(
        &mut self,
        mutation: &Mutation<'_>,
        key: &Key<'_>,
        lsn: u64,
        catalog: &Catalog,
    ) -> u64 {
        let at = At {
            name: key.name,
            hash: key.hash,
            lsn,
        };
        let mut scratch = std::mem::take(&mut self.scratch);
        let table = self.table_mut(key.db);
        table.absorb(at, &mut scratch, catalog);
        let effect = Self::apply_to_table(table, mutation, at, &mut scratch, catalog);
        if scratch.capacity() <= SCRATCH_BYTES_MAX {
            self.scratch = scratch;
        }
        if matches!(mutation, Mutation::HashSet { .. }) {
            // Writing a field that was there is a change as well, though its effect is 0.
            self.tell_watchers(key.db, key.name);
        }
        effect
    }

    fn apply_to_table(
        table: &mut Table,
        mutation: &Mutation<'_>,
        at: At<'_>,
        scratch: &mut Vec<u8>,
        catalog: &Catalog,
    ) -> u64 {
        match *mutation {
            Mutation::HashSet { fields, expire, .. } => {
                table.hash_set(at, scratch, fields, expire, catalog) as u64
            }
            Mutation::HashDelete { fields, .. } => {
                table.hash_delete(at, scratch, fields, catalog) as u64
            }
            Mutation::HashExpire {
                fields,
                at: expire_at,
                ..
            } => table.hash_expire(at, scratch, fields, expire_at, catalog) as u64,
            Mutation::StringSet { value, expire, .. } => {
                table.string_set(at, scratch, value, expire, catalog);
                1
            }
            Mutation::StringWrite { offset, bytes, .. } => table
                .string_write(at, scratch, offset, bytes, catalog)
                .unwrap_or(0) as u64,
            Mutation::Delete { .. } => u64::from(table.delete(at, catalog)),
            Mutation::Expire { at: expire_at, .. } => {
                u64::from(table.expire(at, scratch, expire_at, catalog))
            }
            Mutation::Flush { .. } | Mutation::SwapDb { .. } | Mutation::Publish { .. } => 0,
        }
    }

    /// Remove what of this key has expired by `now`, as the change of the LSN that `lsn` gives;
    /// answers that LSN, `None` if nothing has expired.
    pub fn reap(
        &mut self,
        key: &Key<'_>,
        now: Millis,
        lsn: impl FnOnce() -> u64,
        catalog: &Catalog,
    ) -> Option<u64> {
        let table = self.table(key.db)?;
        if table.due_near(key.hash) > now {
            return None;
        }
        let (names, big) = match Stale::of(table, key, now, catalog)? {
            Stale::Key => {
                let (lsn, delete) = (lsn(), Mutation::Delete { key: *key });
                self.keys_expired += self.apply_to_key(&delete, key, lsn, catalog);
                self.last_lsn = lsn;
                return Some(lsn);
            }
            Stale::Fields { names, big } => (names, big),
        };
        let lsn = lsn();
        let fields: Vec<&[u8]> = names.iter().map(|n| &**n).collect();
        let delete = Mutation::HashDelete {
            key: *key,
            fields: &fields,
        };
        self.fields_expired += self.apply_to_key(&delete, key, lsn, catalog);
        let table = self.table_mut(key.db);
        if table.has(key.name, key.hash) {
            self.tell_watchers(key.db, key.name);
        }
        if let Some(id) = big {
            self.table_mut(key.db)
                .big_refresh_due(id, key.hash, now, catalog);
        }
        self.last_lsn = lsn;
        Some(lsn)
    }

    /// The keys of which something may have expired by `now`, at most about `max`.
    pub fn due_keys(&self, now: Millis, max: usize, catalog: &Catalog) -> Vec<(Db, Box<[u8]>)> {
        let mut due = Vec::new();
        for (db, table) in self.tables() {
            let more = table.visit_due(now, &catalog.hasher, |name| {
                let seen = table.seen(name, catalog.hasher.hash(name), catalog);
                if seen.is_some_and(|seen| seen.due <= now) {
                    due.push((db, name.into()));
                }
                due.len() < max
            });
            if !more {
                break;
            }
        }
        due
    }

    pub fn is_due(&self, now: Millis) -> bool {
        self.tables().any(|(_, table)| table.due() <= now)
    }

    /// After all due keys were reaped: know when the next is due.
    pub fn refresh_due(&mut self, now: Millis, catalog: &Catalog) {
        for table in self.tables.iter_mut().flatten() {
            table.refresh_due(now, catalog);
        }
    }
}

/// What of an entity has expired.
enum Stale {
    Key,
    Fields {
        names: Vec<Box<[u8]>>,
        /// If it is a big hash.
        big: Option<u32>,
    },
}

impl Stale {
    /// `None`: nothing has, by `now`.
    fn of(table: &Table, key: &Key<'_>, now: Millis, catalog: &Catalog) -> Option<Stale> {
        let seen = table.seen(key.name, key.hash, catalog)?;
        if seen.due > now {
            return None;
        }
        if seen.row.expire_at.is_some_and(|at| at <= now) {
            return Some(Stale::Key);
        }
        let (names, big) = match (&seen.over, seen.row.body) {
            (Some(over), _) => (over.expired(now), None),
            (None, Body::Packed(packed)) => {
                let stamps = packed.stamps;
                let at = |rank| stamps.and_then(|stamps| stamps.get(rank));
                let is_stale = |rank| at(rank).is_some_and(|at| at <= now);
                let expired = packed
                    .names()
                    .enumerate()
                    .filter(|(rank, _)| is_stale(*rank));
                (expired.map(|(_, name)| name.into()).collect(), None)
            }
            (None, Body::Big(id)) => {
                let mut names = Vec::new();
                if let Some(big) = table.big(id) {
                    big.expired(now, &catalog.hasher, |field| names.push(field.name.into()));
                }
                (names, Some(id))
            }
            (None, Body::String(_)) => return None,
        };
        Some(Stale::Fields { names, big })
    }
}
