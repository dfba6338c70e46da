//! The client's side of the protocol: what `fieldstone apply` and `fieldstone load` talk through.
//!
//! ```text
//! address (what is asked for) -> tls -> connection (one server) -> pipeline (many requests)
//! ```
//!
//! Invariants
//! - Every wait has an end: a server that does not answer is an error that names it.
//! - A password is never shown.

mod address;
mod connection;
mod failure;
mod pipeline;
mod tls;

pub use address::{Address, Endpoint};
pub use connection::{ClientError, Connection};
pub use failure::{Failure, refused};
pub use pipeline::Pipeline;

use std::path::PathBuf;

/// Which server, and who to be there: the same for every subcommand that is a client.
#[derive(clap::Args, Clone)]
pub struct ServerArgs {
    /// HOST:PORT, redis:// or rediss://[user:pass@]host:port/db, or the path of a unix socket
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6379")]
    pub server: String,
    /// User to log in as; needs a password
    #[arg(long)]
    pub user: Option<String>,
    /// Password; the environment variable REDISCLI_AUTH keeps it out of the process list
    #[arg(long)]
    pub pass: Option<String>,
    /// Speak TLS, as with rediss://
    #[arg(long)]
    pub tls: bool,
    /// Certificates to trust (PEM) in place of the system's
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
}

impl ServerArgs {
    /// Options before the URL, the URL before the environment.
    pub fn address(&self) -> Result<Address, String> {
        let mut address = Address::parse(&self.server).map_err(|e| format!("--server: {e}"))?;
        address.user = self.user.clone().or(address.user.take());
        let password = self.pass.clone().or(address.password.take());
        address.password = password.or_else(|| std::env::var("REDISCLI_AUTH").ok());
        if address.user.is_some() && address.password.is_none() {
            return Err("a user without a password (--pass)".to_owned());
        }
        if self.tls {
            if matches!(address.endpoint, Endpoint::Unix(_)) {
                return Err("--tls: a unix socket has no TLS".to_owned());
            }
            address.tls = true;
        }
        Ok(address)
    }

    /// Connect to `address` and log in.
    pub fn connect(&self, address: &Address) -> Result<Connection, ClientError> {
        Connection::open(address, self.cacert.as_deref())
    }
}

/// Undo `%2F`; `None` if a `%` stands alone or what comes out is not UTF-8.
pub fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let value = digit().and_then(|high| digit().map(|low| high * 16 + low))?;
        out.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(out).ok()
}
