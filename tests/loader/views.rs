//! Loading by a view's declaration: into our own server, compared value by value.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::redis_server::{loader, report, stderr};
use crate::support::{Connection, Server, Value};

/// A folder with a view `v`, a server of our own, and loads of the one into the other.
pub struct Bench {
    pub folder: tempfile::TempDir,
    pub server: Server,
}

impl Bench {
    pub fn new(view: &str) -> Bench {
        let bench = Bench {
            folder: tempfile::tempdir().unwrap(),
            server: Server::ours(&[]),
        };
        bench.write("views.toml", view);
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// `fieldstone load v` with the view of the folder, to the server.
    pub fn command(&self, options: &[&str]) -> Command {
        let mut command = loader(self.folder.path());
        command.args(["v", "--views", "views.toml"]);
        command.args(["--to", &format!("127.0.0.1:{}", self.server.port())]);
        command.args(options);
        command
    }

    pub fn load(&self, options: &[&str]) -> Output {
        self.command(options).output().expect("timeout")
    }

    pub fn connect(&self) -> Connection {
        self.server.connect()
    }

    /// A hash as `field=value` in the order of names.
    pub fn hash(&self, key: &str) -> Vec<String> {
        let reply = self.connect().line(&format!("HGETALL {key}"));
        let items = reply.items().to_vec();
        let mut fields: Vec<String> = items
            .chunks(2)
            .map(|pair| format!("{}={}", pair[0].text(), pair[1].text()))
            .collect();
        fields.sort();
        fields
    }

    pub fn keys(&self) -> i64 {
        self.connect().line("DBSIZE").integer()
    }
}

/// The rejects of a load, as `row column reason`.
pub fn rejects(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let show = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let column = line["column"].as_str().unwrap_or("-");
        format!(
            "{} {column} {}",
            line["row"],
            line["reason"].as_str().unwrap()
        )
    };
    text.lines().map(show).collect()
}

const EVERY_TYPE: &str = r#"
[view.v]
entity = "user"
key = "{tenant}:user:{id}"

[view.v.feature]
clicks = { type = "int64", default = 0 }
value = { type = "float64" }
name = { type = "string" }
vip = { type = "bool", default = false }
seen = { type = "timestamp" }
raw = { type = "bytes", column = "RAW" }
tags = { type = "list<string>" }
packed = { type = "list<int64>", encoding = "packed" }
vector = { type = "embedding", dim = 2, encoding = "json" }
"#;

#[test]
fn csv_by_declared_types_defaults_and_fixed_parts_of_the_key() {
    let bench = Bench::new(EVERY_TYPE);
    bench.write(
        "users.csv",
        "\u{feff}id,clicks,value,name,vip,seen,RAW,tags,packed,vector,surplus\n\
         1,007,0.10,\"a, \"\"b\"\"\",TRUE,1970-01-01T00:00:01Z,x,\"[\"\"p\"\",\"\"q\"\"]\",\"[1]\",\
         \"[1,2.5]\",z\n\
         2,,,,,,,,,,\n",
    );
    let output = bench.load(&["users.csv", "--set", "tenant=A"]);
    let report = report(&output);
    for (name, want) in [
        ("rows", 2),
        ("entities", 2),
        ("features", 9),
        ("defaults", 2),
        ("nulls", 7),
        ("extra_columns", 1),
    ] {
        assert_eq!(report[name], want, "{name}: {report}");
    }
    assert_eq!(
        bench.hash("A:user:1"),
        [
            "clicks=7",
            "name=a, \"b\"",
            "packed=\u{1}\0\0\0\0\0\0\0",
            "raw=x",
            "seen=1000",
            "tags=[\"p\",\"q\"]",
            "value=0.1",
            "vector=[1.0,2.5]",
            "vip=1",
        ]
    );
    assert_eq!(bench.hash("A:user:2"), ["clicks=0", "vip=0"]);
    assert!(!bench.path("v.rejects.jsonl").exists());
}

#[test]
fn what_does_not_fit_is_told_by_row_and_column() {
    let bench = Bench::new(EVERY_TYPE);
    let head = "tenant,id,clicks,value,name,vip,seen,RAW,tags,packed,vector\n";
    let rows = [
        "A,1,,,,,,,,,",
        "A,2,1.5,,,,,,,,",
        "A,3,,x,,,,,,,",
        "A,4,,,,2,,,,,",
        "A,5,,,,,tomorrow,,,,",
        "A,6,,,,,,,{},,",
        "A,7,,,,,,,,[1.5],",
        "A,8,,,,,,,,,[1]",
        ",9,,,,,,,,,",
        "A,10,,",
        "a:b,11,,,,,,,,,",
        "A,12,,,,,,,,,",
    ];
    bench.write("users.csv", format!("{head}{}\n", rows.join("\n")));
    let output = bench.load(&["users.csv", "--max-rejects", "10", "--rejects", "r.jsonl"]);
    assert_eq!(report(&output)["rejects"], 10, "{}", stderr(&output));
    assert_eq!(
        rejects(&bench.path("r.jsonl")),
        [
            "1 clicks a text \"1.5\" is no int64",
            "2 value a text \"x\" is no float64",
            "3 vip a text \"2\" is no bool",
            "4 seen a text \"tomorrow\" is no timestamp",
            "5 tags a text \"{}\" is no list<string>",
            "6 packed a float \"1.5\" is no int64",
            "7 vector 1 numbers, not the 2 of dim",
            "8 - tenant of the key is null",
            "9 - 4 fields (line 11), and the header has 11",
            "10 - the key \"a:b:user:11\" does not match {tenant}:user:{id}",
        ]
    );
    assert_eq!(bench.keys(), 2);
    assert_eq!(bench.hash("A:user:12"), ["clicks=0", "vip=0"]);
}

/// What is missing ends the load with its name; nothing is sent.
#[test]
fn columns_that_are_missing_are_named() {
    let bench = Bench::new(
        "[view.v]\nentity = 'e'\nkey = 'e:{id}'\n\
         feature.a = { type = 'int64' }\nfeature.b = { type = 'int64', column = 'B' }\n",
    );
    bench.write("x.csv", "id,a\n1,2\n");
    let output = bench.load(&["x.csv"]);
    assert_eq!(output.status.code(), Some(2));
    let want = "x.csv: feature b of view v: the file has no column B; it has id, a";
    assert!(stderr(&output).contains(want), "{}", stderr(&output));
    assert_eq!(bench.keys(), 0);
    report(&bench.load(&["x.csv", "--allow-missing"]));
    assert_eq!(bench.hash("e:1"), ["a=2"]);

    bench.write("y.csv", "ID,a,B\n1,2,3\n");
    let output = bench.load(&["y.csv", "--allow-missing"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("key of view v: the file has no column id"));
    for (options, want) in [
        (
            ["x.csv", "--set", "di=1"],
            "--set: the key e:{id} has no {di}",
        ),
        (
            ["x.csv", "--set", "id=1"],
            "--set: every row would get the key e:1",
        ),
    ] {
        let output = bench.load(&options);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(want), "{}", stderr(&output));
    }
}

const TIMED: &str = "[view.v]\nentity = 'e'\nkey = 'e:{id}'\nttl = '1000000d'\n\
     event_time = 'at'\nfeature.a = { type = 'int64' }\n\
     feature.b = { type = 'int64', ttl = '5m' }\nfeature.c = { type = 'string' }\n";

/// Over several files and in either order.
#[test]
fn the_newest_row_of_an_entity_wins_whole() {
    let view = TIMED
        .replace("1000000d", "300000d")
        .replace("5m", "200000d");
    let bench = Bench::new(&view);
    bench.write(
        "in/1.csv",
        "id,at,a,b,c\n1,50,1,1,x\n2,50,1,1,x\n3,50,1,1,x\n",
    );
    bench.write(
        "in/2.csv",
        "id,at,a,b,c\n1,60,2,,y\n2,40,2,2,y\n3,50,2,,y\n",
    );
    let output = bench.load(&["in", "--any-time"]);
    let report = report(&output);
    assert_eq!(
        (&report["entities"], &report["older"]),
        (&3.into(), &3.into())
    );
    assert_eq!(report["files"], 2);
    assert_eq!(bench.hash("e:1"), ["a=2", "c=y"]);
    assert_eq!(bench.hash("e:2"), ["a=1", "b=1", "c=x"]);
    assert_eq!(bench.hash("e:3"), ["a=2", "c=y"]);

    bench.write("no.csv", "id,at,a,b,c\n1,,1,1,x\n");
    let output = bench.load(&["no.csv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("column at: the time of the row is null"));
}

/// Features live from the time of their row, grouped by how long.
#[test]
fn times_to_live_count_from_the_time_of_the_row() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.unwrap().as_millis()).unwrap();
    let bench = Bench::new(&TIMED.replace("1000000d", "10d"));
    bench.write(
        "x.csv",
        format!("id,at,a,b,c\n1,{now},1,1,\n2,{},1,1,x\n", now - 3_600_000),
    );
    report(&bench.load(&["x.csv"]));
    let mut connection = bench.connect();
    let times = connection.line("HPEXPIRETIME e:1 FIELDS 3 a b c");
    let want = [now + 864_000_000, now + 300_000, -2].map(Value::Integer);
    assert_eq!(times.items(), want);
    // Five minutes after an hour ago is over.
    assert_eq!(bench.hash("e:2"), ["a=1", "c=x"]);
}

#[test]
fn a_dry_run_checks_everything_and_sends_nothing() {
    let bench = Bench::new(EVERY_TYPE);
    bench.write(
        "u.csv",
        "id,clicks,value,name,vip,seen,RAW,tags,packed,vector\n1,,,,,,,,,\n",
    );
    let output = bench.load(&["u.csv", "--dry-run", "--set", "tenant=A"]);
    let report = report(&output);
    assert_eq!(
        (&report["event"], &report["entities"]),
        (&"dry run".into(), &1.into())
    );
    assert_eq!(bench.keys(), 0);
    bench.write(
        "u.csv",
        "id,clicks,value,name,vip,seen,RAW,tags,packed,vector\n1,x,,,,,,,,\n",
    );
    let output = bench.load(&["u.csv", "--dry-run", "--set", "tenant=A"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(rejects(&bench.path("v.rejects.jsonl")).len(), 1);
}

/// The server's own declaration, with the source that it names.
#[test]
fn a_view_of_the_server_is_loaded_by_its_name() {
    let bench = Bench::new("");
    let folder = bench.folder.path().display();
    let view = format!(
        "[view.v]\nentity = 'e'\nkey = 'e:{{id}}'\nttl = '26h'\nsource = '{folder}/x.csv'\n\
         feature.a = {{ type = 'int64' }}\n"
    );
    let mut connection = bench.connect();
    let applied = connection.call(&["FS.VIEW", "APPLY", &view]);
    assert!(!applied.is_error(), "{applied:?}");
    bench.write("x.csv", "id,a\n1,2\n");
    let server = format!("127.0.0.1:{}", bench.server.port());
    let load = |name: &str| {
        let mut command = loader(bench.folder.path());
        command.args([name, "--server", &server, "--to", &server]);
        command.output().unwrap()
    };
    assert_eq!(report(&load("v"))["view"], "v");
    assert_eq!(bench.hash("e:1"), ["a=2"]);
    let output = load("w");
    assert_eq!(output.status.code(), Some(2));
    let want = format!("error: {server}: FS.VIEW: ERR no such view 'w'");
    assert!(stderr(&output).contains(&want), "{}", stderr(&output));
}

#[test]
fn views_and_modes_that_cannot_be() {
    let bench = Bench::new(EVERY_TYPE);
    bench.write("u.csv", "id\n");
    for (options, code, want) in [
        (vec![], 2, "view v has no source"),
        (
            vec!["u.csv", "--mode", "replace"],
            2,
            "--mode replace: over the wire",
        ),
        (
            vec!["u.csv", "--to", "http://x"],
            2,
            "--to: http:// is not a server's address",
        ),
    ] {
        let output = bench.command(&[]).args(&options).output().unwrap();
        let said = stderr(&output);
        // clap refuses a second --to in its own words.
        let twice = options.contains(&"--to") && said.contains("cannot be used multiple times");
        assert!(said.contains(want) || twice, "{said}");
        assert_eq!(output.status.code(), Some(code), "{said}");
    }
    let output = loader(bench.folder.path())
        .args(["w", "u.csv", "--views", "views.toml", "--dry-run"])
        .output()
        .unwrap();
    assert!(
        stderr(&output).contains("views.toml: no view w"),
        "{}",
        stderr(&output)
    );
    bench.write("views.toml", "[view.v]\nkey = 5\n");
    let output = bench.load(&["u.csv"]);
    assert!(
        stderr(&output).contains("views.toml: line "),
        "{}",
        stderr(&output)
    );
}
