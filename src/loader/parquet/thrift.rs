//! Thrift's compact protocol, as far as footers and page headers need it: everything is `None` at
//! the end of the input, nothing recurses without a bound, nothing is set aside.

/// Structs within each other: a timestamp's unit in a schema element is the deepest, at 4.
const DEPTH_MAX: usize = 8;

pub const BOOLEAN_TRUE: u8 = 1;
pub const BOOLEAN_FALSE: u8 = 2;
const I8: u8 = 3;
const I16: u8 = 4;
pub const I32: u8 = 5;
pub const I64: u8 = 6;
const DOUBLE: u8 = 7;
pub const BINARY: u8 = 8;
pub const LIST: u8 = 9;
pub const STRUCT: u8 = 12;

pub struct Compact<'a> {
    pub rest: &'a [u8],
}

impl<'a> Compact<'a> {
    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(bytes)
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    pub fn varint(&mut self) -> Option<u64> {
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

    pub fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    pub fn binary(&mut self) -> Option<&'a [u8]> {
        let n = usize::try_from(self.varint()?).ok()?;
        self.bytes(n)
    }

    /// The number and type of the next field; type 0 is the end of the struct.
    pub fn field(&mut self, number: &mut i64) -> Option<u8> {
        let byte = self.byte()?;
        *number = match byte >> 4 {
            0 if byte != 0 => self.zigzag()?,
            delta => number.checked_add(i64::from(delta))?,
        };
        Some(byte & 0x0f)
    }

    pub fn skip_scalar(&mut self, kind: u8) -> Option<()> {
        match kind {
            BOOLEAN_TRUE | BOOLEAN_FALSE => Some(()),
            I8 => self.byte().map(drop),
            I16 | I32 | I64 => self.varint().map(drop),
            DOUBLE => self.bytes(8).map(drop),
            BINARY => self.binary().map(drop),
            _ => None,
        }
    }

    /// The type and the number of the items of a list.
    pub fn list(&mut self) -> Option<(u8, u64)> {
        let header = self.byte()?;
        let count = match header >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        Some((header & 0x0f, count))
    }

    /// Pass over the value of a field: lists and structs too, as many levels of them.
    pub fn skip(&mut self, kind: u8, levels: usize) -> Option<()> {
        match kind {
            STRUCT => {
                let levels = levels.checked_sub(1)?;
                loop {
                    match self.field(&mut 0)? {
                        0 => return Some(()),
                        kind => self.skip(kind, levels)?,
                    }
                }
            }
            LIST => {
                let levels = levels.checked_sub(1)?;
                // Every item has a byte, so that a count cannot keep this busy.
                let (kind, count) = self.list()?;
                for _ in 0..count {
                    match kind {
                        BOOLEAN_TRUE | BOOLEAN_FALSE => self.byte().map(drop)?,
                        kind => self.skip(kind, levels)?,
                    }
                }
                Some(())
            }
            kind => self.skip_scalar(kind),
        }
    }

    /// Pass over the fields of a struct and of the structs in it.
    pub fn skip_struct(&mut self) -> Option<()> {
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
}

/// What a page header says of its size.
#[derive(Debug, PartialEq, Eq)]
pub struct PageHeader {
    /// Of the header itself.
    pub bytes: usize,
    pub is_dictionary: bool,
    pub compressed: u64,
    pub uncompressed: u64,
}

const DICTIONARY_PAGE: i64 = 2;

impl PageHeader {
    /// The header at the start of `input`; `None` if there is none.
    pub fn parse(input: &[u8]) -> Option<PageHeader> {
        let mut rest = Compact { rest: input };
        let mut number = 0;
        let (mut kind, mut compressed, mut uncompressed) = (None, None, None);
        loop {
            match (rest.field(&mut number)?, number) {
                (0, _) => break,
                (I32, 1) => kind = Some(rest.zigzag()?),
                (I32, 2) => uncompressed = u64::try_from(rest.zigzag()?).ok(),
                (I32, 3) => compressed = u64::try_from(rest.zigzag()?).ok(),
                (STRUCT, _) => rest.skip_struct()?,
                (other, _) => rest.skip_scalar(other)?,
            }
        }
        Some(PageHeader {
            bytes: input.len().checked_sub(rest.rest.len())?,
            is_dictionary: kind? == DICTIONARY_PAGE,
            compressed: compressed?,
            uncompressed: uncompressed?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_headers() {
        // type 2, 100 bytes, 50 compressed, then a struct with one binary.
        let bytes = [
            0x15, 4, 0x15, 200, 1, 0x15, 100, 0x1c, 0x18, 2, 9, 9, 0, 0, 7,
        ];
        let want = PageHeader {
            bytes: bytes.len() - 1,
            is_dictionary: true,
            compressed: 50,
            uncompressed: 100,
        };
        assert_eq!(PageHeader::parse(&bytes), Some(want));
        for cut in 0..bytes.len() - 1 {
            assert_eq!(PageHeader::parse(&bytes[..cut]), None, "{cut}");
        }
        // A negative size.
        assert_eq!(PageHeader::parse(&[0x15, 0, 0x15, 1, 0x15, 0, 0]), None);
    }
}
