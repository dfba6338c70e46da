//! The Redis protocol: requests in, replies out. Knows no commands.
//!
//! The request side reads hostile bytes: no recursion, no panic, no memory asked for before the
//! bytes that justify it have come.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation
    )
)]

mod args;
mod double;
mod inline;
mod limits;
mod number;
mod output;
mod parser;
mod quote;
mod reply;
mod requests;
mod template;

#[cfg(test)]
mod tests;

pub use args::Args;
pub(crate) use args::Span;
pub use double::double_text;
pub use inline::split_words;
pub use limits::{Limits, ProtocolError};
pub use output::{HIGH_WATER_BYTES, Output, Protocol, label};
pub use parser::{Parser, Status};
pub use quote::quote;
pub use reply::{Reply, parse_reply, write_request};
pub use requests::{REQUESTS_MAX, Requests};
pub use template::Template;
