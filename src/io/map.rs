//! Files that are written by storing into memory.

use super::disk::{Pages, Syncer};
use memmap2::MmapMut;
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
