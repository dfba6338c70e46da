//! List columns of Parquet in all their forms, for features that are lists or embeddings.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int64Type};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::redis_server::{report, stderr};
use crate::views::{Bench, rejects};

/// A column: its values, definition levels and repetition levels.
type Levels<'a, T> = (&'a [T], &'a [i16], &'a [i16]);

/// Rows `0..rows` with one list column.
pub fn write<T: DataType>(
    path: &Path,
    rows: i64,
    field: &str,
    (values, defined, repeated): Levels<T::T>,
    properties: WriterProperties,
) {
    let schema = format!("message m {{ REQUIRED INT64 id; {field} }}");
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let ids: Vec<i64> = (0..rows).collect();
    column
        .typed::<Int64Type>()
        .write_batch(&ids, None, None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let levels = column.typed::<T>();
    levels
        .write_batch(values, Some(defined), Some(repeated))
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

fn view(kind: &str) -> String {
    format!("[view.v]\nentity = 'e'\nkey = 'e:{{id}}'\nfeature.l = {{ {kind} }}\n")
}

const THREE_LEVELS: &str =
    "OPTIONAL group l (LIST) { REPEATED group list { OPTIONAL INT64 element; } }";

#[test]
fn every_form_of_a_list() {
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        // [1, 2], null, [], [3]; the levels of a form say how far a value is there.
        for (field, null, empty, item) in [
            (THREE_LEVELS, Some(0), 1, 3),
            (
                "OPTIONAL group l (LIST) { REPEATED group list { REQUIRED INT64 e; } }",
                Some(0),
                1,
                2,
            ),
            (
                "REQUIRED group l (LIST) { REPEATED group bag { OPTIONAL INT64 e; } }",
                None,
                0,
                2,
            ),
            (
                "OPTIONAL group l (LIST) { REPEATED INT64 array; }",
                Some(0),
                1,
                2,
            ),
            ("REPEATED INT64 l;", None, 0, 1),
        ] {
            let bench = Bench::new(&view("type = 'list<int64>'"));
            let defined = [item, item, null.unwrap_or(empty), empty, item];
            let properties = WriterProperties::builder()
                .set_writer_version(version)
                .build();
            let levels = (&[1, 2, 3][..], &defined[..], &[0, 1, 0, 0, 0][..]);
            write::<Int64Type>(&bench.path("x.parquet"), 4, field, levels, properties);
            report(&bench.load(&["x.parquet"]));
            let want = [
                vec!["l=[1,2]"],
                if null.is_some() { vec![] } else { vec!["l=[]"] },
                vec!["l=[]"],
                vec!["l=[3]"],
            ];
            for (row, want) in want.iter().enumerate() {
                assert_eq!(bench.hash(&format!("e:{row}")), *want, "{field} row {row}");
            }
        }
    }
}

#[test]
fn embeddings_over_many_pages_packed_as_they_are() {
    let bench = Bench::new(&view("type = 'embedding', dim = 64"));
    let rows = 5000;
    let values: Vec<f32> = (0..rows * 64).map(|n| n as f32 / 7.0).collect();
    let defined = vec![2; values.len()];
    let repeated: Vec<i16> = (0..values.len()).map(|n| i16::from(n % 64 != 0)).collect();
    let field = "OPTIONAL group l (LIST) { REPEATED group list { REQUIRED FLOAT element; } }";
    let properties = WriterProperties::builder()
        .set_data_page_size_limit(4096)
        .set_write_batch_size(100)
        .build();
    let path = bench.path("x.parquet");
    write::<FloatType>(
        &path,
        rows,
        field,
        (&values, &defined, &repeated),
        properties,
    );
    report(&bench.load(&["x.parquet"]));
    let mut connection = bench.connect();
    for row in [0, 1, 2500, 4999] {
        let got = connection.line(&format!("HGET e:{row} l"));
        let start = usize::try_from(row).unwrap() * 64;
        let want: Vec<u8> = values[start..start + 64]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        assert_eq!(got.bytes(), want, "row {row}");
    }
}

#[test]
fn texts_and_packed_bytes_become_lists() {
    let bench = Bench::new(&view("type = 'list<string>'"));
    let field =
        "OPTIONAL group l (LIST) { REPEATED group list { OPTIONAL BYTE_ARRAY e (STRING); } }";
    let texts = [ByteArray::from("a\"\n"), ByteArray::from("\u{e9}")];
    let path = bench.path("x.parquet");
    let levels = (&texts[..], &[3, 3][..], &[0, 1][..]);
    write::<ByteArrayType>(&path, 1, field, levels, Default::default());
    report(&bench.load(&["x.parquet"]));
    assert_eq!(bench.hash("e:0"), ["l=[\"a\\\"\\n\",\"\u{e9}\"]"]);
}

#[test]
fn lists_that_do_not_fit() {
    let bench = Bench::new(&view("type = 'embedding', dim = 2"));
    // Two items, then one, then one and a null, then two.
    let levels = (
        &[1, 2, 3, 4, 5, 6][..],
        &[3, 3, 3, 3, 2, 3, 3][..],
        &[0, 1, 0, 0, 1, 0, 1][..],
    );
    let path = bench.path("x.parquet");
    write::<Int64Type>(&path, 4, THREE_LEVELS, levels, Default::default());
    let output = bench.load(&["x.parquet", "--max-rejects", "2"]);
    assert_eq!(report(&output)["rejects"], 2, "{}", stderr(&output));
    assert_eq!(
        rejects(&bench.path("v.rejects.jsonl")),
        [
            "1 l 1 numbers, not the 2 of dim",
            "2 l an item of the list is null"
        ]
    );
    assert_eq!(bench.keys(), 2);
    let got = bench.connect().line("HGET e:3 l");
    let want: Vec<u8> = [5f32, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(got.bytes(), want);

    let bench = Bench::new(&view("type = 'int64'"));
    let path = bench.path("x.parquet");
    write::<Int64Type>(&path, 4, THREE_LEVELS, levels, Default::default());
    let output = bench.load(&["x.parquet"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("x.parquet: column l is a list, not a int64"));
    // Nested deeper: refused by name where it is asked for, ignored where not.
    let nested = "OPTIONAL group l { REPEATED INT64 a; REPEATED INT64 b; }";
    let schema = format!("message m {{ REQUIRED INT64 id; {nested} }}");
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let file = File::create(&path).unwrap();
    let writer = SerializedFileWriter::new(file, schema, Default::default()).unwrap();
    writer.close().unwrap();
    let output = bench.load(&["x.parquet"]);
    assert!(
        stderr(&output).contains("x.parquet: column l is nested"),
        "{}",
        stderr(&output)
    );
    bench.write(
        "views.toml",
        view("type = 'int64'").replace("feature.l", "feature.id"),
    );
    let empty = bench.load(&["x.parquet", "--allow-empty"]);
    assert_eq!(report(&empty)["rows"], 0);
}
