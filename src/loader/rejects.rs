//! Rows that do not fit, one JSON object a line: made only when there is one.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::source::Place;
use crate::client::Failure;
use crate::io::{self, File};

pub struct Rejects {
    /// `None`: they are only counted.
    path: Option<PathBuf>,
    file: Option<BufWriter<File>>,
    pub count: u64,
    max: u64,
}

impl Rejects {
    pub fn new(path: PathBuf, max: u64) -> Rejects {
        Rejects {
            path: Some(path),
            file: None,
            count: 0,
            max,
        }
    }

    /// For a second pass, which finds what the first one told.
    pub fn silent() -> Rejects {
        Rejects {
            path: None,
            file: None,
            count: 0,
            max: u64::MAX,
        }
    }

    /// Note a row; an error if it is one too many.
    pub fn add(
        &mut self,
        file_name: &str,
        place: Place,
        key: &str,
        column: Option<&str>,
        reason: &str,
    ) -> Result<(), Failure> {
        self.count += 1;
        let Some(path) = &self.path else {
            return Ok(());
        };
        let line = serde_json::json!({
            "file": file_name,
            "row_group": place.row_group,
            "row": place.row,
            "key": key,
            "column": column,
            "reason": reason,
        });
        let shown = path.display().to_string();
        let written = write(&mut self.file, path, &line.to_string());
        written.map_err(|e| Failure::passing(format!("{shown}: {e}")))?;
        if self.count > self.max {
            self.flush()?;
            let rows = if self.count == 1 {
                "row does"
            } else {
                "rows do"
            };
            let column = column
                .map(|name| format!(" column {name}"))
                .unwrap_or_default();
            return Err(Failure::lasting(format!(
                "{} {rows} not fit, more than --max-rejects {}, the last {}{column}: {reason}; its \
                 key is {key} (all in {})",
                self.count,
                self.max,
                show(file_name, place),
                shown,
            )));
        }
        Ok(())
    }

    /// The file, if there is one, is whole.
    pub fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.file.as_mut().map_or(Ok(()), BufWriter::flush);
        flushed.map_err(|e| Failure::passing(format!("rejects: {e}")))
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
