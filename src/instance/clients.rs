//! All connected clients.

use super::{Client, Peer};
use crate::engine::Millis;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

#[derive(Default)]
pub struct Clients {
    by_id: Mutex<BTreeMap<u64, Arc<Client>>>,
    count: AtomicUsize,
    last_id: AtomicU64,
}

impl Clients {
    /// Register a client, unless there are `max` already.
    pub fn enter(&self, peer: Peer, worker: usize, now: Millis, max: usize) -> Option<Arc<Client>> {
        let mut by_id = self.by_id.lock();
        if by_id.len() >= max {
            return None;
        }
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let client = Arc::new(Client::new(id, peer, worker, now));
        by_id.insert(id, client.clone());
        self.count.store(by_id.len(), Ordering::Relaxed);
        Some(client)
    }

    pub fn leave(&self, id: u64) {
        let mut by_id = self.by_id.lock();
        by_id.remove(&id);
        self.count.store(by_id.len(), Ordering::Relaxed);
    }

    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In the order they came.
    pub fn all(&self) -> Vec<Arc<Client>> {
        self.by_id.lock().values().cloned().collect()
    }

    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.by_id.lock().get(&id).cloned()
    }
}
