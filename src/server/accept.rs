//! Accepting connections and handing them to the threads in turn.

use super::listener::{is_local, tune};
use super::worker::{Arrival, Door, Socket};
use crate::instance::{Instance, Peer};
use crate::io::log;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};

/// How long to wait when the system has no file descriptor or no memory for a connection.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Redis's own words: people search for them.
const DENIED: &[u8] = b"-DENIED Redis is running in protected mode because protected mode is \
enabled and no password is set for the default user. In this mode connections are only accepted \
from the loopback interface. If you want to connect from external computers to Redis you may \
adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG \
SET protected-mode no' from the loopback interface by connecting to Redis from the same host the \
server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. \
Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the \
protected mode by editing the Redis configuration file, and setting the protected mode option to \
'no', and then restarting the server. 3) If you started the server manually just for testing, \
restart it with the '--protected-mode no' option. 4) Set up an authentication password for the \
default user. NOTE: You only need to do one of the above things in order for the server to start \
accepting connections from the outside.\r\n";

/// The threads, each in its turn.
#[derive(Clone)]
pub struct Doors {
    doors: Rc<[Door]>,
    next: Rc<Cell<usize>>,
}

impl Doors {
    pub fn new(doors: Vec<Door>) -> Doors {
        Doors {
            doors: doors.into(),
            next: Rc::default(),
        }
    }

    fn send(&self, arrival: Arrival) {
        let turn = self.next.get();
        self.next.set(turn.wrapping_add(1));
        let door = turn
            .checked_rem(self.doors.len())
            .and_then(|i| self.doors.get(i));
        // A thread that has ended is part of a server that stops.
        let _ = door.map(|door| door.send(arrival));
    }
}

pub async fn accept_tcp(listener: TcpListener, instance: Arc<Instance>, doors: Doors) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                let peer = Peer {
                    addr: remote.to_string(),
                    laddr: stream
                        .local_addr()
                        .map_or_else(|_| String::new(), |a| a.to_string()),
                    unix: false,
                };
                let Some(stream) = hand_over(stream.into_std()) else {
                    continue;
                };
                if instance.live.is_protected() && !is_local(remote) {
                    instance.stats.connections_rejected.add(1);
                    Socket::Tcp(stream).refuse(DENIED);
                    continue;
                }
                let keepalive_seconds = instance.config.read().tcp_keepalive;
                if let Err(error) = tune(&stream, keepalive_seconds) {
                    // It is gone already, or the kernel does not take the value: as in Redis, no
                    // reason to turn it away.
                    log::verbose(format_args!("Could not tune a new connection: {error}"));
                }
                let socket = Socket::Tcp(stream);
                doors.send(Arrival { socket, peer });
            }
            Err(error) => after_error(&error).await,
        }
    }
}

pub async fn accept_unix(listener: UnixListener, path: String, doors: Doors) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let peer = Peer {
                    addr: format!("{path}:0"),
                    laddr: format!("{path}:0"),
                    unix: true,
                };
                if let Some(stream) = hand_over(stream.into_std()) {
                    let socket = Socket::Unix(stream);
                    doors.send(Arrival { socket, peer });
                }
            }
            Err(error) => after_error(&error).await,
        }
    }
}

fn hand_over<T>(stream: io::Result<T>) -> Option<T> {
    if let Err(error) = &stream {
        log::warning(format_args!(
            "Could not take over a new connection: {error}"
        ));
    }
    stream.ok()
}

/// Errors of a connection that ended before it was accepted are passed over; any other error may
/// last (no file descriptors left), so accepting pauses.
async fn after_error(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    log::warning(format_args!("Accepting a connection failed: {error}"));
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    ) {
        tokio::time::sleep(BACK_OFF).await;
    }
}
