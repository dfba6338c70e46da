//! The bytes of one column of a row group, for the `parquet` crate.
//!
//! They are read a window at a time: an object store is asked for megabytes, not for each header
//! and each page. Before the crate reads a page's header it is looked at here, because the crate
//! sets aside what a header claims.
//!
//! Invariants
//! - Nothing outside of the column's chunk is read.
//! - The pages that all columns of a row group hold at one time fit in one [`PageBudget`].

use std::io::{Error, ErrorKind};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use super::super::storage::Blob;
use super::thrift::PageHeader;

/// A page's header with its statistics is not longer.
const HEADER_BYTES_MAX: u64 = 1024 * 1024;
/// A dictionary is kept as a page and as values.
const DICTIONARY_COPIES: u64 = 2;

/// What pages may take in memory, shared by the columns of a row group.
pub struct PageBudget {
    left: AtomicU64,
    limit: u64,
}

impl PageBudget {
    pub fn new(limit: u64) -> Arc<PageBudget> {
        Arc::new(PageBudget {
            left: AtomicU64::new(limit),
            limit,
        })
    }

    fn take(&self, bytes: u64) -> Result<()> {
        let left = &self.left;
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(bytes)
        });
        match taken {
            Ok(_) => Ok(()),
            Err(_) => Err(ParquetError::General(format!(
                "a page of {bytes} bytes, and all columns' pages may take {} (--memory)",
                self.limit
            ))),
        }
    }

    fn give(&self, bytes: u64) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

pub struct Chunk {
    blob: Arc<dyn Blob>,
    /// Where the column lies in the file.
    range: Range<u64>,
    window_bytes: u64,
    budget: Arc<PageBudget>,
    state: Mutex<State>,
}

struct State {
    window: Bytes,
    window_at: u64,
    /// Where the next header that was not looked at is.
    next_header: u64,
    dictionary_bytes: u64,
    page_bytes: u64,
}

impl Chunk {
    /// `window`: the first bytes of the column, read already.
    pub fn new(
        blob: Arc<dyn Blob>,
        range: Range<u64>,
        window: Bytes,
        window_bytes: u64,
        budget: Arc<PageBudget>,
    ) -> Chunk {
        Chunk {
            state: Mutex::new(State {
                window,
                window_at: range.start,
                next_header: range.start,
                dictionary_bytes: 0,
                page_bytes: 0,
            }),
            blob,
            range,
            window_bytes,
            budget,
        }
    }

    /// `length` bytes from `start`, from the window or by moving it.
    fn bytes(&self, state: &mut State, start: u64, length: u64) -> Result<Bytes> {
        let end = start
            .checked_add(length)
            .filter(|end| *end <= self.range.end);
        let Some(end) = end.filter(|_| start >= self.range.start) else {
            return Err(Error::from(ErrorKind::UnexpectedEof).into());
        };
        if let Some(found) = state.slice(start, length) {
            return Ok(found);
        }
        let window_end = start.saturating_add(self.window_bytes).min(self.range.end);
        state.window = self.blob.read(start..end.max(window_end))?;
        state.window_at = start;
        let found = state.slice(start, length);
        found.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof).into())
    }

    /// Look at the header at `start`, before the crate does.
    fn check_header(&self, state: &mut State, start: u64, bytes: &[u8]) -> Result<()> {
        let damaged = || ParquetError::General("a damaged page header".to_owned());
        let header = PageHeader::parse(bytes).ok_or_else(damaged)?;
        let page = header.compressed.checked_add(header.uncompressed);
        let copies = if header.is_dictionary {
            DICTIONARY_COPIES
        } else {
            1
        };
        let bytes = page.and_then(|bytes| bytes.checked_mul(copies));
        let bytes = bytes.ok_or_else(damaged)?;
        // The page before this one is not needed any more, a dictionary is.
        self.budget.give(std::mem::take(&mut state.page_bytes));
        self.budget.take(bytes)?;
        match header.is_dictionary {
            true => state.dictionary_bytes = state.dictionary_bytes.saturating_add(bytes),
            false => state.page_bytes = bytes,
        }
        let end = start.checked_add(header.bytes as u64);
        let end = end.and_then(|end| end.checked_add(header.compressed));
        state.next_header = end.ok_or_else(damaged)?;
        Ok(())
    }
}

impl State {
    fn slice(&self, start: u64, length: u64) -> Option<Bytes> {
        let from = usize::try_from(start.checked_sub(self.window_at)?).ok()?;
        let to = from.checked_add(usize::try_from(length).ok()?)?;
        (to <= self.window.len()).then(|| self.window.slice(from..to))
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let held = state.dictionary_bytes.saturating_add(state.page_bytes);
        self.budget.give(held);
    }
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.range.end
    }
}

impl ChunkReader for Chunk {
    type T = bytes::buf::Reader<Bytes>;

    /// Where the crate begins to read a header; it also does so where it has read one already.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut state = self.state.lock();
        let left = self.range.end.saturating_sub(start);
        // A window is long enough for nearly all headers.
        for most in [
            self.window_bytes.min(HEADER_BYTES_MAX) / 16,
            HEADER_BYTES_MAX,
        ] {
            let bytes = self.bytes(&mut state, start, left.min(most))?;
            if start != state.next_header {
                return Ok(bytes.reader());
            }
            let whole = left <= most || most == HEADER_BYTES_MAX;
            if whole || PageHeader::parse(&bytes).is_some() {
                self.check_header(&mut state, start, &bytes)?;
                return Ok(bytes.reader());
            }
        }
        Err(Error::from(ErrorKind::UnexpectedEof).into())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut state = self.state.lock();
        self.bytes(&mut state, start, length as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    struct Memory(Bytes);

    impl Blob for Memory {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }
        fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
            let (start, end) = (range.start as usize, range.end as usize);
            Ok(self.0.slice(start..end))
        }
    }

    /// Type, uncompressed size, compressed size, end; sizes below 64.
    fn header(kind: u8, uncompressed: u8, compressed: u8) -> Vec<u8> {
        vec![
            0x15,
            kind << 1,
            0x15,
            uncompressed << 1,
            0x15,
            compressed << 1,
            0,
        ]
    }

    fn chunk(pages: &[(u8, u8, u8)], budget: &Arc<PageBudget>) -> Chunk {
        let mut bytes = vec![9; 5];
        for &(kind, uncompressed, compressed) in pages {
            bytes.extend(header(kind, uncompressed, compressed));
            bytes.extend(vec![1; usize::from(compressed)]);
        }
        let range = 5..bytes.len() as u64;
        let blob = Arc::new(Memory(bytes.into()));
        Chunk::new(blob, range, Bytes::new(), 64, budget.clone())
    }

    #[test]
    fn pages_count_while_they_are_held() {
        let budget = PageBudget::new(60);
        // A dictionary of 20, then pages of 20 and 30 of which one is held at a time.
        let chunk = chunk(&[(2, 5, 5), (0, 10, 10), (0, 20, 10), (0, 41, 0)], &budget);
        for start in [5, 17, 34] {
            chunk.get_read(start).unwrap();
            // A second look costs nothing.
            chunk.get_read(start).unwrap();
        }
        let error = chunk.get_read(51).unwrap_err().to_string();
        assert!(error.contains("a page of 41 bytes"), "{error}");
        drop(chunk);
        assert_eq!(budget.left.load(Ordering::Relaxed), 60);
    }

    #[test]
    fn nothing_outside_the_chunk_is_read() {
        let budget = PageBudget::new(1000);
        let chunk = chunk(&[(0, 5, 5)], &budget);
        assert_eq!(chunk.get_bytes(12, 5).unwrap().len(), 5);
        for (start, length) in [(4, 1), (12, 6), (18, 0), (u64::MAX, 1)] {
            assert!(chunk.get_bytes(start, length).is_err(), "{start} {length}");
        }
    }
}
