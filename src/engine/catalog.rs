//! What all shards share and rows refer to: the hash, the shapes, the dictionary.

use super::dictionary::Dictionary;
use super::hasher::Hasher;
use super::shape::Shapes;

pub struct Catalog {
    pub hasher: Hasher,
    pub shapes: Shapes,
    pub dictionary: Dictionary,
}

impl Catalog {
    pub fn new(seed: u64) -> Catalog {
        Catalog {
            hasher: Hasher::new(seed),
            shapes: Shapes::new(),
            dictionary: Dictionary::new(),
        }
    }
}
