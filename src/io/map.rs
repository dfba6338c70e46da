//! Files as memory: those that are written by storing into it, and those that are only read.

use super::disk::{Pages, Residency, Syncer};
use bytes::Bytes;
use memmap2::{Advice, Mmap, MmapMut};
use std::fs::File;
use std::io;
use std::sync::Arc;

pub struct MappedPages {
    map: MmapMut,
    file: Arc<File>,
}

impl MappedPages {
    pub fn new(file: File, len: usize) -> io::Result<MappedPages> {
        // SAFETY: the file was made by this process in a directory that it holds the lock of, and
        // nothing in it shortens the file or maps it again. Should someone else cut it, storing
        // into it ends the process (SIGBUS): nothing is acknowledged that was not stored.
        let map = unsafe { memmap2::MmapOptions::new().len(len).map_mut(&file)? };
        Ok(MappedPages {
            map,
            file: Arc::new(file),
        })
    }

    /// Bring all pages into memory, one by one and not in larger pieces. Should that not be
    /// possible, they come when they are used.
    pub fn bring_in(&self) {
        let _ = self.map.advise(Advice::Random);
        #[cfg(target_os = "linux")]
        let _ = self.map.advise(Advice::PopulateRead);
    }
}

impl Pages for MappedPages {
    fn bytes(&self) -> usize {
        self.map.len()
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.map[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn syncer(&self) -> Arc<dyn Syncer> {
        Arc::new(Synced(self.file.clone()))
    }
}

struct Synced(Arc<File>);

impl Syncer for Synced {
    /// Writes back what was stored into the mapping as well: the page cache is one.
    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// The bytes of a file that does not change any more.
/// Bytes at the beginning of a file, which say what it is.
const HEAD: usize = 4096;
/// Bytes at its end, where what tells of the rest is.
const TAIL: usize = 96 * 1024;

pub fn map(file: &File, residency: Residency) -> io::Result<Bytes> {
    if file.metadata()?.len() == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: the file is in a directory that this process holds the lock of; it was written whole
    // before it got into the manifest, and nothing in this process changes it from then on, though
    // its name may go. Should someone else cut it, reading it ends the process (SIGBUS); should
    // someone else write to it, reading is total: any bytes are rows or none, and the checksums
    // that the scrub compares tell of it.
    let map = unsafe { Mmap::map(file)? };
    match residency {
        // What opening it reads, while other files are mapped.
        Residency::Lazy => {
            let tail = map.len().min(TAIL);
            map.advise_range(Advice::WillNeed, 0, HEAD.min(map.len()))?;
            map.advise_range(Advice::WillNeed, map.len() - tail, tail)?;
        }
        Residency::Prefetched => map.advise(Advice::WillNeed)?,
        Residency::Locked => map.lock()?,
    }
    Ok(Bytes::from_owner(map))
}
