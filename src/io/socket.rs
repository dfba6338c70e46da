//! A unix socket that nobody can connect to before its permissions are set.

use super::folder_of;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Of the folder in which a socket is bound first, before six random letters.
const PREFIX: &str = ".fs";

/// Whether a socket can be made at `path`: nothing is touched. One that a server listens at is in
/// use.
pub fn may_bind_unix(path: &Path) -> io::Result<()> {
    // What the system takes, with a NUL behind, of the path and of where it is bound first.
    const PATH_BYTES_MAX: usize = 107;
    let first = folder_of(path).join(format!("{PREFIX}123456/s"));
    let bytes = path.as_os_str().len().max(first.as_os_str().len());
    if bytes > PATH_BYTES_MAX {
        let reason = format!("a path of a socket has {PATH_BYTES_MAX} bytes at most, not {bytes}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    fs::metadata(folder_of(path))?;
    match UnixStream::connect(path) {
        Ok(_) => {
            let reason = "another server listens at this socket";
            Err(io::Error::new(io::ErrorKind::AddrInUse, reason))
        }
        // Whether somebody listens there cannot be known.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        Err(_) => not_a_file(path),
    }
}

fn not_a_file(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.file_type().is_socket()) {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file of that name which is no socket",
        ));
    }
    Ok(())
}

/// Listen on a socket at `path` with these permissions, in place of a socket that is there.
///
/// It is bound in a folder that only we can enter, then moved to its place.
pub fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    not_a_file(path)?;
    // Of a random name: one of a process that was killed is in nobody's way.
    let private = tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(folder_of(path))?;
    let temporary = private.path().join("s");
    let listener = UnixListener::bind(&temporary)?;
    fs::set_permissions(&temporary, fs::Permissions::from_mode(mode))?;
    fs::rename(&temporary, path)?;
    private.close()?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_bound_with_its_permissions_in_place_of_an_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fieldstone.sock");
        drop(bind_unix(&path, 0o600).unwrap());
        let listener = bind_unix(&path, 0o640).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let busy = may_bind_unix(&path).unwrap_err();
        assert_eq!(busy.kind(), io::ErrorKind::AddrInUse);
        listener.accept().unwrap();
        drop(listener);
        may_bind_unix(&path).unwrap();
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious");
        fs::write(&path, "data").unwrap();
        assert!(bind_unix(&path, 0o600).is_err() && may_bind_unix(&path).is_err());
        assert!(may_bind_unix(&folder.path().join("x".repeat(200))).is_err());
        // Told at once and not after the start: where it is bound first is too long.
        let deep = folder
            .path()
            .join("d".repeat(96 - folder.path().as_os_str().len()));
        fs::create_dir(&deep).unwrap();
        assert!(may_bind_unix(&deep.join("s")).is_err());
        assert!(may_bind_unix(&folder.path().join("none/s")).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "data");
    }
}
