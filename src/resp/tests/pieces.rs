//! F32: however a stream is cut, the same requests come out of it.

use proptest::collection::vec;
use proptest::prelude::*;

use super::receive;
use crate::resp::requests::BYTES_MAX;
use crate::resp::{Limits, Parser, REQUESTS_MAX, Requests, Status, write_request};

fn argument() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..12),
        2 => vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'$'), Just(b'*'), Just(b'1')], 0..8),
        1 => vec(any::<u8>(), 90..130),
        1 => vec(any::<u8>(), 990..1020),
    ]
}

fn multibulk() -> impl Strategy<Value = Vec<u8>> {
    vec(argument(), 1..12).prop_map(|args| {
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let mut out = Vec::new();
        write_request(&mut out, &args);
        out
    })
}

fn inline() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        "[a-z0-9*$:]{1,9}",
        "\"([a-z ]|\\\\n|\\\\x[0-9a-f]{2}|\\\\\"){0,6}\"",
        "'([a-z ]|\\\\'){0,6}'",
    ];
    (vec(word, 0..6), prop_oneof![Just("\r\n"), Just("\n")]).prop_map(|(words, end)| {
        // A first word with `*` would be a multibulk header.
        let mut line = words.join(" ").trim_start_matches('*').to_owned();
        line.push_str(end);
        line.into_bytes()
    })
}

fn pipeline() -> impl Strategy<Value = Vec<u8>> {
    let broken = prop_oneof![
        Just(b"*1\r\n$x\r\n".to_vec()),
        Just(b"*01\r\n".to_vec()),
        Just(b"get 'a\n".to_vec()),
    ];
    let one = prop_oneof![
        20 => multibulk(),
        20 => inline(),
        4 => Just(b"*0\r\n".to_vec()),
        4 => Just(b"\r\n".to_vec()),
        1 => broken,
    ];
    vec(one, 1..12).prop_map(|requests| requests.concat())
}

fn cut<'a>(stream: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(stream.len());
    let mut from = 0;
    cuts.into_iter()
        .map(|to| &stream[std::mem::replace(&mut from, to)..to])
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Requests that are parsed ahead are those that come one by one, up to the first of another
    /// kind.
    #[test]
    fn parsing_ahead_finds_the_same_requests(stream in vec(pipeline(), 1..4)) {
        let stream = stream.concat();
        let limits = &Limits::DEFAULT;
        let mut parser = Parser::new();
        let Ok(Status::Request { consumed }) = parser.parse(&stream, limits) else {
            return Ok(());
        };
        let Some(mut ahead) = Requests::begin(&parser, &stream, consumed) else {
            prop_assert!(parser.is_inline() || stream.get(consumed) != Some(&b'*'));
            return Ok(());
        };
        while ahead.advance(limits) {}
        let mut at = 0;
        for i in 0..ahead.count() {
            let rest = &stream[at..];
            prop_assert!(rest.starts_with(b"*"));
            let mut parser = Parser::new();
            let found = parser.parse(rest, limits);
            let end = ahead.end(i + 1);
            prop_assert_eq!(found, Ok(Status::Request { consumed: end - at }));
            prop_assert!(parser.args(rest).iter().eq(ahead.args(i).iter()));
            at = end;
        }
        let next = Parser::new().parse(&stream[at..], limits);
        let fits = |consumed| at + consumed <= BYTES_MAX && stream[at..].starts_with(b"*");
        let more = matches!(next, Ok(Status::Request { consumed }) if fits(consumed));
        prop_assert!(!more || ahead.count() == REQUESTS_MAX);
        let (count, end) = (ahead.count(), ahead.end(ahead.count() - 1));
        ahead.retreat();
        prop_assert_eq!((ahead.count(), ahead.end(count - 1)), (count - 1, end));
        prop_assert!(ahead.args(count - 1).is_empty());
    }

    #[test]
    fn any_cut_gives_the_same_requests(
        stream in pipeline(),
        cuts in vec(any::<usize>(), 0..20),
    ) {
        let whole = receive([stream.as_slice()], &Limits::DEFAULT);
        prop_assert_eq!(&receive(cut(&stream, &cuts), &Limits::DEFAULT), &whole);
        prop_assert_eq!(&receive(stream.chunks(1), &Limits::DEFAULT), &whole);
    }

    #[test]
    fn arbitrary_bytes_do_no_harm_however_cut(
        stream in vec(prop_oneof![
            any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b'$'), Just(b'*'), Just(b'1'), Just(b'"')
        ], 0..200),
    ) {
        let whole = receive([stream.as_slice()], &Limits::DEFAULT);
        prop_assert_eq!(receive(stream.chunks(1), &Limits::DEFAULT), whole);
    }

    #[test]
    fn another_implementation_sees_the_same_arguments(args in vec(argument(), 1..20)) {
        use redis_protocol::resp2::decode::decode;
        use redis_protocol::resp2::types::OwnedFrame;

        let slices: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let mut request = Vec::new();
        write_request(&mut request, &slices);
        let ours = receive([request.as_slice()], &Limits::DEFAULT);
        prop_assert_eq!(&ours.requests, std::slice::from_ref(&args));
        let (frame, consumed) = decode(&request).unwrap().unwrap();
        prop_assert_eq!(consumed, request.len());
        let theirs = args.into_iter().map(OwnedFrame::BulkString).collect();
        prop_assert_eq!(frame, OwnedFrame::Array(theirs));
    }
}

/// An `MSET` that comes in 10,000 pieces: were each to start anew, this would not end today.
#[test]
fn a_long_request_is_gone_through_once() {
    let args = vec![&b"0123456789"[..]; 200_000];
    let mut request = Vec::new();
    write_request(&mut request, &args);
    let outcome = receive(request.chunks(340), &Limits::DEFAULT);
    assert_eq!(outcome.requests.len(), 1);
    assert_eq!(outcome.requests[0].len(), 200_000);
    assert_eq!(outcome.left, 0);
}

#[test]
fn a_long_pipeline() {
    let stream = b"*1\r\n$4\r\nPING\r\nPING\r\n".repeat(50_000);
    let outcome = receive([stream.as_slice()], &Limits::DEFAULT);
    assert_eq!((outcome.requests.len(), outcome.left), (100_000, 0));
}
