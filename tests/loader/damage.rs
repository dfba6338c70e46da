//! Damaged files: an error with a place or, where Parquet has no checksum, other values; never a
//! hang, a signal, or memory for what a few bytes claim.

use std::path::Path;

use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::redis_server::{RedisServer, flights, stderr};
use crate::types::{delta_encoded, write_file};

/// Xorshift: the same damage in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(n).unwrap()).unwrap()
    }
}

/// Load `bytes`: whether it succeeded. Ending in any other way than with an error is a failure.
#[track_caller]
fn loads(server: &RedisServer, path: &Path, bytes: &[u8], what: &str) -> bool {
    std::fs::write(path, bytes).unwrap();
    let output = server.load(&["--key", "d:{id}"], path);
    let text = stderr(&output);
    match output.status.code() {
        Some(0) => return true,
        // 2 when the name of the key's column was hit.
        Some(1 | 2) => assert!(text.contains("error: "), "{what}: {text}"),
        other => panic!("{what}: ended with {other:?}: {text}"),
    }
    // A panic is an error too, and looks like one.
    assert!(!text.contains("panicked at"), "{what}: {text}");
    false
}

fn damaged_bytes(random: &mut Random, whole: &[u8]) -> (Vec<u8>, String) {
    let mut bytes = whole.to_vec();
    let at = random.below(bytes.len());
    let flip = u8::try_from(1 + random.below(255)).unwrap();
    bytes[at] ^= flip;
    (bytes, format!("byte {at} ^ {flip:#04x}"))
}

#[test]
fn truncated_files_are_errors() {
    let server = RedisServer::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.parquet");
    write_file(&path, 20, WriterProperties::default());
    let whole = std::fs::read(&path).unwrap();
    for n in 0..200 {
        let length = n * whole.len() / 200;
        let cut = &whole[..length];
        assert!(
            !loads(&server, &path, cut, &format!("cut to {length}")),
            "cut to {length}"
        );
    }
    assert!(loads(&server, &path, &whole, "whole"));
}

#[test]
fn flipped_bytes_never_break_the_loader() {
    let server = RedisServer::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("flipped.parquet");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (name, properties) in [
        (
            "dictionary",
            WriterProperties::builder()
                .set_compression(Compression::SNAPPY)
                .build(),
        ),
        ("delta", delta_encoded().build()),
    ] {
        write_file(&path, 20, properties);
        let whole = std::fs::read(&path).unwrap();
        let mut errors = 0;
        for _ in 0..300 {
            let (bytes, what) = damaged_bytes(&mut random, &whole);
            errors += usize::from(!loads(&server, &path, &bytes, &format!("{name}: {what}")));
        }
        assert!(errors > 50, "{name}: only {errors} of 300 were noticed");
    }
}

/// Pages with checksums, as the example has them: damage in them is always noticed, and placed.
#[test]
fn damaged_pages_with_checksums_are_placed() {
    let server = RedisServer::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("planes.parquet");
    let mut bytes = std::fs::read(flights("planes.parquet")).unwrap();
    // In the first page: the tail numbers of the first row group.
    bytes[1000] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let output = server.load(&["--key", "d:{tailnum}"], &path);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    let place = "planes.parquet: row group 0 column tailnum: Parquet error: Page CRC checksum";
    assert!(text.contains(place), "{text}");
}

/// The count of rows of the file is said twice: others read files whose footer says too few.
#[test]
fn a_footer_with_another_number_of_rows() {
    let server = RedisServer::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.parquet");
    write_file(&path, 20, WriterProperties::default());
    let whole = std::fs::read(&path).unwrap();
    // Behind the schema, field 3, an i64: 20, zigzag; then field 4, a list of two structs.
    let count = [0x16, 40, 0x19, 0x2c];
    let at = whole.windows(4).rposition(|bytes| bytes == count).unwrap();
    let claims = |rows: u8| {
        let mut bytes = whole.clone();
        bytes[at + 1] = rows * 2;
        std::fs::write(&path, bytes).unwrap();
        server.load(&["--key", "d:{id}"], &path)
    };

    let none = claims(0);
    assert!(none.status.success(), "{}", stderr(&none));
    let report = String::from_utf8(none.stdout).unwrap();
    assert!(report.contains("\"rows\":20,"), "{report}");

    let more = claims(21);
    assert_eq!(more.status.code(), Some(2));
    let text = stderr(&more);
    let told = "the footer says 21 rows, but its row groups have 20";
    assert!(text.contains(told), "{text}");
}
