//! What is published as a batch of a view: rows that no batch can hold are rejects, and the server
//! tells what is stale and where it came from.

use std::path::Path;
use std::process::Output;

use crate::redis_server::{loader, report};
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
