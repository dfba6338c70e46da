//! A string as a payload stores it: as it is, as an integer, or compressed.

use std::borrow::Cow;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    Plain(&'a [u8]),
    Integer(i64),
    Unpacked(Vec<u8>),
}

impl<'a> Text<'a> {
    pub fn append_to(&self, target: &mut Vec<u8>) {
        match self {
            Text::Plain(bytes) => target.extend_from_slice(bytes),
            Text::Integer(n) => {
                target.extend_from_slice(itoa::Buffer::new().format(*n).as_bytes());
            }
            Text::Unpacked(bytes) => target.extend_from_slice(bytes),
        }
    }

    pub fn into_bytes(self) -> Cow<'a, [u8]> {
        match self {
            Text::Plain(bytes) => Cow::Borrowed(bytes),
            Text::Integer(n) => Cow::Owned(n.to_string().into_bytes()),
            Text::Unpacked(bytes) => Cow::Owned(bytes),
        }
    }
}
