//! Where exports lie: folders, Hive partitions, `file://`; CSV that is not as it should be.

use crate::redis_server::{report, stderr};
use crate::views::Bench;

const VIEW: &str = "[view.v]\nentity = 'e'\nkey = 'e:{id}'\nsource = 'exports'\n\
     feature.a = { type = 'int64' }\nfeature.day = { type = 'string', column = 'ds' }\n\
     feature.hour = { type = 'int64' }\n";

#[test]
fn hive_partitions_are_columns_and_are_pruned() {
    let bench = Bench::new(VIEW);
    for (path, id) in [
        ("ds=2026-11-20/hour=3/a.csv", 1),
        ("ds=2026-11-20/hour=04/b.csv", 2),
        ("ds=2026-11-21/hour=__HIVE_DEFAULT_PARTITION__/a.csv", 3),
        ("ds=2026-11-21/hour=3/_SUCCESS.csv", 4),
        ("ds=a%2Fb/hour=3/c.csv", 5),
    ] {
        // A column of the same name loses to the path.
        bench.write(
            &format!("exports/{path}"),
            format!("id,a,ds\n{id},{id},no\n"),
        );
    }
    assert_eq!(report(&bench.load(&[]))["files"], 4);
    assert_eq!(bench.hash("e:1"), ["a=1", "day=2026-11-20", "hour=3"]);
    assert_eq!(bench.hash("e:2"), ["a=2", "day=2026-11-20", "hour=4"]);
    assert_eq!(bench.hash("e:3"), ["a=3", "day=2026-11-21"]);
    assert_eq!(bench.hash("e:5"), ["a=5", "day=a/b", "hour=3"]);
    assert_eq!(bench.keys(), 4);

    bench.connect().line("FLUSHALL");
    let source = format!("file://{}", bench.path("exports").display());
    let options = [&source, "--where", "ds=2026-11-20", "--where", "hour=3"];
    assert_eq!(report(&bench.load(&options))["files"], 1);
    assert_eq!((bench.keys(), bench.hash("e:1").len()), (1, 3));
    let output = bench.load(&["--where", "ds=2026-11-22"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("files below it in folders ds=2026-11-22"));
}

#[test]
fn a_folder_holds_both_formats() {
    let bench =
        Bench::new("[view.v]\nentity = 'e'\nkey = 'e:{c0}'\nfeature.id = { type = 'int64' }\n");
    bench.write("in/b.csv", "c0,id\n7,8\n");
    let path = bench.path("in/a.parquet");
    crate::types::write_file(&path, 2, Default::default());
    report(&bench.load(&["in"]));
    // Of `c0`, a column of bools, rows 0 and 1 have values.
    assert_eq!(bench.hash("e:1"), ["id=0"]);
    assert_eq!(bench.hash("e:0"), ["id=1"]);
    assert_eq!(bench.hash("e:7"), ["id=8"]);
}

#[test]
fn csv_that_is_none() {
    let bench =
        Bench::new("[view.v]\nentity = 'e'\nkey = 'e:{id}'\nfeature.a = { type = 'int64' }\n");
    for (text, code, want) in [
        (String::new(), 2, "x.csv: no header: the file is empty"),
        ("id,a,a\n1,2,3\n".to_owned(), 2, "two columns a"),
        (
            "id,a\n1,\"2\n".to_owned() + &"x\n".repeat(40 << 20),
            2,
            "x.csv: row 0 (line 2) column a: longer than 64 MiB",
        ),
        (
            "id,a\n1,2\n1,2,3\n".to_owned(),
            2,
            "row 1: 3 fields (line 3), and the header has 2; its key is e:1",
        ),
    ] {
        bench.write("x.csv", &text);
        let output = bench.load(&["x.csv"]);
        assert!(stderr(&output).contains(want), "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(bench.keys(), 0);
    }
    bench.write("x.csv", "id,a\r\n1,2\r\n\r\n\"3\",\r\n");
    let loaded = report(&bench.load(&["x.csv"]));
    assert_eq!((&loaded["rows"], &loaded["empty"]), (&2.into(), &1.into()));
    assert_eq!(bench.hash("e:1"), ["a=2"]);
}

/// Without a view every column of a CSV file is a text.
#[test]
fn csv_without_a_view() {
    let bench = Bench::new("");
    bench.write("x.csv", "id,a\n1,007\n");
    let server = format!("127.0.0.1:{}", bench.server.port());
    let path = bench.path("x.csv");
    report(&crate::redis_server::load(
        &server,
        &["--key", "e:{id}"],
        &path,
    ));
    assert_eq!(bench.hash("e:1"), ["a=007"]);
}
