//! Which row of each entity counts: the newest, and of equally old ones the last.
//!
//! A pass over the whole export notes 32 bytes a row: a hash of the key, the time, the number.
//! Notes are kept in partitions by hash; when they outgrow the memory they may take, all of them go
//! to disk. In the end each partition is sorted for itself, and what remains is one bit a row.
//!
//! Two keys with the same hash of 128 bits would be taken for one: with 10^9 entities the odds are
//! 1 to 10^20.

use std::io::{self, Read, Seek, Write};

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

use super::sink::{Row, RowSink, Summary, Taken};
use crate::client::Failure;
use crate::io::{File, scratch};

const PARTITIONS: usize = 64;
const NOTE_BYTES: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Note {
    entity: [u64; 2],
    at: i64,
    /// Twice the number of the row, and 1 if it has features.
    row: u64,
}

impl Note {
    fn bytes(&self) -> [u8; NOTE_BYTES] {
        let mut bytes = [0; NOTE_BYTES];
        let parts = [
            self.entity[0],
            self.entity[1],
            self.at.cast_unsigned(),
            self.row,
        ];
        for (place, part) in bytes.chunks_exact_mut(8).zip(parts) {
            place.copy_from_slice(&part.to_le_bytes());
        }
        bytes
    }

    fn read(bytes: &[u8; NOTE_BYTES]) -> Note {
        let (parts, _) = bytes.as_chunks::<8>();
        let part = |n: usize| parts.get(n).map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Note {
            entity: [part(0), part(1)],
            at: part(2).cast_signed(),
            row: part(3),
        }
    }
}

#[derive(Default)]
struct Partition {
    notes: Vec<Note>,
    spilled: Option<File>,
}

/// The sink of the first pass: nothing is sent.
pub struct Newest {
    secrets: [RapidSecrets; 2],
    partitions: Vec<Partition>,
    noted: usize,
    noted_max: usize,
    rows: u64,
}

/// Rows that lost.
#[derive(Default)]
pub struct Losers {
    bits: Vec<u64>,
}

impl Losers {
    pub fn contains(&self, row: u64) -> bool {
        let word = usize::try_from(row / 64)
            .ok()
            .and_then(|at| self.bits.get(at));
        word.is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    fn insert(&mut self, row: u64) {
        let at = usize::try_from(row / 64).unwrap_or(usize::MAX);
        if let Some(word) = self.bits.get_mut(at) {
            *word |= 1 << (row % 64);
        }
    }
}

impl Newest {
    /// Notes take up to half of `memory_bytes`; sorting one partition stays below the rest.
    pub fn new(memory_bytes: u64) -> Newest {
        let noted_max = usize::try_from(memory_bytes / 2).unwrap_or(usize::MAX) / NOTE_BYTES;
        let mut partitions = Vec::new();
        partitions.resize_with(PARTITIONS, Partition::default);
        Newest {
            secrets: [1, 2].map(RapidSecrets::seed),
            partitions,
            noted: 0,
            noted_max: noted_max.max(PARTITIONS),
            rows: 0,
        }
    }

    fn note(&mut self, row: &Row) -> io::Result<()> {
        let [a, b] = &self.secrets;
        let entity = [
            rapidhash_v3_seeded(row.key, a),
            rapidhash_v3_seeded(row.key, b),
        ];
        let has_features = row.cells.iter().any(Option::is_some);
        let partition = usize::try_from(entity[0] % PARTITIONS as u64).unwrap_or(0);
        if let Some(partition) = self.partitions.get_mut(partition) {
            partition.notes.push(Note {
                entity,
                at: row.at,
                row: row.number << 1 | u64::from(has_features),
            });
        }
        self.rows = row.number.saturating_add(1);
        self.noted += 1;
        if self.noted >= self.noted_max {
            self.noted = 0;
            self.partitions.iter_mut().try_for_each(Partition::spill)?;
        }
        Ok(())
    }

    /// The rows that lost, and what there is to tell.
    pub fn resolve(mut self) -> io::Result<(Losers, Summary)> {
        let words = usize::try_from(self.rows.div_ceil(64)).unwrap_or(0);
        let mut losers = Losers {
            bits: vec![0; words],
        };
        let mut summary = Summary::default();
        for partition in &mut self.partitions {
            let mut notes = partition.take()?;
            notes.sort_unstable();
            for (at, note) in notes.iter().enumerate() {
                let next = notes.get(at + 1);
                if next.is_some_and(|next| next.entity == note.entity) {
                    losers.insert(note.row >> 1);
                    summary.older += 1;
                } else {
                    summary.entities += note.row & 1;
                }
            }
        }
        Ok((losers, summary))
    }
}

impl Partition {
    fn spill(&mut self) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(self.notes.len() * NOTE_BYTES);
        for note in self.notes.drain(..) {
            bytes.extend(note.bytes());
        }
        let file = match &mut self.spilled {
            Some(file) => file,
            None => self.spilled.insert(scratch()?),
        };
        file.write_all(&bytes)
    }

    /// All notes, in memory.
    fn take(&mut self) -> io::Result<Vec<Note>> {
        let mut notes = std::mem::take(&mut self.notes);
        if let Some(mut file) = self.spilled.take() {
            file.rewind()?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let (spilled, _) = bytes.as_chunks::<NOTE_BYTES>();
            notes.extend(spilled.iter().map(Note::read));
        }
        Ok(notes)
    }
}

impl RowSink for Newest {
    fn row(&mut self, row: &Row) -> Result<Taken, Failure> {
        let noted = self.note(row);
        noted.map_err(|e| Failure::passing(format!("notes of rows on disk: {e}")))?;
        Ok(Taken::Yes)
    }

    fn finish(self: Box<Self>) -> Result<Summary, Failure> {
        let resolved = self.resolve();
        let resolved =
            resolved.map_err(|e| Failure::passing(format!("notes of rows on disk: {e}")));
        resolved.map(|(_, summary)| summary)
    }

    fn abandon(self: Box<Self>) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::source::Place;

    fn lost(rows: &[(&str, i64)], memory_bytes: u64) -> (Vec<u64>, u64) {
        let mut newest = Newest::new(memory_bytes);
        for (number, (key, at)) in rows.iter().enumerate() {
            let row = Row {
                key: key.as_bytes(),
                at: *at,
                cells: &[Some(b"1")],
                number: number as u64,
                place: Place {
                    file: 0,
                    row_group: None,
                    row: 0,
                },
            };
            newest.note(&row).unwrap();
        }
        let (losers, summary) = newest.resolve().unwrap();
        let lost: Vec<u64> = (0..rows.len() as u64)
            .filter(|n| losers.contains(*n))
            .collect();
        assert_eq!(summary.older, lost.len() as u64);
        (lost, summary.entities)
    }

    #[test]
    fn the_newest_wins_and_of_equals_the_last() {
        let rows = [
            ("a", 5),
            ("b", 1),
            ("a", 7),
            ("a", 7),
            ("a", 6),
            ("b", -1),
            ("c", 0),
        ];
        assert_eq!(lost(&rows, 1 << 20), (vec![0, 2, 4, 5], 3));
        assert_eq!(lost(&[], 0), (vec![], 0));
    }

    #[test]
    fn what_was_spilled_counts() {
        let keys: Vec<String> = (0..500).map(|n| format!("k{}", n % 100)).collect();
        let rows: Vec<(&str, i64)> = keys.iter().map(|key| (key.as_str(), 0)).collect();
        let want: Vec<u64> = (0..400).collect();
        assert_eq!(lost(&rows, 0), (want, 100));
    }
}
