//! Reading a row file: what is in it, and whether it is as it was written.

use super::{CHUNK_BYTES, HEADER, HEADER_BYTES, TRAILER, TRAILER_BYTES};
use crate::engine::{BigPlace, Place, SectionPlace, ShardFile, TablePlace};
use bytes::Bytes;

/// Why a row file cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("it is no row file, or its end is missing")]
    NoTrailer,
    #[error("its trailer does not match its checksum")]
    Trailer,
    #[error("it says that it is file {0}")]
    Number(u64),
    #[error("its checksums do not match their own")]
    Checksums,
    #[error("the 64 KiB at byte {0} do not match their checksum")]
    Chunk(usize),
    #[error("what its directory says cannot be")]
    Directory,
}

/// An open row file.
#[derive(Debug)]
pub struct RowFile {
    pub bytes: Bytes,
    pub number: u64,
    pub shard: u32,
    pub lsn: u64,
    pub tables: Vec<TablePlace>,
    /// Where the checksums are, and what they are of ends.
    checksums_at: usize,
}

pub(super) struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    pub fn u32(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*first))
    }

    pub fn u64(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*first))
    }

    /// A count of things that take so many bytes each.
    pub fn count(&mut self, bytes: usize) -> Option<usize> {
        let count = self.u32()? as usize;
        (count <= self.0.len() / bytes).then_some(count)
    }

    fn section(&mut self) -> Option<SectionPlace> {
        let complete = match self.u32()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let place = self.place()?;
        Some(SectionPlace { complete, place })
    }

    pub fn place(&mut self) -> Option<Place> {
        Some(Place {
            blocks_at: self.u64()?,
            blocks_bytes: self.u64()?,
            buckets_at: self.u64()?,
            buckets: self.u64()?,
            dues_at: self.u64()?,
            dues: self.u64()?,
            entries: self.u64()?,
        })
    }

    fn big(&mut self) -> Option<BigPlace> {
        Some(BigPlace {
            id: self.u32()?,
            hash: self.u64()?,
            len: self.u64()?,
            fields: self.section()?,
        })
    }

    fn table(&mut self) -> Option<TablePlace> {
        let mut table = TablePlace {
            db: u8::try_from(self.u32()?).ok()?,
            len: self.u64()?,
            expiring: self.u64()?,
            rows: self.section()?,
            bigs: Vec::new(),
        };
        for _ in 0..self.count(BIG_BYTES)? {
            table.bigs.push(self.big()?);
        }
        // Ids are places in a list: each once, and they are bounded as the list is.
        let ascending = table.bigs.is_sorted_by(|a, b| a.id < b.id);
        let last = table.bigs.last().map_or(0, |big| big.id);
        (ascending && last <= IDS_MAX && table.expiring <= table.len).then_some(table)
    }
}

const SECTION_BYTES: usize = 4 + 7 * 8;
const BIG_BYTES: usize = 4 + 8 + 8 + SECTION_BYTES;
const TABLE_BYTES: usize = 4 + 8 + 8 + SECTION_BYTES + 4;
/// A big hash takes 48 KiB or 512 fields at least: a shard cannot have more.
const IDS_MAX: u32 = 1 << 24;

impl RowFile {
    /// Open the file of this number.
    pub fn open(bytes: Bytes, number: u64) -> Result<RowFile, Damage> {
        let (mut file, directory) = RowFile::sealed(bytes, number)?;
        file.tables = tables(&directory).ok_or(Damage::Directory)?;
        Ok(file)
    }

    /// Open a file whatever its directory is of, which is answered.
    pub(super) fn sealed(bytes: Bytes, number: u64) -> Result<(RowFile, Bytes), Damage> {
        let at = bytes.len().checked_sub(TRAILER_BYTES);
        let at = at.ok_or(Damage::NoTrailer)?;
        let trailer = bytes.get(at..).ok_or(Damage::NoTrailer)?;
        let (body, crc) = trailer.split_at(TRAILER_BYTES - 4);
        if !body.starts_with(TRAILER) || !bytes.starts_with(HEADER) {
            return Err(Damage::NoTrailer);
        }
        if crc != crc32fast::hash(body).to_le_bytes() {
            return Err(Damage::Trailer);
        }
        let (file, directory_at, crc) = Self::of_trailer(&bytes, body).ok_or(Damage::Directory)?;
        if file.number != number {
            return Err(Damage::Number(file.number));
        }
        let checksums = bytes.get(file.checksums_at..at).ok_or(Damage::Directory)?;
        if checksums.len() != file.checksums_at.div_ceil(CHUNK_BYTES) * 4
            || crc32fast::hash(checksums) != crc
        {
            return Err(Damage::Checksums);
        }
        let directory = bytes.get(directory_at..file.checksums_at);
        let directory = directory.ok_or(Damage::Directory)?;
        for chunk in directory_at / CHUNK_BYTES..file.chunks() {
            file.verify(chunk)?;
        }
        let directory = bytes.slice_ref(directory);
        Ok((file, directory))
    }

    fn of_trailer(bytes: &Bytes, body: &[u8]) -> Option<(RowFile, usize, u32)> {
        let mut reader = Reader(body.get(TRAILER.len()..)?);
        let number = reader.u64()?;
        let (shard, _) = (reader.u32()?, reader.u32()?);
        let lsn = reader.u64()?;
        let directory_at = usize::try_from(reader.u64()?).ok()?;
        let checksums_at = usize::try_from(reader.u64()?).ok()?;
        reader.u64()?;
        let file = RowFile {
            bytes: bytes.clone(),
            number,
            shard,
            lsn,
            tables: Vec::new(),
            checksums_at,
        };
        (directory_at >= HEADER_BYTES).then_some((file, directory_at, reader.u32()?))
    }

    /// What the engine reads.
    pub fn view(&self) -> ShardFile<'_> {
        ShardFile {
            number: self.number,
            lsn: self.lsn,
            bytes: &self.bytes,
            tables: &self.tables,
        }
    }

    /// Pieces that have a checksum each.
    pub fn chunks(&self) -> usize {
        self.checksums_at.div_ceil(CHUNK_BYTES)
    }

    /// Whether a piece is as it was written.
    pub fn verify(&self, chunk: usize) -> Result<(), Damage> {
        let at = chunk * CHUNK_BYTES;
        let end = (at + CHUNK_BYTES).min(self.checksums_at);
        let found = self.bytes.get(at..end).map(crc32fast::hash);
        let expected = self.bytes.get(self.checksums_at + chunk * 4..);
        let expected = expected.and_then(|bytes| bytes.first_chunk());
        match (found, expected) {
            (Some(found), Some(expected)) if found == u32::from_le_bytes(*expected) => Ok(()),
            _ => Err(Damage::Chunk(at)),
        }
    }

    /// Whether all of it is.
    pub fn verify_all(&self) -> Result<(), Damage> {
        (0..self.chunks()).try_for_each(|chunk| self.verify(chunk))
    }
}

fn tables(directory: &[u8]) -> Option<Vec<TablePlace>> {
    let mut reader = Reader(directory);
    let mut tables = Vec::new();
    for _ in 0..reader.count(TABLE_BYTES)? {
        tables.push(reader.table()?);
    }
    // Each database once.
    tables.is_sorted_by(|a, b| a.db < b.db).then_some(tables)
}
