//! Hive's partitions: folders `name=value`, whose values are columns of the files below.

use super::Condition;

/// What Hive and Spark write in place of a null.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// A column and its value; `None`: null.
pub type Partition = (String, Option<String>);

/// `ds=2026-11-20`; both sides may have `%XX`. `None` for other folders.
pub fn partition(folder: &str) -> Option<Partition> {
    let (name, value) = folder.split_once('=')?;
    let decoded =
        |text: &str| crate::client::percent_decode(text).unwrap_or_else(|| text.to_owned());
    let value = (value != NULL).then(|| decoded(value));
    (!name.is_empty()).then(|| (decoded(name), value))
}

/// Whether files below this folder may be wanted. An empty value, or Hive's own word for it, asks
/// for nulls; a text that is empty cannot be in a path.
pub fn passes((column, value): &Partition, conditions: &[Condition]) -> bool {
    let mut of_it = conditions.iter().filter(|c| c.column == *column);
    of_it.all(|condition| match condition.value.as_str() {
        "" | NULL => value.as_deref().is_none_or(str::is_empty),
        wanted => value.as_deref() == Some(wanted),
    })
}
