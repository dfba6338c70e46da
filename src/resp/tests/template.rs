//! A template says yes only where a full parse finds the same.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Words, receive};
use crate::resp::{Limits, Parser, Status, Template, write_request};

fn encode(args: &[Vec<u8>]) -> Vec<u8> {
    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    let mut out = Vec::new();
    write_request(&mut out, &args);
    out
}

fn template(request: &[u8]) -> Option<Template> {
    let mut parser = Parser::new();
    match parser.parse(request, &Limits::DEFAULT) {
        Ok(Status::Request { consumed }) => Template::new(&parser, request, consumed),
        other => panic!("{other:?}"),
    }
}

/// What a full parse finds first in `input`, and where it ends.
fn first(input: &[u8]) -> Option<(Words, usize)> {
    let mut parser = Parser::new();
    match parser.parse(input, &Limits::DEFAULT) {
        Ok(Status::Request { consumed }) => Some((
            parser.args(input).iter().map(<[u8]>::to_vec).collect(),
            consumed,
        )),
        _ => None,
    }
}

/// `matches` is a shortcut only: what it says, the parser says too.
fn check(template: &Template, base: &[Vec<u8>], input: &[u8]) {
    match (template.matches(input), first(input)) {
        (Some((key, consumed)), found) => {
            let mut expected = base.to_vec();
            expected[1] = key.to_vec();
            assert_eq!(found, Some((expected, consumed)));
        }
        (None, Some((mut words, consumed))) if words.len() == base.len() => {
            let canonical = encode(&words) == input[..consumed];
            let long = words[1].len() > 99_999;
            words[1].clone_from(&base[1]);
            assert!(words != base || !canonical || long);
        }
        (None, _) => {}
    }
}

proptest! {
    #[test]
    fn agrees_with_the_parser(
        base in vec(vec(any::<u8>(), 0..12), 2..8),
        key in vec(any::<u8>(), 0..200),
        change in (any::<prop::sample::Index>(), any::<u8>()),
        end in any::<prop::sample::Index>(),
        after in vec(any::<u8>(), 0..4),
    ) {
        let template = template(&encode(&base)).unwrap();
        let mut other = base.clone();
        other[1] = key.clone();
        let request = encode(&other);

        let stream = [request.clone(), after].concat();
        prop_assert_eq!(template.matches(&stream), Some((key.as_slice(), request.len())));
        check(&template, &base, &stream);
        // Cut short: no match, and above all no wrong one.
        let short = &request[..end.index(request.len())];
        prop_assert_eq!(template.matches(short), None);
        // One byte changed anywhere.
        let mut changed = stream.clone();
        changed[change.0.index(request.len())] = change.1;
        check(&template, &base, &changed);
    }
}

#[test]
fn a_template_needs_a_key_in_a_multibulk_request() {
    assert!(template(b"*1\r\n$4\r\nPING\r\n").is_none());
    assert!(template(b"get key\r\n").is_none());
    // An inline command whose words look like a multibulk request.
    assert!(template(b"\"*2\\r\\n$3\\r\\nGET\\r\\n$1\\r\\n\" k\r\n").is_none());
    assert!(template(b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n").is_some());
}

#[test]
fn only_the_one_form_of_a_length_matches() {
    let get = template(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n").unwrap();
    for (key, found) in [
        ("$2\r\nab\r\n", Some((&b"ab"[..], 21))),
        ("$0\r\n\r\n", Some((&b""[..], 19))),
        ("$02\r\nab\r\n", None),
        ("$00\r\n\r\n", None),
        ("$+2\r\nab\r\n", None),
        ("$-1\r\n", None),
        ("$\r\n\r\n", None),
        ("$2\r\nab\n\n", None),
        ("$2\r\nabc\r\n", None),
        ("$3\r\nab\r\n", None),
        ("$99999\r\nab\r\n", None),
        ("$18446744073709551617\r\na\r\n", None),
    ] {
        let input = format!("*2\r\n$3\r\nGET\r\n{key}");
        assert_eq!(get.matches(input.as_bytes()), found, "{key:?}");
    }
    let key = "k".repeat(100_000);
    let mut long = Vec::new();
    write_request(&mut long, &[b"GET", key.as_bytes()]);
    assert_eq!(get.matches(&long), None);
    assert_eq!(
        receive([long.as_slice()], &Limits::DEFAULT).requests.len(),
        1
    );
}
