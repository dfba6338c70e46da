//! What the README shows is what the program says: its commands are run in their order on one
//! server, after the quick start, and their output is compared. So are those on a data directory,
//! and the calculator; nightly jobs are in `tests/producers`.
//!
//! A line `...` stands for any lines, `...` at the end of a line for the rest of it. Times to live
//! may be a little shorter than shown. A report of a load is shown as a terminal has it; its counts
//! must be right, not its times.

mod support;

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::Server;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A block of code of a document.
#[derive(Debug)]
struct Block {
    kind: String,
    lines: Vec<String>,
}

/// The blocks between the headings `from` and `to`.
fn blocks(document: &str, from: &str, to: &str) -> Vec<Block> {
    let heading = |name: &str| document.lines().position(|line| line == name);
    let (from, to) = (heading(from).expect(from), heading(to).expect(to));
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in document.lines().take(to).skip(from) {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(kind), None) => {
                open = Some(Block {
                    kind: kind.to_owned(),
                    lines: Vec::new(),
                });
            }
            (None, Some(block)) => block.lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

struct Reader {
    folder: tempfile::TempDir,
    port: u16,
}

impl Reader {
    fn new(port: u16) -> Reader {
        let reader = Reader {
            folder: tempfile::tempdir().unwrap(),
            port,
        };
        let program = env!("CARGO_BIN_EXE_fieldstone");
        let real = Command::new("sh")
            .args(["-c", "command -v redis-cli"])
            .output()
            .unwrap();
        assert!(
            real.status.success(),
            "no redis-cli: `tests/run` installs it"
        );
        let real = String::from_utf8(real.stdout).unwrap();
        // As on a terminal, and on our port.
        reader.program(
            "redis-cli",
            &format!("exec {} --no-raw -p {port} \"$@\"", real.trim()),
        );
        reader.program(
            "fieldstone",
            &format!(
                "case $1 in apply | load) command=$1; shift; \
                 exec {program} \"$command\" --server 127.0.0.1:{port} \"$@\";; esac; \
                 exec {program} \"$@\""
            ),
        );
        reader
    }

    fn program(&self, name: &str, text: &str) {
        let folder = self.folder.path().join("bin");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    fn work(&self) -> PathBuf {
        let work = self.folder.path().join("work");
        std::fs::create_dir_all(&work).unwrap();
        work
    }

    /// What a line typed into a shell says.
    fn say(&self, line: &str) -> Vec<String> {
        let path = std::env::var("PATH").unwrap();
        let bin = self.folder.path().join("bin");
        let output = Command::new("bash")
            .args(["-c", &format!("{{ {line}\n}} 2>&1")])
            .current_dir(self.work())
            .env("PATH", format!("{}:{path}", bin.display()))
            .env_remove("REDISCLI_AUTH")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.trim_end().lines().map(str::to_owned).collect()
    }

    /// Run the commands of a block and compare.
    fn run(&self, block: &Block) {
        let mut lines = block.lines.iter().peekable();
        while let Some(line) = lines.next() {
            let command = line.strip_prefix("$ ").expect(line);
            let mut shown = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                shown.push(line.clone());
            }
            // A file that is shown is the reader's.
            if let Some(file) = command.strip_prefix("cat ")
                && !self.work().join(file).exists()
            {
                let path = self.work().join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, shown.join("\n") + "\n").unwrap();
            }
            let said = self.say(command);
            if let Err(reason) = compare(command, &shown, &said) {
                panic!(
                    "{command}\n{reason}\nshown:\n{}\nsaid:\n{}",
                    shown.join("\n"),
                    said.join("\n")
                );
            }
        }
    }
}

fn compare(command: &str, shown: &[String], said: &[String]) -> Result<(), String> {
    let mut said = said.iter();
    let mut any = false;
    for line in shown {
        if line == "..." {
            any = true;
            continue;
        }
        let fits = |other: &&String| line_fits(command, line, other);
        let found = match any {
            true => said.find(fits).is_some(),
            false => said.next().as_ref().is_some_and(fits),
        };
        if !found {
            return Err(format!("another line: {line}"));
        }
        any = false;
    }
    match said.next() {
        Some(more) if !any => Err(format!("not shown: {more}")),
        _ => Ok(()),
    }
}

fn line_fits(command: &str, shown: &str, said: &str) -> bool {
    if said.starts_with('{') && shown.starts_with("rows ") {
        return report_fits(shown, said);
    }
    if let Some(beginning) = shown.strip_suffix("...") {
        return said.starts_with(beginning);
    }
    let integer = |line: &str| line.rsplit_once(' ')?.1.parse::<i64>().ok();
    match (integer(shown), integer(said)) {
        (Some(shown), Some(said)) if command.contains("TTL") && shown > 0 => {
            (shown * 9 / 10..=shown + shown / 100 + 1).contains(&said)
        }
        _ => shown == said,
    }
}

/// `rows 2, entities 2, ...` and `{"rows":2,"entities":2, ...}`.
fn report_fits(shown: &str, said: &str) -> bool {
    let said: serde_json::Value = serde_json::from_str(said).unwrap();
    shown.split(", ").all(|count| {
        let (name, value) = count.rsplit_once(' ').unwrap();
        match name {
            "seconds" | "rows per second" | "batch bytes" => {
                said[name.replace(' ', "_")].is_number()
            }
            name => {
                let value: i64 = value.parse().unwrap();
                said[name.replace(' ', "_")] == value
            }
        }
    })
}

fn python(reader: &Reader, program: &Block, shown: &Block) {
    let venv = std::env::var("FIELDSTONE_VENV");
    let venv = venv.expect("FIELDSTONE_VENV: `tests/run` makes it");
    let text = program.lines.join("\n");
    assert!(text.contains("port=6379"));
    let text = text.replace("port=6379", &format!("port={}", reader.port));
    let output = Command::new(Path::new(&venv).join("bin/python"))
        .args(["-c", &text])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.trim_end(), shown.lines.join("\n"), "{error}");
}

/// The script of the quick start, on a server that answers already; nothing is built.
fn quick_start(reader: &Reader) -> Vec<String> {
    let target = reader.folder.path().join("target");
    std::fs::create_dir_all(target.join("release")).unwrap();
    let program = target.join("release/fieldstone");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_fieldstone"), program).unwrap();
    let cargo = reader.folder.path().join("cargo");
    std::fs::create_dir_all(&cargo).unwrap();
    std::os::unix::fs::symlink("/bin/true", cargo.join("cargo")).unwrap();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new(Path::new(ROOT).join("examples/quickstart.sh"))
        .env("PATH", format!("{}:{path}", cargo.display()))
        .env("PORT", reader.port.to_string())
        .env("CARGO_TARGET_DIR", target)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_readme_is_true() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let server = Server::ours(&["--appendonly", "yes", "--dir", dir.to_str().unwrap()]);
    let reader = Reader::new(server.port());
    let said = quick_start(&reader);
    let names: Vec<&String> = said
        .iter()
        .filter(|line| line.contains("Hawaiian") || *line == "unknown")
        .collect();
    assert_eq!(
        names,
        ["unknown", "Hawaiian Airlines Inc."],
        "a wrong export, and back"
    );

    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let blocks = blocks(&readme, "## Quick start", "## Nightly jobs");
    let mut count: HashMap<&str, usize> = HashMap::new();
    for (i, block) in blocks.iter().enumerate() {
        *count.entry(&block.kind).or_default() += 1;
        match block.kind.as_str() {
            "console" => reader.run(block),
            "toml" => {
                let text = block.lines.join("\n") + "\n";
                std::fs::write(reader.work().join("views.toml"), text).unwrap();
            }
            "python" => python(&reader, block, &blocks[i + 1]),
            // The quick start itself, and what a program says.
            "sh" | "text" => {}
            other => panic!("what to do with a block of {other}?"),
        }
    }
    assert!(count["console"] >= 8 && count["python"] == 1, "{count:?}");
}

/// Numbers are those of one run: of bytes, of files, of the hash of a key.
fn masked(line: &str) -> String {
    let mut out = String::new();
    let mut words = line.split(' ').peekable();
    while let Some(word) = words.next() {
        let is_hash = word.len() == 16 && word.bytes().all(|b| b.is_ascii_hexdigit());
        let mut in_number = false;
        for c in word.chars() {
            match c.is_ascii_digit() || is_hash {
                true if in_number => {}
                true => out.push('#'),
                false => out.push(c),
            }
            in_number = c.is_ascii_digit() || is_hash;
        }
        out.extend(words.peek().map(|_| ' '));
    }
    out
}

/// A directory as that of the examples of `fieldstone check`.
fn thousand_users(dir: &Path) {
    let dir = dir.to_str().unwrap();
    let server = Server::ours(&[
        "--dir",
        dir,
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ]);
    let mut client = server.connect();
    for user in 1..=1000 {
        client.line(&format!("HSET user:{user} clicks {user} country de"));
    }
    assert_eq!(client.line("SAVE").text(), "OK");
    for clicks in 1..=29 {
        client.line(&format!("HSET user:2 clicks {clicks}"));
    }
    client.line("HSET user:1 clicks 6");
    client.line("HPEXPIREAT user:1 4102444800123 FIELDS 1 country");
}

/// What follows the nightly jobs: each block is run, or is of a kind that something else runs.
#[test]
fn the_rest_of_the_readme_is_true() {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let blocks = blocks(&readme, "## Nightly jobs", "## Limits");
    // The server is not used: the examples are of files.
    let reader = Reader::new(1);
    let dir = reader.work().join("data");
    thousand_users(&dir);
    let place = dir.display().to_string();
    std::fs::write(reader.work().join("redis.conf"), "port 7000\n").unwrap();
    let (mut checks, mut starts) = (0, 0);
    for (i, block) in blocks.iter().enumerate() {
        let first = block.lines[0].as_str();
        match block.kind.as_str() {
            // `tests/producers/nightly.rs` has them.
            "console" if first.contains("examples/spark/make_orders.py") => {}
            "console" => {
                if block.lines.iter().any(|line| line.contains("DAMAGED")) {
                    rot(&dir.join("wal-000000000001"));
                }
                let lines = block.lines.iter();
                let lines = lines.map(|line| line.replace("/var/lib/fieldstone", &place));
                let lines: Vec<String> = lines.collect();
                for shown in commands(&lines) {
                    let said: Vec<String> = reader
                        .say(shown[0].trim_start_matches("$ "))
                        .iter()
                        .map(|l| masked(l))
                        .collect();
                    let shown: Vec<String> = shown.iter().map(|l| masked(l)).collect();
                    let compared = compare(&shown[0], &shown[1..], &said);
                    assert!(
                        compared.is_ok(),
                        "{compared:?}\n{}\nsaid:\n{}",
                        shown.join("\n"),
                        said.join("\n")
                    );
                    checks += 1;
                }
            }
            "sh" if first.starts_with("fieldstone serve")
                || first.contains(" fieldstone serve") =>
            {
                for line in &block.lines {
                    let command = line.split(" # ").next().unwrap().trim();
                    let said = reader.say(&format!("{command} --check-config"));
                    assert_eq!(said, ["configuration is right"], "{line}");
                    starts += 1;
                }
            }
            "sh" if blocks.get(i + 1).is_some_and(|next| next.kind == "text") => {
                let said = reader.say(&block.lines.join("\n"));
                assert_eq!(said, blocks[i + 1].lines, "{first}");
            }
            "text" => {}
            // This run, and benchmarks.
            "sh" if first == "tests/run" || first.starts_with("cargo bench ") => {}
            other => panic!("what to do with a block of {other}? {first}"),
        }
    }
    assert!(checks == 4 && starts >= 6, "{checks} {starts}");
}

/// A block of a console, command by command.
fn commands(lines: &[String]) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = Vec::new();
    for line in lines {
        match all.last_mut() {
            Some(last) if !line.starts_with("$ ") => last.push(line.clone()),
            _ => all.push(vec![line.clone()]),
        }
    }
    all
}

/// One bit of a record that others follow.
fn rot(segment: &Path) {
    let mut bytes = std::fs::read(segment).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[used - 1000] ^= 1;
    std::fs::write(segment, bytes).unwrap();
}

#[test]
fn what_differs_is_told() {
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    let differs = |command, shown, said| compare(command, &lines(shown), &lines(said)).is_err();
    assert!(!differs("x", "a\n...\nz", "a\nb\nc\nz"));
    assert!(differs("x", "a\n...\nz", "a\nb\nc"));
    assert!(differs("x", "a", "b"));
    assert!(differs("x", "a", "a\nb"));
    assert!(differs("x", "a\nb", "a"));
    assert!(!differs("x", "error: no ...", "error: no such thing"));
    assert!(!differs("HTTL", "1) (integer) 300", "1) (integer) 299"));
    assert!(differs("HTTL", "1) (integer) 300", "1) (integer) 100"));
    assert!(differs("HLEN", "(integer) 300", "(integer) 299"));
    assert!(!differs(
        "x",
        "rows 2, seconds 0.1",
        r#"{"rows":2,"seconds":3}"#
    ));
    assert!(differs(
        "x",
        "rows 3, seconds 0.1",
        r#"{"rows":2,"seconds":3}"#
    ));
}
