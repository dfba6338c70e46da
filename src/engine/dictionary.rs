//! The dictionary of short values that come again and again: categories, brands, country codes.
//!
//! Append-only and bounded: an entry, once given, is never changed or freed, so rows may hold its
//! id for ever and readers take no lock. A value is admitted when it has been seen
//! [`SIGHTINGS`] times while it stayed in a small table of candidates, so values that never repeat
//! (identifiers, hashes) do not fill it.

use parking_lot::{Mutex, RwLock};
use rapidhash::RapidHashMap;
use rapidhash::v3::rapidhash_v3;
use std::sync::OnceLock;

/// Longest value that is worth an entry, bytes.
const VALUE_BYTES_MAX: usize = 31;
const CHUNK: usize = 256;
const ENTRIES_MAX: usize = CHUNK * 256;
const SIGHTINGS: u8 = 4;
const CANDIDATES: usize = 4096;

/// A value and, in the last byte, its length: it can be copied whole.
pub type Text = [u8; VALUE_BYTES_MAX + 1];

pub fn len(text: &Text) -> usize {
    usize::from(text[VALUE_BYTES_MAX])
}

type Chunk = Box<[OnceLock<Text>; CHUNK]>;

/// See the module.
pub struct Dictionary {
    chunks: Box<[OnceLock<Chunk>; ENTRIES_MAX / CHUNK]>,
    ids: RwLock<RapidHashMap<Box<[u8]>, u16>>,
    candidates: Mutex<Vec<Candidate>>,
}

#[derive(Clone, Copy, Default)]
struct Candidate {
    fingerprint: u32,
    seen: u8,
}

impl Dictionary {
    pub fn new() -> Dictionary {
        Dictionary {
            chunks: Box::new([const { OnceLock::new() }; ENTRIES_MAX / CHUNK]),
            ids: RwLock::default(),
            candidates: Mutex::new(vec![Candidate::default(); CANDIDATES]),
        }
    }

    /// The value of an id that was given.
    #[inline]
    pub fn text(&self, id: u16) -> Option<&Text> {
        let chunk = self.chunks[usize::from(id) / CHUNK].get()?;
        chunk[usize::from(id) % CHUNK].get()
    }

    /// The id of this value, if it has one or has now earned one.
    pub fn id(&self, value: &[u8]) -> Option<u16> {
        if value.len() < 2 || value.len() > VALUE_BYTES_MAX {
            return None;
        }
        if let Some(&id) = self.ids.read().get(value) {
            return Some(id);
        }
        self.is_frequent(value).then(|| self.admit(value)).flatten()
    }

    /// Count a sighting. A candidate in the way is worn down before it is replaced.
    fn is_frequent(&self, value: &[u8]) -> bool {
        let hash = rapidhash_v3(value);
        let fingerprint = (hash >> 32) as u32;
        let mut candidates = self.candidates.lock();
        let candidate = &mut candidates[hash as usize % CANDIDATES];
        if candidate.fingerprint == fingerprint {
            candidate.seen += 1;
            if candidate.seen >= SIGHTINGS {
                *candidate = Candidate::default();
                return true;
            }
        } else if candidate.seen > 1 {
            candidate.seen -= 1;
        } else {
            *candidate = Candidate {
                fingerprint,
                seen: 1,
            };
        }
        false
    }

    /// Give a value the id it had; answers the next one, as ids are given in their order. `None`:
    /// it can be no entry.
    pub fn restore(&self, value: &[u8]) -> Option<u16> {
        (2..=VALUE_BYTES_MAX)
            .contains(&value.len())
            .then(|| self.admit(value))
            .flatten()
    }

    fn admit(&self, value: &[u8]) -> Option<u16> {
        let mut ids = self.ids.write();
        if let Some(&id) = ids.get(value) {
            return Some(id);
        }
        let next = ids.len();
        let id = u16::try_from(next).ok()?;
        let chunk =
            self.chunks[next / CHUNK].get_or_init(|| Box::new([const { OnceLock::new() }; CHUNK]));
        let mut text = [0; VALUE_BYTES_MAX + 1];
        text[..value.len()].copy_from_slice(value);
        text[VALUE_BYTES_MAX] = value.len() as u8;
        // The slot is empty: ids are given one by one, under the lock.
        chunk[next % CHUNK].get_or_init(|| text);
        ids.insert(value.into(), id);
        Some(id)
    }

    /// Entries given, of [`ENTRIES_MAX`].
    pub fn len(&self) -> usize {
        self.ids.read().len()
    }

    /// Bytes on the heap, about.
    pub fn bytes(&self) -> usize {
        self.len() * (size_of::<OnceLock<Text>>() + 64) + CANDIDATES * size_of::<Candidate>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_and_the_dictionary_is_bounded() {
        let dictionary = Dictionary::new();
        let mut given = std::collections::HashMap::new();
        for n in 0..80_000u32 {
            let value = format!("category-{n}").into_bytes();
            for _ in 0..SIGHTINGS {
                if let Some(id) = dictionary.id(&value) {
                    given.insert(value.clone(), id);
                }
            }
        }
        assert!(given.len() > 60_000 && given.len() <= ENTRIES_MAX);
        for (value, id) in given {
            let text = dictionary.text(id).unwrap();
            assert_eq!(text[..len(text)], value);
            assert_eq!(dictionary.id(&value), Some(id));
        }
    }

    #[test]
    fn values_that_never_repeat_earn_nothing() {
        let dictionary = Dictionary::new();
        for n in 0..200_000u64 {
            let value = format!("{:016x}", rapidhash_v3(&n.to_le_bytes()));
            assert_eq!(dictionary.id(value.as_bytes()), None);
        }
        assert_eq!(dictionary.len(), 0);
    }
}
