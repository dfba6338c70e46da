//! A base of more than twice the memory that the server may have: it serves on, slower, and is not
//! killed. What would break: pages of the base that count as the server's own, a checkpoint or a
//! scrub that brings all of it in at once.
//!
//! Needs a memory cgroup (version 1) that this process may make a group in. Without one the test is
//! counted as ignored and said so; that is why this binary has a runner of its own.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use support::rng::Rng;
use support::{Connection, Server};

const CGROUPS: &str = "/sys/fs/cgroup/memory";
const MIB: u64 = 1 << 20;
const LIMIT_BYTES: u64 = 80 * MIB;
const KEYS: usize = 4000;
const VALUE_BYTES: usize = 50_000;

/// A group of processes with a limit of memory; removed when it is dropped.
struct Group(PathBuf);

impl Group {
    fn new(limit: u64) -> Result<Group, String> {
        let path = Path::new(CGROUPS).join(format!("fieldstone-{}", std::process::id()));
        fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let group = Group(path);
        group.limit(limit)?;
        Ok(group)
    }

    fn limit(&self, bytes: u64) -> Result<(), String> {
        let file = self.0.join("memory.limit_in_bytes");
        fs::write(&file, bytes.to_string()).map_err(|error| format!("{}: {error}", file.display()))
    }

    fn number(&self, file: &str) -> u64 {
        let text = fs::read_to_string(self.0.join(file)).expect("a file of the group");
        text.trim().parse().expect("a number")
    }

    fn start(&self, dir: &Path) -> Server {
        let enter = format!("echo $$ > {}/tasks && exec \"$@\"", self.0.display());
        let wrapper = ["sh", "-c", &enter, "sh"];
        let dir = dir.to_str().expect("a path in UTF-8");
        let options = ["--dir", dir, "--appendonly", "yes", "--io-threads", "1"];
        let log = ["--checkpoint-log-size", "16mb", "--checkpoint-rate", "0"];
        Server::ours_under(&wrapper, &[&options[..], &log[..]].concat())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The processes are gone, or about to be: a group that is in use cannot be removed.
        for _ in 0..1000 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::yield_now();
        }
    }
}

fn key(n: usize) -> String {
    format!("A:item:{n}")
}

/// Bytes that do not repeat, and tell which key and version they are of.
fn value(n: usize, version: u64) -> Vec<u8> {
    let mut value = format!("{n}:{version}:").into_bytes();
    value.extend(Rng::new(n as u64 ^ version << 32).bytes(VALUE_BYTES));
    value
}

fn set(c: &mut Connection, n: usize, version: u64) {
    let value = value(n, version);
    let reply = c.call(&[b"SET".as_slice(), key(n).as_bytes(), &value]);
    assert_eq!(reply.text(), "OK");
}

fn run(group: &Group) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = group.start(dir.path());
    let mut c = server.connect();
    for n in 0..KEYS {
        set(&mut c, n, 1);
    }
    assert_eq!(c.line("SAVE").text(), "OK");
    c.send(b"SHUTDOWN\r\n").expect("send");
    assert!(server.exit_status().success());
    let rows = fs::read_dir(dir.path()).expect("the directory");
    let sizes = rows.map(|e| e.expect("an entry")).filter_map(|e| {
        let is_rows = e.file_name().to_string_lossy().starts_with("rows-");
        is_rows.then(|| e.metadata().expect("its size").len())
    });
    let base: u64 = sizes.sum();
    assert!(base > 2 * LIMIT_BYTES, "a base of {base} bytes");

    // What the page cache has of it goes when the limit comes.
    group.limit(LIMIT_BYTES).expect("a lower limit");
    let mut server = group.start(dir.path());
    let mut c = server.connect();
    let mut random = Rng::new(7);
    let mut versions = vec![1; KEYS];
    for round in 0..2 * KEYS {
        let n = random.below(KEYS);
        if round % 20 == 0 {
            versions[n] += 1;
            set(&mut c, n, versions[n]);
        }
        let found = c.call(&["GET", &key(n)]);
        assert!(found.bytes() == value(n, versions[n]), "key {n}");
    }
    assert_eq!(c.line("SAVE").text(), "OK");
    for (n, version) in versions.iter().enumerate() {
        let found = c.call(&["GET", &key(n)]);
        assert!(
            found.bytes() == value(n, *version),
            "key {n} after a checkpoint"
        );
    }
    assert!(server.is_running());
    let most = group.number("memory.max_usage_in_bytes");
    println!(
        "a base of {} MiB, a limit of {} MiB, reached {} times; {} MiB resident",
        base / MIB,
        LIMIT_BYTES / MIB,
        group.number("memory.failcnt"),
        server.rss_kib() / 1024
    );
    assert!(
        most >= LIMIT_BYTES,
        "the limit was never reached: {most} bytes"
    );
}

fn main() -> ExitCode {
    let listed = std::env::args().any(|arg| arg == "--list");
    if listed {
        println!("larger_than_memory: test");
        return ExitCode::SUCCESS;
    }
    match Group::new(1024 * MIB) {
        Ok(group) => {
            run(&group);
            println!("test larger_than_memory ... ok");
            println!("\ntest result: ok. 1 passed; 0 failed; 0 ignored");
        }
        Err(error) => {
            println!("test larger_than_memory ... ignored (skipped: no memory cgroup: {error})");
            println!("\ntest result: ok. 0 passed; 0 failed; 1 ignored");
        }
    }
    ExitCode::SUCCESS
}
