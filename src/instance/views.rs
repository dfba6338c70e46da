//! The views in force, for every command that writes.
//!
//! Invariants
//! - What is swapped in is kept by changes of the same command: views are changed with all shards
//!   locked, and looked at with some locked, so a command sees those of before or after.
//! - Servers without views pay one look at a number.

use crate::engine::{Access, Keyspace, SYSTEM_DB, ShardSet};
use crate::view::{CURRENT, KEY_PREFIX, Registry, Stored};
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// See the module.
#[derive(Default)]
pub struct Views {
    /// Grows with each swap; 0: there are no views.
    generation: AtomicU64,
    current: RwLock<Current>,
}

#[derive(Default)]
struct Current {
    swaps: u64,
    registry: Arc<Registry>,
}

/// The views as a client last saw them, so that it need not ask for them at each command.
#[derive(Default)]
pub struct SeenViews {
    generation: u64,
    registry: Arc<Registry>,
}

impl Views {
    /// Take what the keyspace holds. To be called once, before there are clients.
    pub fn load(&self, keyspace: &Keyspace) -> Result<(), String> {
        let mut shards = ShardSet::default();
        shards.insert_all(keyspace);
        let locked = keyspace.lock(&shards, Access::Read);
        let mut stored = Vec::new();
        let mut cursor = 0;
        loop {
            cursor = locked.scan(SYSTEM_DB, cursor, 1024, 0, &mut |key, entity| {
                let name = key.strip_prefix(KEY_PREFIX.as_bytes());
                let name = name.map(|name| String::from_utf8_lossy(name).into_owned());
                if let (Some(name), Some(hash)) = (name, entity.hash()) {
                    let mut fields = Vec::new();
                    hash.for_each(|field| {
                        fields.push((field.name.to_vec(), field.value.to_vec().to_vec()));
                    });
                    stored.push(hash_of_view(name, fields));
                }
            });
            if cursor == 0 {
                break;
            }
        }
        self.swap(Registry::load(stored.into_iter())?);
        Ok(())
    }

    /// The views of now.
    pub fn registry(&self) -> Arc<Registry> {
        self.current.read().registry.clone()
    }

    /// From now on these. All shards are locked.
    pub fn swap(&self, registry: Registry) {
        let mut current = self.current.write();
        current.swaps += 1;
        let generation = match registry.is_empty() {
            true => 0,
            false => current.swaps,
        };
        current.registry = Arc::new(registry);
        self.generation.store(generation, Ordering::Release);
    }

    /// The views of now, if there are any.
    #[inline]
    pub fn seen<'s>(&self, seen: &'s mut SeenViews) -> Option<&'s Registry> {
        let generation = self.generation.load(Ordering::Relaxed);
        if generation == 0 {
            return None;
        }
        if generation != seen.generation {
            let current = self.current.read();
            seen.generation = current.swaps;
            seen.registry = current.registry.clone();
        }
        Some(&seen.registry)
    }
}

fn hash_of_view(name: String, mut fields: Vec<(Vec<u8>, Vec<u8>)>) -> Stored {
    let at = fields
        .iter()
        .position(|(field, _)| field == CURRENT.as_bytes());
    let current = at.map(|at| fields.swap_remove(at).1);
    // A number that is none agrees with no version.
    let number = |text: Vec<u8>| str::from_utf8(&text).ok()?.parse().ok();
    Stored {
        name,
        current: current.map(|text| number(text).unwrap_or_default()),
        fields,
    }
}
