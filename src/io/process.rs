//! What the operating system says of this process.

use std::fs;

/// Zero where the system does not say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub resident_bytes: u64,
    pub cpu_user_micros: u64,
    pub cpu_sys_micros: u64,
}

/// Bytes of a page and ticks of a second: what Linux shows to programs on the machines we run on.
const PAGE_BYTES: u64 = 4096;
const TICK_MICROS: u64 = 10_000;

pub fn usage() -> Usage {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    parse(&stat).unwrap_or_default()
}

/// Fields are counted behind the program's name, which is in parentheses and may contain anything.
fn parse(stat: &str) -> Option<Usage> {
    let (_, rest) = stat.rsplit_once(')')?;
    let field = |n: usize| rest.split_ascii_whitespace().nth(n)?.parse::<u64>().ok();
    Some(Usage {
        cpu_user_micros: field(11)? * TICK_MICROS,
        cpu_sys_micros: field(12)? * TICK_MICROS,
        resident_bytes: field(21)? * PAGE_BYTES,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_the_right_ones() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 23 4 0 0 20 0 3 0 999 8888 55 0 0";
        let usage = parse(stat).unwrap();
        assert_eq!(usage.cpu_user_micros, 230_000);
        assert_eq!(usage.cpu_sys_micros, 40_000);
        assert_eq!(usage.resident_bytes, 55 * 4096);
        assert!(parse("").is_none());
    }
}
