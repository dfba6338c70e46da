//! The columns of a file as they can be loaded: flat ones, and lists of flat ones.
//!
//! A list is `optional group tags (LIST) { repeated group list { optional T element } }`, in its
//! older forms `group (LIST) { repeated T }` and `repeated T`. Other columns are nested; they are
//! an error when they are asked for.

use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::schema::types::{SchemaDescriptor, Type};

use super::format::Format;

const COLUMNS_MAX: usize = 16_384;

/// How the values of a column lie in its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Flat {
        optional: bool,
    },
    List {
        /// The definition level of a list that is there, though empty.
        empty: i16,
        /// The definition level of an item that is not null.
        item: i16,
    },
}

impl Shape {
    /// The levels of the items of one list; `None` for a null.
    pub fn items<'a>(&self, levels: &'a [i16]) -> Option<&'a [i16]> {
        let Shape::List { empty, .. } = *self else {
            return None;
        };
        match levels {
            [level] if *level < empty => None,
            [level] if *level == empty => Some(&[]),
            _ => Some(levels),
        }
    }

    pub fn is_value(&self, level: i16) -> bool {
        matches!(self, Shape::List { item, .. } if level == *item)
    }
}

/// A column of the file.
pub struct Loadable {
    /// Among the file's leaves, which row groups list.
    pub leaf: usize,
    pub shape: Shape,
    pub format: Format,
    pub physical: Physical,
}

pub struct Field {
    pub name: String,
    /// Why it cannot be loaded, if so.
    pub column: Result<Loadable, String>,
}

/// The fields of the root.
pub fn fields(schema: &SchemaDescriptor) -> Result<Vec<Field>, String> {
    let roots = schema.root_schema().get_fields();
    if schema.num_columns() > COLUMNS_MAX {
        let count = schema.num_columns();
        return Err(format!("{count} columns, more than {COLUMNS_MAX}"));
    }
    let mut fields = Vec::with_capacity(roots.len());
    let mut leaf = 0;
    for (root, field) in roots.iter().enumerate() {
        let first = leaf;
        while leaf < schema.num_columns() && schema.get_column_root_idx(leaf) == root {
            leaf += 1;
        }
        let column = match shape(field) {
            Some(shape) if leaf == first + 1 => loadable(schema, first, shape),
            _ => Err("is nested; only flat columns and lists can be loaded".to_owned()),
        };
        fields.push(Field {
            name: field.name().to_owned(),
            column,
        });
    }
    Ok(fields)
}

fn loadable(schema: &SchemaDescriptor, leaf: usize, shape: Shape) -> Result<Loadable, String> {
    let descriptor = schema.column(leaf);
    let levels = match shape {
        Shape::Flat { optional } => (i16::from(optional), 0),
        Shape::List { item, .. } => (item, 1),
    };
    if (descriptor.max_def_level(), descriptor.max_rep_level()) != levels {
        return Err("has levels that do not fit its type".to_owned());
    }
    Ok(Loadable {
        leaf,
        shape,
        format: Format::of(&descriptor)?,
        physical: descriptor.physical_type(),
    })
}

fn repetition(field: &Type) -> Repetition {
    let info = field.get_basic_info();
    match info.has_repetition() {
        true => info.repetition(),
        false => Repetition::REQUIRED,
    }
}

/// `None` if it is neither flat nor a list of flat values.
fn shape(field: &Type) -> Option<Shape> {
    let outer = repetition(field);
    if field.is_primitive() {
        return Some(match outer {
            Repetition::REPEATED => Shape::List { empty: 0, item: 1 },
            _ => Shape::Flat {
                optional: outer == Repetition::OPTIONAL,
            },
        });
    }
    let info = field.get_basic_info();
    let is_list = matches!(info.logical_type_ref(), Some(LogicalType::List))
        || info.converted_type() == ConvertedType::LIST;
    let [repeated] = field.get_fields() else {
        return None;
    };
    if !is_list || outer == Repetition::REPEATED || repetition(repeated) != Repetition::REPEATED {
        return None;
    }
    let empty = i16::from(outer == Repetition::OPTIONAL);
    if repeated.is_primitive() {
        let item = empty + 1;
        return Some(Shape::List { empty, item });
    }
    let [element] = repeated.get_fields() else {
        return None;
    };
    let inner = repetition(element);
    if !element.is_primitive() || inner == Repetition::REPEATED {
        return None;
    }
    let item = empty + 1 + i16::from(inner == Repetition::OPTIONAL);
    Some(Shape::List { empty, item })
}
