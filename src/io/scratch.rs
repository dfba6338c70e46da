//! A file for what does not fit in memory: without a name, gone when it is closed.

use std::fs::{self, File};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// In the folder that `TMPDIR` names, else `/tmp`.
pub fn scratch() -> io::Result<File> {
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!(".fieldstone.{}.{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn what_is_written_is_read_and_nothing_is_left() {
        let mut file = scratch().unwrap();
        file.write_all(b"abc").unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
        assert_eq!(file.metadata().unwrap().nlink(), 0);
    }
}
