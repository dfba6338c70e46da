//! Writing a row file, from its beginning to its end.

use super::{CHUNK_BYTES, HEADER, HEADER_BYTES, TRAILER};
use crate::engine::{Memory, Place, SectionPlace, Sink, TablePlace, align};
use crate::io::Append;
use std::io;

/// Bytes of a write, but for the last two: a huge page of x86-64 and of most others. ext4 of Linux
/// 6.16 and XFS keep a write in pages as large as it is long, which a mapping then has as they are.
const PIECE_BYTES: usize = 2 << 20;

/// Takes sections, as a [`Sink`], and then what they are.
pub struct Writer<'p> {
    out: Box<dyn Append>,
    number: u64,
    at: u64,
    /// The end of what was given, below a whole piece. Not the allocator's: once it has given back
    /// so much it keeps more of all that is smaller.
    piece: Memory,
    filled: usize,
    checksums: Vec<u32>,
    /// Called with the bytes of each chunk that is made: it may wait, or say that it is over.
    pace: &'p mut dyn FnMut(usize) -> io::Result<()>,
}

impl<'p> Writer<'p> {
    pub fn new(
        out: Box<dyn Append>,
        number: u64,
        pace: &'p mut dyn FnMut(usize) -> io::Result<()>,
    ) -> io::Result<Writer<'p>> {
        let mut writer = Writer {
            out,
            number,
            at: 0,
            piece: Memory::zeroed(PIECE_BYTES),
            filled: 0,
            checksums: Vec::new(),
            pace,
        };
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(HEADER);
        header[8..16].copy_from_slice(&number.to_le_bytes());
        writer.write(&header)?;
        Ok(writer)
    }

    /// The last so many bytes are a chunk.
    fn end_chunk(&mut self, len: usize) -> io::Result<()> {
        let made = &self.piece[self.filled - len..self.filled];
        self.checksums.push(crc32fast::hash(made));
        (self.pace)(len)?;
        match self.filled {
            PIECE_BYTES => self.end_piece(),
            _ => Ok(()),
        }
    }

    fn end_piece(&mut self) -> io::Result<()> {
        self.out.write(&self.piece[..self.filled])?;
        self.filled = 0;
        Ok(())
    }

    /// Write what follows the sections, and make the file safe, but for its name; answers its
    /// length.
    pub fn finish(self, shard: u32, lsn: u64, tables: &[TablePlace]) -> io::Result<u64> {
        let directory = directory(tables)?;
        self.finish_with(shard, lsn, &directory)
    }

    pub(super) fn finish_with(mut self, shard: u32, lsn: u64, directory: &[u8]) -> io::Result<u64> {
        align(&mut self)?;
        let directory_at = self.at;
        self.write(directory)?;
        align(&mut self)?;
        match self.filled % CHUNK_BYTES {
            0 => {}
            rest => self.end_chunk(rest)?,
        }
        self.end_piece()?;
        let checksums_at = self.at;
        let checksums: Vec<u8> = self
            .checksums
            .iter()
            .flat_map(|c| c.to_le_bytes())
            .collect();
        let mut trailer = Vec::new();
        trailer.extend_from_slice(TRAILER);
        trailer.extend_from_slice(&self.number.to_le_bytes());
        trailer.extend_from_slice(&shard.to_le_bytes());
        trailer.extend_from_slice(&[0; 4]);
        for n in [lsn, directory_at, checksums_at, 0] {
            trailer.extend_from_slice(&n.to_le_bytes());
        }
        trailer.extend_from_slice(&crc32fast::hash(&checksums).to_le_bytes());
        trailer.extend_from_slice(&crc32fast::hash(&trailer).to_le_bytes());
        let end = checksums.len() + trailer.len();
        self.out.write(&[checksums, trailer].concat())?;
        self.out.sync()?;
        Ok(self.at + end as u64)
    }
}

impl Sink for Writer<'_> {
    fn at(&self) -> u64 {
        self.at
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = CHUNK_BYTES - self.filled % CHUNK_BYTES;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.piece[self.filled..][..now.len()].copy_from_slice(now);
            self.filled += now.len();
            if self.filled.is_multiple_of(CHUNK_BYTES) {
                self.end_chunk(CHUNK_BYTES)?;
            }
            bytes = later;
        }
        Ok(())
    }
}

fn directory(tables: &[TablePlace]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let count = |n: usize| u32::try_from(n).map_err(io::Error::other);
    out.extend_from_slice(&count(tables.len())?.to_le_bytes());
    for table in tables {
        out.extend_from_slice(&u32::from(table.db).to_le_bytes());
        out.extend_from_slice(&table.len.to_le_bytes());
        out.extend_from_slice(&table.expiring.to_le_bytes());
        put_section(&mut out, &table.rows);
        out.extend_from_slice(&count(table.bigs.len())?.to_le_bytes());
        for big in &table.bigs {
            out.extend_from_slice(&big.id.to_le_bytes());
            out.extend_from_slice(&big.hash.to_le_bytes());
            out.extend_from_slice(&big.len.to_le_bytes());
            put_section(&mut out, &big.fields);
        }
    }
    Ok(out)
}

fn put_section(out: &mut Vec<u8>, section: &SectionPlace) {
    out.extend_from_slice(&u32::from(section.complete).to_le_bytes());
    put_place(out, &section.place);
}

pub(super) fn put_place(out: &mut Vec<u8>, place: &Place) {
    for n in [
        place.blocks_at,
        place.blocks_bytes,
        place.buckets_at,
        place.buckets,
        place.dues_at,
        place.dues,
        place.entries,
    ] {
        out.extend_from_slice(&n.to_le_bytes());
    }
}
