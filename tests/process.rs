//! The process as its operator meets it: starting, refusing to start, ending, being watched.

mod support;

use fieldstone::config::Config;
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

/// The connection of who stops the server closes when it has ended, and not before: the next start
/// finds the directory free. With SAVE there is a checkpoint of everything.
#[test]
fn who_stops_it_can_start_it_again_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("data");
    let dir = dir.to_str().expect("a path in UTF-8");
    let options = ["--dir", dir, "--appendonly", "yes"];
    for n in 0..20 {
        let server = Server::try_ours(&options);
        let server = server.unwrap_or_else(|said| panic!("start {n} was refused: {said}"));
        let mut c = server.connect();
        assert_eq!(c.line("DBSIZE").integer(), n);
        c.line(&format!("SET k{n} v"));
        let is_saved = n % 2 == 0;
        let request = if is_saved {
            "SHUTDOWN SAVE"
        } else {
            "SHUTDOWN"
        };
        c.send(&support::encode(&support::words(request)))
            .expect("sent");
        assert_eq!(c.read_to_end().expect("an end"), b"");
        let check = Command::new(env!("CARGO_BIN_EXE_fieldstone"))
            .args(["check", dir])
            .output();
        let check = check.expect("check");
        let said = [check.stdout, check.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(check.status.success(), "{said}");
        let behind = format!("; {} changes behind those in files", u8::from(!is_saved));
        assert!(said.contains(&behind), "{request}: {said}");
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

/// A path that is mistyped, or somebody else's folder, does not become an empty server.
#[test]
fn a_start_on_the_wrong_directory_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("file"), "x").expect("a file");
    for name in ["dump.rdb", "appendonly.aof"] {
        std::fs::create_dir_all(path(&format!("of-{name}"))).expect("a folder");
        std::fs::write(path(&format!("of-{name}/{name}")), "REDIS").expect("a file");
    }
    for (dir, want) in [
        (
            path("none/data"),
            "there is no such folder, nor the one above it",
        ),
        (path("file"), "it is a file"),
        (
            path("of-dump.rdb"),
            "it is the directory of a Redis (dump.rdb)",
        ),
        (
            path("of-appendonly.aof"),
            "it is the directory of a Redis (appendonly.aof)",
        ),
    ] {
        let said = refused(&["--port", "0", "--dir", &dir]);
        let lines: Vec<&str> = said
            .lines()
            .filter(|l| l.starts_with("fieldstone: "))
            .collect();
        assert_eq!(lines.len(), 1, "{said}");
        assert!(lines[0].contains(want) && lines[0].contains(&dir), "{said}");
    }
    assert_eq!(
        std::fs::read_dir(path("of-dump.rdb"))
            .expect("a folder")
            .count(),
        1
    );
    assert!(!folder.path().join("none").exists());
}

/// With no arguments it keeps data, in a folder of its own below where it was started.
#[test]
fn what_is_written_is_kept_by_default() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("fieldstone-data");
    let dir = data.to_str().expect("a path in UTF-8");
    let defaults = Config::default();
    assert_eq!(
        (defaults.dir.as_str(), defaults.appendonly),
        ("./fieldstone-data", true)
    );
    for run in 0..2 {
        // As by default, but for the port.
        let server = Server::ours(&["--dir", dir, "--appendonly", "yes"]);
        let mut c = server.connect();
        assert_eq!(c.line("EXISTS kept").integer(), run);
        c.line("HSET kept f v");
        assert!(server.stop().success());
    }
    assert!(data.join("MANIFEST").exists() && data.join("SYNCED").exists());
}

/// A port is taken before a directory is looked at, and answers nobody before it is open.
#[test]
fn a_start_that_is_refused_takes_no_client_and_touches_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().to_str().expect("a path in UTF-8");
    let server = Server::ours(&["--dir", dir, "--appendonly", "yes"]);
    server.connect().line("HSET k f v");
    assert_eq!(server.connect().line("SAVE").text(), "OK");
    let port = server.port();
    assert!(server.stop().success());
    let files = || -> Vec<(String, Vec<u8>)> {
        let entries = std::fs::read_dir(folder.path()).expect("a folder");
        let mut files: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .map(|path| {
                (
                    path.display().to_string(),
                    std::fs::read(&path).expect("a file"),
                )
            })
            .collect();
        files.sort();
        files
    };
    // A port that is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let other = taken.local_addr().expect("an address").port().to_string();
    let before = files();
    let bind = ["--bind", "127.0.0.1", "--dir", dir];
    let said = refused(&[&bind[..], &["--port", &other]].concat());
    assert!(said.contains("Could not listen on 127.0.0.1"), "{said}");
    assert!(
        files() == before,
        "a start on a port that is taken changed something"
    );
    // A damaged directory: nobody is let in meanwhile.
    let rows = before
        .iter()
        .find(|(name, _)| name.contains("rows-"))
        .expect("rows");
    let mut damaged = rows.1.clone();
    let end = damaged.len() - 1;
    damaged[end] ^= 1;
    std::fs::write(&rows.0, &damaged).expect("write");
    let before = files();
    let mut child = program()
        .arg("serve")
        .args(bind)
        .args(["--port", &port.to_string()])
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("run the program");
    let mut tries = 0;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a status") {
            break status;
        }
        tries += 1;
        let connected = std::net::TcpStream::connect(("127.0.0.1", port));
        assert!(connected.is_err(), "a client was let in");
    };
    assert!(!status.success() && tries > 0);
    assert!(
        files() == before,
        "a start that was refused changed something"
    );
}

/// Every counter of INFO that Redis resets goes back to zero, and those that wait are counted.
#[test]
fn figures_are_reset_and_mean_what_rediss_mean() {
    let server = Server::ours(&[]);
    let mut c = server.connect();
    let figure = |c: &mut support::Connection, name: &str| -> String {
        let text = c.line("INFO everything").text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("no {name}")).to_owned()
    };
    let until = |c: &mut support::Connection, name: &str, value: &str| {
        let end = Instant::now() + Duration::from_secs(60);
        while figure(c, name) != value {
            assert!(
                Instant::now() < end,
                "{name} is {}, not {value}",
                figure(c, name)
            );
        }
    };
    c.line("HSET h a 1 b 2");
    c.line("HPEXPIRE h 1 FIELDS 1 a");
    c.line("SET k v PX 1");
    c.line("GET h");
    c.line("GET none");
    until(&mut c, "expired_subkeys", "1");
    until(&mut c, "expired_keys", "1");
    assert_eq!(c.line("CONFIG RESETSTAT").text(), "OK");
    for name in [
        "expired_subkeys",
        "expired_keys",
        "keyspace_hits",
        "keyspace_misses",
        "total_connections_received",
        "rejected_connections",
        "total_error_replies",
        "evicted_keys",
    ] {
        assert_eq!(figure(&mut c, name), "0", "{name}");
    }
    // Three clients that wait for the end of a pause are blocked, and say so.
    c.line("CLIENT PAUSE 60000 WRITE");
    let mut waiting: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for (n, one) in waiting.iter_mut().enumerate() {
        one.send(format!("SET w{n} v\r\n").as_bytes())
            .expect("send");
    }
    until(&mut c, "blocked_clients", "3");
    let list = c.line("CLIENT LIST").text();
    assert_eq!(
        list.lines()
            .filter(|line| line.contains(" flags=b "))
            .count(),
        3,
        "{list}"
    );
    c.line("CLIENT UNPAUSE");
    until(&mut c, "blocked_clients", "0");
}
