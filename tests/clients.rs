//! Real clients against our server. Each script in `tests/clients/` asserts for itself and prints
//! one line that starts with `ok`.
//!
//! What they need is installed by `tests/run`, which says where in `FIELDSTONE_VENV`,
//! `FIELDSTONE_VENV_FEAST` and `FIELDSTONE_NODE_MODULES`.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::Server;

/// The folder or file `below` what the variable `name` names.
fn installed(name: &str, below: &str) -> PathBuf {
    let hint = "run `tests/run`, which installs the clients and then the tests";
    let folder = std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: {hint}"));
    let path = Path::new(&folder).join(below);
    assert!(path.exists(), "{} is missing: {hint}", path.display());
    path
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name)
}

/// Run `program script PORT arguments...` against a fresh server.
fn run(program: &Path, name: &str, arguments: &[&str]) {
    let server = Server::ours(&[]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", "180"])
        .arg(program)
        .arg(script(name));
    command.arg(server.port().to_string()).args(arguments);
    command.current_dir(folder.path()).stdin(Stdio::null());
    // Feast would tell its makers that it is used.
    command
        .env("FEAST_USAGE", "False")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if name.ends_with(".mjs") {
        command.env("NODE_MODULES", installed("FIELDSTONE_NODE_MODULES", ""));
    }
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("cannot run {name}: {e}"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.lines().any(|line| line.starts_with("ok")),
        "{name} {arguments:?}: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    server.assert_serving();
}

fn python(name: &str, arguments: &[&str]) {
    run(&installed("FIELDSTONE_VENV", "bin/python"), name, arguments);
}

#[test]
fn redis_py_resp2() {
    python("redis_py.py", &["2", "python"]);
}

#[test]
fn redis_py_resp3() {
    python("redis_py.py", &["3", "python"]);
}

#[test]
fn redis_py_hiredis_resp2() {
    python("redis_py.py", &["2", "hiredis"]);
}

#[test]
fn redis_py_hiredis_resp3() {
    python("redis_py.py", &["3", "hiredis"]);
}

#[test]
fn feast() {
    run(
        &installed("FIELDSTONE_VENV_FEAST", "bin/python"),
        "feast_store.py",
        &[],
    );
}

#[test]
fn node_clients() {
    run(Path::new("node"), "node_clients.mjs", &[]);
}

#[test]
fn redis_cli() {
    run(Path::new("bash"), "redis_cli.sh", &[]);
}

#[test]
fn redis_benchmark() {
    run(Path::new("bash"), "redis_benchmark.sh", &[]);
}
