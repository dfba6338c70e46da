//! The schema in a file's footer, checked before the `parquet` crate reads it.
//!
//! The crate builds the schema with one recursion for each level and one allocation for each count
//! that the file claims, so a small hostile footer can overflow the stack or the memory. Only flat
//! schemas can be loaded anyway: a root, and columns without children. That is what is let through.
//!
//! A file ends with the footer, its length (4 bytes, little-endian) and `PAR1`. The footer is a
//! `FileMetaData` in Thrift's compact protocol, whose second field is the list of schema elements,
//! the root first.

use crate::io::File;
use std::io::{Read, Seek, SeekFrom};

const TAIL_BYTES: usize = 8;
const FOOTER_BYTES_MAX: u32 = 256 * 1024 * 1024;
/// Structs within a schema element: a timestamp's unit is the deepest, at 4.
const DEPTH_MAX: usize = 8;

const BOOLEAN_TRUE: u8 = 1;
const BOOLEAN_FALSE: u8 = 2;
const I8: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Check the footer of `file`.
pub fn check(file: &mut File) -> Result<(), String> {
    let length = file.seek(SeekFrom::End(0)).map_err(|e| e.to_string())?;
    let mut tail = [0; TAIL_BYTES];
    let tail_at = length.checked_sub(TAIL_BYTES as u64);
    read_at(
        file,
        tail_at.ok_or("not a Parquet file: too short")?,
        &mut tail,
    )?;
    let [a, b, c, d, magic @ ..] = tail;
    match &magic {
        b"PAR1" => {}
        b"PARE" => return Err("encrypted Parquet files are not supported".to_owned()),
        _ => return Err("not a Parquet file: it does not end with PAR1".to_owned()),
    }
    let footer_bytes = u32::from_le_bytes([a, b, c, d]);
    let footer_at = tail_at.and_then(|at| at.checked_sub(u64::from(footer_bytes)));
    let footer_at = footer_at.ok_or("damaged footer: longer than the file")?;
    if footer_bytes > FOOTER_BYTES_MAX {
        return Err(format!("a footer of more than {FOOTER_BYTES_MAX} bytes"));
    }
    let mut footer = vec![0; usize::try_from(footer_bytes).unwrap_or_default()];
    read_at(file, footer_at, &mut footer)?;
    check_schema(&footer)
}

fn read_at(file: &mut File, at: u64, bytes: &mut [u8]) -> Result<(), String> {
    file.seek(SeekFrom::Start(at)).map_err(|e| e.to_string())?;
    file.read_exact(bytes).map_err(|e| e.to_string())
}

/// Check that the schema is a root and columns without children.
fn check_schema(footer: &[u8]) -> Result<(), String> {
    let damaged = || "damaged footer: no schema".to_owned();
    let mut input = Compact { rest: footer };
    let count = input.seek_schema().ok_or_else(damaged)?;
    for index in 0..count {
        let element = input.element().ok_or_else(damaged)?;
        let children = usize::try_from(element.children).unwrap_or(usize::MAX);
        if index > 0 && children > 0 {
            let name = String::from_utf8_lossy(element.name);
            return Err(format!(
                "column {name} is nested; only flat columns can be loaded"
            ));
        }
        // The root of a file with a nested column has fewer children than there are elements: leave
        // it to the check above to name that column.
        if index == 0 && children >= count.max(1) {
            return Err("damaged footer: columns are missing".to_owned());
        }
    }
    Ok(())
}

struct Element<'a> {
    name: &'a [u8],
    children: i64,
}

/// Thrift's compact protocol; everything is `None` at the end of the input.
struct Compact<'a> {
    rest: &'a [u8],
}

impl<'a> Compact<'a> {
    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    fn binary(&mut self) -> Option<&'a [u8]> {
        let n = usize::try_from(self.varint()?).ok()?;
        self.bytes(n)
    }

    /// The number and type of the next field; type 0 is the end of the struct.
    fn field(&mut self, number: &mut i64) -> Option<u8> {
        let byte = self.byte()?;
        *number = match byte >> 4 {
            0 if byte != 0 => self.zigzag()?,
            delta => number.checked_add(i64::from(delta))?,
        };
        Some(byte & 0x0f)
    }

    fn skip_scalar(&mut self, kind: u8) -> Option<()> {
        match kind {
            BOOLEAN_TRUE | BOOLEAN_FALSE => Some(()),
            I8 => self.byte().map(drop),
            I16 | I32 | I64 => self.varint().map(drop),
            DOUBLE => self.bytes(8).map(drop),
            BINARY => self.binary().map(drop),
            _ => None,
        }
    }

    /// Pass over the fields of a struct and of the structs in it.
    fn skip_struct(&mut self) -> Option<()> {
        let mut depth = 1;
        while depth > 0 {
            match self.field(&mut 0)? {
                0 => depth -= 1,
                STRUCT if depth == DEPTH_MAX => return None,
                STRUCT => depth += 1,
                kind => self.skip_scalar(kind)?,
            }
        }
        Some(())
    }

    /// Go to the first schema element; how many there are.
    fn seek_schema(&mut self) -> Option<usize> {
        let mut number = 0;
        loop {
            let kind = self.field(&mut number)?;
            if (number, kind) != (2, LIST) {
                // The end of the struct is no scalar and ends this.
                self.skip_scalar(kind)?;
                continue;
            }
            let header = self.byte()?;
            if header & 0x0f != STRUCT {
                return None;
            }
            return match header >> 4 {
                15 => usize::try_from(self.varint()?).ok(),
                count => Some(usize::from(count)),
            };
        }
    }

    fn element(&mut self) -> Option<Element<'a>> {
        let mut element = Element {
            name: &[],
            children: 0,
        };
        let mut number = 0;
        loop {
            match (self.field(&mut number)?, number) {
                (0, _) => return Some(element),
                (BINARY, 4) => element.name = self.binary()?,
                (I32, 5) => element.children = self.zigzag()?,
                (STRUCT, _) => self.skip_struct()?,
                (kind, _) => self.skip_scalar(kind)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer with these children counts; every name is `n`.
    fn footer(children: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x15, 0x02, 0x19, (children.len() as u8) << 4 | STRUCT];
        for &n in children {
            // 4: "n", 5: n, 10: {8: {2: {1: {}}}} as in a timestamp
            bytes.extend([0x48, 1, b'n', 0x15, n << 1]);
            bytes.extend([0x5c, 0x8c, 0x2c, 0x1c, 0, 0, 0, 0, 0]);
        }
        bytes
    }

    #[test]
    fn only_flat_schemas_pass() {
        assert_eq!(check_schema(&footer(&[2, 0, 0])), Ok(()));
        let nested = check_schema(&footer(&[1, 1, 0])).unwrap_err();
        assert_eq!(
            nested,
            "column n is nested; only flat columns can be loaded"
        );
        assert!(check_schema(&footer(&[3, 0, 0])).is_err());
    }

    #[test]
    fn every_prefix_is_damaged() {
        let whole = footer(&[2, 0, 0]);
        for n in 0..whole.len() {
            assert!(check_schema(&whole[..n]).is_err(), "{n}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut bytes = vec![0x19, 0x1c];
        bytes.extend([0x1c; 1000]);
        bytes.extend([0; 1001]);
        assert!(check_schema(&bytes).is_err());
    }
}
