//! Fieldstone: an online feature store that speaks the Redis protocol.
//!
//! Every arrow runs one way:
//!
//! ```text
//! server (sockets) -> command (the table, handlers) -> instance (state of one running server)
//!        |                    |                              |
//!        +-> resp (bytes)     +------------------------------+-> engine (keyspace, shards, rows)
//! ```
//!
//! Architecture invariants
//! - `engine` knows no protocol, no sockets, no files, and never reads the clock: callers pass
//!   `now`.
//! - `resp` knows no commands.
//! - Command handlers never touch files or sockets.
//! - `io` is the only user of `std::fs`; `clock` the only reader of the system's clocks.
//! - `view` is pure: what views declare, without data; server and loader share it.
//! - Parsers of bytes from outside are pure functions over `&[u8]`, bounded before they allocate,
//!   and do not recurse.
//!
//! It is not a general Redis: no lists, sets, streams, scripts or modules.

pub mod apply;
pub mod background;
pub mod batch;
pub mod check;
pub mod checkpoint;
pub mod client;
pub mod clock;
pub mod command;
pub mod config;
pub mod engine;
#[doc(hidden)]
pub mod fuzzing;
pub mod glob;
pub mod instance;
pub mod io;
#[cfg(feature = "loader")]
pub mod loader;
pub mod rdb;
pub mod resp;
pub mod rowfile;
pub mod server;
pub mod view;
pub mod wal;
mod wide;
mod words;
