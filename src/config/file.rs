//! The configuration file, in Redis's form: a directive a line, words quoted as in `redis.conf`,
//! `#` starts a comment line, `include` takes another file in.

use super::{Config, ConfigError, value};
use crate::resp::split_words;
use std::path::Path;

/// How files are read.
pub type Source<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

/// Files that include files that include files: beyond this it is taken for a circle.
const INCLUDES_DEEP_MAX: usize = 16;

pub fn apply(config: &mut Config, path: &Path, read: Source<'_>) -> Result<(), ConfigError> {
    apply_nested(config, path, read, 0)
}

fn apply_nested(
    config: &mut Config,
    path: &Path,
    read: Source<'_>,
    depth: usize,
) -> Result<(), ConfigError> {
    let text = read(path).map_err(|error| ConfigError::Unreadable {
        path: path.display().to_string(),
        error: error.to_string(),
    })?;
    for (number, line) in (1..).zip(text.lines()) {
        let place = format!("{}:{number}", path.display());
        let Some((name, values)) = directive(line, &place)? else {
            continue;
        };
        if name.eq_ignore_ascii_case("include") {
            if depth >= INCLUDES_DEEP_MAX {
                return Err(ConfigError::Includes { place });
            }
            for value in &values {
                apply_nested(config, Path::new(value), read, depth + 1)?;
            }
            continue;
        }
        if name.eq_ignore_ascii_case("save") && values.iter().any(|value| !value.is_empty()) {
            // Each line of them adds to those before.
            let before = config
                .save
                .as_deref()
                .map(value::rules_text)
                .unwrap_or_default();
            let before = before.split_ascii_whitespace().map(str::to_owned);
            let all: Vec<String> = before.chain(values).collect();
            config.set(&name, &all, place)?;
            continue;
        }
        config.set(&name, &values, place)?;
    }
    Ok(())
}

/// The name and the words of a line; `None` for an empty line or a comment.
pub fn directive(line: &str, place: &str) -> Result<Option<(String, Vec<String>)>, ConfigError> {
    let line = line.trim();
    if line.starts_with('#') {
        return Ok(None);
    }
    let words = split_words(line.as_bytes()).unwrap_or_default();
    let words: Result<Vec<_>, _> = words.into_iter().map(String::from_utf8).collect();
    match words.unwrap_or_default().split_first() {
        Some((name, values)) => Ok(Some((name.clone(), values.to_vec()))),
        None if line.is_empty() => Ok(None),
        None => Err(ConfigError::Words {
            place: place.to_owned(),
        }),
    }
}
