//! `DUMP` and `RESTORE`, byte for byte: requests through the session, replies of Redis 8.2.3.

mod wire;

use wire::Client;

const OK: &str = "+OK\r\n";
const BUSY: &str = "-BUSYKEY Target key name already exists.\r\n";
const SEAL: &str = "-ERR DUMP payload version or checksum are wrong\r\n";
const FORMAT: &str = "-ERR Bad data format\r\n";

/// `hello`.
const HELLO: &[u8] = b"\x00\x05hello\x0c\x00\xa8\x04\xeb\xb6\x9f\x1e\xbeC";
/// A list of one element, sealed: a value we do not have.
const LIST: &[u8] = b"\x01\x01\x01a\x0a\x00";

fn text(reply: &[u8]) -> String {
    String::from_utf8_lossy(reply).into_owned()
}

/// What a bulk reply carries.
fn bulk(reply: &[u8]) -> Vec<u8> {
    let end = reply.iter().position(|b| *b == b'\n').expect("a length");
    reply[end + 1..reply.len() - 2].to_vec()
}

struct Restorer(Client);

impl Restorer {
    fn new() -> Restorer {
        Restorer(Client::new())
    }

    fn line(&mut self, line: &str) -> String {
        text(&self.0.talk(format!("{line}\r\n").as_bytes()))
    }

    fn dump(&mut self, key: &str) -> Vec<u8> {
        bulk(&self.0.call(&[b"DUMP", key.as_bytes()]))
    }

    /// `RESTORE key ttl payload options`
    fn restore(&mut self, key: &str, ttl: &str, payload: &[u8], options: &str) -> String {
        let mut args = vec![
            b"RESTORE".as_slice(),
            key.as_bytes(),
            ttl.as_bytes(),
            payload,
        ];
        args.extend(options.split_whitespace().map(str::as_bytes));
        text(&self.0.call(&args))
    }
}

/// The example in `storage-format.md` is what is written.
#[test]
fn the_format_is_as_documented() {
    let mut c = Restorer::new();
    assert_eq!(c.restore("s", "0", HELLO, ""), OK);
    let hex: Vec<String> = c.dump("s").iter().map(|b| format!("{b:02x}")).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/storage-format.md");
    let document = std::fs::read_to_string(path).expect("storage-format.md");
    assert!(document.contains(&hex.join(" ")), "{hex:?}");
}

#[test]
fn strings_go_there_and_back() {
    let mut c = Restorer::new();
    assert_eq!(c.line("DUMP missing"), "$-1\r\n");
    assert_eq!(c.restore("s", "0", HELLO, ""), OK);
    assert_eq!(c.line("GET s"), "$5\r\nhello\r\n");
    assert_eq!(c.line("TTL s"), ":-1\r\n");
    for value in [
        "",
        "0",
        "-128",
        "40000",
        "-2147483648",
        "2147483648",
        "1.5",
        "007",
    ] {
        c.0.call(&[b"SET", b"from", value.as_bytes(), b"EX", b"100"]);
        let payload = c.dump("from");
        assert_eq!(c.restore("to", "0", &payload, "REPLACE"), OK);
        let expected = format!("${}\r\n{value}\r\n", value.len());
        assert_eq!(c.line("GET to"), expected);
        // The expiry of the key is not in the payload.
        assert_eq!(c.line("PTTL to"), ":-1\r\n");
    }
    c.line("SET n 12345");
    let payload = c.dump("n");
    assert_eq!(payload[..6], *b"\x00\xc1\x39\x30\x0a\x00");
    assert_eq!(payload.len(), 14);
}

#[test]
fn hashes_go_there_and_back() {
    let mut c = Restorer::new();
    c.line("HSET h a 1 b two c 3.25");
    let payload = c.dump("h");
    assert_eq!(
        (payload[0], &payload[payload.len() - 10..][..2]),
        (4, &b"\x0a\x00"[..])
    );
    assert_eq!(c.restore("copy", "0", &payload, ""), OK);
    assert_eq!(c.line("HMGET copy a b c"), c.line("HMGET h a b c"));
    assert_eq!(c.line("HLEN copy"), ":3\r\n");

    c.line("HPEXPIREAT h 1900000000000 FIELDS 1 a");
    c.line("HPEXPIREAT h 1800000000000 FIELDS 1 b");
    let payload = c.dump("h");
    assert_eq!(
        (payload[0], &payload[payload.len() - 10..][..2]),
        (24, &b"\x0c\x00"[..])
    );
    assert_eq!(c.restore("copy", "0", &payload, "REPLACE"), OK);
    assert_eq!(c.line("HMGET copy a b c"), c.line("HMGET h a b c"));
    assert_eq!(
        c.line("HPEXPIRETIME copy FIELDS 3 a b c"),
        "*3\r\n:1900000000000\r\n:1800000000000\r\n:-1\r\n"
    );

    let set: Vec<String> = (0..2000).map(|i| format!("field:{i} {}", i * 7)).collect();
    c.line(&format!("HSET big {}", set.join(" ")));
    let payload = c.dump("big");
    assert_eq!(c.restore("copy", "0", &payload, "REPLACE"), OK);
    assert_eq!(c.line("HLEN copy"), ":2000\r\n");
    assert_eq!(c.line("HGET copy field:1999"), "$5\r\n13993\r\n");
}

#[test]
fn errors_come_in_redis_order() {
    const SYNTAX: &str = "-ERR syntax error\r\n";
    const NUMBER: &str = "-ERR value is not an integer or out of range\r\n";
    const TTL: &str = "-ERR Invalid TTL value, must be >= 0\r\n";
    const IDLE: &str = "-ERR Invalid IDLETIME value, must be >= 0\r\n";
    const FREQ: &str = "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n";
    let mut c = Restorer::new();
    c.line("SET s v");
    for (key, ttl, options, reply) in [
        ("s", "0", "", BUSY),
        ("s", "x", "", BUSY),
        ("s", "-1", "", BUSY),
        ("s", "0", "foo", SYNTAX),
        ("s", "x", "freq 256", FREQ),
        ("s", "0", "replace", SEAL),
        ("s", "x", "replace", NUMBER),
        ("q", "-1", "", TTL),
        ("q", "x", "", NUMBER),
        ("q", "0", "", SEAL),
        ("q", "9223372036854775807", "", SEAL),
        ("q", "0", "foo", SYNTAX),
        ("q", "-1", "foo", SYNTAX),
        ("q", "0", "idletime", SYNTAX),
        ("q", "0", "idletime -1", IDLE),
        ("q", "0", "idletime x", NUMBER),
        ("q", "0", "IdleTime 1 idletime 2", SEAL),
        ("q", "0", "freq", SYNTAX),
        ("q", "0", "freq 256", FREQ),
        ("q", "0", "freq -1", FREQ),
        ("q", "0", "freq x", NUMBER),
        ("q", "-1", "freq -1", FREQ),
        ("q", "0", "freq 255 freq 0", SEAL),
        ("q", "0", "idletime 1 freq 1", SYNTAX),
        ("q", "0", "freq 1 idletime 1", SYNTAX),
        ("q", "0", "replace replace absttl absttl", SEAL),
    ] {
        let request = format!("RESTORE {key} {ttl} x {options}");
        assert_eq!(c.restore(key, ttl, b"x", options), reply, "{request}");
    }
    let arity = "-ERR wrong number of arguments for 'restore' command\r\n";
    assert_eq!(c.line("RESTORE q 0"), arity);
    assert_eq!(c.line("GET s"), "$1\r\nv\r\n");
    assert_eq!(c.line("EXISTS q"), ":0\r\n");
}

#[test]
fn bad_payloads_change_nothing() {
    let mut c = Restorer::new();
    c.line("SET s v");
    let list = "-ERR Bad data format: it is a list, and only hashes and strings are kept here\r\n";
    assert_eq!(c.restore("s", "0", &sealed(LIST), "REPLACE"), list);
    assert_eq!(c.restore("s", "1", &sealed(LIST), "REPLACE ABSTTL"), list);
    assert_eq!(c.restore("s", "0", &[0; 10], "REPLACE"), FORMAT);
    let mut damaged = HELLO.to_vec();
    damaged[3] ^= 1;
    assert_eq!(c.restore("s", "0", &damaged, "REPLACE"), SEAL);
    assert_eq!(c.line("GET s"), "$1\r\nv\r\n");
}

#[test]
fn keys_are_restored_with_their_expiry() {
    let mut c = Restorer::new();
    assert_eq!(c.restore("s", "5000", HELLO, "IDLETIME 5"), OK);
    assert_eq!(c.line("PEXPIRETIME s"), ":1700000005000\r\n");
    assert_eq!(
        c.restore("s", "1900000000000", HELLO, "REPLACE absttl FREQ 5"),
        OK
    );
    assert_eq!(c.line("PEXPIRETIME s"), ":1900000000000\r\n");
    assert_eq!(
        c.restore("s", "9223372036854775807", HELLO, "replace ABSTTL"),
        OK
    );
    assert_eq!(c.line("PEXPIRETIME s"), ":9223372036854775807\r\n");
    // 0 is no expiry, whatever was there.
    assert_eq!(c.restore("s", "0", HELLO, "replace ABSTTL"), OK);
    assert_eq!(c.line("PEXPIRETIME s"), ":-1\r\n");
    c.line("HSET from f v");
    let payload = c.dump("from");
    assert_eq!(c.restore("h", "5000", &payload, ""), OK);
    assert_eq!(c.line("PEXPIRETIME h"), ":1700000005000\r\n");

    // Past, now, and too late for the clock: nothing is created, what was there goes.
    for (ttl, option) in [
        ("1", "ABSTTL"),
        ("1700000000000", "ABSTTL"),
        ("9223372036854775807", ""),
    ] {
        assert_eq!(c.restore("gone", ttl, HELLO, option), OK);
        assert_eq!(c.line("EXISTS gone"), ":0\r\n");
        c.line("SET s v");
        assert_eq!(c.restore("s", ttl, HELLO, &format!("REPLACE {option}")), OK);
        assert_eq!(c.line("EXISTS s"), ":0\r\n", "{ttl} {option}");
    }
}

#[test]
fn fields_that_have_expired_are_dropped() {
    let mut c = Restorer::new();
    // `a` expired at 1, `b` does so in 2030.
    let both = sealed(
        b"\x18\x01\0\0\0\0\0\0\0\x02\x01\x01a\x011\x81\0\0\x01\xba\x60\xd3\x38\x00\x01b\x012\x0c\0",
    );
    assert_eq!(c.restore("h", "0", &both, ""), OK);
    assert_eq!(c.line("HGETALL h"), "*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
    assert_eq!(
        c.line("HPEXPIRETIME h FIELDS 1 b"),
        "*1\r\n:1900000000000\r\n"
    );
    // With no field left there is no key.
    let all = sealed(b"\x18\x01\0\0\0\0\0\0\0\x01\x01\x01a\x011\x0c\0");
    assert_eq!(c.restore("none", "0", &all, ""), OK);
    assert_eq!(c.line("EXISTS none"), ":0\r\n");
    assert_eq!(c.restore("h", "0", &all, "REPLACE"), OK);
    assert_eq!(c.line("EXISTS h"), ":0\r\n");
}

#[test]
fn a_transaction_restores() {
    let mut c = Restorer::new();
    c.line("MULTI");
    assert_eq!(c.restore("s", "0", HELLO, ""), "+QUEUED\r\n");
    assert_eq!(c.restore("s", "0", HELLO, ""), "+QUEUED\r\n");
    assert_eq!(c.line("DUMP missing"), "+QUEUED\r\n");
    assert_eq!(c.line("EXEC"), format!("*3\r\n{OK}{BUSY}$-1\r\n"));
}

/// Append the checksum to a payload that ends with its version, bit by bit.
fn sealed(payload: &[u8]) -> Vec<u8> {
    let mut crc = 0_u64;
    for byte in payload {
        crc ^= u64::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc = (crc >> 1) ^ (low * 0x95ac_9329_ac4b_c9b5);
        }
    }
    [payload, &crc.to_le_bytes()].concat()
}
