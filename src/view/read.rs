//! From the text that declares views to views.
//!
//! Invariant: an error says the line, and the view and feature as far as they are known.

use super::declaration::{DIM_MAX, NAME_BYTES_MAX, TEXT_BYTES_MAX};
use super::default::stored;
use super::write::{key, quote};
use super::{Encoding, Feature, OnMissed, Scalar, Template, TimeUnit, Type, View, duration};
use std::fmt;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Why a text declares no views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// From 1 on.
    pub line: usize,
    /// `view.user_purchases.feature.cart_value`; empty for what is no TOML.
    pub place: String,
    pub reason: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ReadError {}

/// The views that this text declares: at least one.
pub fn read(text: &str) -> Result<Vec<View>, ReadError> {
    let spot = Spot {
        text,
        at: 0,
        place: String::new(),
    };
    if text.len() > TEXT_BYTES_MAX {
        return Err(spot.fail(format!("more than {TEXT_BYTES_MAX} bytes")));
    }
    let document = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let message = error.message().replace('\n', ", ");
        spot.at(&span).fail(message)
    })?;
    let mut views = Vec::new();
    for entry in entries(&spot, document.get_ref()) {
        if entry.name != "view" {
            return Err(spot.unknown(&entry, "view"));
        }
        let spot = entry.spot.within("view");
        for entry in entries(&spot, spot.table(entry.value)?) {
            views.push(view(&entry)?);
        }
    }
    if views.is_empty() {
        return Err(spot.fail("no view is declared: [view.NAME]"));
    }
    Ok(views)
}

/// A place in the text.
struct Spot<'t> {
    text: &'t str,
    at: usize,
    place: String,
}

/// A key and its value.
struct Entry<'t, 'd> {
    name: &'d str,
    value: &'d DeValue<'t>,
    /// Where the key is, in the place of its table.
    spot: Spot<'t>,
}

fn entries<'t, 'd>(spot: &Spot<'t>, table: &'d DeTable<'t>) -> impl Iterator<Item = Entry<'t, 'd>> {
    table.iter().map(|(name, value)| Entry {
        name: name.get_ref(),
        value: value.get_ref(),
        spot: spot.at(&name.span()),
    })
}

impl<'t> Spot<'t> {
    fn at(&self, span: &Range<usize>) -> Spot<'t> {
        Spot {
            text: self.text,
            at: span.start,
            place: self.place.clone(),
        }
    }

    /// The same place in the text, named more closely.
    fn within(&self, name: &str) -> Spot<'t> {
        let place = match self.place.is_empty() {
            true => name.to_owned(),
            false => format!("{}.{name}", self.place),
        };
        Spot {
            text: self.text,
            at: self.at,
            place,
        }
    }

    fn fail(&self, reason: impl Into<String>) -> ReadError {
        let before = self.text.as_bytes().get(..self.at).unwrap_or_default();
        ReadError {
            line: 1 + memchr::memchr_iter(b'\n', before).count(),
            place: self.place.clone(),
            reason: reason.into(),
        }
    }

    fn unknown(&self, entry: &Entry<'_, '_>, known: &str) -> ReadError {
        let name = quote(entry.name);
        entry
            .spot
            .fail(format!("unknown key {name}; known: {known}"))
    }

    fn table<'v, 'd>(&self, value: &'v DeValue<'d>) -> Result<&'v DeTable<'d>, ReadError> {
        match value {
            DeValue::Table(table) => Ok(table),
            other => Err(self.fail(format!("must be a table, is {}", other.type_str()))),
        }
    }
}

impl Entry<'_, '_> {
    fn fail(&self, reason: impl fmt::Display) -> ReadError {
        self.spot.fail(format!("{} {reason}", self.name))
    }

    fn text(&self) -> Result<String, ReadError> {
        match self.value {
            DeValue::String(text) => Ok(text.clone().into_owned()),
            other => Err(self.fail(format!("must be a string, is {}", other.type_str()))),
        }
    }

    /// A text that is a name of something.
    fn name(&self) -> Result<String, ReadError> {
        let name = self.text()?;
        match name.is_empty() || name.len() > NAME_BYTES_MAX {
            true => Err(self.fail(format!("must be of 1 to {NAME_BYTES_MAX} bytes"))),
            false => Ok(name),
        }
    }

    fn ttl(&self) -> Result<u64, ReadError> {
        let text = self.text()?;
        duration(&text).map_err(|reason| self.fail(format!("{}: {reason}", quote(&text))))
    }

    fn tags(&self) -> Result<Vec<String>, ReadError> {
        let wrong = || self.fail("must be an array of strings");
        let DeValue::Array(items) = self.value else {
            return Err(wrong());
        };
        let tag = |item: &DeValue<'_>| match item {
            DeValue::String(text) => Ok(text.clone().into_owned()),
            _ => Err(wrong()),
        };
        items.iter().map(|item| tag(item.get_ref())).collect()
    }

    /// One of a few words.
    fn word<T>(&self, words: &[T], name: impl Fn(&T) -> &'static str) -> Result<T, ReadError>
    where
        T: Copy,
    {
        let text = self.text()?;
        let word = words.iter().find(|word| name(word) == text);
        let names: Vec<&str> = words.iter().map(&name).collect();
        let (text, names) = (quote(&text), names.join(", "));
        word.copied()
            .ok_or_else(|| self.fail(format!("{text}: is none of {names}")))
    }
}

fn view(declared: &Entry<'_, '_>) -> Result<View, ReadError> {
    let spot = declared.spot.within(&key(declared.name));
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if declared.name.len() > NAME_BYTES_MAX
        || declared.name.is_empty()
        || !declared.name.bytes().all(is_plain)
    {
        return Err(spot.fail("the name of a view is made of letters, digits, _ and -"));
    }
    let (mut entity, mut template) = (None, None);
    let mut view = View::named(declared.name);
    for entry in entries(&spot, spot.table(declared.value)?) {
        match entry.name {
            "entity" => entity = Some(entry.name()?),
            "key" => template = Some(key_template(&entry)?),
            "ttl" => view.ttl = Some(entry.ttl()?),
            "owner" => view.owner = Some(entry.text()?),
            "description" => view.description = Some(entry.text()?),
            "source" => view.source = Some(entry.text()?),
            "event_time" => view.event_time = Some(entry.name()?),
            "event_time_unit" => {
                view.event_time_unit = entry.word(&TimeUnit::ALL, |unit| unit.name())?;
            }
            "tags" => view.tags = entry.tags()?,
            "on_missed" => {
                let words = [OnMissed::Expire, OnMissed::Keep];
                view.on_missed = entry.word(&words, |word| word.name())?;
            }
            "feature" => {
                let spot = entry.spot.within("feature");
                for entry in entries(&spot, spot.table(entry.value)?) {
                    view.features.push(feature(&entry)?);
                }
            }
            _ => {
                let known = "entity, key, ttl, owner, description, source, event_time, \
                             event_time_unit, tags, on_missed, feature";
                return Err(spot.unknown(&entry, known));
            }
        }
    }
    view.entity = entity.ok_or_else(|| spot.fail("has no entity"))?;
    view.key = template.ok_or_else(|| spot.fail("has no key"))?;
    match view.features.is_empty() {
        true => Err(spot.fail("has no features")),
        false => Ok(view),
    }
}

/// A template that a key can be matched with.
fn key_template(entry: &Entry<'_, '_>) -> Result<Template, ReadError> {
    let text = entry.name()?;
    let template = Template::parse(&text).map_err(|reason| entry.fail(reason))?;
    if template.is_ambiguous() {
        let reason = "two columns without a text between them";
        return Err(entry.fail(format!("{text:?}: {reason}")));
    }
    let mut columns: Vec<&str> = template.columns().collect();
    columns.sort_unstable();
    if columns.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(entry.fail(format!("{text:?} names a column twice")));
    }
    Ok(template)
}

fn feature(declared: &Entry<'_, '_>) -> Result<Feature, ReadError> {
    let spot = declared.spot.within(&key(declared.name));
    if declared.name.is_empty() || declared.name.len() > NAME_BYTES_MAX {
        let reason = format!("the name of a feature is of 1 to {NAME_BYTES_MAX} bytes");
        return Err(spot.fail(reason));
    }
    let mut feature = Feature::of_type(declared.name, Type::Scalar(Scalar::Bytes));
    let mut unit = None;
    let (mut kind, mut dim, mut encoding, mut default) = (None, None, None, None);
    for entry in entries(&spot, spot.table(declared.value)?) {
        match entry.name {
            "type" => kind = Some(entry),
            "dim" => dim = Some(entry),
            "encoding" => encoding = Some(entry),
            "unit" => unit = Some(entry),
            "default" => default = Some(entry),
            "ttl" => feature.ttl = Some(entry.ttl()?),
            "description" => feature.description = Some(entry.text()?),
            "tags" => feature.tags = entry.tags()?,
            "column" => feature.column = Some(entry.name()?),
            _ => {
                let known = "type, dim, encoding, unit, default, ttl, column, description, tags";
                return Err(spot.unknown(&entry, known));
            }
        }
    }
    let kind = kind.ok_or_else(|| spot.fail("has no type"))?;
    feature.kind = self::kind(&kind, dim.as_ref())?;
    feature.encoding = self::encoding(feature.kind, encoding.as_ref())?;
    if let Some(unit) = unit {
        if feature.kind != Type::Scalar(Scalar::Timestamp) {
            return Err(unit.fail("is for timestamps only"));
        }
        feature.unit = unit.word(&TimeUnit::ALL, |unit| unit.name())?;
    }
    if let Some(default) = default {
        let bytes = stored(feature.kind, feature.encoding, default.value);
        feature.default = Some(bytes.map_err(|reason| default.fail(reason))?);
    }
    Ok(feature)
}

fn kind(entry: &Entry<'_, '_>, dim: Option<&Entry<'_, '_>>) -> Result<Type, ReadError> {
    let text = entry.text()?;
    let list = text.strip_prefix("list<").and_then(|t| t.strip_suffix('>'));
    if text == "embedding" {
        let dim = dim.ok_or_else(|| entry.fail("\"embedding\" needs a dim"))?;
        let number = match dim.value {
            DeValue::Integer(n) => u32::from_str_radix(n.as_str(), n.radix()).ok(),
            _ => None,
        };
        let number = number.filter(|n| (1..=DIM_MAX).contains(n));
        let wrong = || dim.fail(format!("must be a number from 1 to {DIM_MAX}"));
        return Ok(Type::Embedding {
            dim: number.ok_or_else(wrong)?,
        });
    }
    let kind = match list {
        Some(item) => Scalar::parse(item).map(Type::List),
        None => Scalar::parse(&text).map(Type::Scalar),
    };
    let kind = kind.ok_or_else(|| {
        let names = "int64, float64, float32, string, bool, bytes, timestamp, list<...> of these, \
                     embedding";
        entry.fail(format!("{}: is none of {names}", quote(&text)))
    })?;
    match dim {
        Some(dim) => Err(dim.fail("is for embeddings only")),
        None => Ok(kind),
    }
}

fn encoding(kind: Type, entry: Option<&Entry<'_, '_>>) -> Result<Encoding, ReadError> {
    let Some(entry) = entry else {
        return Ok(kind.encoding());
    };
    let encoding = entry.word(&[Encoding::Packed, Encoding::Json], |word| word.name())?;
    match kind {
        Type::Scalar(_) => Err(entry.fail("is for lists and embeddings only")),
        Type::List(item) if encoding == Encoding::Packed && item.packed_bytes().is_none() => {
            Err(entry.fail(format!("\"packed\": a {kind} can only be json")))
        }
        _ => Ok(encoding),
    }
}

#[cfg(test)]
mod tests;
