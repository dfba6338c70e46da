//! What was done, in numbers: added up over all tests and told at the end.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

static TALLY: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
static SEED: OnceLock<u64> = OnceLock::new();
static SEEDS: AtomicU64 = AtomicU64::new(0);

static SOAK: AtomicBool = AtomicBool::new(false);

/// Whether this goes on for as long as one asks.
pub fn is_soak() -> bool {
    SOAK.load(Relaxed)
}

pub fn set_soak() {
    SOAK.store(true, Relaxed);
}

pub fn add(what: impl Into<String>, count: u64) {
    *TALLY
        .lock()
        .expect("the tally")
        .entry(what.into())
        .or_default() += count;
}

/// Keep the greatest.
pub fn most(what: impl Into<String>, number: u64) {
    let mut tally = TALLY.lock().expect("the tally");
    let known = tally.entry(what.into()).or_default();
    *known = number.max(*known);
}

pub fn print() {
    println!("\nseed {}", first_seed());
    for (what, count) in TALLY.lock().expect("the tally").iter() {
        println!("{count:>10}  {what}");
    }
}

/// The one given, or another for each run.
pub fn first_seed() -> u64 {
    *SEED.get_or_init(|| {
        let given = std::env::var("FIELDSTONE_SOAK_SEED").ok();
        let given = given.map(|text| text.parse().expect("FIELDSTONE_SOAK_SEED is a number"));
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970");
        given.unwrap_or(now.as_nanos() as u64 % 1_000_000_000)
    })
}

pub fn set_first_seed(seed: u64) {
    SEED.set(seed).expect("no seed was drawn yet");
}

/// Another for each caller, in the order in which they call.
pub fn seed() -> u64 {
    first_seed() + SEEDS.fetch_add(1, Relaxed)
}
