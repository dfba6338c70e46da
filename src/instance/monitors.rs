//! Clients that see every command (`MONITOR`).

use super::{Client, Message};
use bytes::Bytes;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Default)]
pub struct Monitors {
    clients: RwLock<Vec<Arc<Client>>>,
    /// So that nobody pays for it while nobody looks.
    count: AtomicUsize,
}

impl Monitors {
    #[inline]
    pub fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    pub fn enter(&self, client: &Arc<Client>) {
        let mut clients = self.clients.write();
        clients.push(client.clone());
        self.count.store(clients.len(), Ordering::Relaxed);
    }

    pub fn leave(&self, client: &Client) {
        let mut clients = self.clients.write();
        clients.retain(|c| c.id != client.id);
        self.count.store(clients.len(), Ordering::Relaxed);
    }

    pub fn feed(&self, line: &Bytes, deliver: impl Fn(&Arc<Client>, Message)) {
        for client in self.clients.read().iter() {
            deliver(client, Message::Monitor(line.clone()));
        }
    }
}
