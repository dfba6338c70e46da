//! Exports as others write them, and the nightly jobs around them, whole: pandas, pyarrow, DuckDB,
//! polars and Spark write Parquet, `fieldstone apply` and `fieldstone load` publish it, and every
//! value is compared; CSV of four of them is damaged as well. The examples and the units of
//! `deploy/` are really run.
//!
//! What they need is installed by `tests/run`, which says where in `FIELDSTONE_VENV_PRODUCERS` and
//! `FIELDSTONE_VENV_AIRFLOW`. What would break: a value that a producer writes in its own way, a
//! command line of an example that is no longer right.
#![cfg(feature = "loader")]

mod deploy;
mod nightly;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::Server;

/// Spark starts slowly where others run, too.
const SECONDS_MAX: &str = "900";

/// A server with batches, a folder to work in, and the programs in the PATH.
struct Bench {
    server: Server,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["data", "bin"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let data = folder.path().join("data");
        let data = data.to_str().expect("a path in UTF-8");
        let options = ["--dir", data, "--appendonly", "yes", "--io-threads", "1"];
        let program = folder.path().join("bin/fieldstone");
        std::os::unix::fs::symlink(program_path(), program).expect("a link");
        Bench {
            server: Server::ours(&options),
            folder,
        }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.server.port())
    }

    /// Run a program in the folder; `fieldstone` and what producers need are in its PATH.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", SECONDS_MAX]).arg(program);
        let old = std::env::var("PATH").unwrap_or_default();
        let ours = self.folder.path().join("bin");
        let producers = installed("FIELDSTONE_VENV_PRODUCERS", "bin");
        command.env(
            "PATH",
            format!("{}:{}:{old}", ours.display(), producers.display()),
        );
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("SPARK_LOCAL_IP", "127.0.0.1")
            .env("SPARK_LOCAL_DIRS", self.folder.path());
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }
}

fn program_path() -> PathBuf {
    let program = std::env::var("FIELDSTONE_PROGRAM");
    PathBuf::from(program.unwrap_or_else(|_| env!("CARGO_BIN_EXE_fieldstone").to_owned()))
}

/// The folder or file `below` what the variable `name` names.
fn installed(name: &str, below: &str) -> PathBuf {
    let hint = "run `tests/run`, which installs the producers and then runs the tests";
    let folder = std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: {hint}"));
    let path = Path::new(&folder).join(below);
    assert!(path.exists(), "{} is missing: {hint}", path.display());
    path
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn output(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"))
}

/// What a program that must succeed printed.
fn succeed(command: &mut Command) -> String {
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// Each script writes the table of `table.py`, loads it and compares; see there.
fn producer(name: &str) {
    let bench = Bench::new();
    let mut command = bench.command("python3");
    command.arg(source("tests/producers").join(format!("{name}_files.py")));
    command
        .arg(bench.server.port().to_string())
        .arg(program_path());
    let said = succeed(&mut command);
    assert!(said.lines().any(|line| line.starts_with("ok ")), "{said}");
    bench.server.assert_serving();
}

#[test]
fn pandas() {
    producer("pandas");
}

#[test]
fn fastparquet() {
    producer("fastparquet");
}

#[test]
fn pyarrow() {
    producer("pyarrow");
}

#[test]
fn duckdb() {
    producer("duckdb");
}

#[test]
fn polars() {
    producer("polars");
}

#[test]
fn spark() {
    producer("spark");
}

/// See `csv_files.py`.
#[test]
fn csv_whole_and_damaged() {
    producer("csv");
}
