//! The log rots on a disk that had synced it: after an idle sync, and after a stop in good order,
//! one byte is changed at every place of it in turn. The start is refused with the file that is
//! damaged, and `fieldstone check` tells the same; or all that was written is there, since the byte
//! is part of nothing. What would break: a damaged end of the log taken for one that was torn.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::Server;

const HASHES: usize = 6;

/// How the server that wrote the log ended.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Killed, when all was synced and the log was marked as closed.
    Idle,
    /// Killed as soon as all was answered.
    Answered,
    /// SIGTERM.
    Stopped,
}

fn start(dir: &Path, policy: &str) -> Result<Server, String> {
    let dir = dir.to_str().expect("UTF-8");
    let log = ["--dir", dir, "--appendonly", "yes", "--appendfsync", policy];
    Server::try_ours(&[&log[..], &["--io-threads", "1"]].concat())
}

fn check(dir: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fieldstone"));
    let output = command.arg("check").arg(dir).output().expect("check");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8(said).expect("UTF-8"),
    )
}

type Files = BTreeMap<String, Vec<u8>>;

/// What a server leaves that wrote some hashes.
fn written(policy: &str, end: End) -> Files {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("data");
    let server = start(&dir, policy).expect("a server");
    let mut client = server.connect();
    for n in 0..HASHES {
        let added = client.line(&format!("HSET user:{n} clicks {n} city Bonn"));
        assert_eq!(added.integer(), 2);
    }
    match end {
        End::Answered => drop(server),
        End::Stopped => assert!(server.stop().success()),
        End::Idle => loop {
            let info = client.line("INFO persistence").text();
            if info.contains(&format!("log_closed_lsn:{HASHES}\r\n")) {
                drop(server);
                break;
            }
        },
    }
    let entries = std::fs::read_dir(&dir).expect("a directory");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.is_file());
    files
        .map(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            let bytes = std::fs::read(&path).expect("a file");
            (name.expect("a name").to_owned(), bytes)
        })
        .collect()
}

/// Start on files of which one has another byte; true if that was refused.
fn is_refused(files: &Files, damaged: &str, at: usize, policy: &str) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        let mut bytes = bytes.clone();
        if name == damaged {
            bytes[at] ^= 1 << (at % 8);
        }
        std::fs::write(folder.path().join(name), bytes).expect("a file");
    }
    let (code, told) = check(folder.path());
    let started = start(folder.path(), policy);
    let place = format!("{policy}, {damaged} byte {at}");
    match started {
        Err(said) => {
            assert!(said.contains(damaged), "{place}: {said}");
            assert_eq!(
                code,
                Some(1),
                "{place}: the start was refused, and not by check: {told}"
            );
            assert!(told.contains("DAMAGED"), "{place}: {told}");
            true
        }
        Ok(server) => {
            let mut client = server.connect();
            for n in 0..HASHES {
                let hash = client.line(&format!("HGETALL user:{n}"));
                let hash: Vec<String> = hash.items().iter().map(|item| item.text()).collect();
                let want = ["clicks", &n.to_string(), "city", "Bonn"];
                assert_eq!(hash, want, "{place}: the start lost what was synced");
            }
            assert_eq!(
                code,
                Some(0),
                "{place}: check refuses what a start takes: {told}"
            );
            false
        }
    }
}

/// Every `step`-th byte of the log.
fn rot(policy: &str, end: End, step: usize) {
    let files = written(policy, end);
    // The last one is kept ready, and empty.
    let segments = files.iter().filter(|(name, _)| name.starts_with("wal-"));
    let used = |bytes: &[u8]| {
        bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1)
    };
    let places = segments.flat_map(|(name, bytes)| (0..used(bytes)).map(move |at| (name, at)));
    let places: Vec<(&String, usize)> = places.step_by(step).collect();
    let next = AtomicUsize::new(0);
    let refused = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((segment, at)) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let is = is_refused(&files, segment, *at, policy);
                    refused.fetch_add(usize::from(is), Ordering::Relaxed);
                }
            });
        }
    });
    let (tried, refused) = (places.len(), refused.into_inner());
    println!("{policy}, {end:?}: {refused} of {tried} refused");
    assert!(
        refused * 10 > tried * 9,
        "{policy}, {end:?}: {refused} of {tried}"
    );
}

#[test]
fn everysec_and_idle() {
    rot("everysec", End::Idle, 1);
}

#[test]
fn everysec_and_stopped() {
    rot("everysec", End::Stopped, 3);
}

#[test]
fn always_and_idle() {
    rot("always", End::Idle, 3);
}

#[test]
fn always_and_stopped() {
    rot("always", End::Stopped, 3);
}

#[test]
fn no_and_stopped() {
    rot("no", End::Stopped, 1);
}

/// Under `always` what was answered was synced, but for the very last record nobody has told the
/// disk so yet: that one may be taken for torn, and no other.
#[test]
fn always_and_just_answered() {
    let files = written("always", End::Answered);
    let name = files.keys().find(|name| name.starts_with("wal-"));
    assert!(is_refused(&files, name.expect("a segment"), 200, "always"));
}
