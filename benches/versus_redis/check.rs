//! That servers answer what they must: before a test, each reply to a sample of its requests, byte
//! for byte; after tests that write, that all there is was loaded or written.

use crate::ask::{Ask, string, string_key};
use crate::request::Request;
use crate::server::Server;
use crate::workload::random::Random;
use crate::workload::{FEATURES, Workload};
use fieldstone::resp::{Reply, parse_reply};
use std::io::{Read, Write};
use std::net::TcpStream;

const SAMPLES: usize = 200;

/// Sent behind a request: no reply may be longer than it must be.
const PING: &[u8] = b"PING\r\n";
const PONG: &[u8] = b"+PONG\r\n";

/// Send a request and compare its reply.
pub fn expect(server: &Server, stream: &mut TcpStream, request: &[u8], reply: &[u8]) {
    stream.write_all(&[request, PING].concat()).expect("send");
    let expected = [reply, PONG].concat();
    let mut got = vec![0; expected.len()];
    stream.read_exact(&mut got).expect("a reply");
    assert!(
        got == expected,
        "{} answers {}\nand not {}",
        server.name,
        got.escape_ascii(),
        expected.escape_ascii()
    );
}

/// That the replies to a sample are right, before anything was written over.
pub fn replies(server: &Server, ask: &Ask, workload: &Workload, keyspace: u64) {
    let mut stream = server.stream();
    let (request, mut random) = (ask.request(workload, keyspace), Random::new(keyspace));
    for _ in 0..SAMPLES {
        let numbers = request.numbers(&mut random);
        let reply = ask.reply(workload, &numbers);
        expect(server, &mut stream, &request.with(&numbers), &reply);
    }
}

/// That a sample is answered as it must be when it is written, and reads as it was written.
pub fn writes(server: &Server, ask: &Ask, workload: &Workload, keyspace: u64) {
    let mut stream = server.stream();
    let (request, mut random) = (ask.request(workload, keyspace), Random::new(keyspace));
    for _ in 0..SAMPLES {
        let numbers = request.numbers(&mut random);
        let reply = ask.reply(workload, &numbers);
        expect(server, &mut stream, &request.with(&numbers), &reply);
        let read = read_all(ask, workload, keyspace).with(&numbers);
        let got = values(&mut stream, &read);
        match ask {
            Ask::Set => assert_eq!(got, [vec![b'v'; string(0).len()]], "{}", server.name),
            // Another feature may have been written over by a test before.
            Ask::HsetOne => {
                let (changed, all) = (workload.place("click_rate_7d"), got);
                let written = ask.written(workload, &numbers);
                assert_eq!(all[changed], written[changed], "{}", server.name);
            }
            _ => assert_eq!(got, ask.written(workload, &numbers), "{}", server.name),
        }
    }
}

/// That everything in a sample was loaded, or written by these, and that something was.
pub fn after(server: &Server, asks: &[Ask], workload: &Workload, keyspace: u64) {
    let mut stream = server.stream();
    let mut random = Random::new(!keyspace);
    let mut written = 0;
    for _ in 0..SAMPLES {
        let number = random.below(keyspace);
        let read = read_all(&asks[0], workload, keyspace).with(&[number]);
        for (place, value) in values(&mut stream, &read).iter().enumerate() {
            let (loaded, may_be) = match asks[0] {
                Ask::Set => (string(number), value.iter().all(|byte| *byte == b'v')),
                _ => {
                    let may = |ask: &Ask| ask.may_write(workload, place, value);
                    (workload.value(number, place).to_vec(), asks.iter().any(may))
                }
            };
            assert!(
                *value == loaded || may_be,
                "{}: {number} has {} at {place}",
                server.name,
                value.escape_ascii()
            );
            written += usize::from(*value != loaded);
        }
    }
    assert!(written > 0, "{}: nothing was written", server.name);
}

/// What reads all that is under a key.
fn read_all(ask: &Ask, workload: &Workload, keyspace: u64) -> Request {
    match ask {
        // An array, too.
        Ask::Set => Request::new(&[b"MGET".to_vec(), string_key()], keyspace),
        _ => Ask::Hmget((0..FEATURES).collect()).request(workload, keyspace),
    }
}

/// The reply to a request: an array of values.
fn values(stream: &mut TcpStream, request: &[u8]) -> Vec<Vec<u8>> {
    stream.write_all(request).expect("send");
    let (mut got, mut chunk) = (Vec::new(), [0; 8192]);
    loop {
        if let Some((reply, _)) = parse_reply(&got, 2).expect("a reply") {
            let Reply::Array(items) = reply else {
                panic!("no array: {reply:?}");
            };
            let value = |item| match item {
                Reply::Bulk(value) => value,
                other => panic!("no value: {other:?}"),
            };
            return items.into_iter().map(value).collect();
        }
        let read = stream.read(&mut chunk).expect("a reply");
        assert!(read > 0, "the server hung up");
        got.extend_from_slice(&chunk[..read]);
    }
}

/// That the keys which tests draw from are there.
pub fn loaded(server: &Server, workload: &Workload, entities: u64, strings: u64) {
    let all = Ask::Hmget((0..FEATURES).collect());
    let mut stream = server.stream();
    for (ask, count) in [(&all, entities), (&Ask::Get, strings)] {
        let request = ask.request(workload, count);
        for number in [0, count - 1] {
            let reply = ask.reply(workload, &[number]);
            expect(server, &mut stream, &request.with(&[number]), &reply);
        }
    }
}
