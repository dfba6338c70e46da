//! What `MULTI` queues and `WATCH` guards.

use crate::engine::Db;
use crate::resp::{Args, Span};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The number of a command in the table of commands.
pub type CommandId = u16;

/// Queued commands: the bytes of all arguments one after the other, and where they lie.
#[derive(Default)]
pub struct Transaction {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    /// Each command, and where its arguments end in `spans`.
    commands: Vec<(CommandId, usize)>,
    /// The flags of all queued commands together, as the table of commands has them.
    pub flags: u32,
    /// A command was refused while queueing: `EXEC` will refuse the rest.
    pub aborted: bool,
}

impl Transaction {
    /// Queue a command, unless the queue would take more than `bytes_max`.
    #[must_use]
    pub fn push(
        &mut self,
        command: CommandId,
        flags: u32,
        args: Args<'_>,
        bytes_max: usize,
    ) -> bool {
        let more: usize = args.iter().map(<[u8]>::len).sum();
        // Spans are of 32 bits.
        let bytes_max = bytes_max.min(u32::MAX as usize);
        if self.bytes().saturating_add(more) > bytes_max {
            return false;
        }
        for arg in args.iter() {
            self.spans.push(Span::new(self.bytes.len(), arg.len()));
            self.bytes.extend_from_slice(arg);
        }
        self.commands.push((command, self.spans.len()));
        self.flags |= flags;
        true
    }

    pub fn len(&self) -> usize {
        self.commands.len()
    }

    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Bytes the queue takes.
    pub fn bytes(&self) -> usize {
        let spans = self.spans.len() * size_of::<Span>();
        self.bytes.len() + spans + self.commands.len() * size_of::<(CommandId, usize)>()
    }

    pub fn iter(&self) -> impl Iterator<Item = (CommandId, Args<'_>)> {
        let mut from = 0;
        self.commands.iter().map(move |&(command, to)| {
            let spans = self.spans.get(from..to).unwrap_or_default();
            from = to;
            let bytes = &self.bytes;
            (command, Args { bytes, spans })
        })
    }
}

/// Watched keys and whether one of them has changed.
#[derive(Default)]
pub struct Watch {
    pub dirty: Arc<AtomicBool>,
    /// Database and name of each, and whether it was there: one that has expired since has changed.
    pub keys: BTreeMap<(Db, Box<[u8]>), bool>,
}

impl Watch {
    pub fn is_dirty(&self) -> bool {
        self.dirty.load(Ordering::Acquire)
    }
}
