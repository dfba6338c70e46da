//! Runs the tests by name, two at a time, and tells the ones that could not be run.

use crate::tally;
use crate::{trace, volume};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// At a time: each keeps a server and its clients busy.
const THREADS: usize = 2;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    /// A kernel and rights that let a process trace its child.
    Tracing,
    /// Rights to mount a file system of its own.
    Mounting,
}

/// What this machine cannot do, and why.
#[derive(Default)]
struct Missing {
    tracing: Option<String>,
    mounting: Option<String>,
}

impl Missing {
    fn find(tests: &[&Test]) -> Missing {
        let any = |needs| tests.iter().any(|test| test.needs == needs);
        let tracing = any(Needs::Tracing).then(trace::what_is_lacking);
        let mounting = any(Needs::Mounting).then(volume::what_is_lacking);
        Missing {
            tracing: tracing.flatten(),
            mounting: mounting.flatten(),
        }
    }

    fn of(&self, needs: Needs) -> Option<&str> {
        match needs {
            Needs::Nothing => None,
            Needs::Tracing => self.tracing.as_deref(),
            Needs::Mounting => self.mounting.as_deref(),
        }
    }
}

pub struct Test {
    name: &'static str,
    needs: Needs,
    body: fn(),
}

impl Test {
    pub const fn new(name: &'static str, needs: Needs, body: fn()) -> Test {
        Test { name, needs, body }
    }
}

/// What the command line and the environment ask for.
struct Wish {
    names: Vec<String>,
    list: bool,
    /// Again and again for so long.
    soak: Option<Duration>,
}

impl Wish {
    /// Flags of Rust's own runner are passed over.
    fn read(args: &[String]) -> Wish {
        let flag = |name: &str| args.iter().find_map(|arg| arg.strip_prefix(name));
        let minutes = std::env::var("FIELDSTONE_SOAK_MINUTES").ok();
        let minutes = flag("--soak=").map(str::to_owned).or(minutes);
        let minutes = minutes.map(|text| text.parse::<f64>().expect("minutes of soaking"));
        if let Some(seed) = flag("--seed=") {
            tally::set_first_seed(seed.parse().expect("a seed is a number"));
        }
        Wish {
            names: args
                .iter()
                .filter(|arg| !arg.starts_with('-'))
                .cloned()
                .collect(),
            list: args.iter().any(|arg| arg == "--list"),
            soak: minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0)),
        }
    }
}

#[derive(Default)]
struct Counts {
    next: AtomicUsize,
    passed: AtomicUsize,
    failed: Mutex<Vec<&'static str>>,
    ignored: AtomicUsize,
}

/// Runs those that the command line names, or all.
pub fn run(all: &[Test], args: &[String]) -> ExitCode {
    let wish = Wish::read(args);
    let named = |test: &&Test| {
        wish.names.is_empty()
            || wish
                .names
                .iter()
                .any(|name| test.name.contains(name.as_str()))
    };
    let tests: Vec<&Test> = all.iter().filter(named).collect();
    if wish.list {
        tests
            .iter()
            .for_each(|test| println!("{}: test", test.name));
        return ExitCode::SUCCESS;
    }
    println!(
        "\nrunning {} tests, seed {}",
        tests.len(),
        tally::first_seed()
    );
    let missing = Missing::find(&tests);
    let counts = Counts::default();
    if wish.soak.is_some() {
        tally::set_soak();
    }
    let until = wish.soak.map(|soak| Instant::now() + soak);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| work(&tests, &missing, until, &counts));
        }
    });
    tally::print();
    report(&counts, &missing, all.len() - tests.len())
}

/// Run one test after the other; in a soak all of them again until its end, or the first failure.
fn work(tests: &[&Test], missing: &Missing, until: Option<Instant>, counts: &Counts) {
    loop {
        let n = counts.next.fetch_add(1, Relaxed);
        let is_over = match until {
            None => n >= tests.len(),
            Some(until) => {
                let failed = !counts.failed.lock().expect("the list").is_empty();
                failed || tests.is_empty() || n >= tests.len() && Instant::now() >= until
            }
        };
        if is_over {
            return;
        }
        let test = tests[n % tests.len()];
        if let Some(why) = missing.of(test.needs) {
            if n < tests.len() {
                println!("test {} ... ignored, skipped: {why}", test.name);
                counts.ignored.fetch_add(1, Relaxed);
            }
            continue;
        }
        let began = Instant::now();
        if catch_unwind(AssertUnwindSafe(test.body)).is_ok() {
            println!(
                "test {} ... ok ({:.1} s)",
                test.name,
                began.elapsed().as_secs_f64()
            );
            counts.passed.fetch_add(1, Relaxed);
        } else {
            println!("test {} ... FAILED", test.name);
            counts.failed.lock().expect("the list").push(test.name);
        }
    }
}

fn report(counts: &Counts, missing: &Missing, filtered: usize) -> ExitCode {
    let failed = counts.failed.lock().expect("the list");
    let (passed, ignored) = (counts.passed.load(Relaxed), counts.ignored.load(Relaxed));
    if ignored > 0 {
        let why: Vec<&str> = [&missing.tracing, &missing.mounting]
            .into_iter()
            .filter_map(|why| why.as_deref())
            .collect();
        let why = why.join("; ");
        eprintln!("\nSKIPPED: {ignored} crash tests were not run: {why}\n");
    }
    println!(
        "\ntest result: {}. {passed} passed; {} failed; {ignored} ignored; {filtered} filtered \
         out\n",
        if failed.is_empty() { "ok" } else { "FAILED" },
        failed.len(),
    );
    match failed.as_slice() {
        [] => ExitCode::SUCCESS,
        names => {
            println!("failures: {names:?}");
            ExitCode::FAILURE
        }
    }
}
