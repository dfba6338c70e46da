//! Parquet files of writers that take the format their own way: read where others read them.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{DataType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::redis_server::{report, stderr};
use crate::views::Bench;

/// One footer says that there are no rows, the other uses a number of the format for something
/// else. What is in them is what pyarrow reads.
#[test]
fn footers_of_old_writers() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parquet");
    for file in ["num_rows_0.parquet", "unknown_use_of_field_15.parquet"] {
        let bench = Bench::new(
            "[view.v]\nentity = 'e'\nkey = 'e:{id}'\n\
             feature.word = { type = 'string' }\nfeature.w = { type = 'float64' }\n",
        );
        let file = fixtures.join(file).display().to_string();
        let loaded = report(&bench.load(&[&file]));
        assert_eq!(
            (&loaded["rows"], &loaded["entities"]),
            (&5.into(), &5.into()),
            "{file}"
        );
        for (n, word) in ["oak", "elm", "oak", "ash", "fir"].iter().enumerate() {
            let n = n + 1;
            let want = [format!("w={n}.5"), format!("word={word}")];
            assert_eq!(bench.hash(&format!("e:{n}")), want, "{file}");
        }
        assert_eq!(bench.keys(), 5, "{file}");
    }
}

fn write<T: DataType>(path: &Path, column: &str, keys: &[T::T]) {
    let schema = format!("message m {{ REQUIRED {column}; REQUIRED INT64 n; }}");
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties = Arc::new(WriterProperties::default());
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, properties);
    let writer = writer.as_mut().unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(keys, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let numbers: Vec<i64> = (0..).take(keys.len()).collect();
    let numbers = column
        .typed::<Int64Type>()
        .write_batch(&numbers, None, None);
    assert_eq!(numbers.unwrap(), keys.len());
    column.close().unwrap();
    group.close().unwrap();
    writer.finish().unwrap();
}

/// Integers that a writer made decimals or floats of have the keys that they had as integers; what
/// is no whole number has none.
#[test]
fn keys_are_whole_numbers_of_any_type() {
    let view = "[view.v]\nentity = 'e'\nkey = 'e:{id}'\nfeature.n = { type = 'int64' }\n";
    let bench = Bench::new(view);
    let path = bench.path("x.parquet");
    for is_decimal in [true, false] {
        let whole = |keys: &[i64]| match is_decimal {
            true => write::<Int64Type>(&path, "INT64 id (DECIMAL(18, 2))", keys),
            false => {
                let keys: Vec<f64> = keys.iter().map(|key| *key as f64 / 100.0).collect();
                write::<DoubleType>(&path, "DOUBLE id", &keys);
            }
        };
        whole(&[100, -1200, 0]);
        assert_eq!(report(&bench.load(&["x.parquet"]))["entities"], 3);
        for (key, n) in [("e:1", 0), ("e:-12", 1), ("e:0", 2)] {
            assert_eq!(
                bench.hash(key),
                [format!("n={n}")],
                "{key}, decimal {is_decimal}"
            );
        }
        whole(&[300, 150]);
        let refused = bench.load(&["x.parquet"]);
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(
            said.contains("row 1 column id: a") && said.contains("1.5"),
            "{said}"
        );
        assert_eq!(bench.keys(), 3);
        bench.connect().line("FLUSHALL");
    }
}
