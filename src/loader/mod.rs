//! `fieldstone load`: the rows of an export as features of a view.
//!
//! ```text
//! storage (files) -> parquet | delimited (columns) -> convert (declared types)
//!     -> reader (a thread) -> copy (rows: key, time, defaults, rejects)
//!     -> a sink: batch | newest (checks), then wire (any Redis) | show (a terminal)
//! ```
//!
//! Invariants
//! - Only `parquet/` knows that format, only `storage/` where files lie, only sinks know servers.
//! - Over the wire everything is read and checked before the first row is sent.
//! - Memory is bounded by `--memory`, whatever the export holds or claims to hold: half of it is
//!   for reading, half for the sink.

mod args;
mod batch;
mod commands;
mod contain;
mod convert;
mod copy;
mod declared;
mod delimited;
mod infer;
mod list;
mod newest;
mod parquet;
mod plan;
mod progress;
mod reader;
mod rejects;
mod report;
mod resume;
mod show;
mod sink;
mod source;
mod stop;
mod storage;
mod text;
mod wire;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

pub use self::args::{LoadArgs, Mode};
use self::batch::{BatchSink, Target};
use self::commands::Commands;
use self::copy::Pass;
pub(crate) use self::delimited::{Dialect, Records};
pub use self::infer::{InferArgs, run as infer};
use self::newest::Newest;
use self::plan::{Plan, Wishes};
use self::progress::Progress;
use self::reader::Reader;
use self::rejects::Rejects;
use self::report::Report;
use self::resume::Resume;
use self::sink::{RowSink, Summary};
use self::stop::Stop;
use self::wire::WireSink;
use crate::batch::Allowed;
use crate::client::{Address, Failure};
use crate::clock;
use crate::view::Template;

/// Exit codes: 0 loaded; 1 it failed, and trying again may help; 2 it will fail again.
pub fn run(args: &LoadArgs) -> ExitCode {
    match load(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

/// A load that is ready to be run.
struct Load<'a> {
    args: &'a LoadArgs,
    plan: Arc<Plan>,
    reader: Arc<Reader>,
    file_names: Vec<String>,
    source: String,
    stop: Stop,
}

fn load(args: &LoadArgs) -> Result<(), Failure> {
    let started = clock::monotonic();
    let stop = Stop::on_signals();
    let to = target(args).map_err(Failure::lasting)?;
    let load = match &args.key {
        Some(key) => without_view(args, key, stop)?,
        None => with_view(args, stop)?,
    };
    if let Some(rows_max) = args.show {
        return load.show(rows_max);
    }
    let (report, summary) = match to {
        Some(to) if !args.dry_run => load.over_the_wire(&to)?,
        None if !args.dry_run => load.as_a_batch()?,
        _ => load.check().and_then(|(report, newest)| {
            let resolved = newest
                .resolve()
                .map_err(|e| Failure::passing(e.to_string()));
            Ok((report, resolved?.1))
        })?,
    };
    report.tell_notes();
    let elapsed = clock::monotonic().saturating_duration_since(started);
    if std::io::stdout().is_terminal() {
        println!("{}", report.line(&summary, elapsed));
    } else {
        let kind = if args.dry_run { "dry run" } else { "load" };
        let of = [
            ("event", kind),
            ("view", load.plan.view.name.as_str()),
            ("source", load.source.as_str()),
        ];
        println!("{}", report.json(&of, &summary, elapsed));
    }
    Ok(())
}

/// The server of `--to`; without a view there are no batches, and it is that of `--server`.
fn target(args: &LoadArgs) -> Result<Option<Address>, String> {
    let to = match (&args.to, &args.key) {
        (Some(to), _) => {
            let mut address = Address::parse(to).map_err(|e| format!("--to: {e}"))?;
            let password = std::env::var("FIELDSTONE_TO_AUTH").ok();
            address.password = address.password.or(password);
            if address.user.is_some() && address.password.is_none() {
                return Err("--to: a user without a password".to_owned());
            }
            Some(address)
        }
        (None, Some(_)) => Some(args.server.address()?),
        (None, None) => None,
    };
    if to.is_some() && args.mode == Some(Mode::Replace) {
        return Err(
            "--mode replace: over the wire entities that are not in the export cannot lose their \
             features in one step; publish a batch to a Fieldstone server, or --mode upsert"
                .to_owned(),
        );
    }
    for (option, given) in [
        ("--resume", args.resume.is_some()),
        ("--key-ttl", args.key_ttl),
    ] {
        if given && to.is_none() && args.show.is_none() {
            return Err(format!("{option} goes with --to"));
        }
    }
    Ok(to)
}

fn with_view<'a>(args: &'a LoadArgs, stop: Stop) -> Result<Load<'a>, Failure> {
    let [name, source @ ..] = args.what.as_slice() else {
        return Err(Failure::lasting("no view is named"));
    };
    let view = declared::find(args, name)?;
    let source = source.first().cloned().or_else(|| view.source.clone());
    let source = source.ok_or_else(|| {
        Failure::lasting(format!("view {name} has no source: name one behind it"))
    })?;
    let plan = Plan::new(view, &args.set, args.allow_missing).map_err(Failure::lasting)?;
    let reader = reader_of(args, &source)?;
    Ok(Load::new(args, plan, reader, source, stop))
}

fn without_view<'a>(args: &'a LoadArgs, key: &str, stop: Stop) -> Result<Load<'a>, Failure> {
    let [source] = args.what.as_slice() else {
        let reason = "with --key there is no view: only the source is named";
        return Err(Failure::lasting(reason));
    };
    let template = Template::parse(key).map_err(|e| Failure::lasting(format!("--key {e}")))?;
    let reader = reader_of(args, source)?;
    let Some(first) = reader.export.files.first() else {
        return Err(Failure::passing(format!("{source}: no files")));
    };
    let wishes = Wishes {
        drop: &args.drop,
        rename: &args.rename,
        keep_key_columns: args.keep_key_columns,
        ttl: args.ttl,
    };
    let opened = reader.open(first)?;
    let stem = Path::new(source).file_stem().unwrap_or_default();
    let name = stem.to_string_lossy();
    let plan = Plan::of_columns(&*opened, &name, template, &wishes);
    let plan = plan.map_err(|e| Failure::lasting(format!("{}: {e}", first.name)))?;
    Ok(Load::new(args, plan, reader, source.clone(), stop))
}

fn reader_of(args: &LoadArgs, source: &str) -> Result<Arc<Reader>, Failure> {
    Reader::find(source, &args.conditions, args.memory, &args.text)
}

impl<'a> Load<'a> {
    fn new(
        args: &'a LoadArgs,
        plan: Plan,
        reader: Arc<Reader>,
        source: String,
        stop: Stop,
    ) -> Load<'a> {
        let names = reader.export.files.iter().map(|file| file.name.clone());
        Load {
            args,
            file_names: names.collect(),
            plan: Arc::new(plan),
            reader,
            source,
            stop,
        }
    }

    /// Read everything once and give it to `sink`.
    fn pass(
        &self,
        phase: &'static str,
        now: i64,
        rejects: Rejects,
        sink: &mut dyn RowSink,
    ) -> Result<Report, Failure> {
        let blocks = self.reader.start(&self.plan);
        let progress = Progress::start(phase, self.reader.bytes());
        let (plan, names) = (&self.plan, &self.file_names);
        let times = (now, self.args.any_time);
        let mut pass = Pass::new(plan, names, times, &self.stop, progress, rejects);
        pass.run(&blocks, sink)?;
        let report = Report {
            files: self.file_names.len(),
            bytes: self.reader.bytes(),
            ..pass.report
        };
        // Before anything is sent: an export that came out empty is a mistake, mostly.
        let Report {
            rows,
            rejects,
            empty,
            dead,
            ..
        } = report;
        if rows == rejects + empty + dead && !self.args.allow_empty {
            let expired = match dead {
                0 => String::new(),
                dead => format!(", and {dead} have expired already"),
            };
            return Err(Failure::lasting(format!(
                "{}: of {rows} rows {rejects} were rejected and {empty} have no feature{expired}: \
                 there is nothing to load; --allow-empty if that is meant",
                self.source
            )));
        }
        Ok(report)
    }

    fn rejects(&self) -> Rejects<'static> {
        let path = self.args.rejects.clone();
        let default = || PathBuf::from(format!("{}.rejects.jsonl", self.plan.view.name));
        Rejects::new(path.unwrap_or_else(default), self.args.max_rejects)
    }

    /// Read and check everything, send nothing.
    fn check(&self) -> Result<(Report, Newest), Failure> {
        let mut newest = Newest::new(self.args.memory / 2);
        let report = self.pass("check", now(), self.rejects(), &mut newest)?;
        Ok((report, newest))
    }

    /// Check and pack everything, then publish it.
    fn as_a_batch(&self) -> Result<(Report, Summary), Failure> {
        let address = self.args.server.address().map_err(Failure::lasting)?;
        let mut connection = self.args.server.connect(&address)?;
        let (view, now) = (&self.plan.view, now());
        let features_ever = batch::features_ever(&mut connection, &view.name)?;
        let db = address.database.map_or(Ok(0), u8::try_from);
        let target = Target {
            connection,
            db: db.map_err(|_| Failure::lasting("there is no such database"))?,
            replace: self.args.mode != Some(Mode::Upsert),
            key: self.plan.key.clone(),
            features_ever,
            author: std::env::var("USER").unwrap_or_else(|_| "default".to_owned()),
            allowed: Allowed {
                empty: self.args.allow_empty,
                shrink: self.args.allow_shrink,
            },
            memory: usize::try_from(self.args.memory / 2).unwrap_or(usize::MAX),
            dir: std::env::temp_dir(),
        };
        let mut sink = BatchSink::begin(target, view, &self.plan.ttls)?;
        let report = self.pass("load", now, self.rejects(), &mut sink)?;
        sink.note(&self.source, &self.args.conditions, &report);
        let summary = Box::new(sink).finish()?;
        Ok((report, summary))
    }

    /// Check everything, then send it.
    fn over_the_wire(&self, to: &Address) -> Result<(Report, Summary), Failure> {
        let commands = Commands::of_view(&self.plan.view, self.args.key_ttl);
        // Now rather than after everything was read. It is not kept: reading may take long.
        commands.check(&mut self.args.server.connect(to)?)?;
        let resume = self.args.resume.as_deref();
        let resume = resume.map(|path| Resume::open(path, self.identity(to), now()));
        let resume = resume.transpose()?;
        let at = resume.as_ref().map_or_else(now, |resume| resume.at);
        let (report, newest) = self.check()?;
        let resolved = newest
            .resolve()
            .map_err(|e| Failure::passing(e.to_string()))?;

        let mut sink = Box::new(WireSink::new(
            self.args.server.connect(to)?,
            usize::from(self.args.in_flight),
            commands,
            resolved,
            self.file_names.clone(),
            resume,
        ));
        // They were told by the first pass.
        let rejects = Rejects::silent();
        match self.pass("send", at, rejects, &mut *sink) {
            Ok(again) if again.rows == report.rows && again.rejects == report.rejects => {}
            Ok(_) => {
                let told = sink.abandon().unwrap_or_default();
                eprintln!("{told}");
                let reason = "the export changed while it was loaded";
                return Err(Failure::passing(format!("{}: {reason}", self.source)));
            }
            Err(failure) => {
                eprintln!("{}", sink.abandon().unwrap_or_default());
                return Err(failure);
            }
        }
        let summary = sink.finish()?;
        Ok((report, summary))
    }

    /// What makes the same rows in the same order, as a number.
    fn identity(&self, to: &Address) -> u64 {
        let mut text = crate::view::write(&self.plan.view);
        text.push_str(&format!("{:?} {to} {:?}", self.plan.key, to.database));
        text.push_str(&format!(
            " {} {}",
            self.args.allow_missing, self.args.key_ttl
        ));
        for file in &self.reader.export.files {
            let (name, bytes, version) = (&file.name, file.bytes, &file.version);
            text.push_str(&format!("\n{name} {bytes} {version}"));
        }
        rapidhash::v3::rapidhash_v3(text.as_bytes())
    }
}

fn now() -> i64 {
    i64::try_from(clock::wall_millis()).unwrap_or(i64::MAX)
}
