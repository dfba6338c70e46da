//! `fieldstone check`: whether a data directory is as it was written, without starting a server.
//!
//! Invariants
//! - The directory is locked meanwhile; one that is not there is not made.
//! - Nothing in it is created, written or removed, unless `--repair-log` is given.
//! - A start believes what is checked here: whatever a start refuses is damage here, too, unless it
//!   is the settings that do not go with it.
//! - One that is damaged is looked at to its end.

mod batches;
mod key;
mod log;
mod manifest;
mod repair;
mod report;
mod rows;
mod survey;
#[cfg(test)]
mod tests;

use self::key::Wanted;
use self::report::Report;
use self::survey::Checked;
use crate::io::{Directory, Disk};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Look at every byte of a data directory that no server is using.
///
/// Ends with 0 if all is as it was written, 1 if something is damaged or missing, 2 if it could not
/// be looked at. Nothing is changed, unless --repair-log is given.
#[derive(clap::Args)]
pub struct CheckArgs {
    /// The data directory
    dir: PathBuf,
    /// Print what the manifest says and what the files of each shard have; checks no more than that
    #[arg(long)]
    manifest: bool,
    /// Print the seed of the hash as well: whoever knows it can choose keys that collide
    #[arg(long, requires = "manifest")]
    seed: bool,
    /// Print one key as a start would find it, and where it is; "0:" before a name that begins
    /// with a number and a colon
    #[arg(long, value_name = "[DB:]NAME", conflicts_with = "manifest")]
    key: Option<OsString>,
    /// Cut a damaged log where its damage begins: the changes behind are LOST. The files are kept
    /// in a folder, cut-<milliseconds>
    #[arg(long, conflicts_with_all = ["manifest", "key"])]
    repair_log: bool,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    Damaged,
    Unread,
}

pub fn run(args: &CheckArgs) -> ExitCode {
    let (text, verdict) = match check(args) {
        Ok(answer) => answer,
        Err(error) => {
            eprintln!("fieldstone: {}: {error}", args.dir.display());
            return ExitCode::from(2);
        }
    };
    // Whoever does not want to read all of it still gets the exit code.
    let _ = io::stdout().write_all(text.as_bytes());
    match verdict {
        Verdict::Fine => ExitCode::SUCCESS,
        Verdict::Damaged => ExitCode::from(1),
        Verdict::Unread => ExitCode::from(2),
    }
}

fn check(args: &CheckArgs) -> io::Result<(String, Verdict)> {
    let disk: Arc<dyn Disk> = Arc::new(Directory::open_existing(&args.dir)?);
    if args.manifest {
        return manifest::show(&*disk, args.seed);
    }
    let wanted = args.key.as_ref().map(Wanted::read);
    let checked = Checked::of(disk, wanted.as_ref())?;
    if args.repair_log {
        return repair::repair(&checked);
    }
    let mut text = String::new();
    if let Some(wanted) = &wanted {
        key::show(&checked, wanted, &mut text);
        checked.report.findings(&mut text);
    } else {
        checked.show(&args.dir, &mut text);
    }
    Ok((text, checked.report.verdict()))
}
