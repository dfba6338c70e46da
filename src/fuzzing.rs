//! What fuzzers and `tests/fuzz_corpus.rs` run: for each door that takes bytes from outside, a
//! function that takes any bytes and panics when what must hold does not.
//!
//! A target more is a function here with its line in [`TARGETS`], `fuzz/src/bin/<name>.rs` (a copy
//! of any other there), and `fuzz/corpus/<name>/`.
//!
//! Invariants
//! - A target depends on its bytes only, and not on the time of day; what is seeded anew in each
//!   run (the hash of keys) must not show in what it checks.
//! - Where a checksum guards a parser, the target puts it right: damage must reach what is behind.

pub(crate) mod batch;
mod catalog;
mod change;
pub(crate) mod image;
mod input;
mod log;
mod manifest;
mod pattern;
mod payload;
pub(crate) mod reading;
#[cfg(feature = "loader")]
mod records;
mod reply;
mod request;
pub(crate) mod rows;
mod session;
mod settings;
mod view;

/// See the module.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

pub const TARGETS: &[Target] = &[
    target("batch", batch::run),
    target("catalog", catalog::run),
    target("config", settings::run),
    target("dump_payload", payload::run),
    target("glob", pattern::run),
    target("manifest", manifest::run),
    target("mutation_codec", change::run),
    #[cfg(feature = "loader")]
    target("records", records::run),
    target("resp_reply", reply::run),
    target("resp_request", request::run),
    target("resp_session", session::run),
    target("row_file", rows::run),
    target("view", view::run),
    target("wal_reader", log::run),
];

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// Run the target of this name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("the name of a target").run)(bytes);
}
