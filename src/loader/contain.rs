//! A panic of the Parquet crate becomes an error that names the place, and exit code 2.
//!
//! The crate's decoders can panic on damaged files. The release profile aborts on a panic, so
//! unwinding cannot be relied on; a panic hook runs in either case, and before the abort.

use std::any::Any;
use std::panic;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

const NOWHERE: usize = usize::MAX;

/// What is being read at the moment, by the one thread that reads.
#[derive(Default)]
pub struct Position {
    file: Mutex<File>,
    reading: AtomicBool,
    row_group: AtomicUsize,
    column: AtomicUsize,
}

#[derive(Default)]
struct File {
    name: String,
    columns: Vec<String>,
}

impl Position {
    /// From now on it is this file that is read.
    pub fn open(&self, name: &str) {
        *self.file.lock() = File {
            name: name.to_owned(),
            columns: Vec::new(),
        };
        self.row_group.store(NOWHERE, Ordering::Relaxed);
        self.column.store(NOWHERE, Ordering::Relaxed);
    }

    /// The names of the columns, by which [`Position::at`] counts them, once known.
    pub fn set_columns(&self, columns: Vec<String>) {
        self.file.lock().columns = columns;
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
        let Some(file) = self.file.try_lock() else {
            return reason.to_owned();
        };
        let row_group = self.row_group.load(Ordering::Relaxed);
        let column = self.column.load(Ordering::Relaxed);
        match file.columns.get(column) {
            Some(name) => format!(
                "{}: row group {row_group} column {name}: {reason}",
                file.name
            ),
            None => format!("{}: {reason}", file.name),
        }
    }
}

/// From now on a panic while reading prints an error and ends the process with exit code 2.
pub fn install(position: Arc<Position>) {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !position.reading.load(Ordering::Relaxed) {
            return default(info);
        }
        let reason = format!("damaged data ({})", message(info.payload()));
        eprintln!("error: {}", position.error(&reason));
        process::exit(2);
    }));
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}
