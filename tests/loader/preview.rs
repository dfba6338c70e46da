//! What is seen before anything is written: the declaration of an export's columns, and the
//! commands of its first rows. What would break: a declaration that its own export does not fit,
//! commands that are not what a load writes.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::redis_server::{flights, loader, report, stderr, stdout, succeed};
use crate::support::Server;
use crate::views::Bench;

/// `fieldstone view infer`, in the folder of a bench.
fn infer(bench: &Bench, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fieldstone"));
    command.args(["view", "infer"]).args(arguments);
    command.current_dir(bench.folder.path()).output().unwrap()
}

/// The types of a declaration, as `name type`.
fn types(text: &str) -> Vec<String> {
    let features = text.split("feature]\n").nth(1).expect("features");
    let of_line = |line: &str| {
        let (name, rest) = line.split_once(" = { type = \"").expect("a feature");
        let (kind, rest) = rest.split_once('"').expect("a type");
        format!("{name} {kind}{}", rest.trim_end_matches(" }"))
    };
    features.lines().map(of_line).collect()
}

#[test]
fn an_export_fits_the_view_that_is_inferred_from_it() {
    let bench = Bench::new("");
    let data = bench.path("data").display().to_string();
    let server = Server::ours(&["--dir", &data, "--appendonly", "yes"]);
    let address = format!("127.0.0.1:{}", server.port());
    for (file, key, rows) in [
        ("planes.parquet", "{tenant}:plane:{tailnum}", 4043),
        ("airports.parquet", "{tenant}:airport:{faa}", 1462),
        ("carriers.parquet", "{tenant}:carrier:{carrier}", 16),
    ] {
        let path = flights(file).display().to_string();
        let inferred = infer(&bench, &[&path, "--key", key, "--set", "tenant=A"]);
        succeed(&inferred);
        assert_eq!(stderr(&inferred), "", "{file}");
        bench.write("inferred.toml", &inferred.stdout);
        let mut apply = Command::new(env!("CARGO_BIN_EXE_fieldstone"));
        apply.arg("apply").arg(bench.path("inferred.toml"));
        apply.args(["--server", &address]);
        succeed(&apply.output().unwrap());
        // Its source is in it, and its name is the file's.
        let mut load = loader(bench.folder.path());
        load.args([file.trim_end_matches(".parquet"), "--set", "tenant=A"]);
        load.args(["--server", &address]);
        let loaded = report(&load.output().unwrap());
        assert_eq!(
            (&loaded["rows"], &loaded["rejects"]),
            (&rows.into(), &0.into())
        );
        assert_eq!(loaded["extra_columns"], 0, "{loaded}");
    }
    let seats = server
        .connect()
        .line("HMGET A:plane:N14228 seats cancellation_rate active_30d");
    let seats: Vec<String> = seats.items().iter().map(|value| value.text()).collect();
    assert_eq!(seats, ["149", "0.0", "1"]);
}

#[test]
fn texts_become_what_all_of_them_are() {
    let bench = Bench::new("");
    bench.write(
        "users.csv",
        "id,n,share,zip,at,vip,note,empty,\n\
         1,7,0.5,01067,2026-11-20T10:00:00Z,true,\"a, b\",,x\n\
         2,,3,99999,2026-11-20 11:00:00,FALSE,,,y\n\
         3,-9,NaN,12345,,,\"\",,\n",
    );
    let inferred = infer(
        &bench,
        &["users.csv", "--key", "A:user:{id}", "--ttl", "26h"],
    );
    succeed(&inferred);
    let text = stdout(&inferred);
    assert_eq!(
        types(&text),
        [
            "n int64",
            "share float64",
            "zip string",
            "at timestamp",
            "vip bool",
            "note string",
            "empty string"
        ]
    );
    for part in [
        "[view.users]",
        "entity = \"user\"",
        "ttl = \"26h\"",
        "source = \"users.csv\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        stderr(&inferred).contains("column 9 has no name"),
        "{}",
        stderr(&inferred)
    );
}

/// The first file says one type, a later one another; rows that cannot fit are told.
#[test]
fn every_row_of_every_file_is_tried() {
    let bench = Bench::new("");
    bench.write("day/a.csv", "id,n,ts\n1,1,1795219200\n2,2,1795219260\n");
    bench.write("day/b.csv", "id,n,ts\n3,2.5,1795219200\n,4,1795219200\n");
    let options = ["day", "--key", "u:{id}", "--event-time", "ts"];
    let inferred = infer(&bench, &options);
    succeed(&inferred);
    let text = stdout(&inferred);
    assert_eq!(types(&text), ["n float64"]);
    for part in [
        "[view.day]",
        "event_time = \"ts\"",
        "event_time_unit = \"s\"",
        "4 rows",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let told = stderr(&inferred);
    assert!(
        told.contains("1 of 4 rows will be rejects, the first day/b.csv: row 1"),
        "{told}"
    );

    bench.write("day/b.csv", "id,n,ts\n3,x,1795219200\n");
    assert_eq!(types(&stdout(&infer(&bench, &options))), ["n string"]);
}

#[test]
fn what_cannot_be_inferred_is_refused() {
    let bench = Bench::new("");
    bench.write("x.csv", "id,a\n1,2\n");
    bench.write("empty.csv", "id,a\n");
    bench.write("torn.csv", "id,a\n1,\"2\n");
    for (arguments, code, want) in [
        (
            &["x.csv", "--key", "a:{idd}"][..],
            2,
            "no column idd; it has id, a; did you mean id?",
        ),
        (
            &["x.csv", "--key", "a:{id"],
            2,
            "a brace without its partner",
        ),
        (&["x.csv", "--key", "{id}{a}"], 2, "no column is left"),
        (
            &["x.csv", "--key", "a:{id}", "--drop", "a"],
            2,
            "no column is left",
        ),
        (
            &["x.csv", "--key", "a:{id}", "--name", "a b"],
            2,
            "letters, digits",
        ),
        (&["empty.csv", "--key", "a:{id}"], 2, "without rows"),
        (
            &["torn.csv", "--key", "a:{id}"],
            2,
            "row 0 (line 2) column a",
        ),
        (&["away.csv", "--key", "a:{id}"], 1, "No such file"),
    ] {
        let output = infer(&bench, arguments);
        let told = stderr(&output);
        assert!(told.contains(want), "{arguments:?}: {told}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

/// What is shown is what `--to` would send: given to `redis-cli`, it makes the same hashes.
#[test]
fn the_commands_of_the_first_rows_make_what_a_load_makes() {
    let bench = Bench::new(
        "[view.v]\nentity = 'e'\nkey = 'e:{id}'\nttl = '10h'\n\
         feature.n = { type = 'int64', default = 0 }\nfeature.city = { type = 'string' }\n\
         feature.raw = { type = 'bytes', ttl = '900000h' }\n",
    );
    bench.write(
        "x.csv",
        b"id,n,city,raw\n1,11,\"Bonn\n\"\"x\"\"\",\xff\\\n2,,,\n3,x,,\n4,4,,\n5,\"\n",
    );
    let mut command = loader(bench.folder.path());
    // Nothing listens there, and a row that is torn is not reached.
    command.args([
        "v",
        "x.csv",
        "--views",
        "views.toml",
        "--server",
        "127.0.0.1:0",
    ]);
    let shown = command.args(["--show", "4"]).output().unwrap();
    succeed(&shown);
    let lines = stdout(&shown);
    let told = stderr(&shown);
    assert!(
        told.contains("does not fit: x.csv: row 2 column n"),
        "{told}"
    );
    assert_eq!(lines.lines().count(), 2 + 1 + 2 + 2, "{lines}");
    assert!(
        lines.starts_with(r#"HSET e:1 n 11 city "Bonn\n\"x\"" raw "\xff\\""#),
        "{lines}"
    );
    assert!(!bench.path("v.rejects.jsonl").exists());

    let other = Server::ours(&[]);
    let mut cli = Command::new("redis-cli");
    cli.args(["-p", &other.port().to_string()]);
    let mut cli = cli
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    cli.stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    assert!(cli.wait().unwrap().success());
    bench.write(
        "x.csv",
        b"id,n,city,raw\n1,11,\"Bonn\n\"\"x\"\"\",\xff\\\n2,,,\n4,4,,\n",
    );
    succeed(&bench.load(&["x.csv"]));
    for key in ["e:1", "e:2", "e:4"] {
        let hash = |server: &Server| {
            let got = server.connect().line(&format!("HMGET {key} n city raw"));
            format!("{got:?}")
        };
        assert_eq!(hash(&other), hash(&bench.server), "{key}");
        let ttl = other.connect().line(&format!("HTTL {key} FIELDS 2 n city"));
        let ttl = ttl.items()[0].integer();
        assert!((35_000..=36_000).contains(&ttl), "{key} {ttl}");
    }
    assert_eq!(other.connect().line("DBSIZE").integer(), 3);
}

#[test]
fn rows_that_would_do_nothing_are_told() {
    let bench = Bench::new(
        "[view.v]\nentity = 'e'\nkey = 'e:{id}'\nttl = '1h'\nevent_time = 'at'\n\
         feature.n = { type = 'int64' }\n",
    );
    bench.write(
        "x.csv",
        "id,at,n\n1,2026-11-20T00:00:00Z,1\n2,2026-11-20T00:00:00Z,\n",
    );
    let shown = bench.load(&["x.csv", "--show", "9"]);
    succeed(&shown);
    let told = stderr(&shown);
    assert!(
        told.contains("row 0: is expired already, since 2026-11-20T01:00:00Z"),
        "{told}"
    );
    assert!(told.contains("row 1: has no feature"), "{told}");
    assert_eq!(stdout(&shown).lines().count(), 2);
    assert_eq!(bench.keys(), 0);
    let without = loader(bench.folder.path())
        .args(["--key", "e:{id}", "x.csv", "--show", "1"])
        .output();
    let lines = stdout(&without.unwrap());
    assert_eq!(lines, "HSET e:1 at 2026-11-20T00:00:00Z n 1\n");
}
