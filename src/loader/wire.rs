//! Rows over the wire to any server that speaks Redis's protocol.
//!
//! Invariants
//! - A row is written with one HSET: all its features or none.
//! - The first answer that is not the expected one ends the load; rows before it stay written, and
//!   running the same load again gives the same state.
//! - Only the row that counts of each entity is sent.

use std::fmt::Write;

use super::commands::Commands;
use super::newest::Losers;
use super::rejects;
use super::resume::Resume;
use super::sink::{Row, RowSink, Summary, Taken};
use super::source::Place;
use crate::client::{Connection, Failure, Pipeline, refused};
use crate::resp::Reply;

struct Sent {
    number: u64,
    place: Place,
    command: &'static str,
    /// The row is safe once this one is answered.
    last_of_row: bool,
}

pub struct WireSink {
    pipeline: Pipeline<Sent>,
    commands: Commands,
    losers: Losers,
    /// Of the first pass.
    summary: Summary,
    /// Rows before this one were acknowledged by an earlier run.
    skip: u64,
    sent: u64,
    done: Done,
}

/// What the answers tell.
struct Done {
    file_names: Vec<String>,
    rows: u64,
    /// One was refused: those behind it do not count as done for whoever resumes.
    refused: bool,
    resume: Option<Resume>,
}

impl WireSink {
    pub fn new(
        pipeline: Connection,
        in_flight_max: usize,
        commands: Commands,
        (losers, summary): (Losers, Summary),
        file_names: Vec<String>,
        resume: Option<Resume>,
    ) -> WireSink {
        WireSink {
            pipeline: Pipeline::new(pipeline, in_flight_max),
            commands,
            losers,
            summary,
            skip: resume.as_ref().map_or(0, |resume| resume.rows),
            sent: 0,
            done: Done {
                file_names,
                rows: 0,
                refused: false,
                resume,
            },
        }
    }

    /// A lost connection, with the first row that may or may not be written.
    fn place(&self, e: Failure) -> Failure {
        match self.pipeline.waiting().next() {
            Some(sent) => {
                let place = self.done.show(sent.place);
                e.told(|e| format!("{place} and what follows is unanswered: {e}"))
            }
            None => e,
        }
    }
}

impl Done {
    fn show(&self, place: Place) -> String {
        let file = self.file_names.get(place.file).map_or("", String::as_str);
        rejects::show(file, place)
    }

    /// Match an answer with the command it belongs to.
    fn answer(&mut self, sent: &Sent, reply: &Reply) -> Result<(), Failure> {
        let reason = match (sent.command, reply) {
            ("HSET" | "PEXPIREAT", Reply::Integer(_)) | ("HPEXPIREAT", Reply::Array(_)) => None,
            (_, Reply::Error(text)) => Some(refused(text)),
            (_, other) => Some(Failure::lasting(format!("an unexpected answer: {other:?}"))),
        };
        if let Some(reason) = reason {
            self.refused = true;
            let (place, command) = (self.show(sent.place), sent.command);
            return Err(reason.told(|reason| format!("{place}: {command}: {reason}")));
        }
        if !sent.last_of_row {
            return Ok(());
        }
        self.rows += 1;
        match &mut self.resume {
            Some(resume) if !self.refused => resume
                .acknowledged(sent.number.saturating_add(1))
                .map_err(|e| Failure::passing(format!("--resume: {e}"))),
            _ => Ok(()),
        }
    }
}

impl RowSink for WireSink {
    fn row(&mut self, row: &Row) -> Result<Taken, Failure> {
        if row.number < self.skip || self.losers.contains(row.number) {
            return Ok(Taken::Yes);
        }
        let (pipeline, done, sent) = (&mut self.pipeline, &mut self.done, &mut self.sent);
        let sending = self.commands.of_row(row, |command| {
            let of = Sent {
                number: row.number,
                place: row.place,
                command: command.name,
                last_of_row: command.is_last,
            };
            let mut answer = |of: Sent, reply: &Reply| done.answer(&of, reply);
            pipeline.send(of, command.arguments, &mut answer)?;
            *sent += u64::from(command.name == "HSET");
            Ok(())
        });
        match sending {
            Ok(_) => Ok(Taken::Yes),
            Err(e) => Err(self.place(e)),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<Summary, Failure> {
        let done = &mut self.done;
        let finished = self
            .pipeline
            .finish(&mut |sent, reply| done.answer(&sent, reply));
        if let Err(e) = finished {
            let e = self.place(e);
            let told = self
                .abandon()
                .map(|told| format!("\n{told}"))
                .unwrap_or_default();
            return Err(e.told(|e| format!("{e}{told}")));
        }
        if let Some(resume) = self.done.resume.take() {
            let removed = resume.remove();
            removed.map_err(|e| Failure::passing(format!("--resume: {e}")))?;
        }
        Ok(std::mem::take(&mut self.summary))
    }

    fn abandon(mut self: Box<Self>) -> Option<String> {
        let done = &mut self.done;
        // What it says of a connection that is lost was said.
        let _ = self
            .pipeline
            .finish(&mut |sent, reply| done.answer(&sent, reply));
        let mut told = String::new();
        if let Some(resume) = &self.done.resume
            && let Err(e) = resume.save()
        {
            let _ = writeln!(told, "--resume: {e}");
        }
        let (done, sent) = (self.done.rows, self.sent);
        let _ = write!(told, "{done} rows were written and acknowledged");
        if sent > done {
            let _ = write!(told, "; {} more were sent and may be", sent - done);
        }
        Some(told)
    }
}
