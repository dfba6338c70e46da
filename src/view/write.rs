//! A view as the text that declares it: one form for each view.

use super::default::shown;
use super::{Encoding, Feature, OnMissed, TimeUnit, Type, View, show_duration};

/// The text; it reads back as this view.
pub fn write(view: &View) -> String {
    let view_name = key(&view.name);
    let mut text = format!("[view.{view_name}]\n");
    for (name, value) in settings(view) {
        text.push_str(&format!("{name} = {value}\n"));
    }
    text.push_str(&format!("\n[view.{view_name}.feature]\n"));
    for feature in &view.features {
        let settings = feature_settings(feature);
        let settings: Vec<String> = settings
            .into_iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        let name = key(&feature.name);
        text.push_str(&format!("{name} = {{ {} }}\n", settings.join(", ")));
    }
    text
}

/// What a view says of itself: names and TOML values.
pub fn settings(view: &View) -> Vec<(&'static str, String)> {
    let text = |text: &Option<String>| text.as_deref().map(quote);
    let keeps = view.on_missed != OnMissed::default();
    let settings = [
        ("entity", Some(quote(&view.entity))),
        ("key", Some(quote(&view.key.to_string()))),
        ("ttl", ttl(view.ttl)),
        ("owner", text(&view.owner)),
        ("description", text(&view.description)),
        ("source", text(&view.source)),
        ("event_time", text(&view.event_time)),
        ("event_time_unit", unit(view.event_time_unit)),
        ("tags", tags(&view.tags)),
        ("on_missed", keeps.then(|| quote(view.on_missed.name()))),
    ];
    present(settings)
}

pub fn feature_settings(feature: &Feature) -> Vec<(&'static str, String)> {
    let Feature { kind, encoding, .. } = *feature;
    let default = feature.default.as_ref();
    let encoded = !matches!(kind, Type::Scalar(_)) && encoding != kind.encoding();
    let dim = match kind {
        Type::Embedding { dim } => Some(dim.to_string()),
        _ => None,
    };
    let settings = [
        ("type", Some(quote(&kind.to_string()))),
        ("dim", dim),
        ("encoding", encoded.then(|| quote(Encoding::name(encoding)))),
        ("unit", unit(feature.unit)),
        ("default", default.map(|bytes| shown(kind, encoding, bytes))),
        ("ttl", ttl(feature.ttl)),
        ("column", feature.column.as_deref().map(quote)),
        ("description", feature.description.as_deref().map(quote)),
        ("tags", tags(&feature.tags)),
    ];
    present(settings)
}

fn present<const N: usize>(
    settings: [(&'static str, Option<String>); N],
) -> Vec<(&'static str, String)> {
    let settings = settings.into_iter();
    settings
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

fn ttl(millis: Option<u64>) -> Option<String> {
    millis.map(|millis| quote(&show_duration(millis)))
}

fn unit(unit: TimeUnit) -> Option<String> {
    (unit != TimeUnit::default()).then(|| quote(unit.name()))
}

fn tags(tags: &[String]) -> Option<String> {
    let quoted: Vec<String> = tags.iter().map(|tag| quote(tag)).collect();
    (!tags.is_empty()).then(|| format!("[{}]", quoted.join(", ")))
}

/// A name before `=`.
pub fn key(name: &str) -> String {
    let is_bare = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    match !name.is_empty() && name.bytes().all(is_bare) {
        true => name.to_owned(),
        false => quote(name),
    }
}

/// A string, in a form that TOML and JSON have in common.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
