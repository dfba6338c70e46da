//! One connection to one server: requests out, replies in, in order.
//!
//! Invariants
//! - It speaks RESP2, which connections start in; it is logged in before the first request.
//! - A reply is bounded in size and depth before it is kept.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::address::{Address, Endpoint};
use super::tls::{self, TlsStream};
use crate::resp::{Reply, parse_reply, write_request};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that answers nothing for this long is taken for dead.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Looking through a large batch takes a server a while.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Requests are handed to the socket in pieces of about this size.
const OUTPUT_BYTES: usize = 64 * 1024;
const INPUT_BYTES: usize = 16 * 1024;
const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;
const REPLY_DEPTH_MAX: usize = 8;

/// What went wrong between us and a server; every text names the server.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("cannot connect to {server}: {reason}")]
    Connect { server: String, reason: String },
    /// The connection is of no more use.
    #[error("{server}: {reason}")]
    Lost { server: String, reason: String },
    /// The server's own error; the connection goes on.
    #[error("{server}: {command}: {text}")]
    Refused {
        server: String,
        command: String,
        text: String,
    },
}

/// Codes of errors that a server gives for now.
const PASSING: [&str; 9] = [
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
];

impl ClientError {
    /// Whether trying again would end in the same way.
    pub fn is_lasting(&self) -> bool {
        match self {
            ClientError::Connect { .. } | ClientError::Lost { .. } => false,
            ClientError::Refused { text, .. } => is_lasting(text),
        }
    }
}

/// The same, of the text of an error.
pub fn is_lasting(text: &str) -> bool {
    let code = text.split(' ').next().unwrap_or_default();
    !PASSING.contains(&code) && text != "ERR max number of clients reached"
}

enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream>),
    Unix(UnixStream),
}

pub struct Connection {
    stream: Stream,
    /// For messages.
    server: String,
    output: Vec<u8>,
    input: Vec<u8>,
    /// Bytes of `input` that were replies already given out.
    taken: usize,
}

impl Connection {
    /// Connect, log in and select the database.
    pub fn open(address: &Address, cacert: Option<&Path>) -> Result<Connection, ClientError> {
        let server = address.to_string();
        let stream = connect(address, cacert).map_err(|reason| ClientError::Connect {
            server: server.clone(),
            reason,
        })?;
        let mut connection = Connection {
            stream,
            server,
            output: Vec::new(),
            input: Vec::new(),
            taken: 0,
        };
        connection.log_in(address)?;
        Ok(connection)
    }

    fn log_in(&mut self, address: &Address) -> Result<(), ClientError> {
        match (&address.user, &address.password) {
            (Some(user), Some(password)) => {
                self.call(&[b"AUTH", user.as_bytes(), password.as_bytes()])?
            }
            (None, Some(password)) => self.call(&[b"AUTH", password.as_bytes()])?,
            // A server that wants a password says so; to a long request it would not.
            (_, None) => self.call(&[b"PING"])?,
        };
        if let Some(database) = address.database {
            self.call(&[b"SELECT", database.to_string().as_bytes()])?;
        }
        Ok(())
    }

    /// The next answer may take long.
    pub fn be_patient(&mut self) {
        let wait = Some(PATIENCE);
        // If it cannot be set, the answer may be given up early.
        let _ = match &self.stream {
            Stream::Tcp(stream) => stream.set_read_timeout(wait),
            Stream::Tls(stream) => stream.sock.set_read_timeout(wait),
            Stream::Unix(stream) => stream.set_read_timeout(wait),
        };
    }

    /// The server's address, for messages.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Send one request and wait for its reply; an error reply is [`ClientError::Refused`].
    pub fn call(&mut self, request: &[&[u8]]) -> Result<Reply, ClientError> {
        self.send(request)?;
        self.flush()?;
        match self.receive()? {
            Reply::Error(text) => Err(ClientError::Refused {
                server: self.server.clone(),
                command: String::from_utf8_lossy(request.first().unwrap_or(&&b""[..])).into(),
                text: String::from_utf8_lossy(&text).into_owned(),
            }),
            reply => Ok(reply),
        }
    }

    /// Queue a request. Whoever calls this again and again reads replies in between, or both sides
    /// end up writing: see [`super::Pipeline`].
    pub fn send(&mut self, request: &[&[u8]]) -> Result<(), ClientError> {
        write_request(&mut self.output, request);
        if self.output.len() >= OUTPUT_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    pub fn flush(&mut self) -> Result<(), ClientError> {
        let sent = self.stream.write_all(&self.output);
        self.output.clear();
        let sent = sent.and_then(|()| self.stream.flush());
        sent.map_err(|e| self.lost(&timeout_or(&e)))
    }

    /// The next reply, errors of the server among them.
    pub fn receive(&mut self) -> Result<Reply, ClientError> {
        loop {
            let unread = self.input.get(self.taken..).unwrap_or_default();
            match parse_reply(unread, REPLY_DEPTH_MAX) {
                Ok(Some((reply, bytes))) => {
                    self.taken += bytes;
                    return Ok(reply);
                }
                Ok(None) => self.read_more()?,
                Err(e) => return Err(self.lost(&format!("the server does not speak RESP: {e}"))),
            }
        }
    }

    fn read_more(&mut self) -> Result<(), ClientError> {
        self.input.drain(..self.taken);
        self.taken = 0;
        let length = self.input.len();
        if length > REPLY_BYTES_MAX {
            return Err(self.lost("a reply that is too long"));
        }
        // As much again as is there: a long reply is not parsed anew for each little piece.
        self.input.resize(length + length.max(INPUT_BYTES), 0);
        loop {
            let room = self.input.get_mut(length..).unwrap_or_default();
            match self.stream.read(room) {
                Ok(n) => {
                    self.input.truncate(length + n);
                    return match n {
                        0 => Err(self.lost("the server closed the connection")),
                        _ => Ok(()),
                    };
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    self.input.truncate(length);
                    return Err(self.lost(&timeout_or(&e)));
                }
            }
        }
    }

    /// An error of this connection.
    pub fn lost(&self, reason: &str) -> ClientError {
        ClientError::Lost {
            server: self.server.clone(),
            reason: reason.to_owned(),
        }
    }
}

fn connect(address: &Address, cacert: Option<&Path>) -> Result<Stream, String> {
    match &address.endpoint {
        Endpoint::Unix(path) => {
            let stream = UnixStream::connect(path).map_err(|e| e.to_string())?;
            let mut stream = Stream::Unix(stream);
            stream
                .set_timeouts(ANSWER_TIMEOUT)
                .map_err(|e| e.to_string())?;
            Ok(stream)
        }
        Endpoint::Tcp { host, port } => {
            let stream = connect_tcp(host, *port).map_err(|e| e.to_string())?;
            let mut stream = match address.tls {
                true => Stream::Tls(Box::new(tls::start(stream, host, cacert)?)),
                false => Stream::Tcp(stream),
            };
            stream
                .set_timeouts(ANSWER_TIMEOUT)
                .map_err(|e| e.to_string())?;
            Ok(stream)
        }
    }
}

fn connect_tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::NotFound);
    for candidate in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&candidate, CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                // Until it is known that someone answers.
                stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
                return Ok(stream);
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

fn timeout_or(e: &io::Error) -> String {
    match e.kind() {
        // What a socket's timeout looks like.
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            format!("no answer for {} s", ANSWER_TIMEOUT.as_secs())
        }
        // What TLS calls a connection that just ends.
        ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        _ => e.to_string(),
    }
}

impl Stream {
    fn set_timeouts(&mut self, timeout: Duration) -> io::Result<()> {
        let tcp = match self {
            Stream::Tcp(stream) => stream,
            Stream::Tls(stream) => &mut stream.sock,
            Stream::Unix(stream) => {
                stream.set_read_timeout(Some(timeout))?;
                return stream.set_write_timeout(Some(timeout));
            }
        };
        tcp.set_read_timeout(Some(timeout))?;
        tcp.set_write_timeout(Some(timeout))
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(into),
            Stream::Tls(stream) => stream.read(into),
            Stream::Unix(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.flush(),
            Stream::Tls(stream) => stream.flush(),
            Stream::Unix(stream) => stream.flush(),
        }
    }
}
