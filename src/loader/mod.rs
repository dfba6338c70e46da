//! `fieldstone load`: the rows of a flat Parquet file as pipelined HSETs to a server.
//!
//! ```text
//! source (parquet) -> plan (key template, drop, rename) -> sink (one connection) -> report
//! ```
//!
//! Invariants
//! - Only `parquet/` knows the format of the file; only `sink` knows the server.
//! - A row is written with one HSET: all its features or none.
//! - The load stops at the first row that the server refuses and at the first damaged byte that is
//!   noticed; rows before it stay written, and running the same load again gives the same state.

mod contain;
mod parquet;
mod plan;
mod report;
mod server;
mod sink;
mod source;
mod text;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use self::contain::Position;
use self::parquet::ParquetSource;
use self::plan::{Plan, Wishes};
use self::report::Report;
use self::server::Server;
use self::sink::{Sink, SinkError};
use self::source::{Block, Source, SourceError};
use crate::clock;
use crate::view::{Template, duration};

/// Load a flat Parquet file into a server, one hash a row.
#[derive(clap::Args)]
pub struct LoadArgs {
    /// Key of a row; {column} stands for the row's value, e.g. 'A:plane:{tailnum}'
    #[arg(long)]
    key: String,
    /// HOST:PORT or redis://[user:pass@]host:port/db
    #[arg(long, default_value = "127.0.0.1:6379")]
    server: String,
    /// User to log in as; needs a password
    #[arg(long)]
    user: Option<String>,
    /// Password; the environment variable REDISCLI_AUTH keeps it out of the process list
    #[arg(long)]
    pass: Option<String>,
    /// Time to live of every key written: a number with ms, s, m, h or d, e.g. 26h
    #[arg(long, value_parser = duration)]
    ttl: Option<u64>,
    /// Write column OLD as feature NEW; may be repeated
    #[arg(long, value_name = "OLD=NEW", value_parser = renaming)]
    rename: Vec<(String, String)>,
    /// Columns that are not written
    #[arg(long, value_name = "COLUMN", num_args = 1, value_delimiter = ',')]
    drop: Vec<String>,
    /// Write the columns of the key as features too
    #[arg(long)]
    keep_key_columns: bool,
    /// Most commands sent without having been answered
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    batch: u16,
    /// The Parquet file
    #[arg(value_name = "SOURCE.parquet")]
    source: PathBuf,
}

/// Why a load ended early.
enum Failure {
    /// The command line is wrong, or does not fit the file.
    Usage(String),
    Failed(String),
}

impl From<SourceError> for Failure {
    fn from(e: SourceError) -> Failure {
        Failure::Failed(e.to_string())
    }
}

impl From<SinkError> for Failure {
    fn from(e: SinkError) -> Failure {
        Failure::Failed(e.to_string())
    }
}

/// Exit codes: 0 loaded, 1 failed, 2 the command line is wrong or does not fit the file.
pub fn run(args: LoadArgs) -> ExitCode {
    match load(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(reason)) => {
            eprintln!("error: {reason}");
            ExitCode::from(2)
        }
        Err(Failure::Failed(reason)) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn load(args: &LoadArgs) -> Result<(), Failure> {
    let started = clock::monotonic();
    let template = Template::parse(&args.key).map_err(|e| Failure::Usage(format!("--key {e}")))?;
    let server = login(args).map_err(Failure::Usage)?;
    refuse_what_is_not_parquet(args).map_err(Failure::Usage)?;

    let file = args.source.display().to_string();
    let position = Position::new(&file);
    contain::install(position.clone());
    let mut source = ParquetSource::open(&args.source, position)?;
    let wishes = Wishes {
        drop: &args.drop,
        rename: &args.rename,
        keep_key_columns: args.keep_key_columns,
    };
    let plan = Plan::new(source.columns(), &template, &wishes);
    let plan = plan.map_err(|e| Failure::Usage(format!("{file}: {e}")))?;
    source.select(plan.columns().to_vec());

    let mut sink = Sink::connect(&server, usize::from(args.batch))?;
    let mut report = Report::default();
    let ttl = args.ttl.map(|millis| millis.to_string().into_bytes());
    let copied = copy(&mut source, &plan, &mut sink, ttl.as_deref(), &mut report);
    copied.inspect_err(|_| {
        let (answered, read) = (sink.rows_answered(), report.rows);
        eprintln!(
            "{answered} rows were written and acknowledged; of {read} read, the others may be"
        );
    })?;

    let elapsed = clock::monotonic().saturating_duration_since(started);
    if std::io::stdout().is_terminal() {
        println!("{}", report.line(elapsed));
    } else {
        println!("{}", report.json(&file, elapsed));
    }
    Ok(())
}

fn copy(
    source: &mut impl Source,
    plan: &Plan,
    sink: &mut Sink,
    ttl: Option<&[u8]>,
    report: &mut Report,
) -> Result<(), Failure> {
    while let Some(block) = source.next_block()? {
        write_block(&block, plan, sink, ttl, report)?;
    }
    Ok(sink.finish()?)
}

fn write_block(
    block: &Block,
    plan: &Plan,
    sink: &mut Sink,
    ttl: Option<&[u8]>,
    report: &mut Report,
) -> Result<(), SinkError> {
    let mut key = Vec::new();
    for row in 0..block.rows {
        report.rows += 1;
        key.clear();
        if let Err(column) = plan.key(block, row, &mut key) {
            report.reject(block.place(row), column);
            continue;
        }
        let mut request: Vec<&[u8]> = Vec::with_capacity(2 + 2 * plan.features().len());
        request.extend([b"HSET".as_slice(), &key]);
        let mut features = 0;
        for feature in plan.features() {
            if let Some(cell) = block.cell(feature.column, row) {
                request.extend([feature.name.as_slice(), cell]);
                features += 1;
            }
        }
        if features == 0 {
            report.empty += 1;
            continue;
        }
        sink.row(block.place(row), &request, ttl)?;
        report.entities += 1;
        report.features += features;
        report.nulls += plan.features().len() as u64 - features;
    }
    Ok(())
}

/// Who to be at which server: options before the URL, the URL before the environment.
fn login(args: &LoadArgs) -> Result<Server, String> {
    let mut server = Server::parse(&args.server).map_err(|e| format!("--server: {e}"))?;
    let user = args.user.clone().or(server.user.take());
    let pass = args.pass.clone().or(server.password.take());
    server.password = pass.or_else(|| std::env::var("REDISCLI_AUTH").ok());
    server.user = user;
    if server.user.is_some() && server.password.is_none() {
        return Err("a user without a password (--pass)".to_owned());
    }
    Ok(server)
}

fn refuse_what_is_not_parquet(args: &LoadArgs) -> Result<(), String> {
    let file = args.source.display().to_string();
    if let Some((scheme, _)) = file.split_once("://") {
        return Err(format!(
            "{file}: {scheme}:// is not supported, only local files are"
        ));
    }
    let extension = args
        .source
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    if ["csv", "tsv", "json", "jsonl", "orc", "avro"].contains(&extension) {
        return Err(format!(
            "{file}: {extension} files are not supported, only Parquet is"
        ));
    }
    if args.source.is_dir() {
        return Err(format!("{file}: is a directory; load its files one by one"));
    }
    Ok(())
}

fn renaming(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => {
            Ok((old.to_owned(), new.to_owned()))
        }
        _ => Err("must be OLD=NEW".to_owned()),
    }
}
