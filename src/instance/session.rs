//! The state of one client, as its own commands see and change it.

use super::{Client, CommandId, SeenViews, Transaction, Watch};
use crate::batch::Refusal;
use crate::engine::{Db, Millis, Places};
use crate::resp::Protocol;
use bytes::Bytes;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reply {
    #[default]
    On,
    Off,
    /// No reply to the command that follows this one.
    SkipNext,
    /// No reply to this command.
    Skip,
}

/// Something that is done elsewhere while a client waits: what came of it, once it has ended.
pub type Work = std::sync::OnceLock<Result<u64, Refusal>>;

/// Who owns it: the connection (`server::Session`), one at a time with a running command. When it
/// goes, [`super::Instance::leave`] takes the client out of every registry.
pub struct Session {
    /// The selected database.
    pub db: Db,
    /// What others see of this client.
    pub client: Arc<Client>,
    /// Whether commands are allowed; true from the start if there is no password.
    pub authenticated: bool,
    pub reply: Reply,
    /// Between `MULTI` and `EXEC` or `DISCARD`.
    pub transaction: Option<Box<Transaction>>,
    /// The queued commands run now: messages wait until the whole reply is written.
    pub executing: bool,
    pub watch: Option<Box<Watch>>,
    /// A subscription ended while messages of it waited for the end of a transaction.
    pub undelivered: Cell<bool>,
    pub channels: BTreeSet<Bytes>,
    pub patterns: BTreeSet<Bytes>,
    pub monitoring: bool,
    /// Close the connection once the output is sent.
    pub close: bool,
    /// And only when the process ends: who stopped the server waits for that.
    pub stays_to_the_end: bool,
    /// When the running batch began, milliseconds since the epoch.
    pub now: Millis,
    /// The LSN of the last change that this client made or saw: replies may have to wait for it.
    pub seen_lsn: u64,
    /// What the command that comes next waits for.
    pub work: Option<Arc<Work>>,
    /// The last command, and how many there were.
    pub command: CommandId,
    pub commands: u64,
    /// Where the cells of a hash that is read lie: memory used again.
    pub places: Places,
    /// The views that its last write saw.
    pub views: SeenViews,
}

impl Session {
    pub fn new(client: Arc<Client>, authenticated: bool) -> Session {
        let now = client.created_at;
        Session {
            db: 0,
            client,
            authenticated,
            reply: Reply::On,
            transaction: None,
            executing: false,
            watch: None,
            undelivered: Cell::new(false),
            channels: BTreeSet::new(),
            patterns: BTreeSet::new(),
            monitoring: false,
            close: false,
            stays_to_the_end: false,
            now,
            seen_lsn: 0,
            work: None,
            command: CommandId::MAX,
            commands: 0,
            places: Places::default(),
            views: SeenViews::default(),
        }
    }

    /// Channels and patterns: what the replies of `SUBSCRIBE` count.
    pub fn subscriptions(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    /// Whether there can be messages for this client.
    pub fn listens(&self) -> bool {
        let subscribed = !self.channels.is_empty() || !self.patterns.is_empty();
        self.monitoring || subscribed || self.undelivered.get()
    }

    /// Show others the state as of now; once a batch.
    pub fn show(&self, protocol: Protocol) {
        let status = &self.client.status;
        let transaction = self.transaction.as_deref();
        let watched = self.watch.as_ref().map_or(0, |watch| watch.keys.len());
        status.db.store(self.db, Relaxed);
        status.resp3.store(protocol == Protocol::Resp3, Relaxed);
        status.monitor.store(self.monitoring, Relaxed);
        status.channels.store(self.channels.len() as u32, Relaxed);
        status.patterns.store(self.patterns.len() as u32, Relaxed);
        status
            .queued
            .store(transaction.map_or(u32::MAX, |t| t.len() as u32), Relaxed);
        status
            .queued_bytes
            .store(transaction.map_or(0, |t| t.bytes() as u64), Relaxed);
        status.watched.store(watched as u32, Relaxed);
        status.command.store(self.command, Relaxed);
        status.commands.store(self.commands, Relaxed);
        status.active_at.store(self.now, Relaxed);
    }
}
