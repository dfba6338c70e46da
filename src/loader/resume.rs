//! A small file that says how far a load over the wire came, so that it can go on after it ended.
//!
//! ```text
//! fieldstone load 1
//! load 5d41402abc4b2a76
//! at 1795737600000
//! rows 123456
//! ```
//!
//! `load` stands for everything that makes the same rows in the same order: the view, the files
//! with their versions, the server. `at` is the time of rows without one. The first `rows` rows of
//! the export were acknowledged.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::client::Failure;
use crate::{clock, io};

const HEAD: &str = "fieldstone load 1";
const PERIOD: Duration = Duration::from_secs(1);

pub struct Resume {
    path: PathBuf,
    load: u64,
    /// Milliseconds since the epoch.
    pub at: i64,
    pub rows: u64,
    saved: Instant,
}

impl Resume {
    /// Go on with what the file at `path` tells, or begin it.
    pub fn open(path: &Path, load: u64, now: i64) -> Result<Resume, Failure> {
        let told = |reason: &str| format!("{}: {reason}", path.display());
        let wrong = |reason: &str| Failure::lasting(told(reason));
        let unread = |e: std::io::Error| Failure::passing(told(&e.to_string()));
        let mut resume = Resume {
            path: path.to_owned(),
            load,
            at: now,
            rows: 0,
            saved: clock::monotonic(),
        };
        match io::read_to_string(path) {
            Ok(text) => {
                let (of, at, rows) =
                    parse(&text).ok_or_else(|| wrong("is no state of a load to resume"))?;
                if of != load {
                    return Err(wrong(
                        "is of another load: the view, the files or the server differ; remove it \
                         to begin anew",
                    ));
                }
                (resume.at, resume.rows) = (at, rows);
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(unread(e)),
        }
        resume.save().map_err(unread)?;
        Ok(resume)
    }

    /// So many rows were acknowledged; written down about every second.
    pub fn acknowledged(&mut self, rows: u64) -> std::io::Result<()> {
        self.rows = rows;
        let now = clock::monotonic();
        if now.saturating_duration_since(self.saved) < PERIOD {
            return Ok(());
        }
        self.saved = now;
        self.save()
    }

    pub fn save(&self) -> std::io::Result<()> {
        let Resume { load, at, rows, .. } = self;
        let text = format!("{HEAD}\nload {load:016x}\nat {at}\nrows {rows}\n");
        io::replace(&self.path, &text)
    }

    /// All is done: there is nothing to go on with.
    pub fn remove(self) -> std::io::Result<()> {
        io::remove(&self.path)
    }
}

fn parse(text: &str) -> Option<(u64, i64, u64)> {
    let mut lines = text.lines();
    if lines.next()? != HEAD {
        return None;
    }
    let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    let load = u64::from_str_radix(field("load")?, 16).ok()?;
    let at = field("at")?.parse().ok()?;
    let rows = field("rows")?.parse().ok()?;
    Some((load, at, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_where_it_was_and_only_with_the_same_load() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut resume = Resume::open(&path, 7, 1000).ok().unwrap();
        resume.rows = 42;
        resume.save().unwrap();
        let again = Resume::open(&path, 7, 2000).ok().unwrap();
        assert_eq!((again.at, again.rows), (1000, 42));
        let reason = Resume::open(&path, 8, 2000).err().unwrap().to_string();
        assert!(reason.contains("is of another load"), "{reason}");
        again.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let whole = "fieldstone load 1\nload 00000000000000ff\nat -5\nrows 9\n";
        assert_eq!(parse(whole), Some((255, -5, 9)));
        for end in 0..whole.len() - 2 {
            assert_eq!(parse(&whole[..end]), None, "{end}");
        }
    }
}
