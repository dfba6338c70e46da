//! Payloads that are damaged or lie, most of them under a right seal.

use super::{FORMAT, HASHES, STRING, STRING_LZF, bytes, sealed};
use crate::rdb::{RdbError, parse};
use proptest::prelude::*;

#[test]
fn damage_shows() {
    for hex in HASHES.iter().chain(&[STRING, STRING_LZF]) {
        let payload = bytes(hex);
        for at in 0..payload.len() {
            assert_eq!(
                parse(&payload[..at]),
                Err(RdbError::Seal),
                "{hex} cut at {at}"
            );
            let mut flipped = payload.clone();
            flipped[at] ^= 1;
            assert_eq!(
                parse(&flipped),
                Err(RdbError::Seal),
                "{hex} flipped at {at}"
            );
        }
    }
}

#[test]
fn damage_under_a_right_seal_does_no_harm() {
    for hex in HASHES.iter().chain(&[STRING, STRING_LZF]) {
        let payload = bytes(hex);
        let body = &payload[..payload.len() - 10];
        for at in 0..body.len() {
            assert_eq!(sealed(&body[..at]), FORMAT, "{hex} cut at {at}");
            for byte in 0..=u8::MAX {
                let mut changed = body.to_vec();
                changed[at] = byte;
                // Whether it still is a value depends on the byte; that it comes back matters.
                let _ = sealed(&changed);
            }
        }
        assert_eq!(sealed(&[body, b"\0"].concat()), FORMAT, "{hex} and a byte");
    }
}

#[test]
fn claims_without_bytes_fail_fast() {
    for body in [
        // 4 billion fields, 2^64 - 1 fields, with and without expiries.
        &b"\x04\x80\xff\xff\xff\xff\x01a\x01b"[..],
        b"\x04\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01a\x01b",
        b"\x18\0\0\0\0\0\0\0\0\x80\xff\xff\xff\xff\x00\x01a\x01b",
        // A string of 4 GiB, of 2^64 - 1 bytes.
        b"\x00\x80\xff\xff\xff\xffabc",
        b"\x00\x81\xff\xff\xff\xff\xff\xff\xff\xffabc",
        // Compressed: unpacks to 512 MiB and a byte, to 2^64 - 1 bytes; packed in 2^64 - 1.
        b"\x00\xc3\x02\x80\x20\x00\x00\x01\x00a",
        b"\x00\xc3\x02\x81\xff\xff\xff\xff\xff\xff\xff\xff\x00a",
        b"\x00\xc3\x81\xff\xff\xff\xff\xff\xff\xff\xff\x02\x00a",
        // Unpacks to 512 MiB, says the length; to one byte, say the bytes.
        b"\x00\xc3\x02\x80\x20\x00\x00\x00\x00a",
        // A listpack, a ziplist, a zipmap with an element of 4 GiB.
        b"\x10\x0d\x0d\0\0\0\x02\0\xf0\xff\xff\xff\xffa\xff",
        b"\x0d\x12\x12\0\0\0\x0a\0\0\0\x02\0\0\x80\xff\xff\xff\xffa",
        b"\x09\x08\x01\xfe\xff\xff\xff\xffa\xff",
    ] {
        assert_eq!(sealed(body), FORMAT, "{}", body.escape_ascii());
    }
}

#[test]
fn what_is_no_hash_of_ours_is_refused() {
    for (what, body) in [
        ("no type", &b""[..]),
        ("a list", b"\x01\x01\x01a"),
        ("a set", b"\x02\x01\x01a"),
        (
            "a hash from before 7.4 was released",
            b"\x16\x01\x00\x01a\x01b",
        ),
        ("a function", b"\xf5\x01a"),
        ("an empty hash", b"\x04\x00"),
        ("a name twice", b"\x04\x02\x01a\x01b\x01a\x01c"),
        (
            "a name twice, one an integer",
            b"\x04\x02\x015\x01b\xc0\x05\x01c",
        ),
        ("an unknown length", b"\x00\x82\x01a"),
        ("an unknown encoding", b"\x00\xc4\x01a"),
        ("a code for a count", b"\x04\xc0\x01a\x01b"),
    ] {
        let refused = sealed(body);
        let is_format = matches!(refused, Err(RdbError::Format | RdbError::Kind(_)));
        assert!(is_format, "{what}: {refused:?}");
    }
}

#[test]
fn lists_that_lie_are_refused() {
    for (what, body) in [
        ("an empty listpack", &b"\x10\x07\x07\0\0\0\0\0\xff"[..]),
        (
            "three elements",
            b"\x10\x0d\x0d\0\0\0\x03\0\x01\x01\x02\x01\x03\x01\xff",
        ),
        (
            "a wrong count",
            b"\x10\x0b\x0b\0\0\0\x03\0\x01\x01\x02\x01\xff",
        ),
        (
            "a wrong size",
            b"\x10\x0b\x0c\0\0\0\x02\0\x01\x01\x02\x01\xff",
        ),
        (
            "a wrong back length",
            b"\x10\x0b\x0b\0\0\0\x02\0\x01\x02\x02\x01\xff",
        ),
        ("no end", b"\x10\x0a\x0a\0\0\0\x02\0\x01\x01\x02\x01"),
        (
            "a byte after the end",
            b"\x10\x0c\x0c\0\0\0\x02\0\x01\x01\x02\x01\xff\0",
        ),
        (
            "an unknown element",
            b"\x10\x0b\x0b\0\0\0\x02\0\x01\x01\xf5\x01\xff",
        ),
        ("a listpack that is an integer", b"\x10\xc0\x05"),
        (
            "a zipmap with a wrong count",
            b"\x09\x07\x02\x01a\x01\x00b\xff",
        ),
        ("a zipmap with a name only", b"\x09\x04\x01\x01a\xff"),
    ] {
        let refused = sealed(body);
        let is_format = matches!(refused, Err(RdbError::Format | RdbError::Kind(_)));
        assert!(is_format, "{what}: {refused:?}");
    }
    // What the cases above damage is right without the damage.
    assert!(sealed(b"\x10\x0b\x0b\0\0\0\x02\0\x01\x01\x02\x01\xff").is_ok());
    assert!(sealed(b"\x10\x0b\x0b\0\0\0\xff\xff\x01\x01\x02\x01\xff").is_ok());
    assert!(sealed(b"\x09\x07\x01\x01a\x01\x00b\xff").is_ok());
}

#[test]
fn expiries_that_are_none_are_refused() {
    for (what, body) in [
        (
            "an expiry past all time",
            &b"\x18\0\0\0\0\0\0\x01\0\x01\x01\x01a\x01b"[..],
        ),
        (
            "an expiry past 2^64",
            b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x01a\x01b",
        ),
        (
            "a negative expiry",
            b"\x19\0\0\0\0\0\0\0\0\x0e\x0e\0\0\0\x03\0\x01\x01\x02\x01\xdf\xff\x02\xff",
        ),
        (
            "an expiry that is text",
            b"\x19\0\0\0\0\0\0\0\0\x0e\x0e\0\0\0\x03\0\x01\x01\x02\x01\x81x\x02\xff",
        ),
    ] {
        let refused = sealed(body);
        let is_format = matches!(refused, Err(RdbError::Format | RdbError::Kind(_)));
        assert!(is_format, "{what}: {refused:?}");
    }
    // What the cases above damage is right without the damage.
    assert!(sealed(b"\x18\xff\xff\xff\xff\xff\xff\0\0\x01\x01\x01a\x01b").is_ok());
    assert!(
        sealed(b"\x19\0\0\0\0\0\0\0\0\x0d\x0d\0\0\0\x03\0\x01\x01\x02\x01\x03\x01\xff").is_ok()
    );
}

#[test]
fn a_hash_does_not_unpack_to_any_size() {
    // Ten values of 6.6 MB each, from 75 KB each.
    let run = b"\xe0\xff\x00".repeat(25_000);
    let packed = [b"\x00a".as_slice(), &run].concat();
    let unpacked = (1 + 264 * 25_000_u32).to_be_bytes();
    let mut body = b"\x04\x0a".to_vec();
    for name in b"abcdefghij" {
        body.extend_from_slice(&[1, *name, 0xc3, 0x80]);
        body.extend_from_slice(&(packed.len() as u32).to_be_bytes());
        body.push(0x80);
        body.extend_from_slice(&unpacked);
        body.extend_from_slice(&packed);
    }
    assert_eq!(sealed(&body), FORMAT);
}

proptest! {
    #[test]
    fn random_bytes_do_no_harm(
        kind in prop::sample::select(vec![0_u8, 4, 9, 13, 16, 24, 25]),
        body in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let _ = parse(&body);
        let _ = sealed(&[&[kind], body.as_slice()].concat());
        // As a list with a right size, where the elements are looked at.
        let size = (body.len() as u32 + 4).to_le_bytes();
        let blob = [&[kind, body.len() as u8 + 4], size.as_slice(), &body].concat();
        let _ = sealed(&blob);
        let _ = sealed(&[&blob[..1], &[0; 8], &blob[1..]].concat());
    }

    #[test]
    fn several_damages_do_no_harm(
        which in 0..HASHES.len(),
        damages in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 2..6),
    ) {
        let payload = bytes(HASHES[which]);
        let mut body = payload[..payload.len() - 10].to_vec();
        for (at, byte) in damages {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let _ = sealed(&body);
    }
}
