//! A request as bytes that are made once; only the numbers in it change, in place.

use crate::workload::KEY_DIGITS;
use crate::workload::random::Random;
use fieldstone::resp::write_request;

/// Stands for a number of [`KEY_DIGITS`] digits.
pub const NUMBER: &[u8] = b"__rand_int__";

#[derive(Clone)]
pub struct Request {
    pub bytes: Vec<u8>,
    /// Where numbers are.
    slots: Vec<usize>,
    /// The numbers are below this.
    keyspace: u64,
}

impl Request {
    pub fn new<W: AsRef<[u8]>>(words: &[W], keyspace: u64) -> Request {
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        let mut bytes = Vec::new();
        write_request(&mut bytes, &words);
        let is_number = |(_, window): &(usize, &[u8])| *window == NUMBER;
        let found = bytes.windows(NUMBER.len()).enumerate().filter(is_number);
        let slots = found.map(|(at, _)| at).collect();
        Request {
            bytes,
            slots,
            keyspace,
        }
    }

    /// Draw the numbers of a copy of the bytes; answers the first, which is that of its key.
    pub fn draw(&self, copy: &mut [u8], random: &mut Random) -> u64 {
        let mut first = None;
        for slot in &self.slots {
            let n = random.below(self.keyspace);
            put_digits(&mut copy[*slot..*slot + KEY_DIGITS], n);
            first.get_or_insert(n);
        }
        first.unwrap_or_default()
    }

    /// So many copies, to be drawn.
    pub fn copies(&self, count: usize) -> Vec<u8> {
        self.bytes.repeat(count)
    }

    /// Numbers for one request.
    pub fn numbers(&self, random: &mut Random) -> Vec<u64> {
        self.slots
            .iter()
            .map(|_| random.below(self.keyspace))
            .collect()
    }

    /// The request with these numbers.
    pub fn with(&self, numbers: &[u64]) -> Vec<u8> {
        let mut copy = self.bytes.clone();
        for (slot, n) in self.slots.iter().zip(numbers) {
            put_digits(&mut copy[*slot..*slot + KEY_DIGITS], *n);
        }
        copy
    }
}

fn put_digits(to: &mut [u8], mut n: u64) {
    const PAIRS: [[u8; 2]; 100] = {
        let mut pairs = [[0; 2]; 100];
        let mut n = 0;
        while n < 100 {
            pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
            n += 1;
        }
        pairs
    };
    for pair in to.rchunks_exact_mut(2) {
        pair.copy_from_slice(&PAIRS[(n % 100) as usize]);
        n /= 100;
    }
}
