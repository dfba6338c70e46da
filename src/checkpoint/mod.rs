//! Checkpoints: shards written to files, one by one, while the server serves.
//!
//! A shard is frozen under its lock for microseconds; what has changed in it since its last
//! checkpoint is written to a new file without any lock, together with as many of its newest files
//! as are small against that ([`policy`]); then the new file takes their place. A shard in which
//! nothing changed keeps its files. A checkpoint is asked for, or due by the size of the log or by
//! time; a thread of its own does it, at a bounded rate. Between checkpoints that thread reads all
//! files and compares their checksums: the scrub.
//!
//! Invariants
//! - The manifest is the commit point: a file counts once a manifest names it, and is removed once
//!   no manifest does that a crash may bring back.
//! - Before a manifest is replaced, the files it names are synced, and so are their names, and the
//!   log is synced up to the LSNs it names: no base is ahead of the log.
//! - The log is trimmed to what no shard needs any more, by a manifest that is safe.
//! - What fails leaves everything as it was, on disk and in memory; what was frozen stays so until
//!   it is written.
//! - A file is folded only if all its checksums are right: damage is never copied.

pub mod batches;
pub(crate) mod catalog;
mod files;
mod manifest;
mod open;
mod policy;
mod run;
mod scrub;
mod status;

#[cfg(test)]
mod tests;

pub use files::Files;
pub use manifest::{Base, Damage as ManifestDamage, LayerLine, Manifest, NAME as MANIFEST};
pub use open::{Keeps, Loading, LogOptions, OpenError, Opened, Started, open};
pub use policy::{Limits, Rule};
pub use run::Checkpoints;
pub use status::{Outcome, Status};
