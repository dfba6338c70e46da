//! A test of the tests: bugs of durability are planted, one at a time, in a copy of the source
//! under `target/planted`, and the tests of the library must fail there.
//!
//! - Each bug takes the place of a piece of text that occurs exactly once: where the source has
//!   changed, this test fails until the bug is planted anew.
//! - Without a bug the same tests pass in the copy: it is the bug that is caught.
//! - What other crates were built into is used again, so a bug costs one build of this crate.
//!   This is one test, which runs for minutes: cargo runs the tests of no other file beside it.

mod bugs;
mod copy;

use bugs::{BUGS, Bug};
use copy::Copy;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Tests that take so long with a bug planted hang: no test says what is wrong.
const HANGS_AFTER: Duration = Duration::from_secs(120);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether a bug is one of the loader, which is built only for those.
fn is_of_loader(tests: &str) -> bool {
    tests.starts_with("loader::")
}

/// Build the tests of the library; answers where they are.
fn build(copy: &Copy, with_loader: bool) -> PathBuf {
    let features = match with_loader {
        true => "--features=loader",
        false => "--no-default-features",
    };
    // From here, so that the settings of cargo are the same, and what they lead to.
    let out = Command::new(env!("CARGO"))
        .args(["test", "--lib", "--no-run", features])
        .args(["--offline", "--message-format=json", "--manifest-path"])
        .arg(copy.manifest())
        .arg("--target-dir")
        .arg(copy.target())
        .current_dir(root())
        .env("CARGO_INCREMENTAL", "1")
        .output()
        .expect("cargo runs");
    let (text, said) = (
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr),
    );
    assert!(out.status.success(), "the copy does not build:\n{said}");
    let paths = text
        .lines()
        .filter_map(|line| line.split_once("\"executable\":\"")?.1.split_once('"'));
    let paths: Vec<&str> = paths.map(|(path, _)| path).collect();
    assert_eq!(paths.len(), 1, "one file of tests: {paths:?}");
    PathBuf::from(paths[0])
}

/// What tests said so far.
struct Said {
    passed: usize,
    failed: Vec<String>,
}

impl Said {
    fn read(file: &Path) -> Said {
        let text = std::fs::read(file).expect("what they said");
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().filter_map(|line| line.strip_prefix("test "));
        let failed = lines.clone().filter_map(|l| l.strip_suffix(" ... FAILED"));
        Said {
            passed: lines.filter(|line| line.ends_with(" ... ok")).count(),
            failed: failed.map(str::to_owned).collect(),
        }
    }
}

/// Run the tests whose names begin so, until one fails.
fn run(copy: &Copy, tests: &Path, filters: &BTreeSet<&str>) -> Said {
    let path = copy.folder().join("said");
    let file = std::fs::File::create(&path).expect("a file for what they say");
    let mut child = Command::new(tests)
        .args(filters)
        .args(["--format=pretty", "--color=never", "--test-threads=2"])
        .env("RUST_BACKTRACE", "0")
        .current_dir(copy.folder())
        .stdout(file)
        .stderr(Stdio::null())
        .spawn()
        .expect("the tests run");
    let begun = Instant::now();
    loop {
        let ended = child.try_wait().expect("a status");
        let said = Said::read(&path);
        let hangs = begun.elapsed() > HANGS_AFTER;
        if let Some(status) = ended {
            assert_eq!(status.success(), said.failed.is_empty(), "{status}");
            return said;
        }
        if hangs || !said.failed.is_empty() {
            child.kill().expect("it can be killed");
            child.wait().expect("a status");
            assert!(!hangs, "the tests hang: see {}", path.display());
            return said;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn every_planted_bug_is_caught() {
    let copy = Copy::new(root());
    let (mut plan, mut broken) = (Vec::new(), Vec::new());
    for bug in BUGS {
        match copy.planted(bug) {
            Ok(text) => plan.push((bug, text)),
            Err(error) => broken.push(format!("{}: {error}", bug.what)),
        }
    }
    assert!(
        broken.is_empty(),
        "to be planted anew:\n{}",
        broken.join("\n")
    );

    for with_loader in [true, false] {
        let all = BUGS.iter().map(|bug| bug.tests);
        let all: BTreeSet<&str> = all.filter(|t| is_of_loader(t) == with_loader).collect();
        let begun = Instant::now();
        let said = run(&copy, &build(&copy, with_loader), &all);
        assert!(said.failed.is_empty(), "without a bug: {:?}", said.failed);
        assert!(said.passed >= all.len(), "{} for {all:?}", said.passed);
        println!(
            "{:4.0?} no bug: {} tests pass",
            begun.elapsed(),
            said.passed
        );
    }

    let mut missed = Vec::new();
    for (bug, text) in plan {
        let begun = Instant::now();
        let whole = copy.replace(bug.file, &text);
        let tests = build(&copy, is_of_loader(bug.tests));
        let said = run(&copy, &tests, &BTreeSet::from([bug.tests]));
        copy.replace(bug.file, &whole);
        let by = said.failed.join(", ");
        println!("{:4.0?} {}: {by}", begun.elapsed(), bug.what);
        if said.failed.is_empty() {
            missed.push(format!("{} ({} tests pass)", bug.what, said.passed));
        }
    }
    assert!(missed.is_empty(), "not caught:\n{}", missed.join("\n"));
}

/// A bug that is no change would be called missed; one in a comment, or in a test, says nothing.
#[test]
fn each_bug_is_a_change_of_code() {
    for Bug {
        what,
        file,
        good,
        bad,
        ..
    } in BUGS
    {
        assert_ne!(good, bad, "{what}");
        let text = std::fs::read_to_string(root().join(file)).expect("a source file");
        let at = text
            .find(good)
            .unwrap_or_else(|| panic!("{what}: not in {file}"));
        let before = &text[..at];
        assert!(!before.contains("#[cfg(test)]"), "{what}: in a test");
        let line = before.lines().next_back().unwrap_or_default();
        assert!(!line.trim_start().starts_with("//"), "{what}: in a comment");
    }
}
