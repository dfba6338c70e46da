//! A newcomer's first hour, as the quick start's own last lines tell it: the script installs what
//! is missing, starts a server that keeps data, and rolls a wrong export back; then an export of
//! one's own is declared, loaded and rolled back, and the server is stopped, started again and
//! removed.
//!
//! The PATH has what a fresh Debian has, and a Rust toolchain: `cargo build` is done already, and
//! `apt-get` takes `redis-cli` from this machine.
#![cfg(feature = "loader")]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Of coreutils, util-linux, procps and the shell: what the script and a user type.
const DEBIAN: [&str; 16] = [
    "bash", "sh", "cat", "dirname", "grep", "head", "id", "ls", "mkdir", "rm", "sed", "seq",
    "sleep", "sort", "tail", "env",
];

struct Newcomer {
    folder: tempfile::TempDir,
    port: u16,
    /// Who follows the last lines of the quick start has the command.
    path: String,
}

impl Newcomer {
    fn new() -> Newcomer {
        let folder = tempfile::tempdir().expect("a folder");
        let bin = folder.path().join("bin");
        std::fs::create_dir_all(&bin).expect("a folder");
        for name in DEBIAN {
            symlink(which(name), bin.join(name)).expect(name);
        }
        symlink("/bin/true", bin.join("cc")).expect("cc");
        let newcomer = Newcomer {
            path: bin.display().to_string(),
            port: free_port(),
            folder,
        };
        // What `git clone` gives, as far as it is needed, and what `cargo build` makes of it.
        let clone = newcomer.path_of("clone");
        copy(&Path::new(ROOT).join("examples"), &clone.join("examples"));
        std::fs::create_dir_all(clone.join("target/release")).expect("a folder");
        let program = clone.join("target/release/fieldstone");
        symlink(env!("CARGO_BIN_EXE_fieldstone"), program).expect("the program");
        newcomer.program("cargo", "test \"$*\" = \"build --release\"");
        let cli = which("redis-cli");
        newcomer.program(
            "apt-get",
            &format!(
                "case $1 in install) /bin/ln -s {} {}/redis-cli; echo \"got $*\";; esac",
                cli.display(),
                bin.display()
            ),
        );
        newcomer
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.path_of("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect(name);
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect(name);
    }

    /// Type a line; what it says, and its exit code.
    fn try_say(&self, line: &str) -> (String, Option<i32>) {
        let output = Command::new("/bin/bash")
            .args(["-c", &format!("{{ {line}\n}} 2>&1")])
            .current_dir(self.path_of("clone"))
            .env_clear()
            .env("PATH", &self.path)
            .env("PORT", self.port.to_string())
            .env("HOME", self.folder.path())
            .env("USER", "newcomer")
            .output()
            .expect("bash");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        (text.trim_end().to_owned(), output.status.code())
    }

    #[track_caller]
    fn say(&self, line: &str) -> String {
        let (said, code) = self.try_say(line);
        assert_eq!(code, Some(0), "{line}\n{said}");
        said
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        // Whatever failed on the way, no server stays.
        self.try_say(&format!("redis-cli -p {} shutdown nosave", self.port));
    }
}

fn which(name: &str) -> PathBuf {
    let output = Command::new("sh")
        .args(["-c", &format!("command -v {name}")])
        .output();
    let found = String::from_utf8(output.expect("sh").stdout).expect("UTF-8");
    assert!(!found.is_empty(), "no {name}: `tests/run` installs it");
    PathBuf::from(found.trim())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).expect("a file")),
        }
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// What the quick start says is to be typed to do something.
#[track_caller]
fn told(said: &str, to: &str) -> String {
    let line = said.lines().find(|line| line.starts_with(to));
    let (_, command) = line.and_then(|line| line.split_once(": ")).expect(to);
    command.trim().to_owned()
}

#[test]
fn from_the_clone_to_the_end() {
    let mut newcomer = Newcomer::new();
    let first = newcomer.say("examples/quickstart.sh");
    for part in [
        "got install -y --no-install-recommends redis-tools",
        "Hawaiian Airlines",
    ] {
        assert!(first.contains(part), "{first}");
    }
    let data = newcomer.path_of("clone/fieldstone-data");
    assert!(
        data.join("MANIFEST").exists(),
        "the quick start's server keeps data"
    );

    // To have the command.
    let export = told(&first, "To have the command");
    let folder = export.strip_prefix("export PATH=\"").expect(&export);
    let folder = folder.strip_suffix(":$PATH\"").expect(&export);
    newcomer.path = format!("{folder}:{}", newcomer.path);
    let at = format!("--server 127.0.0.1:{}", newcomer.port);
    let cli = format!("redis-cli -p {}", newcomer.port);
    assert!(
        newcomer
            .say("fieldstone --version")
            .starts_with("fieldstone ")
    );

    // An export of one's own, as it comes.
    let own = "user_id;country;orders_30d;spent;last_order\n\
               17;DE;4;129.90;2026-11-20T10:00:00Z\n18;FR;0;;\n\
               19;PT;11;1200.5;2026-11-19T08:30:00Z\n";
    std::fs::write(newcomer.path_of("clone/users.csv"), own).expect("a file");
    let infer = "fieldstone view infer users.csv --key 'A:user:{user_id}'";
    let (said, code) = newcomer.try_say(infer);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--delimiter ;"), "{said}");
    newcomer.say(&format!("{infer} --delimiter ';' --ttl 30d > users.toml"));
    let declared = newcomer.say("cat users.toml");
    for part in [
        "orders_30d = { type = \"int64\" }",
        "spent = { type = \"float64\" }",
    ] {
        assert!(declared.contains(part), "{declared}");
    }
    assert_eq!(
        newcomer.say(&format!("fieldstone apply users.toml {at}")),
        "+ view.users"
    );
    let load = format!("fieldstone load users {at} --delimiter ';'");
    let shown = newcomer.say(&format!("{load} --show 1"));
    assert!(
        shown.starts_with("HSET A:user:17 country DE orders_30d 4 spent 129.9 "),
        "{shown}"
    );
    assert!(newcomer.say(&load).contains("\"rejects\":0"));
    let get = format!("{cli} HMGET A:user:17 country orders_30d");
    assert_eq!(newcomer.say(&get), "DE\n4");

    // The next one is wrong: half of it is missing, and what is there is a mistake.
    std::fs::write(
        newcomer.path_of("clone/users.csv"),
        &own[..own.find("18;").unwrap()],
    )
    .unwrap();
    let (said, code) = newcomer.try_say(&load);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("fewer than half") && said.contains("--allow-shrink"),
        "{said}"
    );
    std::fs::write(
        newcomer.path_of("clone/users.csv"),
        own.replace(";4;", ";400;"),
    )
    .unwrap();
    newcomer.say(&load);
    assert_eq!(newcomer.say(&get), "DE\n400");
    newcomer.say(&format!("{cli} FS.BATCH ROLLBACK users"));
    assert_eq!(newcomer.say(&get), "DE\n4");

    // Stop, start again as it was told, and all is there.
    let quick = newcomer.say("examples/quickstart.sh");
    assert!(quick.contains("a Fieldstone answers on port"), "{quick}");
    newcomer.say(&told(&quick, "To stop it"));
    let (said, code) = newcomer.try_say(&format!("{cli} ping"));
    assert!(code != Some(0) && said.contains("refused"), "{said}");
    let start = told(&first, "To start it again");
    newcomer.say(&format!("{start} > again.log 2>&1 &"));
    let answers = format!(
        "for try in $(seq 600); do {cli} ping 2> again.err | grep -q PONG && exit 0; sleep 0.1; \
         done; cat again.log; exit 1"
    );
    newcomer.say(&answers);
    assert_eq!(newcomer.say(&get), "DE\n4");
    assert_eq!(
        newcomer.say(&format!("{cli} HGET A:plane:N14228 model")),
        "737-824"
    );

    newcomer.say(&told(&quick, "To stop it"));
    newcomer.say(&told(&first, "To remove its data"));
    assert!(!data.exists());
}
