//! The hole check: numbers in a row, of which a beginning must be found.

use crate::history::{History, Outcome};
use crate::support::{Connection, encode};
use std::time::Instant;

/// Keys of the hole check, in as many shards.
const COUNTERS: u64 = 64;

/// One connection writes 0, 1, 2, ... in turn to many keys: what is found is a prefix.
#[derive(Default)]
pub struct Sequence {
    /// The next number.
    next: u64,
    /// Numbers below this were acknowledged, or found later.
    acked: u64,
    history: History,
}

impl Sequence {
    /// Requests for so many numbers.
    pub fn issue(&mut self, count: u64) -> Vec<u8> {
        let numbers = self.next..self.next + count;
        self.next += count;
        numbers
            .flat_map(|n| {
                let (key, n) = (format!("n:{}", n % COUNTERS), n.to_string());
                match key.len() % 2 {
                    0 => encode(&["SET", &key, &n]),
                    _ => encode(&["HSET", &key, "n", &n]),
                }
            })
            .collect()
    }

    pub fn acknowledge(&mut self) {
        self.acked += 1;
        self.history.note(self.acked);
    }

    /// What was acknowledged between these may be lost, what came later does not count.
    pub fn may_lose(&mut self, since: Instant, end: Instant) {
        self.acked = self.history.by(since);
        self.history.end(end);
    }

    pub fn check(&mut self, c: &mut Connection) -> Outcome {
        let found: Vec<Option<u64>> = (0..COUNTERS)
            .map(|k| {
                let key = format!("n:{k}");
                let reply = match key.len() % 2 {
                    0 => c.call(&["GET", &key]),
                    _ => c.call(&["HGET", &key, "n"]),
                };
                (!reply.is_nil()).then(|| reply.text().parse().expect("a number"))
            })
            .collect();
        // So many numbers, from 0 on.
        let count = found.iter().flatten().max().map_or(0, |n| n + 1);
        assert!(
            self.acked <= count && count <= self.next,
            "acknowledged {}, issued {}, found {count}",
            self.acked,
            self.next
        );
        for (k, found) in (0..).zip(&found) {
            let must = (count > k).then(|| (count - 1 - k) / COUNTERS * COUNTERS + k);
            assert_eq!(*found, must, "a hole before {count}, at key {k}");
        }
        let outcome = self.history.settle(self.acked, count);
        (self.next, self.acked) = (count, count);
        outcome
    }
}
