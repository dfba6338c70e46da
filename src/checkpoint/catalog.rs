//! The file of the catalog: what rows in files refer to.
//!
//! ```text
//! | FSCAT001 | number u64 | catalog ... | CRC-32 of all before |
//! ```

const MAGIC: &[u8; 8] = b"FSCAT001";

pub fn name(number: u64) -> String {
    format!("catalog-{number:012}")
}

/// The number of a file of this name.
pub fn number(file: &str) -> Option<u64> {
    let number = file.strip_prefix("catalog-")?.parse().ok()?;
    // A number has one name only.
    (name(number) == file).then_some(number)
}

pub fn seal(number: u64, catalog: &[u8]) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &number.to_le_bytes(), catalog].concat();
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// The catalog in a file of this number, if it is as it was written.
pub fn unseal(number: u64, bytes: &[u8]) -> Option<&[u8]> {
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    let right = *crc == crc32fast::hash(body).to_le_bytes();
    let rest = body.strip_prefix(MAGIC).filter(|_| right)?;
    rest.strip_prefix(&number.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_flip_and_every_cut_is_noticed() {
        let sealed = seal(3, b"shapes and values");
        assert_eq!(unseal(3, &sealed), Some(&b"shapes and values"[..]));
        assert_eq!(unseal(4, &sealed), None, "a file in the place of another");
        for at in 0..sealed.len() {
            assert_eq!(unseal(3, &sealed[..at]), None);
            for bit in 0..8 {
                let mut flipped = sealed.clone();
                flipped[at] ^= 1 << bit;
                assert_eq!(unseal(3, &flipped), None, "byte {at}, bit {bit}");
            }
        }
    }
}
