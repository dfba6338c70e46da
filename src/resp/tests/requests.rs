//! Each case was sent to redis-server 8.2.3 and 7.0.15 over a socket; both answered the same.

use super::{Outcome, receive, words};
use crate::resp::{Limits, write_request};

fn all(stream: &[u8]) -> Outcome {
    receive([stream], &Limits::DEFAULT)
}

fn error(stream: &[u8], limits: &Limits) -> Option<String> {
    let outcome = receive([stream], limits);
    assert!(outcome.requests.is_empty());
    outcome.error
}

fn refused(table: &[(&[u8], &str)], limits: &Limits) {
    for (stream, text) in table {
        let name = String::from_utf8_lossy(&stream[..stream.len().min(60)]).into_owned();
        assert_eq!(
            error(stream, limits),
            Some(format!("Protocol error: {text}")),
            "{name:?}"
        );
    }
}

#[test]
fn malformed_multibulk_requests_are_refused_in_redis_words() {
    let count = "invalid multibulk length";
    let bulk = "invalid bulk length";
    let table: &[(&[u8], &str)] = &[
        (b"*\r\nPING\r\n", count),
        (b"*2147483648\r\n", count),
        (b"*4294967297\r\n", count),
        (b"*9223372036854775807\r\n", count),
        (b"*18446744073709551617\r\n", count),
        (b"*99999999999999999999\r\n", count),
        (b"*+1\r\n", count),
        (b"* 1\r\n", count),
        (b"*01\r\n", count),
        (b"*-0\r\n", count),
        (b"*1x\r\n", count),
        (b"*1\n$4\r\nPING\r\n", count),
        (b"*\n1\r\n", count),
        (b"*1\r\n$-1\r\n", bulk),
        (b"*1\r\n$-9223372036854775808\r\n", bulk),
        (b"*1\r\n$536870913\r\n", bulk),
        (b"*1\r\n$2147483648\r\n", bulk),
        (b"*1\r\n$4294967297\r\n", bulk),
        (b"*1\r\n$9223372036854775807\r\n", bulk),
        (b"*1\r\n$18446744073709551615\r\n", bulk),
        (b"*1\r\n$18446744073709551620\r\n", bulk),
        (b"*1\r\n$+4\r\nPING\r\n", bulk),
        (b"*1\r\n$ 4\r\nPING\r\n", bulk),
        (b"*1\r\n$\r\n", bulk),
        (b"*1\r\n$04\r\nPING\r\n", bulk),
        (b"*1\r\n$-0\r\n\r\n", bulk),
        (b"*1\r\n$4x\r\n", bulk),
        (b"*1\r\n$4\nPING\r\n", bulk),
        (b"*1\r\n+4\r\nPING\r\n", "expected '$', got '+'"),
        (b"*1\r\nPING\r\n", "expected '$', got 'P'"),
        (b"*1\r\n:4\r\n", "expected '$', got ':'"),
        (b"*1\r\n*1\r\n", "expected '$', got '*'"),
        (b"*1\r\n_\r\n", "expected '$', got '_'"),
        (b"*1\r\n%1\r\n", "expected '$', got '%'"),
        // The CR becomes a space when the error is written.
        (b"*1\r\n\r\n", "expected '$', got '\r'"),
    ];
    refused(table, &Limits::DEFAULT);
}

#[test]
fn endless_lines_are_refused() {
    let mut table = vec![
        (
            [&b"*"[..], &[b'1'; 65536]].concat(),
            "too big mbulk count string",
        ),
        (
            [&b"*1\r\n$"[..], &[b'1'; 65536]].concat(),
            "too big bulk count string",
        ),
        (
            [&b"*1\r\n"[..], &[b'x'; 65537]].concat(),
            "too big bulk count string",
        ),
        ([b'a'; 65537].to_vec(), "too big inline request"),
    ];
    for (stream, text) in &mut table {
        let text = Some(format!("Protocol error: {text}"));
        assert_eq!(error(stream, &Limits::DEFAULT), text);
        // One byte less may still become a line.
        stream.pop();
        assert_eq!(error(stream, &Limits::DEFAULT), None);
        assert_eq!(
            receive(stream.chunks(1), &Limits::DEFAULT).left,
            stream.len()
        );
    }
    let line = [&[b'a'; 65536][..], b"\n"].concat();
    assert_eq!(all(&line).requests, [[&line[..65536]]]);
}

#[test]
fn before_authentication_little_is_allowed() {
    let count = "unauthenticated multibulk length";
    let bulk = "unauthenticated bulk length";
    let table: &[(&[u8], &str)] = &[
        (b"*11\r\n", count),
        (b"*1048576\r\n", count),
        (b"*2147483648\r\n", "invalid multibulk length"),
        (b"*1\r\n$16385\r\n", bulk),
        (b"*1\r\n$536870912\r\n", bulk),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
    ];
    refused(table, &Limits::UNAUTHENTICATED);
    assert_eq!(error(b"*10\r\n$16384\r\n", &Limits::UNAUTHENTICATED), None);
    let value = [b'x'; 16384];
    let mut large = Vec::new();
    write_request(&mut large, &[value.as_slice(); 4]);
    let text = Some("Protocol error: too big request".to_owned());
    assert_eq!(error(&large, &Limits::UNAUTHENTICATED), text);
}

#[test]
fn a_request_is_bounded_as_a_whole() {
    let limits = Limits {
        request_bytes_max: 30,
        ..Limits::DEFAULT
    };
    let fits = b"*2\r\n$4\r\nECHO\r\n$10\r\n0123456789\r\n";
    let text = Some("Protocol error: too big request".to_owned());
    // Refused on the length alone, and also when all of it is there already.
    assert_eq!(error(&fits[..20], &limits), text);
    assert_eq!(error(fits, &limits), text);
    let limits = Limits {
        request_bytes_max: fits.len(),
        ..limits
    };
    assert_eq!(
        receive([&fits[..]], &limits).requests,
        [words(&["ECHO", "0123456789"])]
    );
    // No limit can let an offset pass 32 bits.
    let limits = Limits {
        request_bytes_max: usize::MAX,
        bulk_bytes_max: usize::MAX,
        ..Limits::DEFAULT
    };
    assert_eq!(error(b"*1\r\n$4294967290\r\n", &limits), text);
    assert_eq!(error(b"*1\r\n$9223372036854775807\r\n", &limits), text);
}

#[test]
fn nothing_to_do_is_passed_over() {
    for nothing in [
        "*0\r\n",
        "*-1\r\n",
        "*-5\r\n",
        "*-9223372036854775808\r\n",
        "\r\n",
        "\n",
        "   \r\n",
        "\r\r\n",
        "\n\n\n",
        "*0\r\n\r\n*-1\r\n",
    ] {
        let stream = format!("{nothing}*1\r\n$4\r\nPING\r\n{nothing}");
        assert_eq!(
            all(stream.as_bytes()),
            Outcome {
                requests: vec![words(&["PING"])],
                ..Outcome::default()
            },
            "{nothing:?}"
        );
    }
}

/// Redis passes over the byte after a line's CR and the two after an argument unread. Who took a
/// bare LF for an end of line, or looked for CR LF, would see other requests in these bytes.
#[test]
fn request_borders_are_where_redis_sees_them() {
    let two = [words(&["PING"]), words(&["PING"])];
    let table: &[&[u8]] = &[
        b"*1\r\n$4\r\nPINGxxPING\r\n",
        b"*1\rx$4\rxPING\rxPING\r\n",
        b"*1\r\n$4\r\nPING\n\n*1\r\n$4\r\nPING..",
    ];
    for stream in table {
        assert_eq!(all(stream).requests, two);
    }
    assert_eq!(
        all(b"*1\n$4\nPING\n"),
        Outcome {
            left: 11,
            ..Outcome::default()
        }
    );
    assert_eq!(
        all(b"*2\r\n$4\r\nECHO\r\n$4\r\n*1\r\n\r\n").requests,
        [words(&["ECHO", "*1\r\n"])]
    );
}

/// dragonfly #8243, redis #2981: an empty or LF-only line must not shift what follows.
#[test]
fn inline_and_multibulk_mix() {
    let stream =
        b"\r\n*1\r\n$4\r\nPING\r\n\nset k 'v w'\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n\"\"\r\nget k\r\n";
    let expected = [
        words(&["PING"]),
        words(&["set", "k", "v w"]),
        words(&["GET", ""]),
        words(&[""]),
        words(&["get", "k"]),
    ];
    assert_eq!(
        all(stream),
        Outcome {
            requests: expected.to_vec(),
            ..Outcome::default()
        }
    );
    // Other types than `*` are inline commands, which then are unknown.
    assert_eq!(
        all(b"$4\r\nPING\r\n").requests,
        [words(&["$4"]), words(&["PING"])]
    );
    assert_eq!(all(b"%1\r\n").requests, [words(&["%1"])]);
}

#[test]
fn unbalanced_quotes_end_the_stream() {
    for line in ["\"a", "'a", "\"a\"b", "a\"b", "\"a\\\""] {
        let stream = format!("PING\r\nECHO {line}\r\nPING\r\n");
        let outcome = all(stream.as_bytes());
        assert_eq!(outcome.requests, [words(&["PING"])]);
        assert_eq!(
            outcome.error.as_deref(),
            Some("Protocol error: unbalanced quotes in request"),
            "{line:?}"
        );
    }
}

#[test]
fn nesting_cannot_be_expressed() {
    let stream = b"*1\r\n".repeat(1_000_000);
    let text = Some("Protocol error: expected '$', got '*'".to_owned());
    assert_eq!(error(&stream, &Limits::DEFAULT), text);
}

/// dragonfly #1095: things that are not Redis clients at all. None may panic.
#[test]
fn foreign_protocols() {
    let zoo: &[&[u8]] = &[
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0",
        b"\x7fELF\x02\x01\x01\0\0\0",
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\0\0\0\0\n\n\0\n",
        b"*\x80\r\n",
        b"*1\r\n\x80\r\n",
    ];
    for stream in zoo {
        let whole = all(stream);
        assert_eq!(receive(stream.chunks(1), &Limits::DEFAULT), whole);
    }
}

/// The client's word alone makes no memory be set aside.
#[test]
fn a_promised_count_reserves_little() {
    let mut parser = crate::resp::Parser::new();
    parser.parse(b"*1048576\r\n", &Limits::DEFAULT).unwrap();
    let args = parser.args(b"");
    assert!(args.is_empty());
    assert!(parser.spans_capacity() <= 2048);
}
