//! Where rows go: what a load knows of it.
//!
//! Invariants
//! - Rows come in the order of the export, each with the number of its place in it, counted from 0
//!   over all files; a row that was rejected leaves a gap.
//! - Of rows of one entity the newest counts, and of equally old ones the last: the sink sees to
//!   it.

use super::source::Place;
use crate::client::Failure;

/// One row that fits its view.
pub struct Row<'a> {
    pub key: &'a [u8],
    /// Milliseconds since the epoch: the event time, or where the view has none, that of the load.
    pub at: i64,
    /// In the order of the view's features; `None`: the entity does not have it.
    pub cells: &'a [Option<&'a [u8]>],
    pub number: u64,
    pub place: Place,
}

/// What became of a row.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    Yes,
    /// It does not fit where it goes, and why: it is a reject.
    No(String),
}

/// What became of the rows.
#[derive(Debug, Default)]
pub struct Summary {
    /// Entities with at least one feature.
    pub entities: u64,
    /// Rows that lost to a newer one of their entity.
    pub older: u64,
    /// What else is to be told in the report: names as in JSON.
    pub more: Vec<(&'static str, u64)>,
}

pub trait RowSink {
    fn row(&mut self, row: &Row) -> Result<Taken, Failure>;
    /// All rows were given: make them count.
    fn finish(self: Box<Self>) -> Result<Summary, Failure>;
    /// The load ends early. Says what of it is there now, if anything can be.
    fn abandon(self: Box<Self>) -> Option<String>;
}
