//! The only user of the file system.

mod disk;
mod lock;
pub mod log;
mod map;
mod places;
mod process;
#[cfg(test)]
pub mod sim;
mod socket;
mod spill;

pub use disk::{Append, Directory, Disk, Pages, Residency, Room, Syncer};
pub use places::{Place, entry, list};
pub use process::{Usage, usage};
pub use socket::{bind_unix, may_bind_unix};
pub use spill::{Spill, scratch};

pub use std::fs::File;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Open a file for reading.
pub fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// A new file that only its owner reads, or an empty one in place of what is there.
pub fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}

pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

pub fn read_to_string(path: &Path) -> io::Result<String> {
    fs::read_to_string(path)
}

/// Replace a file by `text` in one step: after a crash there is the old file or the new one.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = folder_of(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}", std::process::id()));
    let written = write_synced(&temporary, path, text).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // What is left of the attempt is of no use; that it cannot be removed neither.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    // The new name is durable once the folder is.
    File::open(&folder)?.sync_all()
}

fn write_synced(temporary: &Path, original: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    if let Ok(metadata) = fs::metadata(original) {
        file.set_permissions(metadata.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Whether the folder that a path is in is there.
pub fn parent_is_there(path: &Path) -> bool {
    folder_of(path).is_dir()
}

/// The folder that a path is in.
pub fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fieldstone.conf");
        fs::write(&path, "old").unwrap();
        replace(&path, "new").unwrap();
        assert_eq!(read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(replace(&folder.path().join("no/fieldstone.conf"), "").is_err());
    }
}
