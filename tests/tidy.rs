//! The architecture, kept true: this test reads `src/` and fails where a rule of style or of
//! layering is broken. The rules are told in `src/lib.rs`.

use std::path::{Path, PathBuf};

/// The only files with `unsafe`, each use under a `// SAFETY:` comment.
const UNSAFE_FILES: &[&str] = &[
    "src/engine/half_bytes/vectors.rs",
    "src/engine/prefetch.rs",
    "src/engine/tags.rs",
    "src/io/map.rs",
];

/// Functions of more than 70 lines, by name: none, unless cutting one would make it worse.
const LONG_FUNCTIONS: &[&str] = &[];

const FUNCTION_LINES_MAX: usize = 70;

struct Source {
    /// Relative to the repository: `src/engine/row.rs`.
    path: String,
    text: String,
    /// The text without what the end of the file has under `#[cfg(test)]`.
    code: String,
}

impl Source {
    fn is_in(&self, folder: &str) -> bool {
        self.path.starts_with(&format!("{folder}/")) || self.path == format!("{folder}.rs")
    }
    /// The numbers and texts of lines of code that are no comments; tests are left out.
    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let comment = |line: &str| line.trim_start().starts_with("//");
        self.code
            .lines()
            .enumerate()
            .map(|(i, l)| (i + 1, l))
            .filter(move |(_, l)| !comment(l))
    }
}

fn files(folder: &Path, extension: &str, into: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, extension, into);
        } else if path.extension().is_some_and(|e| e == extension) {
            into.push(path);
        }
    }
}

fn read(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in folders {
        files(&root.join(folder), "rs", &mut paths);
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a source file in UTF-8");
        let code = match text.find("#[cfg(test)]\nmod tests {") {
            Some(at) => text[..at].to_string(),
            None => text.clone(),
        };
        let path = path.strip_prefix(root).expect("below the root");
        let path = path.to_string_lossy().into_owned();
        // A file of tests only, next to the code.
        let code = if path.ends_with("tests.rs") {
            String::new()
        } else {
            code
        };
        Source { path, text, code }
    };
    paths.into_iter().map(read).collect()
}

fn source() -> Vec<Source> {
    let sources = read(&["src"]);
    assert!(sources.len() > 20, "src/ was not found");
    sources
}

fn report(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

/// Lines of code with one of `words` (as whole words) in files for which `applies` holds.
fn lines_with(words: &[&str], applies: impl Fn(&Source) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in source().iter().filter(|s| applies(s)) {
        for (n, line) in source.code_lines() {
            let code = line.split(" // ").next().unwrap_or_default();
            for word in words.iter().filter(|word| has_word(code, word)) {
                found.push(format!("{}:{n}: {word}", source.path));
            }
        }
    }
    found
}

fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let starts_part = word.starts_with(part);
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let inside_before = starts_part && before.is_some_and(part);
        let inside_after = word.ends_with(part) && after.is_some_and(part);
        !inside_before && !inside_after
    })
}

#[test]
fn lines_are_ascii_and_at_most_100_columns() {
    let mut broken = Vec::new();
    for source in read(&["src", "tests", "benches", "fuzz/src"]) {
        for (i, line) in source.text.lines().enumerate() {
            if !line.is_ascii() || line.contains('\t') {
                broken.push(format!("{}:{}: not ASCII, or a tab", source.path, i + 1));
            }
            // Redis's words are not broken into lines.
            let quoted = ["summary: ", "complexity: "]
                .iter()
                .any(|s| line.trim().starts_with(s));
            if line.chars().count() > 100 && !quoted {
                broken.push(format!("{}:{}: too long", source.path, i + 1));
            }
        }
    }
    report("lines", &broken);
}

#[test]
fn nothing_is_left_unfinished() {
    let words = ["todo!", "dbg!", "unimplemented!"];
    let mut broken = lines_with(&words, |_| true);
    for source in source() {
        for (i, line) in source.text.lines().enumerate() {
            if line.contains(concat!("FIX", "ME")) || line.contains(concat!("XX", "X:")) {
                broken.push(format!("{}:{}: a note to oneself", source.path, i + 1));
            }
        }
    }
    report("unfinished", &broken);
}

#[test]
fn every_module_says_what_it_is() {
    let silent = |s: &Source| !s.text.starts_with("//! ");
    let silent: Vec<String> = source()
        .into_iter()
        .filter(silent)
        .map(|s| s.path)
        .collect();
    report("no module comment at the top", &silent);
}

#[test]
fn only_io_touches_files() {
    let words = ["std::fs", "tokio::fs", "File::", "OpenOptions", "memmap2"];
    // Maps of no file.
    let anonymous = "src/engine/memory.rs";
    report(
        "files outside src/io",
        &lines_with(&words, |s| !s.is_in("src/io") && s.path != anonymous),
    );
}

#[test]
fn only_clock_reads_the_clocks() {
    let words = ["SystemTime::now", "Instant::now", "elapsed()"];
    report(
        "clocks outside src/clock.rs",
        &lines_with(&words, |s| !s.is_in("src/clock")),
    );
}

#[test]
fn unsafe_is_confined_and_explained() {
    let mut broken = Vec::new();
    for source in source() {
        let lines: Vec<&str> = source.text.lines().collect();
        for (n, line) in source.code_lines() {
            if !has_word(line, "unsafe") {
                continue;
            }
            if !UNSAFE_FILES.contains(&source.path.as_str()) {
                broken.push(format!("{}:{n}: not a file for unsafe code", source.path));
            }
            let above = lines[..n].iter().rev().take(8);
            if !above
                .into_iter()
                .any(|l| l.contains("// SAFETY:") || l.contains("# Safety"))
            {
                broken.push(format!("{}:{n}: no `// SAFETY:` comment", source.path));
            }
        }
    }
    report("unsafe", &broken);
}

#[test]
fn the_arrows_run_one_way() {
    let modules = |names: &[&str]| -> Vec<String> {
        names
            .iter()
            .flat_map(|m| [format!("crate::{m}"), format!("fieldstone::{m}")])
            .collect()
    };
    let never = |folder: &str, names: &[&str]| {
        let mut words = modules(names);
        words.push("use crate::{".to_string());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        lines_with(&words, |s| s.is_in(folder))
    };
    let above_engine = [
        "resp", "command", "server", "instance", "config", "io", "loader",
    ];
    let mut broken = never("src/engine", &above_engine);
    broken.extend(never(
        "src/resp",
        &["command", "engine", "server", "instance", "io"],
    ));
    broken.extend(never(
        "src/glob",
        &["command", "engine", "server", "instance", "resp"],
    ));
    broken.extend(never(
        "src/rdb",
        &["command", "server", "instance", "resp", "io"],
    ));
    broken.extend(never("src/command", &["server"]));
    broken.extend(never(
        "src/view",
        &[
            "command", "engine", "server", "instance", "resp", "io", "clock",
        ],
    ));
    let sockets = ["tokio::net", "std::net", "std::fs", "tokio::fs"];
    broken.extend(lines_with(&sockets, |s| {
        s.is_in("src/command") || s.is_in("src/engine")
    }));
    report("an arrow the wrong way", &broken);
}

#[test]
fn only_the_loader_knows_parquet() {
    let words = ["parquet::", "arrow::"];
    report(
        "parquet outside src/loader",
        &lines_with(&words, |s| !s.is_in("src/loader")),
    );
}

#[test]
fn the_front_doors_are_short() {
    for path in ["src/main.rs", "src/lib.rs"] {
        let sources = source();
        let found = sources
            .iter()
            .find(|s| s.path == path)
            .expect("a front door");
        assert!(
            found.text.lines().count() < 150,
            "{path} has 150 lines or more"
        );
    }
}

/// Those of tests may be long tables.
#[test]
fn functions_are_short() {
    let mut broken = Vec::new();
    for source in read(&["src"]) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let Some(name) = function_name(line) else {
                continue;
            };
            // rustfmt puts the closing brace under the first letter of the function's line.
            let indent = line.len() - line.trim_start().len();
            let close = format!("{}}}", &line[..indent]);
            let length = lines[start..]
                .iter()
                .position(|l| *l == close)
                .map_or(0, |n| n + 1);
            let one_line = lines[start].ends_with(';') || lines[start].ends_with('}');
            if length > FUNCTION_LINES_MAX && !one_line && !LONG_FUNCTIONS.contains(&name) {
                broken.push(format!(
                    "{}:{}: {name}: {length} lines",
                    source.path,
                    start + 1
                ));
            }
        }
    }
    report("functions of more than 70 lines", &broken);
}

/// The name of the function that this line starts.
fn function_name(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let (before, after) = code.split_once("fn ")?;
    let known = [
        "pub",
        "const",
        "async",
        "unsafe",
        "pub(crate)",
        "pub(super)",
        "extern",
    ];
    let starts = before.split_whitespace().all(|word| known.contains(&word));
    let end = after.find(['(', '<'])?;
    (starts && !code.starts_with("//")).then_some(&after[..end])
}

/// Every command in the table is named, in capitals, in some test outside `src/`.
#[test]
fn every_command_has_a_test() {
    let mut tests = String::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut paths = Vec::new();
    for extension in ["rs", "py", "mjs", "sh"] {
        files(&root, extension, &mut paths);
    }
    for path in paths {
        tests.push_str(&std::fs::read_to_string(path).expect("a test file"));
    }
    let mut broken = Vec::new();
    for command in fieldstone::command::table::TABLE.iter().copied().flatten() {
        let name = command.name.to_ascii_uppercase();
        if !tests.lines().any(|line| has_word(line, &name)) {
            broken.push(name);
        }
    }
    report("commands without a test", &broken);
}
