//! `fieldstone load` as a user runs it: the built program against a real redis-server.
#![cfg(feature = "loader")]

mod damage;
mod export;
mod redis_server;
mod refusals;
mod types;
