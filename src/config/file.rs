//! The configuration file, in Redis's form: a directive a line, words quoted as in `redis.conf`,
//! `#` starts a comment line, `include` takes another file in.

use super::{Config, ConfigError, ConfigErrors, value};
use crate::resp::split_words;
use std::path::Path;

/// How files are read.
pub type Source<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

/// Files that include files that include files: beyond this it is taken for a circle.
const INCLUDES_DEEP_MAX: usize = 16;

/// Take in a file; what is wrong with it is noted, and the rest goes on.
pub fn apply(config: &mut Config, path: &Path, read: Source<'_>, errors: &mut ConfigErrors) {
    apply_nested(config, path, read, (0, errors));
}

fn apply_nested(
    config: &mut Config,
    path: &Path,
    read: Source<'_>,
    (depth, errors): (usize, &mut ConfigErrors),
) {
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => {
            return errors.0.push(ConfigError::Unreadable {
                path: path.display().to_string(),
                error: error.to_string(),
            });
        }
    };
    for (number, line) in (1..).zip(text.lines()) {
        let place = format!("{}:{number}", path.display());
        let (name, values) = match directive(line, &place) {
            Ok(Some(directive)) => directive,
            Ok(None) => continue,
            Err(error) => {
                errors.0.push(error);
                continue;
            }
        };
        if name.eq_ignore_ascii_case("include") {
            if depth >= INCLUDES_DEEP_MAX {
                return errors.0.push(ConfigError::Includes { place });
            }
            for value in &values {
                apply_nested(config, Path::new(value), read, (depth + 1, &mut *errors));
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
            errors.note(config.set(&name, &all, place));
            continue;
        }
        errors.note(config.set(&name, &values, place));
    }
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
