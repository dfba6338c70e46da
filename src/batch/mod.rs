//! Batches: how they are made, how they come in, what is kept of them, what becomes of their files.
//!
//! ```text
//! begin -> number -> bytes of the file, appended -> prepare: synced, opened, every row looked at
//!       -> publish: one change of all shards, with the record of the version
//! ```
//!
//! Invariants
//! - A file is synced, with its name, before a change publishes it; until then a crash, or the
//!   client that goes away, leaves nothing but a file that the next start removes.
//! - Every row of a batch that comes in is as its view declares it ([`rules`]).
//! - A number is never given to two files that a log or a manifest may name.
//! - The files of versions that are kept stay, folded or not: rolling back publishes one again.

mod build;
mod guard;
mod record;
mod refusal;
mod rules;
mod uploads;

pub use build::{Builder, Built, Plan};
pub use guard::{Allowed, Coming, guard};
pub use record::{KEY_PREFIX, Record, Versions, kept};
pub use refusal::Refusal;
pub use uploads::{Ready, Uploads, Views};
