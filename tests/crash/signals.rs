//! What a test and the clients that write for it tell each other.

use crate::node;
use crate::support::Value;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

/// See the module. By itself: clients write until the server goes away, and are never refused.
#[derive(Default)]
pub struct Signals {
    over: AtomicBool,
    may_refuse: AtomicBool,
    /// The first refusal is the end: nothing that is sent after it is acknowledged.
    refuses_for_good: AtomicBool,
    /// Nothing that is sent from here on may be acknowledged.
    dead: AtomicBool,
    writing: AtomicUsize,
    refused_at: Mutex<Option<Instant>>,
}

/// A client that writes, for as long as this is kept.
pub struct Writing<'a>(&'a Signals);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.writing.fetch_sub(1, SeqCst);
    }
}

impl Signals {
    /// The disk fails: clients may be refused, and end then.
    pub fn may_refuse(&self) {
        self.may_refuse.store(true, SeqCst);
    }

    pub fn refuses_for_good(&self) {
        self.may_refuse();
        self.refuses_for_good.store(true, SeqCst);
    }

    /// From here on a client that is answered `OK` is lied to.
    pub fn is_dead_from_now_on(&self) {
        self.may_refuse();
        self.dead.store(true, SeqCst);
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(SeqCst)
    }

    /// Make the clients end, and wait until they have.
    pub fn stop_writing(&self) {
        self.over.store(true, SeqCst);
        self.until_all_end();
    }

    pub fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }

    pub fn writing(&self) -> Writing<'_> {
        self.writing.fetch_add(1, SeqCst);
        Writing(self)
    }

    pub fn until_all_end(&self) {
        node::poll("the clients end", || self.writing.load(SeqCst) == 0);
    }

    /// When the first client was refused.
    pub fn refused_at(&self) -> Option<Instant> {
        *self.refused_at.lock().expect("a time")
    }

    /// An error, if the reply is one and may be.
    pub fn admit(&self, reply: &Value) -> io::Result<()> {
        if !reply.is_error() {
            return Ok(());
        }
        let text = reply.text();
        let refused = text.starts_with("MISCONF ") || text.starts_with("EXECABORT ");
        assert!(refused && self.may_refuse.load(SeqCst), "{text}");
        self.refused_at
            .lock()
            .expect("a time")
            .get_or_insert_with(Instant::now);
        if self.refuses_for_good.load(SeqCst) {
            self.dead.store(true, SeqCst);
        }
        Err(io::Error::other(text))
    }
}
