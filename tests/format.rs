//! storage-format.md, held against the program: `format/read.py` was written from the document
//! alone. `fixtures/format-1` is a directory as format 1 was first written; in
//! `fixtures/format-1-batches` are views and batches: one that was folded, two that are layers, two
//! that only the log publishes. The document's reader and the server must find the same in them,
//! for as long as the format is read.
//!
//! What a directory holds is compared as lines of JSON, one a key, as `format/read.py` prints
//! them; `fixtures/<name>.jsonl` is what the fixture holds.

#[path = "batches/export.rs"]
mod export;
mod support;

use export::Load;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Connection, Rng, Server};

const FIXTURES: [&str; 2] = ["format-1", "format-1-batches"];
const DATABASES: usize = 16;
/// Expiries are this late: the year 2100.
const FAR: usize = 4_102_444_800_000;

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        (name, std::fs::read(entry.path()).expect("read a file"))
    };
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(read).collect()
}

/// A copy of a fixture.
fn fixture(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = files(&tests().join("fixtures").join(name));
    assert!(files.len() > 50, "the fixture was not found");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("write a file");
    }
    folder
}

fn expected(fixture: &str) -> String {
    let path = tests().join(format!("fixtures/{fixture}.jsonl"));
    std::fs::read_to_string(path).expect("what it holds")
}

fn start(folder: &Path) -> Server {
    let folder = folder.to_str().expect("a path in UTF-8");
    Server::ours(&["--appendonly", "yes", "--dir", folder])
}

/// What the reader that was written from the document finds.
fn read_by_document(folder: &Path) -> String {
    let reader = tests().join("format/read.py");
    let output = Command::new("timeout")
        .args(["120", "python3"])
        .args([&reader, folder])
        .output()
        .expect("run python3");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    String::from_utf8(output.stdout).expect("ASCII")
}

/// What of it clients see.
fn of_clients(lines: &str) -> String {
    let lines = lines.lines().filter(|line| !line.starts_with("[254,"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Bytes as a string of JSON, each a character of Latin-1.
fn json(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', byte as char]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            8 => text.push_str("\\b"),
            12 => text.push_str("\\f"),
            b' '..=b'~' => text.push(byte as char),
            _ => text.push_str(&format!("\\u{byte:04x}")),
        }
    }
    text + "\""
}

fn json_time(time: i64) -> String {
    match time {
        -1 => "null".to_owned(),
        at => at.to_string(),
    }
}

/// What the server says it has.
fn read_by_server(server: &Server) -> String {
    let mut c = server.connect();
    let mut lines = String::new();
    for db in 0..DATABASES {
        c.call(&["SELECT", &db.to_string()]);
        let keys = c.line("KEYS *");
        let mut keys: Vec<&[u8]> = keys.items().iter().map(|key| key.bytes()).collect();
        keys.sort();
        for key in keys {
            let kind = c.call(&[b"TYPE", key]).text();
            let expires = json_time(c.call(&[b"PEXPIRETIME", key]).integer());
            let value = match kind.as_str() {
                "hash" => hash(&mut c, key),
                _ => json(c.call(&[b"GET", key]).bytes()),
            };
            let key = json(key);
            lines.push_str(&format!("[{db},{key},\"{kind}\",{expires},{value}]\n"));
        }
    }
    lines
}

fn hash(c: &mut Connection, key: &[u8]) -> String {
    let all = c.call(&[b"HGETALL", key]);
    let pairs = all.items().chunks(2);
    let fields: BTreeMap<&[u8], &[u8]> = pairs.map(|p| (p[0].bytes(), p[1].bytes())).collect();
    let count = fields.len().to_string();
    let mut request = vec![b"HPEXPIRETIME", key, b"FIELDS", count.as_bytes()];
    request.extend(fields.keys().copied());
    let times = c.call(&request);
    let field = |((name, value), time): ((&&[u8], &&[u8]), &support::Value)| {
        let (name, value) = (json(name), json(value));
        format!("{name}:[{value},{}]", json_time(time.integer()))
    };
    let fields: Vec<String> = fields.iter().zip(times.items()).map(field).collect();
    format!("{{{}}}", fields.join(","))
}

/// Lines may be long: only the first that differ are shown, and not all of them.
fn assert_same(found: &str, expected: &str, what: &str) {
    let short = |line: Option<&str>| line.map(|l| l.chars().take(300).collect::<String>());
    let (mut found, mut expected) = (found.lines(), expected.lines());
    loop {
        let pair = (found.next(), expected.next());
        if pair == (None, None) {
            return;
        }
        let differ = || format!("{what}: {:?}\n not {:?}", short(pair.0), short(pair.1));
        assert!(pair.0 == pair.1, "{}", differ());
    }
}

#[test]
fn the_first_format_is_read() {
    for name in FIXTURES {
        let folder = fixture(name);
        let server = start(folder.path());
        let expected = of_clients(&expected(name));
        assert_same(&read_by_server(&server), &expected, "the server has");
        // And it goes on in it: a checkpoint on top, another start.
        let mut c = server.connect();
        c.line("HSET user:0 age 77");
        assert_eq!(c.line("SAVE").text(), "OK");
        let before = read_by_server(&server);
        drop(server);
        let server = start(folder.path());
        assert_same(&read_by_server(&server), &before, "after another start");
    }
}

#[test]
fn the_document_says_how_to_read_it() {
    for name in FIXTURES {
        let found = read_by_document(&tests().join("fixtures").join(name));
        assert_same(&found, &expected(name), "the reader finds");
    }
}

/// A damaged byte anywhere that counts is seen: a reader that checks nothing proves nothing.
#[test]
fn the_reader_verifies_what_it_reads() {
    let name = "format-1-batches";
    let (folder, expected) = (fixture(name), expected(name));
    let of = |start: &str| {
        let mut names = files(folder.path()).into_iter();
        names.rfind(|(name, _)| name.starts_with(start))
    };
    for start in ["MANIFEST", "catalog", "rows", "batch"] {
        let (name, mut bytes) = of(start).expect("a file of this name");
        let path = folder.path().join(&name);
        let whole = bytes.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes).expect("damage a file");
        let reader = tests().join("format/read.py");
        let output = Command::new("python3")
            .args([&reader, folder.path()])
            .output()
            .expect("run python3");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("wrong: "), "{name}: {said}");
        assert!(!output.status.success(), "{name} was read");
        std::fs::write(&path, whole).expect("repair a file");
    }
    assert_same(&read_by_document(folder.path()), &expected, "repaired");
}

/// One of the commands of a random mix; names and values are few, so that they meet.
fn command(rng: &mut Rng) -> Vec<Vec<u8>> {
    let key = match rng.below(20) {
        0 => "big".to_owned(),
        1..4 => format!("s{}", rng.below(60)),
        n => format!("h{}", n * 20 + rng.below(20)),
    };
    let field = match key.as_str() {
        "big" => format!("field:{}", rng.below(900)),
        _ => format!("f{}", rng.below(9)),
    };
    let at = (FAR + rng.below(1 << 33)).to_string();
    let value = match rng.below(6) {
        0 => rng.below(1 << 20).to_string(),
        1 => format!("-{}.{}e+{}", rng.below(10), rng.next(), rng.below(99)),
        2 => ["Germany", "Austria", "Switzerland", ""][rng.below(4)].to_owned(),
        3 => "x".repeat(rng.below(2000)),
        4 => format!("{:016x}", rng.next()),
        _ => rng.below(100).to_string(),
    };
    let one = rng.below(14).to_string();
    let (k, f, v) = (key.as_str(), field.as_str(), value.as_str());
    let words: Vec<&str> = match rng.below(20) {
        _ if k.starts_with('s') => match rng.below(6) {
            0 | 1 => vec!["SET", k, v],
            2 => vec!["SET", k, v, "PXAT", &at],
            3 => vec!["APPEND", k, v],
            4 => vec!["SETRANGE", k, &one, "more"],
            _ => vec!["DEL", k],
        },
        0..8 => vec!["HSET", k, f, v, "age", &one, "country", v],
        8..12 => vec!["HSET", k, f, v],
        12 => vec!["HDEL", k, f, "age"],
        13 | 14 => vec!["HPEXPIREAT", k, &at, "FIELDS", "2", f, "country"],
        15 => vec!["HPERSIST", k, "FIELDS", "1", f],
        16 => vec!["HSETEX", k, "KEEPTTL", "FIELDS", "1", f, v],
        17 => vec!["PEXPIREAT", k, &at],
        18 if k == "big" => vec!["PERSIST", k],
        18 => vec!["DEL", k],
        _ => vec!["HINCRBY", k, "counter", &one],
    };
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn change(c: &mut Connection, rng: &mut Rng, count: usize) {
    let (mut requests, mut replies) = (Vec::new(), 0);
    for _ in 0..count {
        let many = if rng.percent(3) { 5 } else { 1 };
        if many > 1 {
            requests.extend(support::encode(&["MULTI"]));
        }
        for _ in 0..many {
            requests.extend(support::encode(&command(rng)));
        }
        if many > 1 {
            requests.extend(support::encode(&["EXEC"]));
            replies += 2;
        }
        replies += many;
    }
    c.send_and_read(&requests, replies).expect("replies");
}

/// A directory of today: checkpoints large and small, whole databases moved, a log on top.
fn grow(server: &Server, seed: u64) {
    let mut rng = Rng::new(seed);
    let mut c = server.connect();
    c.call(&["FS.VIEW", "APPLY", VIEWS]);
    // So much that batches are small against it, and no layer is folded by itself.
    let filler = "f".repeat(300_000);
    for n in 0..10 {
        c.call(&["SET", &format!("filler:{n}"), &filler]);
    }
    for n in 0..1500 {
        c.call(&["HSET", "big", &format!("field:{n}"), &format!("{n:050}")]);
    }
    // The hash has a path of its own for each range of lengths.
    for length in 0..250u8 {
        let name: String = (0..length).map(|n| (b'a' + n % 23) as char).collect();
        c.call(&["SET", &name, "of this length"]);
    }
    for (round, count) in [6000, 150, 40, 2000, 30, 300].into_iter().enumerate() {
        if round == 3 {
            c.line("SWAPDB 0 1");
            change(&mut c, &mut rng, 500);
            c.line("SELECT 2");
            change(&mut c, &mut rng, 500);
            c.line("FLUSHDB");
            c.line("SELECT 0");
        }
        change(&mut c, &mut rng, count);
        if round < 5 {
            assert_eq!(c.line("SAVE").text(), "OK");
        }
        LOADS
            .iter()
            .for_each(|load| publish(&mut c, load, &mut rng));
        if round == 2 {
            fold(&mut c);
        }
    }
    change(&mut c, &mut rng, 100);
    assert!(!c.line("FS.BATCH ROLLBACK many").is_error());
    change(&mut c, &mut rng, 20);
    c.line("SWAPDB 3 0");
}

/// Of keys and features that the random mix changes too.
const VIEWS: &str = r#"
view.many.entity = "h"
view.many.key = "h{id}"
view.many.feature = { f0.type = "bytes", f1.type = "bytes", country.type = "bytes" }
view.few = { entity = "s", key = "s{id}", feature.g.type = "bytes" }
view.large.entity = "b"
view.large.key = "b{rest}"
view.large.feature = { "field:5".type = "bytes", "field:6".type = "bytes" }
"#;

const LOADS: [Load<'_>; 3] = [
    Load {
        view: "many",
        key: "h{id}",
        replace: true,
        features: &["f0", "f1", "country"],
    },
    Load {
        view: "few",
        key: "s{id}",
        replace: false,
        features: &["g"],
    },
    Load {
        view: "large",
        key: "b{rest}",
        replace: true,
        features: &["field:5", "field:6"],
    },
];

fn publish(c: &mut Connection, load: &Load<'_>, rng: &mut Rng) {
    let begin_of_keys = load.key.split('{').next().expect("a template");
    let mut rows = Vec::new();
    for n in 0..100 {
        let key = match begin_of_keys {
            "b" if n == 0 => "big".to_owned(),
            "b" => continue,
            begin => format!("{begin}{}", rng.below(400)),
        };
        let mut values: Vec<Option<String>> = Vec::new();
        for _ in load.features {
            let value = format!("{}.{}", rng.below(30), rng.below(100));
            values.push(rng.percent(70).then_some(value));
        }
        if values.iter().all(Option::is_none) {
            values[0] = Some("Germany".to_owned());
        }
        rows.push((key, values));
    }
    let at = (FAR + rng.below(1 << 33)) as u64;
    let published = match rng.percent(50) {
        true => load.publish(c, &rows),
        false => load.publish_with(c, &rows, Some(at)),
    };
    assert!(!published.is_error(), "{published:?}");
}

fn fold(c: &mut Connection) {
    c.line("CONFIG SET batch-layers 0");
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let status = c.line("FS.BATCH STATUS");
        let folded = |one: &support::Value| one.entry("folded").map(|v| v.text());
        if status
            .items()
            .iter()
            .all(|one| folded(one).as_deref() == Some("yes"))
        {
            break;
        }
        assert!(std::time::Instant::now() < end, "not folded: {status:?}");
        std::thread::yield_now();
    }
    c.line("CONFIG SET batch-layers 64");
}

#[test]
fn what_is_written_today_is_what_the_document_says() {
    for seed in 1..=2 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = start(folder.path());
        grow(&server, seed);
        let before = read_by_server(&server);
        assert!(before.lines().count() > 150, "there is something to read");
        // Killed: nothing is tidied up.
        drop(server);
        let manifest = std::fs::read_to_string(folder.path().join("MANIFEST"));
        let manifest = manifest.expect("a manifest");
        assert!(manifest.contains("\nlayer "), "seed {seed}: no layer");
        let stacked = |line: &str| line.split(' ').count() > 2 && !line.starts_with("field");
        assert!(
            manifest.lines().any(stacked),
            "seed {seed}: no shard with two files"
        );
        let found = read_by_document(folder.path());
        let server = start(folder.path());
        let after = read_by_server(&server);
        assert_same(&after, &before, &format!("seed {seed}: after a restart"));
        let found = of_clients(&found);
        assert_same(&found, &after, &format!("seed {seed}: the reader finds"));
    }
}

/// Views are in the database of the server, which no client sees, in files and in the log.
#[test]
fn views_are_where_the_document_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = start(folder.path());
    let mut c = server.connect();
    let view = |name: &str| {
        format!("[view.{name}]\nentity='e'\nkey='{name}:{{k}}'\nfeature.f={{type='bool'}}")
    };
    for name in ["a", "b"] {
        assert!(!c.call(&["FS.VIEW", "APPLY", &view(name)]).is_error());
    }
    assert_eq!(c.line("SAVE").text(), "OK");
    assert!(!c.line("FS.VIEW DROP b AUTHOR ann").is_error());
    c.line("HSET a:1 f 1");
    c.line("FLUSHALL");
    drop(server);
    let found = read_by_document(folder.path());
    let lines: Vec<&str> = found.lines().collect();
    let [a, b] = lines[..] else {
        panic!("{found}");
    };
    assert!(
        a.starts_with(r#"[254,"view:a","hash",null,{"current":["1",null],"v1""#),
        "{a}"
    );
    assert!(
        a.contains(r#"\"text\":\"[view.a]\\n"#) && a.contains("type = "),
        "{a}"
    );
    assert!(b.starts_with(r#"[254,"view:b","hash",null,{"v1":["#), "{b}");
    assert!(b.contains(r#"\"author\":\"ann\",\"text\":null"#), "{b}");
}

/// What a later version wrote, and what is none of ours, is said and left as it is.
#[test]
fn other_formats_are_refused_and_left_alone() {
    for (manifest, reason) in [
        (None, "format is 2"),
        (Some("a list of files and their sizes\n"), "no manifest"),
    ] {
        let folder = fixture("format-1");
        let path = folder.path().join("MANIFEST");
        let later = || {
            let text = std::fs::read_to_string(&path).expect("a manifest");
            text.replacen("format 1", "format 2", 1)
        };
        let manifest = manifest.map_or_else(later, str::to_owned);
        std::fs::write(&path, manifest).expect("write a manifest");
        if reason == "no manifest" {
            // A directory that was never ours has none.
            std::fs::remove_file(folder.path().join("LOCK")).expect("remove the lock");
        }
        let before = files(folder.path());
        let output = Command::new("timeout")
            .args(["60", env!("CARGO_BIN_EXE_fieldstone"), "serve"])
            .args(["--port", "0", "--appendonly", "yes", "--dir"])
            .arg(folder.path())
            .output()
            .expect("run the program");
        let said = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        assert!(!matches!(code, Some(0 | 124) | None), "{code:?}: {said}");
        assert!(said.contains("MANIFEST"), "no file is named: {said}");
        assert!(said.contains(reason), "{said}");
        assert!(files(folder.path()) == before, "the directory was changed");
    }
}
