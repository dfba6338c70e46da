//! The bytes of a file as text in UTF-8: unpacked, decoded, without a byte order mark.
//!
//! Invariants
//! - All of it is streamed: memory does not grow with a file, nor with what it unpacks to.
//! - What was cut short is an error: packed streams end where they say, and so do characters.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::loader::storage::{Blob, Kind};

const WINDOW_BYTES: u64 = 1024 * 1024;
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
/// Of frames that are passed over, which may come first.
const ZSTD_SKIPPED: &[u8] = b"\x2a\x4d\x18";

/// How far the file was read.
#[derive(Clone, Default)]
pub struct ReadSoFar {
    bytes: Rc<Cell<u64>>,
    /// Its bytes could not be had; else what is wrong is in them.
    failed: Rc<Cell<bool>>,
}

impl ReadSoFar {
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }
}

/// The text of a file. `encoding`: what it is in, unless it begins with a mark that says so.
pub fn open(
    blob: Arc<dyn Blob>,
    encoding: &'static Encoding,
) -> io::Result<(Box<dyn Read>, ReadSoFar)> {
    let read = ReadSoFar::default();
    let file = BlobReader {
        blob,
        window: Bytes::new(),
        read: read.clone(),
    };
    let mut unpacked = unpack(BufReader::new(file), &read)?;
    let head = unpacked.fill_buf()?;
    let (mark, encoding) = match head {
        [0xff, 0xfe, ..] => (2, UTF_16LE),
        [0xfe, 0xff, ..] => (2, UTF_16BE),
        [0xef, 0xbb, 0xbf, ..] => (3, UTF_8),
        _ => (0, encoding),
    };
    unpacked.consume(mark);
    if encoding == UTF_8 {
        return Ok((Box::new(unpacked), read));
    }
    let decoded = Decoded {
        decoder: encoding.new_decoder_without_bom_handling(),
        name: encoding.name(),
        input: unpacked,
        text: Vec::new(),
        at: 0,
        ended: false,
        malformed: false,
    };
    Ok((Box::new(decoded), read))
}

/// What is packed is told by how it begins.
fn unpack(mut file: BufReader<BlobReader>, read: &ReadSoFar) -> io::Result<Box<dyn BufRead>> {
    let head = file.fill_buf()?;
    if head.starts_with(GZIP) {
        return packed(flate2::bufread::MultiGzDecoder::new(file), "gzip", read);
    }
    let is_skipped = |first| matches!(first, 0x50..=0x5f);
    let skips = matches!(head, [first, rest @ ..]
        if is_skipped(*first) && rest.starts_with(ZSTD_SKIPPED));
    if skips || head.starts_with(ZSTD) {
        return packed(zstd::Decoder::with_buffer(file)?, "zstd", read);
    }
    Ok(Box::new(file))
}

/// What was packed must be text itself.
fn packed(
    unpacked: impl Read + 'static,
    name: &'static str,
    read: &ReadSoFar,
) -> io::Result<Box<dyn BufRead>> {
    let mut unpacked = BufReader::new(Packed {
        unpacked,
        name,
        read: read.clone(),
    });
    let reason = match Kind::of(unpacked.fill_buf()?) {
        Kind::Text => return Ok(Box::new(unpacked)),
        Kind::Parquet => format!("a Parquet file is in its {name} stream: unpack it first"),
        Kind::Other(what, todo) => format!("{what} is in its {name} stream: {todo}"),
    };
    Err(io::Error::new(io::ErrorKind::InvalidData, reason))
}

/// Says what it was that could not be unpacked.
struct Packed<R> {
    unpacked: R,
    name: &'static str,
    read: ReadSoFar,
}

impl<R: Read> Read for Packed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.unpacked.read(into).map_err(|error| {
            if self.read.failed.get() {
                return error;
            }
            let reason = format!("its {} stream is damaged or cut short: {error}", self.name);
            io::Error::new(io::ErrorKind::InvalidData, reason)
        })
    }
}

struct Decoded {
    decoder: Decoder,
    name: &'static str,
    input: Box<dyn BufRead>,
    text: Vec<u8>,
    at: usize,
    ended: bool,
    /// What follows the text is none.
    malformed: bool,
}

impl Decoded {
    /// More text, if there is more. What comes before damage is given before the damage is told.
    fn decode(&mut self) -> io::Result<()> {
        self.at = 0;
        self.text.clear();
        while self.text.is_empty() && !self.ended {
            let input = self.input.fill_buf()?;
            let last = input.is_empty();
            let most = self
                .decoder
                .max_utf8_buffer_length_without_replacement(input.len());
            self.text.resize(most.unwrap_or(input.len() * 3 + 16), 0);
            let (result, taken, written) =
                self.decoder
                    .decode_to_utf8_without_replacement(input, &mut self.text, last);
            self.input.consume(taken);
            self.text.truncate(written);
            self.malformed = matches!(result, DecoderResult::Malformed(..));
            self.ended = self.malformed || (last && result != DecoderResult::OutputFull);
        }
        if self.malformed && self.text.is_empty() {
            let reason = format!("it is not in {}, or is cut short", self.name);
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(())
    }
}

impl Read for Decoded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.text.len() {
            self.decode()?;
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.len().min(into.len());
        if let (Some(into), Some(from)) = (into.get_mut(..length), rest.get(..length)) {
            into.copy_from_slice(from);
        }
        self.at += length;
        Ok(length)
    }
}

/// A file from its beginning, in windows.
struct BlobReader {
    blob: Arc<dyn Blob>,
    window: Bytes,
    read: ReadSoFar,
}

impl Read for BlobReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.window.is_empty() {
            let at = self.read.bytes();
            let end = self.blob.len().min(at.saturating_add(WINDOW_BYTES));
            let window = self.blob.read(at..end);
            self.read.failed.set(window.is_err());
            self.window = window?;
            self.read.bytes.set(end);
        }
        let length = into.len().min(self.window.len());
        if let Some(into) = into.get_mut(..length) {
            self.window.copy_to_slice(into);
        }
        Ok(length)
    }
}
