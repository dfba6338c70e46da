//! `fieldstone view infer`: a declaration for the columns of an export.
//!
//! ```text
//! columns of the first file -> guesses -> every row is read as the loader would -> guesses that
//!     rows did not fit are replaced -> ... -> text of a view
//! ```
//!
//! Invariants
//! - Types are tried by the loader's own conversions on every row: where no note says otherwise,
//!   all rows fit the view that is written.
//! - A guess loses nothing: what would come back as another text (`007`, a decimal, a number that
//!   no float holds) is a string.
//! - Each pass over the export widens at least one guess, or is the last.

mod guess;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use self::guess::{Guess, Seen};
use super::args::{TextArgs, condition, pair};
use super::copy::{Pass, is_possible};
use super::plan::Plan;
use super::progress::Progress;
use super::reader::Reader;
use super::rejects::{Reject, Rejects};
use super::sink::{Row, RowSink, Summary, Taken};
use super::source::Source;
use super::stop::Stop;
use super::storage::Condition;
use super::{now, plan};
use crate::client::Failure;
use crate::view::{Feature, Part, Template, TimeUnit, View, duration};
use crate::words::printable;

const MEMORY_BYTES: u64 = 1 << 30;

/// Write a declaration for the columns of an export: `fieldstone view infer planes.parquet --key
/// 'A:plane:{tailnum}' > views.toml`. All rows are read, none is sent.
#[derive(clap::Args)]
pub struct InferArgs {
    /// A Parquet or CSV file, a folder of them, or the same under s3://, gs://, az://, file://
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The key of a row; {column} stands for the row's value
    #[arg(long, value_name = "TEMPLATE")]
    key: String,
    /// Of the view. Default: that of the file
    #[arg(long)]
    name: Option<String>,
    /// What the features are of. Default: the word of the key before its last column
    #[arg(long)]
    entity: Option<String>,
    /// Time to live of the features: a number with ms, s, m, h or d. Default: none
    #[arg(long, value_parser = duration)]
    ttl: Option<u64>,
    /// The column with the time of a row; what its numbers count is found out
    #[arg(long, value_name = "COLUMN")]
    event_time: Option<String>,
    /// Columns that are no features
    #[arg(long, value_name = "COLUMN", num_args = 1, value_delimiter = ',')]
    drop: Vec<String>,
    /// A part of the key that is no column, as `fieldstone load` will get it; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Only the Hive partitions with this value (none: the null partition); may be repeated
    #[arg(long = "where", value_name = "COLUMN=VALUE", value_parser = condition)]
    conditions: Vec<Condition>,
    #[command(flatten)]
    text: TextArgs,
}

/// Exit codes: 0, the declaration is on standard output; 1, it may work another time; 2, it will
/// not.
pub fn run(args: &InferArgs) -> ExitCode {
    match infer(args) {
        Ok(inferred) => {
            print!("{}", inferred.text);
            let notes = inferred.notes.iter();
            notes.for_each(|note| eprintln!("note: {}", printable(note)));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

struct Inferred {
    text: String,
    /// What the text does not show.
    notes: Vec<String>,
}

fn infer(args: &InferArgs) -> Result<Inferred, Failure> {
    let stop = Stop::on_signals();
    let key = Template::parse(&args.key).map_err(|e| Failure::lasting(format!("--key {e}")))?;
    let reader = Reader::find(&args.source, &args.conditions, MEMORY_BYTES, &args.text)?;
    let Some(first) = reader.export.files.first() else {
        return Err(Failure::passing(format!("{}: no files", args.source)));
    };
    let opened = reader.open(first)?;
    let mut notes = Vec::new();
    let wrong = |e: String| Failure::lasting(format!("{}: {e}", first.name));
    let mut columns = columns(&*opened, &key, args, &mut notes).map_err(wrong)?;
    let mut unit = TimeUnit::default();
    loop {
        if columns.is_empty() {
            return Err(wrong("no column is left to be a feature".to_owned()));
        }
        let view = view(args, &key, &columns, unit);
        let mut pass = Trial::run(args, &view, &reader, &stop)?;
        if pass.rows == 0 && columns.iter().any(|column| column.guess.is_text()) {
            let reason = "a text without rows does not say of which types they would be";
            return Err(wrong(reason.to_owned()));
        }
        let widened = widen(&mut columns, &mut pass, &mut notes);
        let finer = pass.unit_that_fits(unit).filter(|_| !widened);
        if widened || finer.is_some() {
            unit = finer.unwrap_or(unit);
            continue;
        }
        notes.extend(pass.notes());
        let text = crate::view::write(&view);
        // It is to be applied: a template that matches no keys, a name that is too long.
        crate::view::read(&text).map_err(|e| Failure::lasting(e.to_string()))?;
        let head = format!(
            "# Inferred from {} rows. Read it before it is applied: what a column means, and how \
             long\n# its values live, only you know.\n\n",
            pass.rows
        );
        return Ok(Inferred {
            text: head + &text,
            notes,
        });
    }
}

/// A column that may become a feature.
struct Column {
    name: String,
    guess: Guess,
}

/// The columns of the first file, without those of the key and the time.
fn columns(
    source: &dyn Source,
    key: &Template,
    args: &InferArgs,
    notes: &mut Vec<String>,
) -> Result<Vec<Column>, String> {
    let names = source.columns();
    let named = args.drop.iter().map(|name| ("--drop", name));
    let named = named.chain(args.event_time.iter().map(|name| ("--event-time", name)));
    for (option, name) in named {
        if !names.contains(name) {
            return Err(plan::unknown_column(option, name, &names));
        }
    }
    let mut columns = Vec::new();
    for (position, name) in names.into_iter().enumerate() {
        let is_key = key.columns().any(|column| column == name);
        if is_key || args.drop.contains(&name) || args.event_time.as_ref() == Some(&name) {
            continue;
        }
        if name.is_empty() {
            let number = position + 1;
            notes.push(format!("column {number} has no name, and is left out"));
            continue;
        }
        match source.natural(position) {
            Ok(natural) => columns.push(Column {
                guess: Guess::new(natural),
                name,
            }),
            Err(reason) => notes.push(format!("{reason}: it is left out")),
        }
    }
    Ok(columns)
}

fn view(args: &InferArgs, key: &Template, columns: &[Column], unit: TimeUnit) -> View {
    let name = args
        .name
        .clone()
        .unwrap_or_else(|| name_of_file(&args.source));
    let features = columns.iter().map(|column| Feature {
        encoding: column.guess.encoding(),
        ..Feature::of_type(&column.name, column.guess.kind())
    });
    View {
        entity: args.entity.clone().unwrap_or_else(|| entity(key, &name)),
        key: key.clone(),
        ttl: args.ttl,
        source: Some(args.source.clone()),
        event_time: args.event_time.clone(),
        event_time_unit: unit,
        features: features.collect(),
        ..View::named(&name)
    }
}

/// What names a view well: the file's name up to its first dot.
fn name_of_file(source: &str) -> String {
    let file = source.trim_end_matches('/').rsplit('/').next();
    let stem = file.and_then(|file| file.split('.').find(|part| !part.is_empty()));
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name = stem.unwrap_or("view").chars();
    name.map(|c| if plain(c) { c } else { '_' }).collect()
}

/// In `A:plane:{tailnum}` that is `plane`.
fn entity(key: &Template, name: &str) -> String {
    let before_last = key.parts().iter().rev();
    let mut before_last = before_last.skip_while(|part| matches!(part, Part::Text(_)));
    let word = match before_last.nth(1) {
        Some(Part::Text(text)) => {
            let mut words = text.split(|b| !b.is_ascii_alphanumeric() && *b != b'_');
            words.rfind(|word| !word.is_empty())
        }
        _ => None,
    };
    word.map_or_else(
        || name.to_owned(),
        |word| String::from_utf8_lossy(word).into_owned(),
    )
}

/// Replace the guesses that rows did not fit; whether there were any.
fn widen(columns: &mut Vec<Column>, pass: &mut Trial, notes: &mut Vec<String>) -> bool {
    let mut widened = false;
    let mut seen = std::mem::take(&mut pass.seen).into_iter();
    columns.retain_mut(|column| {
        let seen = seen.next().unwrap_or_default();
        let misfit = pass.misfits.remove(&Some(column.name.clone()));
        let before = column.guess.kind();
        if column.guess.widen(&seen, misfit.is_some()) {
            widened |= column.guess.kind() != before;
            return true;
        }
        widened = true;
        let (name, reason) = (&column.name, misfit.unwrap_or_default().first);
        notes.push(format!("column {name} is left out: {reason}"));
        false
    });
    widened
}

/// One pass over the export, with a view as it is guessed so far.
#[derive(Default)]
struct Trial {
    rows: u64,
    /// One for each feature.
    seen: Vec<Seen>,
    /// By column; `None`: of rows as a whole.
    misfits: BTreeMap<Option<String>, Misfits>,
    /// The earliest and the latest time of a row.
    times: Option<(i64, i64)>,
    file_notes: Vec<String>,
}

#[derive(Default)]
struct Misfits {
    count: u64,
    first: String,
}

impl Trial {
    fn run(
        args: &InferArgs,
        view: &View,
        reader: &Arc<Reader>,
        stop: &Stop,
    ) -> Result<Trial, Failure> {
        let plan = Plan::new(view.clone(), &args.set, false).map_err(Failure::lasting)?;
        let plan = Arc::new(plan);
        let files = reader.export.files.iter();
        let names: Vec<String> = files.map(|file| file.name.clone()).collect();
        let mut misfits: BTreeMap<Option<String>, Misfits> = BTreeMap::new();
        let note = |reject: &Reject| {
            let of_column = misfits.entry(reject.column.map(str::to_owned)).or_default();
            of_column.count += 1;
            if of_column.count == 1 {
                of_column.first = reject.show();
            }
        };
        let kinds = view.features.iter().map(|feature| feature.kind);
        let mut rows = Rows {
            seen: kinds.map(Seen::of).collect(),
            times: None,
        };
        let progress = Progress::start("infer", reader.bytes());
        let rejects = Rejects::told_to(note);
        // Times of rows are looked at by ourselves.
        let mut pass = Pass::new(&plan, &names, (now(), true), stop, progress, rejects);
        pass.run(&reader.start(&plan), &mut rows)?;
        let report = std::mem::take(&mut pass.report);
        drop(pass);
        Ok(Trial {
            rows: report.rows,
            file_notes: report.notes,
            seen: rows.seen,
            times: rows.times.filter(|_| view.event_time.is_some()),
            misfits,
        })
    }

    /// Another unit than this one, of which the times of all rows can be.
    fn unit_that_fits(&self, unit: TimeUnit) -> Option<TimeUnit> {
        let (first, last) = self.times?;
        let all_possible = |other: &TimeUnit| {
            let in_other = |at: i64| at as f64 * unit.per_milli() / other.per_milli();
            is_possible(in_other(first), now()) && is_possible(in_other(last), now())
        };
        match all_possible(&unit) {
            true => None,
            false => TimeUnit::ALL.into_iter().find(all_possible),
        }
    }

    /// Rows that will not fit whatever the types are.
    fn notes(&self) -> Vec<String> {
        let misfits = self.misfits.values().map(|misfits| {
            let (count, first) = (misfits.count, &misfits.first);
            format!(
                "{count} of {} rows will be rejects, the first {first}",
                self.rows
            )
        });
        let mut notes: Vec<String> = misfits.chain(self.file_notes.iter().cloned()).collect();
        if self.unit_that_fits(TimeUnit::default()).is_none()
            && let Some((first, last)) = self.times
            && !(is_possible(first as f64, now()) && is_possible(last as f64, now()))
        {
            notes.push(
                "times of rows are before 1990 or after tomorrow: --any-time would load them"
                    .to_owned(),
            );
        }
        notes
    }
}

/// Looks at rows.
struct Rows {
    seen: Vec<Seen>,
    times: Option<(i64, i64)>,
}

impl RowSink for Rows {
    fn row(&mut self, row: &Row) -> Result<Taken, Failure> {
        for (seen, cell) in self.seen.iter_mut().zip(row.cells) {
            if let Some(cell) = cell {
                seen.cell(cell);
            }
        }
        let (first, last) = self.times.unwrap_or((row.at, row.at));
        self.times = Some((first.min(row.at), last.max(row.at)));
        Ok(Taken::Yes)
    }

    fn finish(self: Box<Self>) -> Result<Summary, Failure> {
        Ok(Summary::default())
    }

    fn abandon(self: Box<Self>) -> Option<String> {
        None
    }
}
