//! Rows that do not fit, one JSON object a line: made only when there is one.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::source::Place;
use crate::client::Failure;
use crate::io::{self, File};

/// A row that does not fit.
pub struct Reject<'a> {
    pub file_name: &'a str,
    pub place: Place,
    /// As far as it is known.
    pub key: &'a str,
    /// `None`: the row as a whole.
    pub column: Option<&'a str>,
    pub reason: &'a str,
}

pub struct Rejects<'a> {
    to: To<'a>,
    pub count: u64,
    max: u64,
}

enum To<'a> {
    File {
        path: PathBuf,
        file: Option<BufWriter<File>>,
    },
    /// They are only counted.
    Nowhere,
    Each(Box<dyn FnMut(&Reject) + 'a>),
}

impl<'a> Rejects<'a> {
    pub fn new(path: PathBuf, max: u64) -> Rejects<'a> {
        let to = To::File { path, file: None };
        Rejects { to, count: 0, max }
    }

    /// For a second pass, which finds what the first one told.
    pub fn silent() -> Rejects<'a> {
        Rejects {
            to: To::Nowhere,
            count: 0,
            max: u64::MAX,
        }
    }

    /// Each is given to `each`, and none ends the load.
    pub fn told_to(each: impl FnMut(&Reject) + 'a) -> Rejects<'a> {
        Rejects {
            to: To::Each(Box::new(each)),
            count: 0,
            max: u64::MAX,
        }
    }

    /// Note a row; an error if it is one too many.
    pub fn add(&mut self, reject: &Reject) -> Result<(), Failure> {
        self.count += 1;
        let (path, file) = match &mut self.to {
            To::File { path, file } => (path, file),
            To::Nowhere => return Ok(()),
            To::Each(each) => {
                each(reject);
                return Ok(());
            }
        };
        let line = serde_json::json!({
            "file": reject.file_name,
            "row_group": reject.place.row_group,
            "row": reject.place.row,
            "key": reject.key,
            "column": reject.column,
            "reason": reject.reason,
        });
        let shown = path.display().to_string();
        let written = write(file, path, &line.to_string());
        written.map_err(|e| Failure::passing(format!("{shown}: {e}")))?;
        if self.count > self.max {
            self.flush()?;
            let rows = match self.count {
                1 => "row does",
                _ => "rows do",
            };
            return Err(Failure::lasting(format!(
                "{} {rows} not fit, more than --max-rejects {}, the last {} (all in {shown})",
                self.count,
                self.max,
                reject.show(),
            )));
        }
        Ok(())
    }

    /// The file, if there is one, is whole.
    pub fn flush(&mut self) -> Result<(), Failure> {
        let flushed = match &mut self.to {
            To::File {
                file: Some(file), ..
            } => file.flush(),
            _ => Ok(()),
        };
        flushed.map_err(|e| Failure::passing(format!("rejects: {e}")))
    }
}

impl Reject<'_> {
    /// For people.
    pub fn show(&self) -> String {
        let place = show(self.file_name, self.place);
        let column = self.column.map(|name| format!(" column {name}"));
        let (column, reason, key) = (column.unwrap_or_default(), self.reason, self.key);
        format!("{place}{column}: {reason}; its key is {key}")
    }
}

fn write(file: &mut Option<BufWriter<File>>, path: &Path, line: &str) -> std::io::Result<()> {
    let file = match file {
        Some(file) => file,
        None => file.insert(BufWriter::new(io::create_private(path)?)),
    };
    writeln!(file, "{line}")
}

/// A place as people read it.
pub fn show(file_name: &str, place: Place) -> String {
    match place.row_group {
        Some(row_group) => format!("{file_name}: row group {row_group} row {}", place.row),
        None => format!("{file_name}: row {}", place.row),
    }
}
