//! A panic of the Parquet crate becomes an error that names the place, and exit code 1.
//!
//! The crate's decoders can panic on damaged files. The release profile aborts on a panic, so
//! unwinding cannot be relied on; a panic hook runs in either case, and before the abort.

use std::any::Any;
use std::panic;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

const NOWHERE: usize = usize::MAX;

/// What is being read at the moment.
pub struct Position {
    file: String,
    names: OnceLock<Vec<String>>,
    reading: AtomicBool,
    row_group: AtomicUsize,
    column: AtomicUsize,
}

impl Position {
    pub fn new(file: &str) -> Arc<Position> {
        Arc::new(Position {
            file: file.to_owned(),
            names: OnceLock::new(),
            reading: AtomicBool::new(false),
            row_group: AtomicUsize::new(NOWHERE),
            column: AtomicUsize::new(NOWHERE),
        })
    }

    /// The names of the columns, once known.
    pub fn set_names(&self, names: Vec<String>) {
        let _ = self.names.set(names);
    }

    /// Run `read`, which may panic, at this place.
    pub fn at<T>(&self, place: Option<(usize, usize)>, read: impl FnOnce() -> T) -> T {
        let (row_group, column) = place.unwrap_or((NOWHERE, NOWHERE));
        self.row_group.store(row_group, Ordering::Relaxed);
        self.column.store(column, Ordering::Relaxed);
        self.reading.store(true, Ordering::Relaxed);
        let result = read();
        self.reading.store(false, Ordering::Relaxed);
        result
    }

    /// An error text with the file and the place last read.
    pub fn error(&self, reason: &str) -> String {
        let file = &self.file;
        let row_group = self.row_group.load(Ordering::Relaxed);
        let column = self.column.load(Ordering::Relaxed);
        match self.names.get().and_then(|names| names.get(column)) {
            Some(name) => format!("{file}: row group {row_group} column {name}: {reason}"),
            None => format!("{file}: {reason}"),
        }
    }
}

/// From now on a panic while reading prints an error and ends the process with exit code 1.
pub fn install(position: Arc<Position>) {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !position.reading.load(Ordering::Relaxed) {
            return default(info);
        }
        let reason = format!("damaged data ({})", message(info.payload()));
        eprintln!("error: {}", position.error(&reason));
        process::exit(1);
    }));
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}
