//! F29 to F32: bytes that are not the protocol, or come in odd pieces.

use crate::answer;
use crate::support::{Server, display, encode, words};

fn same_as_redis(cases: &[Vec<u8>]) {
    let (ours, oracle) = (Server::ours(&[]), Server::redis8(&[]));
    let mut differ = Vec::new();
    for case in cases {
        let [a, b] = [&ours, &oracle].map(|server| display(&answer(server, case)));
        // Redis takes a line for a C string and waits for ever after a NUL; we go on.
        let waits = case.contains(&0) && a.starts_with(&b);
        if a != b && !waits {
            differ.push(format!("{}\n     ours: {a}\n   oracle: {b}", display(case)));
        }
        ours.assert_serving();
    }
    assert!(
        differ.is_empty(),
        "{} cases differ:\n{}",
        differ.len(),
        differ.join("\n")
    );
}

/// Numbers of arguments.
const COUNTS: &[&str] = &[
    "-1",
    "0",
    "-2",
    "1",
    "2147483647",
    "2147483648",
    "1048576",
    "1048577",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "",
    " 1",
    "1 ",
    "+1",
    "01",
    "-0",
    "0x1",
    "a",
    "1a",
    "\x00",
    "1\x00",
    "-",
    "--1",
    "*1",
    "$1",
];

/// Lengths of an argument.
const LENGTHS: &[&str] = &[
    "-1",
    "0",
    "-2",
    "3",
    "5",
    "6",
    "536870912",
    "536870913",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967300",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551620",
    "",
    " 4",
    "4 ",
    "+4",
    "04",
    "a",
    "4a",
    "\x00",
];

/// Line ends and types.
const STREAMS: &[&str] = &[
    "*1\n$4\nPING\n",
    "*1\r$4\rPING\r",
    "*1\r\n$4\r\nPING",
    "*1\r\n$4\r\nPINGxx",
    "*1\r\n$4\r\nPING\n\n",
    "*1\r\n+PING\r\n",
    "*1\r\n:1\r\n",
    "*1\r\n*1\r\n$4\r\nPING\r\n",
    "*1\r\n_\r\n",
    "*1\r\n#t\r\n",
    "*1\r\n%1\r\n",
    "*1\r\n=4\r\nPING\r\n",
    "%1\r\n$4\r\nPING\r\n",
    "~1\r\n$4\r\nPING\r\n",
    ">1\r\n$4\r\nPING\r\n",
    "$4\r\nPING\r\n",
    "+PING\r\n",
    "-ERR\r\n",
    ":1\r\n",
    "\r\n\r\n\r\n",
    "\n\n",
    "\r",
    "\n",
    "\r\r\n",
    "*",
    "*1",
    "*1\r",
    "*1\r\n",
    "*1\r\n$",
    "*1\r\n$4",
    "*1\r\n$4\r\nPI",
    "\x00",
    "\x00\r\n",
    "\x00\x00\x00PING\r\n",
    "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n",
    "*1\r\n\r\n",
    "*1\r\n$4\r\nPING\r\n*-1\r\n*0\r\n*1\r\n$4\r\nPING\r\n",
    "*1\r\n$0\r\n\r\n",
    "*2\r\n$4\r\nPING\r\n$-1\r\n",
    "*1 $100 test\r\n",
    "*2\r\n$3\r\nGET\r\n$0\r\n\r\n",
];

#[test]
fn f29_malformed_requests() {
    let mut cases: Vec<Vec<u8>> = Vec::new();
    for count in COUNTS {
        cases.push(format!("*{count}\r\n$4\r\nPING\r\n").into_bytes());
        cases.push(format!("*{count}\r\nPING\r\n").into_bytes());
    }
    for len in LENGTHS {
        cases.push(format!("*1\r\n${len}\r\nPING\r\n*1\r\n$4\r\nPING\r\n").into_bytes());
    }
    for text in STREAMS {
        cases.push(text.as_bytes().to_vec());
    }
    // Header lines that never end.
    for start in ["*", "*1\r\n$", "", "*1\r\n"] {
        for len in [65_000, 65_535, 65_536, 65_537, 70_000, 200_000] {
            cases.push([start.as_bytes(), &vec![b'1'; len]].concat());
        }
    }
    same_as_redis(&cases);
}

/// Files that someone pipes to the port, and other protocols.
#[test]
fn f29_a_zoo_of_files() {
    let mut cases: Vec<Vec<u8>> = vec![
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x10\x00\x00\x00\x10\x08\x06\x00".to_vec(),
        b"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x03\x00>\x00\x01\x00\n".to_vec(),
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcbH\xcd\xc9\xc9W(\xcf/\xca\n\n".to_vec(),
        b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03\x00\n\x13\x37\r\n\x00\x00\x02".to_vec(),
        b"PAR1\x15\x04\x15\x10\x15\x14\n\r\n".to_vec(),
        b"GET /healthz HTTP/1.0\r\n\r\n".to_vec(),
        b"{\"json\": [1, 2, \"three\"]}\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        b"EHLO example\r\nMAIL FROM:<a@b>\r\n".to_vec(),
    ];
    // The same bytes each time, of no meaning: with line ends in, and without.
    let mut rng = crate::support::Rng::new(7);
    for len in [1, 10, 100, 1000, 10_000] {
        let noise = rng.bytes(len);
        cases.push([noise.as_slice(), b"\r\n"].concat());
    }
    same_as_redis(&cases);
}

/// What a web page makes a browser send is not run, from the first line that tells a browser on.
/// (Redis, which closes at once, may drop replies to the lines before.)
#[test]
fn f29_browsers() {
    let server = Server::ours(&[]);
    let cases = [
        (
            "POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\nSET x y\r\n",
            "",
        ),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nSET x y\r\n",
            "-ERR wrong number of arguments for 'get' command\r\n",
        ),
        ("SET a b\r\npost / HTTP/1.1\r\nSET x y\r\n", "+OK\r\n"),
        ("SET a b\r\nHOST: localhost\r\nSET x y\r\n", "+OK\r\n"),
    ];
    for (case, expected) in cases {
        assert_eq!(
            answer(&server, case.as_bytes()),
            expected.as_bytes(),
            "{case}"
        );
    }
    assert_eq!(server.connect().line("EXISTS x").integer(), 0);
}

/// A stream of valid requests with single bytes changed, cut out or doubled.
#[test]
fn f29_mutated_requests() {
    let good: Vec<u8> = [
        "SET k v",
        "GET k",
        "HSET h f 1 g 2",
        "HMGET h f g x",
        "PING",
        "DEL k h",
    ]
    .iter()
    .flat_map(|line| encode(&words(line)))
    .collect();
    let mut rng = crate::support::Rng::new(29);
    let mut cases = Vec::new();
    for _ in 0..1500 {
        let mut bytes = good.clone();
        for _ in 0..1 + rng.below(3) {
            let at = rng.below(bytes.len());
            match rng.below(4) {
                0 => bytes[at] = rng.next() as u8,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, *rng.pick(b"\r\n*$-0123456789 \x00")),
                _ => bytes[at] = *rng.pick(b"\r\n*$-0123456789 \x00"),
            }
        }
        cases.push(bytes);
    }
    same_as_redis(&cases);
}

#[test]
fn f30_deep_nesting() {
    let server = Server::ours(&[]);
    let before = server.rss_kib();
    let said = answer(&server, &b"*1\r\n".repeat(1_000_000));
    assert_eq!(
        display(&said),
        "-ERR Protocol error: expected '$', got '*'\\r\\n"
    );
    let said = answer(&server, &b"*1\r\n$4\r\nPING\r\n".repeat(10_000));
    assert_eq!(said, b"+PONG\r\n".repeat(10_000));
    assert!(
        server.rss_kib() < before + (32 << 10),
        "memory grew with nesting"
    );
    server.assert_serving();
}

/// What is announced takes no memory before it comes.
#[test]
fn f29_announced_sizes_take_no_memory() {
    let server = Server::ours(&[]);
    let before = server.rss_kib();
    let mut held = Vec::new();
    for _ in 0..100 {
        let mut c = server.connect();
        c.send(b"*1048576\r\n$536870912\r\nx")
            .expect("send a header");
        held.push(c);
    }
    for _ in 0..100 {
        server.assert_serving();
    }
    let grown = server.rss_kib().saturating_sub(before);
    assert!(grown < 64 << 10, "100 headers took {grown} KiB");
}

#[test]
fn f31_inline_commands() {
    let mut cases: Vec<Vec<u8>> = Vec::new();
    for text in [
        "PING\r\n",
        "PING\n",
        "  PING  \r\n",
        "\tPING\t\r\n",
        "ping hello\r\n",
        "PING \"a b\"\r\n",
        "PING 'a b'\r\n",
        "PING \"a\\x41\\n\\t\\\"\\\\\\q\"\r\n",
        "PING 'a\\'b\\n'\r\n",
        "PING \"open\r\n",
        "PING 'open\r\n",
        "PING \"a\"b\r\n",
        "PING 'a'b\r\n",
        "PING a\"b\"\r\n",
        "PING \"\"\r\n",
        "PING ''\r\n",
        "PING \\x41\r\n",
        "PING \"\\xZZ\\x4\"\r\n",
        "\r\nPING\r\n",
        "\n\nPING\n",
        "   \r\nPING\r\n",
        "PING\r\n*1\r\n$4\r\nPING\r\nPING\r\n",
        "PING\n*1\r\n$4\r\nPING\r\n",
        "SET k v\r\nGET k\r\n",
        "SET k \"a\\r\\nb\"\r\nGET k\r\n",
        "PING a\x00b\r\n",
        "PING a\x0bb\x0cc\r\n",
        "PING\rPING\r\n",
        "PING\r\r\n",
        "NOSUCH a 'b c'\r\n",
        "PING",
        "\"PING\"\r\n",
        "'PING' x\r\n",
    ] {
        cases.push(text.as_bytes().to_vec());
    }
    // Beyond 64 KiB it depends on how the bytes arrive whether Redis takes a line.
    for len in [1000, 65_529, 65_530] {
        cases.push([b"PING ".as_slice(), &vec![b'x'; len], b"\r\n"].concat());
        cases.push(vec![b' '; len]);
    }
    let many = "x ".repeat(20_000);
    cases.push(format!("EXISTS {many}\r\n").into_bytes());
    same_as_redis(&cases);
}

const PIPELINE: &[&[u8]] = &[
    b"*5\r\n$3\r\nDEL\r\n$1\r\nh\r\n$1\r\nn\r\n$3\r\na b\r\n$3\r\nk\r\n\r\n",
    b"*1\r\n$4\r\nPING\r\n",
    b"PING inline\r\n",
    b"*3\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$6\r\n\r\n*1\r\n\r\n",
    b"*2\r\n$3\r\nGET\r\n$3\r\nk\r\n\r\n",
    b"\r\n",
    b"*0\r\n",
    b"SET 'a b' \"c\\x00d\"\n",
    b"*2\r\n$3\r\nget\r\n$3\r\na b\r\n",
    b"*6\r\n$4\r\nHSET\r\n$1\r\nh\r\n$0\r\n\r\n$1\r\n1\r\n$2\r\n\r\n\r\n$1\r\n2\r\n",
    b"*4\r\n$5\r\nHMGET\r\n$1\r\nh\r\n$2\r\n\r\n\r\n$0\r\n\r\n",
    b"*2\r\n$6\r\nNOSUCH\r\n$3\r\na\r\n\r\n",
    b"*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nEXEC\r\n",
    b"*-1\r\n",
    b"*2\r\n$4\r\nECHO\r\n$26\r\nabcdefghijklmnopqrstuvwxyz\r\n",
];

/// A pipeline cut in two at every byte gives the replies of the whole one. Between the halves the
/// server answers another client, so that it has surely met the first half alone.
#[test]
fn f32_every_split_of_a_pipeline() {
    let (ours, oracle) = (Server::ours(&[]), Server::redis8(&[]));
    let bytes = PIPELINE.concat();
    // Twice: the second time there is something to delete, as in all that follow.
    let [whole, first] =
        [&oracle, &ours].map(|server| answer(server, &[bytes.as_slice(), &bytes].concat()));
    assert_eq!(display(&first), display(&whole));
    let at = whole.len() / 2;
    let whole = &whole[at..];
    let mut other = ours.connect();
    for at in 1..bytes.len() {
        let mut c = ours.connect();
        c.send(&bytes[..at]).expect("send the first half");
        other.line("PING");
        c.send(&bytes[at..]).expect("send the second half");
        c.shutdown_write().expect("close our side");
        let got = c.read_to_end().expect("the replies");
        assert_eq!(display(&got), display(whole), "cut at byte {at}");
    }
    let mut c = ours.connect();
    for byte in &bytes {
        c.send(&[*byte]).expect("send a byte");
    }
    c.shutdown_write().expect("close our side");
    assert_eq!(
        display(&c.read_to_end().expect("the replies")),
        display(whole),
        "byte by byte"
    );
}

/// 100,000 requests in one go, inline and not: as many replies, in order.
#[test]
fn f32_a_long_pipeline() {
    let server = Server::ours(&[]);
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    for i in 0..100_000 {
        let text = i.to_string();
        if i % 3 == 0 {
            bytes.extend_from_slice(format!("ECHO {text}\r\n").as_bytes());
        } else {
            bytes.extend_from_slice(&encode(&["ECHO", &text]));
        }
        expected.extend_from_slice(format!("${}\r\n{text}\r\n", text.len()).as_bytes());
    }
    let mut c = server.connect();
    let replies = c.send_and_read(&bytes, 100_000).expect("100,000 replies");
    let got: Vec<u8> = replies.into_iter().flat_map(|reply| reply.raw).collect();
    assert!(got == expected, "a reply is missing or out of order");
}

/// What a client sent comes back in error replies; line ends in it must not split them.
#[test]
fn f34_line_ends_in_error_replies() {
    let mut cases = Vec::new();
    for odd in [
        "a\r\nb",
        "\r\n",
        "\n",
        "\r",
        "x\r\n+OK\r\n",
        "\x00",
        "a\x00b",
        "\u{e9}",
        "'",
        "\\",
    ] {
        for line in [
            vec![odd],
            vec![odd, odd],
            vec!["GET", odd, odd],
            vec!["CONFIG", odd],
            vec!["OBJECT", odd, "k"],
            vec!["CLIENT", odd],
            vec!["SET", "k", "v", odd],
            vec!["HELLO", odd],
            vec!["SELECT", odd],
            vec!["EXPIRE", "k", odd],
            vec!["HEXPIRE", "k", "10", odd, "1", "f"],
            vec!["CONFIG", "SET", odd, odd],
            vec!["CLIENT", "SETINFO", odd, "x"],
            vec!["COMMAND", odd],
            vec!["HINCRBY", "k", "f", odd],
            vec!["PUBSUB", odd],
            vec!["MEMORY", odd],
            vec!["HRANDFIELD", "k", odd],
            vec!["CLUSTER", odd],
        ] {
            cases.push(encode(&line));
        }
    }
    let long = "y".repeat(300);
    cases.push(encode(&[&long, &long, &long]));
    cases.push(encode(&["CONFIG", &long]));
    cases.push(encode(&["NOSUCH", "", "a", "", &long, "b"]));
    same_as_redis(&cases);
}
