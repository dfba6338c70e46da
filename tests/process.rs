//! The process as its operator meets it: starting, refusing to start, ending, being watched.

mod support;

use std::process::{Command, Output};
use std::time::{Duration, Instant};
use support::Server;

fn program() -> Command {
    let mut command = Command::new("timeout");
    command.args(["60", env!("CARGO_BIN_EXE_fieldstone")]);
    command
}

/// What the program says when it is expected to give up by itself.
fn refused(options: &[&str]) -> String {
    let Output { status, stderr, .. } = program()
        .arg("serve")
        .args(options)
        .output()
        .expect("run the program");
    let code = status.code().expect("an exit code");
    assert!(
        code != 0 && code != 124,
        "{options:?} was not refused: {status}"
    );
    String::from_utf8_lossy(&stderr).into_owned()
}

#[test]
fn shutdown_ends_it() {
    for request in ["SHUTDOWN NOSAVE", "SHUTDOWN"] {
        let mut server = Server::ours(&[]);
        let mut c = server.connect();
        c.send(&support::encode(&support::words(request)))
            .expect("send SHUTDOWN");
        assert_eq!(
            c.read_to_end().expect("an end"),
            b"",
            "{request} has no reply"
        );
        assert!(server.exit_status().success(), "{request}");
    }
}

#[test]
fn signals_end_it() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::ours(&[]);
        server.assert_serving();
        let kill = Command::new("kill")
            .args([signal, &server.pid().to_string()])
            .status();
        assert!(kill.expect("run kill").success());
        assert!(
            server.exit_status().success(),
            "an orderly end after {signal}"
        );
    }
}

/// Clients that do not read their replies do not keep it alive, on whatever thread they are.
#[test]
fn slow_readers_do_not_hold_up_the_end() {
    let mut server = Server::ours(&["--io-threads", "2"]);
    let mut good = server.connect();
    good.call(&["SET", "k", &"x".repeat(8 << 20)]);
    let mut slow: Vec<_> = (0..4).map(|_| server.connect()).collect();
    slow.retain_mut(|c| c.line("CLIENT INFO").text().contains(" io-thread=1 "));
    assert!(!slow.is_empty());
    for c in &mut slow {
        c.send(&b"GET k\r\n".repeat(8)).expect("send");
    }
    let waits = |list: &str| list.lines().filter(|l| !l.contains(" obl=0 ")).count();
    let until = Instant::now() + Duration::from_secs(30);
    while waits(&good.line("CLIENT LIST").text()) < slow.len() {
        assert!(Instant::now() < until, "the replies are not waiting");
    }
    good.send(b"SHUTDOWN\r\n").expect("send SHUTDOWN");
    assert!(server.exit_status().success());
}

/// Whatever the kernel says of the value, clients are let in.
#[test]
fn keepalive_longer_than_the_kernel_takes() {
    let server = Server::ours(&[]);
    let mut admin = server.connect();
    assert_eq!(
        admin.line("CONFIG SET tcp-keepalive 2147483647").text(),
        "OK"
    );
    server.assert_serving();
}

/// Clients that came while there was a password need none once there is none.
#[test]
fn a_password_that_is_taken_away() {
    let server = Server::ours(&["--requirepass", "secret"]);
    let (mut admin, mut other) = (server.connect(), server.connect());
    assert!(other.line("PING").is_error());
    assert_eq!(admin.line("AUTH secret").text(), "OK");
    assert_eq!(
        admin.call(&["CONFIG", "SET", "requirepass", ""]).text(),
        "OK"
    );
    assert_eq!(other.line("PING").text(), "PONG");
}

/// A port that is taken, and settings that mean nothing, are said at once.
#[test]
fn it_refuses_to_start() {
    let server = Server::ours(&[]);
    let port = server.port().to_string();
    let said = refused(&["--port", &port, "--bind", "127.0.0.1"]);
    assert!(
        said.contains(&port) || said.to_ascii_lowercase().contains("in use"),
        "{said}"
    );
    let said = refused(&["--port", "0", "--no-such-setting", "1"]);
    assert!(said.contains("no-such-setting"), "{said}");
    refused(&["--port", "99999"]);
    refused(&["--maxclients", "many"]);
    server.assert_serving();
}

/// `--check-config` reads all that a start would read, wherever it stands, and starts nothing.
#[test]
fn settings_can_be_checked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("redis.conf");
    std::fs::write(&file, "maxmemory 1gb\n").expect("write a configuration file");
    let file = file.to_str().expect("a path in UTF-8");
    // A port that is taken: it is not bound.
    let server = Server::ours(&[]);
    let port = server.port().to_string();
    for options in [
        vec!["--check-config"],
        vec!["--check-config", file, "--port", &port],
        vec![file, "--check-config", "--port", &port],
        vec!["--port", &port, "--save", "", "--check-config"],
    ] {
        let output = program().arg("serve").args(&options).output();
        let output = output.expect("run the program");
        assert!(output.status.success(), "{options:?}");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said, "configuration is right\n", "{options:?}");
    }
    for (options, wrong) in [
        (vec!["--check-config", "--save", "60"], "save"),
        (vec![file, "--port", "99999", "--check-config"], "port"),
        (vec!["/no/such/file", "--check-config"], "/no/such/file"),
    ] {
        let said = refused(&options);
        assert!(said.contains(wrong), "{options:?}: {said}");
    }
    std::fs::write(file, "port 0\nno-such-setting 1\n").expect("write a configuration file");
    let said = refused(&[file, "--check-config"]);
    assert!(said.contains(":2: 'no-such-setting'"), "{said}");
}

#[test]
fn help_and_version() {
    for option in ["--help", "--version"] {
        let output = program().arg(option).output().expect("run the program");
        assert!(output.status.success());
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("fieldstone"),
            "{option}"
        );
    }
}

/// MONITOR shows what others do, but no password.
#[test]
fn monitor_shows_commands() {
    let server = Server::ours(&[]);
    let (mut watcher, mut other) = (server.connect(), server.connect());
    assert_eq!(watcher.line("MONITOR").text(), "OK");
    other.call(&["AUTH", "default", "secret"]);
    other.call(&["HSET", "h", "f", "a \"b\"\r\n"]);
    let mut seen = String::new();
    while !seen.contains("\"HSET\"") {
        seen.push_str(&watcher.read().expect("a line").value.text());
    }
    assert!(seen.ends_with(r#""HSET" "h" "f" "a \"b\"\r\n""#), "{seen}");
    assert!(!seen.contains("secret"), "{seen}");
}

/// Each of INFO's sections and fields that clients and monitors look for.
#[test]
fn info_has_what_tools_parse() {
    let server = Server::ours(&[]);
    let info = server.connect().line("INFO").text();
    for field in [
        "redis_version",
        "redis_mode",
        "run_id",
        "tcp_port",
        "process_id",
        "uptime_in_seconds",
        "loading",
        "cluster_enabled",
        "connected_clients",
        "used_memory",
        "used_memory_rss",
        "maxmemory",
        "mem_fragmentation_ratio",
        "total_connections_received",
        "total_commands_processed",
        "instantaneous_ops_per_sec",
        "keyspace_hits",
        "keyspace_misses",
        "expired_keys",
        "evicted_keys",
        "role",
        "connected_slaves",
        "master_repl_offset",
    ] {
        assert!(
            info.contains(&format!("\r\n{field}:")),
            "no {field} in INFO"
        );
    }
}
