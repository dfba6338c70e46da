//! Addresses are taken early, so that a conflict is told before anything is touched, and listened
//! at late: until the data is there nobody can connect. An error of one connection never ends the
//! loop.

use crate::config::Config;
use crate::io::{self, log};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

/// Addresses that are ours, and at which nobody can connect yet.
pub struct Addresses {
    tcp: Vec<Socket>,
    backlog: i32,
    /// Path and permissions.
    unix: Option<(String, u32)>,
}

/// Where clients come in.
#[derive(Default)]
pub struct Listeners {
    pub tcp: Vec<TcpListener>,
    pub unix: Option<(UnixListener, String)>,
}

#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("Could not listen on {address}: {error}")]
    Address {
        address: String,
        error: std::io::Error,
    },
    #[error("There is no address to listen on")]
    Nothing,
}

fn failed(address: &str) -> impl Fn(std::io::Error) -> BindError {
    move |error| BindError::Address {
        address: address.to_owned(),
        error,
    }
}

impl Addresses {
    pub fn bind(config: &Config) -> Result<Addresses, BindError> {
        let mut addresses = Addresses {
            tcp: Vec::new(),
            backlog: i32::try_from(config.tcp_backlog).unwrap_or(i32::MAX),
            unix: None,
        };
        let mut port = config.port;
        for address in &config.bind {
            // A leading minus: not every host has this address.
            let (name, optional) = match address.strip_prefix('-') {
                Some(name) => (name, true),
                None => (address.as_str(), false),
            };
            match bind_tcp(name, port) {
                Ok(socket) => {
                    // Port 0: the system chooses one, the same for all addresses.
                    port = local_port(&socket).unwrap_or(port);
                    addresses.tcp.push(socket);
                }
                Err(error) if optional => {
                    log::warning(format_args!("Not listening on {name}:{port}: {error}"));
                }
                Err(error) => return Err(failed(&format!("{name}:{port}"))(error)),
            }
        }
        if !config.unixsocket.is_empty() {
            let path = config.unixsocket.clone();
            io::may_bind_unix(Path::new(&path)).map_err(failed(&path))?;
            addresses.unix = Some((path, config.unix_mode()));
        }
        if addresses.tcp.is_empty() && addresses.unix.is_none() {
            return Err(BindError::Nothing);
        }
        Ok(addresses)
    }

    /// From now on clients can connect.
    pub fn listen(self) -> Result<Listeners, BindError> {
        let mut listeners = Listeners::default();
        for socket in self.tcp {
            let address = socket.local_addr().ok().and_then(|a| a.as_socket());
            let address = address.map_or(String::new(), |address| address.to_string());
            let listening = socket.listen(self.backlog);
            let listening = listening.and_then(|()| socket.set_nonblocking(true));
            listening.map_err(failed(&address))?;
            listeners.tcp.push(socket.into());
        }
        if let Some((path, mode)) = self.unix {
            let listener = io::bind_unix(Path::new(&path), mode);
            let listener = listener.and_then(|l| l.set_nonblocking(true).map(|()| l));
            listeners.unix = Some((listener.map_err(failed(&path))?, path));
        }
        Ok(listeners)
    }
}

fn local_port(socket: &Socket) -> Option<u16> {
    Some(socket.local_addr().ok()?.as_socket()?.port())
}

impl Listeners {
    /// The TCP port, 0 if there is none.
    pub fn port(&self) -> u16 {
        let addresses = self
            .tcp
            .iter()
            .filter_map(|listener| listener.local_addr().ok());
        addresses.map(|address| address.port()).next().unwrap_or(0)
    }

    /// Tell, in the log, where clients may connect.
    pub fn announce(&self) {
        for address in self
            .tcp
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
        {
            log::notice(format_args!("Ready to accept connections on {address}"));
        }
        if let Some((_, path)) = &self.unix {
            log::notice(format_args!("Ready to accept connections at {path}"));
        }
    }
}

fn bind_tcp(name: &str, port: u16) -> std::io::Result<Socket> {
    let name = match name {
        "*" => "0.0.0.0",
        "::*" => "::",
        name => name,
    };
    let mut addresses = (name, port).to_socket_addrs()?;
    let address = addresses
        .next()
        .ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Set up an accepted connection.
pub fn tune(stream: &std::net::TcpStream, keepalive_seconds: u64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    if keepalive_seconds > 0 {
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(keepalive_seconds));
        socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}

/// Whether the connection comes from this host, by any name.
pub fn is_local(remote: SocketAddr) -> bool {
    remote.ip().to_canonical().is_loopback()
}
