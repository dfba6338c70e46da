//! The values of one feature, written once: an entity takes one of them.

use super::random::Random;
use super::{decimal, put_bulk};

/// Values of a feature, and of one of floats.
const VALUES: usize = 8192;
const FLOATS: usize = 65_536;

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz_";

/// Their number is a power of two.
pub struct Pool {
    /// As bulk strings, one after the other.
    bulks: Vec<u8>,
    /// Where each begins, and the last ends.
    starts: Vec<u32>,
}

impl Pool {
    fn new(values: impl Iterator<Item = String>) -> Pool {
        let mut pool = Pool {
            bulks: Vec::new(),
            starts: vec![0],
        };
        for value in values {
            put_bulk(&mut pool.bulks, value.as_bytes());
            pool.starts.push(pool.bulks.len() as u32);
        }
        assert!((pool.starts.len() - 1).is_power_of_two());
        pool
    }

    pub fn ints(random: &mut Random, mean: f64) -> Pool {
        Pool::new((0..VALUES).map(|_| (random.exponential(mean) as u64).to_string()))
    }

    pub fn floats(random: &mut Random, digits: usize, is_amount: bool) -> Pool {
        Pool::new((0..FLOATS).map(|_| {
            let x = match is_amount {
                true => random.lognormal(3.5, 1.2),
                false => random.unit(),
            };
            decimal::text(x, digits)
        }))
    }

    pub fn texts(random: &mut Random, words: usize) -> Pool {
        let word = |random: &mut Random| -> String {
            let letter = |random: &mut Random| random.below(LETTERS.len() as u64) as usize;
            let len = 4 + random.below(9);
            (0..len).map(|_| LETTERS[letter(random)] as char).collect()
        };
        let words: Vec<String> = (0..words).map(|_| word(random)).collect();
        let count = words.len() as u64;
        Pool::new((0..VALUES).map(|_| words[random.below(count) as usize].clone()))
    }

    pub fn bools(random: &mut Random) -> Pool {
        Pool::new((0..VALUES).map(|_| random.below(2).to_string()))
    }

    /// A value as a bulk string, by any number.
    pub fn bulk(&self, draw: u64) -> &[u8] {
        let at = draw as usize & (self.starts.len() - 2);
        &self.bulks[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    pub fn value(&self, draw: u64) -> &[u8] {
        let bulk = self.bulk(draw);
        // Lengths have one or two digits.
        let head = if bulk[2] == b'\r' { 4 } else { 5 };
        &bulk[head..bulk.len() - 2]
    }
}
