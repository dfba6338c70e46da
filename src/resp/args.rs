//! The arguments of a parsed request: borrowed from the bytes they came in.

/// The arguments of one request, the command's name first.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) spans: &'a [Span],
}

/// Where an argument lies, from the start of its request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Span {
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the parser refuses a request that ends past u32::MAX"
    )]
    pub(crate) fn new(start: usize, len: usize) -> Span {
        Span {
            start: start as u32,
            len: len as u32,
        }
    }
}

impl<'a> Args<'a> {
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes from the start of the request to the end of its last argument.
    #[inline]
    pub fn extent(&self) -> usize {
        let last = self.spans.last();
        last.map_or(0, |span| span.start.saturating_add(span.len) as usize)
    }

    /// Argument `i`; empty past the end.
    #[inline]
    pub fn at(&self, i: usize) -> &'a [u8] {
        self.get(i).unwrap_or_default()
    }

    #[inline]
    pub fn get(&self, i: usize) -> Option<&'a [u8]> {
        let span = self.spans.get(i)?;
        self.bytes
            .get(span.start as usize..)?
            .get(..span.len as usize)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + use<'a> {
        let args = *self;
        (0..args.len()).map(move |i| args.at(i))
    }

    /// The arguments from `i` on.
    pub fn from(&self, i: usize) -> Args<'a> {
        Args {
            bytes: self.bytes,
            spans: self.spans.get(i..).unwrap_or_default(),
        }
    }
}
