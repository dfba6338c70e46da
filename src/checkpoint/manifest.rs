//! The manifest: which files are the store, and up to which LSN each shard is in them. Replacing
//! it is the moment at which a checkpoint counts.
//!
//! ```text
//! fieldstone data directory, format 1
//! seed <16 hexadecimal digits>          of the hash that chooses shards and buckets
//! saved <milliseconds since 1970>       when the last whole checkpoint ended; 0: never
//! next <number>                         of the next file
//! catalog <number>                      of the catalog; 0: none
//! shards <count>
//! <lsn> <file> <file> ...               one line a shard; files: the newest first
//! layer <batch> <lsn> <time> <lsn>      one line a layer, the oldest first: the number of its
//!                                       batch, where and when it was published, and since when it
//!                                       shows nothing; 0: it does
//! crc <8 hexadecimal digits>            CRC-32 of all lines before
//! ```
//!
//! Invariant: what is read back is what was written, or an error; no number in it is so large that
//! counting on from it could overflow.

use crate::wal::NUMBER_MAX;
use std::fmt::Write;

pub const NAME: &str = "MANIFEST";

const FORMAT: &str = "fieldstone data directory, format ";
const VERSION: u32 = 1;
const SHARDS_MAX: usize = 1 << 12;
/// More files than a shard ever has.
const FILES_MAX: usize = 16;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    pub seed: u64,
    pub saved_at: u64,
    pub next: u64,
    pub catalog: u64,
    pub shards: Vec<Base>,
    /// Published batches that are not in all files yet; the oldest first.
    pub layers: Vec<LayerLine>,
}

/// A published batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerLine {
    /// The number of its file.
    pub number: u64,
    pub lsn: u64,
    /// Milliseconds since the epoch.
    pub at: u64,
    /// It shows nothing since the change of this LSN; 0: it does.
    pub gone_lsn: u64,
}

/// What of a shard is in files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// All changes up to here.
    pub lsn: u64,
    /// Numbers, the newest first.
    pub files: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("this is no manifest of a data directory")]
    Foreign,
    #[error("its format is {0}: this version reads format 1 only")]
    Version(String),
    #[error("it does not match its checksum")]
    Checksum,
    #[error("line {0} is not what it should be")]
    Line(usize),
    #[error("{field} is {value}, and can be {NUMBER_MAX} at most")]
    Range { field: String, value: u64 },
}

impl Manifest {
    /// Of a store of so many shards that has no files yet.
    pub fn new(seed: u64, shards: usize) -> Manifest {
        Manifest {
            seed,
            next: 1,
            shards: vec![Base::default(); shards],
            ..Manifest::default()
        }
    }

    pub fn text(&self) -> String {
        let mut text = format!("{FORMAT}{VERSION}\n");
        let head = [
            ("saved", self.saved_at),
            ("next", self.next),
            ("catalog", self.catalog),
            ("shards", self.shards.len() as u64),
        ];
        // Writing to a text does not fail.
        let _ = writeln!(text, "seed {:016x}", self.seed);
        for (name, value) in head {
            let _ = writeln!(text, "{name} {value}");
        }
        for shard in &self.shards {
            let _ = write!(text, "{}", shard.lsn);
            for file in &shard.files {
                let _ = write!(text, " {file}");
            }
            text.push('\n');
        }
        for layer in &self.layers {
            let LayerLine {
                number,
                lsn,
                at,
                gone_lsn,
            } = layer;
            let _ = writeln!(text, "layer {number} {lsn} {at} {gone_lsn}");
        }
        let crc = crc32fast::hash(text.as_bytes());
        let _ = writeln!(text, "crc {crc:08x}");
        text
    }

    pub fn read(bytes: &[u8]) -> Result<Manifest, Damage> {
        let text = std::str::from_utf8(bytes).map_err(|_| Damage::Foreign)?;
        let rest = text.strip_prefix(FORMAT).ok_or(Damage::Foreign)?;
        let version = rest.lines().next().unwrap_or_default();
        if version.parse() != Ok(VERSION) {
            return Err(Damage::Version(version.chars().take(20).collect()));
        }
        // The last line, which ends in a line end as all do, is of the lines before.
        let body = text.trim_end_matches('\n');
        let body = body.rfind('\n').and_then(|at| text.get(..=at));
        let body = body.ok_or(Damage::Checksum)?;
        let crc = crc32fast::hash(body.as_bytes());
        if text.get(body.len()..) != Some(&format!("crc {crc:08x}\n")) {
            return Err(Damage::Checksum);
        }
        let mut lines = Lines {
            lines: body.lines(),
            at: 0,
        };
        lines.next();
        let manifest = lines.manifest().ok_or(Damage::Line(lines.at))?;
        // There is one text only that says this.
        let expected = manifest.text();
        let mut pairs = text.split('\n').zip(expected.split('\n'));
        match pairs.position(|(found, expected)| found != expected) {
            None => manifest.in_range(),
            Some(at) => Err(Damage::Line(at + 1)),
        }
    }

    /// Numbers are counted on from, and times are told as signed numbers.
    fn in_range(self) -> Result<Manifest, Damage> {
        let own = [("saved", self.saved_at), ("next", self.next)];
        let own = own.map(|(name, value)| (format!("`{name}`"), value));
        let lsns = self.shards.iter().enumerate();
        let lsns = lsns.map(|(n, shard)| (format!("the LSN of shard {n}"), shard.lsn));
        let layers = self.layers.iter().flat_map(|layer| {
            let numbers = [layer.number, layer.lsn, layer.at, layer.gone_lsn];
            numbers.map(|n| (format!("a number of the layer at LSN {}", layer.lsn), n))
        });
        match own
            .into_iter()
            .chain(lsns)
            .chain(layers)
            .find(|(_, n)| *n > NUMBER_MAX)
        {
            Some((field, value)) => Err(Damage::Range { field, value }),
            // All other numbers are below `next`.
            None => Ok(self),
        }
    }

    /// Numbers of all files of rows.
    pub fn files(&self) -> impl Iterator<Item = u64> + '_ {
        self.shards
            .iter()
            .flat_map(|shard| shard.files.iter().copied())
    }

    /// The LSNs up to which all shards are in files, and some shard is.
    pub fn lsns(&self) -> (u64, u64) {
        let lsns = || self.shards.iter().map(|shard| shard.lsn);
        (lsns().min().unwrap_or(0), lsns().max().unwrap_or(0))
    }

    /// The LSN up to which the log was safe when this was written.
    pub fn promised(&self) -> u64 {
        let layers = self.layers.iter();
        let layers = layers.map(|layer| layer.lsn.max(layer.gone_lsn));
        layers.fold(self.lsns().1, u64::max)
    }
}

struct Lines<'a> {
    lines: std::str::Lines<'a>,
    /// The number of the last line that was taken.
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.at += 1;
        self.lines.next()
    }

    fn value(&mut self, name: &str) -> Option<&'a str> {
        self.next()?.strip_prefix(name)?.strip_prefix(' ')
    }

    fn number(&mut self, name: &str) -> Option<u64> {
        self.value(name)?.parse().ok()
    }

    fn manifest(&mut self) -> Option<Manifest> {
        let seed = u64::from_str_radix(self.value("seed")?, 16).ok()?;
        let saved_at = self.number("saved")?;
        let next = self.number("next")?;
        let catalog = self.number("catalog")?;
        let count = usize::try_from(self.number("shards")?).ok()?;
        if !count.is_power_of_two() || count > SHARDS_MAX {
            return None;
        }
        let mut shards = Vec::new();
        for _ in 0..count {
            let mut numbers = self.next()?.split(' ').map(|n| n.parse::<u64>().ok());
            let lsn = numbers.next()??;
            let files: Option<Vec<u64>> = numbers.collect();
            let files = files?;
            if files.len() > FILES_MAX || files.iter().any(|file| *file >= next) {
                return None;
            }
            shards.push(Base { lsn, files });
        }
        let mut layers: Vec<LayerLine> = Vec::new();
        while let Some(line) = self.next() {
            let numbers = line.strip_prefix("layer ")?.split(' ').map(str::parse);
            let numbers: Result<Vec<u64>, _> = numbers.collect();
            let [number, lsn, at, gone_lsn] = numbers.ok()?.try_into().ok()?;
            // An earlier one is first, and nothing is gone before it is there.
            let is_before = |last: &LayerLine| (last.lsn, last.number) < (lsn, number);
            let may_be = number > 0 && lsn > 0 && (gone_lsn == 0 || gone_lsn >= lsn);
            if !layers.last().is_none_or(is_before) || !may_be {
                return None;
            }
            layers.push(LayerLine {
                number,
                lsn,
                at,
                gone_lsn,
            });
        }
        let mut files: Vec<u64> = shards.iter().flat_map(|s| s.files.clone()).collect();
        files.sort_unstable();
        // Each number once: a file is of one shard, and the catalog is no file of rows.
        let once = files.is_sorted_by(|a, b| a < b);
        if !once || files.contains(&0) || files.contains(&catalog) || catalog >= next.max(1) {
            return None;
        }
        Some(Manifest {
            seed,
            saved_at,
            next,
            catalog,
            shards,
            layers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let mut manifest = Manifest::new(0x0123_4567_89ab_cdef, 4);
        manifest.next = 40;
        manifest.catalog = 7;
        manifest.saved_at = 1_700_000_000_000;
        manifest.shards[1] = Base {
            lsn: NUMBER_MAX,
            files: vec![39, 2],
        };
        manifest.layers = [(3, 5, 0), (1, 6, 9)]
            .map(|(number, lsn, gone_lsn)| LayerLine {
                number,
                lsn,
                at: 1_700_000_000_001,
                gone_lsn,
            })
            .to_vec();
        manifest
    }

    #[test]
    fn what_was_written_comes_back() {
        for manifest in [manifest(), Manifest::new(0, 1)] {
            assert_eq!(Manifest::read(manifest.text().as_bytes()), Ok(manifest));
        }
    }

    #[test]
    fn every_bit_flip_and_every_cut_is_noticed() {
        let text = manifest().text().into_bytes();
        for at in 0..text.len() {
            assert!(Manifest::read(&text[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut flipped = text.clone();
                flipped[at] ^= 1 << bit;
                assert!(Manifest::read(&flipped).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let sealed = |body: &str| format!("{body}crc {:08x}\n", crc32fast::hash(body.as_bytes()));
        let text = manifest().text();
        let body = &text[..text.rfind("crc").unwrap()];
        let read = |body: &str| {
            Manifest::read(sealed(body).as_bytes())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            read(&body.replace("format 1", "format 2")),
            "its format is 2: this version reads format 1 only"
        );
        assert_eq!(
            read(&body.replace("shards 4", "shards 3")),
            "line 6 is not what it should be"
        );
        // A file that has not been made yet, and a shard too many.
        assert_eq!(
            read(&body.replace("39", "40")),
            "line 8 is not what it should be"
        );
        assert_eq!(
            read(&format!("{body}0\n")),
            "line 13 is not what it should be"
        );
        assert_eq!(Manifest::read(b"# redis.conf"), Err(Damage::Foreign));
    }

    #[test]
    fn numbers_that_cannot_be_counted_on_from_are_refused_by_name() {
        let read = |change: &dyn Fn(&mut Manifest, u64), value: u64| {
            let mut manifest = manifest();
            change(&mut manifest, value);
            Manifest::read(manifest.text().as_bytes())
        };
        type Change<'a> = (&'a str, &'a dyn Fn(&mut Manifest, u64));
        let changes: [Change<'_>; 3] = [
            ("`saved`", &|m, value| m.saved_at = value),
            ("`next`", &|m, value| m.next = value),
            ("the LSN of shard 2", &|m, value| m.shards[2].lsn = value),
        ];
        for (field, change) in changes {
            assert!(read(change, NUMBER_MAX).is_ok(), "{field}");
            for value in [NUMBER_MAX + 1, u64::MAX - 1, u64::MAX] {
                let error = read(change, value).unwrap_err().to_string();
                let expected = format!("{field} is {value}, and can be {NUMBER_MAX} at most");
                assert_eq!(error, expected);
            }
        }
    }
}
