//! `fieldstone load` as a user runs it: the built program against a real redis-server.
#![cfg(feature = "loader")]

mod bombs;
mod damage;
mod dialects;
mod export;
mod foreign;
mod lists;
mod places;
mod preview;
mod published;
mod redis_server;
mod refusals;
mod resume;
mod s3;
mod sources;
#[path = "../support/mod.rs"]
mod support;
mod types;
mod views;
