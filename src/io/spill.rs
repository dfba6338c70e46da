//! Files without a name, for what does not fit in memory: gone when they are closed, or when the
//! process ends, however that happens. Nobody else can open one, or have one opened elsewhere.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// In the folder that `TMPDIR` names, else `/tmp`.
pub fn scratch() -> io::Result<File> {
    tempfile::tempfile()
}

/// One that is written at its end and read anywhere.
pub struct Spill {
    file: File,
    bytes: u64,
}

impl Spill {
    /// In this directory.
    pub fn new(dir: &Path) -> io::Result<Spill> {
        let file = tempfile::tempfile_in(dir)?;
        Ok(Spill { file, bytes: 0 })
    }

    /// Append; answers where it begins.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.bytes;
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(at)
    }

    /// Append what was written at a place to `out`.
    pub fn read(&self, at: u64, len: usize, out: &mut Vec<u8>) -> io::Result<()> {
        let start = out.len();
        out.resize(start + len, 0);
        let target = out.get_mut(start..).unwrap_or_default();
        self.file.read_exact_at(target, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    /// A name that could be guessed, with a link of somebody else's behind it, would have a file
    /// of theirs overwritten.
    #[test]
    fn a_spill_has_no_name_and_follows_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        let guessed = format!(".fieldstone-{}.spill", std::process::id());
        std::os::unix::fs::symlink(&victim, dir.path().join(guessed)).unwrap();
        let mut spill = Spill::new(dir.path()).unwrap();
        assert_eq!(spill.file.metadata().unwrap().nlink(), 0);
        assert_eq!(spill.write(b"abc").unwrap(), 0);
        assert_eq!(spill.write(b"defg").unwrap(), 3);
        let mut read = b"x".to_vec();
        spill.read(2, 4, &mut read).unwrap();
        assert_eq!(read, b"xcdef");
        assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        assert_eq!(scratch().unwrap().metadata().unwrap().nlink(), 0);
    }
}
