//! What a load did: a line for people, or one of JSON for programs.

use std::fmt::Write;
use std::time::Duration;

use super::source::Place;

/// Rejected rows that are named one by one.
const REJECTS_NAMED_MAX: u64 = 10;

#[derive(Debug, Default)]
pub struct Report {
    /// Rows read.
    pub rows: u64,
    /// Rows written; a key that occurs twice counts twice.
    pub entities: u64,
    /// Feature values written.
    pub features: u64,
    /// Nulls among the features of written rows: not written.
    pub nulls: u64,
    /// Rows without a key, because a column of it is null.
    pub rejected: u64,
    /// Rows with a key and no feature that is not null: nothing to write.
    pub empty: u64,
}

impl Report {
    /// Count a row without a key; the first few are named on stderr.
    pub fn reject(&mut self, place: Place, column: &str) {
        self.rejected += 1;
        if self.rejected <= REJECTS_NAMED_MAX {
            eprintln!("rejected: {place}: {column} of the key is null");
        }
        if self.rejected == REJECTS_NAMED_MAX {
            eprintln!("rejected: further rows are only counted");
        }
    }

    pub fn line(&self, elapsed: Duration) -> String {
        format!(
            "rows {}, entities {}, features {}, nulls {}, rejected {}, empty {}, \
             seconds {:.3}, rows/s {:.0}",
            self.rows,
            self.entities,
            self.features,
            self.nulls,
            self.rejected,
            self.empty,
            elapsed.as_secs_f64(),
            self.rows_per_second(elapsed),
        )
    }

    pub fn json(&self, file: &str, elapsed: Duration) -> String {
        format!(
            "{{\"file\":{},\"rows\":{},\"entities\":{},\"features\":{},\"nulls\":{},\
             \"rejected\":{},\"empty\":{},\"seconds\":{:.6},\"rows_per_second\":{:.0}}}",
            json_string(file),
            self.rows,
            self.entities,
            self.features,
            self.nulls,
            self.rejected,
            self.empty,
            elapsed.as_secs_f64(),
            self.rows_per_second(elapsed),
        )
    }

    fn rows_per_second(&self, elapsed: Duration) -> f64 {
        // A duration of 0 must not give `inf`, which is not JSON.
        self.rows as f64 / elapsed.as_secs_f64().max(1e-6)
    }
}

fn json_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_escapes_the_file_and_has_no_infinity() {
        let report = Report {
            rows: 3,
            ..Report::default()
        };
        let got = report.json("a\"b\\\n.parquet", Duration::ZERO);
        let want = "{\"file\":\"a\\\"b\\\\\\u000a.parquet\",\"rows\":3,\"entities\":0,";
        assert!(got.starts_with(want), "{got}");
        assert!(
            got.ends_with("\"seconds\":0.000000,\"rows_per_second\":3000000}"),
            "{got}"
        );
    }
}
