//! The keyspace: all shards, how keys are hashed to them, how they are locked.
//!
//! Invariants
//! - The shard of a key is given by the top bits of its hash, so walking the shards in order and
//!   each in hash order is one walk in hash order: a cursor is a hash.
//! - Shards are locked in index order, so two commands never wait for each other in a circle.
//! - The hash of a key does not depend on its database.

use super::catalog::Catalog;
use super::hasher::top_bits;
use super::journal::{self, Change, Journal, Step};
use super::layers::Layers;
use super::locked::Locked;
use super::shard::Shard;
use super::{Db, Millis, SYSTEM_DB};
use parking_lot::RwLock;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// A key with its hash, computed once.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    pub db: Db,
    pub name: &'a [u8],
    pub hash: u64,
}

/// What a command does to its shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// How a keyspace is laid out.
#[derive(Clone, Debug)]
pub struct Options {
    /// Number of shards, a power of two up to 2^12. Default: 256.
    pub shards: usize,
    /// Number of databases. Default: 16.
    pub databases: Db,
    /// Seed of the key hash: secret, so that nobody can choose keys that collide.
    pub seed: u64,
}

/// Most shards.
const SHARDS_MAX: usize = 1 << 12;

/// See the module.
pub struct Keyspace {
    pub(super) shards: Box<[RwLock<Shard>]>,
    pub(super) shard_bits: u32,
    pub(super) catalog: Catalog,
    pub(super) layers: Layers,
    databases: Db,
    seed: u64,
    /// Where changes go; if nowhere, they are counted here.
    journal: OnceLock<Arc<dyn Journal>>,
    lsn: AtomicU64,
    bytes: AtomicUsize,
    /// The shard at which the next step of the sweep begins.
    sweep_at: AtomicUsize,
}

/// The shards a command needs: built from keys, or all. A bit for each, so that adding one costs
/// the same however many there are (a sorted list took a twelfth of an `MGET` of 100 keys).
#[derive(Clone, Debug, Default)]
pub struct ShardSet {
    words: SmallVec<[u64; 4]>,
}

impl ShardSet {
    pub fn clear(&mut self) {
        self.words.clear();
    }

    #[inline]
    pub fn insert(&mut self, keyspace: &Keyspace, key: &Key<'_>) {
        let shard = keyspace.shard_of(key.hash);
        if self.words.is_empty() {
            self.make_room(keyspace);
        }
        self.words[shard / 64] |= 1 << (shard % 64);
    }

    #[cold]
    fn make_room(&mut self, keyspace: &Keyspace) {
        self.words.resize(keyspace.shards.len().div_ceil(64), 0);
    }

    pub fn insert_all(&mut self, keyspace: &Keyspace) {
        let shards = keyspace.shards.len();
        self.words.clear();
        let word = |word: usize| u64::MAX >> (64 - (shards - word * 64).min(64));
        self.words.extend((0..shards.div_ceil(64)).map(word));
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// In ascending order.
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let words = self.words.iter().enumerate();
        words.flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                left &= left.wrapping_sub(1);
                (bit < 64).then_some(at * 64 + bit)
            })
        })
    }

    #[inline]
    pub(super) fn ranks(&self) -> Ranks {
        let mut before = 0;
        let rank = |word: &u64| {
            let all_before = before;
            before += word.count_ones() as usize;
            (*word, all_before)
        };
        Ranks(self.words.iter().map(rank).collect())
    }
}

/// How many of the shards of a set are before each: which shards are set in each word, and how many
/// are in those before it. (Counted anew for each key, a loop of an unforeseeable length, it took a
/// sixth of an `MGET` of 100 keys.)
pub(super) struct Ranks(SmallVec<[(u64, usize); 4]>);

impl Ranks {
    /// `None`: the set does not have it.
    #[inline]
    pub(super) fn of(&self, shard: usize) -> Option<usize> {
        let &(word, before) = self.0.get(shard / 64)?;
        let bit = 1 << (shard % 64);
        let within = (word & (bit - 1)).count_ones() as usize;
        (word & bit != 0).then_some(before + within)
    }
}

/// What one step of the sweep did.
#[derive(Clone, Copy, Debug, Default)]
pub struct SweepReport {
    /// Keys looked at because something of theirs may have expired.
    pub visited: usize,
    pub keys_expired: usize,
    pub fields_expired: usize,
}

impl Keyspace {
    pub fn new(options: &Options) -> Keyspace {
        let shards = options.shards;
        assert!(options.databases <= SYSTEM_DB, "too many databases");
        assert!(
            shards.is_power_of_two() && shards <= SHARDS_MAX,
            "{shards} shards"
        );
        let shard_bits = shards.trailing_zeros();
        let shards = (0..shards).map(|_| RwLock::new(Shard::new(options.databases, shard_bits)));
        Keyspace {
            shards: shards.collect(),
            shard_bits,
            catalog: Catalog::new(options.seed),
            layers: Layers::default(),
            databases: options.databases,
            seed: options.seed,
            journal: OnceLock::new(),
            lsn: AtomicU64::new(1),
            bytes: AtomicUsize::new(0),
            sweep_at: AtomicUsize::new(0),
        }
    }

    /// Of clients.
    pub fn databases(&self) -> Db {
        self.databases
    }

    pub(super) fn has_database(&self, db: Db) -> bool {
        db < self.databases || db == SYSTEM_DB
    }

    /// Of the hash of keys.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    #[inline]
    pub fn key<'a>(&self, db: Db, name: &'a [u8]) -> Key<'a> {
        Key {
            db,
            name,
            hash: self.catalog.hasher.hash(name),
        }
    }

    /// The shard of a key with this hash.
    #[inline]
    pub fn shard_of(&self, hash: u64) -> usize {
        top_bits(hash, self.shards.len())
    }

    /// Lock these shards, in index order; the lock is held until the [`Locked`] is dropped.
    #[inline]
    pub fn lock(&self, shards: &ShardSet, access: Access) -> Locked<'_> {
        Locked::new(self, shards, access)
    }

    /// The same, to write, if nobody has any of them.
    #[inline]
    pub fn try_lock_to_write(&self, shards: &ShardSet) -> Option<Locked<'_>> {
        Locked::try_new(self, shards)
    }

    /// From now on changes go to this journal. To be called once, before there are clients.
    pub fn attach(&self, journal: Arc<dyn Journal>) {
        assert!(self.journal.set(journal).is_ok(), "there is one journal");
    }

    #[inline]
    pub(super) fn journal(&self) -> Option<&dyn Journal> {
        self.journal.get().map(|journal| &**journal)
    }

    pub(super) fn next_lsn(&self) -> u64 {
        match self.journal() {
            Some(journal) => journal.reserve(),
            None => self.lsn.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// What is there is as of this LSN: the next one is behind it.
    pub(super) fn is_behind(&self, lsn: u64) {
        self.lsn.fetch_max(lsn.saturating_add(1), Ordering::Relaxed);
    }

    /// The last LSN that was given out.
    pub(super) fn last_lsn(&self) -> u64 {
        match self.journal() {
            Some(journal) => journal.last(),
            None => self.lsn.load(Ordering::Relaxed) - 1,
        }
    }

    /// Remove what has expired of a key whose shard is locked, as a change of its own.
    pub(super) fn reap(&self, shard: &mut Shard, key: &Key<'_>, now: Millis) {
        if self.journal().is_some_and(|journal| !journal.accepts()) {
            return;
        }
        let reaped = shard.reap(key, now, || self.next_lsn(), &self.catalog);
        if let (Some(lsn), Some(journal)) = (reaped, self.journal()) {
            let mut change = Change::default();
            change.put_reap(key, now);
            journal.append(lsn, change.bytes());
        }
        self.settle(shard);
    }

    /// Do again what a journal was given as the change of this LSN; `None` if it is no change, or
    /// publishes a batch that is not known.
    pub fn replay(&self, lsn: u64, change: &[u8]) -> Option<()> {
        let key = |db, name| self.has_database(db).then(|| self.key(db, name));
        // A shard that was written to files later has had the change already.
        let apply = |shard: &RwLock<Shard>, change: &dyn Fn(&mut Shard)| {
            let mut shard = shard.write();
            if shard.base_lsn < lsn {
                change(&mut shard);
                shard.last_lsn = lsn;
                shard.dropped.clear();
                self.settle(&mut shard);
            }
        };
        self.is_behind(lsn);
        let mut known = Some(());
        journal::read_change(change, key, |step| match step {
            Step::Publish(number, at) => {
                known = known.and(self.publish_again(number, lsn, at));
            }
            Step::Reap(key, now) => apply(&self.shards[self.shard_of(key.hash)], &|shard| {
                shard.reap(&key, now, || lsn, &self.catalog);
            }),
            Step::Mutation(mutation) => {
                let change = |shard: &mut Shard| {
                    shard.apply(&mutation, lsn, &self.catalog);
                };
                match mutation.key() {
                    Some(key) => apply(&self.shards[self.shard_of(key.hash)], &change),
                    None => {
                        self.shards.iter().for_each(|shard| apply(shard, &change));
                        self.look_for_layers(lsn);
                    }
                }
            }
        })?;
        known
    }

    /// Account for what a change of this shard took or gave back.
    pub(super) fn settle(&self, shard: &mut Shard) {
        let bytes = shard.bytes();
        if bytes != shard.reported {
            self.account(shard.reported, bytes);
            shard.reported = bytes;
        }
    }

    pub(super) fn account(&self, before: usize, after: usize) {
        if after >= before {
            self.bytes.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.bytes.fetch_sub(before - after, Ordering::Relaxed);
        }
    }

    /// Bytes held by data and its indexes.
    pub fn used_memory(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes held by what all rows share: shapes and the dictionary of values. Bounded.
    pub fn shared_memory(&self) -> usize {
        self.catalog.shapes.bytes() + self.catalog.dictionary.bytes()
    }

    /// Shapes and dictionary entries there are.
    pub fn interned(&self) -> (usize, usize) {
        (self.catalog.shapes.len(), self.catalog.dictionary.len())
    }

    /// Keys that ever expired, fields that ever expired.
    pub fn expired(&self) -> (u64, u64) {
        self.shards
            .iter()
            .map(|s| s.read())
            .fold((0, 0), |(keys, fields), shard| {
                (keys + shard.keys_expired, fields + shard.fields_expired)
            })
    }

    /// One bounded step of the background sweep: removes what has expired of at most about
    /// `entries_max` keys, one shard's write lock at a time.
    pub fn sweep(&self, now: Millis, entries_max: usize) -> SweepReport {
        let mut report = SweepReport::default();
        for _ in 0..self.shards.len() {
            let at = self.sweep_at.fetch_add(1, Ordering::Relaxed) % self.shards.len();
            if !self.shards[at].read().is_due(now) {
                continue;
            }
            let budget = entries_max - report.visited;
            let mut shard = self.shards[at].write();
            let before = (shard.keys_expired, shard.fields_expired);
            let due = shard.due_keys(now, budget, &self.catalog);
            for (db, name) in &due {
                let key = self.key(*db, name);
                self.reap(&mut shard, &key, now);
            }
            if due.len() < budget {
                shard.refresh_due(now, &self.catalog);
            }
            report.visited += due.len();
            report.keys_expired += (shard.keys_expired - before.0) as usize;
            report.fields_expired += (shard.fields_expired - before.1) as usize;
            self.settle(&mut shard);
            if report.visited >= entries_max {
                break;
            }
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many shards there are, in the first word and the last, a key finds the lock of its
    /// own shard and never one of a shard that is not locked.
    #[test]
    fn ranks_count_the_locks_before() {
        for bits in 0..=SHARDS_MAX.trailing_zeros() {
            let options = Options {
                shards: 1 << bits,
                databases: 1,
                seed: 1,
            };
            let keyspace = Keyspace::new(&options);
            let mut set = ShardSet::default();
            for n in 0..options.shards / 3 + 1 {
                set.insert(&keyspace, &keyspace.key(0, n.to_string().as_bytes()));
            }
            let (ranks, mut expected) = (set.ranks(), 0..);
            let in_set: Vec<usize> = set.iter().collect();
            for shard in 0..options.shards {
                let rank = in_set.contains(&shard).then(|| expected.next().unwrap());
                assert_eq!(ranks.of(shard), rank, "{shard} of {}", options.shards);
            }
            assert_eq!(ranks.of(usize::MAX), None);
        }
    }
}
