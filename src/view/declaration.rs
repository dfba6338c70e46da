//! What a view declares.

use super::{Template, TimeUnit};
use std::fmt;

/// Bytes of a text that declares views.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// Bytes of the name of a view, an entity or a feature, and of the template of a key.
pub const NAME_BYTES_MAX: usize = 512;

/// Numbers of an embedding.
pub const DIM_MAX: u32 = 1 << 16;

/// See the module [`super`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Letters, digits, `_` and `-`.
    pub name: String,
    /// What the features are of: `user`.
    pub entity: String,
    pub key: Template,
    /// Milliseconds; of features that say nothing else.
    pub ttl: Option<u64>,
    pub owner: Option<String>,
    pub description: Option<String>,
    /// Where its batches come from.
    pub source: Option<String>,
    /// The column of the source with the time of a row.
    pub event_time: Option<String>,
    /// Of that column, where it has numbers that do not say.
    pub event_time_unit: TimeUnit,
    pub tags: Vec<String>,
    pub on_missed: OnMissed,
    /// In the order of the text.
    pub features: Vec<Feature>,
}

impl View {
    /// One that says nothing.
    pub fn named(name: &str) -> View {
        View {
            name: name.to_owned(),
            entity: String::new(),
            key: Template::none(),
            ttl: None,
            owner: None,
            description: None,
            source: None,
            event_time: None,
            event_time_unit: TimeUnit::default(),
            tags: Vec::new(),
            on_missed: OnMissed::default(),
            features: Vec::new(),
        }
    }
}

/// What becomes of a view whose batch does not come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMissed {
    /// Its values live as long as they would have.
    #[default]
    Expire,
    /// The values of the last batch stay.
    Keep,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    pub name: String,
    pub kind: Type,
    /// As it would be stored.
    pub default: Option<Vec<u8>>,
    /// Milliseconds.
    pub ttl: Option<u64>,
    pub description: Option<String>,
    pub tags: Vec<String>,
    /// The column of the source, where it is not the name.
    pub column: Option<String>,
    /// Of lists and embeddings; else it means nothing.
    pub encoding: Encoding,
    /// Of timestamps: what the numbers of its column count. Stored are milliseconds.
    pub unit: TimeUnit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    Int64,
    Float64,
    /// Single precision: its text is the shortest that reads back as the same number of 32 bits.
    Float32,
    String,
    Bool,
    Bytes,
    /// Milliseconds since the epoch.
    Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Scalar(Scalar),
    List(Scalar),
    /// So many single-precision numbers.
    Embedding {
        dim: u32,
    },
}

/// How the items of a list or an embedding make one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One after the other, little-endian.
    Packed,
    /// A JSON array.
    Json,
}

impl View {
    /// The time to live of one of its features, milliseconds.
    pub fn ttl_of(&self, feature: &Feature) -> Option<u64> {
        feature.ttl.or(self.ttl)
    }
}

impl Feature {
    /// One that says nothing but its type.
    pub fn of_type(name: &str, kind: Type) -> Feature {
        Feature {
            name: name.to_owned(),
            kind,
            default: None,
            ttl: None,
            description: None,
            tags: Vec::new(),
            column: None,
            encoding: kind.encoding(),
            unit: TimeUnit::default(),
        }
    }
}

impl Scalar {
    const NAMES: [(Scalar, &str); 7] = [
        (Scalar::Int64, "int64"),
        (Scalar::Float64, "float64"),
        (Scalar::Float32, "float32"),
        (Scalar::String, "string"),
        (Scalar::Bool, "bool"),
        (Scalar::Bytes, "bytes"),
        (Scalar::Timestamp, "timestamp"),
    ];

    pub fn name(self) -> &'static str {
        let named = Scalar::NAMES.iter().find(|(scalar, _)| *scalar == self);
        named.map_or("", |(_, name)| name)
    }

    pub fn parse(name: &str) -> Option<Scalar> {
        let named = Scalar::NAMES.iter().find(|(_, other)| *other == name);
        named.map(|(scalar, _)| *scalar)
    }

    /// Bytes of a packed item; `None`: items are of different lengths, a list is JSON.
    pub fn packed_bytes(self) -> Option<usize> {
        match self {
            Scalar::Int64 | Scalar::Float64 | Scalar::Timestamp => Some(8),
            Scalar::Float32 => Some(4),
            Scalar::Bool => Some(1),
            Scalar::String | Scalar::Bytes => None,
        }
    }
}

impl Type {
    /// How values are encoded if nothing is said.
    pub fn encoding(self) -> Encoding {
        match self {
            Type::List(_) => Encoding::Json,
            Type::Scalar(_) | Type::Embedding { .. } => Encoding::Packed,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Scalar(scalar) => f.write_str(scalar.name()),
            Type::List(scalar) => write!(f, "list<{}>", scalar.name()),
            Type::Embedding { .. } => f.write_str("embedding"),
        }
    }
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Packed => "packed",
            Encoding::Json => "json",
        }
    }
}

impl OnMissed {
    pub fn name(self) -> &'static str {
        match self {
            OnMissed::Expire => "expire",
            OnMissed::Keep => "keep",
        }
    }
}
