//! From blocks of columns to rows: keys, times, defaults, rejects.
//!
//! Invariants
//! - A row is given to the sink whole, or it is a reject and not given at all.
//! - No memory is set aside for a row or a cell: cells point into their block.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::plan::Plan;
use super::progress::Progress;
use super::reader::Read;
use super::rejects::{self, Reject, Rejects};
use super::report::Report;
use super::sink::{Row, RowSink, Taken};
use super::source::{Block, Misfit};
use super::stop::Stop;
use super::text;
use crate::client::Failure;
use crate::view::TimeUnit;

/// 1990, which no export is older than.
const EARLIEST: i64 = 631_152_000_000;
/// Clocks differ, and so do time zones that nobody wrote down.
const AHEAD_MILLIS: i64 = 86_400_000;
/// Rows that are turned at once: their cells stay in the processor's cache.
const ROWS_AT_ONCE: usize = 64;

/// What one pass over an export needs.
pub struct Pass<'a> {
    pub plan: &'a Arc<Plan>,
    pub file_names: &'a [String],
    /// The time of rows whose view has none.
    pub now: i64,
    /// Times of rows may be any.
    pub any_time: bool,
    pub stop: &'a Stop,
    pub progress: Progress,
    pub rejects: Rejects<'a>,
    /// No row behind so many is looked at.
    pub rows_max: u64,
    pub report: Report,
    /// The shortest time to live there is.
    shortest: Option<u64>,
    next_number: u64,
}

impl<'a> Pass<'a> {
    pub fn new(
        plan: &'a Arc<Plan>,
        file_names: &'a [String],
        (now, any_time): (i64, bool),
        stop: &'a Stop,
        progress: Progress,
        rejects: Rejects<'a>,
    ) -> Pass<'a> {
        Pass {
            plan,
            file_names,
            now,
            any_time,
            stop,
            progress,
            rejects,
            rows_max: u64::MAX,
            report: Report::default(),
            shortest: plan.ttls.iter().flatten().min().copied(),
            next_number: 0,
        }
    }

    /// Give every row that fits to `sink`.
    pub fn run(&mut self, blocks: &Receiver<Read>, sink: &mut dyn RowSink) -> Result<(), Failure> {
        for block in blocks {
            if self.stop.is_wanted() {
                return Err(Failure::passing("stopped by a signal"));
            }
            let block = block?;
            self.block(&block, sink)?;
            self.report.notes.extend(block.note);
            let extra = self.report.extra_columns.max(block.extra_columns);
            self.report.extra_columns = extra;
            self.progress.tell(self.report.rows, block.bytes_read);
            if self.next_number >= self.rows_max {
                break;
            }
        }
        self.rejects.flush()?;
        self.report.rejects = self.rejects.count;
        Ok(())
    }

    fn block(&mut self, block: &Block, sink: &mut dyn RowSink) -> Result<(), Failure> {
        let plan = self.plan.clone();
        let inputs = plan.inputs().max(1);
        let mut misfits: HashMap<usize, &Misfit> = HashMap::new();
        for misfit in &block.misfits {
            misfits.entry(misfit.row).or_insert(misfit);
        }
        let mut cells: Vec<Option<&[u8]>> = vec![None; ROWS_AT_ONCE * inputs];
        let mut key = Vec::new();
        for from in (0..block.rows).step_by(ROWS_AT_ONCE) {
            let rows = ROWS_AT_ONCE.min(block.rows - from);
            for (input, column) in block.columns.iter().enumerate() {
                let slots = cells.get_mut(input..rows * inputs).unwrap_or_default();
                column.spread(from, slots, inputs);
            }
            for (row, cells) in cells.chunks_exact_mut(inputs).take(rows).enumerate() {
                let row = from + row;
                if self.next_number >= self.rows_max {
                    return Ok(());
                }
                let number = self.next_number;
                self.next_number += 1;
                self.report.rows += 1;
                let misfit = match misfits.is_empty() {
                    true => None,
                    false => misfits.get(&row),
                };
                if let Some(misfit) = misfit {
                    self.reject(block, row, cells, misfit.input, &misfit.reason)?;
                    continue;
                }
                key.clear();
                if let Err(reason) = plan.write_key(cells, &mut key) {
                    self.reject(block, row, cells, None, &reason)?;
                    continue;
                }
                let at = match plan.time {
                    None => self.now,
                    Some(input) => {
                        let Some(at) = cells.get(input).copied().flatten().and_then(millis) else {
                            let reason = "the time of the row is null";
                            self.reject(block, row, cells, plan.time, reason)?;
                            continue;
                        };
                        self.check_time(block, row, at)?;
                        at
                    }
                };
                let counted = fill(&plan, cells);
                let taken = sink.row(&Row {
                    key: &key,
                    at,
                    cells: cells.get(plan.first_feature..).unwrap_or_default(),
                    number,
                    place: block.place(row),
                })?;
                match taken {
                    Taken::Yes => {
                        self.count(counted);
                        self.count_expired(cells, at);
                    }
                    Taken::No(reason) => self.reject(block, row, cells, None, &reason)?,
                }
            }
        }
        Ok(())
    }

    /// A time of a row that cannot be is that of all rows, mostly: it is of another unit.
    fn check_time(&self, block: &Block, row: usize, at: i64) -> Result<(), Failure> {
        if self.any_time || is_possible(at as f64, self.now) {
            return Ok(());
        }
        let column = self.plan.time.and_then(|input| self.plan.column(input));
        let place = block.place(row);
        let file = self.file_names.get(place.file).map_or("", String::as_str);
        let mut shown = Vec::new();
        text::time(at, &mut shown);
        let declared = self.plan.view.event_time_unit;
        let number = at as f64 * declared.per_milli();
        let of_unit = |unit: &TimeUnit| is_possible(number / unit.per_milli(), self.now);
        let other = TimeUnit::ALL.into_iter().find(of_unit);
        let hint = match other {
            Some(unit) => format!(
                "; event_time_unit = \"{}\" in the view, if that is what it counts",
                unit.name()
            ),
            None => String::new(),
        };
        Err(Failure::lasting(format!(
            "{} column {}: the time of the row is {}: before 1990 or after tomorrow{hint}; \
             --any-time takes it as it is",
            rejects::show(file, place),
            column.unwrap_or_default(),
            String::from_utf8_lossy(&shown),
        )))
    }

    fn count(&mut self, row: Counted) {
        if row.present + row.defaults == 0 {
            self.report.empty += 1;
            return;
        }
        self.report.features += row.present;
        self.report.defaults += row.defaults;
        self.report.nulls += row.nulls;
    }

    /// Note whether values of the row have expired already.
    fn count_expired(&mut self, cells: &[Option<&[u8]>], at: i64) {
        // Most have not, and need no look at their cells.
        if self
            .shortest
            .is_none_or(|ttl| at.saturating_add_unsigned(ttl) > self.now)
        {
            return;
        }
        let cells = cells.get(self.plan.first_feature..).unwrap_or_default();
        let present = cells.iter().zip(&self.plan.ttls);
        let present = present.filter(|(cell, _)| cell.is_some());
        let (mut any, mut all) = (false, true);
        for (_, ttl) in present {
            let is = ttl.is_some_and(|ttl| at.saturating_add_unsigned(ttl) <= self.now);
            (any, all) = (any | is, all & is);
        }
        self.report.expired += u64::from(any);
        self.report.dead += u64::from(any && all);
    }

    #[cold]
    fn reject(
        &mut self,
        block: &Block,
        row: usize,
        cells: &[Option<&[u8]>],
        input: Option<usize>,
        reason: &str,
    ) -> Result<(), Failure> {
        let key = self.plan.show_key(cells);
        let column = input.and_then(|input| self.plan.column(input));
        let place = block.place(row);
        let file = self.file_names.get(place.file).map_or("", String::as_str);
        self.rejects.add(&Reject {
            file_name: file,
            place,
            key: &key,
            column,
            reason,
        })
    }
}

/// Whether a row can be of this time, in milliseconds.
pub fn is_possible(at: f64, now: i64) -> bool {
    let latest = now.saturating_add(AHEAD_MILLIS);
    (EARLIEST as f64..=latest as f64).contains(&at)
}

/// Cells of a row.
struct Counted {
    present: u64,
    defaults: u64,
    nulls: u64,
}

/// Put defaults in the place of nulls.
fn fill<'b>(plan: &'b Plan, cells: &mut [Option<&'b [u8]>]) -> Counted {
    let features = cells.get(plan.first_feature..).unwrap_or_default();
    let total = features.len() as u64;
    let present = features.iter().filter(|cell| cell.is_some()).count() as u64;
    let mut defaults = 0;
    for (input, default) in &plan.defaults {
        if let Some(cell @ None) = cells.get_mut(*input) {
            *cell = Some(default);
            defaults += 1;
        }
    }
    Counted {
        present,
        defaults,
        nulls: total - present - defaults,
    }
}

/// A timestamp as it was written.
fn millis(cell: &[u8]) -> Option<i64> {
    str::from_utf8(cell).ok()?.parse().ok()
}
