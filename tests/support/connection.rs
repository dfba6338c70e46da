//! A raw connection: bytes out, whole replies in.

use super::reply::{Reply, Value, display, parse};
use super::{Address, encode};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long a reply may take. Generous: it only bounds a hang.
const WAIT: Duration = Duration::from_secs(60);

pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

pub struct Connection {
    pub stream: Stream,
    received: Vec<u8>,
    at: usize,
}

impl Connection {
    pub fn open(address: &Address) -> io::Result<Connection> {
        let stream = match address {
            Address::Tcp(at) => {
                let stream = TcpStream::connect(at)?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
        };
        let connection = Connection {
            stream,
            received: Vec::new(),
            at: 0,
        };
        connection.set_wait(WAIT)?;
        Ok(connection)
    }

    pub fn set_wait(&self, wait: Duration) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(s) => s
                .set_read_timeout(Some(wait))
                .and(s.set_write_timeout(Some(wait))),
            Stream::Unix(s) => s
                .set_read_timeout(Some(wait))
                .and(s.set_write_timeout(Some(wait))),
        }
    }

    /// A second handle of the same socket, for a thread that only writes.
    pub fn writer(&self) -> io::Result<Stream> {
        Ok(match &self.stream {
            Stream::Tcp(s) => Stream::Tcp(s.try_clone()?),
            Stream::Unix(s) => Stream::Unix(s.try_clone()?),
        })
    }

    pub fn shutdown_write(&self) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(s) => s.shutdown(Shutdown::Write),
            Stream::Unix(s) => s.shutdown(Shutdown::Write),
        }
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Send more than the sockets may hold: a thread of its own writes while this one reads.
    pub fn send_and_read(&mut self, bytes: &[u8], replies: usize) -> io::Result<Vec<Reply>> {
        let mut writer = self.writer()?;
        std::thread::scope(|scope| {
            let sent = scope.spawn(move || writer.write_all(bytes));
            let read = (0..replies)
                .map(|_| self.read())
                .collect::<io::Result<Vec<_>>>();
            sent.join().expect("the writing thread")?;
            read
        })
    }

    /// One whole reply. An end of the stream is `UnexpectedEof`.
    pub fn read(&mut self) -> io::Result<Reply> {
        let mut chunk = vec![0; 64 << 10];
        loop {
            let unread = &self.received[self.at..];
            // Most replies are whole at once; a long one is parsed again for each chunk.
            match parse(unread).map_err(|e| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{e}: {}", display(unread)),
                )
            })? {
                Some((value, len)) => {
                    let raw = unread[..len].to_vec();
                    self.at += len;
                    if self.at == self.received.len() {
                        self.received.clear();
                        self.at = 0;
                    }
                    return Ok(Reply { raw, value });
                }
                None => match self.stream.read(&mut chunk) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(n) => self.received.extend_from_slice(&chunk[..n]),
                    // This process was stopped for a while.
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                },
            }
        }
    }

    /// Everything until the other side closes (an abrupt close counts as one).
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut all = self.received.split_off(self.at);
        self.received.clear();
        self.at = 0;
        match self.stream.read_to_end(&mut all) {
            Err(e) if e.kind() != io::ErrorKind::ConnectionReset => Err(e),
            _ => Ok(all),
        }
    }

    /// Send one request and take its reply.
    pub fn call<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Value {
        let request = encode(words);
        self.send(&request).expect("send a request");
        match self.read() {
            Ok(reply) => reply.value,
            Err(e) => panic!("no reply to {}: {e}", display(&request)),
        }
    }

    /// As `call`, for words without spaces and quotes.
    pub fn line(&mut self, line: &str) -> Value {
        self.call(&super::words(line))
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.read(into),
            Stream::Unix(s) => s.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.write(bytes),
            Stream::Unix(s) => s.write(bytes),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
