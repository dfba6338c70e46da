//! Half bytes one after the other, by tables.

use super::{ALPHABET, PAD};

/// The half byte of each character of the alphabet; 0xff for any other.
const HALVES: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut i = 0;
    while i < PAD as usize {
        table[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    table
};

pub fn pack(text: &[u8; 32], len: usize) -> Option<[u8; 16]> {
    let (mut packed, mut seen) = ([PAD << 4 | PAD; 16], 0);
    for (byte, pair) in packed.iter_mut().zip(text[..len].chunks(2)) {
        let low = HALVES[usize::from(pair[0])];
        let high = pair.get(1).map_or(PAD, |&c| HALVES[usize::from(c)]);
        seen |= low | high;
        *byte = low & PAD | high << 4;
    }
    (seen <= PAD).then_some(packed)
}

/// The two characters of each packed byte.
const PAIRS: [[u8; 2]; 256] = {
    let mut table = [[b' '; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [ALPHABET[byte % 16], ALPHABET[byte / 16]];
        byte += 1;
    }
    table
};

pub fn unpack(packed: u128) -> [u8; 32] {
    let mut text = [0; 32];
    for (pair, byte) in text
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(packed.to_le_bytes())
    {
        *pair = PAIRS[usize::from(byte)];
    }
    text
}
