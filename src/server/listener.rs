//! Listening and accepting. An error of one connection never ends the loop.

use crate::config::Config;
use crate::io::{self, log};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

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

impl Listeners {
    pub fn bind(config: &Config) -> Result<Listeners, BindError> {
        let mut listeners = Listeners::default();
        let mut port = config.port;
        for address in &config.bind {
            // A leading minus: not every host has this address.
            let (name, optional) = match address.strip_prefix('-') {
                Some(name) => (name, true),
                None => (address.as_str(), false),
            };
            match bind_tcp(name, port, config.tcp_backlog) {
                Ok(listener) => {
                    // Port 0: the system chooses one, the same for all addresses.
                    port = listener.local_addr().map_or(port, |addr| addr.port());
                    listeners.tcp.push(listener);
                }
                Err(error) if optional => {
                    log::warning(format_args!("Not listening on {name}:{port}: {error}"));
                }
                Err(error) => {
                    let address = format!("{name}:{port}");
                    return Err(BindError::Address { address, error });
                }
            }
        }
        if !config.unixsocket.is_empty() {
            let path = config.unixsocket.clone();
            let listener = io::bind_unix(Path::new(&path), config.unix_mode());
            let listener = listener.and_then(|l| l.set_nonblocking(true).map(|()| l));
            match listener {
                Ok(listener) => listeners.unix = Some((listener, path)),
                Err(error) => {
                    let address = path;
                    return Err(BindError::Address { address, error });
                }
            }
        }
        if listeners.tcp.is_empty() && listeners.unix.is_none() {
            return Err(BindError::Nothing);
        }
        Ok(listeners)
    }

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

fn bind_tcp(name: &str, port: u16, backlog: u32) -> std::io::Result<TcpListener> {
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
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
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
