//! Every type, encoding and compression, written by the `parquet` crate, read back from Redis.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray,
    FixedLenByteArrayType, FloatType, Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use redis::Commands;

use crate::redis_server::{RedisServer, report, stderr};

/// Two values; row `i` of a column has the first, the second or null, by `i % 3`.
enum Pair {
    Bool([bool; 2]),
    Int32([i32; 2]),
    Int64([i64; 2]),
    Int96([[u32; 3]; 2]),
    Float([f32; 2]),
    Double([f64; 2]),
    Bytes([&'static [u8]; 2]),
    Fixed([&'static [u8]; 2]),
}

use Pair::{Bool, Bytes, Double, Fixed, Float, Int32, Int64};

/// The type of a column, its values, and what they are in Redis.
fn columns() -> Vec<(&'static str, Pair, [&'static [u8]; 2])> {
    const SPARK_EPOCH: u32 = 2_440_588;
    let long: &[u8] = &[b'x'; 300];
    vec![
        ("BOOLEAN", Bool([true, false]), [b"1", b"0"]),
        (
            "INT32 (INTEGER(8,true))",
            Int32([-128, 127]),
            [b"-128", b"127"],
        ),
        ("INT32 (INTEGER(8,false))", Int32([0, 255]), [b"0", b"255"]),
        (
            "INT32 (INTEGER(16,true))",
            Int32([-32768, 5]),
            [b"-32768", b"5"],
        ),
        (
            "INT32 (INTEGER(32,false))",
            Int32([-1, 1]),
            [b"4294967295", b"1"],
        ),
        ("INT32", Int32([i32::MIN, 7]), [b"-2147483648", b"7"]),
        (
            "INT64",
            Int64([i64::MIN, 0]),
            [b"-9223372036854775808", b"0"],
        ),
        (
            "INT64 (INTEGER(64,false))",
            Int64([-1, 1]),
            [b"18446744073709551615", b"1"],
        ),
        (
            "INT64 (UINT_64)",
            Int64([-2, 1]),
            [b"18446744073709551614", b"1"],
        ),
        (
            "INT32 (DATE)",
            Int32([15_706, -1]),
            [b"2013-01-01", b"1969-12-31"],
        ),
        (
            "INT32 (TIME(MILLIS,true))",
            Int32([1, 86_399_999]),
            [b"00:00:00.001", b"23:59:59.999"],
        ),
        (
            "INT64 (TIME(NANOS,true))",
            Int64([1, 3_600_000_000_000]),
            [b"00:00:00.000000001", b"01:00:00"],
        ),
        (
            "INT64 (TIMESTAMP(MILLIS,true))",
            Int64([1_388_271_600_000, -1]),
            [b"1388271600000", b"-1"],
        ),
        (
            "INT64 (TIMESTAMP(MICROS,false))",
            Int64([1_999, -1]),
            [b"1", b"-1"],
        ),
        (
            "INT64 (TIMESTAMP(NANOS,true))",
            Int64([1_999_999, -1]),
            [b"1", b"-1"],
        ),
        (
            "INT64 (TIMESTAMP_MICROS)",
            Int64([5_000, -5_001]),
            [b"5", b"-6"],
        ),
        (
            "INT96",
            Pair::Int96([[5_000_000, 0, SPARK_EPOCH + 1], [0, 1, SPARK_EPOCH - 1]]),
            [b"86400005", b"-86395706"],
        ),
        ("FLOAT", Float([0.1, f32::MAX]), [b"0.1", b"3.4028235e38"]),
        (
            "DOUBLE",
            Double([3.7117117117117115, 1e300]),
            [b"3.7117117117117115", b"1e300"],
        ),
        (
            "DOUBLE",
            Double([f64::NAN, f64::NEG_INFINITY]),
            [b"NaN", b"-inf"],
        ),
        (
            "BYTE_ARRAY (STRING)",
            Bytes([b"", "\u{e9}t\u{e9}".as_bytes()]),
            [b"", b"\xc3\xa9t\xc3\xa9"],
        ),
        ("BYTE_ARRAY (ENUM)", Bytes([b"A", b"B"]), [b"A", b"B"]),
        ("BYTE_ARRAY (JSON)", Bytes([b"{}", b"[1]"]), [b"{}", b"[1]"]),
        (
            "BYTE_ARRAY",
            Bytes([b"\0\r\n\xff", long]),
            [b"\0\r\n\xff", long],
        ),
        (
            "FIXED_LEN_BYTE_ARRAY(3)",
            Fixed([b"a\0b", b"abc"]),
            [b"a\0b", b"abc"],
        ),
        (
            "FIXED_LEN_BYTE_ARRAY(16) (UUID)",
            Fixed([&[0xab; 16], &[0; 16]]),
            [
                b"abababab-abab-abab-abab-abababababab",
                b"00000000-0000-0000-0000-000000000000",
            ],
        ),
        (
            "FIXED_LEN_BYTE_ARRAY(2) (FLOAT16)",
            Fixed([&[0, 0x3c], &[1, 0]]),
            [b"1.0", b"5.9604645e-8"],
        ),
        (
            "INT32 (DECIMAL(9,2))",
            Int32([12_345, -5]),
            [b"123.45", b"-0.05"],
        ),
        (
            "INT64 (DECIMAL(18,4))",
            Int64([1, -123_456]),
            [b"0.0001", b"-12.3456"],
        ),
        (
            "FIXED_LEN_BYTE_ARRAY(4) (DECIMAL(9,1))",
            Fixed([&[0xff; 4], &[0, 0, 1, 0]]),
            [b"-0.1", b"25.6"],
        ),
        (
            "BYTE_ARRAY (DECIMAL(40,3))",
            Bytes([&[1, 0], &[0x80]]),
            [b"0.256", b"-0.128"],
        ),
    ]
}

/// Row `i`'s choice: the first value, the second, or null.
fn choice(i: usize) -> Option<usize> {
    [Some(0), Some(1), None][i % 3]
}

fn write_column<T: DataType>(writer: &mut SerializedColumnWriter, rows: &[usize], pair: [T::T; 2]) {
    let levels: Vec<i16> = rows
        .iter()
        .map(|&i| i16::from(choice(i).is_some()))
        .collect();
    let values: Vec<T::T> = rows
        .iter()
        .filter_map(|&i| choice(i))
        .map(|at| pair[at].clone())
        .collect();
    writer
        .typed::<T>()
        .write_batch(&values, Some(&levels), None)
        .unwrap();
}

/// Write the rows in two row groups.
pub fn write_file(path: &Path, rows: usize, properties: WriterProperties) {
    let columns = columns();
    let fields: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(c, (kind, _, _))| match kind.split_once(" (") {
            Some((physical, rest)) => format!("OPTIONAL {physical} c{c} ({rest};"),
            None => format!("OPTIONAL {kind} c{c};"),
        })
        .collect();
    let schema = format!("message m {{ REQUIRED INT32 id; {} }}", fields.join(" "));
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    let all: Vec<usize> = (0..rows).collect();
    for rows in all.chunks(rows.div_ceil(2)) {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let ids: Vec<i32> = rows.iter().map(|&i| i32::try_from(i).unwrap()).collect();
        column
            .typed::<Int32Type>()
            .write_batch(&ids, None, None)
            .unwrap();
        column.close().unwrap();
        for (_, pair, _) in &columns {
            let mut column = group.next_column().unwrap().unwrap();
            let w = &mut column;
            match pair {
                Bool(v) => write_column::<BoolType>(w, rows, *v),
                Int32(v) => write_column::<Int32Type>(w, rows, *v),
                Int64(v) => write_column::<Int64Type>(w, rows, *v),
                Pair::Int96(v) => {
                    let value = |&[a, b, c]: &[u32; 3]| {
                        let mut value = Int96::new();
                        value.set_data(a, b, c);
                        value
                    };
                    write_column::<Int96Type>(w, rows, [value(&v[0]), value(&v[1])]);
                }
                Float(v) => write_column::<FloatType>(w, rows, *v),
                Double(v) => write_column::<DoubleType>(w, rows, *v),
                Bytes(v) => write_column::<ByteArrayType>(w, rows, v.map(ByteArray::from)),
                Fixed(v) => {
                    let value = |v: &[u8]| FixedLenByteArray::from(ByteArray::from(v));
                    write_column::<FixedLenByteArrayType>(w, rows, [value(v[0]), value(v[1])]);
                }
            }
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

/// Every column with an encoding other than plain and dictionary.
pub fn delta_encoded() -> parquet::file::properties::WriterPropertiesBuilder {
    let mut builder = WriterProperties::builder().set_dictionary_enabled(false);
    for (c, (_, pair, _)) in columns().iter().enumerate() {
        let encoding = match pair {
            Bool(_) => Encoding::RLE,
            Int32(_) | Int64(_) => Encoding::DELTA_BINARY_PACKED,
            Pair::Int96(_) => Encoding::PLAIN,
            Float(_) | Double(_) => Encoding::BYTE_STREAM_SPLIT,
            Bytes(_) if c % 2 == 0 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
            Bytes(_) | Fixed(_) => Encoding::DELTA_BYTE_ARRAY,
        };
        builder = builder.set_column_encoding(format!("c{c}").as_str().into(), encoding);
    }
    builder
}

#[track_caller]
fn check(server: &RedisServer, path: &Path, rows: usize, what: &str) {
    let mut redis = server.connect();
    let () = redis::cmd("FLUSHALL").query(&mut redis).unwrap();
    let output = server.load(&["--key", "t:{id}", "--keep-key-columns"], path);
    assert_eq!(output.status.code(), Some(0), "{what}: {}", stderr(&output));
    let report = report(&output);
    assert_eq!(
        (&report["rows"], &report["entities"]),
        (&rows.into(), &rows.into())
    );
    for i in 0..rows {
        let got: HashMap<String, Vec<u8>> = redis.hgetall(format!("t:{i}")).unwrap();
        let mut want = HashMap::from([("id".to_owned(), i.to_string().into_bytes())]);
        for (c, (_, _, texts)) in columns().iter().enumerate() {
            if let Some(at) = choice(i) {
                want.insert(format!("c{c}"), texts[at].to_vec());
            }
        }
        for (name, value) in &want {
            let got = got.get(name).map(|v| String::from_utf8_lossy(v));
            let value = String::from_utf8_lossy(value);
            assert_eq!(
                got.as_deref(),
                Some(value.as_ref()),
                "{what}: row {i} {name}"
            );
        }
        assert_eq!(got, want, "{what}: row {i}");
    }
}

#[test]
fn every_type_in_every_compression() {
    let server = RedisServer::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("types.parquet");
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::BROTLI(Default::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(Default::default()),
    ] {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for dictionary in [false, true] {
                let properties = WriterProperties::builder()
                    .set_compression(compression)
                    .set_writer_version(version)
                    .set_dictionary_enabled(dictionary)
                    .build();
                write_file(&path, 7, properties);
                let what = format!("{compression:?} {version:?} dictionary {dictionary}");
                check(&server, &path, 7, &what);
            }
        }
    }
}

#[test]
fn every_encoding_over_several_blocks_and_pages() {
    let server = RedisServer::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("encodings.parquet");
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let properties = delta_encoded()
            .set_writer_version(version)
            .set_data_page_row_count_limit(700)
            .set_write_batch_size(100);
        write_file(&path, 5000, properties.build());
        check(&server, &path, 5000, &format!("{version:?}"));
    }
}

#[test]
fn nested_and_repeated_columns_are_refused_by_name() {
    let server = RedisServer::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nested.parquet");
    for (field, reason) in [
        (
            "OPTIONAL group tags { REQUIRED INT32 a; }",
            "column tags is nested",
        ),
        ("REPEATED INT32 tags;", "column tags is repeated"),
    ] {
        let schema = format!("message m {{ REQUIRED INT32 id; {field} }}");
        let schema = Arc::new(parse_message_type(&schema).unwrap());
        let file = File::create(&path).unwrap();
        SerializedFileWriter::new(file, schema, Default::default())
            .unwrap()
            .close()
            .unwrap();
        let output = server.load(&["--key", "t:{id}"], &path);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
    }
}

#[test]
fn rows_of_nulls_and_files_without_rows_write_nothing() {
    let server = RedisServer::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nulls.parquet");
    write_file(&path, 3, WriterProperties::default());
    let output = server.load(&["--key", "t:{id}"], &path);
    let report_of_nulls = report(&output);
    for (name, want) in [
        ("rows", 3),
        ("entities", 2),
        ("nulls", 0),
        ("rejects", 0),
        ("empty", 1),
    ] {
        assert_eq!(report_of_nulls[name], want, "{name}");
    }
    let keys: u64 = redis::cmd("DBSIZE").query(&mut server.connect()).unwrap();
    assert_eq!(keys, 2);

    let schema = Arc::new(parse_message_type("message m { REQUIRED INT32 id; }").unwrap());
    let file = File::create(&path).unwrap();
    SerializedFileWriter::new(file, schema, Default::default())
        .unwrap()
        .close()
        .unwrap();
    let options = ["--key", "t:{id}", "--keep-key-columns"];
    let output = server.load(&options, &path);
    assert_eq!(output.status.code(), Some(2));
    let said = crate::redis_server::stderr(&output);
    assert!(
        said.contains("there is nothing to load; --allow-empty"),
        "{said}"
    );
    let output = server.load(&[&options[..], &["--allow-empty"]].concat(), &path);
    let report = report(&output);
    assert_eq!(
        (&report["rows"], &report["entities"]),
        (&0.into(), &0.into())
    );
}
