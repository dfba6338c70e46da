//! README.md's table of settings is the one in the code: every setting with its default and
//! whether `CONFIG SET` may change it, and no other.

mod support;

use fieldstone::config::{Config, Meaning, foreign_settings, settings};
use support::Server;

/// How the row of a setting begins, for each.
fn beginnings() -> Vec<String> {
    let default = Config::default();
    let beginning = |setting: &fieldstone::config::Setting| {
        let value = match setting.get(&default) {
            empty if empty.is_empty() => "\"\"".to_owned(),
            value => value,
        };
        let live = if setting.changes { "yes" } else { "no" };
        format!("| `{}` | `{value}` | {live} | ", setting.name)
    };
    settings().map(beginning).collect()
}

#[test]
fn readme_lists_the_settings() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).expect("README.md");
    let (_, after) = readme
        .split_once("| setting | default | live | meaning |\n|---|---|---|---|\n")
        .expect("README.md has the table of settings");
    let rows: Vec<&str> = after.lines().take_while(|l| l.starts_with('|')).collect();
    for beginning in beginnings() {
        let found = rows.iter().filter(|row| row.starts_with(&beginning));
        assert_eq!(found.count(), 1, "README.md has no row `{beginning}`");
    }
    assert_eq!(rows.len(), settings().count(), "a row of no setting");
}

/// docs/redis-settings.md has the other settings of Redis, each in the table that it is in.
#[test]
fn the_settings_of_redis_without_meaning_are_told() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/redis-settings.md");
    let text = std::fs::read_to_string(path).expect("docs/redis-settings.md");
    let (accepted, refused) = text.split_once("## Refused").expect("two tables");
    let rows = |text: &str| -> Vec<String> {
        let rows = text.lines().filter(|line| line.starts_with("| `"));
        rows.map(str::to_owned).collect()
    };
    let quoted = |text: &str| match text {
        "" => String::new(),
        text => format!("`{text}`"),
    };
    let (mut ignored, mut others) = (Vec::new(), Vec::new());
    for one in foreign_settings() {
        let name = one.name;
        match one.meaning {
            Meaning::NoEffect(note) => {
                let default = format!("| {} |", quoted(one.default)).replace("|  |", "| |");
                ignored.push(format!("| `{name}` {default} {note} |"));
            }
            Meaning::Only(reason) => {
                let value = if one.default.is_empty() {
                    "\"\""
                } else {
                    one.default
                };
                others.push(format!("| `{name}` | `{value}` | {reason} |"));
            }
            Meaning::Never(reason) => others.push(format!("| `{name}` |  | {reason} |")),
        }
    }
    assert_eq!(rows(accepted), ignored);
    assert_eq!(rows(refused), others);
}

/// Whatever a Redis of today shows by CONFIG GET is in one of the tables, and is shown.
#[test]
fn every_setting_of_redis_is_known() {
    let redis = Server::redis8(&[]);
    let ours = Server::ours(&[]);
    let names = |server: &Server| -> Vec<String> {
        let reply = server.connect().line("CONFIG GET *");
        reply.items().chunks(2).map(|pair| pair[0].text()).collect()
    };
    let known = names(&ours);
    let all = names(&redis);
    assert!(all.len() > 150, "{} settings", all.len());
    let unknown: Vec<_> = all.iter().filter(|name| !known.contains(name)).collect();
    assert!(unknown.is_empty(), "not known: {unknown:?}");
    // Tools set some of them blindly.
    let mut c = ours.connect();
    for (name, value) in [
        ("latency-tracking", "no"),
        ("latency-tracking-info-percentiles", "50 99"),
        ("sanitize-dump-payload", "clients"),
        ("acllog-max-len", "10"),
        ("repl-timeout", "5"),
    ] {
        assert_eq!(
            c.call(&["CONFIG", "SET", name, value]).text(),
            "OK",
            "{name}"
        );
        let got = c.call(&["CONFIG", "GET", name]);
        assert_eq!(got.items()[1].text(), value);
    }
    let refused = c.line("CONFIG SET tls-port 1");
    assert!(
        refused.text().contains("there is no TLS"),
        "{}",
        refused.text()
    );
    assert!(c.line("CONFIG SET rename-command x").is_error());
}
