//! What a load did: a line for people, or one of JSON for programs.

use std::time::Duration;

use serde_json::{Map, Value};

use super::sink::Summary;
use crate::words::printable;

#[derive(Debug, Default)]
pub struct Report {
    /// Rows read.
    pub rows: u64,
    /// Feature values of rows that fit, defaults not among them.
    pub features: u64,
    /// Nulls among the features of these rows that no default stands in for.
    pub nulls: u64,
    /// Defaults that stand in for a null.
    pub defaults: u64,
    /// Rows without one feature: nothing to write.
    pub empty: u64,
    /// Rows of which something had expired when they were loaded.
    pub expired: u64,
    /// Of them, those of which everything had.
    pub dead: u64,
    /// Columns that nothing needs, of the file that has the most.
    pub extra_columns: usize,
    pub rejects: u64,
    /// Of the source.
    pub files: usize,
    pub bytes: u64,
    /// What somebody should know of its files.
    pub notes: Vec<String>,
}

impl Report {
    /// On standard error.
    pub fn tell_notes(&self) {
        for note in &self.notes {
            eprintln!("note: {}", printable(note));
        }
    }

    fn fields(&self, summary: &Summary, elapsed: Duration) -> Vec<(&'static str, Value)> {
        let seconds = elapsed.as_secs_f64();
        // A duration of 0 must not give infinity, which is not JSON.
        let speed = self.rows as f64 / seconds.max(1e-6);
        let mut fields = vec![
            ("rows", Value::from(self.rows)),
            ("entities", summary.entities.into()),
            ("features", self.features.into()),
            ("nulls", self.nulls.into()),
            ("defaults", self.defaults.into()),
            ("rejects", self.rejects.into()),
            ("older", summary.older.into()),
            ("empty", self.empty.into()),
            ("extra_columns", self.extra_columns.into()),
            ("files", self.files.into()),
            ("bytes", self.bytes.into()),
            ("seconds", ((seconds * 1e3).round() / 1e3).into()),
            ("rows_per_second", (speed.round() as u64).into()),
        ];
        fields.extend((self.expired > 0).then_some(("expired_rows", self.expired.into())));
        fields.extend(summary.more.iter().map(|&(name, n)| (name, n.into())));
        fields
    }

    pub fn line(&self, summary: &Summary, elapsed: Duration) -> String {
        let fields = self.fields(summary, elapsed);
        let shown: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{} {value}", name.replace('_', " ")))
            .collect();
        shown.join(", ")
    }

    /// `of`: what was loaded, and how.
    pub fn json(&self, of: &[(&str, &str)], summary: &Summary, elapsed: Duration) -> String {
        let mut object = Map::new();
        for (name, value) in of {
            object.insert((*name).to_owned(), Value::from(*value));
        }
        for (name, value) in self.fields(summary, elapsed) {
            object.insert(name.to_owned(), value);
        }
        Value::Object(object).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_escapes_names_and_has_no_infinity() {
        let report = Report {
            rows: 3,
            ..Report::default()
        };
        let summary = Summary {
            more: vec![("version", 7)],
            ..Summary::default()
        };
        let got = report.json(&[("source", "a\"b\\\n")], &summary, Duration::ZERO);
        let got: Value = serde_json::from_str(&got).unwrap();
        assert_eq!(got["source"], "a\"b\\\n");
        assert_eq!(got["rows_per_second"], 3_000_000);
        assert_eq!((&got["rows"], &got["version"]), (&3.into(), &7.into()));
        let line = report.line(&summary, Duration::from_secs(2));
        assert!(line.starts_with("rows 3, entities 0, "), "{line}");
        assert!(
            line.ends_with("seconds 2.0, rows per second 2, version 7"),
            "{line}"
        );
    }
}
