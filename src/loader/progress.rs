//! How far a load is: a bar on a terminal, else a line of JSON a second, both on stderr.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::clock;

const PERIOD: Duration = Duration::from_secs(1);

pub struct Progress {
    phase: &'static str,
    bytes_total: u64,
    started: Instant,
    told: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// `phase`: what is done, such as `check` or `send`.
    pub fn start(phase: &'static str, bytes_total: u64) -> Progress {
        let now = clock::monotonic();
        Progress {
            phase,
            bytes_total,
            started: now,
            told: now,
            bar: std::io::stderr()
                .is_terminal()
                .then(|| bar(phase, bytes_total)),
        }
    }

    /// So many rows and bytes of the source are done.
    pub fn tell(&mut self, rows: u64, bytes: u64) {
        let now = clock::monotonic();
        let seconds = now.saturating_duration_since(self.started).as_secs_f64();
        let speed = rows as f64 / seconds.max(1e-6);
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            bar.set_message(format!("{rows} rows, {speed:.0} rows/s"));
            return;
        }
        if now.saturating_duration_since(self.told) < PERIOD {
            return;
        }
        self.told = now;
        let done = bytes as f64 / self.bytes_total.max(1) as f64;
        let line = serde_json::json!({
            "event": "progress",
            "phase": self.phase,
            "rows": rows,
            "rows_per_second": speed.round() as u64,
            "percent": (done * 1000.0).round() / 10.0,
            "eta_seconds": (seconds / done.max(1e-9) - seconds).max(0.0).round() as u64,
        });
        eprintln!("{line}");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(phase: &'static str, bytes_total: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes_total).with_prefix(phase);
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {percent}% {msg}, ETA {eta}");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
