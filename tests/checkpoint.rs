//! Checkpoints as clients and operators meet them: asked for and by themselves, what they leave in
//! the directory, how a server comes back from them. What would break: a log that never gets
//! shorter, a SAVE that answers too early, a base that hides or revives something.

mod support;

use std::path::Path;
use std::time::{Duration, Instant};
use support::{Connection, Server};

fn start(dir: &Path, options: &[&str]) -> Server {
    start_under(&[], dir, options)
}

fn start_under(wrapper: &[&str], dir: &Path, options: &[&str]) -> Server {
    let dir = dir.to_str().expect("a path in UTF-8");
    let mut all = vec!["--dir", dir, "--appendonly", "yes", "--io-threads", "1"];
    all.extend(options);
    Server::ours_under(wrapper, &all)
}

/// A field of INFO persistence.
fn info(c: &mut Connection, field: &str) -> String {
    let text = c.line("INFO persistence").text();
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field} in INFO"))
        .to_owned()
}

fn number(c: &mut Connection, field: &str) -> u64 {
    info(c, field).parse().expect("a number")
}

fn names(dir: &Path, prefix: &str) -> usize {
    let entries = std::fs::read_dir(dir).expect("the directory");
    let names = entries.map(|e| e.expect("an entry").file_name());
    names
        .filter(|n| n.to_string_lossy().starts_with(prefix))
        .count()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within a minute");
    }
}

fn fill(c: &mut Connection, from: usize, to: usize) {
    for n in from..to {
        let value = n.to_string();
        let key = format!("A:user:{n}");
        c.call(&[
            "HSET",
            &key,
            "purchases",
            &value,
            "country",
            "CH",
            "rate",
            "0.25",
        ]);
    }
}

#[test]
fn save_writes_what_there_is_and_a_start_replays_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = start(dir.path(), &[]);
    let mut c = server.connect();
    let before = c.line("LASTSAVE").integer();
    fill(&mut c, 0, 2000);
    c.line("HPEXPIREAT A:user:7 4102444800123 FIELDS 1 rate");
    c.line("SET s v PXAT 4102444800456");
    c.line("DEL A:user:8");
    assert_eq!(c.line("SAVE").text(), "OK");
    assert!(c.line("LASTSAVE").integer() >= before);
    assert_eq!(number(&mut c, "rdb_changes_since_last_save"), 0);
    assert_eq!(info(&mut c, "checkpoint_last_result"), "ok");
    assert!(names(dir.path(), "rows-") > 0);
    let files = names(dir.path(), "rows-");
    assert_eq!(c.line("SAVE").text(), "OK");
    assert_eq!(
        names(dir.path(), "rows-"),
        files,
        "nothing changed, nothing is written"
    );
    assert_eq!(number(&mut c, "checkpoint_bytes_written"), 0);
    c.line("HSET A:user:9 rate 0.5");
    c.line("HDEL A:user:10 country");
    kill(&mut server);

    let server = start(dir.path(), &[]);
    let mut c = server.connect();
    assert_eq!(
        number(&mut c, "recovered_changes"),
        2,
        "those behind the checkpoint"
    );
    assert_eq!(number(&mut c, "recovered_base_files"), files as u64);
    assert_eq!(c.line("DBSIZE").integer(), 2000);
    assert_eq!(c.line("HGET A:user:1999 purchases").text(), "1999");
    assert!(
        c.line("HGETALL A:user:8").items().is_empty(),
        "it was deleted"
    );
    assert_eq!(c.line("HGET A:user:9 rate").text(), "0.5");
    assert!(c.line("HGET A:user:10 country").is_nil());
    let at = c.line("HPEXPIRETIME A:user:7 FIELDS 2 rate country");
    let at: Vec<i64> = at.items().iter().map(|v| v.integer()).collect();
    assert_eq!(at, [4_102_444_800_123, -1]);
    assert_eq!(c.line("PEXPIRETIME s").integer(), 4_102_444_800_456);
    assert_eq!(number(&mut c, "scrub_errors"), 0);
    until("the scrub", || number(&mut c, "scrub_passes") > 0);
    assert_eq!(info(&mut c, "scrub_damage"), "none");
}

fn kill(server: &mut Server) {
    let pid = server.pid().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-9", &pid])
        .status();
    assert!(killed.expect("run kill").success());
    server.exit_status();
}

#[test]
fn a_long_log_is_written_down_by_itself_and_gets_shorter() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = start(
        dir.path(),
        &["--checkpoint-log-size", "1mb", "--checkpoint-rate", "0"],
    );
    let mut c = server.connect();
    let value = "x".repeat(100_000);
    let mut n = 0;
    until("checkpoints", || {
        for _ in 0..50 {
            n += 1;
            c.call(&["SET", &format!("key-{}", n % 20), &value]);
        }
        number(&mut c, "rdb_saves") >= 3 && n > 1000
    });
    // Segments of the log go once all of their records are in files: 100 MB took more than three.
    until("a shorter log", || names(dir.path(), "wal-") <= 3);
    assert_eq!(c.line("DBSIZE").integer(), 20);
    drop(server);
    let server = start(dir.path(), &[]);
    let mut c = server.connect();
    assert_eq!(c.line("DBSIZE").integer(), 20);
    assert_eq!(c.line("GET key-3").text(), value);
}

#[test]
fn clients_are_told_what_redis_tells_them() {
    let dir = tempfile::tempdir().expect("a folder");
    // So slow that the first one is still under way.
    let server = start(dir.path(), &["--checkpoint-rate", "1"]);
    let mut c = server.connect();
    c.call(&["SET", "k", &"x".repeat(200_000)]);
    assert_eq!(c.line("BGSAVE").text(), "Background saving started");
    until("the checkpoint", || {
        number(&mut c, "rdb_bgsave_in_progress") == 1
    });
    for again in ["BGSAVE", "BGSAVE SCHEDULE"] {
        let reply = c.line(again);
        assert_eq!(reply.text(), "ERR Background save already in progress");
    }
    assert_eq!(c.line("BGSAVE NOW").text(), "ERR syntax error");
    // Reads and writes go on, and a SAVE is in a hurry.
    assert_eq!(c.line("SET other v").text(), "OK");
    assert_eq!(c.line("SAVE").text(), "OK");
    assert_eq!(number(&mut c, "rdb_bgsave_in_progress"), 0);
    assert_eq!(
        number(&mut c, "rdb_saves"),
        2,
        "the one under way, and its own"
    );
    assert_eq!(number(&mut c, "rdb_changes_since_last_save"), 0);
    assert_eq!(c.line("MULTI").text(), "OK");
    let refused = "ERR Command not allowed inside a transaction";
    assert_eq!(c.line("SAVE").text(), refused);
}

#[test]
fn without_a_directory_there_is_nothing_to_save_to() {
    let server = Server::ours(&[]);
    let mut c = server.connect();
    for command in ["SAVE", "BGSAVE", "BGREWRITEAOF", "SHUTDOWN SAVE"] {
        let reply = c.line(command).text();
        assert!(reply.contains("appendonly no"), "{command}: {reply}");
    }
    assert!(c.line("LASTSAVE").integer() > 1_700_000_000);
    let reply = c.call(&["CONFIG", "SET", "save", "60 1"]).text();
    assert!(reply.contains("appendonly yes"), "{reply}");
    assert_eq!(c.call(&["CONFIG", "SET", "save", ""]).text(), "OK");
}

/// Databases that change places, or go, between and within checkpoints.
#[test]
fn databases_come_back_where_they_were() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = start(dir.path(), &[]);
    let mut c = server.connect();
    fill(&mut c, 0, 50);
    c.line("SELECT 3");
    fill(&mut c, 0, 20);
    assert_eq!(c.line("SAVE").text(), "OK");
    c.line("SWAPDB 0 3");
    assert_eq!(c.line("SAVE").text(), "OK");
    c.line("FLUSHDB");
    c.line("SET only here");
    assert_eq!(c.line("SAVE").text(), "OK");
    c.line("SELECT 5");
    c.line("SET five 5");
    c.line("SWAPDB 0 5");
    kill(&mut server);
    let server = start(dir.path(), &[]);
    let mut c = server.connect();
    let mut sizes = Vec::new();
    for db in 0..6 {
        c.line(&format!("SELECT {db}"));
        sizes.push(c.line("DBSIZE").integer());
    }
    assert_eq!(sizes, [1, 0, 0, 1, 0, 20]);
}

#[test]
fn every_checksum_can_be_compared_first_and_pages_brought_in() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = start(dir.path(), &[]);
    let mut c = server.connect();
    c.call(&["SET", "k", &"x".repeat(300_000)]);
    assert_eq!(c.line("SAVE").text(), "OK");
    kill(&mut server);
    for options in [
        ["--base-memory", "prefetch"],
        ["--base-verify-at-start", "yes"],
    ] {
        let mut server = start(dir.path(), &options);
        assert_eq!(server.connect().line("STRLEN k").integer(), 300_000);
        kill(&mut server);
    }
    let entries = std::fs::read_dir(dir.path()).expect("the directory");
    let rows = entries.map(|e| e.expect("an entry").path());
    let rows = rows.filter(|p| p.to_string_lossy().contains("/rows-"));
    let file = rows.max().expect("a file of rows");
    let mut bytes = std::fs::read(&file).expect("the file");
    bytes[1000] ^= 1;
    std::fs::write(&file, bytes).expect("write the file");
    let output = std::process::Command::new("timeout")
        .args([
            "60",
            env!("CARGO_BIN_EXE_fieldstone"),
            "serve",
            "--port",
            "0",
        ])
        .args([
            "--appendonly",
            "yes",
            "--base-verify-at-start",
            "yes",
            "--dir",
        ])
        .arg(dir.path())
        .output()
        .expect("run the program");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let name = file
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert!(error.contains(&name) && error.contains("byte 0"), "{error}");
}
