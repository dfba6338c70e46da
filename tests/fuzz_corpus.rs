//! Every fuzz target over its committed corpus, and over damage done to it by chance: the same each
//! time. What fuzzing once found stays found without a fuzzer.

use fieldstone::fuzzing::{TARGETS, Target};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Damaged inputs of a target; a session, and all that is done to a keyspace, take far longer.
const MUTATIONS: usize = 30_000;
const MUTATIONS_OF_SLOW_ONES: usize = 4000;

/// Inputs do not grow beyond this.
const INPUT_BYTES_MAX: usize = 2048;

/// Bytes of all files together.
const CORPUS_BYTES_MAX: u64 = 1 << 20;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn entries(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect(folder);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn names(folder: &str) -> BTreeSet<String> {
    let name = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    entries(folder).iter().map(name).collect()
}

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let files = entries(&format!("fuzz/corpus/{}", target.name));
    files
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// Numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.draw() % bound.max(1) as u64) as usize
    }

    /// A part of these bytes, rarely a long one.
    fn part<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let from = self.below(bytes.len() + 1);
        let max = [4, 16, INPUT_BYTES_MAX][self.below(3)];
        let len = self.below(max.min(bytes.len() - from) + 1);
        &bytes[from..from + len]
    }

    /// One change to `bytes`; `other` is another input.
    fn damage(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len());
        let to = at + self.below(16.min(bytes.len() - at) + 1);
        match self.below(8) {
            0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            2 if !bytes.is_empty() => bytes[at] = self.draw() as u8,
            3 if !bytes.is_empty() => {
                bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'\r', b'\n', b'*'][self.below(8)];
            }
            4 => drop(bytes.drain(at..to)),
            5 => {
                let part = self.part(other).to_vec();
                bytes.splice(at..at, part);
            }
            6 => {
                let part = self.part(&bytes.clone()).to_vec();
                bytes.splice(at..to, part);
            }
            _ => bytes.truncate(bytes.len() - self.below(16.min(bytes.len()))),
        }
        bytes.truncate(INPUT_BYTES_MAX);
    }
}

fn run(target: &Target, bytes: &[u8]) {
    let run = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    assert!(
        run.is_ok(),
        "{}: b\"{}\"",
        target.name,
        bytes.escape_ascii()
    );
}

fn run_all(target: &Target) {
    let corpus = corpus(target);
    corpus.iter().for_each(|bytes| run(target, bytes));
    let mut random = Random(1);
    let count = match target.name {
        "resp_session" | "row_file" => MUTATIONS_OF_SLOW_ONES,
        "batch" => MUTATIONS_OF_SLOW_ONES / 2,
        _ => MUTATIONS,
    };
    for _ in 0..count {
        let mut bytes = corpus[random.below(corpus.len())].clone();
        let other = random.below(corpus.len());
        for _ in 0..=random.below(6) {
            random.damage(&mut bytes, &corpus[other]);
        }
        run(target, &bytes);
    }
}

#[test]
fn what_must_hold_holds_for_the_corpus_and_for_damage_to_it() {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(target) = TARGETS.get(next.fetch_add(1, Ordering::Relaxed)) {
            run_all(target);
        }
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        let failed = threads.map(|thread| thread.join().is_err());
        assert_eq!(failed, [false; 2]);
    });
}

#[test]
fn each_target_has_a_fuzzer_and_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|t| t.name.to_owned()).collect();
    assert_eq!(targets.len(), TARGETS.len());
    assert_eq!(names("fuzz/src/bin"), targets);
    assert_eq!(names("fuzz/corpus"), targets);
    // What `cargo fmt` and clippy do not see says nothing of its own.
    let texts = entries("fuzz/src/bin")
        .into_iter()
        .map(std::fs::read_to_string);
    assert_eq!(texts.map(Result::unwrap).collect::<BTreeSet<_>>().len(), 1);
    let mut bytes = 0;
    for target in TARGETS {
        let files = entries(&format!("fuzz/corpus/{}", target.name));
        assert!(
            (10..=200).contains(&files.len()),
            "{}: {}",
            target.name,
            files.len()
        );
        bytes += files
            .iter()
            .map(|file| file.metadata().unwrap().len())
            .sum::<u64>();
    }
    assert!(bytes <= CORPUS_BYTES_MAX, "{bytes} bytes");
}

/// The harness would notice: a target that fails is reported, with its input.
#[test]
fn a_target_that_fails_is_noticed() {
    let target = Target {
        name: "planted",
        run: |bytes| assert!(bytes.first() != Some(&b'x'), "planted"),
    };
    run(&target, b"a");
    assert!(catch_unwind(AssertUnwindSafe(|| run(&target, b"x"))).is_err());
}
