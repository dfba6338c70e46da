//! `fieldstone check` on directories that a real server filled and was killed over: what is fine is
//! called so, each kind of damage is told of with the name of its file, nothing is changed unasked,
//! and a log that is cut loses nothing but what is said.

#[path = "batches/export.rs"]
mod export;
mod support;

use export::{Begun, Load, begin};
use fieldstone::checkpoint::Manifest;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Connection, Server, display};

/// Keys of a run of the server.
const KEYS: usize = 60;
const BIG_FIELDS: usize = 700;
/// Hashes of the same shape: there is a catalog.
const ALIKE: usize = 10;
/// The LSN up to which all is in files.
const SAVED: usize = KEYS + ALIKE + 2;
/// The last one.
const LAST: usize = SAVED + KEYS + 6;

struct Data {
    folder: tempfile::TempDir,
}

struct Said {
    code: i32,
    text: String,
}

impl Data {
    fn new() -> Data {
        let folder = tempfile::tempdir().expect("a folder");
        Data { folder }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    fn start(&self, policy: &str) -> Server {
        let dir = self.dir();
        let dir = dir.to_str().expect("a path in UTF-8");
        let log = ["--dir", dir, "--appendonly", "yes", "--appendfsync", policy];
        Server::ours(&[&log[..], &["--io-threads", "1"]].concat())
    }

    /// Let a server do something, and kill it.
    fn run<T>(&self, policy: &str, work: impl FnOnce(&mut Connection) -> T) -> T {
        let mut server = self.start(policy);
        let answer = work(&mut server.connect());
        let kill = Command::new("kill")
            .args(["-9", &server.pid().to_string()])
            .status();
        assert!(kill.expect("run kill").success());
        server.exit_status();
        answer
    }

    fn check(&self, options: &[&str]) -> Said {
        check(&self.dir(), options)
    }

    /// Every file but those of folders, by name.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(self.dir()).expect("a directory") {
            let entry = entry.expect("an entry");
            if entry.path().is_file() {
                let bytes = std::fs::read(entry.path()).expect("a file");
                files.insert(entry.file_name().into_string().expect("UTF-8"), bytes);
            }
        }
        files
    }

    fn edit(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::fs::read(self.path(name)).expect("a file");
        edit(&mut bytes);
        std::fs::write(self.path(name), bytes).expect("write");
    }

    /// The first file whose name begins so.
    fn first(&self, prefix: &str) -> String {
        let mut names = self.files().into_keys();
        let found = names.find(|name| name.starts_with(prefix));
        found.unwrap_or_else(|| panic!("no {prefix}"))
    }
}

fn check(dir: &Path, options: &[&str]) -> Said {
    let output = Command::new("timeout")
        .args(["120", env!("CARGO_BIN_EXE_fieldstone"), "check"])
        .args(options)
        .arg(dir)
        .output()
        .expect("run the program");
    let text = [output.stdout, output.stderr].concat();
    Said {
        code: output.status.code().expect("an exit code"),
        text: String::from_utf8(text).expect("UTF-8"),
    }
}

/// Give the first big hash of a file of rows another id, in its row too, with checksums that are
/// right.
fn renumber(bytes: &mut [u8], key: &str, id: u32) {
    let trailer = bytes.len() - 64;
    let long = |bytes: &[u8], at: usize| {
        u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes")) as usize
    };
    let (directory, checksums) = (long(bytes, trailer + 32), long(bytes, trailer + 40));
    // Behind: tables, database, keys, those that expire, section, big hashes.
    let listed = directory + 4 + 4 + 16 + 60 + 4;
    let row = [&[3, key.len() as u8], key.as_bytes(), &[0; 4]].concat();
    let rows = bytes.windows(row.len()).position(|window| *window == row);
    let in_row = rows.expect("a row of a big hash") + row.len() - 4;
    for at in [listed, in_row] {
        assert_eq!(bytes[at..at + 4], [0; 4], "the first id at {at}");
        bytes[at..at + 4].copy_from_slice(&id.to_le_bytes());
    }
    let sums: Vec<u32> = bytes[..checksums]
        .chunks(65536)
        .map(crc32fast::hash)
        .collect();
    for (n, sum) in sums.into_iter().enumerate() {
        bytes[checksums + 4 * n..][..4].copy_from_slice(&sum.to_le_bytes());
    }
    let crc = crc32fast::hash(&bytes[checksums..trailer]);
    bytes[trailer + 56..trailer + 60].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32fast::hash(&bytes[trailer..trailer + 60]);
    bytes[trailer + 60..].copy_from_slice(&crc.to_le_bytes());
}

/// An id can be the last that is left of many: it is right, and takes no room for all those.
#[test]
fn a_large_id_takes_no_more_memory_than_a_small_one() {
    /// KiB of address space; this check takes about a third of it.
    const LIMIT: &str = "150000";
    let data = filled("no");
    let rows = data.files().into_iter();
    let mut rows = rows.filter(|(name, _)| name.starts_with("rows-"));
    let has_big = |bytes: &[u8]| bytes.windows(6).any(|window| window == b"field7");
    let (name, _) = rows.find(|(_, bytes)| has_big(bytes)).expect("a big hash");
    data.edit(&name, |bytes| renumber(bytes, "big", 1 << 24));
    let script = "ulimit -v $0 && exec timeout 120 \"$@\"";
    let output = Command::new("sh")
        .args([
            "-c",
            script,
            LIMIT,
            env!("CARGO_BIN_EXE_fieldstone"),
            "check",
        ])
        .args(["--key", "big"])
        .arg(data.dir())
        .output()
        .expect("run the program");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert!(
        said.contains(&format!("hash of {BIG_FIELDS} fields")),
        "{said}"
    );
}

fn set(c: &mut Connection, run: usize) {
    for n in 0..KEYS {
        let reply = c.line(&format!("SET run{run}:{n} value{n}"));
        assert!(!reply.is_error(), "{}", reply.text());
    }
}

/// A directory with all there is: files, more changes behind them, two databases.
fn filled(policy: &str) -> Data {
    let data = Data::new();
    data.run(policy, |c| {
        set(c, 1);
        c.line("HSET h a 1 b two");
        let big: Vec<String> = (0..BIG_FIELDS).map(|n| format!("field{n} {n}")).collect();
        c.line(&format!("HSET big {}", big.join(" ")));
        for n in 0..ALIKE {
            c.line(&format!("HSET alike{n} x {n} y 1"));
        }
        assert_eq!(c.line("SAVE").text(), "OK");
        set(c, 2);
        c.line("DEL run1:0");
        c.line("HPEXPIREAT h 4102444800123 FIELDS 1 a");
        c.call(&["HSET", "h", "odd \"name\"", "\r\n\\\u{1}"]);
        c.line("PEXPIREAT h 4102444800456");
        c.line("HSET big field7 changed");
        c.line("SELECT 3");
        c.line("SET 7:s in-3");
    });
    data
}

/// Where the record of an LSN begins in a segment.
fn record(bytes: &[u8], lsn: u64) -> usize {
    let mut at = 64;
    loop {
        let found = u64::from_le_bytes(bytes[at + 8..at + 16].try_into().expect("8 bytes"));
        if found == lsn {
            return at;
        }
        assert!((1..lsn).contains(&found), "LSN {found} before {lsn}");
        let len = u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        at += (24 + len as usize).next_multiple_of(8);
    }
}

#[test]
fn what_a_killed_server_leaves_is_fine() {
    let data = filled("everysec");
    let before = data.files();
    let rows: Vec<&Vec<u8>> = before
        .iter()
        .filter(|(name, _)| name.starts_with("rows-"))
        .map(|(_, bytes)| bytes)
        .collect();
    let said = data.check(&[]);
    assert_eq!(said.code, 0, "{}", said.text);
    let bytes: usize = rows.iter().map(|bytes| bytes.len()).sum();
    let (files, changes) = (rows.len(), LAST - SAVED);
    let in_0 = 2 * KEYS + ALIKE + 1;
    for line in [
        format!("rows       {files} files, {bytes} bytes, {SAVED} rows\n"),
        format!(" {changes} changes behind those in files, up to LSN {LAST}\n"),
        format!(
            "keys       {} (database 0: {in_0}, database 3: 1)\n",
            in_0 + 1
        ),
        format!(" in files up to LSN {SAVED} to {SAVED}\n"),
    ] {
        assert!(said.text.contains(&line), "{line}: {}", said.text);
    }
    assert!(!said.text.contains("left over"), "{}", said.text);
    // What nobody names is told of, and is no error.
    std::fs::write(data.path("rows-000000009999"), "half").expect("write");
    let said = data.check(&[]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(
        said.text.contains("left over  rows-000000009999\n"),
        "{}",
        said.text
    );
    std::fs::remove_file(data.path("rows-000000009999")).expect("remove");
    // Nothing to repair; and nothing was changed by any of this.
    let said = data.check(&["--repair-log"]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(
        said.text
            .contains("Nothing was changed: the log has no damage"),
        "{}",
        said.text
    );
    assert!(data.files() == before, "a file was changed");
}

#[test]
fn a_directory_that_cannot_be_looked_at() {
    let data = Data::new();
    let said = data.check(&[]);
    assert!(
        said.code == 2 && said.text.contains("No such file"),
        "{}",
        said.text
    );
    assert!(!data.dir().exists(), "it was made");
    let said = check(data.folder.path(), &[]);
    assert!(
        said.code == 2 && said.text.contains("no data directory"),
        "{}",
        said.text
    );
    assert_eq!(
        std::fs::read_dir(data.folder.path()).expect("list").count(),
        0
    );
    let server = data.start("no");
    for options in [&[][..], &["--manifest"], &["--key", "a"], &["--repair-log"]] {
        let said = data.check(options);
        assert_eq!(said.code, 2, "{}", said.text);
        assert!(
            said.text.contains("another server is using"),
            "{}",
            said.text
        );
    }
    server.assert_serving();
}

fn shown(data: &Data, key: &str) -> String {
    let said = data.check(&["--key", key]);
    assert_eq!(said.code, 0, "{}", said.text);
    said.text
}

#[test]
fn a_key_is_shown_as_a_server_would() {
    let data = filled("no");
    let texts = [shown(&data, "h"), shown(&data, "big")];
    let server = data.start("no");
    let mut c = server.connect();
    for (key, text) in ["h", "big"].iter().zip(&texts) {
        let mut expected = Vec::new();
        for pair in c.call(&["HGETALL", key]).items().chunks(2) {
            let expiry = c.call(&[
                &b"HPEXPIRETIME"[..],
                key.as_bytes(),
                b"FIELDS",
                b"1",
                pair[0].bytes(),
            ]);
            let expiry = match expiry.items()[0].integer() {
                -1 => String::new(),
                at => format!(" expires {at}"),
            };
            let (name, value) = (display(pair[0].bytes()), display(pair[1].bytes()));
            expected.push(format!("  \"{name}\" \"{value}\"{expiry}"));
        }
        let mut fields: Vec<&str> = text.lines().filter(|l| l.starts_with("  ")).collect();
        fields.sort_unstable();
        expected.sort_unstable();
        assert_eq!(fields, expected);
    }
    let [small, big] = &texts;
    assert!(
        small.contains("\ntype: hash of 3 fields expires 4102444800456\n"),
        "{small}"
    );
    assert!(small.contains(": has its row\n"), "{small}");
    assert!(
        small.contains(&format!(
            "log: 3 changes of it, the last is LSN {}\n",
            LAST - 2
        )),
        "{small}"
    );
    assert!(
        big.contains(&format!("has its row, {BIG_FIELDS} of its fields\n")),
        "{big}"
    );
    drop(server);
    // After the server the files are others.
    let other = shown(&data, "3:7:s");
    assert!(
        other.contains("database: 3\n") && other.contains("value: \"in-3\"\n"),
        "{other}"
    );
    assert!(shown(&data, "run1:0").contains("type: none\n"));
    assert!(shown(&data, "0:run1:1").contains("value: \"value1\"\n"));
}

#[test]
fn the_manifest_is_shown_without_its_seed() {
    let data = filled("no");
    let manifest = std::fs::read(data.path("MANIFEST")).expect("a manifest");
    let manifest = Manifest::read(&manifest).expect("a manifest");
    let seed = format!("{:016x}", manifest.seed);
    let said = data.check(&["--manifest"]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(said.text.contains("seed: (hidden)\n") && !said.text.contains(&seed));
    for number in manifest.files() {
        let name = format!("rows-{number:012}");
        let bytes = std::fs::metadata(data.path(&name)).expect("a file").len();
        let line = format!("  {name}, {bytes} bytes, LSN {SAVED}\n");
        assert!(said.text.contains(&line), "{line}: {}", said.text);
    }
    let said = data.check(&["--manifest", "--seed"]);
    assert!(said.text.contains(&format!("seed: {seed}\n")));
}

/// What each damage of one file must be told as.
#[test]
fn every_damage_is_told_of() {
    let data = filled("always");
    let (rows, catalog, log) = (
        data.first("rows-"),
        data.first("catalog-"),
        data.first("wal-"),
    );
    let before = data.files();
    let end = before[&rows].len();
    let behind = record(&before[&log], KEYS as u64 + 20);
    // No record is behind the last one: a start takes it for torn.
    let cases: &[(&str, usize, &str)] = &[
        ("MANIFEST", 60, "it does not match its checksum"),
        (&catalog, 20, "its checksum is wrong"),
        (&rows, 9, "the 64 KiB at byte 0 do not match"),
        (&rows, 70, "the 64 KiB at byte 0 do not match"),
        (&rows, end - 65, "its checksums do not match"),
        (&rows, end - 30, "its trailer does not match"),
        (
            &log,
            behind + 30,
            &format!("no whole record of LSN {} at byte {behind}", KEYS + 20),
        ),
    ];
    for (file, at, what) in cases {
        data.edit(file, |bytes| bytes[*at] ^= 1);
        told(&data, file, what);
        std::fs::write(data.path(file), &before[*file]).expect("write");
    }
    data.edit("MANIFEST", |bytes| {
        let text = String::from_utf8_lossy(bytes).replace("format 1", "format 2");
        *bytes = text.into_bytes();
    });
    told(&data, "MANIFEST", "its format is 2");
    std::fs::write(data.path("MANIFEST"), &before["MANIFEST"]).expect("write");
    for (file, named) in [
        (&rows[..], &rows[..]),
        (&catalog, &catalog),
        (&log, "the log"),
        ("MANIFEST", "MANIFEST"),
    ] {
        std::fs::remove_file(data.path(file)).expect("remove");
        told(&data, named, "");
        std::fs::write(data.path(file), &before[file]).expect("write");
    }
    // Two at once are both told of; and a file in the place of another is.
    data.edit(&catalog, |bytes| bytes[20] ^= 1);
    data.edit(&rows, |bytes| bytes.truncate(100));
    told(&data, &catalog, "");
    told(&data, &rows, "its end is missing (it has 100 bytes");
    std::fs::write(data.path(&catalog), &before[&catalog]).expect("write");
    let other = before
        .keys()
        .filter(|name| name.starts_with("rows-"))
        .nth(1);
    let other = other.expect("a second file");
    std::fs::write(data.path(&rows), &before[other]).expect("write");
    told(&data, &rows, "it says that it is file");
    std::fs::write(data.path(&rows), &before[&rows]).expect("write");
    assert!(data.files() == before, "a file was changed");
    assert_eq!(data.check(&[]).code, 0);
}

fn told(data: &Data, file: &str, what: &str) {
    told_as("DAMAGED", 1, data, file, what);
}

/// Something that costs nothing.
fn noted(data: &Data, file: &str, what: &str) {
    told_as("note", 0, data, file, what);
}

fn told_as(grade: &str, code: i32, data: &Data, file: &str, what: &str) {
    let said = data.check(&[]);
    let line = said
        .text
        .lines()
        .find(|line| line.starts_with(&format!("{grade}: {file}: ")) && line.contains(what));
    assert!(
        line.is_some() && said.code == code,
        "{file}: {what}: {}",
        said.text
    );
}

/// Nothing says that it was synced; but whole records are behind it. That is what a loss of power
/// may leave: check, repair and a start all say so.
#[test]
fn a_hole_above_the_promise_is_told_of() {
    let data = filled("no");
    let log = data.first("wal-");
    let lsn = KEYS as u64 + 20;
    data.edit(&log, |bytes| {
        let at = record(bytes, lsn);
        bytes[at + 26] ^= 1;
    });
    let hole = format!("no whole record of LSN {lsn} at byte");
    noted(&data, &log, &hole);
    noted(&data, &log, "nothing says that they were synced");
    // A start passes over it: there is nothing to repair.
    let said = data.check(&["--repair-log"]);
    assert!(
        said.code == 0 && said.text.contains("Nothing was changed"),
        "{}",
        said.text
    );
    data.run("no", |c| assert!(c.line("GET run2:59").is_nil()));
    assert_eq!(data.check(&[]).code, 0, "{}", data.check(&[]).text);
}

/// A change that files hold is damaged in the log: nothing is lost, now or later.
#[test]
fn damage_below_the_files_costs_nothing() {
    let data = Data::new();
    data.run("always", |c| {
        set(c, 1);
        assert_eq!(c.line("SAVE").text(), "OK");
    });
    let log = data.first("wal-");
    data.edit(&log, |bytes| {
        let at = record(bytes, 30);
        bytes[at + 26] ^= 1;
    });
    noted(&data, &log, "the log ends at LSN 29");
    noted(&data, &log, "nothing is lost");
    for run in 2..5 {
        data.run("always", |c| {
            assert_eq!(c.line("DBSIZE").integer(), (run - 1) * KEYS as i64);
            set(c, run as usize);
        });
    }
    let said = data.check(&[]);
    assert_eq!(said.code, 0, "{}", said.text);
}

#[test]
fn a_damaged_log_is_cut() {
    let data = filled("always");
    data.run("always", |c| set(c, 3));
    let of_run_3 = data
        .files()
        .into_keys()
        .rfind(|name| name.starts_with("wal-") && data_in(&data, name));
    let damaged = of_run_3.expect("a segment");
    data.run("always", |c| set(c, 4));
    // The first of run 3 is the one behind those of run 2.
    let first = LAST as u64 + 1;
    let lost = first + 10;
    let mut at = 0;
    data.edit(&damaged, |bytes| {
        at = record(bytes, lost);
        bytes[at + 25] ^= 1;
    });
    let before = data.files();
    told(
        &data,
        &damaged,
        &format!("no whole record of LSN {lost} at byte {at}"),
    );
    let said = data.check(&[]);
    assert!(said.text.contains("DAMAGED in 1 place\n"), "{}", said.text);
    // Files that go beyond the cut: it must not be made.
    data.edit("MANIFEST", |bytes| {
        let mut manifest = Manifest::read(bytes).expect("a manifest");
        manifest.shards[0].lsn = lost;
        *bytes = manifest.text().into_bytes();
    });
    let said = data.check(&["--repair-log"]);
    assert!(
        said.code == 1 && said.text.contains("Nothing was changed"),
        "{}",
        said.text
    );
    std::fs::write(data.path("MANIFEST"), &before["MANIFEST"]).expect("write");
    assert!(data.files() == before, "a file was changed");

    let said = data.check(&["--repair-log"]);
    assert_eq!(said.code, 0, "{}", said.text);
    let last = first + 2 * KEYS as u64 - 1;
    let line = format!("The log ends before LSN {lost} now. Lost: LSN {lost} to {last} at most");
    assert!(said.text.contains(&line), "{}", said.text);
    assert_kept(&data, &damaged, &before);
    for _ in 0..2 {
        assert_eq!(data.check(&[]).code, 0);
        data.run("always", |c| {
            assert_eq!(c.line("GET run3:9").text(), "value9");
            assert!(c.line("GET run3:10").is_nil() && c.line("GET run4:0").is_nil());
            assert_eq!(c.line("DBSIZE").integer(), (2 * KEYS + ALIKE + 11) as i64);
            assert_eq!(c.line("HGET big field7").text(), "changed");
            c.line("SET run3:9 value9");
        });
    }
}

/// Whether there is a record in a segment.
fn data_in(data: &Data, name: &str) -> bool {
    let bytes = std::fs::read(data.path(name)).expect("a segment");
    bytes[64..88].iter().any(|byte| *byte != 0)
}

/// All segments from this one on are in the folder, byte for byte.
fn assert_kept(data: &Data, from: &str, before: &BTreeMap<String, Vec<u8>>) {
    let folders = std::fs::read_dir(data.dir()).expect("list");
    let mut folders = folders.map(|entry| entry.expect("an entry").path());
    let folder = folders.find(|path| path.is_dir()).expect("a folder");
    let mut kept = 0;
    for (name, bytes) in before {
        if name.starts_with("wal-") && &name[..] >= from {
            let found = std::fs::read(folder.join(name)).expect(name);
            assert!(found == *bytes, "{name} is not as it was");
            kept += 1;
        }
    }
    assert!(kept >= 2, "{kept} segments kept");
    assert_eq!(std::fs::read_dir(folder).expect("list").count(), kept);
}

const VIEWS: &str = r#"
view.a = { entity = "user", key = "u:{id}", feature.x.type = "int64", feature.y.type = "string" }
view.b = { entity = "user", key = "u:{id}", feature.z.type = "int64" }
"#;

const A: Load<'_> = Load {
    view: "a",
    key: "u:{id}",
    replace: true,
    features: &["x", "y"],
};

const B: Load<'_> = Load {
    view: "b",
    key: "u:{id}",
    replace: false,
    features: &["z"],
};

type Rows = Vec<(String, Vec<Option<String>>)>;

fn rows(users: std::ops::Range<usize>, version: usize, features: usize) -> Rows {
    let row = |n: usize| {
        let value = Some((n * version).to_string());
        (format!("u:{n}"), vec![value; features])
    };
    users.map(row).collect()
}

fn name_of(number: i64) -> String {
    format!("batch-{number:012}")
}

/// The files of batches by what needs them.
struct Batches {
    data: Data,
    /// The layer of the manifest.
    layer: String,
    /// Published by the log alone.
    logged: String,
    /// A version that another one took the place of.
    former: String,
    seed: u64,
    shards: usize,
}

/// Rows, and above them a layer, and above that what only the log publishes.
fn with_batches() -> Batches {
    let data = Data::new();
    let mut numbers = Vec::new();
    let (seed, shards) = data.run("no", |c| {
        assert!(!c.call(&["FS.VIEW", "APPLY", VIEWS]).is_error());
        // So much that no layer is folded by itself.
        for n in 0..8 {
            c.call(&["SET", &format!("filler{n}"), &"f".repeat(200_000)]);
        }
        c.line("HSET u:1 x 1 live yes");
        assert_eq!(c.line("SAVE").text(), "OK");
        let mut publish = |c: &mut Connection, load: &Load<'_>, rows: &Rows| {
            let published = load.publish(c, rows);
            let number = published.entry("number");
            numbers.push(number.unwrap_or_else(|| panic!("{published:?}")).integer());
        };
        publish(c, &A, &rows(0..50, 1, 2));
        publish(c, &B, &rows(20..60, 1, 1));
        c.line("HSET u:2 z 0");
        publish(c, &A, &rows(10..70, 2, 2));
        assert_eq!(c.line("SAVE").text(), "OK");
        publish(c, &B, &rows(60..80, 1, 1));
        let begun = begin(c, "a");
        (begun.seed, begun.shards)
    });
    // As a server leaves it that is killed while it is loaded.
    std::fs::write(data.path(&name_of(5)), "FSROW001").expect("write");
    Batches {
        data,
        layer: name_of(numbers[2]),
        logged: name_of(numbers[3]),
        former: name_of(numbers[0]),
        seed,
        shards,
    }
}

#[test]
fn batches_are_shown_and_what_nothing_needs_is_left_over() {
    // A shard that has a change of its own takes layers up when it is written: not those of these
    // keys, if the seed is right.
    let is_layered = |batches: &Batches| {
        let of = |key| shown(&batches.data, key).contains(&batches.layer);
        of("u:30") && of("u:1")
    };
    let Batches {
        data,
        layer,
        logged,
        former,
        ..
    } = std::iter::repeat_with(with_batches)
        .take(5)
        .find(is_layered)
        .expect("one of five seeds is right");
    let before = data.files();
    let said = data.check(&[]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(
        said.text.contains(" 170 rows; 2 of them layers\n"),
        "{}",
        said.text
    );
    assert!(
        said.text
            .contains("80 (database 0: 80); 4 more say of views and batches"),
        "{}",
        said.text
    );
    // Begun, and never ended.
    let orphan = name_of(5);
    assert!(
        said.text.contains(&format!("left over  {orphan}\n")),
        "{}",
        said.text
    );
    for (name, bytes) in [
        (9, before[&layer].clone()),
        (7, vec![]),
        (8, b"no batch".to_vec()),
    ] {
        std::fs::write(data.path(&name_of(name)), bytes).expect("write");
    }
    let said = data.check(&[]);
    assert_eq!(said.code, 0, "{}", said.text);
    let orphans = [5, 7, 8, 9].map(name_of).join(", ");
    assert!(
        said.text.contains(&format!("left over  {orphans}\n")),
        "{}",
        said.text
    );
    let said = data.check(&["--manifest"]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(
        said.text.contains(&format!("\nlayer: {layer}, LSN ")),
        "{}",
        said.text
    );
    let facts = "database 0: 60 rows; replaces view \"a\" of keys \"u:{id}\"\n";
    assert!(said.text.contains(facts), "{}", said.text);
    // The version before is none any more: it shows nothing, wherever.
    let told = shown(&data, "u:30");
    assert!(told.contains("hash of 3 fields\n"), "{told}");
    for (name, what) in [(&layer, "has its row"), (&logged, "no row")] {
        assert!(
            told.contains(name.as_str()) && told.contains(what),
            "{told}"
        );
    }
    assert!(!told.contains(&former), "{told}");
    let told = shown(&data, "u:1");
    assert!(told.contains("hash of 1 fields\n"), "{told}");
    assert!(
        told.contains("says that it has no feature of the view"),
        "{told}"
    );
    assert!(told.contains(": no row\n"), "{told}");
    // A start removes what is left over, and nothing else.
    data.run("no", |c| assert_eq!(c.line("HGET u:30 x").text(), "60"));
    let after = data.files();
    let between = name_of(2);
    let batches = after.keys().filter(|name| name.starts_with("batch-"));
    assert_eq!(
        batches.collect::<Vec<_>>(),
        [&former, &between, &layer, &logged]
    );
}

#[test]
fn every_damage_of_a_batch_is_told_of() {
    let batches = with_batches();
    let data = &batches.data;
    let all = [&batches.layer, &batches.logged, &batches.former];
    let why = [
        "MANIFEST has it as the layer of LSN",
        "of the log publishes it",
        "is kept",
    ];
    for (name, why) in all.into_iter().zip(why) {
        let whole = data.files()[name].clone();
        for at in [0, 70, whole.len() / 2, whole.len() - 30] {
            data.edit(name, |bytes| bytes[at] ^= 4);
            told(data, name, why);
            data.edit(name, |bytes| bytes[at] ^= 4);
        }
        data.edit(name, |bytes| bytes.truncate(whole.len() - 1));
        told(data, name, "its end is missing");
        std::fs::remove_file(data.path(name)).expect("remove");
        told(data, name, "it is missing");
        let said = data.check(&["--repair-log"]);
        assert!(said.text.contains("Nothing was changed"), "{}", said.text);
        // Rows of another server, and fewer of them.
        let Batches { seed, shards, .. } = batches;
        let number = name[6..].parse().expect("a number");
        let begun = |seed| Begun {
            number,
            seed,
            shards,
        };
        std::fs::write(
            data.path(name),
            B.file(&begun(seed ^ 1), &rows(0..9, 1, 1), None),
        )
        .expect("write");
        told(data, name, "its checksums are right, but not what it holds");
        std::fs::write(
            data.path(name),
            B.file(&begun(seed), &rows(0..9, 1, 1), None),
        )
        .expect("write");
        told(data, name, "9 entities");
        std::fs::write(data.path(name), whole).expect("write");
        assert_eq!(data.check(&[]).code, 0);
    }
    // What the manifest says of layers.
    let whole = data.files()["MANIFEST"].clone();
    let manifest = || Manifest::read(&whole).expect("a manifest");
    type Edit<'a> = (&'a dyn Fn(&mut Manifest), &'a str);
    let edits: [Edit<'_>; 3] = [
        (
            &|m| m.layers[1].number = 77,
            "batch-000000000077: it is missing",
        ),
        (
            &|m| m.layers[1].lsn += 1_000_000,
            "says that it was synced up to LSN",
        ),
        (&|m| m.layers[1].gone_lsn = 1, "is not what it should be"),
    ];
    for (edit, what) in edits {
        let mut manifest = manifest();
        edit(&mut manifest);
        data.edit("MANIFEST", |bytes| *bytes = manifest.text().into_bytes());
        let said = data.check(&[]);
        assert!(
            said.code == 1 && said.text.contains(what),
            "{what}: {}",
            said.text
        );
    }
    data.edit("MANIFEST", |bytes| *bytes = whole.clone());
    assert_eq!(data.check(&[]).code, 0);
}
