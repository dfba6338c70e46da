//! From a payload to a value.

use super::fields::Fields;
use super::listpack::Listpack;
use super::reader::Reader;
use super::text::Text;
use super::ziplist::Ziplist;
use super::{RdbError, kind, seal, zipmap};

/// The latest moment at which Redis lets a field expire, milliseconds since the epoch.
const EXPIRE_AT_MAX: u64 = (1 << 48) - 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    String(Vec<u8>),
    Hash(Fields),
}

/// The value in a payload of `DUMP`.
pub fn parse(payload: &[u8]) -> Result<Value, RdbError> {
    let mut reader = Reader::new(seal::open(payload)?);
    let value = match reader.u8()? {
        kind::STRING => Value::String(reader.string()?.into_bytes().into_owned()),
        kind => Value::Hash(hash(kind, &mut reader)?),
    };
    if reader.is_empty() {
        Ok(value)
    } else {
        Err(RdbError::Format)
    }
}

fn hash(kind: u8, reader: &mut Reader<'_>) -> Result<Fields, RdbError> {
    let fields = match kind {
        kind::HASH | kind::HASH_TEMPLATE_ARRAY => one_by_one(reader)?,
        kind::HASH_VALKEY => with_moments(reader)?,
        kind::HASH_TEMPLATE_LISTPACK => of_template(reader)?,
        kind::HASH_METADATA => with_expiries(reader)?,
        kind::HASH_ZIPMAP => zipmap::read(&reader.blob()?)?,
        kind::HASH_ZIPLIST => {
            let blob = reader.blob()?;
            let mut list = Ziplist::open(&blob)?;
            pairs(|| list.next_text())?
        }
        kind::HASH_LISTPACK => {
            let blob = reader.blob()?;
            let mut list = Listpack::open(&blob)?;
            pairs(|| list.next_text())?
        }
        kind::HASH_LISTPACK_EX => {
            // The earliest expiry: for who does not look into the list.
            reader.u64_le()?;
            triples(&reader.blob()?)?
        }
        other => return Err(kind::of_others(other).map_or(RdbError::Format, RdbError::Kind)),
    };
    if fields.are_a_hash() {
        Ok(fields)
    } else {
        Err(RdbError::Format)
    }
}

fn one_by_one(reader: &mut Reader<'_>) -> Result<Fields, RdbError> {
    let mut fields = Fields::default();
    for _ in 0..reader.length()? {
        let (name, value) = (reader.string()?, reader.string()?);
        fields.push(&name, &value, None)?;
    }
    Ok(fields)
}

/// Each field is followed by when it expires; all ones: never.
fn with_moments(reader: &mut Reader<'_>) -> Result<Fields, RdbError> {
    let mut fields = Fields::default();
    for _ in 0..reader.length()? {
        let (name, value) = (reader.string()?, reader.string()?);
        let expire_at = match reader.u64_le()? {
            u64::MAX => None,
            at => Some(moment(Some(at))?),
        };
        fields.push(&name, &value, expire_at)?;
    }
    Ok(fields)
}

/// The names of the template, as a listpack or as a count and texts, then the values as a listpack,
/// which may begin with the number of the template. Both forms are told of Redis 8.10; which it is
/// shows in that it is read to its end.
fn of_template(reader: &mut Reader<'_>) -> Result<Fields, RdbError> {
    let begin = *reader;
    let two_lists = |reader: &mut Reader<'_>| {
        let blob = reader.blob()?;
        let names = texts(&blob)?;
        let blob = reader.blob()?;
        fields_of(&names, &texts(&blob)?)
    };
    match two_lists(reader) {
        Ok(fields) if reader.is_empty() => Ok(fields),
        _ => {
            *reader = begin;
            let mut names = Vec::new();
            for _ in 0..reader.length()? {
                names.push(reader.string()?);
            }
            let blob = reader.blob()?;
            fields_of(&names, &texts(&blob)?)
        }
    }
}

fn texts(blob: &[u8]) -> Result<Vec<Text<'_>>, RdbError> {
    let mut list = Listpack::open(blob)?;
    let mut texts = Vec::new();
    while let Some(text) = list.next_text()? {
        texts.push(text);
    }
    Ok(texts)
}

fn fields_of(names: &[Text<'_>], values: &[Text<'_>]) -> Result<Fields, RdbError> {
    let values = match values.split_first() {
        Some((Text::Integer(_), rest)) if rest.len() == names.len() => rest,
        _ => values,
    };
    if names.len() != values.len() {
        return Err(RdbError::Format);
    }
    let mut fields = Fields::default();
    for (name, value) in names.iter().zip(values) {
        fields.push(name, value, None)?;
    }
    Ok(fields)
}

/// Each field is preceded by its expiry: 0 for never, else 1 for the earliest of all and so on.
fn with_expiries(reader: &mut Reader<'_>) -> Result<Fields, RdbError> {
    let mut fields = Fields::default();
    let earliest = reader.u64_le()?;
    for _ in 0..reader.length()? {
        let expire_at = match reader.length()?.checked_sub(1) {
            None => None,
            Some(later) => Some(moment(earliest.checked_add(later))?),
        };
        let (name, value) = (reader.string()?, reader.string()?);
        fields.push(&name, &value, expire_at)?;
    }
    Ok(fields)
}

fn pairs<'a>(
    mut next: impl FnMut() -> Result<Option<Text<'a>>, RdbError>,
) -> Result<Fields, RdbError> {
    let mut fields = Fields::default();
    while let Some(name) = next()? {
        let value = next()?.ok_or(RdbError::Format)?;
        fields.push(&name, &value, None)?;
    }
    Ok(fields)
}

/// Name, value and expiry (0 for never) of each field.
fn triples(blob: &[u8]) -> Result<Fields, RdbError> {
    let mut fields = Fields::default();
    let mut list = Listpack::open(blob)?;
    while let Some(name) = list.next_text()? {
        let value = list.next_text()?.ok_or(RdbError::Format)?;
        let expire_at = match list.next_text()? {
            Some(Text::Integer(0)) => None,
            Some(Text::Integer(at)) => Some(moment(u64::try_from(at).ok())?),
            _ => return Err(RdbError::Format),
        };
        fields.push(&name, &value, expire_at)?;
    }
    Ok(fields)
}

fn moment(at: Option<u64>) -> Result<u64, RdbError> {
    at.filter(|at| *at <= EXPIRE_AT_MAX).ok_or(RdbError::Format)
}
