//! The seeded hash of keys and field names. Its algorithm is fixed (rapidhash V3, which is portable
//! and stable), as files will be indexed by it; its seed is secret, so that nobody can choose keys
//! that collide.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

/// See the module.
#[derive(Clone)]
pub struct Hasher {
    secrets: RapidSecrets,
}

impl Hasher {
    pub fn new(seed: u64) -> Hasher {
        Hasher {
            secrets: RapidSecrets::seed(seed),
        }
    }

    #[inline]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        rapidhash_v3_seeded(bytes, &self.secrets)
    }
}
