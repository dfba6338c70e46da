//! The only reader of the system's clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall-clock time, milliseconds since the epoch: what expiry is measured in.
pub fn wall_millis() -> u64 {
    u64::try_from(wall_micros() / 1000).unwrap_or(u64::MAX)
}

/// Wall-clock time, microseconds since the epoch (for `TIME`). 0 before 1970.
pub fn wall_micros() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_micros())
}

/// Monotonic time, for durations and timers.
pub fn monotonic() -> Instant {
    Instant::now()
}
