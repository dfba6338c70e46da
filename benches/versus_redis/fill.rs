//! Filling a server: one connection, long pipelines, every reply compared.

use crate::server::Server;
use std::io::{Read, Write};

/// Items sent at once; the replies to one batch are read while the next is on its way.
const BATCH: u64 = 200;

/// Send the requests that `put` appends for each item; the replies to each must be these bytes.
pub fn fill(server: &Server, items: u64, reply: &[u8], mut put: impl FnMut(u64, &mut Vec<u8>)) {
    let mut stream = server.stream();
    let mut waiting = 0;
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    let mut from = 0;
    while from < items || waiting > 0 {
        let to = (from + BATCH).min(items);
        requests.clear();
        (from..to).for_each(|item| put(item, &mut requests));
        stream.write_all(&requests).expect("send");
        replies.resize(waiting as usize * reply.len(), 0);
        stream.read_exact(&mut replies).expect("replies");
        if let Some(wrong) = replies.chunks_exact(reply.len()).find(|one| *one != reply) {
            panic!("{}: a wrong reply: {}", server.name, wrong.escape_ascii());
        }
        waiting = to - from;
        from = to;
    }
}
