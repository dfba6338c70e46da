//! Rows over the wire to any server that speaks Redis's protocol: HSET, then the times to live.
//!
//! Invariants
//! - A row is written with one HSET: all its features or none.
//! - The first answer that is not the expected one ends the load; rows before it stay written, and
//!   running the same load again gives the same state.
//! - Only the row that counts of each entity is sent.

use std::fmt::Write;

use super::newest::Losers;
use super::rejects;
use super::resume::Resume;
use super::sink::{Row, RowSink, Summary, Taken};
use super::source::Place;
use crate::client::{ClientError, Connection, Pipeline};
use crate::client::{Failure, refused};
use crate::resp::Reply;
use crate::view::View;

/// How times to live are set.
pub enum Expiry {
    None,
    /// HPEXPIREAT: milliseconds, and the features that live so long.
    Fields(Vec<(u64, Vec<usize>)>),
    /// PEXPIREAT of the key.
    Key(u64),
}

impl Expiry {
    /// What the view declares; `by_key`: the longest of them, for the key as a whole.
    pub fn of(view: &View, by_key: bool) -> Expiry {
        let mut groups: Vec<(u64, Vec<usize>)> = Vec::new();
        let mut forever = false;
        for (number, feature) in view.features.iter().enumerate() {
            match view.ttl_of(feature) {
                None => forever = true,
                Some(ttl) => match groups.iter_mut().find(|(other, _)| *other == ttl) {
                    Some((_, features)) => features.push(number),
                    None => groups.push((ttl, vec![number])),
                },
            }
        }
        let longest = groups.iter().map(|(ttl, _)| *ttl).max();
        match longest {
            None => Expiry::None,
            Some(_) if by_key && forever => Expiry::None,
            Some(longest) if by_key => Expiry::Key(longest),
            Some(_) => Expiry::Fields(groups),
        }
    }

    /// Learn now whether the server can do it, rather than at the first row.
    pub fn check(&self, connection: &mut Connection) -> Result<(), Failure> {
        if !matches!(self, Expiry::Fields(_)) {
            return Ok(());
        }
        match connection.call(&[b"HPEXPIREAT"]) {
            Err(ClientError::Refused { server, text, .. }) if text.contains("unknown command") => {
                Err(Failure::lasting(format!(
                    "{server} does not know HPEXPIREAT, so features cannot have times to live of \
                     their own (Redis 7.4 and Fieldstone can); with --key-ttl keys get one"
                )))
            }
            Err(lost @ ClientError::Lost { .. }) => Err(lost.into()),
            // Without arguments it is refused in any case.
            _ => Ok(()),
        }
    }
}

struct Sent {
    number: u64,
    place: Place,
    command: &'static str,
    /// The row is safe once this one is answered.
    last_of_row: bool,
}

pub struct WireSink {
    pipeline: Pipeline<Sent>,
    /// Names of the features.
    names: Vec<Vec<u8>>,
    expiry: Expiry,
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
        view: &View,
        expiry: Expiry,
        (losers, summary): (Losers, Summary),
        file_names: Vec<String>,
        resume: Option<Resume>,
    ) -> WireSink {
        WireSink {
            pipeline: Pipeline::new(pipeline, in_flight_max),
            names: view
                .features
                .iter()
                .map(|f| f.name.clone().into_bytes())
                .collect(),
            expiry,
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

    fn send(
        &mut self,
        row: &Row,
        command: &'static str,
        request: &[&[u8]],
        last_of_row: bool,
    ) -> Result<(), Failure> {
        let sent = Sent {
            number: row.number,
            place: row.place,
            command,
            last_of_row,
        };
        let done = &mut self.done;
        let sent = self
            .pipeline
            .send(sent, request, &mut |sent, reply| done.answer(&sent, reply));
        sent.map_err(|e| self.place(e))
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

    /// Requests of a row behind its HSET.
    fn expire(&mut self, row: &Row) -> Result<(), Failure> {
        let mut number = itoa::Buffer::new();
        let mut count = itoa::Buffer::new();
        // Redis refuses times before 1970.
        let due = |ttl: u64| row.at.saturating_add_unsigned(ttl).max(1);
        match std::mem::replace(&mut self.expiry, Expiry::None) {
            Expiry::None => {}
            Expiry::Key(ttl) => {
                let due = number.format(due(ttl)).as_bytes();
                self.expiry = Expiry::Key(ttl);
                self.send(row, "PEXPIREAT", &[b"PEXPIREAT", row.key, due], true)?;
            }
            Expiry::Fields(groups) => {
                let present =
                    |feature: &&usize| row.cells.get(**feature).is_some_and(Option::is_some);
                let with_any =
                    |(_, features): &&(u64, Vec<usize>)| features.iter().any(|f| present(&f));
                let names = std::mem::take(&mut self.names);
                let mut left = groups.iter().filter(with_any).count();
                let mut sent = Ok(());
                for (ttl, features) in groups.iter().filter(with_any) {
                    left -= 1;
                    let fields: Vec<&[u8]> = features
                        .iter()
                        .filter(present)
                        .filter_map(|feature| names.get(*feature).map(Vec::as_slice))
                        .collect();
                    let due = number.format(due(*ttl)).as_bytes();
                    let count = count.format(fields.len()).as_bytes();
                    let mut request: Vec<&[u8]> =
                        vec![b"HPEXPIREAT", row.key, due, b"FIELDS", count];
                    request.extend(fields);
                    sent = sent.and_then(|()| self.send(row, "HPEXPIREAT", &request, left == 0));
                }
                self.names = names;
                self.expiry = Expiry::Fields(groups);
                sent?;
            }
        }
        Ok(())
    }

    /// Whether requests follow the HSET of this row.
    fn expires(&self, row: &Row) -> bool {
        match &self.expiry {
            Expiry::None => false,
            Expiry::Key(_) => true,
            Expiry::Fields(groups) => groups.iter().any(|(_, features)| {
                let mut features = features.iter();
                features.any(|feature| row.cells.get(*feature).is_some_and(Option::is_some))
            }),
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
        let names = std::mem::take(&mut self.names);
        let mut request: Vec<&[u8]> = Vec::with_capacity(2 + 2 * names.len());
        request.extend([b"HSET".as_slice(), row.key]);
        for (name, cell) in names.iter().zip(row.cells) {
            if let Some(cell) = cell {
                request.extend([name.as_slice(), cell]);
            }
        }
        let empty = request.len() == 2;
        let sent = match empty {
            true => Ok(()),
            false => {
                let expires = self.expires(row);
                self.send(row, "HSET", &request, !expires)
            }
        };
        drop(request);
        self.names = names;
        sent?;
        if !empty {
            self.sent += 1;
            self.expire(row)?;
        }
        Ok(Taken::Yes)
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
