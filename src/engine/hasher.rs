//! The seeded hash of keys and field names. Its algorithm is fixed (rapidhash V3, which is portable
//! and stable), as files are indexed by it; its seed is secret, so that nobody can choose keys
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

/// The top bits of a hash, as many as it takes to choose one of so many, a power of two.
#[inline(always)]
pub fn top_bits(hash: u64, choices: usize) -> usize {
    hash.rotate_left(choices.trailing_zeros()) as usize & (choices - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files are indexed by it, and `storage-format.md` gives these values: another version of the
    /// library must hash alike.
    #[test]
    fn it_is_the_hash_of_the_storage_format() {
        let hasher = Hasher::new(1);
        assert_eq!(hasher.hash(b"abc"), 0xe575_60a6_46c8_9930);
        assert_eq!(hasher.hash(&[b'x'; 300]), 0xdfcf_b25b_a42b_f8d1);
    }

    /// F35: keys that were chosen to fall into one bucket, by someone who knows a seed, fall
    /// anywhere with another one; and a server has its own, drawn at each start.
    #[test]
    fn keys_chosen_to_collide_do_so_for_one_seed_only() {
        let (known, other) = (Hasher::new(1), Hasher::new(2));
        let bucket = |hasher: &Hasher, name: &str| hasher.hash(name.as_bytes()) >> 56;
        let chosen: Vec<String> = (0..200_000)
            .map(|n| format!("A:user:{n}"))
            .filter(|name| bucket(&known, name) == 7)
            .collect();
        assert!(chosen.len() > 500, "{} keys collide", chosen.len());
        let mut buckets = [0; 256];
        for name in &chosen {
            buckets[bucket(&other, name) as usize] += 1;
        }
        let fullest = buckets.iter().max();
        assert!(
            fullest < Some(&20),
            "{fullest:?} of {} still do",
            chosen.len()
        );
    }
}
