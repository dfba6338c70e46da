//! Zipmaps: the small hashes of Redis before 2.6. The number of fields, names and values, each
//! preceded by its length and values also by how many unused bytes follow them, and an end byte.

use super::RdbError;
use super::fields::Fields;
use super::reader::Reader;

const END: u8 = 0xff;
/// The length follows in four bytes; in the first byte: more fields than it can tell.
const LONG: u8 = 254;

pub fn read(blob: &[u8]) -> Result<Fields, RdbError> {
    let mut fields = Fields::default();
    let mut reader = Reader::new(blob);
    let count = reader.u8()?;
    let mut seen = 0_usize;
    while let Some(name_bytes) = length(&mut reader)? {
        let name = reader.plain(name_bytes)?;
        let value_bytes = length(&mut reader)?.ok_or(RdbError::Format)?;
        let unused = reader.u8()?;
        let value = reader.plain(value_bytes)?;
        reader.take(usize::from(unused))?;
        fields.push(&name, &value, None)?;
        seen = seen.saturating_add(1);
    }
    let counted = count >= LONG || usize::from(count) == seen;
    if counted && reader.is_empty() {
        Ok(fields)
    } else {
        Err(RdbError::Format)
    }
}

/// A length; `None` at the end.
fn length(reader: &mut Reader<'_>) -> Result<Option<u32>, RdbError> {
    Ok(match reader.u8()? {
        END => None,
        // Redis refuses a short length in the long form.
        LONG => match reader.u32_le()? {
            len if len < u32::from(LONG) => return Err(RdbError::Format),
            len => Some(len),
        },
        short => Some(u32::from(short)),
    })
}
