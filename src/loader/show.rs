//! `--show N`: the commands that the first rows of an export would become, as `redis-cli` takes
//! them. Nothing is sent, and no more is read than that.
//!
//! Invariants
//! - Commands go to standard output, one a line; what else is to be said of a row goes to standard
//!   error.
//! - A row is shown as it is: whether a newer one of its entity follows is not known yet.

use std::io::{self, ErrorKind, Write};

use super::commands::Commands;
use super::copy::Pass;
use super::progress::Progress;
use super::rejects::{self, Reject, Rejects};
use super::sink::{Row, RowSink, Summary, Taken};
use super::{Load, now, text};
use crate::client::Failure;
use crate::words::{printable, quoted};

impl Load<'_> {
    pub fn show(&self, rows_max: u64) -> Result<(), Failure> {
        let tell = |reject: &Reject| {
            let reject = printable(&reject.show());
            eprintln!("does not fit: {reject}");
        };
        let now = now();
        let mut sink = Show {
            commands: Commands::of_view(&self.plan.view, self.args.key_ttl),
            file_names: &self.file_names,
            now,
        };
        let blocks = self.reader.start(&self.plan);
        let mut pass = Pass::new(
            &self.plan,
            &self.file_names,
            (now, self.args.any_time),
            &self.stop,
            Progress::start("show", self.reader.bytes()),
            Rejects::told_to(tell),
        );
        pass.rows_max = rows_max;
        pass.run(&blocks, &mut sink)?;
        pass.report.tell_notes();
        if pass.report.rows == 0 {
            eprintln!("{}: no rows", printable(&self.source));
        }
        Ok(())
    }
}

struct Show<'a> {
    commands: Commands,
    file_names: &'a [String],
    now: i64,
}

impl Show<'_> {
    fn note(&self, row: &Row, what: &str) {
        let file = self.file_names.get(row.place.file);
        let place = rejects::show(file.map_or("", String::as_str), row.place);
        eprintln!("{}: {what}", printable(&place));
    }
}

impl RowSink for Show<'_> {
    fn row(&mut self, row: &Row) -> Result<Taken, Failure> {
        let mut expired = None;
        let any = self.commands.of_row(row, |command| {
            let words: Vec<String> = command.arguments.iter().map(quoted).collect();
            let due = command.due.filter(|due| *due <= self.now);
            expired = expired.or(due);
            match writeln!(io::stdout(), "{}", words.join(" ")) {
                // As behind `| head`: nobody wants to see more.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                written => written.map_err(|e| Failure::passing(format!("standard output: {e}"))),
            }
        })?;
        if !any {
            self.note(row, "has no feature: nothing would be written");
        }
        if let Some(due) = expired {
            let mut shown = Vec::new();
            text::time(due, &mut shown);
            let shown = String::from_utf8_lossy(&shown);
            self.note(row, &format!("is expired already, since {shown}"));
        }
        Ok(Taken::Yes)
    }

    fn finish(self: Box<Self>) -> Result<Summary, Failure> {
        Ok(Summary::default())
    }

    fn abandon(self: Box<Self>) -> Option<String> {
        None
    }
}
