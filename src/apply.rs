//! `fieldstone apply`: declarations of views from a file to a server, with the difference told.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::client::{ClientError, Failure, ServerArgs};
use crate::io;
use crate::resp::Reply;
use crate::view::TEXT_BYTES_MAX;

/// Declare the views of a TOML file on a server, and show what that changes.
#[derive(clap::Args)]
pub struct ApplyArgs {
    /// Show what would change, change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: ServerArgs,
    /// The TOML file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Exit codes: 0 applied; 1 failed, and may not another time; 2 the command line or the file is
/// wrong.
pub fn run(args: &ApplyArgs) -> ExitCode {
    match apply(args) {
        Ok(reply) => {
            lines(&reply).iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn apply(args: &ApplyArgs) -> Result<Reply, Failure> {
    let address = args.server.address().map_err(Failure::lasting)?;
    let text = read(args).map_err(Failure::lasting)?;
    let mut connection = args.server.connect(&address)?;
    let author = std::env::var("USER").unwrap_or_default();
    let mut request: Vec<&[u8]> = vec![b"FS.VIEW", b"APPLY", text.as_bytes()];
    if args.dry_run {
        request.push(b"DRYRUN");
    }
    if !author.is_empty() {
        request.extend([b"AUTHOR".as_slice(), author.as_bytes()]);
    }
    connection.call(&request).map_err(|e| in_file(args, e))
}

fn read(args: &ApplyArgs) -> Result<String, String> {
    let wrong = |reason: &str| format!("{}: {reason}", args.file.display());
    let text = io::read_to_string(&args.file).map_err(|e| wrong(&e.to_string()))?;
    match text.len() {
        0..=TEXT_BYTES_MAX => Ok(text),
        _ => Err(wrong("is longer than declarations of views may be")),
    }
}

/// What the server says of the text it says of a line of the file.
fn in_file(args: &ApplyArgs, e: ClientError) -> Failure {
    match e {
        ClientError::Refused { text, .. } if text.starts_with("ERR line ") => {
            let text = text.trim_start_matches("ERR ");
            Failure::lasting(format!("{}: {text}", args.file.display()))
        }
        other => other.into(),
    }
}

/// A list of lines, or a text of them.
fn lines(reply: &Reply) -> Vec<String> {
    let items = match reply {
        Reply::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut lines = Vec::new();
    for item in items {
        if let Reply::Bulk(text) | Reply::Simple(text) = item {
            let text = String::from_utf8_lossy(text);
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    lines
}
