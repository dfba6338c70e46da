//! Texts that declare views.
//!
//! ```text
//! input: text [0, key]...
//! ```
//!
//! Checked: views that are read are written to a text that is read to the same views, and to the
//! same text; an error is in a line of the text; a key that two views match shows that they
//! overlap.

use crate::view::{View, diff, read, write};

pub fn run(bytes: &[u8]) {
    let input = String::from_utf8_lossy(bytes);
    let mut parts = input.split('\0');
    let text = parts.next().unwrap_or_default();
    let views = match read(text) {
        Ok(views) => views,
        Err(error) => {
            let lines = 1 + text.matches('\n').count();
            return assert!((1..=lines).contains(&error.line), "{error}");
        }
    };
    let written: String = views.iter().map(write).collect();
    let again = read(&written).expect("what was written");
    assert_eq!(again, views, "{written}");
    assert_eq!(again.iter().map(write).collect::<String>(), written);
    for view in &views {
        assert!(!view.features.is_empty() && diff(Some(view), Some(view)).is_empty());
        for feature in &view.features {
            let default = feature.default.as_deref();
            assert!(default.is_none_or(|value| feature.check(value).is_ok()));
        }
    }
    for key in parts {
        let matching: Vec<&View> = views
            .iter()
            .filter(|view| view.key.matches(key.as_bytes()))
            .collect();
        for view in &matching {
            assert!(matching.iter().all(|other| view.key.overlaps(&other.key)));
        }
    }
}
