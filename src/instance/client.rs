//! What others may know about a client, and how they reach it: its labels and counters for
//! `CLIENT LIST`, its mailbox, its wish to be closed.
//!
//! Invariants
//! - The connection's thread is the only one that runs the client's commands; whoever else wants
//!   something of it puts it here and wakes it.
//! - A message is in the mailbox, or in the output, never in both; the order is that of arrival.

use super::mailbox::Mailbox;
use crate::engine::Millis;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::task::Waker;

/// Why a connection is to be closed from outside of its own commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Close {
    No = 0,
    /// `CLIENT KILL`.
    Killed = 1,
    /// Idle for longer than `timeout`.
    Idle = 2,
    /// More unread output than `client-output-buffer-limit` allows.
    OutputLimit = 3,
    /// The server stops: what has been read is answered first.
    Shutdown = 4,
}

/// Which class of `client-output-buffer-limit` and of `CLIENT LIST TYPE` a client is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Normal,
    Replica,
    PubSub,
}

/// What a client said about itself.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    pub name: String,
    pub lib_name: String,
    pub lib_ver: String,
}

/// Where a client connected from and to.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// `ip:port`, or `/path:0` of a unix socket.
    pub addr: String,
    pub laddr: String,
    pub unix: bool,
}

/// Figures of a client, stored by its own thread once a batch.
#[derive(Debug, Default)]
pub struct Status {
    pub db: AtomicU8,
    pub resp3: AtomicBool,
    pub monitor: AtomicBool,
    pub no_evict: AtomicBool,
    /// A request of it waits for the end of a pause.
    pub paused: AtomicBool,
    pub no_touch: AtomicBool,
    pub channels: AtomicU32,
    pub patterns: AtomicU32,
    /// Commands queued in `MULTI`; -1 as `u32::MAX` outside.
    pub queued: AtomicU32,
    pub queued_bytes: AtomicU64,
    pub watched: AtomicU32,
    /// The last command, by its number in the table; `u16::MAX`: none yet.
    pub command: AtomicU16,
    pub commands: AtomicU64,
    pub active_at: AtomicU64,
    pub input_bytes: AtomicU64,
    pub output_bytes: AtomicU64,
    pub read_bytes: AtomicU64,
    pub written_bytes: AtomicU64,
}

pub struct Client {
    pub id: u64,
    pub peer: Peer,
    /// The thread that serves it.
    pub worker: usize,
    pub created_at: Millis,
    pub labels: Mutex<Labels>,
    pub status: Status,
    pub mailbox: Mailbox,
    close: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

impl Client {
    pub fn new(id: u64, peer: Peer, worker: usize, now: Millis) -> Client {
        let status = Status::default();
        status.queued.store(u32::MAX, Ordering::Relaxed);
        status.command.store(u16::MAX, Ordering::Relaxed);
        status.active_at.store(now, Ordering::Relaxed);
        Client {
            id,
            peer,
            worker,
            created_at: now,
            labels: Mutex::default(),
            status,
            mailbox: Mailbox::default(),
            close: AtomicU8::new(Close::No as u8),
            waker: Mutex::default(),
        }
    }

    pub fn class(&self) -> Class {
        let status = &self.status;
        if status.monitor.load(Ordering::Relaxed) {
            Class::Replica
        } else if status.channels.load(Ordering::Relaxed) + status.patterns.load(Ordering::Relaxed)
            > 0
        {
            Class::PubSub
        } else {
            Class::Normal
        }
    }

    /// Ask the connection to close; the first reason stays.
    pub fn close(&self, reason: Close) {
        let (no, reason) = (Close::No as u8, reason as u8);
        let set = self
            .close
            .compare_exchange(no, reason, Ordering::Relaxed, Ordering::Relaxed);
        if set.is_ok() {
            self.wake();
        }
    }

    pub fn closing(&self) -> Close {
        match self.close.load(Ordering::Relaxed) {
            1 => Close::Killed,
            2 => Close::Idle,
            3 => Close::OutputLimit,
            4 => Close::Shutdown,
            _ => Close::No,
        }
    }

    /// Let [`Client::wake`] wake this task. To be called before looking at the mailbox and at
    /// [`Client::closing`], so that nothing is missed.
    pub fn register(&self, waker: &Waker) {
        let mut slot = self.waker.lock();
        if !slot.as_ref().is_some_and(|old| old.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    pub fn wake(&self) {
        if let Some(waker) = self.waker.lock().as_ref() {
            waker.wake_by_ref();
        }
    }
}
