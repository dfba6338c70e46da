//! Hostile clients at the port of the real process. Each test is named after the fault it plays
//! (`F25` to `F37`); where Redis has an answer to the same bytes, ours must be the same.
//!
//! After each attack a good client is served, and memory has stayed in its bound.

mod limits;
mod protocol;
mod scan;
#[path = "../support/mod.rs"]
mod support;

use support::Server;

/// All that an emptied server says to `bytes` from one client that then closes its side. Redis
/// drops what it has not yet sent when it meets the end of a stream, so it is given the time to
/// send: as many turns of another client as it needs to read everything.
pub fn answer(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut other = server.connect();
    // Not in the stream itself: Redis 8 carries FLUSHALL out in the background.
    other.line("FLUSHALL");
    let mut c = server.connect();
    // The server may hang up before it has taken everything.
    let _ = c.send(bytes);
    for _ in 0..3 + bytes.len() / (8 << 10) {
        other.line("PING");
    }
    let _ = c.shutdown_write();
    c.read_to_end().expect("the server closes the connection")
}
