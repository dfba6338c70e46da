//! The configuration file.
//!
//! ```text
//! input: text of the file [0, (name, blank, value) separated by 0: as CONFIG SET gives them]
//! ```
//!
//! Checked: a file that is accepted is, once rewritten with the settings of now, read back to just
//! these, and once more.

use crate::config::{Config, ConfigErrors, find};
use std::io::ErrorKind;
use std::path::Path;

pub fn run(bytes: &[u8]) {
    let input = String::from_utf8_lossy(bytes);
    let mut parts = input.split('\0');
    let text = parts.next().unwrap_or_default();
    let Ok(mut config) = read(text) else { return };
    for change in parts {
        let (name, value) = change.split_once(' ').unwrap_or((change, ""));
        if let Some(setting) = find(name).filter(|setting| setting.changes) {
            let before = config.clone();
            if setting.set_text(&mut config, value).is_err() {
                assert_eq!(config, before, "refused, and changed");
            }
        }
    }
    let mut text = text.to_owned();
    for _ in 0..2 {
        let rewritten = config.rewritten(&text, &no_others);
        text = rewritten.expect("it includes no other file");
        assert_eq!(read(&text).as_ref(), Ok(&config), "{text:?}");
    }
}

fn no_others(_: &Path) -> std::io::Result<String> {
    Err(ErrorKind::NotFound.into())
}

/// The settings of this file; there is no other to include.
fn read(text: &str) -> Result<Config, ConfigErrors> {
    let only = |path: &Path| match path.to_str() {
        Some("fuzz.conf") => Ok(text.to_owned()),
        _ => no_others(path),
    };
    Config::assemble(&["fuzz.conf".to_owned()], &|_| None, &only)
}
