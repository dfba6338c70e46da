//! What a handler works with.

use super::CommandError;
use crate::engine::{Entity, Hash, Key, Locked, Millis, Mutation, Projection};
use crate::instance::{Instance, Session};
use crate::resp::Output;
use std::cell::Cell;

pub struct Context<'a> {
    /// The state of the server.
    pub instance: &'a Instance,
    /// The state of this client.
    pub session: &'a mut Session,
    /// The locked shards: those of the command's keys, or all for a command that needs all.
    pub data: Data<'a>,
    pub out: &'a mut Output,
}

impl Context<'_> {
    /// The key of this name in the session's database.
    pub fn key<'n>(&self, name: &'n [u8]) -> Key<'n> {
        self.instance.keyspace.key(self.session.db, name)
    }
}

/// Locked shards as of one moment.
pub struct Data<'a> {
    pub locked: Locked<'a>,
    /// Milliseconds since the epoch; one value throughout a command or transaction.
    pub now: Millis,
    /// Look-ups that found something, look-ups in all.
    pub(super) lookups: Cell<(u32, u32)>,
}

impl<'a> Data<'a> {
    pub fn new(locked: Locked<'a>, now: Millis) -> Data<'a> {
        Data {
            locked,
            now,
            lookups: Cell::new((0, 0)),
        }
    }
}

impl Data<'_> {
    #[inline]
    pub fn get(&self, key: &Key<'_>) -> Option<Entity<'_>> {
        let entity = self.locked.get(key, self.now);
        let (hits, all) = self.lookups.get();
        self.lookups
            .set((hits + u32::from(entity.is_some()), all + 1));
        entity
    }
    /// See [`Locked::get_batch`].
    pub fn get_batch<'s>(
        &'s self,
        keys: &[Key<'_>],
        mut visit: impl FnMut(Option<Entity<'s>>) -> bool,
    ) {
        let (mut hits, mut all) = self.lookups.get();
        self.locked.get_batch(keys, self.now, |entity| {
            hits += u32::from(entity.is_some());
            all += 1;
            visit(entity)
        });
        self.lookups.set((hits, all));
    }
    /// See [`Locked::get_batch_of`].
    pub fn get_batch_of<'s, 'n, N: Iterator<Item = &'n [u8]>>(
        &'s self,
        keys: &[Key<'_>],
        wanted: (&mut Projection, impl Fn() -> N),
        mut visit: impl FnMut(Option<Entity<'s>>, &mut Projection) -> bool,
    ) {
        let (mut hits, mut all) = self.lookups.get();
        self.locked
            .get_batch_of(keys, self.now, wanted, |entity, projection| {
                hits += u32::from(entity.is_some());
                all += 1;
                visit(entity, projection)
            });
        self.lookups.set((hits, all));
    }
    /// The hash under `key`; an error if it is a string.
    pub fn hash(&self, key: &Key<'_>) -> Result<Option<Hash<'_>>, CommandError> {
        self.get(key)
            .map(|e| e.hash().ok_or(CommandError::WrongType))
            .transpose()
    }
    /// The string under `key`; an error if it is a hash.
    pub fn string(&self, key: &Key<'_>) -> Result<Option<&[u8]>, CommandError> {
        self.get(key)
            .map(|e| e.string().ok_or(CommandError::WrongType))
            .transpose()
    }
    pub fn commit(&mut self, mutation: &Mutation<'_>) -> u64 {
        self.locked.commit(mutation, self.now)
    }
}
