//! Levels that do not change any more: one that was frozen for a checkpoint, and those in files.
//!
//! Invariant: `dues` is kept here, as what has expired goes while the level stays as it is.

use super::Millis;
use super::level::{Aligned, Form, Level};
use super::section::Section;
use std::sync::Arc;

/// What a sealed level reads.
pub enum Body<F> {
    Heap(Arc<Level<F>>),
    File {
        /// The number of the file.
        file: u64,
        /// Its blocks are complete as of this LSN.
        lsn: u64,
        section: Arc<Section<F>>,
    },
}

impl<F> Clone for Body<F> {
    fn clone(&self) -> Body<F> {
        match self {
            Body::Heap(level) => Body::Heap(level.clone()),
            Body::File { file, lsn, section } => Body::File {
                file: *file,
                lsn: *lsn,
                section: section.clone(),
            },
        }
    }
}

/// See the module.
pub struct Sealed<F> {
    pub body: Body<F>,
    /// When each group is due; empty: nothing expires.
    dues: Vec<Millis>,
}

impl<F> Clone for Sealed<F> {
    fn clone(&self) -> Sealed<F> {
        Sealed {
            body: self.body.clone(),
            dues: self.dues.clone(),
        }
    }
}

macro_rules! either {
    ($body:expr, $level:ident => $answer:expr) => {
        match $body {
            Body::Heap($level) => $answer,
            Body::File {
                section: $level, ..
            } => $answer,
        }
    };
}

impl<F: Form> Body<F> {
    /// The entry of a name, and its block.
    #[inline]
    pub fn find(&self, name: &[u8], hash: u64) -> Option<(u32, &[u8])> {
        either!(self, level => level.find(name, hash))
    }

    #[inline]
    pub fn get(&self, reference: u32) -> &[u8] {
        either!(self, level => level.get(reference))
    }

    /// The LSN as of which an entry is complete.
    pub fn lsn(&self, reference: u32) -> u64 {
        match self {
            Body::Heap(level) => level.lsn(reference),
            Body::File { lsn, .. } => *lsn,
        }
    }

    pub fn len(&self) -> usize {
        either!(self, level => level.len())
    }

    pub fn entries(&self) -> Box<dyn Iterator<Item = u32> + '_> {
        either!(self, level => Box::new(level.entries()))
    }

    pub fn bucket_end(&self, from: u64) -> Option<u64> {
        either!(self, level => level.bucket_end(from))
    }

    pub fn visit_bucket<'a>(
        &'a self,
        from: u64,
        aligned: Aligned<'_>,
        visit: impl FnMut(u64, &'a [u8]),
    ) {
        either!(self, level => level.visit_bucket(from, aligned, visit));
    }

    fn groups(&self) -> usize {
        either!(self, level => level.groups())
    }

    fn group_of(&self, hash: u64) -> usize {
        either!(self, level => level.group_of(hash))
    }

    fn group_entries(&self, group: usize, aligned: Aligned<'_>) -> Vec<u32> {
        match self {
            Body::Heap(level) => level.group_entries(group).collect(),
            Body::File { section, .. } => section.group_entries(group, aligned),
        }
    }
}

impl<F: Form> Sealed<F> {
    pub fn frozen(level: Level<F>) -> Sealed<F> {
        let mut dues = Vec::new();
        if level.due_any() != Millis::MAX {
            dues.extend((0..level.groups()).map(|group| level.due(group)));
        }
        Sealed {
            body: Body::Heap(Arc::new(level)),
            dues,
        }
    }

    pub fn mapped(file: u64, lsn: u64, section: Arc<Section<F>>) -> Sealed<F> {
        Sealed {
            dues: section.dues().to_vec(),
            body: Body::File { file, lsn, section },
        }
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        let level = match &self.body {
            Body::Heap(level) => level.bytes(),
            Body::File { .. } => 0,
        };
        level + self.dues.len() * size_of::<Millis>()
    }

    #[inline]
    pub fn prefetch_index(&self, hash: u64) {
        either!(&self.body, level => level.prefetch_index(hash));
    }

    #[inline]
    pub fn prefetch_entry(&self, hash: u64) -> bool {
        either!(&self.body, level => level.prefetch_entry(hash))
    }

    #[inline]
    pub fn due_near(&self, hash: u64) -> Millis {
        if self.dues.is_empty() {
            return Millis::MAX;
        }
        let due = self.dues.get(self.body.group_of(hash));
        due.copied().unwrap_or(Millis::MAX)
    }

    pub fn due_any(&self) -> Millis {
        self.dues.iter().copied().min().unwrap_or(Millis::MAX)
    }

    /// Note that an entry of this hash expires at `at`.
    pub fn note_due(&mut self, hash: u64, at: Millis) {
        if self.dues.is_empty() {
            self.dues = vec![Millis::MAX; self.body.groups()];
        }
        if let Some(due) = self.dues.get_mut(self.body.group_of(hash)) {
            *due = at.min(*due);
        }
    }

    /// The groups in which something may have expired by `now`.
    pub fn due_groups(&self, now: Millis) -> impl Iterator<Item = usize> + '_ {
        let dues = self.dues.iter().enumerate();
        dues.filter(move |(_, due)| **due <= now).map(|(n, _)| n)
    }

    /// The blocks of a group.
    pub fn group(&self, group: usize, aligned: Aligned<'_>) -> impl Iterator<Item = &[u8]> {
        let entries = self.body.group_entries(group, aligned);
        entries
            .into_iter()
            .map(|reference| self.body.get(reference))
    }

    pub fn set_due(&mut self, group: usize, due: Millis) {
        if let Some(old) = self.dues.get_mut(group) {
            *old = due;
        }
    }
}
