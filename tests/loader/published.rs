//! What is published as a batch of a view: rows that no batch can hold are rejects, and the server
//! tells what is stale and where it came from.

use std::path::Path;
use std::process::Output;

use crate::redis_server::{loader, report, stderr};
use crate::support::{Connection, Server, Value};
use crate::views::rejects;

/// A server with a view `v`, and a folder for exports.
struct Store {
    folder: tempfile::TempDir,
    server: Server,
}

impl Store {
    fn new(view: &str) -> Store {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let data = data.to_str().expect("a path in UTF-8");
        let server = Server::ours(&["--dir", data, "--appendonly", "yes"]);
        let applied = server.connect().call(&["FS.VIEW", "APPLY", view]);
        assert!(!applied.is_error(), "{applied:?}");
        Store { folder, server }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self, what: &str, options: &[&str]) -> Output {
        let mut command = loader(Path::new(self.folder.path()));
        command.args(["v", what, "--server"]);
        command.arg(format!("127.0.0.1:{}", self.server.port()));
        command.args(options).output().expect("timeout")
    }
}

fn get(c: &mut Connection, key: &str, feature: &str) -> String {
    let reply = c.call(&["HGET", key, feature]);
    if reply.is_nil() {
        String::new()
    } else {
        reply.text()
    }
}

fn told(c: &mut Connection, name: &str) -> String {
    let status = c.line("FS.BATCH STATUS v");
    status.items()[0].entry(name).map(Value::text).expect(name)
}

#[test]
fn a_row_that_no_batch_can_hold_is_a_reject() {
    let store = Store::new("[view.v]\nentity = 'e'\nkey = 'e:{id}'\nfeature.a.type = 'string'\n");
    let long = "x".repeat(60_000);
    store.write("x.csv", &format!("id,a\n1,one\n2,{long}\n3,three\n"));
    let output = store.load("x.csv", &["--max-rejects", "1"]);
    let report = report(&output);
    let counts = [&report["rows"], &report["rejects"], &report["features"]];
    assert_eq!(counts, [3, 1, 2]);
    let rejects = rejects(&store.path("v.rejects.jsonl"));
    assert_eq!(rejects, ["1 - a row takes 49152 bytes at most"]);
    let mut c = store.server.connect();
    let values = ["e:1", "e:2", "e:3"].map(|key| get(&mut c, key, "a"));
    assert_eq!(values, ["one", "", "three"]);
    // One more than may be: nothing of it counts.
    store.write("x.csv", &format!("id,a\n1,two\n2,{long}\n"));
    let output = store.load("x.csv", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(get(&mut c, "e:1", "a"), "one");
}

#[test]
fn what_is_kept_although_its_next_batch_did_not_come_is_told_as_stale() {
    let store = Store::new(
        "[view.v]\nentity = 'e'\nkey = 'e:{id}'\nttl = '26h'\nevent_time = 'at'\n\
         on_missed = 'keep'\nfeature.a.type = 'int64'\n",
    );
    store.write(
        "x/ds=2020-01-01/f.csv",
        "id,at,a\n1,2020-01-01T00:00:00Z,7\n",
    );
    store.write(
        "x/ds=2999-01-01/f.csv",
        "id,at,a\n1,2999-01-01T00:00:00Z,8\n",
    );
    let mut c = store.server.connect();
    for (day, stale, value) in [("2020-01-01", "yes", "7"), ("2999-01-01", "no", "8")] {
        report(&store.load("x", &["--where", &format!("ds={day}"), "--any-time"]));
        assert_eq!(told(&mut c, "stale"), stale);
        assert_eq!(get(&mut c, "e:1", "a"), value);
        let facts: serde_json::Value = serde_json::from_str(&told(&mut c, "facts")).unwrap();
        assert_eq!(facts["where"], format!("ds={day}"));
    }
}

/// What has expired before it is there is told whatever way it goes, and where nothing else is left
/// the load is refused, before anything is sent.
#[test]
fn what_has_expired_is_counted_and_all_of_it_is_refused() {
    let view = "[view.v]\nentity = 'e'\nkey = 'e:{id}'\nevent_time = 'at'\nttl = '1h'\n\
                feature.a.type = 'string'\nfeature.b = { type = 'string', ttl = '900000h' }\n";
    let store = Store::new(view);
    store.write("views.toml", view);
    let to = format!("127.0.0.1:{}", store.server.port());
    let old = "2026-11-20T10:00:00Z";
    let ways = [
        &["--dry-run"][..],
        &["--views", "views.toml", "--to", &to],
        &["--allow-shrink"],
    ];
    for options in ways {
        store.write(
            "x.csv",
            &format!("id,at,a,b\n1,{old},x,\n2,{old},x,y\n3,{old},,y\n"),
        );
        let report = report(&store.load("x.csv", options));
        let counts = [&report["rows"], &report["expired_rows"], &report["empty"]];
        assert_eq!(counts, [3, 2, 0], "{options:?}");
        store.write(
            "x.csv",
            &format!("id,at,a,b\n1,{old},x,\n2,{old},x,\n3,{old},,\n"),
        );
        let output = store.load("x.csv", options);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{options:?}: {said}");
        let want = "of 3 rows 0 were rejected and 1 have no feature, and 2 have expired already";
        assert!(said.contains(want), "{options:?}: {said}");
    }
}
