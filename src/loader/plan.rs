//! Which columns of the file make the key and which become features of which name.
//!
//! Names in the template, in `--drop` and before the `=` of `--rename` are names of the file.

use super::source::Block;
use crate::view::{Part, Template};

/// What the command line says about columns.
pub struct Wishes<'a> {
    pub drop: &'a [String],
    /// Old and new names.
    pub rename: &'a [(String, String)],
    pub keep_key_columns: bool,
}

pub struct Plan {
    /// The columns to read, as positions in the file.
    columns: Vec<usize>,
    key: Vec<KeyPart>,
    features: Vec<Feature>,
}

enum KeyPart {
    Text(Vec<u8>),
    /// Position in the selection, and the name for the report.
    Column(usize, String),
}

pub struct Feature {
    /// Position in the selection.
    pub column: usize,
    pub name: Vec<u8>,
}

impl Plan {
    pub fn new(columns: &[String], template: &Template, wishes: &Wishes) -> Result<Plan, String> {
        refuse_duplicates(
            columns.iter().map(String::as_str),
            "the file has two columns",
        )?;
        refuse_duplicates(
            wishes.rename.iter().map(|(old, _)| old.as_str()),
            "--rename has two new names for",
        )?;
        let key_columns = template.columns().collect::<Vec<_>>();
        let renamed = wishes.rename.iter().map(|(old, _)| old.as_str());
        let named = key_columns.iter().copied().map(|name| ("--key", name));
        let named = named.chain(wishes.drop.iter().map(|name| ("--drop", name.as_str())));
        for (option, name) in named.chain(renamed.map(|name| ("--rename", name))) {
            if !columns.iter().any(|column| column == name) {
                return Err(unknown_column(option, name, columns));
            }
        }
        let mut plan = Plan {
            columns: Vec::new(),
            key: Vec::new(),
            features: Vec::new(),
        };
        for (position, name) in columns.iter().enumerate() {
            let in_key = key_columns.contains(&name.as_str());
            let feature = !wishes.drop.contains(name) && (!in_key || wishes.keep_key_columns);
            if feature {
                let new = wishes.rename.iter().find(|(old, _)| old == name);
                plan.features.push(Feature {
                    column: plan.columns.len(),
                    name: new.map_or(name, |(_, new)| new).as_bytes().to_vec(),
                });
            }
            if feature || in_key {
                plan.columns.push(position);
            }
        }
        plan.key = plan.key_parts(columns, template);
        if plan.features.is_empty() {
            return Err("no column is left to be a feature".to_owned());
        }
        let names = plan.features.iter().map(|f| f.name.as_slice());
        refuse_duplicates(
            names.map(String::from_utf8_lossy),
            "two columns become the feature",
        )?;
        Ok(plan)
    }

    fn key_parts(&self, columns: &[String], template: &Template) -> Vec<KeyPart> {
        let part = |part: &Part| match part {
            Part::Text(text) => Some(KeyPart::Text(text.clone())),
            Part::Column(name) => {
                let is_it = |&position: &usize| columns.get(position) == Some(name);
                let column = self.columns.iter().position(is_it)?;
                Some(KeyPart::Column(column, name.clone()))
            }
        };
        template.parts().iter().filter_map(part).collect()
    }

    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Write the key of a row to `out`, or say which of its columns is null.
    pub fn key(&self, block: &Block, row: usize, out: &mut Vec<u8>) -> Result<(), &str> {
        for part in &self.key {
            match part {
                KeyPart::Text(text) => out.extend_from_slice(text),
                KeyPart::Column(column, name) => match block.cell(*column, row) {
                    Some(cell) => out.extend_from_slice(cell),
                    None => return Err(name),
                },
            }
        }
        Ok(())
    }
}

fn refuse_duplicates<S>(names: impl Iterator<Item = S>, what: &str) -> Result<(), String>
where
    S: Ord + std::fmt::Display,
{
    let mut names: Vec<S> = names.collect();
    names.sort();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some([name, ..]) => Err(format!("{what} {name}")),
        _ => Ok(()),
    }
}

fn unknown_column(option: &str, name: &str, columns: &[String]) -> String {
    const SHOWN_MAX: usize = 20;
    let shown: Vec<&str> = columns.iter().map(String::as_str).take(SHOWN_MAX).collect();
    let more = if columns.len() > SHOWN_MAX {
        ", ..."
    } else {
        ""
    };
    format!(
        "{option}: the file has no column {name}; it has {}{more}",
        shown.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(drop: &[&str], rename: &[(&str, &str)], keep: bool) -> Result<Vec<String>, String> {
        let columns = ["id", "a", "b"].map(str::to_owned);
        let drop: Vec<String> = drop.iter().map(|&name| name.to_owned()).collect();
        let rename: Vec<(String, String)> = rename
            .iter()
            .map(|&(old, new)| (old.to_owned(), new.to_owned()))
            .collect();
        let template = Template::parse("k:{id}").unwrap();
        let wishes = Wishes {
            drop: &drop,
            rename: &rename,
            keep_key_columns: keep,
        };
        let plan = Plan::new(&columns, &template, &wishes)?;
        let name = |f: &Feature| {
            let column = &columns[plan.columns()[f.column]];
            format!("{column}->{}", String::from_utf8_lossy(&f.name))
        };
        Ok(plan.features().iter().map(name).collect())
    }

    #[test]
    fn the_key_is_a_feature_only_when_asked() {
        assert_eq!(plan(&[], &[], false).unwrap(), ["a->a", "b->b"]);
        assert_eq!(
            plan(&[], &[("id", "key")], true).unwrap(),
            ["id->key", "a->a", "b->b"]
        );
        assert_eq!(plan(&["a"], &[("b", "a")], false).unwrap(), ["b->a"]);
    }

    #[test]
    fn what_is_refused() {
        for (drop, rename, want) in [
            (
                vec!["c"],
                vec![],
                "--drop: the file has no column c; it has id, a, b",
            ),
            (
                vec![],
                vec![("c", "d")],
                "--rename: the file has no column c; it has id, a, b",
            ),
            (vec![], vec![("a", "b")], "two columns become the feature b"),
            (
                vec![],
                vec![("a", "x"), ("a", "y")],
                "--rename has two new names for a",
            ),
            (vec!["a", "b"], vec![], "no column is left to be a feature"),
        ] {
            assert_eq!(plan(&drop, &rename, false).unwrap_err(), want);
        }
    }
}
