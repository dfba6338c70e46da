//! The reply parser, which reads what a server sends to `fieldstone load`.
//!
//! ```text
//! input: depth u8, cut u16, stream
//! ```
//!
//! Checked: a reply takes no more than there is; of a part of the stream the parser says the same,
//! or that it waits for more.

use super::input::Input;
use crate::resp::parse_reply;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let depth_max = usize::from(input.u8() % 16);
    let cut = usize::from(input.u16());
    let mut stream = input.rest();
    loop {
        let part = &stream[..cut.min(stream.len())];
        let (whole, part) = (parse_reply(stream, depth_max), parse_reply(part, depth_max));
        if !matches!(part, Ok(None)) {
            // Not by `==`: a double may be no number.
            assert_eq!(format!("{part:?}"), format!("{whole:?}"), "cut at {cut}");
        }
        let Ok(Some((_, used))) = whole else { return };
        assert!((1..=stream.len()).contains(&used));
        stream = &stream[used..];
    }
}
