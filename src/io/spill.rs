//! A file without a name, for what does not fit in memory: it is gone when it is dropped, or when
//! the process ends, however that happens.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// See the module.
pub struct Spill {
    file: File,
    bytes: u64,
}

impl Spill {
    /// In this directory.
    pub fn new(dir: &Path) -> io::Result<Spill> {
        let path = dir.join(format!(".fieldstone-{}.spill", std::process::id()));
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(true);
        let file = file.open(&path)?;
        fs::remove_file(&path)?;
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
