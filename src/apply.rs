//! `fieldstone apply`: declarations of views from a file to a server, with the difference told.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::client::{ClientError, ServerArgs};
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

/// Exit codes: 0 applied, 1 failed, 2 the command line is wrong.
pub fn run(args: &ApplyArgs) -> ExitCode {
    let address = match args.server.address() {
        Ok(address) => address,
        Err(reason) => {
            eprintln!("error: {reason}");
            return ExitCode::from(2);
        }
    };
    let applied = read(args).and_then(|text| {
        let connection = args.server.connect(&address);
        let mut connection = connection.map_err(|e| e.to_string())?;
        let author = std::env::var("USER").unwrap_or_default();
        let mut request: Vec<&[u8]> = vec![b"FS.VIEW", b"APPLY", text.as_bytes()];
        if args.dry_run {
            request.push(b"DRYRUN");
        }
        if !author.is_empty() {
            request.extend([b"AUTHOR".as_slice(), author.as_bytes()]);
        }
        connection.call(&request).map_err(|e| in_file(args, e))
    });
    match applied.map(|reply| lines(&reply)) {
        Ok(lines) => {
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
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
fn in_file(args: &ApplyArgs, e: ClientError) -> String {
    match e {
        ClientError::Refused { text, .. } if text.starts_with("ERR line ") => {
            let text = text.trim_start_matches("ERR ");
            format!("{}: {text}", args.file.display())
        }
        other => other.to_string(),
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
