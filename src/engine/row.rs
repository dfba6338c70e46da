//! Rows: one entity as bytes, read in place wherever they lie.
//!
//! ```text
//! flags u8 | key: varint length, bytes | [expiry u64] | body
//! string:  varint length, bytes
//! big:     u32 (which table of fields)
//! gone:    nothing; it has no expiry either
//! hash:    shape u16              | [presence: a bit a name] | [stamps] | codes | cells
//!          or varint n, n names   |                          | [stamps] | codes | cells
//! ```
//!
//! Codes are half a byte a cell, low half first; see `cell` for cells and `ttl` for stamps.
//!
//! Invariants
//! - Reading is total: bytes that are no row are `None`, never a panic or a read past the end.
//! - Cells are in the order of their names; `rank` counts the cells that are present.
//! - A hash has at least one cell.

use super::Millis;
use super::bytes::{Reader, put_varint, varint_len};
use super::cell::{self, Cell, Value};
use super::dictionary::Dictionary;
use super::hasher::Hasher;
use super::level::Form;
use super::shape::{Shape, Shapes};
use super::ttl::{self, Stamps};

mod flag {
    pub const KIND: u8 = 0b11;
    pub const SHAPED: u8 = 0;
    pub const NAMED: u8 = 1;
    pub const STRING: u8 = 2;
    pub const BIG: u8 = 3;
    pub const EXPIRES: u8 = 1 << 2;
    pub const STAMPS: u8 = 1 << 3;
    pub const ABSENT: u8 = 1 << 4;
    pub const GONE: u8 = 1 << 5;
}

/// The longest packed row; a hash that outgrows it becomes big.
pub const ROW_BYTES_MAX: usize = 48 * 1024;
/// The most fields of a row that holds its own names: they are searched one by one.
pub const NAMED_FIELDS_MAX: usize = 128;

#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub key: &'a [u8],
    pub expire_at: Option<Millis>,
    pub body: Body<'a>,
}

#[derive(Clone, Copy)]
pub enum Body<'a> {
    Packed(Packed<'a>),
    String(&'a [u8]),
    Big(u32),
}

/// A hash in one row.
#[derive(Clone, Copy)]
pub struct Packed<'a> {
    names: Names<'a>,
    presence: Option<&'a [u8]>,
    pub stamps: Option<Stamps<'a>>,
    len: usize,
    codes: &'a [u8],
    cells: &'a [u8],
}

#[derive(Clone, Copy)]
enum Names<'a> {
    Shape(&'a Shape),
    Own(&'a [u8]),
}

/// Bits of a code in a place.
const CODE_BITS: u32 = 4;
/// Cells end below.
const PLACE_MAX: u32 = 1 << (u32::BITS - CODE_BITS - 1);

/// Where the cells of a row begin, with their codes, and where the last one ends: memory to be used
/// again.
#[derive(Default)]
pub struct Places(Vec<Place>);

/// Where a cell begins, and its code in the lowest bits.
#[derive(Clone, Copy, Default)]
pub struct Place(u32);

impl Place {
    #[inline(always)]
    fn start(self) -> usize {
        (self.0 >> CODE_BITS) as usize
    }

    #[inline(always)]
    fn code(self) -> u8 {
        self.0 as u8 & 0xf
    }
}

impl Places {
    #[inline]
    pub fn as_slice(&self) -> &[Place] {
        &self.0
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Where cell `rank` begins, or the last one ends.
    fn start(&self, rank: usize) -> Option<usize> {
        self.0.get(rank).map(|place| place.start())
    }
}

/// What a block of a table holds.
pub struct Rows;

impl Form for Rows {
    /// The key.
    #[inline]
    fn name(block: &[u8]) -> &[u8] {
        let mut reader = Reader(block.get(1..).unwrap_or_default());
        reader
            .varint()
            .and_then(|len| reader.take(len))
            .unwrap_or_default()
    }

    #[inline]
    fn is_gone(block: &[u8]) -> bool {
        block.first().is_some_and(|flags| flags & flag::GONE != 0)
    }

    fn write_gone(out: &mut Vec<u8>, name: &[u8]) {
        write_head(out, flag::GONE, name, None);
    }
}

/// How long the row in a block is; `None` if there is none.
pub fn extent(block: &[u8], shapes: &Shapes) -> Option<usize> {
    if Rows::is_gone(block) {
        let key = Reader(block.get(1..)?).text()?.len();
        return Some(1 + varint_len(key) + key);
    }
    let row = read(block, shapes)?;
    match row.body {
        Body::String(value) => Some(string_value_at(&row)?.0 + value.len()),
        Body::Big(_) => {
            let head = 1 + varint_len(row.key.len()) + row.key.len() + 4;
            Some(head + row.expire_at.map_or(0, |_| 8))
        }
        Body::Packed(packed) => {
            let mut places = Places::default();
            packed.locate(&mut places)?;
            let cells = places.start(packed.len)?;
            (cells <= packed.cells.len()).then(|| block.len() - packed.cells.len() + cells)
        }
    }
}

/// When a field of a packed row first expires.
pub fn due(row: &[u8], shapes: &Shapes) -> Option<Millis> {
    match read(row, shapes)?.body {
        Body::Packed(packed) => packed.stamps.map(|stamps| stamps.earliest()),
        Body::String(_) | Body::Big(_) => None,
    }
}

/// Whether the key of this row has an expiry.
pub fn expires(row: &[u8]) -> bool {
    row.first().is_some_and(|flags| flags & flag::EXPIRES != 0)
}

#[inline(always)]
pub fn read<'a>(row: &'a [u8], shapes: &'a Shapes) -> Option<Row<'a>> {
    let mut reader = Reader(row);
    let flags = reader.u8()?;
    let len = reader.varint()?;
    let key = reader.take(len)?;
    let expire_at = if flags & flag::EXPIRES != 0 {
        Some(reader.u64()?)
    } else {
        None
    };
    let body = match flags & flag::KIND {
        flag::STRING => {
            let len = reader.varint()?;
            Body::String(reader.take(len)?)
        }
        flag::BIG => Body::Big(reader.u32()?),
        _ => Body::Packed(read_packed(flags, reader, shapes)?),
    };
    Some(Row {
        key,
        expire_at,
        body,
    })
}

#[inline]
fn read_packed<'a>(flags: u8, mut reader: Reader<'a>, shapes: &'a Shapes) -> Option<Packed<'a>> {
    let mut presence = None;
    let (names, len) = if flags & flag::KIND == flag::SHAPED {
        let shape = shapes.get(reader.u16()?)?;
        let mut len = shape.len();
        if flags & flag::ABSENT != 0 {
            let bits = reader.take(len.div_ceil(8))?;
            len = bits.iter().map(|b| b.count_ones() as usize).sum();
            presence = Some(bits);
        }
        (Names::Shape(shape), len)
    } else {
        let len = reader.varint()?;
        let mut names = reader;
        for _ in 0..len {
            let name = reader.varint()?;
            reader.take(name)?;
        }
        names.0 = names.take(names.0.len() - reader.0.len())?;
        (Names::Own(names.0), len)
    };
    let stamped = flags & flag::STAMPS != 0;
    let stamps = if stamped {
        Some(Stamps::read(&mut reader, len)?)
    } else {
        None
    };
    let codes = reader.take(len.div_ceil(2))?;
    Some(Packed {
        names,
        presence,
        stamps,
        len,
        codes,
        cells: reader.0,
    })
}

impl<'a> Packed<'a> {
    /// Cells that are present, expired or not.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The shape of the row, unless it holds its own names.
    pub fn shape(&self) -> Option<&'a Shape> {
        match self.names {
            Names::Shape(shape) => Some(shape),
            Names::Own(_) => None,
        }
    }

    /// Whether every name of the shape is present, so that ranks are positions.
    pub fn is_full(&self) -> bool {
        self.presence.is_none()
    }

    /// The rank of the cell at this position of the shape, if it is present.
    #[inline]
    pub fn rank(&self, position: usize) -> Option<usize> {
        let Some(bits) = self.presence else {
            return Some(position);
        };
        let (byte, bit) = (position / 8, position % 8);
        let own = *bits.get(byte)?;
        if own & 1 << bit == 0 {
            return None;
        }
        let before: u32 = bits[..byte].iter().map(|b| b.count_ones()).sum();
        Some((before + (own & ((1 << bit) - 1)).count_ones()) as usize)
    }

    /// The rank of the cell of this name.
    pub fn find(&self, name: &[u8], hasher: &Hasher) -> Option<usize> {
        match self.names {
            Names::Shape(shape) => self.rank(shape.find(name, hasher)?),
            Names::Own(names) => own_names(names).position(|n| n == name),
        }
    }

    /// The same, of a name that is likely the one of this rank.
    #[inline]
    pub fn find_from(&self, guess: usize, name: &[u8], hasher: &Hasher) -> Option<usize> {
        match self.names {
            Names::Shape(shape) if self.is_full() => shape.find_from(guess, name, hasher),
            _ => self.find(name, hasher),
        }
    }

    /// The names of the cells present, in order.
    pub fn names(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let packed = *self;
        let (shape, own) = match self.names {
            Names::Shape(shape) => (Some(shape), &[][..]),
            Names::Own(names) => (None, names),
        };
        let shaped = shape.into_iter().flat_map(move |shape| {
            let present = move |&p: &usize| packed.is_full() || packed.rank(p).is_some();
            (0..shape.len()).filter(present).map(|p| shape.name(p))
        });
        shaped.chain(own_names(own))
    }

    #[inline]
    fn code(&self, rank: usize) -> u8 {
        let pair = self.codes.get(rank / 2).copied().unwrap_or_default();
        if rank.is_multiple_of(2) {
            pair & 0xf
        } else {
            pair >> 4
        }
    }

    /// Cell `rank`.
    pub fn cell(&self, rank: usize) -> Option<Cell<'a>> {
        let mut cells = Reader(self.cells);
        for before in 0..rank {
            cells.take(cell::size(self.code(before), cells.0)?)?;
        }
        let code = self.code(rank);
        Some(Cell {
            code,
            bytes: cells.take(cell::size(code, cells.0)?)?,
        })
    }

    /// All cells, in order.
    pub fn cells(&self) -> impl Iterator<Item = Cell<'a>> + use<'a> {
        let packed = *self;
        let mut cells = Reader(self.cells);
        (0..self.len).map_while(move |rank| {
            let code = packed.code(rank);
            Some(Cell {
                code,
                bytes: cells.take(cell::size(code, cells.0)?)?,
            })
        })
    }

    /// Note where each cell begins, so that any of them is found at once, and where the last ends.
    #[inline]
    pub fn locate(&self, places: &mut Places) -> Option<()> {
        let places = &mut places.0;
        places.clear();
        places.resize(self.len + 1, Place::default());
        let mut at = 0;
        let mut add = |place: &mut Place, code: u8| {
            *place = Place(at << CODE_BITS | u32::from(code));
            at += match code {
                cell::RAW => {
                    let cells = self.cells.get(at as usize..)?;
                    let end = (at as usize).checked_add(cell::size(code, cells)?)?;
                    u32::try_from(end).ok().filter(|&end| end < PLACE_MAX)? - at
                }
                _ => u32::from(cell::SIZES[usize::from(code)]),
            };
            Some(())
        };
        // Two to a byte of codes; the last of an odd number; the end.
        let (pairs, rest) = places.split_at_mut(self.len & !1);
        for ([low, high], codes) in pairs.as_chunks_mut::<2>().0.iter_mut().zip(self.codes) {
            add(low, codes & 0xf)?;
            add(high, codes >> 4)?;
        }
        if let [last, _] = rest {
            add(last, self.codes.last()? & 0xf)?;
        }
        *rest.last_mut()? = Place(at << CODE_BITS);
        Some(())
    }

    /// The value of cell `rank` of a row that was located.
    #[inline(always)]
    pub fn located(
        &self,
        rank: usize,
        places: &[Place],
        dictionary: &'a Dictionary,
    ) -> Option<Value<'a>> {
        let place = *places.get(rank)?;
        Value::at(place.code(), self.cells.get(place.start()..)?, dictionary)
    }

    /// Visit the names of the shape, of so many, that are present: rank, position in the shape.
    #[inline(always)]
    pub fn positions(&self, names: usize, mut visit: impl FnMut(usize, usize)) {
        let mut rank = 0;
        for first in (0..names).step_by(64) {
            let mut left = u64::MAX >> 64usize.saturating_sub(names - first);
            if let Some(bits) = self.presence {
                let mut present = [0; 8];
                let bits = bits.iter().skip(first / 8);
                present
                    .iter_mut()
                    .zip(bits)
                    .for_each(|(to, byte)| *to = *byte);
                left &= u64::from_le_bytes(present);
            }
            while left != 0 {
                visit(rank, first + left.trailing_zeros() as usize);
                left &= left - 1;
                rank += 1;
            }
        }
    }

    /// Visit the cells present, in order: rank, name, value.
    #[inline]
    pub fn walk(
        &self,
        dictionary: &'a Dictionary,
        mut visit: impl FnMut(usize, &'a [u8], Value<'a>),
    ) {
        let (mut rank, mut cells) = (0, self.cells);
        let mut step = |name| {
            let code = self.code(rank);
            let value = Value::at(code, cells, dictionary)?;
            let size = match code {
                1..=14 => usize::from(code),
                _ => cell::size(code, cells)?,
            };
            cells = cells.get(size..)?;
            visit(rank, name, value);
            rank += 1;
            Some(())
        };
        match (self.names, self.presence) {
            (Names::Shape(shape), None) => {
                let _ = (0..shape.len()).try_for_each(|position| step(shape.name(position)));
            }
            (Names::Shape(shape), Some(bits)) => {
                let present = |p: &usize| bits.get(p / 8).is_some_and(|b| b & 1 << (p % 8) != 0);
                let mut positions = (0..shape.len()).filter(present);
                let _ = positions.try_for_each(|position| step(shape.name(position)));
            }
            (Names::Own(names), _) => {
                let _ = own_names(names).try_for_each(step);
            }
        }
    }
}

fn own_names(names: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader(names);
    std::iter::from_fn(move || {
        let len = reader.varint()?;
        reader.take(len)
    })
}

/// What a new row is made of.
#[derive(Clone, Copy)]
pub struct Slot<'a> {
    pub name: &'a [u8],
    pub content: Content<'a>,
    pub expire_at: Option<Millis>,
}

#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// Copied from a row.
    Cell(Cell<'a>),
    /// To be encoded.
    Value(&'a [u8]),
}

fn write_head(out: &mut Vec<u8>, flags: u8, key: &[u8], expire_at: Option<Millis>) {
    out.clear();
    out.push(
        flags
            | if expire_at.is_some() {
                flag::EXPIRES
            } else {
                0
            },
    );
    put_varint(out, key.len());
    out.extend_from_slice(key);
    if let Some(at) = expire_at {
        out.extend_from_slice(&at.to_le_bytes());
    }
}

pub fn write_string(out: &mut Vec<u8>, key: &[u8], expire_at: Option<Millis>, value: &[u8]) {
    write_head(out, flag::STRING, key, expire_at);
    put_varint(out, value.len());
    out.extend_from_slice(value);
}

/// Where the value of a string row begins, and how many bytes its length takes.
pub fn string_value_at(row: &Row<'_>) -> Option<(usize, usize)> {
    let Body::String(value) = row.body else {
        return None;
    };
    let head = 1 + varint_len(row.key.len()) + row.key.len();
    let expiry = if row.expire_at.is_some() { 8 } else { 0 };
    let len = varint_len(value.len());
    Some((head + expiry + len, len))
}

pub fn write_big(out: &mut Vec<u8>, key: &[u8], expire_at: Option<Millis>, id: u32) {
    write_head(out, flag::BIG, key, expire_at);
    out.extend_from_slice(&id.to_le_bytes());
}

/// Write `row`, whose hash is `packed`, with other values for cells it has: `changes` are ranks,
/// ascending, and values. Everything else is copied as it is. `places` is memory to work in.
pub fn write_changed(
    out: &mut Vec<u8>,
    row: &[u8],
    packed: &Packed<'_>,
    changes: &[(usize, &[u8])],
    places: &mut Places,
    dictionary: &Dictionary,
) -> Option<()> {
    packed.locate(places)?;
    let start = |rank: usize| places.start(rank);
    let codes_end = row.len() - packed.cells.len();
    let codes_at = codes_end - packed.codes.len();
    out.clear();
    out.extend_from_slice(row.get(..codes_end)?);
    let mut from = 0;
    for &(rank, value) in changes {
        let at = start(rank)?;
        out.extend_from_slice(packed.cells.get(from..at)?);
        let old = (packed.code(rank), packed.cells.get(at..)?);
        let code = cell::encode_over(old, value, dictionary, out);
        let pair = out.get_mut(codes_at + rank / 2)?;
        let shift = rank % 2 * 4;
        *pair = *pair & !(0xf << shift) | code << shift;
        from = start(rank + 1)?;
    }
    // What lies behind the last cell is the block's rounding.
    out.extend_from_slice(packed.cells.get(from..start(packed.len)?)?);
    Some(())
}

/// Write a hash of these slots, which are in the order of `shape`, or hold their own names.
/// `positions` are their places in the shape.
pub fn write_hash(
    out: &mut Vec<u8>,
    key: &[u8],
    expire_at: Option<Millis>,
    shape: Option<(&Shape, &[u16])>,
    slots: &[Slot<'_>],
    dictionary: &Dictionary,
) {
    let stamped = slots.iter().any(|s| s.expire_at.is_some());
    let mut flags = if stamped { flag::STAMPS } else { 0 };
    match shape {
        Some((shape, positions)) => {
            debug_assert!(positions.is_sorted() && positions.len() == slots.len());
            let full = slots.len() == shape.len();
            flags |= flag::SHAPED | if full { 0 } else { flag::ABSENT };
            write_head(out, flags, key, expire_at);
            out.extend_from_slice(&shape.id.to_le_bytes());
            if !full {
                let bits = out.len();
                out.resize(bits + shape.len().div_ceil(8), 0);
                for &position in positions {
                    out[bits + usize::from(position) / 8] |= 1 << (position % 8);
                }
            }
        }
        None => {
            write_head(out, flags | flag::NAMED, key, expire_at);
            put_varint(out, slots.len());
            for slot in slots {
                put_varint(out, slot.name.len());
                out.extend_from_slice(slot.name);
            }
        }
    }
    if stamped {
        ttl::write(out, slots.iter().map(|s| s.expire_at));
    }
    let codes = out.len();
    out.resize(codes + slots.len().div_ceil(2), 0);
    for (rank, slot) in slots.iter().enumerate() {
        let code = match slot.content {
            Content::Cell(cell) => {
                out.extend_from_slice(cell.bytes);
                cell.code
            }
            Content::Value(value) => cell::encode(value, dictionary, out),
        };
        out[codes + rank / 2] |= code << (rank % 2 * 4);
    }
}

/// The same row with another key expiry.
pub fn write_expire(out: &mut Vec<u8>, row: &[u8], expire_at: Option<Millis>) -> Option<()> {
    let mut reader = Reader(row);
    let flags = reader.u8()?;
    let len = reader.varint()?;
    let key = reader.take(len)?;
    if flags & flag::EXPIRES != 0 {
        reader.u64()?;
    }
    write_head(out, flags & !flag::EXPIRES, key, expire_at);
    out.extend_from_slice(reader.0);
    Some(())
}
