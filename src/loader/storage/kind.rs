//! What a file is, told by how it begins: names say little, and may be missing.

/// Bytes that tell.
pub const HEAD_BYTES: u64 = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Parquet,
    /// Delimited text, packed or not.
    Text,
    /// Something else, and what is to be done with it.
    Other(&'static str, &'static str),
}

const EXPORT: &str = "export it as Parquet or CSV";

/// What other formats begin with.
const OTHERS: [(&[u8], &str, &str); 13] = [
    (b"PARE", "an encrypted Parquet file", "decrypt it first"),
    (b"ORC", "an ORC file", EXPORT),
    (b"Obj\x01", "an Avro file", EXPORT),
    (b"ARROW1", "an Arrow (Feather) file", EXPORT),
    (b"FEA1", "a Feather file", EXPORT),
    (
        b"PK\x03\x04",
        "a zip archive or an Excel file",
        "unpack it, or export it as CSV",
    ),
    (b"BZh", "a bzip2 file", "gzip and zstd are read"),
    (b"\xfd7zXZ", "an xz file", "gzip and zstd are read"),
    (b"\x04\x22\x4d\x18", "an lz4 file", "gzip and zstd are read"),
    (b"SQLite format 3", "an SQLite database", EXPORT),
    (b"\x89HDF", "an HDF5 file", EXPORT),
    (b"%PDF", "a PDF file", EXPORT),
    (b"\x7fELF", "a program", EXPORT),
];

impl Kind {
    /// Of a file that begins so.
    pub fn of(head: &[u8]) -> Kind {
        // A header may begin with the same letters, as PARENT_ID does.
        let is_lines = head.contains(&b'\n') && !head.iter().any(|byte| is_binary(*byte));
        let begins = |magic: &[u8]| {
            let is_word = magic.iter().all(u8::is_ascii_alphanumeric);
            head.starts_with(magic) && !(is_word && is_lines)
        };
        if begins(b"PAR1") {
            return Kind::Parquet;
        }
        if let Some((_, what, todo)) = OTHERS.iter().find(|(magic, ..)| begins(magic)) {
            return Kind::Other(what, todo);
        }
        let text = head.trim_ascii_start();
        match text.first() {
            Some(b'{' | b'[') => Kind::Other("JSON", EXPORT),
            Some(b'<') => Kind::Other("HTML or XML", EXPORT),
            _ => Kind::Text,
        }
    }
}

/// No line of text has it.
fn is_binary(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | b'\x1b')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_beginning() {
        for (head, want) in [
            (&b"PAR1\x15\x00"[..], "Parquet"),
            (b"", "Text"),
            (b"id,a\n1,2\n", "Text"),
            (b"\x1f\x8b\x08", "Text"),
            (b"\x28\xb5\x2f\xfd", "Text"),
            (b"\xff\xfei\0d\0", "Text"),
            (b"PK\x03\x04", "an Excel file"),
            (b"Obj\x01", "an Avro file"),
            (b" {\"id\": 1}", "JSON"),
            (b"PARE", "encrypted"),
            (b"PARE\x15\0\n", "encrypted"),
            (b"PARENT_ID,n\n1,2\n", "Text"),
            (b"PAR1,n\r\n1,2\r\n", "Text"),
            (b"ORCHARD,n\n1,2\n", "Text"),
        ] {
            let got = format!("{:?}", Kind::of(head));
            assert!(got.contains(want), "{head:?}: {got}");
        }
    }
}
