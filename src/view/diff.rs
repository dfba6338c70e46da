//! What distinguishes a view from what it was, for people.

use super::View;
use super::write::{feature_settings, key, settings};

/// A line for each difference; none if the views are the same.
pub fn diff(before: Option<&View>, after: Option<&View>) -> Vec<String> {
    match (before, after) {
        (None, None) => Vec::new(),
        (None, Some(view)) => vec![format!("+ view.{}", view.name)],
        (Some(view), None) => vec![format!("- view.{}", view.name)],
        (Some(before), Some(after)) => changes(before, after),
    }
}

fn changes(before: &View, after: &View) -> Vec<String> {
    let view = format!("view.{}", after.name);
    let mut lines = Vec::new();
    compare(&view, &settings(before), &settings(after), &mut lines);
    let find = |view: &'_ View, name: &str| view.features.iter().position(|f| f.name == name);
    for feature in &after.features {
        let path = format!("{view}.feature.{}", key(&feature.name));
        match find(before, &feature.name).and_then(|at| before.features.get(at)) {
            None => lines.push(format!("+ {path}")),
            Some(old) => {
                let (old, new) = (feature_settings(old), feature_settings(feature));
                compare(&path, &old, &new, &mut lines);
            }
        }
    }
    for feature in &before.features {
        if find(after, &feature.name).is_none() {
            lines.push(format!("- {view}.feature.{}", key(&feature.name)));
        }
    }
    // Of those that stay.
    let order = |view: &View, other: &View| -> Vec<String> {
        let names = view.features.iter().map(|feature| feature.name.clone());
        names.filter(|name| find(other, name).is_some()).collect()
    };
    if order(before, after) != order(after, before) {
        lines.push(format!("~ {view}: the order of its features"));
    }
    lines
}

type Setting = (&'static str, String);

fn compare(path: &str, before: &[Setting], after: &[Setting], lines: &mut Vec<String>) {
    let find = |settings: &[Setting], name: &str| -> Option<String> {
        let setting = settings.iter().find(|(other, _)| *other == name);
        setting.map(|(_, value)| plain(value))
    };
    let gone = before
        .iter()
        .filter(|(name, _)| find(after, name).is_none());
    for (name, _) in after.iter().chain(gone) {
        let (old, new) = (find(before, name), find(after, name));
        if old != new {
            let show = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
            lines.push(format!("~ {path}: {name} {} -> {}", show(old), show(new)));
        }
    }
}

/// A word without its quotes.
fn plain(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    let is_word = |text: &&str| {
        let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        !text.is_empty() && text.bytes().all(plain) && *text != "none"
    };
    inner.filter(is_word).unwrap_or(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    const HEAD: &str = "[view.v]\nentity = 'user'\nkey = 'user:{id}'\n";

    fn view(text: &str) -> View {
        read(&format!("{HEAD}{text}")).unwrap().remove(0)
    }

    #[test]
    fn lines_for_people() {
        let before = view(
            "ttl = '1d'\nowner = 'a b'\n[view.v.feature]\nx = { type = 'int64', ttl = '5m' }\n\
             y = { type = 'int64', default = 1 }\n'a b' = { type = 'bool' }\nz = { type = 'bool' }",
        );
        let after = view(
            "description = 'd'\nowner = 'team'\n[view.v.feature]\n\
             y = { type = 'float64', default = 1 }\nx = { type = 'int64', ttl = '10m' }\n\
             w = { type = 'bool' }\nz = { type = 'bool' }",
        );
        let lines = [
            "~ view.v: owner \"a b\" -> team",
            "~ view.v: description none -> d",
            "~ view.v: ttl 1d -> none",
            "~ view.v.feature.y: type int64 -> float64",
            "~ view.v.feature.y: default 1 -> 1.0",
            "~ view.v.feature.x: ttl 5m -> 10m",
            "+ view.v.feature.w",
            "- view.v.feature.\"a b\"",
            "~ view.v: the order of its features",
        ];
        assert_eq!(diff(Some(&before), Some(&after)), lines);
        assert!(diff(Some(&after), Some(&after)).is_empty());
        assert_eq!(diff(None, Some(&after)), ["+ view.v"]);
        assert_eq!(diff(Some(&after), None), ["- view.v"]);
    }
}
