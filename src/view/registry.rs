//! All views of a server, with every version that each of them ever had.
//!
//! Invariants
//! - A registry does not change: a [`Change`] holds the next one, and the records that make it.
//! - No feature is in two views that could have a key in common: what is said of a field of a key
//!   is said once.
//! - Versions count from 1, in order; the one in force, if there is one, is the last.

use super::declared::Declarations;
use super::record::{Record, Stored};
use super::{Feature, View, diff, read, write};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// See the module.
#[derive(Default)]
pub struct Registry {
    views: BTreeMap<String, Arc<Registered>>,
    declarations: Declarations,
}

/// A view that is, or was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registered {
    /// In force; `None`: dropped.
    pub view: Option<Arc<View>>,
    /// In order, the first is 1.
    pub versions: Vec<Version>,
    /// The names of all features that it ever had.
    pub features_ever: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub number: u64,
    /// Milliseconds since the epoch.
    pub time: u64,
    pub author: String,
    /// The declaration in its one form; `None`: this version dropped the view.
    pub text: Option<String>,
}

/// What applying or dropping would do.
pub struct Change {
    pub registry: Registry,
    /// For people; none if nothing changes.
    pub lines: Vec<String>,
    /// To be kept.
    pub records: Vec<Record>,
}

/// Who changes views, and when.
#[derive(Clone, Copy)]
pub struct By<'a> {
    pub author: &'a str,
    /// Milliseconds since the epoch.
    pub time: u64,
}

impl Registered {
    pub fn last(&self) -> Option<&Version> {
        self.versions.last()
    }

    /// The version in force.
    pub fn current(&self) -> Option<(&View, &Version)> {
        Some((self.view.as_deref()?, self.last()?))
    }

    fn next(&self, view: Option<View>, by: By<'_>) -> Registered {
        let mut next = self.clone();
        let names = view.iter().flat_map(|view| &view.features);
        next.features_ever.extend(names.map(|f| f.name.clone()));
        next.versions.push(Version {
            number: self.last().map_or(1, |last| last.number + 1),
            time: by.time,
            author: by.author.to_owned(),
            text: view.as_ref().map(write),
        });
        next.view = view.map(Arc::new);
        next
    }
}

impl Registry {
    /// What was kept; an error says what cannot be read.
    pub fn load(stored: impl Iterator<Item = Stored>) -> Result<Registry, String> {
        let mut views = BTreeMap::new();
        for stored in stored {
            let wrong = |reason: &str| format!("view {}: {reason}", stored.name);
            let mut registered = Registered::default();
            for version in stored.versions()? {
                let view = version.text.as_deref().map(|text| {
                    let views = read(text).map_err(|error| wrong(&error.to_string()))?;
                    let view = views.into_iter().next();
                    view.filter(|view| view.name == stored.name)
                        .ok_or_else(|| wrong("declares another"))
                });
                let view = view.transpose()?;
                let by = By {
                    author: &version.author,
                    time: version.time,
                };
                registered = registered.next(view, by);
            }
            let (last, view) = (registered.last(), &registered.view);
            let in_force = last.filter(|_| view.is_some()).map(|last| last.number);
            if last.is_none() || stored.current != in_force {
                return Err(wrong("its versions and the one in force do not agree"));
            }
            views.insert(stored.name.clone(), Arc::new(registered));
        }
        Ok(Registry::of(views))
    }

    fn of(views: BTreeMap<String, Arc<Registered>>) -> Registry {
        let in_force = views.values().filter_map(|view| view.view.clone());
        let declarations = Declarations::of(in_force);
        Registry {
            views,
            declarations,
        }
    }

    /// Whether no view is in force.
    pub fn is_empty(&self) -> bool {
        self.views.values().all(|view| view.view.is_none())
    }

    /// What is declared, to look fields up.
    pub fn declarations(&self) -> &Declarations {
        &self.declarations
    }

    /// Those that are and those that were, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Registered)> {
        let views = self.views.iter();
        views.map(|(name, view)| (name.as_str(), &**view))
    }

    pub fn get(&self, name: &str) -> Option<&Registered> {
        self.views.get(name).map(|view| &**view)
    }

    /// Declare these views, each anew or in the place of what it was; others stay.
    pub fn apply(&self, declared: Vec<View>, by: By<'_>) -> Result<Change, String> {
        let mut views = self.views.clone();
        let (mut lines, mut records, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        for view in declared {
            let name = view.name.clone();
            let old = views.entry(name.clone()).or_default();
            if old.view.as_deref() == Some(&view) {
                continue;
            }
            lines.extend(diff(old.view.as_deref(), Some(&view)));
            let next = Arc::new(old.next(Some(view), by));
            records.extend(Record::of(&name, &next));
            changed.extend(next.view.clone());
            *old = next;
        }
        let in_force: Vec<&View> = views.values().filter_map(|v| v.view.as_deref()).collect();
        changed.iter().try_for_each(|view| alone(view, &in_force))?;
        Ok(Change {
            registry: Registry::of(views),
            lines,
            records,
        })
    }

    /// `None`: there is no such view.
    pub fn without(&self, name: &str, by: By<'_>) -> Option<Change> {
        let old = self.get(name)?;
        let lines = diff(Some(old.view.as_deref()?), None);
        let next = Arc::new(old.next(None, by));
        let records = Record::of(name, &next).into_iter().collect();
        let mut views = self.views.clone();
        views.insert(name.to_owned(), next);
        Some(Change {
            registry: Registry::of(views),
            lines,
            records,
        })
    }
}

/// Whether a view shares no feature with another that may have the same keys.
fn alone(view: &View, others: &[&View]) -> Result<(), String> {
    let names: HashMap<&str, &Feature> = view.features.iter().map(|f| (&*f.name, f)).collect();
    for other in others.iter().filter(|other| other.name != view.name) {
        let mut shared = other.features.iter();
        let shared = shared.find(|feature| names.contains_key(&*feature.name));
        if let Some(feature) = shared.filter(|_| view.key.overlaps(&other.key)) {
            return Err(format!(
                "feature {:?} is in view.{} (key {}) and in view.{} (key {}), which may have the \
                 same keys",
                feature.name, view.name, view.key, other.name, other.key
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
