//! The footer of a file, checked before the `parquet` crate reads it.
//!
//! The crate builds the schema with one recursion for each level and one allocation for each count
//! that the file claims, so a small hostile footer can overflow the stack or the memory. What is
//! let through is a tree of few levels whose counts of children add up.
//!
//! A file ends with the footer, its length (4 bytes, little-endian) and `PAR1`. The footer is a
//! `FileMetaData` in Thrift's compact protocol, whose second field is the list of schema elements,
//! the root first.

use bytes::Bytes;

use super::super::storage::Blob;
use super::thrift::{BINARY, Compact, I32, I64, LIST, STRUCT};

const TAIL_BYTES: u64 = 8;
const FOOTER_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Columns within columns: more than a list of structs of lists needs.
const LEVELS_MAX: usize = 32;

/// The checked footer of `file`.
pub fn read(file: &dyn Blob) -> Result<Bytes, String> {
    let length = file.len();
    let tail_at = length.checked_sub(TAIL_BYTES);
    let tail_at = tail_at.ok_or("not a Parquet file: too short")?;
    let tail = file.read(tail_at..length).map_err(|e| e.to_string())?;
    let &[a, b, c, d, ref magic @ ..] = &*tail else {
        return Err("not a Parquet file: too short".to_owned());
    };
    match magic {
        b"PAR1" => {}
        b"PARE" => return Err("encrypted Parquet files are not supported".to_owned()),
        _ => return Err("not a Parquet file: it does not end with PAR1".to_owned()),
    }
    let footer_bytes = u64::from(u32::from_le_bytes([a, b, c, d]));
    let footer_at = tail_at.checked_sub(footer_bytes);
    let footer_at = footer_at.ok_or("damaged footer: longer than the file")?;
    if footer_bytes > FOOTER_BYTES_MAX {
        return Err(format!("a footer of more than {FOOTER_BYTES_MAX} bytes"));
    }
    let footer = file.read(footer_at..tail_at).map_err(|e| e.to_string())?;
    check_schema(&footer)?;
    Ok(footer)
}

/// Check that the schema is one tree.
fn check_schema(footer: &[u8]) -> Result<(), String> {
    let damaged = || "damaged footer: no schema".to_owned();
    let mut input = Compact { rest: footer };
    let count = seek_schema(&mut input).ok_or_else(damaged)?;
    // Children that are still to come, at each level.
    let mut missing = vec![1usize];
    for index in 0..count {
        let element = element(&mut input).ok_or_else(damaged)?;
        let children = usize::try_from(element.children).unwrap_or(usize::MAX);
        let Some(siblings) = missing.last_mut() else {
            return Err("damaged footer: more columns than its root has".to_owned());
        };
        *siblings = siblings.saturating_sub(1);
        if children > count.saturating_sub(index) {
            return Err("damaged footer: columns are missing".to_owned());
        }
        if missing.len() > LEVELS_MAX {
            let name = String::from_utf8_lossy(element.name);
            return Err(format!("column {name}: nested too deep"));
        }
        missing.push(children);
        while missing.last() == Some(&0) {
            missing.pop();
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err("damaged footer: columns are missing".to_owned()),
    }
}

struct Element<'a> {
    name: &'a [u8],
    children: i64,
}

/// Go to the first schema element; how many there are.
fn seek_schema(input: &mut Compact) -> Option<usize> {
    let mut number = 0;
    loop {
        let kind = input.field(&mut number)?;
        if (number, kind) != (2, LIST) {
            // The end of the struct is no scalar and ends this.
            input.skip_scalar(kind)?;
            continue;
        }
        let (STRUCT, count) = input.list()? else {
            return None;
        };
        return usize::try_from(count).ok();
    }
}

fn element<'a>(input: &mut Compact<'a>) -> Option<Element<'a>> {
    let mut element = Element {
        name: &[],
        children: 0,
    };
    let mut number = 0;
    loop {
        match (input.field(&mut number)?, number) {
            (0, _) => return Some(element),
            (BINARY, 4) => element.name = input.binary()?,
            (I32, 5) => element.children = input.zigzag()?,
            (STRUCT, _) => input.skip_struct()?,
            (kind, _) => input.skip_scalar(kind)?,
        }
    }
}

/// Types of the fields of `ColumnMetaData`, from field 1 on.
const COLUMN_METADATA: [u8; 17] = [
    I32, LIST, LIST, I32, I64, I64, I64, LIST, I64, I64, I64, STRUCT, LIST, I64, I32, STRUCT,
    STRUCT,
];
const LEVELS_SKIPPED_MAX: usize = 16;

/// The footer without fields of columns whose types are not those of the format: writers have used
/// numbers before the format gave them a meaning. Thrift's own readers pass over such fields, the
/// crate takes them for what they are not. `None` if there are none.
pub fn without_misfits(footer: &[u8]) -> Option<Bytes> {
    let mut copy = Copy {
        footer,
        input: Compact { rest: footer },
        out: Vec::new(),
        copied: 0,
    };
    copy.field((LIST, 4), |copy| copy.structs(Copy::row_group))?;
    if copy.copied == 0 {
        return None;
    }
    copy.out.extend(footer.get(copy.copied..)?);
    Some(copy.out.into())
}

struct Copy<'a> {
    footer: &'a [u8],
    input: Compact<'a>,
    out: Vec<u8>,
    /// How much of the footer is in `out`, or left out.
    copied: usize,
}

impl Copy<'_> {
    fn at(&self) -> usize {
        self.footer.len().saturating_sub(self.input.rest.len())
    }

    /// Go through a struct: `each` reads its field of this type and number.
    fn field(&mut self, wanted: (u8, i64), each: impl Fn(&mut Self) -> Option<()>) -> Option<()> {
        let mut number = 0;
        loop {
            match self.input.field(&mut number)? {
                0 => return Some(()),
                kind if (kind, number) == wanted => each(self)?,
                kind => self.input.skip(kind, LEVELS_SKIPPED_MAX)?,
            }
        }
    }

    /// Go through a list of structs.
    fn structs(&mut self, each: impl Fn(&mut Self) -> Option<()>) -> Option<()> {
        let (STRUCT, count) = self.input.list()? else {
            return None;
        };
        (0..count).try_for_each(|_| each(self))
    }

    fn row_group(&mut self) -> Option<()> {
        self.field((LIST, 1), |copy| copy.structs(Copy::column_chunk))
    }

    fn column_chunk(&mut self) -> Option<()> {
        self.field((STRUCT, 3), Copy::column_metadata)
    }

    fn column_metadata(&mut self) -> Option<()> {
        // The last field that stays, which the number of the next one is counted from.
        let (mut number, mut stays) = (0, 0);
        loop {
            let header_at = self.at();
            let before = number;
            let kind = self.input.field(&mut number)?;
            if kind == 0 {
                return Some(());
            }
            let header_ends = self.at();
            self.input.skip(kind, LEVELS_SKIPPED_MAX)?;
            let index = usize::try_from(number.checked_sub(1)?).ok()?;
            let declared = COLUMN_METADATA.get(index);
            if declared.is_some_and(|declared| *declared != kind) {
                self.out.extend(self.footer.get(self.copied..header_at)?);
                self.copied = self.at();
                continue;
            }
            if before != stays {
                // Behind one that is left out: counted anew, in one byte.
                let delta = u8::try_from(number.checked_sub(stays)?).ok()?;
                let delta = Some(delta).filter(|delta| (1..=15).contains(delta))?;
                self.out.extend(self.footer.get(self.copied..header_at)?);
                self.out.push(delta << 4 | kind);
                self.copied = header_ends;
            }
            stays = number;
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
    fn only_trees_pass() {
        for good in [&[2, 0, 0][..], &[0], &[1, 1, 1, 0], &[2, 2, 0, 0, 0]] {
            assert_eq!(check_schema(&footer(good)), Ok(()), "{good:?}");
        }
        for bad in [
            &[3, 0, 0][..],
            &[1, 0, 0],
            &[1, 1, 0, 0],
            &[1, 1],
            &[1, 63, 0],
        ] {
            let error = check_schema(&footer(bad)).unwrap_err();
            assert!(error.starts_with("damaged footer: "), "{bad:?}: {error}");
        }
    }

    #[test]
    fn every_prefix_is_damaged() {
        let whole = footer(&[2, 0, 0]);
        for n in 0..whole.len() {
            assert!(check_schema(&whole[..n]).is_err(), "{n}");
        }
    }

    #[test]
    fn fields_of_other_types_are_left_out() {
        // 4: a list of one row group {1: a list of one chunk {3: {1: 2, 15: ..., 16: {}}}, 3: 7}
        let chunk = |field_15: &[u8], header_16: u8| {
            let mut bytes = vec![0x49, 0x1c, 0x19, 0x1c, 0x3c, 0x15, 0x04];
            bytes.extend(field_15);
            bytes.extend([header_16, 0, 0, 0, 0x26, 14, 0, 0]);
            bytes
        };
        let number = chunk(&[0xe5, 0x02], 0x1c);
        let none = chunk(&[], 0xfc);
        assert_eq!(without_misfits(&number), None);
        assert_eq!(without_misfits(&none), None);
        // A list of two structs, each {1: 3}.
        let list = chunk(&[0xe9, 0x2c, 0x15, 6, 0, 0x15, 6, 0], 0x1c);
        assert_eq!(without_misfits(&list).as_deref(), Some(&none[..]));
        for n in 0..list.len() {
            assert_eq!(without_misfits(&list[..n]), None, "{n}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut bytes = vec![0x29, 0x1c];
        bytes.extend([0x1c; 1000]);
        bytes.extend([0; 1001]);
        assert!(check_schema(&bytes).is_err());

        // Each column in the one before.
        let levels = 1000u16;
        let mut bytes = vec![0x29, 0xfc, 0xe8, 0x07];
        for level in 1..=levels {
            bytes.extend([0x48, 1, b'n', 0x15, u8::from(level < levels) << 1, 0]);
        }
        let error = check_schema(&bytes).unwrap_err();
        assert_eq!(error, "column n: nested too deep");
    }
}
