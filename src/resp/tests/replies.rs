//! Replies: what `Output` wrote is read back by `parse_reply` and by crate `redis-protocol`.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use redis_protocol::{resp2, resp3};

use crate::resp::{Output, Protocol, Reply, parse_reply};

/// Something a command can answer. Maps and sets are sorted, as the other implementation forgets
/// their order.
#[derive(Clone, Debug)]
enum Answer {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Null,
    NullArray,
    Double(f64),
    Boolean(bool),
    Verbatim(Vec<u8>),
    Array(Vec<Answer>),
    Map(BTreeMap<Vec<u8>, Answer>),
    Set(BTreeSet<Vec<u8>>),
}

fn answer() -> impl Strategy<Value = Answer> {
    let bytes = || prop_oneof![vec(any::<u8>(), 0..20), vec(any::<u8>(), 120..135)];
    let double = prop_oneof![
        any::<f64>().prop_filter("NaN differs from itself", |x| !x.is_nan()),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        (-1e9..1e9),
    ];
    let leaf = prop_oneof![
        "[ -~]{0,20}".prop_map(Answer::Simple),
        "[A-Z]{1,8} [ -~]{0,20}".prop_map(Answer::Error),
        any::<i64>().prop_map(Answer::Integer),
        (-2..200_i64).prop_map(Answer::Integer),
        bytes().prop_map(Answer::Bulk),
        Just(Answer::Null),
        Just(Answer::NullArray),
        double.prop_map(Answer::Double),
        any::<bool>().prop_map(Answer::Boolean),
        vec(any::<u8>(), 0..20).prop_map(Answer::Verbatim),
        btree_set(bytes(), 0..5).prop_map(Answer::Set),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Answer::Array),
            btree_map(bytes(), inner, 0..6).prop_map(Answer::Map),
        ]
    })
}

fn write(out: &mut Output, answer: &Answer) {
    match answer {
        Answer::Simple(text) => out.simple(text),
        Answer::Error(text) => out.error(text.as_bytes()),
        Answer::Integer(n) => out.integer(*n),
        Answer::Bulk(bytes) => out.bulk(bytes),
        Answer::Null => out.null(),
        Answer::NullArray => out.null_array(),
        Answer::Double(x) => out.double(*x),
        Answer::Boolean(b) => out.boolean(*b),
        Answer::Verbatim(text) => out.verbatim(text),
        Answer::Array(items) => {
            out.array(items.len());
            items.iter().for_each(|item| write(out, item));
        }
        Answer::Map(pairs) => {
            out.map(pairs.len());
            for (key, value) in pairs {
                out.bulk(key);
                write(out, value);
            }
        }
        Answer::Set(items) => {
            out.set(items.len());
            items.iter().for_each(|item| out.bulk(item));
        }
    }
}

fn bulk(bytes: &[u8]) -> Reply {
    Reply::Bulk(bytes.to_vec())
}

fn expected_resp3(answer: &Answer) -> Reply {
    match answer {
        Answer::Simple(text) => Reply::Simple(text.clone().into_bytes()),
        Answer::Error(text) => Reply::Error(text.clone().into_bytes()),
        Answer::Integer(n) => Reply::Integer(*n),
        Answer::Bulk(bytes) => bulk(bytes),
        Answer::Null | Answer::NullArray => Reply::Null,
        Answer::Double(x) => Reply::Double(*x),
        Answer::Boolean(b) => Reply::Boolean(*b),
        Answer::Verbatim(text) => Reply::Verbatim(text.clone()),
        Answer::Array(items) => Reply::Array(items.iter().map(expected_resp3).collect()),
        Answer::Map(pairs) => Reply::Map(
            pairs
                .iter()
                .map(|(k, v)| (bulk(k), expected_resp3(v)))
                .collect(),
        ),
        Answer::Set(items) => Reply::Set(items.iter().map(|item| bulk(item)).collect()),
    }
}

fn expected_resp2(answer: &Answer) -> Reply {
    match answer {
        Answer::Double(x) => bulk(crate::resp::double_text(*x).as_bytes()),
        Answer::Boolean(b) => Reply::Integer(i64::from(*b)),
        Answer::Verbatim(text) => bulk(text),
        Answer::Array(items) => Reply::Array(items.iter().map(expected_resp2).collect()),
        Answer::Map(pairs) => Reply::Array(
            pairs
                .iter()
                .flat_map(|(k, v)| [bulk(k), expected_resp2(v)])
                .collect(),
        ),
        Answer::Set(items) => Reply::Array(items.iter().map(|item| bulk(item)).collect()),
        other => expected_resp3(other),
    }
}

fn from_resp2(frame: resp2::types::OwnedFrame) -> Reply {
    use resp2::types::OwnedFrame as F;
    match frame {
        F::SimpleString(text) => Reply::Simple(text),
        F::Error(text) => Reply::Error(text.into_bytes()),
        F::Integer(n) => Reply::Integer(n),
        F::BulkString(bytes) => Reply::Bulk(bytes),
        F::Array(items) => Reply::Array(items.into_iter().map(from_resp2).collect()),
        F::Null => Reply::Null,
    }
}

fn from_resp3(frame: resp3::types::OwnedFrame) -> Reply {
    use resp3::types::OwnedFrame as F;
    let bytes = |frame: &F| match frame {
        F::BlobString { data, .. } => data.clone(),
        other => panic!("{other:?}"),
    };
    match frame {
        F::SimpleString { data, .. } => Reply::Simple(data),
        F::SimpleError { data, .. } => Reply::Error(data.into_bytes()),
        F::Number { data, .. } => Reply::Integer(data),
        F::BlobString { data, .. } => Reply::Bulk(data),
        F::Null => Reply::Null,
        F::Double { data, .. } => Reply::Double(data),
        F::Boolean { data, .. } => Reply::Boolean(data),
        F::VerbatimString { data, .. } => Reply::Verbatim(data),
        F::Array { data, .. } => Reply::Array(data.into_iter().map(from_resp3).collect()),
        F::Map { data, .. } => {
            let sorted: BTreeMap<_, _> = data.into_iter().map(|(k, v)| (bytes(&k), v)).collect();
            Reply::Map(
                sorted
                    .into_iter()
                    .map(|(k, v)| (bulk(&k), from_resp3(v)))
                    .collect(),
            )
        }
        F::Set { data, .. } => {
            let sorted: BTreeSet<_> = data.iter().map(bytes).collect();
            Reply::Set(sorted.iter().map(|item| bulk(item)).collect())
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn both_readers_read_what_was_written(answer in answer(), cut in any::<prop::sample::Index>()) {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let mut out = Output::new();
            out.protocol = protocol;
            write(&mut out, &answer);
            let bytes = out.as_slice();
            let (expected, theirs) = match protocol {
                Protocol::Resp2 => {
                    let (frame, consumed) = resp2::decode::decode(bytes).unwrap().unwrap();
                    (expected_resp2(&answer), (from_resp2(frame), consumed))
                }
                Protocol::Resp3 => {
                    let decoded = resp3::decode::complete::decode(bytes).unwrap().unwrap();
                    (expected_resp3(&answer), (from_resp3(decoded.0), decoded.1))
                }
            };
            let expected = (expected, bytes.len());
            prop_assert_eq!(&theirs, &expected);
            prop_assert_eq!(parse_reply(bytes, 8).unwrap(), Some(expected));
            // Any part of a reply is no reply yet, and no error.
            prop_assert_eq!(parse_reply(&bytes[..cut.index(bytes.len())], 8).unwrap(), None);
        }
    }

    #[test]
    fn arbitrary_replies_do_no_harm(bytes in vec(any::<u8>(), 0..60), kind in "[-+:$*~>%,#_=(|!]") {
        let _ = parse_reply(&[kind.as_bytes(), &bytes].concat(), 4);
    }
}

#[test]
fn what_output_never_writes() {
    let one = |text: &str| parse_reply(text.as_bytes(), 4).map(|found| found.map(|f| f.0));
    assert_eq!(one("(-123456789012345678901\r\n").unwrap().unwrap(), {
        Reply::BigNumber(b"-123456789012345678901".to_vec())
    });
    let push = Reply::Push(vec![Reply::Integer(1), Reply::Null]);
    assert_eq!(one(">2\r\n:1\r\n_\r\n").unwrap().unwrap(), push);
    assert_eq!(one("*-1\r\n").unwrap().unwrap(), Reply::Null);
    for text in [
        "\r\n",
        "x\r\n",
        ":1x\r\n",
        ":\r\n",
        ":+1\r\n",
        "$-2\r\n",
        "$01\r\n",
        "$1\r\nabc",
        "+a\rb\r\n",
        "#x\r\n",
        "_x\r\n",
        ",x\r\n",
        "(\r\n",
        "(1x\r\n",
        "=2\r\nab\r\n",
        "*-2\r\n",
        "%-1\r\n",
        "|1\r\n",
        "$?\r\n",
    ] {
        assert!(one(text).is_err(), "{text:?}");
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = b"*1\r\n".repeat(1_000_000);
    assert!(parse_reply(&nested, 128).is_err());
    let fits = [&b"*1\r\n".repeat(128)[..], b":1\r\n"].concat();
    assert!(parse_reply(&fits, 128).unwrap().is_some());
    assert!(parse_reply(&fits, 127).is_err());
    // Empty aggregates hold nothing, so they nest nothing.
    assert_eq!(
        parse_reply(b"*0\r\n", 0).unwrap(),
        Some((Reply::Array(vec![]), 4))
    );
    // A promise of 2^62 elements or bytes waits and allocates nothing.
    for promise in ["*4611686018427387904\r\n", "$4611686018427387904\r\nabc"] {
        assert_eq!(parse_reply(promise.as_bytes(), 4).unwrap(), None);
    }
    assert!(parse_reply(&vec![b'+'; 1024 * 1024], 4).is_err());
}
