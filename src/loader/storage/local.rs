//! Files of this machine.

use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::{Blob, Entry, Listing, Store};
use crate::io as files;

pub struct Local;

impl Store for Local {
    fn list(&self, folder: &str) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for entry in files::list(Path::new(folder))? {
            match entry.bytes {
                None => listing.folders.push(entry.name),
                Some(bytes) => listing.files.push(Entry {
                    name: entry.name,
                    bytes,
                    version: entry.modified.to_string(),
                }),
            }
        }
        Ok(listing)
    }

    fn find(&self, path: &str) -> io::Result<Option<Entry>> {
        let entry = files::entry(Path::new(path))?;
        Ok(entry.bytes.map(|bytes| Entry {
            name: entry.name,
            bytes,
            version: entry.modified.to_string(),
        }))
    }

    fn open(&self, path: &str, _bytes: u64) -> io::Result<Arc<dyn Blob>> {
        let file = files::open(Path::new(path))?;
        let length = file.metadata()?.len();
        Ok(Arc::new(LocalBlob { file, length }))
    }

    fn show(&self, path: &str) -> String {
        path.to_owned()
    }
}

struct LocalBlob {
    file: files::File,
    length: u64,
}

impl Blob for LocalBlob {
    fn len(&self) -> u64 {
        self.length
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let length = super::length_within(&range, self.length)?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes.into())
    }
}
