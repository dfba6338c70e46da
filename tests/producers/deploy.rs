//! `deploy/`: units that systemd takes; command lines in them, and in the line of cron, that load.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Bench, output, program_path, source, succeed};

const PROGRAM: &str = "/usr/local/bin/fieldstone";
const UNITS: [&str; 3] = [
    "fieldstone.service",
    "fieldstone-load@.service",
    "fieldstone-load@.timer",
];

fn read(name: &str) -> String {
    std::fs::read_to_string(source("deploy").join(name)).expect("a file of deploy/")
}

/// With the built program in the place of the installed one.
fn with_program(text: &str) -> String {
    assert!(text.contains(PROGRAM), "{text}");
    text.replace(PROGRAM, program_path().to_str().expect("a path in UTF-8"))
}

/// The value of the only `name=` of a unit.
fn setting(unit: &str, name: &str) -> String {
    let prefix = format!("{name}=");
    let mut found = unit.lines().filter_map(|line| line.strip_prefix(&prefix));
    let value = found.next().unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(found.next(), None, "{name} comes twice");
    value.to_owned()
}

fn units(folder: &Path) -> Vec<PathBuf> {
    let write = |name: &&str| {
        let text = read(name);
        let text = match text.contains(PROGRAM) {
            true => with_program(&text),
            false => text,
        };
        let path = folder.join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    UNITS.iter().map(write).collect()
}

#[test]
fn systemd_takes_the_units() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let units = units(folder.path());
    let mut command = Command::new("systemd-analyze");
    let output = output(command.args(["verify", "--man=no"]).args(&units));
    let said = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("fieldstone"))
        .collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
    // Of 100, where less is safer; an unprotected service has 96.
    for unit in &units[..2] {
        let mut command = Command::new("systemd-analyze");
        succeed(
            command
                .args(["security", "--offline=true", "--threshold=25"])
                .arg(unit),
        );
    }
}

/// The server's own configuration, in another folder and on any port.
#[test]
fn the_configuration_is_right() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("fieldstone.conf");
    std::fs::write(&path, read("fieldstone.conf")).expect("written");
    let line = setting(&read("fieldstone.service"), "ExecStart");
    assert_eq!(
        line,
        format!("{PROGRAM} serve /etc/fieldstone/fieldstone.conf")
    );
    let mut command = Command::new(program_path());
    succeed(command.arg("serve").arg(&path).args([
        "--dir",
        folder.path().to_str().expect("UTF-8"),
        "--check-config",
    ]));
}

const EXPORT: &str = "user_id,computed_at,purchase_count_7d,purchase_count_30d,amount_30d,\
     amount_mean_30d,last_order_at,is_returning,top_categories,interests\n\
     u1,NOW,4,,12.5,,,true,\"[\"\"toys\"\"]\",\"[1,0,0,0,0,0,0,0.5]\"\n";

/// A server with the example's view, and an export of today.
fn with_export() -> Bench {
    let bench = Bench::new();
    let root = bench.folder.path();
    let views = std::fs::read_to_string(source("examples/spark/views.toml")).expect("read");
    let exports = root.join("exports");
    let there = views.replace("/srv/exports", exports.to_str().expect("UTF-8"));
    assert_ne!(views, there);
    std::fs::write(root.join("views.toml"), there).expect("written");
    let address = bench.address();
    succeed(
        bench
            .command("fieldstone")
            .args(["apply", "views.toml", "--server", &address]),
    );
    let date = |options: &[&str]| {
        let said = succeed(Command::new("date").arg("-u").args(options));
        said.trim().to_owned()
    };
    let now = date(&["+%FT%TZ"]);
    // Today's, and tomorrow's should midnight come before the load.
    for day in [date(&["+%F"]), date(&["+%F", "--date=tomorrow"])] {
        let folder = exports.join(format!("user_purchases/ds={day}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("1.csv"), EXPORT.replace("NOW", &now)).expect("written");
    }
    // Not today's: must not be read.
    let folder = exports.join("user_purchases/ds=2020-01-01");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("1.csv"), "broken\n").expect("written");
    bench
}

fn assert_loaded(bench: &Bench) {
    let mut connection = bench.server.connect();
    let count = |connection: &mut crate::support::Connection, name: &str| {
        connection.line(&format!("HGET A:user:u1 {name}")).text()
    };
    assert_eq!(count(&mut connection, "purchase_count_7d"), "4");
    assert_eq!(count(&mut connection, "purchase_count_30d"), "0");
    assert_eq!(count(&mut connection, "top_categories"), "[\"toys\"]");
}

/// As systemd would: specifiers, then `$$`, then the words of a shell.
#[test]
fn the_unit_loads_the_day() {
    let bench = with_export();
    let unit = with_program(&read("fieldstone-load@.service"));
    let line = setting(&unit, "ExecStart")
        .replace("%i", "user_purchases")
        .replace("%%", "%");
    let script = line
        .strip_prefix("/bin/sh -c '")
        .and_then(|rest| rest.strip_suffix('\''))
        .expect("a script of the shell")
        .replace("$$", "$");
    assert!(!script.contains('\''), "{script}");
    let options = format!("--set tenant=A --server {}", bench.address());
    let mut command = bench.command("/bin/sh");
    succeed(command.args(["-c", &script]).env("LOAD_OPTIONS", options));
    assert_loaded(&bench);
}

/// As cron would: behind five times and a user, with `\%` for a percent sign.
#[test]
fn the_line_of_cron_loads_the_day() {
    let bench = with_export();
    let text = with_program(&read("fieldstone-load.cron"));
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let [line] = lines[..] else {
        panic!("not one line: {lines:?}");
    };
    let words: Vec<&str> = line.splitn(7, ' ').collect();
    assert_eq!(&words[..6], ["45", "0", "*", "*", "*", "fieldstone"]);
    let folder = bench.folder.path().to_str().expect("a path in UTF-8");
    let unescaped = words[6].replace("\\%", "\0");
    assert!(!unescaped.contains('%'), "{line}");
    let script = unescaped
        .replace('\0', "%")
        .replace("/var/lib/fieldstone-load", folder)
        .replace(
            "--set tenant=A",
            &format!("--set tenant=A --server {}", bench.address()),
        );
    succeed(bench.command("/bin/sh").args(["-c", &script]));
    assert_loaded(&bench);
    let log = std::fs::read_to_string(bench.folder.path().join("load.log")).expect("a log");
    assert!(log.contains("\"entities\":1"), "{log}");
}
