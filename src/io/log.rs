//! The server's log: standard error or a file, one line an event.

use crate::clock;
use parking_lot::Mutex;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

/// Redis's `loglevel`s; what is below the one that is set is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    Debug,
    Verbose,
    Notice,
    Warning,
    Nothing,
}

impl Level {
    pub fn of(name: &str) -> Option<Level> {
        match name {
            "debug" => Some(Level::Debug),
            "verbose" => Some(Level::Verbose),
            "notice" => Some(Level::Notice),
            "warning" => Some(Level::Warning),
            "nothing" => Some(Level::Nothing),
            _ => None,
        }
    }

    fn mark(self) -> char {
        match self {
            Level::Debug => '.',
            Level::Verbose => '-',
            Level::Notice => '*',
            Level::Warning | Level::Nothing => '#',
        }
    }
}

/// Unit tests make logs fail by the thousand, and look at what is returned.
const FIRST_LEVEL: Level = match cfg!(test) {
    true => Level::Nothing,
    false => Level::Notice,
};

static LEVEL: AtomicU8 = AtomicU8::new(FIRST_LEVEL as u8);
static FILE: Mutex<Option<File>> = Mutex::new(None);

pub fn set_level(level: Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Write to this file from now on.
pub fn open(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    *FILE.lock() = Some(file);
    Ok(())
}

pub fn verbose(message: fmt::Arguments<'_>) {
    write(Level::Verbose, message);
}

pub fn notice(message: fmt::Arguments<'_>) {
    write(Level::Notice, message);
}

pub fn warning(message: fmt::Arguments<'_>) {
    write(Level::Warning, message);
}

fn write(level: Level, message: fmt::Arguments<'_>) {
    if (level as u8) < LEVEL.load(Ordering::Relaxed) {
        return;
    }
    let time = Stamp(clock::wall_millis());
    let line = format!("{} {time} {} {message}\n", std::process::id(), level.mark());
    let mut file = FILE.lock();
    // A log that cannot be written must not stop the server.
    let _ = match file.as_mut() {
        Some(file) => file.write_all(line.as_bytes()),
        None => io::stderr().write_all(line.as_bytes()),
    };
}

/// Milliseconds since the epoch, shown as UTC.
struct Stamp(u64);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, millis) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let (year, month, day) = date(days);
        let (hour, minute) = (millis / 3_600_000, millis / 60_000 % 60);
        let (second, milli) = (millis / 1000 % 60, millis % 1000);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"
        )
    }
}

/// Year, month and day of a number of days since the epoch, in the Gregorian calendar. Years are
/// taken to begin in March, so that the leap day is their last; 400 of them have 146097 days.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next_year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days_and_centuries() {
        assert_eq!(Stamp(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            Stamp(951_782_400_000).to_string(),
            "2000-02-29T00:00:00.000Z"
        );
        assert_eq!(
            Stamp(1_795_248_193_596).to_string(),
            "2026-11-21T08:03:13.596Z"
        );
        assert_eq!(
            Stamp(4_107_542_399_999).to_string(),
            "2100-02-28T23:59:59.999Z"
        );
        assert_eq!(
            Stamp(4_107_542_400_000).to_string(),
            "2100-03-01T00:00:00.000Z"
        );
    }
}
