//! Which columns of a file make the key, the time and the features of a view.
//!
//! Invariants
//! - The inputs of a plan are, in this order: the columns of the key, the time, one for each
//!   feature in the view's order. A block has its columns in the order of the inputs.
//! - What a view asks for is there in every file, or the load ends with the name of what is
//!   missing.

use std::sync::Arc;

use super::convert::Target;
use super::delimited;
use super::source::{Source, Wanted};
use super::storage::File;
use crate::client::Failure;
use crate::view::{Feature, OnMissed, Part, Scalar, Template, Type, View};
use crate::words::did_you_mean;

pub struct Plan {
    pub view: View,
    /// Of the view, with what `--set` fixed.
    pub key: Template,
    /// A key of a declared view must be found by it again.
    checks_keys: bool,
    inputs: Vec<Input>,
    key_parts: Vec<KeyPart>,
    /// The input with the time of a row.
    pub time: Option<usize>,
    /// The input of the first feature; the others follow.
    pub first_feature: usize,
    /// Features with defaults: the input, and what stands in for a null.
    pub defaults: Vec<(usize, Vec<u8>)>,
    /// How long the features live, in the view's order; `None`: they do not expire.
    pub ttls: Vec<Option<u64>>,
    allow_missing: bool,
}

/// A column that is needed.
struct Input {
    column: String,
    target: Target,
    /// Who needs it, for messages.
    whose: String,
    is_feature: bool,
}

enum KeyPart {
    Text(Vec<u8>),
    Input(usize),
}

/// Where the cells of an input come from in one file.
pub enum Origin {
    /// Position among the columns that are read.
    Column(usize),
    /// Every row has the same.
    Same(Option<Arc<[u8]>>),
}

/// A plan for one file.
pub struct Binding {
    /// One for each input.
    pub origins: Vec<Origin>,
    pub wanted: Vec<Wanted>,
    /// Columns of the file that nothing needs.
    pub extra: usize,
}

/// What the command line says of columns where no view does.
pub struct Wishes<'a> {
    pub drop: &'a [String],
    /// Old and new names.
    pub rename: &'a [(String, String)],
    pub keep_key_columns: bool,
    pub ttl: Option<u64>,
}

impl Plan {
    pub fn new(view: View, set: &[(String, String)], allow_missing: bool) -> Result<Plan, String> {
        for (name, _) in set {
            if !view.key.columns().any(|column| column == name) {
                return Err(format!("--set: the key {} has no {{{name}}}", view.key));
            }
        }
        let key = view.key.fixed(set);
        if key.columns().next().is_none() {
            return Err(format!("--set: every row would get the key {key}"));
        }
        let mut plan = Plan {
            key,
            checks_keys: true,
            inputs: Vec::new(),
            key_parts: Vec::new(),
            time: None,
            first_feature: 0,
            defaults: Vec::new(),
            ttls: ttls(&view),
            allow_missing,
            view,
        };
        plan.add_key();
        if let Some(column) = plan.view.event_time.clone() {
            plan.time = Some(plan.inputs.len());
            let whose = format!("event_time of view {}", plan.view.name);
            plan.add(
                column,
                Target::Time(plan.view.event_time_unit),
                whose,
                false,
            );
        }
        plan.first_feature = plan.inputs.len();
        for feature in plan.view.features.clone() {
            if let Some(default) = &feature.default {
                plan.defaults.push((plan.inputs.len(), default.clone()));
            }
            let column = feature.column.as_ref().unwrap_or(&feature.name).clone();
            let whose = format!("feature {} of view {}", feature.name, plan.view.name);
            plan.add(column, Target::of(&feature), whose, true);
        }
        Ok(plan)
    }

    /// A plan for rows that no view declares: every column of the file becomes a feature.
    pub fn of_columns(
        source: &dyn Source,
        name: &str,
        key: Template,
        wishes: &Wishes,
    ) -> Result<Plan, String> {
        let view = undeclared(source, name, key, wishes)?;
        let mut plan = Plan::new(view, &[], false)?;
        plan.checks_keys = false;
        for input in &mut plan.inputs {
            if !input.is_feature {
                input.whose = "--key".to_owned();
            }
        }
        Ok(plan)
    }

    fn add(&mut self, column: String, target: Target, whose: String, is_feature: bool) {
        self.inputs.push(Input {
            column,
            target,
            whose,
            is_feature,
        });
    }

    fn add_key(&mut self) {
        let whose = format!("key of view {}", self.view.name);
        for part in self.key.clone().parts() {
            match part {
                Part::Text(text) => self.key_parts.push(KeyPart::Text(text.clone())),
                Part::Column(name) => {
                    self.key_parts.push(KeyPart::Input(self.inputs.len()));
                    self.add(name.clone(), Target::Key, whose.clone(), false);
                }
            }
        }
    }

    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// The column of an input.
    pub fn column(&self, input: usize) -> Option<&str> {
        self.inputs.get(input).map(|input| input.column.as_str())
    }

    /// Find the inputs among the columns of a file and in its path, which wins.
    pub fn bind(&self, source: &dyn Source, file: &File) -> Result<Binding, Failure> {
        let columns = source.columns();
        let wrong = |reason: String| Failure::lasting(format!("{}: {reason}", file.name));
        let mut used = vec![false; columns.len()];
        let mut wanted = Vec::new();
        let mut origins = Vec::with_capacity(self.inputs.len());
        for (number, input) in self.inputs.iter().enumerate() {
            let name = &input.column;
            let partition = file.partitions.iter().find(|(column, _)| column == name);
            if let Some((_, value)) = partition {
                let cell = partition_cell(value.as_deref(), input.target);
                let cell = cell.map_err(|e| wrong(format!("{}: {e}", input.whose)))?;
                origins.push(Origin::Same(cell));
                continue;
            }
            let mut found = (0..columns.len()).filter(|at| columns.get(*at) == Some(name));
            let Some(column) = found.next() else {
                if !(input.is_feature && self.allow_missing) {
                    let unknown = unknown_column(&input.whose, name, &columns);
                    let settable = self.checks_keys && input.target == Target::Key;
                    return Err(wrong(unknown + &hint(settable, name, &columns)));
                }
                origins.push(Origin::Same(None));
                continue;
            };
            if found.next().is_some() {
                return Err(wrong(format!("the file has two columns {name}")));
            }
            if let Some(used) = used.get_mut(column) {
                *used = true;
            }
            origins.push(Origin::Column(wanted.len()));
            wanted.push(Wanted {
                column,
                input: number,
                target: input.target,
            });
        }
        Ok(Binding {
            origins,
            wanted,
            extra: used.iter().filter(|used| !**used).count(),
        })
    }

    /// The key of a row for people: what is not there is shown as in the template.
    pub fn show_key(&self, cells: &[Option<&[u8]>]) -> String {
        let mut shown = String::new();
        for part in &self.key_parts {
            match part {
                KeyPart::Text(text) => shown.push_str(&String::from_utf8_lossy(text)),
                KeyPart::Input(input) => match cells.get(*input).copied().flatten() {
                    Some(cell) => match str::from_utf8(cell) {
                        Ok(text) => shown.push_str(text),
                        Err(_) => shown.push_str(&cell.escape_ascii().to_string()),
                    },
                    None => {
                        let column = self.column(*input).unwrap_or_default();
                        shown.push_str(&format!("{{{column}}}"));
                    }
                },
            }
        }
        shown
    }

    /// Write the key of a row to `out`, from the cells of all inputs.
    pub fn write_key(&self, cells: &[Option<&[u8]>], out: &mut Vec<u8>) -> Result<(), String> {
        for part in &self.key_parts {
            match part {
                KeyPart::Text(text) => out.extend_from_slice(text),
                KeyPart::Input(input) => match cells.get(*input).copied().flatten() {
                    Some(cell) => out.extend_from_slice(cell),
                    None => {
                        let column = self.column(*input).unwrap_or_default();
                        return Err(format!("{column} of the key is null"));
                    }
                },
            }
        }
        if self.checks_keys && !self.key.matches(out) {
            let shown = String::from_utf8_lossy(out);
            return Err(format!("the key {shown:?} does not match {}", self.key));
        }
        Ok(())
    }
}

fn ttls(view: &View) -> Vec<Option<u64>> {
    let ttl = |feature| match view.on_missed {
        OnMissed::Expire => view.ttl_of(feature),
        OnMissed::Keep => None,
    };
    view.features.iter().map(ttl).collect()
}

/// What to do about a column that is not there.
fn hint(is_key: bool, name: &str, columns: &[String]) -> String {
    let mut hint = did_you_mean(name, columns.iter().map(String::as_str));
    if is_key {
        hint.push_str(&format!("; --set {name}=VALUE gives all rows the same one"));
    }
    hint
}

fn partition_cell(value: Option<&str>, target: Target) -> Result<Option<Arc<[u8]>>, String> {
    let Some(value) = value else {
        return Ok(None);
    };
    let mut cell = Vec::new();
    delimited::read(value.as_bytes(), target, &mut cell)?;
    Ok(Some(cell.into()))
}

/// The view that the columns of a file would be declared as.
fn undeclared(
    source: &dyn Source,
    name: &str,
    key: Template,
    wishes: &Wishes,
) -> Result<View, String> {
    let columns = source.columns();
    let key_columns: Vec<&str> = key.columns().collect();
    let renamed = wishes.rename.iter().map(|(old, _)| old.as_str());
    let named = key_columns.iter().copied().map(|name| ("--key", name));
    let named = named.chain(wishes.drop.iter().map(|name| ("--drop", name.as_str())));
    for (option, name) in named.chain(renamed.clone().map(|name| ("--rename", name))) {
        if !columns.iter().any(|column| column == name) {
            return Err(unknown_column(option, name, &columns) + &hint(false, name, &columns));
        }
    }
    refuse_duplicates(renamed, "--rename has two new names for")?;
    let mut features = Vec::new();
    for (position, name) in columns.iter().enumerate() {
        let in_key = key_columns.contains(&name.as_str());
        if wishes.drop.contains(name) || (in_key && !wishes.keep_key_columns) {
            continue;
        }
        let new = wishes.rename.iter().find(|(old, _)| old == name);
        if name.is_empty() {
            return Err(format!(
                "column {} has no name, and a feature needs one: write the file without it \
                 (pandas: index=False), or declare a view, which takes the columns that it names",
                position + 1
            ));
        }
        let kind = match source.natural(position)? {
            None => Type::Scalar(Scalar::String),
            Some(scalar @ Type::Scalar(_)) => scalar,
            Some(_) => {
                let reason = "is repeated; a view can declare it as a list";
                return Err(format!("column {name} {reason}"));
            }
        };
        let new = new.map_or(name, |(_, new)| new);
        features.push(Feature {
            column: Some(name.clone()),
            ..Feature::of_type(new, kind)
        });
    }
    if features.is_empty() {
        return Err("no column is left to be a feature".to_owned());
    }
    let names = features.iter().map(|feature| feature.name.as_str());
    refuse_duplicates(names, "two columns become the feature")?;
    Ok(View {
        key,
        ttl: wishes.ttl,
        features,
        ..View::named(name)
    })
}

fn refuse_duplicates<'a>(names: impl Iterator<Item = &'a str>, what: &str) -> Result<(), String> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some([name, ..]) => Err(format!("{what} {name}")),
        _ => Ok(()),
    }
}

pub fn unknown_column(whose: &str, name: &str, columns: &[String]) -> String {
    const SHOWN_MAX: usize = 20;
    let shown: Vec<&str> = columns.iter().map(String::as_str).take(SHOWN_MAX).collect();
    let more = if columns.len() > SHOWN_MAX {
        ", ..."
    } else {
        ""
    };
    format!(
        "{whose}: the file has no column {name}; it has {}{more}",
        shown.join(", ")
    )
}
