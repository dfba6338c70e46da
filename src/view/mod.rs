//! Views: named groups of features of one kind of entity, declared once in TOML.
//!
//! ```text
//! text --read--> View --write--> canonical text        View, View --diff--> lines for people
//! ```
//!
//! Invariants
//! - The [`Registry`] of a server is made of records, and says which records make the next one.
//! - All here is pure: no files, no clock, no sockets. Server and loader share it.
//! - What [`read()`] accepts, [`write()`] writes as text that reads back as the same view.
//! - A [`View`] that was read is whole: it has features, each once, defaults are of their types,
//!   and its key can be matched.

mod check;
mod declaration;
mod declared;
mod default;
mod diff;
mod duration;
mod read;
mod record;
mod registry;
mod template;
mod unit;
mod write;

pub use declaration::{
    DIM_MAX, Encoding, Feature, NAME_BYTES_MAX, OnMissed, Scalar, TEXT_BYTES_MAX, Type, View,
};
pub use declared::{Declarations, Declared, OfKey};
pub use diff::diff;
pub use duration::{duration, show_duration};
pub use read::{ReadError, read};
pub use record::{CURRENT, KEY_PREFIX, Record, Stored};
pub use registry::{By, Change, Registered, Registry, Version};
pub use template::{Part, Template};
pub use unit::TimeUnit;
pub use write::write;
