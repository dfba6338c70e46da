//! Locked shards: the only way to data.
//!
//! Invariants
//! - All changes made through one [`Locked`] carry one LSN.
//! - What a reader found expired is removed before anyone else can see its answer: at the drop of
//!   the [`Locked`], as of the `now` it was found by. So nothing once reported expired comes back,
//!   even if the clock is set back.

use super::journal::Change;
use super::keyspace::{Access, Key, Keyspace, Ranks, ShardSet};
use super::layer::Layer;
use super::projection::{Projection, Relation};
use super::shard::Shard;
use super::table::{Seen, Table};
use super::walk::Walked;
use super::{Db, Entity, Millis, Mutation};
use parking_lot::{RwLockReadGuard, RwLockWriteGuard};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Keys that a [`Locked::get_batch`] takes without asking for memory.
pub const BATCH_KEYS_MAX: usize = 16;

/// Keys of which the entities are asked for together, one such group before their turn, and the
/// indexes another one before. Together: what an address is has to be looked up in the tables of
/// pages, and of several that are asked for in few instructions that overlaps.
const GROUP: usize = 8;

/// `RANDOMKEY` goes through all of so small a database, so that each key has the same chance.
const RANDOM_WALK_KEYS_MAX: usize = 1000;

/// Buckets that a random key is looked for in, before the nearest one is taken.
const RANDOM_TRIES_MAX: usize = 100;

/// See the module.
pub struct Locked<'k> {
    keyspace: &'k Keyspace,
    /// Where in `guards` each shard is.
    ranks: Ranks,
    /// Of the shards, in their order.
    guards: Guards<'k>,
    lsn: Option<u64>,
    /// What has been done, for the journal.
    change: Change,
    expired: RefCell<Vec<Expired>>,
}

type Guards<'k> = SmallVec<[Guard<'k>; 4]>;

enum Guard<'k> {
    Read(RwLockReadGuard<'k, Shard>),
    Write(RwLockWriteGuard<'k, Shard>),
}

impl Guard<'_> {
    #[inline]
    fn shard(&self) -> &Shard {
        match self {
            Guard::Read(guard) => guard,
            Guard::Write(guard) => guard,
        }
    }
}

struct Expired {
    db: Db,
    name: Box<[u8]>,
    now: Millis,
}

impl<'k> Locked<'k> {
    #[inline]
    pub(super) fn new(keyspace: &'k Keyspace, shards: &ShardSet, access: Access) -> Locked<'k> {
        let lock = |shard: usize| {
            let lock = &keyspace.shards[shard];
            match access {
                Access::Read => Guard::Read(lock.read()),
                Access::Write => Guard::Write(lock.write()),
            }
        };
        let guards = shards.iter().map(lock).collect();
        Locked::of(keyspace, shards, guards)
    }

    /// To write; `None` if one is not free.
    #[inline]
    pub(super) fn try_new(keyspace: &'k Keyspace, shards: &ShardSet) -> Option<Locked<'k>> {
        let lock = |shard: usize| keyspace.shards[shard].try_write().map(Guard::Write);
        let guards = shards.iter().map(lock).collect::<Option<_>>()?;
        Some(Locked::of(keyspace, shards, guards))
    }

    fn of(keyspace: &'k Keyspace, shards: &ShardSet, guards: Guards<'k>) -> Locked<'k> {
        Locked {
            keyspace,
            ranks: shards.ranks(),
            guards,
            lsn: None,
            change: Change::default(),
            expired: RefCell::default(),
        }
    }

    #[inline]
    fn place(&self, shard: usize) -> usize {
        let rank = self.ranks.of(shard);
        rank.expect("the shards of a command's keys are locked")
    }

    #[inline]
    fn shard(&self, hash: u64) -> &Shard {
        self.guards[self.place(self.keyspace.shard_of(hash))].shard()
    }

    fn write(&mut self, at: usize) -> &mut Shard {
        match &mut self.guards[at] {
            Guard::Write(guard) => guard,
            Guard::Read(_) => panic!("a command that writes locks its shards for writing"),
        }
    }

    /// The entity under `key`, if it is there and has not expired by `now`.
    #[inline]
    pub fn get(&self, key: &Key<'_>, now: Millis) -> Option<Entity<'_>> {
        let table = self.shard(key.hash).table(key.db)?;
        let seen = table.seen(key.name, key.hash, &self.keyspace.catalog)?;
        self.entity(seen, key.db, now)
    }

    /// Ask for the memory of the entities under these keys.
    pub fn prefetch(&self, keys: &[Key<'_>]) {
        let tables = || {
            let of = |key: &Key<'_>| Some((key.hash, self.shard(key.hash).table(key.db)?));
            keys.iter().filter_map(of)
        };
        for (hash, table) in tables() {
            table.prefetch_index(hash, &mut |_| Relation::Some);
        }
        for (hash, table) in tables() {
            table.prefetch_entry(hash, &mut |_| Relation::Some);
        }
    }

    /// The entities under several keys, in their order. The memory of each is asked for some keys
    /// before it is read: misses of the cache overlap. It ends early when `visit` says no.
    pub fn get_batch<'s>(
        &'s self,
        keys: &[Key<'_>],
        now: Millis,
        mut visit: impl FnMut(Option<Entity<'s>>) -> bool,
    ) {
        let visit = |entity, (): &mut ()| visit(entity);
        self.get_related(keys, now, (), |(), _| Relation::Some, visit);
    }

    /// The same, for a request of these fields, to which the projection belongs: no others may be
    /// looked for in the entities.
    pub fn get_batch_of<'s, 'n, N: Iterator<Item = &'n [u8]>>(
        &'s self,
        keys: &[Key<'_>],
        now: Millis,
        (projection, names): (&mut Projection, impl Fn() -> N),
        visit: impl FnMut(Option<Entity<'s>>, &mut &mut Projection) -> bool,
    ) {
        let relation = |p: &mut &mut Projection, layer: &Layer| p.relation(layer, names());
        self.get_related(keys, now, projection, relation, visit);
    }

    fn get_related<'s, S>(
        &'s self,
        keys: &[Key<'_>],
        now: Millis,
        mut state: S,
        relation: impl Fn(&mut S, &Layer) -> Relation,
        mut visit: impl FnMut(Option<Entity<'s>>, &mut S) -> bool,
    ) {
        let tables: SmallVec<[Option<&Table>; BATCH_KEYS_MAX]> = keys
            .iter()
            .map(|key| self.shard(key.hash).table(key.db))
            .collect();
        let at = |i: usize| Some((keys.get(i)?.hash, (*tables.get(i)?)?));
        let prefetch_index = |i, state: &mut S| {
            if let Some((hash, table)) = at(i) {
                table.prefetch_index(hash, &mut |layer| relation(state, layer));
            }
        };
        let prefetch_entry = |i, state: &mut S| {
            if let Some((hash, table)) = at(i) {
                table.prefetch_entry(hash, &mut |layer| relation(state, layer));
            }
        };
        (0..2 * GROUP).for_each(|i| prefetch_index(i, &mut state));
        (0..GROUP).for_each(|i| prefetch_entry(i, &mut state));
        let catalog = &self.keyspace.catalog;
        for (i, (key, table)) in keys.iter().zip(&tables).enumerate() {
            if i % GROUP == 0 {
                (i + GROUP..i + 2 * GROUP).for_each(|i| prefetch_entry(i, &mut state));
                (i + 2 * GROUP..i + 3 * GROUP).for_each(|i| prefetch_index(i, &mut state));
            }
            let entity = table.and_then(|table| {
                let relation = &mut |layer: &Layer| relation(&mut state, layer);
                let seen = table.seen_for(key.name, key.hash, catalog, relation)?;
                self.entity(seen, key.db, now)
            });
            if !visit(entity, &mut state) {
                return;
            }
        }
    }

    #[inline(always)]
    fn entity<'a>(&'a self, seen: Seen<'a>, db: Db, now: Millis) -> Option<Entity<'a>> {
        let due = seen.due;
        let entity = Entity {
            row: seen.row,
            big: seen.big,
            over: seen.over,
            catalog: seen.catalog,
            now,
            block_bytes: seen.block_bytes,
        };
        // Not by reference: what is referred to is kept in memory, which costs every key.
        let lives = due > now || self.lives_on(entity.clone(), db);
        lives.then_some(entity)
    }

    /// Whether not all of an entity has expired of which something has.
    #[cold]
    #[inline(never)]
    fn lives_on(&self, entity: Entity<'_>, db: Db) -> bool {
        let (row, now) = (&entity.row, entity.now);
        self.expired.borrow_mut().push(Expired {
            db,
            name: row.key.into(),
            now,
        });
        let key_lives = row.expire_at.is_none_or(|at| at > now);
        key_lives && entity.hash().is_none_or(|hash| hash.len() > 0)
    }

    /// Apply a mutation; the answer is its effect (see [`Mutation`]). Needs [`Access::Write`].
    pub fn commit(&mut self, mutation: &Mutation<'_>, now: Millis) -> u64 {
        let keyspace = self.keyspace;
        let lsn = match self.lsn {
            Some(lsn) => lsn,
            None => {
                self.change = CHANGE.take();
                *self.lsn.insert(keyspace.next_lsn())
            }
        };
        let catalog = &keyspace.catalog;
        let journals = keyspace.journal().is_some();
        if let Some(key) = mutation.key() {
            let at = self.place(keyspace.shard_of(key.hash));
            let reaped = self.write(at).reap(key, now, || lsn, catalog);
            if journals {
                if reaped.is_some() {
                    self.change.put_reap(key, now);
                }
                self.change.put(mutation);
            }
            let shard = self.write(at);
            shard.last_lsn = lsn;
            return shard.apply(mutation, lsn, catalog);
        }
        if journals {
            self.change.put(mutation);
        }
        debug_assert_eq!(self.guards.len(), keyspace.shards.len(), "needs all shards");
        if let Mutation::Publish { batch, at } = *mutation {
            let batch = batch.clone();
            self.publish(&Layer { batch, lsn, at });
            return 1;
        }
        let effect = (0..self.guards.len())
            .map(|at| {
                let shard = self.write(at);
                shard.last_lsn = lsn;
                shard.apply(mutation, lsn, catalog)
            })
            .sum();
        keyspace.note_layers(lsn, &self.shards().collect::<Vec<_>>());
        effect
    }

    fn publish(&mut self, layer: &Layer) {
        let keyspace = self.keyspace;
        for index in 0..self.guards.len() {
            let shard = self.write(index);
            if shard.attach(layer, index, &keyspace.catalog) {
                shard.last_lsn = layer.lsn;
            }
        }
        keyspace.add_layer(layer, &self.shards().collect::<Vec<_>>());
    }

    /// The LSN of the last change of any of these shards: what is read here is what it was after
    /// that change.
    pub fn last_lsn(&self) -> u64 {
        let lsns = self.shards().map(|s| s.last_lsn.max(s.attached_lsn));
        lsns.max().unwrap_or(0)
    }

    /// Set the flag when the key is next changed, also by expiry or a flush.
    pub fn watch(&mut self, key: &Key<'_>, dirty: &Arc<AtomicBool>) {
        self.shard(key.hash).watch(key, dirty);
    }

    /// The layers that show in any of these shards.
    pub fn layers(&self) -> Vec<Layer> {
        let mut layers: Vec<Layer> = Vec::new();
        for (_, table) in self.shards().flat_map(|shard| shard.tables()) {
            for part in table.layers() {
                if layers.iter().all(|layer| layer.id() != part.layer.id()) {
                    layers.push(part.layer.clone());
                }
            }
        }
        layers
    }

    fn shards(&self) -> impl Iterator<Item = &Shard> {
        self.guards.iter().map(Guard::shard)
    }

    /// Number of keys of a database, including those that have expired and are not yet removed,
    /// and how many of them have an expiry. Needs all shards.
    pub fn count(&self, db: Db) -> (usize, usize) {
        let tables = self.shards().filter_map(|shard| shard.table(db));
        tables.fold((0, 0), |(keys, expiring), t| {
            (keys + t.len(), expiring + t.expiring())
        })
    }

    /// Visit keys in hash order from `cursor` until about `count` were visited; 0 starts and is
    /// returned at the end. Every key present throughout a whole scan is visited. Cursors are below
    /// 2^48. Needs all shards.
    pub fn scan(
        &self,
        db: Db,
        cursor: u64,
        count: usize,
        now: Millis,
        visit: &mut dyn FnMut(&[u8], &Entity<'_>),
    ) -> u64 {
        let mut hash = cursor << 16;
        let mut walked = Walked::default();
        while walked.may_go_on(count) {
            let next = self.visit_bucket(db, hash, now, &mut walked, visit);
            let Some(next) = next else { return 0 };
            hash = next;
        }
        hash >> 16
    }

    /// Visit the keys of the bucket at `hash`; answers where the next begins, in all the keyspace.
    fn visit_bucket(
        &self,
        db: Db,
        hash: u64,
        now: Millis,
        walked: &mut Walked,
        visit: &mut dyn FnMut(&[u8], &Entity<'_>),
    ) -> Option<u64> {
        let bits = self.keyspace.shard_bits;
        let shard = self.keyspace.shard_of(hash);
        let mut next = None;
        let table = self.guards[shard].shard().table(db);
        if let Some(table) = table.filter(|table| table.has_entries()) {
            walked.buckets += 1;
            let hasher = &self.keyspace.catalog.hasher;
            next = table.visit_names(hash << bits, hasher, |name| {
                walked.found += 1;
                let seen = table.seen(name, hasher.hash(name), &self.keyspace.catalog);
                if let Some(entity) = seen.and_then(|seen| self.entity(seen, db, now)) {
                    visit(name, &entity);
                }
            });
        }
        // The next bucket of this shard, else the first of the next shard.
        let (first, width) = (shard as u128, 64 - bits);
        let global = match next {
            Some(next) => (first << width) + u128::from(next >> bits),
            None => (first + 1) << width,
        };
        u64::try_from(global).ok()
    }

    /// Some key of the database that has not expired, chosen by `random`; in a small database each
    /// is as likely as any other. Needs all shards.
    pub fn random_key(&self, db: Db, random: u64, now: Millis) -> Option<Vec<u8>> {
        let mut draw = Draw {
            random,
            seen: 0,
            name: Vec::new(),
        };
        if self.count(db).0 <= RANDOM_WALK_KEYS_MAX {
            self.draw_from(db, 0, now, &mut draw, usize::MAX);
        }
        for _ in 0..RANDOM_TRIES_MAX {
            if draw.seen > 0 {
                break;
            }
            let hash = draw.next();
            self.draw_from(db, hash, now, &mut draw, 1);
        }
        // Hardly a key has not expired: the first one from anywhere, then from the beginning.
        for hash in [draw.next(), 0] {
            if draw.seen == 0 {
                self.draw_from(db, hash, now, &mut draw, usize::MAX);
            }
        }
        (draw.seen > 0).then_some(draw.name)
    }

    /// Draw from the keys of so many buckets from the one at `hash` on.
    fn draw_from(&self, db: Db, hash: u64, now: Millis, draw: &mut Draw, buckets: usize) {
        let mut hash = Some(hash);
        for _ in 0..buckets {
            let Some(from) = hash else { return };
            let offer = &mut |name: &[u8], _: &Entity<'_>| draw.offer(name);
            hash = self.visit_bucket(db, from, now, &mut Walked::default(), offer);
        }
    }

    fn settle_accounts(&mut self) -> Vec<Table> {
        let mut dropped = Vec::new();
        for guard in &mut self.guards {
            let Guard::Write(shard) = guard else { continue };
            let bytes = shard.bytes();
            if bytes != shard.reported {
                self.keyspace.account(shard.reported, bytes);
                shard.reported = bytes;
            }
            dropped.append(&mut shard.dropped);
        }
        dropped
    }
}

/// One of the names offered, each with the same chance, by a generator (splitmix64) from a seed.
struct Draw {
    random: u64,
    seen: u64,
    name: Vec<u8>,
}

impl Draw {
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn offer(&mut self, name: &[u8]) {
        self.seen += 1;
        if self.next().is_multiple_of(self.seen) {
            self.name.clear();
            self.name.extend_from_slice(name);
        }
    }
}

thread_local! {
    /// What the changes of this thread are written into: no change allocates.
    static CHANGE: Cell<Change> = const { Cell::new(Change::new()) };
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let dropped = self.settle_accounts();
        if let (Some(lsn), Some(journal)) = (self.lsn, self.keyspace.journal()) {
            journal.append(lsn, self.change.bytes());
            self.change.clear();
            CHANGE.set(std::mem::take(&mut self.change));
        }
        self.guards.clear();
        // A flushed table may take long to free: no lock is held any more.
        drop(dropped);
        let keyspace = self.keyspace;
        for expired in self.expired.get_mut().drain(..) {
            let key = keyspace.key(expired.db, &expired.name);
            let mut shard = keyspace.shards[keyspace.shard_of(key.hash)].write();
            keyspace.reap(&mut shard, &key, expired.now);
        }
    }
}
