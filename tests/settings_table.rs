//! README.md's table of settings is the one in the code: every setting with its default and
//! whether `CONFIG SET` may change it, and no other.

use fieldstone::config::{Config, settings};

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
