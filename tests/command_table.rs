//! What our command table says of each command is what Redis 8.2 says of it; and the list of
//! commands in README.md is the table. `FIELDSTONE_UPDATE_README=1` writes that list.

mod support;

use fieldstone::command::table::{Command, TABLE};
use std::collections::{BTreeMap, BTreeSet};
use support::{Connection, Server, Value};

/// Commands of our own, of which Redis knows nothing.
const OURS: &[&str] = &["fs.batch", "fs.view"];

/// Flags and categories that a command has with Redis but not here, or the other way round; each
/// with its reason. `+flag` is only ours, `-flag` only theirs.
const EXCEPTIONS: &[(&str, &str)] = &[];

fn names(c: &mut Connection) -> Vec<String> {
    let listed = c.line("COMMAND");
    listed
        .items()
        .iter()
        .map(|command| command.items()[0].text())
        .collect()
}

fn set(value: &Value) -> BTreeSet<String> {
    value.items().iter().map(Value::text).collect()
}

fn with_names(command: &str, names: &[String]) -> Vec<String> {
    let mut words: Vec<String> = command.split(' ').map(String::from).collect();
    words.extend(names.iter().cloned());
    words
}

#[test]
fn command_info_is_redis_8s() {
    let (ours, oracle) = (Server::ours(&[]), Server::redis8(&[]));
    let (mut a, mut b) = (ours.connect(), oracle.connect());
    let names: Vec<String> = names(&mut a)
        .into_iter()
        .filter(|n| !OURS.contains(&n.as_str()))
        .collect();
    assert!(names.len() > 50, "COMMAND lists {} commands", names.len());
    let request = with_names("COMMAND INFO", &names);
    let (ours, theirs) = (a.call(&request), b.call(&request));
    assert_eq!(ours.items().len(), names.len());
    let mut broken = Vec::new();
    for (name, (x, y)) in names.iter().zip(ours.items().iter().zip(theirs.items())) {
        if y.is_nil() {
            broken.push(format!("{name}: not a command of Redis"));
            continue;
        }
        let (x, y) = (x.items(), y.items());
        for (i, what) in [(1, "arity"), (3, "first key"), (4, "last key"), (5, "step")] {
            if x[i] != y[i] {
                broken.push(format!(
                    "{name}: {what} {} is {} in Redis",
                    x[i].text(),
                    y[i].text()
                ));
            }
        }
        for (i, what) in [(2, "flags"), (6, "ACL categories")] {
            let (x, y) = (set(&x[i]), set(&y[i]));
            let mut differ: Vec<String> = x.difference(&y).map(|f| format!("+{f}")).collect();
            differ.extend(y.difference(&x).map(|f| format!("-{f}")));
            differ.retain(|d| !EXCEPTIONS.contains(&(name.as_str(), d.as_str())));
            if !differ.is_empty() {
                broken.push(format!("{name}: {what} {}", differ.join(" ")));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "+ only ours, - only in Redis:\n  {}",
        broken.join("\n  ")
    );
}

#[test]
fn command_docs_are_redis_8s() {
    let (ours, oracle) = (Server::ours(&[]), Server::redis8(&[]));
    let (mut a, mut b) = (ours.connect(), oracle.connect());
    let names: Vec<String> = names(&mut a)
        .into_iter()
        .filter(|n| !OURS.contains(&n.as_str()))
        .collect();
    let request = with_names("COMMAND DOCS", &names);
    let (ours, theirs) = (a.call(&request), b.call(&request));
    let mut broken = Vec::new();
    for name in &names {
        let (Some(x), Some(y)) = (ours.entry(name), theirs.entry(name)) else {
            broken.push(format!("{name}: no docs"));
            continue;
        };
        for field in ["summary", "since", "group", "complexity"] {
            let [x, y] = [x, y].map(|docs| docs.entry(field).map(Value::text));
            if x != y {
                broken.push(format!("{name}: {field} {x:?} is {y:?} in Redis"));
            }
        }
    }
    assert!(broken.is_empty(), "  {}", broken.join("\n  "));
}

/// Both ways of asking give the same commands, once each.
#[test]
fn command_lists_agree() {
    let server = Server::ours(&[]);
    let mut c = server.connect();
    let listed = names(&mut c);
    let distinct: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), distinct.len(), "a command twice in the table");
    // COMMAND LIST may name subcommands (`config|get`), as Redis's does.
    let mut listed = set(&c.line("COMMAND LIST"));
    listed.retain(|name| !name.contains('|'));
    assert_eq!(listed, distinct);
    assert_eq!(c.line("COMMAND COUNT").integer() as usize, distinct.len());
    let table: BTreeSet<String> = commands().map(|command| command.name.to_string()).collect();
    assert_eq!(table, distinct);
}

fn commands() -> impl Iterator<Item = &'static Command> {
    TABLE.iter().copied().flatten()
}

const START: &str = "<!-- commands -->\n";
const END: &str = "<!-- /commands -->";

#[test]
fn readme_lists_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).expect("README.md");
    let (before, rest) = readme
        .split_once(START)
        .expect("README.md has `<!-- commands -->`");
    let (listed, after) = rest
        .split_once(END)
        .expect("README.md has `<!-- /commands -->`");
    let table = readme_table();
    if std::env::var_os("FIELDSTONE_UPDATE_README").is_some() {
        let written = format!("{before}{START}{table}{END}{after}");
        std::fs::write(path, written).expect("write README.md");
        return;
    }
    let hint = "README.md lists other commands than the table has; to write its list:\n\
                FIELDSTONE_UPDATE_README=1 cargo test --test command_table readme";
    assert_eq!(listed, table, "{hint}");
}

/// One line a group of commands.
fn readme_table() -> String {
    let mut groups: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for command in commands() {
        let mut name = format!("`{}`", command.name.to_ascii_uppercase());
        if !command.subcommands.is_empty() {
            let subcommands = command.subcommands.iter();
            let mut names: Vec<&str> = subcommands.map(|command| command.name).collect();
            names.sort_unstable();
            name.push_str(&format!(" ({})", names.join(", ")));
        }
        let group = groups.entry(command.group).or_default();
        group.insert(command.name, name);
    }
    let mut text = String::from("| group | commands |\n|---|---|\n");
    for (group, names) in groups {
        let names: Vec<String> = names.into_values().collect();
        text.push_str(&format!("| {group} | {} |\n", names.join(", ")));
    }
    text
}
