//! A copy of the package whose source may be changed: `src` is copied, all else is linked to.

use super::bugs::Bug;
use std::fs;
use std::path::{Path, PathBuf};

pub struct Copy {
    /// Of cargo.
    target: PathBuf,
    folder: PathBuf,
}

/// Folders that are not needed, or are copied.
const NOT_LINKED: &[&str] = &["src", "target", ".git", "Cargo.toml", "Cargo.lock"];

const NAME: &str = "name = \"fieldstone\"\n";
const OTHER_NAME: &str = "name = \"fieldstone-planted\"\n";

fn names(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let named = |path: PathBuf| Some((path.file_name()?.to_str()?.to_owned(), path));
    paths.filter_map(named).collect()
}

/// A file keeps its time if it is as it should be: cargo builds nothing then.
fn write(path: &Path, bytes: &[u8]) {
    if fs::read(path).ok().as_deref() != Some(bytes) {
        fs::write(path, bytes).expect("a file is written");
    }
}

/// Make a folder the copy of another.
fn mirror(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder is made");
    for (name, path) in names(to) {
        let is_dir = from.join(name).symlink_metadata().ok().map(|m| m.is_dir());
        match path.is_dir() {
            is if is_dir == Some(is) => {}
            true => fs::remove_dir_all(path).expect("a folder is removed"),
            false => fs::remove_file(path).expect("a file is removed"),
        }
    }
    for (name, path) in names(from) {
        match path.is_dir() {
            true => mirror(&path, &to.join(name)),
            false => write(&to.join(name), &fs::read(path).expect("a file")),
        }
    }
}

impl Copy {
    /// Make it, or bring it up to date.
    pub fn new(root: &Path) -> Copy {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
        let target = target.expect("cargo's folder").to_owned();
        let folder = target.join("planted");
        mirror(&root.join("src"), &folder.join("src"));
        for (name, path) in names(root) {
            let link = folder.join(&name);
            if !NOT_LINKED.contains(&name.as_str())
                && fs::read_link(&link).ok() != Some(path.clone())
            {
                let _ = fs::remove_file(&link);
                std::os::unix::fs::symlink(path, link).expect("a link is made");
            }
        }
        // Under another name, so that cargo never takes what is built of the one for the other, and
        // a workspace of its own, whatever the folders above are.
        for (name, more) in [("Cargo.toml", "\n[workspace]\n"), ("Cargo.lock", "")] {
            let text = fs::read_to_string(root.join(name)).expect("a file of cargo");
            assert_eq!(text.matches(NAME).count(), 1, "the package in {name}");
            let text = text.replace(NAME, OTHER_NAME) + more;
            write(&folder.join(name), text.as_bytes());
        }
        Copy { target, folder }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn target(&self) -> &Path {
        &self.target
    }

    pub fn manifest(&self) -> PathBuf {
        self.folder.join("Cargo.toml")
    }

    /// The file of a bug, with the bug.
    pub fn planted(&self, bug: &Bug) -> Result<String, String> {
        let text = fs::read_to_string(self.folder.join(bug.file));
        let text = text.map_err(|error| format!("{}: {error}", bug.file))?;
        match text.matches(bug.good).count() {
            1 => Ok(text.replace(bug.good, bug.bad)),
            n => Err(format!("{n} times in {}: {:?}", bug.file, bug.good)),
        }
    }

    /// Change a file; answers what it was.
    pub fn replace(&self, file: &str, text: &str) -> String {
        let path = self.folder.join(file);
        let before = fs::read_to_string(&path).expect("a source file");
        fs::write(path, text).expect("a source file is written");
        before
    }
}
