//! A directory of files as the store uses it, so that tests can put a failing one in its place.
//!
//! What is assumed of a disk
//! - What was written before a sync that succeeded is there after any crash; what was not may be
//!   there in part, in units of 512 bytes, in any order, or not at all.
//! - A file that was created or renamed is there after a crash once the directory was synced.
//! - What was written survives the end of the process, synced or not; if a sync of it failed it may
//!   read as it was written for a while, and go then.

use super::lock::{self, Lock};
use super::map::MappedPages;
use bytes::Bytes;
use rustix::fs::FallocateFlags;
use rustix::io::{Errno, retry_on_intr};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that are written at a time.
const CHUNK_BYTES: usize = 1 << 20;

pub trait Disk: Send + Sync {
    /// Names of the files.
    fn list(&self) -> io::Result<Vec<String>>;
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// A new file of so many zeros. When this returns, its name and its room are safe.
    fn create(&self, name: &str, len: usize, room: Room) -> io::Result<Box<dyn Pages>>;
    /// Replace a file, or make it, in one step that is safe when this returns.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// A new file, written from its beginning to its end; its name is not safe yet.
    fn append(&self, name: &str) -> io::Result<Box<dyn Append>>;
    /// The bytes of a file that does not change, where they lie.
    fn map(&self, name: &str, residency: Residency) -> io::Result<Bytes>;
    /// Make all names safe, and that others are gone.
    fn sync_names(&self) -> io::Result<()>;
    /// Write what is in a part of a file over itself, and make it safe, whoever wrote it: what can
    /// be read may be in memory only, and yet be called clean after a sync that failed.
    fn write_again(&self, name: &str, from: usize, to: usize) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Give a file the same name in a folder, too, which is made if need be; the file and its new
    /// name are safe when this returns, whatever becomes of the old one.
    fn keep_aside(&self, folder: &str, name: &str) -> io::Result<()>;
    /// Nothing is written any more: another process may have it.
    fn release(&self) {}
}

/// How it is made sure that a new file has room. Either way, storing into it needs no more of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Zeros are written: syncing what is stored there later writes that and little else.
    Written,
    /// It is set aside: the first sync of a part has to note as well that it is in use. Making and
    /// filling it costs a quarter (1.9 us of CPU for 4 KiB, not 7.3, on ext4 of Linux 6.18).
    Reserved,
}

/// Whether the pages of a mapped file are brought into memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Residency {
    /// When they are read.
    #[default]
    Lazy,
    /// Soon.
    Prefetched,
    /// Before it is used; and they stay there.
    Locked,
}

/// A file that is being written.
pub trait Append: Send {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Make what was written safe.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file of fixed length that is written in place.
pub trait Pages: Send {
    /// Its length.
    fn bytes(&self) -> usize;
    /// `at + bytes.len()` is at most `bytes()`. If it fails, a part may be there.
    fn write(&mut self, at: usize, bytes: &[u8]) -> io::Result<()>;
    /// What syncs it, from any thread.
    fn syncer(&self) -> Arc<dyn Syncer>;
}

/// Makes what was written so far safe.
pub trait Syncer: Send + Sync {
    fn sync(&self) -> io::Result<()>;
}

/// A directory of the file system. Held exclusively: there is no other in any process.
pub struct Directory {
    path: PathBuf,
    lock: Lock,
}

impl Directory {
    /// Open a directory, making it if need be; an error if another process has it open. Unless
    /// something is made in it, it is left as it was.
    pub fn open(path: &Path) -> io::Result<Directory> {
        match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let lock = Lock::take(path)?;
        let path = path.to_owned();
        Ok(Directory { path, lock })
    }

    /// Open a directory that is there and that no server uses; nothing is made in it.
    pub fn open_existing(path: &Path) -> io::Result<Directory> {
        if !fs::metadata(path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let lock = Lock::take_existing(path).map_err(|error| {
            let what = match error.kind() {
                io::ErrorKind::NotFound => "this is no data directory",
                io::ErrorKind::ResourceBusy => return error,
                _ => "it cannot be locked",
            };
            io::Error::new(error.kind(), format!("{what}: {}: {error}", lock::NAME))
        })?;
        let path = path.to_owned();
        Ok(Directory { path, lock })
    }
}

impl Disk for Directory {
    fn release(&self) {
        self.lock.release();
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(name))
    }

    fn create(&self, name: &str, len: usize, room: Room) -> io::Result<Box<dyn Pages>> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        // A file that is there is somebody's: it stays.
        let file = options
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        let made = match room {
            Room::Written => made_of_zeros(file, len),
            Room::Reserved => set_aside(file, len),
        };
        match made.and_then(|pages| self.sync_names().map(|()| pages)) {
            Ok(pages) => {
                self.lock.keep();
                Ok(Box::new(pages))
            }
            Err(error) => {
                // A part of it is of no use; on a full disk it would be in the way.
                let _ = fs::remove_file(&path);
                Err(error)
            }
        }
    }

    fn append(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(self.path.join(name))?;
        self.lock.keep();
        Ok(Box::new(Appended(file)))
    }

    fn map(&self, name: &str, residency: Residency) -> io::Result<Bytes> {
        super::map::map(&File::open(self.path.join(name))?, residency)
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.path.join(format!("{name}.new"));
        let mut file = File::create(&temporary)?;
        self.lock.keep();
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        let renamed = written.and_then(|()| fs::rename(&temporary, self.path.join(name)));
        if renamed.is_err() {
            // A part of it is of no use; on a full disk it would be in the way.
            let _ = fs::remove_file(&temporary);
        }
        renamed?;
        self.sync_names()
    }

    fn write_again(&self, name: &str, from: usize, to: usize) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(self.path.join(name))?;
        let mut piece = vec![0; CHUNK_BYTES.min(to.saturating_sub(from))];
        let mut at = from;
        while at < to {
            piece.truncate(to - at);
            let place = u64::try_from(at).unwrap_or(u64::MAX);
            file.read_exact_at(&mut piece, place)?;
            file.write_all_at(&piece, place)?;
            at += piece.len();
        }
        file.sync_data()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))?;
        self.sync_names()
    }

    fn keep_aside(&self, folder: &str, name: &str) -> io::Result<()> {
        let aside = self.path.join(folder);
        match fs::create_dir(&aside) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        fs::hard_link(self.path.join(name), aside.join(name))?;
        File::open(aside.join(name))?.sync_all()?;
        File::open(&aside)?.sync_all()?;
        self.sync_names()
    }
}

struct Appended(File);

impl Append for Appended {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}

/// A file system that cannot set room aside has zeros written to it.
fn set_aside(file: File, len: usize) -> io::Result<MappedPages> {
    let bytes = u64::try_from(len).unwrap_or(u64::MAX);
    let set_aside = || rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes);
    match retry_on_intr(set_aside) {
        Err(Errno::OPNOTSUPP) => return made_of_zeros(file, len),
        other => other?,
    }
    file.sync_all()?;
    MappedPages::new(file, len, 0)
}

/// Zeros are written, not only promised: storing into them later needs no room and no journal.
///
/// They are written into pages that are there already. A file system with large folios (ext4 of
/// Linux 6.16) makes them as large as a write is long, and a sync writes all of a folio that was
/// stored into: with pieces of 1 MiB each acknowledged `SET` of 500 bytes wrote 1,048,576 bytes to
/// the device, with pages of 4 KiB that are there before it writes 4,587. (6.18; 32 MiB are made in
/// 70 ms, not 30; writing 4 KiB at a time would take 60 ms and 8,192 calls.)
fn made_of_zeros(mut file: File, len: usize) -> io::Result<MappedPages> {
    file.set_len(u64::try_from(len).unwrap_or(u64::MAX))?;
    let pages = MappedPages::new(file.try_clone()?, len, len)?;
    pages.bring_in();
    let zeros = vec![0; CHUNK_BYTES.min(len)];
    let mut left = len;
    while left > 0 {
        let now = left.min(zeros.len());
        file.write_all(zeros.get(..now).unwrap_or_default())?;
        left -= now;
    }
    file.sync_all()?;
    Ok(pages)
}
