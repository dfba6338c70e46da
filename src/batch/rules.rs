//! What a view asks of the rows of its batches, whoever made the file: the door of batches, as
//! `command/declared.rs` is that of commands.
//!
//! Invariants
//! - Every row of a published batch has a key of its view, and values of the types that the view
//!   declared when it was published; they live for some time if the view says so.
//! - A batch takes features from keys of its view only.

use crate::engine::{BatchRow, Field, Millis};
use crate::rowfile::batch::Facts;
use crate::view::{Feature, OnMissed, Scalar, Template, Type, View, show_duration};
use crate::wide::same;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// See the module.
pub struct Rules {
    view: Arc<View>,
    /// The names of a batch, in its order, each with the feature of that name.
    names: Vec<(Box<[u8]>, Option<usize>)>,
    now: Millis,
    /// Rows of which something is alive now.
    live: AtomicU64,
}

impl Rules {
    /// For the batch of these facts, as of now.
    pub fn of(view: Arc<View>, facts: &Facts, now: Millis) -> Result<Rules, String> {
        let scope = Template::parse(&facts.key)?;
        if !scope.is_within(&view.key) {
            return Err(format!(
                "its keys are {scope}, but those of view {} are {}",
                view.name, view.key
            ));
        }
        let features: HashMap<&[u8], usize> = view
            .features
            .iter()
            .enumerate()
            .map(|(at, feature)| (feature.name.as_bytes(), at))
            .collect();
        let names = facts.names.iter();
        let names = names.map(|name| (name.as_slice().into(), features.get(&name[..]).copied()));
        Ok(Rules {
            names: names.collect(),
            view,
            now,
            live: AtomicU64::new(0),
        })
    }

    /// An error says what is not as the view declares it.
    pub fn check(&self, row: &BatchRow<'_>) -> Result<(), String> {
        if !self.view.key.matches(row.key) {
            return Err(format!(
                "it is no key of view {}: {}",
                self.view.name, self.view.key
            ));
        }
        let (mut checked, mut guess, mut is_live) = (Ok(()), 0, false);
        row.for_each(|field| {
            is_live |= field.expire_at.is_none_or(|at| at > self.now);
            if checked.is_ok() {
                checked = self.check_field(&field, &mut guess);
            }
        });
        self.live.fetch_add(u64::from(is_live), Relaxed);
        checked
    }

    /// Rows that were checked and of which something is alive.
    pub fn live(&self) -> u64 {
        self.live.load(Relaxed)
    }

    /// `guess`: where the name is looked for first.
    fn check_field(&self, field: &Field<'_>, guess: &mut usize) -> Result<(), String> {
        let feature = self.feature(field.name, guess);
        let name = || {
            let name = field.name.escape_ascii();
            format!("FS.VIEW {}.{name}", self.view.name)
        };
        let Some(feature) = feature else {
            return Err(format!("{}: it is not declared", name()));
        };
        check_value(feature, field).map_err(|reason| format!("{}: {reason}", name()))?;
        let ttl = self.view.ttl_of(feature);
        match ttl.filter(|_| self.view.on_missed == OnMissed::Expire) {
            Some(ttl) if field.expire_at.is_none() => Err(format!(
                "{}: a value has no time to live, and {} is declared",
                name(),
                show_duration(ttl)
            )),
            _ => Ok(()),
        }
    }

    /// Rows have their fields in the order of the names, mostly.
    fn feature(&self, name: &[u8], guess: &mut usize) -> Option<&Feature> {
        let from = *guess;
        let order = (from..self.names.len()).chain(0..from);
        let found = |at: &usize| self.names.get(*at).is_some_and(|(n, _)| same(n, name));
        let at = { order }.find(found)?;
        *guess = at + 1;
        self.view.features.get(self.names.get(at)?.1?)
    }
}

/// Numbers, which are most of it, are told without being unpacked.
fn check_value(feature: &Feature, field: &Field<'_>) -> Result<(), String> {
    let value = field.value;
    let is_plain = match feature.kind {
        Type::Scalar(Scalar::Int64 | Scalar::Timestamp) => value.is_plain_integer(),
        Type::Scalar(Scalar::Float64) => value.is_plain_number(),
        _ => false,
    };
    if is_plain {
        return Ok(());
    }
    let mut checked = Ok(());
    let short = value.short(|text, len| checked = feature.check(text.get(..len).unwrap_or(text)));
    short.map_or_else(|plain| feature.check(plain), |()| checked)
}
