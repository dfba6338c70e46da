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

/// A new file that only its owner reads. A file that is there is removed first, whoever may read
/// it; a link to a file is an error, as it may have been planted. Devices and pipes are opened.
pub fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).mode(0o600);
    let link = || io::Error::other("it is a symbolic link: name the file itself, or remove it");
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_file() => fs::remove_file(path)?,
        Ok(there) if there.is_symlink() && fs::metadata(path).map_or(true, |to| to.is_file()) => {
            return Err(link());
        }
        Ok(_) => return options.open(path),
        Err(_) => {}
    }
    options.create_new(true).open(path)
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
    let mut new = tempfile::Builder::new().prefix(".").tempfile_in(&folder)?;
    if let Ok(metadata) = fs::metadata(path) {
        new.as_file().set_permissions(metadata.permissions())?;
    }
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist(path)?;
    // The new name is durable once the folder is.
    File::open(&folder)?.sync_all()
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
    fn a_private_file_is_new_and_follows_no_link() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("rejects"), folder.path().join("target"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        drop(create_private(&path).unwrap());
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(
            (metadata.len(), metadata.permissions().mode() & 0o777),
            (0, 0o600)
        );

        fs::write(&target, "kept").unwrap();
        for link_to in [&target, &folder.path().join("nothing")] {
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink(link_to, &path).unwrap();
            assert!(create_private(&path).is_err());
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "kept");
        assert!(!folder.path().join("nothing").exists());
        create_private(Path::new("/dev/null")).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(replace(&folder.path().join("no/fieldstone.conf"), "").is_err());
    }
}
