//! How much is measured: the environment.

use std::time::Duration;

#[derive(Clone, Copy)]
pub struct Settings {
    /// Of the feature workload.
    pub entities: u64,
    /// Of one measurement.
    pub window: Duration,
    /// Measurements of each server in turn.
    pub rounds: usize,
}

/// Strings of 64 bytes besides.
pub const STRINGS: u64 = 100_000;

/// Connections of the load client.
pub const CLIENTS: usize = 50;

impl Settings {
    pub fn of_environment() -> Settings {
        let number = |name: &str, otherwise: f64| match std::env::var(name) {
            Ok(text) => text
                .parse()
                .unwrap_or_else(|_| panic!("{name} is no number")),
            Err(_) => otherwise,
        };
        let entities = number("FIELDSTONE_BENCH_ENTITIES", 1e6);
        let rounds = number("FIELDSTONE_BENCH_ROUNDS", 5.0);
        Settings {
            entities: (entities as u64).max(1000),
            window: Duration::from_secs_f64(number("FIELDSTONE_BENCH_SECONDS", 0.5)),
            rounds: (rounds as usize).max(1),
        }
    }
}
