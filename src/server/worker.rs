//! A thread and the connections it serves.

use super::connection::{Connection, Scratch, SharedScratch};
use super::session::Session;
use crate::clock;
use crate::instance::{Close, Instance, Peer};
use crate::io::log;
use std::io::Write;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

/// An accepted connection on its way to its thread.
pub struct Arrival {
    pub socket: Socket,
    pub peer: Peer,
}

pub enum Socket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

pub type Door = UnboundedSender<Arrival>;

const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";

impl Socket {
    /// Say why, and hang up. Nothing is waited for: if it does not fit into the socket's buffer,
    /// it is lost.
    pub fn refuse(self, line: &[u8]) {
        let written = match self {
            Socket::Tcp(mut stream) => stream.write(line),
            Socket::Unix(mut stream) => stream.write(line),
        };
        if let Err(error) = written {
            log::verbose(format_args!("A refused client is gone already: {error}"));
        }
    }
}

/// Serve what arrives, until nothing can arrive any more and all clients are gone.
pub async fn work(index: usize, instance: Arc<Instance>, mut arrivals: UnboundedReceiver<Arrival>) {
    let scratch = Scratch::shared();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            arrival = arrivals.recv() => match arrival {
                Some(arrival) => welcome(index, &instance, arrival, &scratch, &mut connections),
                None => break,
            },
            // So that what is left of ended ones is freed.
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    while connections.join_next().await.is_some() {}
}

fn welcome(
    index: usize,
    instance: &Arc<Instance>,
    arrival: Arrival,
    scratch: &SharedScratch,
    connections: &mut JoinSet<()>,
) {
    if instance.control.is_stopping() {
        return;
    }
    let Arrival { socket, peer } = arrival;
    instance.stats.connections_received.add(1);
    let Some(session) = Session::open(instance, peer, index, clock::wall_millis()) else {
        instance.stats.connections_rejected.add(1);
        return socket.refuse(TOO_MANY);
    };
    if instance.control.is_stopping() {
        // It came after all others were told.
        session.client().close(Close::Shutdown);
    }
    let started = match socket {
        Socket::Tcp(stream) => tokio::net::TcpStream::from_std(stream)
            .map(|stream| start(stream, session, scratch, connections)),
        Socket::Unix(stream) => tokio::net::UnixStream::from_std(stream)
            .map(|stream| start(stream, session, scratch, connections)),
    };
    if let Err(error) = started {
        log::warning(format_args!("Could not serve a new connection: {error}"));
    }
}

fn start<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    stream: S,
    session: Session,
    scratch: &SharedScratch,
    connections: &mut JoinSet<()>,
) {
    let connection = Connection::new(stream, session, scratch.clone());
    connections.spawn_local(connection.serve());
}
