//! What the outer tests share: starting servers, a raw RESP connection, reply trees, a seeded
//! generator of random numbers.
//!
//! Invariants
//! - No fixed ports: ours binds port 0, the oracles listen on a Unix socket in their own folder.
//! - Every wait is bounded, and what ran out is said. Nothing sleeps to wait for something else.
//! - A server dies with the thread that started it, also if the test is killed.
//! - A missing oracle fails the test that needs it; it never passes silently.

// Each test binary uses its own part of this module.
#![allow(dead_code, unused_imports)]

pub mod connection;
pub mod reply;
pub mod rng;
pub mod server;

pub use connection::Connection;
pub use reply::{Reply, Value, display};
pub use rng::Rng;
pub use server::{Address, Server};

/// The request `words` as an array of bulk strings.
pub fn encode<W: AsRef<[u8]>>(words: &[W]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        let word = word.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// A request written as one line of words without quotes.
pub fn words(line: &str) -> Vec<Vec<u8>> {
    line.split_ascii_whitespace()
        .map(|word| word.as_bytes().to_vec())
        .collect()
}
