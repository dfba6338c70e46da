//! Commands: the table, and one file a family.
//!
//! Invariants
//! - [`table`] is the only list of commands: `COMMAND`, arity errors, key extraction and README
//!   derive from it.
//! - A handler is given its keys' shards locked, runs to its end, and touches no file or socket.
//! - A handler that returns an error has changed nothing; what it wrote to the reply is dropped.

mod args;
mod context;
mod declared;
mod dispatch;
mod error;
mod float;
mod meter;
mod registry;
mod repeat;
mod several;
pub mod table;

mod auth;
mod batch;
mod client;
mod client_filter;
mod client_list;
mod cluster;
mod config;
mod connection;
mod hash;
mod hash_expire;
mod help;
mod info;
mod info_persistence;
mod info_sections;
mod introspect;
mod key_expire;
mod keys;
mod latency;
mod memory;
mod monitor;
mod persistence;
mod pubsub;
mod serial;
mod server;
mod slowlog;
mod string;
mod transaction;
mod view;

pub use auth::is_required as is_password_required;
pub use context::{Context, Data};
pub use dispatch::{Dispatcher, Progress};
pub use error::CommandError;
pub use pubsub::deliver;
pub use registry::{Entry, lookup};
pub use table::{Command, Keys};
