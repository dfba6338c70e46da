//! What crosses module borders: whole streams, and comparison with another implementation.

mod pieces;
mod replies;
mod requests;
mod template;

use super::{Limits, Parser, Status};

type Words = Vec<Vec<u8>>;

/// What came out of a stream: its requests, and the error that ended it.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    requests: Vec<Words>,
    error: Option<String>,
    /// Bytes that belong to no whole request.
    left: usize,
}

fn words(texts: &[&str]) -> Words {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A connection: bytes arrive piece by piece, whole requests leave.
fn receive<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: &Limits) -> Outcome {
    let mut parser = Parser::new();
    let mut buffer = Vec::new();
    let mut outcome = Outcome::default();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let mut at = 0;
        loop {
            let input = &buffer[at..];
            match parser.parse(input, limits) {
                Ok(Status::Incomplete { want }) => {
                    assert!(want > input.len());
                    break;
                }
                Ok(Status::Skip { consumed }) => at += consumed,
                Ok(Status::Request { consumed }) => {
                    let args = parser.args(input);
                    assert!(!args.is_empty());
                    outcome
                        .requests
                        .push(args.iter().map(<[u8]>::to_vec).collect());
                    at += consumed;
                }
                Err(error) => {
                    outcome.error = Some(error.to_string());
                    return outcome;
                }
            }
        }
        buffer.drain(..at);
    }
    outcome.left = buffer.len();
    outcome
}
