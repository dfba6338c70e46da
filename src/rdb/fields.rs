//! The fields of a hash that was read: their bytes lie one after the other, because a payload of a
//! few bytes a field would grow many times over as a string each.

use super::RdbError;
use super::text::Text;
use std::collections::HashSet;

/// Names and values of one hash together: compressed strings could unpack to 88 times a payload.
/// Tests get by with less memory.
const BYTES_MAX: usize = if cfg!(test) { 1 << 24 } else { 1 << 30 };

/// Fields in the order of the payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// A name and the value that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    name_bytes: u32,
    value_bytes: u32,
    expire_at: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
    /// When it expires, milliseconds since the epoch.
    pub expire_at: Option<u64>,
}

impl Fields {
    pub(super) fn push(
        &mut self,
        name: &Text<'_>,
        value: &Text<'_>,
        expire_at: Option<u64>,
    ) -> Result<(), RdbError> {
        let name_bytes = self.append(name)?;
        let value_bytes = self.append(value)?;
        self.spans.push(Span {
            name_bytes,
            value_bytes,
            expire_at,
        });
        Ok(())
    }

    /// Answers the length of what was appended.
    fn append(&mut self, text: &Text<'_>) -> Result<u32, RdbError> {
        let start = self.bytes.len();
        text.append_to(&mut self.bytes);
        if self.bytes.len() > BYTES_MAX {
            return Err(RdbError::Format);
        }
        u32::try_from(self.bytes.len().saturating_sub(start)).map_err(|_| RdbError::Format)
    }

    /// Whether these may be a hash: there are some, and no name comes twice.
    pub(super) fn are_a_hash(&self) -> bool {
        let mut names = HashSet::with_capacity(self.spans.len());
        !self.spans.is_empty() && self.iter().all(|field| names.insert(field.name))
    }

    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        let mut rest = self.bytes.as_slice();
        self.spans.iter().map_while(move |span| {
            let (name, after) = rest.split_at_checked(span.name_bytes as usize)?;
            let (value, after) = after.split_at_checked(span.value_bytes as usize)?;
            rest = after;
            Some(Field {
                name,
                value,
                expire_at: span.expire_at,
            })
        })
    }
}
