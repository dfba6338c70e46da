//! LZF, with which Redis compresses strings of more than 20 bytes: runs of literal bytes, and
//! references to bytes already written.

use super::RdbError;
use super::reader::Reader;

/// The longest string that compressed bytes may unpack to (Redis's `proto-max-bulk-len`).
const UNPACKED_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Unpack to exactly `len` bytes.
pub fn unpack(packed: &[u8], len: u64) -> Result<Vec<u8>, RdbError> {
    if len > UNPACKED_BYTES_MAX {
        return Err(RdbError::Format);
    }
    let len = usize::try_from(len).map_err(|_| RdbError::Format)?;
    let mut reader = Reader::new(packed);
    // Grows as bytes come: the length is only a claim.
    let mut out = Vec::new();
    while !reader.is_empty() {
        let control = usize::from(reader.u8()?);
        if control < 32 {
            out.extend_from_slice(reader.take(control.saturating_add(1))?);
        } else {
            let mut run = (control >> 5).saturating_add(2);
            if run == 9 {
                run = run.saturating_add(usize::from(reader.u8()?));
            }
            let back = (control & 31) << 8 | usize::from(reader.u8()?);
            copy(&mut out, back.saturating_add(1), run)?;
        }
        if out.len() > len {
            return Err(RdbError::Format);
        }
    }
    if out.len() == len {
        Ok(out)
    } else {
        Err(RdbError::Format)
    }
}

/// Append `run` bytes from `back` bytes before the end on; the two may overlap, which repeats them.
fn copy(out: &mut Vec<u8>, back: usize, run: usize) -> Result<(), RdbError> {
    let start = out.len().checked_sub(back).ok_or(RdbError::Format)?;
    let mut left = run;
    while left > 0 {
        let step = left.min(out.len().saturating_sub(start));
        out.extend_from_within(start..start.saturating_add(step));
        left = left.saturating_sub(step);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Result<Vec<u8>, RdbError> = Err(RdbError::Format);

    #[test]
    fn runs_repeat_what_they_overlap() {
        assert_eq!(unpack(b"", 0).unwrap(), b"");
        assert_eq!(unpack(b"\x02abc\x20\x02", 6).unwrap(), b"abcabc");
        assert_eq!(unpack(b"\x00a\xe0\x07\x00", 17).unwrap(), [b'a'; 17]);
        assert_eq!(unpack(b"\x01ab\xe0\x00\x01", 11).unwrap(), b"abababababa");
    }

    #[test]
    fn lies_are_refused() {
        // A reference to before the start, with and without bytes before it.
        assert_eq!(unpack(b"\x20\x00", 3), FORMAT);
        assert_eq!(unpack(b"\x00a\x20\x01", 4), FORMAT);
        // More and fewer bytes than promised.
        assert_eq!(unpack(b"\x02abc", 2), FORMAT);
        assert_eq!(unpack(b"\x02abc", 4), FORMAT);
        // Cut in a literal, a run, a long run.
        assert_eq!(unpack(b"\x02ab", 3), FORMAT);
        assert_eq!(unpack(b"\x00a\x20", 4), FORMAT);
        assert_eq!(unpack(b"\x00a\xe0", 10), FORMAT);
        assert_eq!(unpack(b"\x00a\xe0\x00", 10), FORMAT);
        // 512 MiB and a byte.
        assert_eq!(unpack(b"\x00a", UNPACKED_BYTES_MAX + 1), FORMAT);
    }
}
