//! The request parser.
//!
//! ```text
//! input: limits u8, piece u8, piece u8, stream
//! ```
//!
//! Checked: the same requests and the same end however the stream is cut; the limits; that a
//! request found reads back from its own bytes; that a template says nothing that the parser does
//! not.

use super::input::Input;
use crate::resp::{Limits, Parser, Status, Template, write_request};

/// Longer streams are cut in fewer ways: feeding byte by byte takes the square of the time.
const BYTE_BY_BYTE_MAX: usize = 2048;

type Request = Vec<Vec<u8>>;

#[derive(Debug, Default, PartialEq)]
struct Heard {
    requests: Vec<Request>,
    error: Option<String>,
    consumed: usize,
}

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let limits = limits(input.u8());
    let pieces = [input.u8(), input.u8()];
    let stream = input.rest();
    let whole = hear(stream, &limits, |_| usize::MAX);
    let cut = hear(stream, &limits, |n| usize::from(pieces[n % 2]).max(1));
    assert_eq!(whole, cut, "cut in pieces");
    if stream.len() <= BYTE_BY_BYTE_MAX {
        assert_eq!(whole, hear(stream, &limits, |_| 1), "byte by byte");
    }
    whole.requests.iter().for_each(reads_back);
}

fn limits(choice: u8) -> Limits {
    match choice {
        0..=63 => Limits::DEFAULT,
        64..=95 => Limits::UNAUTHENTICATED,
        _ => Limits {
            args_max: usize::from(choice & 7) + 1,
            bulk_bytes_max: usize::from(choice & 0x1f),
            inline_bytes_max: 16,
            request_bytes_max: 64,
            authenticated: choice & 0x20 == 0,
        },
    }
}

/// What a session would hear, given the `n`th piece of this length.
fn hear(stream: &[u8], limits: &Limits, piece: impl Fn(usize) -> usize) -> Heard {
    let (mut heard, mut parser) = (Heard::default(), Parser::new());
    let (mut visible, mut want, mut template) = (0, 0, None);
    for n in 0.. {
        if visible == stream.len() {
            break;
        }
        visible = visible.saturating_add(piece(n)).min(stream.len());
        while heard.consumed < visible {
            let rest = &stream[heard.consumed..visible];
            match parser.parse(rest, limits) {
                Ok(Status::Incomplete { want: more }) => {
                    assert!(more > rest.len(), "{more} wanted of {}", rest.len());
                    want = more;
                    break;
                }
                Ok(Status::Skip { consumed }) => {
                    assert!((1..=rest.len()).contains(&consumed));
                    heard.consumed += consumed;
                    want = 0;
                }
                Ok(Status::Request { consumed }) => {
                    assert!((1..=rest.len()).contains(&consumed));
                    assert!(want <= consumed, "{want} wanted for {consumed}");
                    let request: Request = parser.args(rest).iter().map(<[u8]>::to_vec).collect();
                    check_limits(&request, consumed, parser.is_inline(), limits);
                    check_template(template.as_ref(), rest, &request, consumed);
                    template = Template::new(&parser, rest, consumed);
                    parser.shrink_if_large();
                    heard.requests.push(request);
                    heard.consumed += consumed;
                    want = 0;
                }
                Err(error) => {
                    heard.error = Some(error.to_string());
                    return heard;
                }
            }
        }
    }
    heard
}

fn check_limits(request: &Request, consumed: usize, inline: bool, limits: &Limits) {
    assert!(!request.is_empty());
    if inline {
        assert!(consumed <= limits.inline_bytes_max + 1);
        return;
    }
    assert!(request.len() <= limits.args_max);
    assert!(consumed <= limits.request_bytes_max);
    assert!(request.iter().all(|arg| arg.len() <= limits.bulk_bytes_max));
}

/// The template of the request before: if it matches, this one differs in its key only.
fn check_template(template: Option<&Template>, rest: &[u8], request: &Request, consumed: usize) {
    let Some(template) = template else { return };
    let Some((key, used)) = template.matches(rest) else {
        return;
    };
    assert_eq!(used, consumed);
    assert_eq!(Some(key), request.get(1).map(Vec::as_slice));
    assert!(template.others().iter().eq(request.iter().skip(2)));
}

fn reads_back(request: &Request) {
    let mut bytes = Vec::new();
    let args: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
    write_request(&mut bytes, &args);
    let heard = hear(&bytes, &Limits::DEFAULT, |_| usize::MAX);
    assert_eq!(heard.requests, std::slice::from_ref(request));
}
