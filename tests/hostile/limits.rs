//! F25 to F28, F33, F34: too many clients, clients too slow, too greedy, too hasty to leave.

use crate::answer;
use crate::support::connection::Stream;
use crate::support::{Connection, Server, Value, display, encode};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

/// Leave with a reset instead of an orderly end.
fn reset(c: Connection) {
    if let Stream::Tcp(stream) = &c.stream {
        let now = Some(Duration::ZERO);
        socket2::SockRef::from(stream)
            .set_linger(now)
            .expect("set SO_LINGER");
    }
}

#[test]
fn f25_a_storm_of_connections() {
    let server = Server::ours(&[]);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let server = &server;
            scope.spawn(move || {
                for i in 0..500 {
                    let Ok(mut c) = Connection::open(&server.address) else {
                        continue;
                    };
                    if i % 2 == 0 {
                        let _ = c.send(b"PING\r\n*1\r\n$4\r\nPI");
                    }
                    if (i + thread) % 3 == 0 {
                        reset(c);
                    }
                }
            });
        }
    });
    server.assert_serving();
    // All have been let go of: only the asking client is left, in time.
    let mut good = server.connect();
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let info = good.line("INFO clients").text();
        if info.contains("connected_clients:1\r\n") {
            break;
        }
        assert!(
            Instant::now() < until,
            "clients that left are still counted: {info}"
        );
    }
}

#[test]
fn f25_more_clients_than_maxclients() {
    let server = Server::ours(&["--maxclients", "10"]);
    let mut held: Vec<Connection> = (0..10).map(|_| server.connect()).collect();
    for c in &mut held {
        assert_eq!(c.line("PING").text(), "PONG");
    }
    let refused = server.connect().read_to_end().expect("the server hangs up");
    assert_eq!(
        display(&refused),
        "-ERR max number of clients reached\\r\\n"
    );
    assert_eq!(
        held[0].line("PING").text(),
        "PONG",
        "those inside are served"
    );
    held.pop();
    serves_in_time(&server);
}

/// A good client is served again, soon if not at once.
fn serves_in_time(server: &Server) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let mut c = server.connect();
        c.set_wait(Duration::from_secs(5)).expect("set a time-out");
        let answered = c.send(b"PING\r\n").and_then(|()| c.read());
        if answered.is_ok_and(|reply| reply.raw == b"+PONG\r\n") {
            return;
        }
        assert!(Instant::now() < until, "no good client is served any more");
    }
}

#[test]
fn f25_out_of_file_descriptors() {
    let mut server = Server::ours_under(&["prlimit", "--nofile=64:64"], &[]);
    server.assert_serving();
    let mut held = Vec::new();
    for _ in 0..150 {
        if let Ok(c) = Connection::open(&server.address) {
            held.push(c);
        }
    }
    assert_eq!(
        held[0].line("PING").text(),
        "PONG",
        "those inside are served"
    );
    assert!(server.is_running());
    drop(held);
    serves_in_time(&server);
}

#[test]
fn f26_a_slow_reader() {
    let server = Server::ours(&[]);
    let mut good = server.connect();
    let value = "x".repeat(1 << 20);
    good.call(&["SET", "k", &value]);
    let before = server.rss_kib();
    let slow = server.connect();
    slow.set_wait(Duration::from_secs(3))
        .expect("set a time-out");
    let mut writer = slow.writer().expect("a handle to write");
    let request = encode(&["GET", "k"]);
    // 4 GiB of replies, none of them read: it is closed, or it is not read from any more.
    let mut peak = 0;
    for _ in 0..4096 {
        if writer.write_all(&request).is_err() {
            break;
        }
        peak = peak.max(server.rss_kib());
        assert_eq!(good.line("PING").text(), "PONG", "others are served");
    }
    peak = peak.max(server.rss_kib()).saturating_sub(before);
    assert!(
        peak < 512 << 10,
        "the unread replies of one client took {peak} KiB"
    );
    server.assert_serving();
}

/// `timeout` does not cut off a client that takes a long reply bit by bit.
#[test]
fn f26_a_slow_reader_is_not_idle() {
    const BYTES: usize = 256 << 20;
    let server = Server::ours(&["--timeout", "3"]);
    let mut slow = server.connect();
    slow.call(&["SETRANGE", "k", &(BYTES - 1).to_string(), "x"]);
    if let Stream::Tcp(stream) = &slow.stream {
        let socket = socket2::SockRef::from(stream);
        socket
            .set_recv_buffer_size(64 << 10)
            .expect("set SO_RCVBUF");
    }
    let mut good = server.connect();
    slow.send(b"GET k\r\n").expect("send");
    let (started, mut read, mut chunk) = (Instant::now(), 0, vec![0; 256 << 10]);
    while read < BYTES {
        let n = slow.stream.read(&mut chunk).expect("more of the reply");
        assert!(n > 0, "cut off after {read} bytes, {:?}", started.elapsed());
        read += n;
        // Eight megabytes a second for longer than the time-out, then as fast as they come.
        let millis = || usize::try_from(started.elapsed().as_millis()).expect("a short time");
        while millis() < 7000.min(read >> 13) {
            assert_eq!(good.line("PING").text(), "PONG");
        }
    }
}

/// The soft limit counts all that waits for a subscriber, not only what has been made a reply.
#[test]
fn f26_a_slow_subscriber_above_the_soft_limit() {
    let server = Server::ours(&["--client-output-buffer-limit", "pubsub 0 4mb 1"]);
    let mut slow = server.connect();
    assert!(!slow.line("SUBSCRIBE c").is_error());
    let mut good = server.connect();
    let payload = "x".repeat(1 << 20);
    for _ in 0..32 {
        assert!(!good.call(&["PUBLISH", "c", &payload]).is_error());
    }
    let until = Instant::now() + Duration::from_secs(30);
    while good.call(&["PUBLISH", "c", "x"]).integer() > 0 {
        assert!(Instant::now() < until, "it is never closed");
    }
}

#[test]
fn f27_slow_writers() {
    let server = Server::ours(&[]);
    let mut good = server.connect();
    let before = server.rss_kib();
    let request = encode(&["SET", "slow", "value"]);
    let mut slow: Vec<Connection> = (0..200).map(|_| server.connect()).collect();
    for byte in &request[..request.len() - 1] {
        for c in &mut slow {
            c.send(&[*byte]).expect("send a byte");
        }
        assert_eq!(good.line("PING").text(), "PONG");
    }
    assert_eq!(
        good.line("GET slow"),
        Value::Nil("$-1"),
        "not carried out before it is whole"
    );
    let grown = server.rss_kib().saturating_sub(before);
    assert!(grown < 32 << 10, "200 halves of a command took {grown} KiB");
    for c in &mut slow {
        c.send(b"\n").expect("send the last byte");
        assert_eq!(c.read().expect("a reply").raw, b"+OK\r\n");
    }
}

#[test]
fn f28_before_the_password() {
    let password = ["--requirepass", "secret"];
    let (ours, oracle) = (Server::ours(&password), Server::redis8(&password));
    let many: Vec<String> = (0..11).map(|i| i.to_string()).collect();
    let wide = "x".repeat(16_385);
    let fits = "x".repeat(16_384);
    let mut cases = vec![
        encode(&["GET", "k"]),
        encode(&["NOSUCH"]),
        encode(&["GET"]),
        encode(&["MULTI"]),
        encode(&["HELLO"]),
        encode(&["HELLO", "3"]),
        encode(&["HELLO", "4"]),
        encode(&["PING"]),
        encode(&["ECHO", "x"]),
        encode(&["COMMAND"]),
        encode(&["CLIENT", "SETNAME", "x"]),
        encode(&["AUTH", "wrong"]),
        encode(&["AUTH", "default", "wrong"]),
        encode(&["AUTH", "nobody", "secret"]),
        encode(&["AUTH", "secret"]),
        encode(&["RESET"]),
        encode(&["QUIT"]),
        encode(&["SUBSCRIBE", "a"]),
        encode(&many),
        encode(&many[..10]),
        encode(&["AUTH", &wide]),
        encode(&["AUTH", &fits]),
        b"*11\r\n".to_vec(),
        b"*10\r\n".to_vec(),
        b"*1\r\n$16385\r\n".to_vec(),
        b"*1\r\n$16384\r\n".to_vec(),
        b"*2147483647\r\n".to_vec(),
        b"PING\r\n".to_vec(),
        b"GET k\r\n".to_vec(),
    ];
    let login = [
        encode(&["AUTH", "secret"]),
        encode(&many),
        encode(&["SET", "k", &wide]),
    ];
    cases.push(login.concat());
    let mut differ = Vec::new();
    for case in cases {
        let [a, b] = [&ours, &oracle].map(|server| display(&answer(server, &case)));
        if a != b {
            differ.push(format!(
                "{}\n     ours: {a}\n   oracle: {b}",
                display(&case)
            ));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// 10^5 refusals that are never read, from each of several clients that have not logged in.
#[test]
fn f28_a_flood_before_the_password() {
    let server = Server::ours(&["--requirepass", "secret"]);
    let mut good = server.connect();
    assert_eq!(good.line("AUTH secret").text(), "OK");
    let before = server.rss_kib();
    let flood = encode(&["GET", "k"]).repeat(100_000);
    let noise = vec![b'x'; 1 << 20];
    let mut held = Vec::new();
    for bytes in [&flood, &flood, &noise, &flood] {
        let c = server.connect();
        c.set_wait(Duration::from_secs(3)).expect("set a time-out");
        let mut writer = c.writer().expect("a handle to write");
        let _ = writer.write_all(bytes);
        held.push(c);
        assert_eq!(good.line("PING").text(), "PONG");
    }
    let grown = server.rss_kib().saturating_sub(before);
    assert!(
        grown < 8 << 10,
        "clients that have not logged in took {grown} KiB"
    );
}

#[test]
fn f33_half_close() {
    let server = Server::ours(&[]);
    let mut bytes = Vec::new();
    for i in 0..1000 {
        bytes.extend(encode(&["INCR", "n"]));
        if i % 100 == 0 {
            bytes.extend(encode(&["PING"]));
        }
    }
    bytes.extend(b"*2\r\n$4\r\nINCR\r\n$1\r\n");
    let said = answer(&server, &bytes);
    assert!(
        said.ends_with(b":1000\r\n"),
        "replies to what was whole: {}",
        display(&said)
    );
    assert_eq!(
        server.connect().line("GET n").text(),
        "1000",
        "the half command did nothing"
    );
}

#[test]
fn f33_reset_in_the_middle() {
    let server = Server::ours(&[]);
    let value = "v".repeat(100_000);
    let whole = encode(&["SET", "k", &value]);
    for i in 0..300 {
        let mut c = server.connect();
        let _ = c.send(&whole[..whole.len() * (i % 10) / 10]);
        let _ = c.send(b"*1\r\n$5\r\nMULTI\r\n*2\r\n$5\r\nWATCH\r\n$1\r\nk\r\n");
        reset(c);
    }
    server.assert_serving();
    let mut good = server.connect();
    assert_eq!(good.line("SET k v").text(), "OK");
    assert_eq!(good.line("GET k").text(), "v");
}

#[test]
fn f34_a_value_over_512_mib() {
    let server = Server::ours(&[]);
    let before = server.rss_kib();
    let said = answer(&server, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870913\r\nxxxx");
    assert_eq!(
        display(&said),
        "-ERR Protocol error: invalid bulk length\\r\\n"
    );
    let mut c = server.connect();
    assert_eq!(c.line("EXISTS k").integer(), 0);
    // Grown to it in steps.
    c.line("SET k x");
    for request in [
        ["SETRANGE", "k", "536870912", "x"],
        ["SETRANGE", "k", "9223372036854775807", "x"],
    ] {
        let reply = c.call(&request);
        assert!(reply.is_error(), "{request:?}: {reply:?}");
    }
    assert!(server.rss_kib() < before + (64 << 10), "memory grew");
    server.assert_serving();
}

#[test]
fn f34_the_same_name_twice() {
    let (ours, oracle) = (Server::ours(&[]), Server::redis8(&[]));
    let script = "HSET h f 1 f 2 '' 3 '' 4\r\nHGETALL h\r\nHMGET h f f '' ''\r\n\
        HEXPIRE h 1000 FIELDS 3 f f f\r\nHPERSIST h FIELDS 2 f f\r\nHTTL h FIELDS 2 f f\r\n\
        HSETEX h EX 1000 FIELDS 2 f a f b\r\nHGET h f\r\nHGETEX h PERSIST FIELDS 2 f f\r\n\
        HGETDEL h FIELDS 2 f f\r\nHDEL h '' '' ''\r\nEXISTS h h h\r\nMSET a 1 a 2 '' 3\r\n\
        MGET a a ''\r\n\
        MSETNX b 1 b 2\r\nGET b\r\nMSETNX c 1 b 2 c 3\r\nEXISTS c c b b\r\nDEL a a '' ''\r\n\
        RENAME b b\r\nRENAMENX b b\r\nCOPY b b\r\nWATCH b b b\r\nUNLINK b b\r\nDBSIZE\r\n\
        HSET h f 1 g 2\r\nHEXPIRE h 0 FIELDS 2 f f\r\nHGETALL h\r\nHPEXPIRE h -1 FIELDS 1 g\r\n\
        HEXPIREAT h 1 FIELDS 2 g g\r\nEXISTS h\r\nHRANDFIELD h -9223372036854775808\r\n";
    let [a, b] = [&ours, &oracle].map(|server| display(&answer(server, script.as_bytes())));
    assert_eq!(a, b);
}
