//! The lock of a data directory: a file in it that the server that uses it holds locked.
//!
//! Invariants
//! - Two never hold it at the same time, whatever is made and removed meanwhile: a lock counts only
//!   on the file that has the name now.
//! - A file that was made for the lock alone is removed with it, unless it is to stay: a start that
//!   is refused leaves nothing behind in a directory that is not ours. (It may, if two that race
//!   for it are both refused: nothing tells then which of them made it.)

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The file whose lock says that the directory is in use.
pub const NAME: &str = "LOCK";

/// Each try that fails is another process that made the file or removed it in that moment.
const TRIES_MAX: usize = 1000;

/// See the module.
pub struct Lock {
    path: PathBuf,
    /// Locked until it is closed or released.
    file: File,
    /// It was not there before.
    is_new: bool,
    stays: AtomicBool,
}

impl Lock {
    /// Lock a directory, making the file if need be; an error if somebody else has it locked.
    pub fn take(dir: &Path) -> io::Result<Lock> {
        Lock::tried(dir, |path| {
            let mut options = OpenOptions::new();
            options.write(true);
            match options.clone().create_new(true).open(path) {
                Ok(file) => Ok((file, true)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    Ok((options.open(path)?, false))
                }
                Err(error) => Err(error),
            }
        })
    }

    /// Lock a directory that has the file.
    pub fn take_existing(dir: &Path) -> io::Result<Lock> {
        if !dir.join(NAME).try_exists()? {
            return Err(io::ErrorKind::NotFound.into());
        }
        Lock::tried(dir, |path| Ok((File::open(path)?, false)))
    }

    fn tried(dir: &Path, open: impl Fn(&Path) -> io::Result<(File, bool)>) -> io::Result<Lock> {
        let path = dir.join(NAME);
        for _ in 0..TRIES_MAX {
            let (file, is_new) = match open(&path) {
                // Removed since it was seen.
                Err(error) if error.kind() == io::ErrorKind::NotFound && dir.is_dir() => continue,
                opened => opened?,
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(in_use()),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            if has_name(&file, &path)? {
                let stays = AtomicBool::new(false);
                return Ok(Lock {
                    path,
                    file,
                    is_new,
                    stays,
                });
            }
        }
        Err(in_use())
    }

    /// Whoever comes next may take it; the file stays.
    pub fn release(&self) {
        self.keep();
        // Else it is when the process ends.
        let _ = self.file.unlock();
    }

    /// The directory is ours: the file stays.
    pub fn keep(&self) {
        self.stays.store(true, Ordering::Relaxed);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.is_new && !self.stays.load(Ordering::Relaxed) {
            // Still locked: nobody else can have begun to use it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn in_use() -> io::Error {
    let text = "another server is using this directory";
    io::Error::new(io::ErrorKind::ResourceBusy, text)
}

/// Whether this is the file of this name, still.
fn has_name(file: &File, path: &Path) -> io::Result<bool> {
    let own = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((own.dev(), own.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_file_made_for_the_lock_goes_with_it_unless_it_is_to_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let lock = Lock::take(folder.path()).unwrap();
        assert!(path.exists());
        let busy = Lock::take(folder.path()).err().map(|error| error.kind());
        assert_eq!(busy, Some(io::ErrorKind::ResourceBusy));
        let busy = Lock::take_existing(folder.path()).err();
        assert_eq!(busy.map(|e| e.kind()), Some(io::ErrorKind::ResourceBusy));
        drop(lock);
        assert!(!path.exists());
        let none = Lock::take_existing(folder.path()).err();
        assert_eq!(none.map(|e| e.kind()), Some(io::ErrorKind::NotFound));
        Lock::take(folder.path()).unwrap().keep();
        assert!(path.exists());
        let lock = Lock::take(folder.path()).unwrap();
        lock.release();
        drop(Lock::take(folder.path()).unwrap());
        drop(lock);
        assert!(path.exists(), "somebody else's");
    }

    #[test]
    fn racing_for_it_while_it_comes_and_goes_never_gives_it_to_two() {
        let folder = tempfile::tempdir().unwrap();
        let (holders, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let race = || {
            while taken.load(Ordering::SeqCst) < 2000 {
                let Ok(lock) = Lock::take(folder.path()) else {
                    continue;
                };
                assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "two have it");
                taken.fetch_add(1, Ordering::SeqCst);
                std::thread::yield_now();
                holders.fetch_sub(1, Ordering::SeqCst);
                drop(lock);
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(race)).collect();
            for thread in threads {
                thread.join().expect("no two at a time");
            }
        });
    }
}
