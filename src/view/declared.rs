//! What is declared of the fields of a key: asked for each field that is written.
//!
//! Views with the same template are matched once and found in one table, so that a hundred views of
//! a few kinds of entities cost what a few views do.

use super::{Feature, Template, View};
use rapidhash::RapidHashMap;
use smallvec::SmallVec;
use std::sync::Arc;

/// Of all views in force.
#[derive(Default)]
pub struct Declarations {
    patterns: Vec<Pattern>,
}

struct Pattern {
    key: Template,
    fields: Fields,
}

type Fields = RapidHashMap<Box<[u8]>, Declared>;

/// What is declared of a field.
pub struct Declared {
    view: Arc<View>,
    feature: usize,
    /// Milliseconds from each write on.
    pub ttl: Option<u64>,
}

/// What is declared of the fields of one key.
pub struct OfKey<'a> {
    patterns: SmallVec<[&'a Fields; 2]>,
}

impl Declarations {
    pub(super) fn of(views: impl Iterator<Item = Arc<View>>) -> Declarations {
        let mut patterns: Vec<Pattern> = Vec::new();
        for view in views {
            let at = patterns.iter().position(|pattern| pattern.key == view.key);
            let at = at.unwrap_or_else(|| {
                patterns.push(Pattern {
                    key: view.key.clone(),
                    fields: Fields::default(),
                });
                patterns.len() - 1
            });
            let Some(pattern) = patterns.get_mut(at) else {
                continue;
            };
            for (at, feature) in view.features.iter().enumerate() {
                let declared = Declared {
                    view: view.clone(),
                    feature: at,
                    ttl: view.ttl_of(feature),
                };
                let name = feature.name.as_bytes().into();
                pattern.fields.insert(name, declared);
            }
        }
        Declarations { patterns }
    }

    /// `None`: nothing is.
    #[inline]
    pub fn of_key(&self, key: &[u8]) -> Option<OfKey<'_>> {
        let matching = self.patterns.iter().filter(|p| p.key.matches(key));
        let patterns: SmallVec<_> = matching.map(|pattern| &pattern.fields).collect();
        (!patterns.is_empty()).then_some(OfKey { patterns })
    }

    /// How many templates a key is compared with.
    pub fn patterns(&self) -> usize {
        self.patterns.len()
    }
}

impl<'a> OfKey<'a> {
    #[inline]
    pub fn field(&self, name: &[u8]) -> Option<&'a Declared> {
        self.patterns.iter().find_map(|fields| fields.get(name))
    }
}

impl Declared {
    pub fn feature(&self) -> Option<&Feature> {
        self.view.features.get(self.feature)
    }

    /// Whether the value is of the type; an error names the view and the feature.
    pub fn check(&self, value: &[u8]) -> Result<(), String> {
        let Some(feature) = self.feature() else {
            return Ok(());
        };
        let named = |what| format!("{}.{}: {what}", self.view.name, feature.name);
        feature.check(value).map_err(named)
    }
}
