//! The loader: a Parquet export of entities of 50 features, read and checked, packed, and loaded
//! into a server as a batch; and packing rows into the file of a batch alone.

#[path = "workload/mod.rs"]
mod workload;

use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fieldstone::batch::{Builder, Built, Plan};
use fieldstone::client::{Address, Connection};
use fieldstone::engine::PackCell;
use fieldstone::io::Append;
use fieldstone::resp::Reply;
use parquet::data_type::{BoolType, ByteArrayType, DoubleType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use workload::{FEATURES, Kind, Workload};

const ROWS: u64 = 50_000;
const GROUP_ROWS: u64 = 10_000;

/// The loader against a server of ours, in a folder of theirs.
struct Bench {
    workload: Workload,
    dir: tempfile::TempDir,
    child: Child,
    address: String,
}

fn view(workload: &Workload) -> String {
    let mut text = "[view.user_features]\nentity = 'user'\nkey = 'A:user:{user_id}'\n".to_owned();
    text.push_str("[view.user_features.feature]\n");
    for feature in &workload.features {
        let kind = match feature.kind {
            Kind::Int => "int64",
            Kind::Float => "float64",
            Kind::Text => "string",
            Kind::Bool => "bool",
        };
        text.push_str(&format!("{} = {{ type = '{kind}' }}\n", feature.name));
    }
    text
}

fn write_export(workload: &Workload, path: &Path) {
    let column = |feature: &workload::Feature| {
        let kind = match feature.kind {
            Kind::Int => "INT64",
            Kind::Float => "DOUBLE",
            Kind::Text => "BINARY",
            Kind::Bool => "BOOLEAN",
        };
        let annotated = if feature.kind == Kind::Text {
            " (UTF8)"
        } else {
            ""
        };
        format!("REQUIRED {kind} {}{annotated};", feature.name)
    };
    let columns: Vec<String> = workload.features.iter().map(column).collect();
    let schema = format!(
        "message m {{ REQUIRED INT64 user_id; {} }}",
        columns.join(" ")
    );
    let schema = Arc::new(parse_message_type(&schema).expect("a schema"));
    let file = File::create(path).expect("a file");
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).expect("a writer");
    for from in (0..ROWS).step_by(GROUP_ROWS as usize) {
        let rows = from..(from + GROUP_ROWS).min(ROWS);
        let mut group = writer.next_row_group().expect("a row group");
        let mut column = group.next_column().expect("a column").expect("the key");
        let ids: Vec<i64> = rows.clone().map(|row| row.cast_signed()).collect();
        let written = column.typed::<Int64Type>().write_batch(&ids, None, None);
        assert_eq!(written.expect("written"), ids.len());
        column.close().expect("closed");
        for (place, feature) in workload.features.iter().enumerate() {
            let mut column = group.next_column().expect("a column").expect("a feature");
            let texts = rows.clone().map(|row| {
                let value = workload.value(row, place);
                std::str::from_utf8(value).expect("text")
            });
            let written = match feature.kind {
                Kind::Int => {
                    let values: Vec<i64> = texts.map(|t| t.parse().expect("a count")).collect();
                    column.typed::<Int64Type>().write_batch(&values, None, None)
                }
                Kind::Float => {
                    let values: Vec<f64> = texts.map(|t| t.parse().expect("a float")).collect();
                    column
                        .typed::<DoubleType>()
                        .write_batch(&values, None, None)
                }
                Kind::Text => {
                    let values: Vec<_> = texts.map(Into::into).collect();
                    column
                        .typed::<ByteArrayType>()
                        .write_batch(&values, None, None)
                }
                Kind::Bool => {
                    let values: Vec<bool> = texts.map(|t| t == "1").collect();
                    column.typed::<BoolType>().write_batch(&values, None, None)
                }
            };
            written.expect("written");
            column.close().expect("closed");
        }
        group.close().expect("closed");
    }
    writer.close().expect("closed");
}

impl Bench {
    fn start() -> Bench {
        let (workload, dir) = (Workload::new(), tempfile::tempdir().expect("a folder"));
        write_export(&workload, &dir.path().join("export.parquet"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_fieldstone"))
            .args([
                "serve",
                "--port",
                "0",
                "--bind",
                "127.0.0.1",
                "--appendonly",
                "yes",
            ])
            // Batches are not folded meanwhile.
            .args(["--checkpoint-rate", "1", "--dir"])
            .arg(dir.path().join("data"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("start the server");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let address = loop {
            let line = lines.next().expect("it gets ready").expect("a line");
            if let Some((_, address)) = line.split_once("Ready to accept connections on ") {
                break address.to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let bench = Bench {
            workload,
            dir,
            child,
            address,
        };
        let view = view(&bench.workload);
        let applied = bench
            .connect()
            .call(&[b"FS.VIEW", b"APPLY", view.as_bytes()]);
        applied.expect("the view");
        bench
    }

    fn connect(&self) -> Connection {
        let address = Address::parse(&self.address).expect("an address");
        Connection::open(&address, None).expect("connect")
    }

    fn load(&self, options: &[&str]) {
        let output = Command::new(env!("CARGO_BIN_EXE_fieldstone"))
            .args([
                "load",
                "user_features",
                "export.parquet",
                "--server",
                &self.address,
            ])
            .args(options)
            .current_dir(self.dir.path())
            .output()
            .expect("run the loader");
        let report = String::from_utf8_lossy(&output.stdout);
        let all = format!("\"entities\":{ROWS},");
        assert!(
            output.status.success() && report.contains(&all),
            "{output:?}"
        );
    }

    /// That a sample is served as it is in the export; floats may be written in another way.
    fn compare(&self) {
        let mut connection = self.connect();
        for row in (0..ROWS).step_by(499) {
            let key = format!("A:user:{row}");
            let mut request: Vec<&[u8]> = vec![b"HMGET", key.as_bytes()];
            request.extend(self.workload.features.iter().map(|f| f.name.as_bytes()));
            let Reply::Array(values) = connection.call(&request).expect("a reply") else {
                panic!("no array");
            };
            assert_eq!(values.len(), FEATURES);
            for (place, value) in values.iter().enumerate() {
                let (Reply::Bulk(got), expected) = (value, self.workload.value(row, place)) else {
                    panic!("no value: {value:?}");
                };
                let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<f64>().ok();
                let same =
                    got == expected || number(got).is_some_and(|n| number(expected) == Some(n));
                assert!(same, "{key} {place}: {}", got.escape_ascii());
            }
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn load(c: &mut Criterion) {
    let bench = Bench::start();
    let mut group = c.benchmark_group("load Parquet");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function("read and check", |b| b.iter(|| bench.load(&["--dry-run"])));
    group.bench_function("as a batch of a server", |b| b.iter(|| bench.load(&[])));
    group.finish();
    bench.compare();
}

/// What a file takes, and forgets.
struct Nowhere;

impl Append for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        black_box(bytes);
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn pack(c: &mut Criterion) {
    let workload = Workload::new();
    let rows = 0..ROWS;
    let rows: Vec<(Vec<u8>, Vec<Option<PackCell<'_>>>)> = rows
        .map(|row| {
            let cell = |place| Some((workload.value(row, place), None));
            (workload::key(row), (0..FEATURES).map(cell).collect())
        })
        .collect();
    let dir = tempfile::tempdir().expect("a folder");
    let plan = Plan {
        view: "user_features".to_owned(),
        key: "A:user:{user_id}".to_owned(),
        features: workload
            .features
            .iter()
            .map(|f| f.name.to_owned())
            .collect(),
        seed: 42,
        shards: 256,
        memory: 1 << 30,
        dir: dir.path().to_owned(),
        ..Plan::default()
    };
    let mut group = c.benchmark_group("pack");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function("rows into the file of a batch", |b| {
        b.iter(|| {
            let mut builder = Builder::new(plan.clone()).expect("features");
            for (at, (key, cells)) in (0..).zip(&rows) {
                builder.add(key, at, cells).expect("a row");
                builder.make_room().expect("room");
            }
            let built: Built = builder.finish(Box::new(Nowhere), 1).expect("a file");
            assert_eq!(
                (built.entities, built.outdated, built.spilled),
                (ROWS, 0, 0)
            );
            built.bytes
        });
    });
    group.finish();
}

fn config() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5))
}

criterion_group! {
    name = benches;
    config = config();
    targets = pack, load
}
criterion_main!(benches);
