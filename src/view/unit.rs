//! Units of times that are numbers.

/// What a number counts since the epoch, 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    Seconds,
    #[default]
    Millis,
    Micros,
    Nanos,
}

impl TimeUnit {
    pub const ALL: [TimeUnit; 4] = [
        TimeUnit::Seconds,
        TimeUnit::Millis,
        TimeUnit::Micros,
        TimeUnit::Nanos,
    ];

    pub fn name(self) -> &'static str {
        match self {
            TimeUnit::Seconds => "s",
            TimeUnit::Millis => "ms",
            TimeUnit::Micros => "us",
            TimeUnit::Nanos => "ns",
        }
    }

    /// As milliseconds, rounded down; `None` if those are too many.
    pub fn millis(self, number: i64) -> Option<i64> {
        match self {
            TimeUnit::Seconds => number.checked_mul(1000),
            TimeUnit::Millis => Some(number),
            TimeUnit::Micros => Some(number.div_euclid(1000)),
            TimeUnit::Nanos => Some(number.div_euclid(1_000_000)),
        }
    }

    /// So many of them are a millisecond.
    pub fn per_milli(self) -> f64 {
        match self {
            TimeUnit::Seconds => 1e-3,
            TimeUnit::Millis => 1.0,
            TimeUnit::Micros => 1e3,
            TimeUnit::Nanos => 1e6,
        }
    }
}
