//! What was acknowledged is there after the server was killed, and a damaged log is refused.
//!
//! The oracle lives here, in the parent that is never killed: per key the version last sent and the
//! version last acknowledged. After each start every key must hold a version between the two, and
//! both of its fields the same one. `FIELDSTONE_CRASH_CYCLES`: kills a policy; 5.

mod support;

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use support::{Connection, Rng, Server, encode};

const WRITERS: usize = 6;
const KEYS: usize = 40;
const PIPELINE_MAX: usize = 16;

fn kept_in(dir: &Path, policy: &str) -> Server {
    let dir = dir.to_str().expect("a path in UTF-8");
    let log = ["--dir", dir, "--appendonly", "yes", "--appendfsync", policy];
    Server::ours(&[&log[..], &["--io-threads", "2"]].concat())
}

/// What one writer knows of its keys: version last sent, version last acknowledged.
type Known = HashMap<String, (u64, u64)>;

/// Write ever larger versions until the server is gone.
fn write(mut c: Connection, writer: usize, mut known: Known, mut rng: Rng) -> Known {
    loop {
        let mut sent = Vec::new();
        let mut bytes = Vec::new();
        for _ in 0..1 + rng.below(PIPELINE_MAX) {
            let key = format!("writer{writer}:key{}", rng.below(KEYS));
            let version = known.get(&key).map_or(0, |(sent, _)| *sent) + 1;
            known.entry(key.clone()).or_default().0 = version;
            let same = format!("{version}-{}", "x".repeat(rng.below(200)));
            bytes.extend(encode(&[
                "HSET",
                &key,
                "version",
                &version.to_string(),
                "same",
                &same,
            ]));
            sent.push((key, version));
        }
        if c.send(&bytes).is_err() {
            return known;
        }
        for (key, version) in sent {
            match c.read() {
                Ok(reply) if !reply.value.is_error() => {
                    known.entry(key).or_default().1 = version;
                }
                _ => return known,
            }
        }
    }
}

/// Compare what is there with what is known, and take it over; answers how many were looked at.
fn check(server: &Server, known: &mut [Known]) -> usize {
    let mut c = server.connect();
    let mut looked_at = 0;
    for (key, (sent, acknowledged)) in known.iter_mut().flatten() {
        let found = c.call(&["HMGET", key, "version", "same"]);
        let fields = found.items();
        let version = match fields[0].is_nil() {
            true => 0,
            false => fields[0].text().parse().expect("a version"),
        };
        assert!(
            (*acknowledged..=*sent).contains(&version),
            "{key}: version {version} is there; {acknowledged} was acknowledged, {sent} was sent"
        );
        let whole = version == 0 || fields[1].text().starts_with(&format!("{version}-"));
        assert!(whole, "{key}: half of version {version} is there");
        (*sent, *acknowledged) = (version, version);
        looked_at += 1;
    }
    looked_at
}

fn kills(policy: &str) {
    let cycles = std::env::var("FIELDSTONE_CRASH_CYCLES");
    let cycles: u64 = cycles.map_or(5, |n| n.parse().expect("a number of cycles"));
    let folder = tempfile::tempdir().expect("a folder");
    let mut known = vec![Known::new(); WRITERS];
    let mut looked_at = 0;
    for cycle in 0..cycles {
        let mut server = kept_in(folder.path(), policy);
        looked_at += check(&server, &mut known);
        let writers: Vec<_> = known
            .drain(..)
            .enumerate()
            .map(|(writer, known)| {
                let (c, rng) = (server.connect(), Rng::new(cycle * 100 + writer as u64));
                std::thread::spawn(move || write(c, writer, known, rng))
            })
            .collect();
        // Killed after so many commands: a moment that depends on no clock.
        let mut watcher = server.connect();
        let limit = 500 + 1500 * (cycle as i64 % 5);
        while watcher.line("DBSIZE").integer() < 20 {}
        let processed = |c: &mut Connection| {
            let info = c.line("INFO stats").text();
            let line = info
                .lines()
                .find_map(|l| l.strip_prefix("total_commands_processed:"));
            line.and_then(|n| n.parse::<i64>().ok()).expect("a count")
        };
        let start = processed(&mut watcher);
        while processed(&mut watcher) < start + limit {}
        let killed = Command::new("kill")
            .args(["-9", &server.pid().to_string()])
            .status();
        assert!(killed.expect("run kill").success());
        server.exit_status();
        known.extend(writers.into_iter().map(|w| w.join().expect("a writer")));
    }
    looked_at += check(&kept_in(folder.path(), policy), &mut known);
    let acknowledged: u64 = known.iter().flatten().map(|(_, (_, n))| n).sum();
    assert!(
        looked_at > 0 && acknowledged > 1000,
        "{looked_at} looks, {acknowledged} writes"
    );
    println!("{policy}: {cycles} kills, {acknowledged} acknowledged writes, 0 lost");
}

#[test]
fn killed_under_always() {
    kills("always");
}

#[test]
fn killed_under_everysec() {
    kills("everysec");
}

#[test]
fn killed_under_no() {
    kills("no");
}

const STORY: &[&str] = &[
    "HSET h a 1 b two c 3",
    "HPEXPIREAT h 4102444800123 FIELDS 1 a",
    "HDEL h c",
    "HINCRBY h a 5",
    "SET s hello",
    "APPEND s -world",
    "SETRANGE s 1 E",
    "PEXPIREAT s 4102444800456",
    "MSET x 1 y 2 z 3",
    "RENAME x renamed",
    "COPY h copied",
    "DEL y",
    "SELECT 3",
    "SET in3 3",
    "SWAPDB 3 4",
    "SELECT 5",
    "SET gone 1",
    "FLUSHDB",
    "SELECT 0",
    "SET past 1 PXAT 1",
    "HSET half a 1 b 2",
    "HPEXPIREAT half 1 FIELDS 1 a",
    "INCRBYFLOAT f 0.1",
];

const QUESTIONS: &[&str] = &[
    "SELECT 0",
    "HMGET h a b c",
    "HPEXPIRETIME h FIELDS 2 a b",
    "GET s",
    "PEXPIRETIME s",
    "MGET x y z renamed past f",
    "HGETALL copied",
    "HPEXPIRETIME copied FIELDS 2 a b",
    "HGETALL half",
    "SELECT 3",
    "DBSIZE",
    "SELECT 4",
    "GET in3",
    "SELECT 5",
    "DBSIZE",
];

/// Each kind of change comes back, with its expiry to the millisecond, after an orderly end and
/// after a kill.
#[test]
fn every_kind_of_change_comes_back() {
    for signal in ["-TERM", "-KILL"] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = kept_in(folder.path(), "everysec");
        let mut c = server.connect();
        for line in STORY {
            assert!(!c.line(line).is_error(), "{line}");
        }
        let ask = |c: &mut Connection| answers(QUESTIONS, c);
        let before = ask(&mut c);
        let kill = Command::new("kill")
            .args([signal, &server.pid().to_string()])
            .status();
        assert!(kill.expect("run kill").success());
        assert_eq!(server.exit_status().success(), signal == "-TERM");
        let server = kept_in(folder.path(), "everysec");
        assert_eq!(ask(&mut server.connect()), before, "{signal}");
    }
}

fn answers(lines: &[&str], c: &mut Connection) -> Vec<String> {
    let answer = |line: &&str| format!("{line}: {:?}", c.line(line));
    lines.iter().map(answer).collect()
}

/// A transaction is in the log whole or not at all.
#[test]
fn a_transaction_comes_back_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = kept_in(folder.path(), "no");
    let mut c = server.connect();
    for i in 0..500 {
        let block = format!("MULTI\r\nSET a {i}\r\nHSET b n {i}\r\nINCR c\r\nEXEC\r\n");
        c.send(block.as_bytes()).expect("send");
    }
    // Killed while they run.
    while server.connect().line("GET a").is_nil() {}
    let kill = Command::new("kill")
        .args(["-9", &server.pid().to_string()])
        .status();
    assert!(kill.expect("run kill").success());
    server.exit_status();
    let server = kept_in(folder.path(), "no");
    let mut c = server.connect();
    let a: i64 = c.line("GET a").text().parse().expect("a number");
    assert_eq!(c.line("HGET b n").text(), a.to_string());
    assert_eq!(c.line("GET c").text(), (a + 1).to_string());
}

/// What the server says that gives up by itself.
fn refused(dir: &Path) -> String {
    let output = Command::new("timeout")
        .args([
            "60",
            env!("CARGO_BIN_EXE_fieldstone"),
            "serve",
            "--port",
            "0",
        ])
        .args(["--bind", "127.0.0.1", "--appendonly", "yes", "--dir"])
        .arg(dir)
        .output()
        .expect("run the program");
    assert_eq!(output.status.code(), Some(1), "it is to refuse to start");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_directory_has_one_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = kept_in(folder.path(), "no");
    let said = refused(folder.path());
    assert!(
        said.contains("another server is using this directory"),
        "{said}"
    );
    server.assert_serving();
}

fn filled(folder: &Path) {
    let server = kept_in(folder, "always");
    let mut c = server.connect();
    for i in 0..100 {
        assert!(!c.line(&format!("SET key{i} value{i}")).is_error());
    }
}

fn change_byte(path: &Path, at: u64) {
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path);
    let mut file = file.expect("the segment");
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).expect("seek");
    file.read_exact(&mut byte).expect("read");
    file.seek(SeekFrom::Start(at)).expect("seek");
    file.write_all(&[byte[0] ^ 1]).expect("write");
}

#[test]
fn acknowledged_data_that_is_damaged_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path());
    let segment = folder.path().join("wal-000000000001");
    change_byte(&segment, 64 + 30);
    let said = refused(folder.path());
    assert!(
        said.contains("wal-000000000001: no whole record of LSN 1 at byte 64"),
        "{said}"
    );
    // Nothing was changed by the attempt.
    change_byte(&segment, 64 + 30);
    let server = kept_in(folder.path(), "always");
    assert_eq!(server.connect().line("GET key99").text(), "value99");
}

#[test]
fn what_is_lost_is_not_taken_for_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path());
    let manifest = folder.path().join("MANIFEST");
    let text = std::fs::read(&manifest).expect("a manifest");
    std::fs::remove_file(&manifest).expect("remove it");
    assert!(refused(folder.path()).contains("MANIFEST: it was lost"));
    std::fs::write(&manifest, "something else").expect("write");
    assert!(refused(folder.path()).contains("no data directory of a format that is known"));
    std::fs::write(&manifest, text).expect("write");
    for entry in std::fs::read_dir(folder.path()).expect("list") {
        let path = entry.expect("an entry").path();
        if path.to_string_lossy().contains("wal-") {
            std::fs::remove_file(path).expect("remove a segment");
        }
    }
    assert!(refused(folder.path()).contains("no log: it was lost"));
}
