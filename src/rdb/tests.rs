//! Payloads of real servers, payloads built by hand, and damage to both.

mod damage;

use super::seal::seal;
use super::{HashWriter, RdbError, Value, dump_string, kind, parse};
use proptest::prelude::*;

const FORMAT: Result<Value, RdbError> = Err(RdbError::Format);

/// `DUMP` of Redis 8.2.3: `hello`, and 77 times `feature:0123 `, compressed.
const STRING: &str = "000568656c6c6f0c00a804ebb69f1ebe43";
const STRING_LZF: &str = "00c31e43e90d666561747572653a303132332066e0ff0ce1ff10e2ff14e3b8180133200c0\
    0bf5448e476419a3b";
/// `DUMP` of Redis 7.0.15.
const HASH: &str = "0404036e756dc005026631027631036e6567c148f4036e36341331313532393231353034363\
    0363834363937360a0096eb8eb44cf2d180";
const LISTPACK: &str = "10c3406140841f8400000014008266310382763103836e756d040501836e656704d44802836\
    e31043604f11879201718323404f200127a04836e333204f30094357705836e363404f4203f40000e1009836d696404\
    dfff02817302a878e01e00052980018001ff0a00e13813cf1ddabd83";
/// A value of 5000 `x` and one of 112 digits in a listpack: lengths of two bytes and more.
const LISTPACK_LONG: &str = "10c34065540f0e0f1400000400816102f08813000078e0ff00e0ff00e0ff00e0ff00\
    e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ee0010\
    278d817a02e0703031323334353637383940094003e0550d0172ff0a00f11fe35b84d156c6";
/// `DUMP` of Redis 8.2.3: `a` and `b` expire.
const METADATA: &str = "1800505c18a3010000030101620374776f81000000174876e8010161c001000163c0030c006\
    3436fa51900f85c";
const LISTPACK_EX: &str = "1900505c18a30100002f2f00000009008162028374776f04f400505c18a3010000098161\
    020101f40038d360ba0100000981630203010001ff0c00db7b8e36a1e968b3";
/// Built by hand, with every encoding of an element; Redis 7.0.15 and 8.2.3 restore it.
const ZIPLIST: &str = "0d409b9b00000095000000120000016103f6020162fe03000000fef907016303c0d4fe0401\
    6403f000127a05016503d0006cca8806016603e000000000000000100af102404678787878787878787878787878\
    78787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878\
    787878787878787878787849fd028000000002797a080002f000ee85ff060067bfb4888585f6d0";
/// As [`ZIPLIST`]; one value is followed by two unused bytes.
const ZIPMAP: &str = "0919030161010031036b6579050276616c75655f5f0002006869ff0600c1502b9bd918a624";

/// `DUMP` of Redis 8.6.2, version 13: a listpack, and one of which `b` expires.
const LISTPACK_OF_TODAY: &str = "102828000000060085616c7068610601018462657461058474776f31058567616\
    d6d610683332e3504ff0d00d3d324b4a1615214";
const LISTPACK_EX_OF_TODAY: &str = "197bd8c32cbb030000242400000009008162020201f47bd8c32cbb03000009\
    8161020101000181630203010001ff0d007ebef4bfd0ca3760";
/// `DUMP` of Valkey 9.1.2: `b` expires; and a listpack.
const VALKEY: &str = "16030161c001ffffffffffffffff0162c0027bd8c32cbb0300000163c003ffffffffffffffff\
    50006bec4fdec84d9a0f";
const VALKEY_LISTPACK: &str = "100c0c00000002008178020101ff5000ce3da8889596c8f4";

const HASHES: [&str; 7] = [
    HASH,
    LISTPACK,
    LISTPACK_LONG,
    METADATA,
    LISTPACK_EX,
    ZIPLIST,
    ZIPMAP,
];

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Name, value, expiry.
fn fields(payload: &[u8]) -> Vec<(String, String, Option<u64>)> {
    let Ok(Value::Hash(fields)) = parse(payload) else {
        panic!("no hash: {}", payload.escape_ascii());
    };
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    fields
        .iter()
        .map(|f| (text(f.name), text(f.value), f.expire_at))
        .collect()
}

fn pairs(hex: &str) -> Vec<(String, String)> {
    fields(&bytes(hex))
        .into_iter()
        .map(|(name, value, expire_at)| {
            assert_eq!(expire_at, None);
            (name, value)
        })
        .collect()
}

fn expected(text: &[(&str, &str)]) -> Vec<(String, String)> {
    text.iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

/// The answer to a body under a right seal.
fn sealed(body: &[u8]) -> Result<Value, RdbError> {
    parse(&seal(body.to_vec(), 12))
}

fn string(text: &[u8]) -> Result<Value, RdbError> {
    Ok(Value::String(text.to_vec()))
}

#[test]
fn strings_of_redis_are_read() {
    assert_eq!(parse(&bytes(STRING)), string(b"hello"));
    let text = "feature:0123 ".repeat(77);
    assert_eq!(parse(&bytes(STRING_LZF)), string(text.as_bytes()));
    for (body, text) in [
        (&b"\x00\x00"[..], &b""[..]),
        (b"\x00\xc0\x7f", b"127"),
        (b"\x00\xc0\x80", b"-128"),
        (b"\x00\xc1\x39\x30", b"12345"),
        (b"\x00\xc2\x00\x00\x00\x80", b"-2147483648"),
        (b"\x00\x40\x01a", b"a"),
        (b"\x00\x80\x00\x00\x00\x01a", b"a"),
        (b"\x00\x81\x00\x00\x00\x00\x00\x00\x00\x01a", b"a"),
    ] {
        assert_eq!(sealed(body), string(text), "{}", body.escape_ascii());
    }
}

#[test]
fn hashes_of_redis_are_read() {
    let long = "x".repeat(70);
    assert_eq!(
        pairs(HASH),
        expected(&[
            ("num", "5"),
            ("f1", "v1"),
            ("neg", "-3000"),
            ("n64", "1152921504606846976"),
        ])
    );
    assert_eq!(
        pairs(LISTPACK),
        expected(&[
            ("f1", "v1"),
            ("num", "5"),
            ("neg", "-3000"),
            ("n16", "31000"),
            ("n24", "8000000"),
            ("n32", "2000000000"),
            ("n64", "1152921504606846976"),
            ("mid", "-1"),
            ("s", &"x".repeat(40)),
            ("", ""),
        ])
    );
    assert_eq!(
        pairs(LISTPACK_LONG),
        expected(&[("a", &"x".repeat(5000)), ("z", &"01234567890123".repeat(8))])
    );
    assert_eq!(
        pairs(ZIPLIST),
        expected(&[
            ("a", "5"),
            ("b", "-7"),
            ("c", "-300"),
            ("d", "8000000"),
            ("e", "-2000000000"),
            ("f", "1152921504606846976"),
            ("0", &long),
            ("12", "yz"),
            ("", "-8000000"),
        ])
    );
    assert_eq!(
        pairs(ZIPMAP),
        expected(&[("a", "1"), ("key", "value"), ("", "hi")])
    );
}

#[test]
fn expiries_of_fields_are_read() {
    for hex in [METADATA, LISTPACK_EX] {
        let mut fields = fields(&bytes(hex));
        fields.sort();
        let field = |name: &str, value: &str, at| (name.to_string(), value.to_string(), at);
        assert_eq!(
            fields,
            [
                field("a", "1", Some(1_900_000_000_000)),
                field("b", "two", Some(1_800_000_000_000)),
                field("c", "3", None),
            ]
        );
    }
}

#[test]
fn seals_are_checked() {
    for version in (0..=15).chain([80]) {
        let payload = seal(b"\x00\x01a".to_vec(), version);
        assert_eq!(parse(&payload), string(b"a"));
    }
    for payload in [
        vec![],
        vec![0; 9],
        b"hello world, this is no payload".to_vec(),
    ] {
        assert_eq!(parse(&payload), Err(RdbError::Seal));
    }
    // Ten zeros are a right seal of nothing.
    assert_eq!(parse(&[0; 10]), FORMAT);
}

#[test]
fn strings_are_written_as_redis_writes_them() {
    for (text, body) in [
        (&b"hello"[..], &b"\x00\x05hello"[..]),
        (b"", b"\x00\x00"),
        (b"127", b"\x00\xc0\x7f"),
        (b"-128", b"\x00\xc0\x80"),
        (b"128", b"\x00\xc1\x80\x00"),
        (b"-32768", b"\x00\xc1\x00\x80"),
        (b"32768", b"\x00\xc2\x00\x80\x00\x00"),
        (b"2147483647", b"\x00\xc2\xff\xff\xff\x7f"),
        (b"-2147483648", b"\x00\xc2\x00\x00\x00\x80"),
        (b"2147483648", b"\x00\x0a2147483648"),
        (b"007", b"\x00\x03007"),
        (b"+7", b"\x00\x02+7"),
        (b"-0", b"\x00\x02-0"),
        (b" 7", b"\x00\x02 7"),
        (b"\xff\x00", b"\x00\x02\xff\x00"),
    ] {
        assert_eq!(
            dump_string(text),
            seal(body.to_vec(), 10),
            "{}",
            text.escape_ascii()
        );
    }
    for (len, head) in [
        (63, &b"\x00\x3f"[..]),
        (64, b"\x00\x40\x40"),
        (16_383, b"\x00\x7f\xff"),
        (16_384, b"\x00\x80\x00\x00\x40\x00"),
    ] {
        let payload = dump_string(&vec![b'x'; len]);
        assert!(payload.starts_with(head), "{len}");
        assert_eq!(parse(&payload), string(&vec![b'x'; len]));
    }
}

#[test]
fn hashes_are_written_in_the_oldest_form_that_holds_them() {
    let mut writer = HashWriter::new(2, None);
    writer.field(b"a", b"1", None);
    writer.field(b"b", b"two", None);
    let payload = writer.finish();
    assert_eq!(
        payload,
        seal(b"\x04\x02\x01a\xc0\x01\x01b\x03two".to_vec(), 10)
    );

    // The very bytes of Redis 8.2.3.
    let mut writer = HashWriter::new(3, Some(1_800_000_000_000));
    writer.field(b"b", b"two", Some(1_800_000_000_000));
    writer.field(b"a", b"1", Some(1_900_000_000_000));
    writer.field(b"c", b"3", None);
    assert_eq!(writer.finish(), bytes(METADATA));
    assert_eq!(bytes(METADATA)[0], kind::HASH_METADATA);
}

type Stored = (Vec<u8>, Vec<u8>, Option<u64>);

fn stored() -> impl Strategy<Value = Vec<Stored>> {
    let text = || {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..80),
            any::<i64>().prop_map(|n| n.to_string().into_bytes()),
            any::<i16>().prop_map(|n| n.to_string().into_bytes()),
        ]
    };
    let at = proptest::option::of(0_u64..1 << 48);
    proptest::collection::btree_map(text(), (text(), at), 1..30).prop_map(|map| {
        map.into_iter()
            .map(|(name, (value, at))| (name, value, at))
            .collect()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(hash in stored()) {
        let earliest = hash.iter().filter_map(|(_, _, at)| *at).min();
        let mut writer = HashWriter::new(hash.len(), earliest);
        for (name, value, at) in &hash {
            writer.field(name, value, *at);
            prop_assert_eq!(parse(&dump_string(value)), string(value));
        }
        let Ok(Value::Hash(read)) = parse(&writer.finish()) else {
            return Err(TestCaseError::fail("not read"));
        };
        let read: Vec<Stored> = read
            .iter()
            .map(|f| (f.name.to_vec(), f.value.to_vec(), f.expire_at))
            .collect();
        prop_assert_eq!(read, hash);
    }
}

#[test]
fn payloads_of_newer_servers() {
    let names = expected(&[("alpha", "1"), ("beta", "two1"), ("gamma", "3.5")]);
    assert_eq!(pairs(LISTPACK_OF_TODAY), names);
    assert_eq!(pairs(VALKEY_LISTPACK), expected(&[("x", "1")]));
    for payload in [LISTPACK_EX_OF_TODAY, VALKEY] {
        let mut got = fields(&bytes(payload));
        got.sort();
        let field = |name: &str, value: &str, at| (name.to_owned(), value.to_owned(), at);
        let want = [
            field("a", "1", None),
            field("b", "2", Some(4_102_444_800_123)),
            field("c", "3", None),
        ];
        assert_eq!(got, want);
    }
}

/// A listpack of short texts and small numbers, as a blob.
fn listpack(items: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    for item in items {
        let start = body.len();
        match item.parse::<u8>().ok().filter(|n| *n < 128) {
            Some(n) => body.push(n),
            None => {
                body.push(0x80 | u8::try_from(item.len()).unwrap());
                body.extend_from_slice(item.as_bytes());
            }
        }
        body.push(u8::try_from(body.len() - start).unwrap());
    }
    let size = u32::try_from(body.len() + 7).unwrap();
    let count = u16::try_from(items.len()).unwrap();
    let blob = [
        &size.to_le_bytes()[..],
        &count.to_le_bytes(),
        &body,
        &[0xff],
    ]
    .concat();
    [&[u8::try_from(blob.len()).unwrap()][..], &blob].concat()
}

fn texts(items: &[&str]) -> Vec<u8> {
    let text = |item: &&str| [&[u8::try_from(item.len()).unwrap()][..], item.as_bytes()].concat();
    items.iter().flat_map(text).collect()
}

/// Redis 8.10 stores the names of like hashes once; a payload has them inline. Built by hand from
/// what is told of it.
#[test]
fn hashes_of_templates() {
    let (names, values) = (["age", "name"], ["42", "ann"]);
    let want = expected(&[("age", "42"), ("name", "ann")]);
    let payload = |body: Vec<u8>| seal(body, 15);
    let with_id = listpack(&["7", "42", "ann"]);
    let bare = listpack(&values);
    for body in [
        [&[29][..], &listpack(&names), &bare].concat(),
        [&[29][..], &listpack(&names), &with_id].concat(),
        [&[29, 2][..], &texts(&names), &bare].concat(),
        [&[29, 2][..], &texts(&names), &with_id].concat(),
        [&[31, 2][..], &texts(&["age", "42", "name", "ann"])].concat(),
    ] {
        let got = fields(&payload(body));
        let got: Vec<_> = got
            .into_iter()
            .map(|(name, value, _)| (name, value))
            .collect();
        assert_eq!(got, want);
    }
    for body in [
        [&[29][..], &listpack(&names), &listpack(&["42"])].concat(),
        [&[29, 3][..], &texts(&names), &bare].concat(),
        [&[29][..], &listpack(&["a", "a"]), &bare].concat(),
        [&[30][..], &with_id].concat(),
    ] {
        assert_eq!(parse(&payload(body)), FORMAT);
    }
}

#[test]
fn what_is_not_kept_here_is_named() {
    for (kind, what) in [
        (1, "list"),
        (18, "list"),
        (20, "set"),
        (17, "sorted set"),
        (21, "stream"),
    ] {
        let refused = parse(&seal(vec![kind, 0], 11));
        assert_eq!(refused, Err(RdbError::Kind(what)));
        let text = refused.unwrap_err().to_string();
        assert!(text.starts_with("Bad data format: it is a "), "{text}");
    }
    let refused = parse(&seal(vec![0, 0], 16)).unwrap_err();
    assert_eq!(refused, RdbError::Version(16));
    assert!(
        refused
            .to_string()
            .starts_with("DUMP payload version or checksum are wrong: ")
    );
    assert_eq!(parse(&seal(vec![0, 0], 79)), Err(RdbError::Version(79)));
}
