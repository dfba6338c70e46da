//! A store: blocks found by name, in levels.
//!
//! The active level takes all changes. Below it, newest first, are sealed levels: one that a
//! checkpoint froze, while it is being written, and those in files. A name is what the newest level
//! says that has it; a level may say that it is gone.
//!
//! Invariants
//! - Only the active level changes. A block of an older one that is to change is copied up.
//! - That a name is gone is said where an older level has it, or had it.
//! - `len` counts the names that are there.

use super::Millis;
use super::hasher::Hasher;
use super::level::{Aligned, Form, Level};
use super::sealed::{Body, Sealed};
use super::section::Section;
use std::sync::Arc;

/// A scan goes on at a multiple of this: cursors keep 48 bits of a hash, and shards take up to 12.
const SCAN_GRAIN: u64 = 1 << 28;

/// See the module.
pub struct Store<F> {
    active: Level<F>,
    /// Newest first.
    sealed: Vec<Sealed<F>>,
    /// Names of which the active level says that they are gone.
    gone: usize,
    len: usize,
    /// Top bits of the hash that all names here share (they chose the shard).
    shared_bits: u32,
}

/// Where a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// 0: the active level, else one more than that of the sealed level.
    level: u32,
    reference: u32,
}

impl Found {
    /// Whether the block may be changed where it is.
    pub fn may_change(self) -> bool {
        self.level == 0
    }
}

/// The levels of a store at one moment, without the active one, newest first.
pub struct Frozen<F> {
    pub levels: Vec<Body<F>>,
    pub len: usize,
}

impl<F: Form> Store<F> {
    pub fn new(shared_bits: u32) -> Store<F> {
        Store {
            active: Level::new(),
            sealed: Vec::new(),
            gone: 0,
            len: 0,
            shared_bits,
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether a level has an entry, be it that something is gone.
    pub fn has_entries(&self) -> bool {
        self.active.len() > 0 || !self.sealed.is_empty()
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        let sealed: usize = self.sealed.iter().map(Sealed::bytes).sum();
        self.active.bytes() + sealed
    }

    pub fn aligned<'a>(&self, hasher: &'a Hasher) -> Aligned<'a> {
        let shared_bits = self.shared_bits;
        Aligned {
            hasher,
            shared_bits,
        }
    }

    #[inline]
    pub fn find(&self, name: &[u8], hash: u64) -> Option<Found> {
        self.look_up(name, hash).map(|(found, _)| found)
    }

    /// Where the block of a name is, and the block.
    #[inline]
    pub fn look_up(&self, name: &[u8], hash: u64) -> Option<(Found, &[u8])> {
        let hash = hash << self.shared_bits;
        if self.active.len() > 0
            && let Some((reference, block)) = self.active.find(name, hash)
        {
            let gone = self.gone > 0 && F::is_gone(block);
            let level = 0;
            return (!gone).then_some((Found { level, reference }, block));
        }
        self.look_up_sealed(name, hash)
    }

    /// What the newest level that has the name says of it, also that it is gone; and whether it
    /// says that.
    pub fn find_said(&self, name: &[u8], hash: u64) -> Option<(Found, bool)> {
        let hash = hash << self.shared_bits;
        let active = self.active.find(name, hash).map(|found| (0, found));
        let sealed = || {
            let mut levels = (1..).zip(&self.sealed);
            levels.find_map(|(n, level)| Some((n, level.body.find(name, hash)?)))
        };
        let (level, (reference, block)) = active.or_else(sealed)?;
        Some((Found { level, reference }, F::is_gone(block)))
    }

    /// The hash of a name as levels are asked for it.
    pub fn align(&self, hash: u64) -> u64 {
        hash << self.shared_bits
    }

    /// The LSN as of which a block is complete.
    pub fn lsn(&self, found: Found) -> u64 {
        if found.level == 0 {
            return self.active.lsn(found.reference);
        }
        let sealed = self.sealed.get(found.level as usize - 1);
        sealed.map_or(0, |sealed| sealed.body.lsn(found.reference))
    }

    #[inline]
    fn look_up_sealed(&self, name: &[u8], hash: u64) -> Option<(Found, &[u8])> {
        for (level, sealed) in (1..).zip(&self.sealed) {
            if let Some((reference, block)) = sealed.body.find(name, hash) {
                let found = Found { level, reference };
                return (!F::is_gone(block)).then_some((found, block));
            }
        }
        None
    }

    /// Whether a level newer than this sealed one has the name, or says that it is gone.
    fn is_hidden(&self, sealed: usize, name: &[u8], hash: u64) -> bool {
        let newer = self.sealed.iter().take(sealed);
        self.active.find(name, hash).is_some()
            || newer.into_iter().any(|s| s.body.find(name, hash).is_some())
    }

    #[inline]
    pub fn get(&self, found: Found) -> &[u8] {
        if found.level == 0 {
            return self.active.get(found.reference);
        }
        let sealed = self.sealed.get(found.level as usize - 1);
        sealed.map_or(&[], |sealed| sealed.body.get(found.reference))
    }

    /// The block, if it may be changed where it is.
    pub fn get_mut(&mut self, found: Found) -> Option<&mut [u8]> {
        found
            .may_change()
            .then(|| self.active.get_mut(found.reference))
    }

    /// When, at the earliest, the entry of this hash expires.
    #[inline]
    pub fn due_near(&self, hash: u64) -> Millis {
        let hash = hash << self.shared_bits;
        let sealed = self.sealed.iter().map(|sealed| sealed.due_near(hash));
        sealed.fold(self.active.due_near(hash), Millis::min)
    }

    /// Ask for the memory that finding this hash reads first.
    #[inline]
    pub fn prefetch_index(&self, hash: u64) {
        let hash = hash << self.shared_bits;
        if self.active.len() > 0 {
            self.active.prefetch_index(hash);
        }
        self.sealed.iter().for_each(|s| s.prefetch_index(hash));
    }

    /// Ask for the memory of the entry that is most likely the one of this hash.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        let hash = hash << self.shared_bits;
        if self.active.len() == 0 || !self.active.prefetch_entry(hash) {
            let _ = self.sealed.iter().any(|s| s.prefetch_entry(hash));
        }
    }

    /// A block was changed where it is.
    pub fn set_lsn(&mut self, found: Found, lsn: u64) {
        if found.level == 0 {
            self.active.set_lsn(found.reference, lsn);
        }
    }

    /// Note that this entry, which was put last, expires at `at`.
    pub fn note_due(&mut self, hash: u64, at: Millis) {
        self.active.note_due(hash << self.shared_bits, at);
    }

    /// Note that this entry, in whatever level it is, expires at `at`.
    pub fn note_due_below(&mut self, hash: u64, at: Millis) {
        self.note_due(hash, at);
        let hash = hash << self.shared_bits;
        self.sealed.iter_mut().for_each(|s| s.note_due(hash, at));
    }

    /// Store a block in the place of `old`, or as a new entry. What was found before is void.
    pub fn put(
        &mut self,
        hasher: &Hasher,
        hash: u64,
        old: Option<Found>,
        payload: &[u8],
        lsn: u64,
    ) {
        let (aligned, hash) = (self.aligned(hasher), hash << self.shared_bits);
        self.len += usize::from(old.is_none());
        let active = match old {
            Some(Found {
                level: 0,
                reference,
            }) => Some(reference),
            None if self.gone > 0 => {
                let found = self.active.find(F::name(payload), hash);
                found.map(|(reference, _)| reference)
            }
            _ => None,
        };
        if old.is_none() && active.is_some() {
            self.gone -= 1;
        }
        self.active.put(aligned, hash, active, payload, lsn);
    }

    /// Remove an entry that was found. `says`: that it is gone is to be said in any case.
    pub fn remove(&mut self, hasher: &Hasher, hash: u64, found: Found, lsn: u64, says: bool) {
        let name = F::name(self.get(found)).to_vec();
        let (aligned, hash) = (self.aligned(hasher), hash << self.shared_bits);
        self.len = self.len.saturating_sub(1);
        let active = (found.level == 0).then_some(found.reference);
        if says || self.look_up_sealed(&name, hash).is_some() {
            let mut gone = Vec::new();
            F::write_gone(&mut gone, &name);
            self.active.put(aligned, hash, active, &gone, lsn);
            self.gone += 1;
        } else if let Some(reference) = active {
            self.active.remove(aligned, hash, reference);
        }
    }

    /// All blocks, in no useful order.
    pub fn blocks<'a>(&'a self, hasher: &'a Hasher) -> impl Iterator<Item = &'a [u8]> + 'a {
        let active = self.active.entries().map(|r| self.active.get(r));
        let sealed = self.sealed.iter().enumerate().flat_map(move |(at, level)| {
            let blocks = level.body.entries().map(|r| level.body.get(r));
            blocks.filter(move |block| {
                let name = F::name(block);
                !self.is_hidden(at, name, self.aligned(hasher).of(name))
            })
        });
        active.chain(sealed).filter(|block| !F::is_gone(block))
    }

    /// Where what a step of a scan visits ends that begins at `from` (hash bits behind the shared
    /// ones): a multiple of [`SCAN_GRAIN`]. `others` are ends of what is visited with it.
    pub fn bucket_end(&self, from: u64, others: impl Iterator<Item = u64>) -> Option<u64> {
        let ends = self.sealed.iter().map(|s| s.body.bucket_end(from));
        // The buckets of the levels are of different widths: the narrowest says how far it goes.
        let ends = ends.chain([self.active.bucket_end(from)]).flatten();
        let end = ends.chain(others).min();
        end.and_then(|end| end.checked_next_multiple_of(SCAN_GRAIN))
    }

    /// Visit the blocks between two places of hash order.
    pub fn visit_range<'a>(
        &'a self,
        from: u64,
        end: Option<u64>,
        hasher: &Hasher,
        mut visit: impl FnMut(&'a [u8]),
    ) {
        let aligned = self.aligned(hasher);
        let is_before = |hash: u64| end.is_none_or(|end| hash < end);
        let mut at = Some(from).filter(|_| self.active.len() > 0);
        while let Some(from) = at.filter(|at| is_before(*at)) {
            self.active.visit_bucket(from, aligned, |hash, block| {
                if is_before(hash) && !F::is_gone(block) {
                    visit(block);
                }
            });
            at = self.active.bucket_end(from);
        }
        for (n, level) in self.sealed.iter().enumerate() {
            let mut at = Some(from);
            while let Some(from) = at.filter(|at| is_before(*at)) {
                level.body.visit_bucket(from, aligned, |hash, block| {
                    let stays = is_before(hash) && !F::is_gone(block);
                    if stays && !self.is_hidden(n, F::name(block), hash) {
                        visit(block);
                    }
                });
                at = level.body.bucket_end(from);
            }
        }
    }

    /// The earliest time at which an entry may expire.
    pub fn due(&self) -> Millis {
        let sealed = self.sealed.iter().map(Sealed::due_any);
        sealed.fold(self.active.due_any(), Millis::min)
    }

    /// Visit the blocks of the groups in which something may have expired by `now`, until `visit`
    /// says no.
    pub fn visit_due<'a>(
        &'a self,
        now: Millis,
        hasher: &Hasher,
        mut visit: impl FnMut(&'a [u8]) -> bool,
    ) -> bool {
        let groups = (0..self.active.groups()).filter(|group| self.active.due(*group) <= now);
        let active = groups.flat_map(|group| self.active.group_entries(group));
        let mut active = active.map(|r| self.active.get(r));
        let aligned = self.aligned(hasher);
        active.all(|block| F::is_gone(block) || visit(block))
            && self.sealed.iter().enumerate().all(|(at, level)| {
                let mut blocks = level
                    .due_groups(now)
                    .flat_map(|group| level.group(group, aligned));
                blocks.all(|block| {
                    let name = F::name(block);
                    let hidden = self.is_hidden(at, name, aligned.of(name));
                    hidden || F::is_gone(block) || visit(block)
                })
            })
    }

    /// Look again when the entries of those groups expire.
    pub fn refresh_due(
        &mut self,
        now: Millis,
        hasher: &Hasher,
        due_of: impl Fn(&[u8]) -> Option<Millis>,
    ) {
        let due_of = |block: &[u8]| match F::is_gone(block) {
            true => None,
            false => due_of(block),
        };
        for group in 0..self.active.groups() {
            if self.active.due(group) <= now {
                let entries = self.active.group_entries(group);
                let due = entries.filter_map(|r| due_of(self.active.get(r))).min();
                self.active.set_due(group, due.unwrap_or(Millis::MAX));
            }
        }
        let aligned = self.aligned(hasher);
        for at in 0..self.sealed.len() {
            let level = &self.sealed[at];
            let due_next = |group: usize| {
                let blocks = level.group(group, aligned).filter(|block| {
                    let name = F::name(block);
                    !self.is_hidden(at, name, aligned.of(name))
                });
                let due = blocks.filter_map(due_of).min();
                (group, due.unwrap_or(Millis::MAX))
            };
            let dues: Vec<(usize, Millis)> = level.due_groups(now).map(due_next).collect();
            for (group, due) in dues {
                self.sealed[at].set_due(group, due);
            }
        }
    }
}

/// What a checkpoint does.
impl<F: Form> Store<F> {
    /// Seal the active level; answers all that are sealed. A frozen level is installed before the
    /// next is made.
    pub fn freeze(&mut self) -> Frozen<F> {
        let level = std::mem::replace(&mut self.active, Level::new());
        self.gone = 0;
        self.sealed.insert(0, Sealed::frozen(level));
        Frozen {
            levels: self.sealed.iter().map(|s| s.body.clone()).collect(),
            len: self.len,
        }
    }

    /// Whether this is the store that was frozen.
    pub fn is(&self, frozen: &Frozen<F>) -> bool {
        let first = |body: Option<&Body<F>>| match body {
            Some(Body::Heap(level)) => Some(Arc::as_ptr(level)),
            _ => None,
        };
        let own = first(self.sealed.first().map(|s| &s.body));
        own.is_some() && own == first(frozen.levels.first())
    }

    /// Put a section in the place of the newest `folded` sealed levels, which it was made of;
    /// answers them.
    pub fn install(
        &mut self,
        folded: usize,
        (file, lsn): (u64, u64),
        section: Arc<Section<F>>,
    ) -> Vec<Sealed<F>> {
        let new = (section.len() > 0).then(|| Sealed::mapped(file, lsn, section));
        let folded = folded.min(self.sealed.len());
        self.sealed.splice(..folded, new).collect()
    }

    /// Whether the active level says something of a name.
    pub fn is_changed(&self, name: &[u8], hash: u64) -> bool {
        self.active.find(name, self.align(hash)).is_some()
    }

    /// A sealed level has a name now that it did not have, or has it no more, and the active one
    /// says nothing of it.
    pub fn count(&mut self, more: bool) {
        self.len = match more {
            true => self.len + 1,
            false => self.len.saturating_sub(1),
        };
    }

    /// Put a section of a file that was opened above the others; `len` names are there then.
    /// `None`: there cannot be so many.
    pub fn stack(
        &mut self,
        (file, lsn): (u64, u64),
        section: Arc<Section<F>>,
        complete: bool,
        len: u64,
    ) -> Option<()> {
        if complete {
            self.sealed.clear();
        }
        if section.len() > 0 {
            self.sealed.insert(0, Sealed::mapped(file, lsn, section));
        }
        self.len = usize::try_from(len).ok()?;
        let entries: usize = self.sealed.iter().map(|level| level.body.len()).sum();
        (self.len <= entries).then_some(())
    }
}
