//! Versions of views as they are kept: fields of a hash, see storage-format.md.

use super::registry::{Registered, Version};
use serde_json::{Value, json};

/// Key of the hash of a view: this and the name of the view.
pub const KEY_PREFIX: &str = "view:";

/// The field with the number of the version in force.
pub const CURRENT: &str = "current";

/// A version that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Of the hash.
    pub key: String,
    /// Of the version.
    pub field: String,
    pub value: String,
    /// The version in force from now on; `None`: none is.
    pub current: Option<u64>,
}

/// The hash of a view, as it is kept.
pub struct Stored {
    /// Of the view.
    pub name: String,
    pub current: Option<u64>,
    /// Names and values of the other fields.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Record {
    /// The last version.
    pub(super) fn of(name: &str, view: &Registered) -> Option<Record> {
        let version = view.last()?;
        let value = json!({
            "time": version.time,
            "author": version.author,
            "text": version.text,
        });
        Some(Record {
            key: format!("{KEY_PREFIX}{name}"),
            field: format!("v{}", version.number),
            value: value.to_string(),
            current: version.text.as_ref().map(|_| version.number),
        })
    }
}

impl Stored {
    /// In order.
    pub(super) fn versions(&self) -> Result<Vec<Version>, String> {
        let read = |(field, value): &(Vec<u8>, Vec<u8>)| {
            let shown = field.escape_ascii();
            let wrong = || format!("view {}: field {shown} is no version", self.name);
            version(field, value).ok_or_else(wrong)
        };
        let versions = self.fields.iter().map(read);
        let mut versions: Vec<Version> = versions.collect::<Result<_, _>>()?;
        versions.sort_by_key(|version| version.number);
        match (1..).zip(&versions).all(|(n, version)| version.number == n) {
            true => Ok(versions),
            false => Err(format!("view {}: a version is missing", self.name)),
        }
    }
}

fn version(field: &[u8], value: &[u8]) -> Option<Version> {
    let number = str::from_utf8(field).ok()?.strip_prefix('v')?;
    let value: Value = serde_json::from_slice(value).ok()?;
    let text = match value.get("text")? {
        Value::Null => None,
        text => Some(text.as_str()?.to_owned()),
    };
    Some(Version {
        number: number.parse().ok()?,
        time: value.get("time")?.as_u64()?,
        author: value.get("author")?.as_str()?.to_owned(),
        text,
    })
}
