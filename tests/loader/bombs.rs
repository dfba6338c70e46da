//! Small files that claim or unpack to much: an error within a bounded memory, and nothing sent.
//! All of these tests run in 4 GiB of address space, see `redis_server::loader`; these in less.

use std::path::Path;
use std::process::{Command, Output};

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;

use crate::lists;
use crate::redis_server::{report, stderr};
use crate::views::Bench;

/// The built program in so much memory.
fn load_within(bench: &Bench, mebibytes: u64, options: &[&str]) -> Output {
    let limit = format!("ulimit -v {}; exec \"$@\"", mebibytes * 1024);
    Command::new("timeout")
        .args(["--kill-after=5", "60", "sh", "-c", &limit, "sh"])
        .args([env!("CARGO_BIN_EXE_fieldstone"), "load", "v", "x.parquet"])
        .args(["--views", "views.toml"])
        .args(["--to", &format!("127.0.0.1:{}", bench.server.port())])
        .args(options)
        .current_dir(bench.folder.path())
        .output()
        .unwrap()
}

fn bench(kind: &str) -> Bench {
    Bench::new(&format!(
        "[view.v]\nentity = 'e'\nkey = 'e:{{id}}'\nfeature.l = {{ {kind} }}\n"
    ))
}

#[track_caller]
fn refused(output: &Output, bench: &Bench, want: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("x.parquet: row group 0 column l: "), "{said}");
    assert!(said.contains(want), "{said}");
    assert_eq!(bench.keys(), 0);
}

const TEXT: &str = "REQUIRED BYTE_ARRAY l (STRING);";
const LIST: &str = "REPEATED INT64 l;";

fn write_text(path: &Path, bytes: usize) {
    let level = ZstdLevel::try_new(1).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(parquet::file::properties::EnabledStatistics::None);
    let text = [ByteArray::from(vec![b'a'; bytes])];
    let levels = (&text[..], &[0][..], &[0][..]);
    lists::write::<ByteArrayType>(path, 1, TEXT, levels, properties.build());
}

/// A few kilobytes that unpack to 300 MB: more than the pages may take, told before they do.
#[test]
fn a_page_that_unpacks_to_much() {
    let bench = bench("type = 'string'");
    let path = bench.path("x.parquet");
    write_text(&path, 300 << 20);
    assert!(std::fs::metadata(&path).unwrap().len() < 100_000);
    let output = load_within(&bench, 700, &["--memory", "64M"]);
    refused(&output, &bench, "a page of ");
    // What is allowed is read.
    write_text(&path, 8 << 20);
    report(&load_within(&bench, 700, &["--memory", "64M"]));
    assert_eq!(bench.connect().line("HSTRLEN e:0 l").integer(), 8 << 20);
}

/// A dictionary of one long text, which every row has: kept once, not for each row.
#[test]
fn a_long_text_in_many_rows() {
    let bench = bench("type = 'string'");
    let rows = 2000;
    let text = vec![ByteArray::from(vec![b'a'; 1 << 20]); rows];
    let levels = vec![0; rows];
    let path = bench.path("x.parquet");
    let levels = (&text[..], &levels[..], &levels[..]);
    let properties = WriterProperties::builder().set_dictionary_page_size_limit(4 << 20);
    lists::write::<ByteArrayType>(&path, 2000, TEXT, levels, properties.build());
    let output = load_within(&bench, 700, &["--dry-run"]);
    assert_eq!(report(&output)["rows"], 2000);
}

/// Repetition levels say in a few bytes that one list has a million items.
#[test]
fn a_list_that_does_not_end() {
    let bench = bench("type = 'list<int64>'");
    let items = 1_000_000;
    let values = vec![7i64; items];
    let mut repeated = vec![1i16; items];
    repeated[0] = 0;
    let path = bench.path("x.parquet");
    let levels = (&values[..], &vec![1; items][..], &repeated[..]);
    // Pages of 20,000 items, each of which alone is allowed.
    let properties = WriterProperties::builder().set_data_page_row_count_limit(20_000);
    lists::write::<Int64Type>(&path, 1, LIST, levels, properties.build());
    assert!(std::fs::metadata(&path).unwrap().len() < 20_000);
    let output = load_within(&bench, 700, &[]);
    refused(&output, &bench, "a list of more than 65536 items");
}

/// A column chunk, a page or a footer that lies about where it is and how long.
#[test]
fn files_that_lie_in_one_number() {
    let bench = bench("type = 'string'");
    let path = bench.path("x.parquet");
    write_text(&path, 1000);
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        // The largest number of the format in 1 byte, and one that goes on into what follows.
        for byte in [0x7e, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            std::fs::write(&path, &bytes).unwrap();
            let output = load_within(&bench, 700, &["--dry-run"]);
            let said = stderr(&output);
            match output.status.code() {
                Some(0) => {}
                Some(1 | 2) => assert!(said.contains("error: "), "{at}: {said}"),
                other => panic!("byte {at} as {byte:#x}: ended with {other:?}: {said}"),
            }
        }
    }
}
