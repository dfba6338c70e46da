//! Commands sent to a server through one connection, many before their answers.
//!
//! Invariants
//! - At most `unanswered_max` commands are without an answer, so that neither side's buffers can
//!   fill up with both sides writing.
//! - Every answer is read and belongs to the oldest unanswered command; the first that is not the
//!   expected one ends the load.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::server::Server;
use super::source::Place;
use crate::resp::{Reply, parse_reply, write_request};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that answers nothing for this long is taken for dead.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Requests are handed to the socket in pieces of about this size.
const OUTPUT_BYTES: usize = 64 * 1024;
/// No answer to what is sent here is longer.
const REPLY_BYTES_MAX: usize = 1024 * 1024;
const REPLY_DEPTH_MAX: usize = 8;

pub struct Sink {
    stream: TcpStream,
    output: Vec<u8>,
    input: Vec<u8>,
    unanswered: VecDeque<Sent>,
    unanswered_max: usize,
    rows_answered: u64,
}

struct Sent {
    /// `None` for the commands that open the connection.
    place: Option<Place>,
    command: &'static str,
    /// The row is safe once this one is answered.
    last_of_row: bool,
}

/// The load cannot go on; the text names the row if there is one.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SinkError(String);

impl Sink {
    pub fn connect(server: &Server, unanswered_max: usize) -> Result<Sink, SinkError> {
        let address = format!("{}:{}", server.host, server.port);
        let wrong = |e: std::io::Error| SinkError(format!("cannot connect to {address}: {e}"));
        let mut last = std::io::Error::from(ErrorKind::NotFound);
        let mut connected = None;
        for candidate in (server.host.as_str(), server.port)
            .to_socket_addrs()
            .map_err(wrong)?
        {
            match TcpStream::connect_timeout(&candidate, CONNECT_TIMEOUT) {
                Ok(stream) => {
                    connected = Some(stream);
                    break;
                }
                Err(e) => last = e,
            }
        }
        let stream = connected.ok_or_else(|| wrong(last))?;
        stream.set_nodelay(true).map_err(wrong)?;
        stream
            .set_read_timeout(Some(ANSWER_TIMEOUT))
            .map_err(wrong)?;
        stream
            .set_write_timeout(Some(ANSWER_TIMEOUT))
            .map_err(wrong)?;
        let mut sink = Sink {
            stream,
            output: Vec::new(),
            input: Vec::new(),
            unanswered: VecDeque::new(),
            unanswered_max: unanswered_max.max(1),
            rows_answered: 0,
        };
        sink.open(server)?;
        Ok(sink)
    }

    /// Say who we are, and learn now rather than at the first row that we may not.
    fn open(&mut self, server: &Server) -> Result<(), SinkError> {
        match (&server.user, &server.password) {
            (Some(user), Some(password)) => {
                let request: [&[u8]; 3] = [b"AUTH", user.as_bytes(), password.as_bytes()];
                self.send(None, "AUTH", &request, false)?;
            }
            (None, Some(password)) => {
                self.send(None, "AUTH", &[b"AUTH", password.as_bytes()], false)?;
            }
            // A server that wants a password says so; to a long HSET it would not.
            (_, None) => self.send(None, "PING", &[b"PING"], false)?,
        }
        if let Some(database) = server.database {
            let database = database.to_string();
            self.send(None, "SELECT", &[b"SELECT", database.as_bytes()], false)?;
        }
        self.finish()
    }

    /// Queue the HSET of a row (`request`, its name first), and its TTL if it has one.
    pub fn row(
        &mut self,
        place: Place,
        request: &[&[u8]],
        ttl_millis: Option<&[u8]>,
    ) -> Result<(), SinkError> {
        self.send(Some(place), "HSET", request, ttl_millis.is_none())?;
        if let (Some(ttl), Some(key)) = (ttl_millis, request.get(1)) {
            self.send(Some(place), "PEXPIRE", &[b"PEXPIRE", key, ttl], true)?;
        }
        Ok(())
    }

    /// Wait for every answer.
    pub fn finish(&mut self) -> Result<(), SinkError> {
        self.flush()?;
        self.read_answers(0)
    }

    /// Rows whose commands were all answered.
    pub fn rows_answered(&self) -> u64 {
        self.rows_answered
    }

    fn send(
        &mut self,
        place: Option<Place>,
        command: &'static str,
        request: &[&[u8]],
        last_of_row: bool,
    ) -> Result<(), SinkError> {
        write_request(&mut self.output, request);
        self.unanswered.push_back(Sent {
            place,
            command,
            last_of_row,
        });
        if self.output.len() >= OUTPUT_BYTES {
            self.flush()?;
        }
        if self.unanswered.len() >= self.unanswered_max {
            self.flush()?;
            // Half of them stay under way, so that the server is never idle.
            self.read_answers(self.unanswered_max / 2)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        let written = self.stream.write_all(&self.output);
        self.output.clear();
        written.map_err(|e| {
            // A server that closes the connection may have said why.
            match self.read_answers(0) {
                Err(reason) if e.kind() != ErrorKind::WouldBlock => reason,
                _ => self.lost(&timeout_or(&e)),
            }
        })
    }

    /// Read answers until at most `rest` commands are without one.
    fn read_answers(&mut self, rest: usize) -> Result<(), SinkError> {
        let mut parsed = 0;
        while self.unanswered.len() > rest {
            let unread = self.input.get(parsed..).unwrap_or_default();
            match parse_reply(unread, REPLY_DEPTH_MAX) {
                Ok(Some((reply, consumed))) => {
                    parsed += consumed;
                    self.answer(&reply)?;
                }
                Ok(None) => {
                    self.input.drain(..parsed);
                    parsed = 0;
                    self.read_more()?;
                }
                Err(e) => return Err(self.lost(&format!("the server does not speak RESP: {e}"))),
            }
        }
        self.input.drain(..parsed);
        Ok(())
    }

    fn read_more(&mut self) -> Result<(), SinkError> {
        if self.input.len() > REPLY_BYTES_MAX {
            return Err(self.lost("an answer that is too long"));
        }
        let mut piece = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(self.lost("the server closed the connection")),
                Ok(n) => {
                    self.input
                        .extend_from_slice(piece.get(..n).unwrap_or_default());
                    return Ok(());
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(self.lost(&timeout_or(&e))),
            }
        }
    }

    /// Match an answer with the command it belongs to.
    fn answer(&mut self, reply: &Reply) -> Result<(), SinkError> {
        let Some(sent) = self.unanswered.pop_front() else {
            return Err(self.lost("an answer to nothing"));
        };
        let reason = match (sent.command, reply) {
            ("AUTH" | "PING" | "SELECT", Reply::Simple(_))
            | ("HSET" | "PEXPIRE", Reply::Integer(_)) => {
                self.rows_answered += u64::from(sent.last_of_row);
                return Ok(());
            }
            (_, Reply::Error(text)) => String::from_utf8_lossy(text).into_owned(),
            (_, other) => format!("an unexpected answer: {other:?}"),
        };
        let command = sent.command;
        Err(SinkError(match sent.place {
            Some(place) => format!("{place}: {command}: {reason}"),
            None => format!("{command}: {reason}"),
        }))
    }

    fn lost(&self, reason: &str) -> SinkError {
        SinkError(match self.unanswered.front().and_then(|sent| sent.place) {
            Some(place) => format!("{place} and what follows is unanswered: {reason}"),
            None => format!("while opening the connection: {reason}"),
        })
    }
}

fn timeout_or(e: &std::io::Error) -> String {
    match e.kind() {
        // What a socket's timeout looks like.
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            format!("no answer for {} s", ANSWER_TIMEOUT.as_secs())
        }
        _ => e.to_string(),
    }
}
