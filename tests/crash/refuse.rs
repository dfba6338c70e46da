//! Directories that a server must not serve from, or not without a word.

use crate::node::{self, Ended, segments};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub fn refused(dir: &Path) -> Ended {
    match node::try_start(None, dir, "always") {
        Ok(_) => panic!("it started"),
        Err(ended) => {
            assert_eq!(ended.status.code(), Some(1), "{}", ended.said);
            assert!(!ended.said.contains("panicked"), "{}", ended.said);
            ended
        }
    }
}

/// The second server refuses, also when the first had found a lock of one that died.
pub fn locked() {
    let folder = node::fast_folder();
    let first = node::start(folder.path(), "always");
    first.connect().line("SET k v");
    for _ in 0..2 {
        let said = refused(folder.path()).said;
        assert!(
            said.contains("another server is using this directory"),
            "{said}"
        );
        assert_eq!(first.connect().line("GET k").text(), "v");
    }
    first.kill();
    let second = node::start(folder.path(), "always");
    refused(folder.path());
    assert_eq!(second.connect().line("GET k").text(), "v");
}

/// As a user who may not write there: root may everywhere.
pub fn permission() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("data");
    fs::create_dir(&dir).expect("make a folder");
    // Not even a privileged user makes a directory below a file.
    fs::write(dir.join("file"), "").expect("make a file");
    let said = refused(&dir.join("file/data")).said;
    assert!(said.contains("file/data"), "{said}");
    let nobody = ["setpriv", "--reuid", "65534", "--clear-groups"].map(str::to_owned);
    let probe = std::process::Command::new("setpriv")
        .args(["--reuid", "65534", "--clear-groups", "true"])
        .output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o500);
        fs::set_permissions(&dir, mode).expect("take the permission");
        let said = refused(&dir).said;
        assert!(said.to_lowercase().contains("permission denied"), "{said}");
        return;
    }
    // Others may enter the folder, and use nothing in it.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.path(), mode).expect("let others in");
    let program = folder.path().join("program");
    fs::copy(env!("CARGO_BIN_EXE_fieldstone"), &program).expect("copy the program");
    let run = std::process::Command::new("timeout")
        .arg("60")
        .args(nobody)
        .arg(program)
        .args([
            "serve",
            "--port",
            "0",
            "--bind",
            "127.0.0.1",
            "--appendonly",
            "yes",
            "--dir",
        ])
        .arg(&dir)
        .output()
        .expect("run the program");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(
        !run.status.success() && run.status.code() != Some(124),
        "{}: {said}",
        run.status
    );
    assert!(said.to_lowercase().contains("permission denied"), "{said}");
    assert!(said.contains(&dir.display().to_string()), "{said}");
}

/// A directory with ten writes, each of them synced, the last after the others were.
fn written(dir: &Path) -> PathBuf {
    let node = node::start(dir, "always");
    let mut c = node.connect();
    for i in 0..10 {
        c.call(&[
            "HSET",
            &format!("key{i}"),
            "f",
            &format!("value-{i}-{}", "x".repeat(100)),
        ]);
    }
    drop(c);
    node.kill();
    let first = segments(dir).into_iter().next();
    first.expect("a segment")
}

fn find(path: &Path, text: &str) -> u64 {
    let bytes = fs::read(path).expect("read a segment");
    let at = bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes());
    at.expect("the text is in the log") as u64
}

pub fn flip(path: &Path, at: u64, bit: u8) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .expect("open a segment");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("read a byte");
    byte[0] ^= 1 << bit;
    file.write_all_at(&byte, at).expect("write a byte");
}

/// A flipped bit in a record that was acknowledged: refused, with the file and the place, and
/// nothing is changed; with the bit flipped back everything is there.
pub fn damaged() {
    let folder = node::fast_folder();
    let segment = written(folder.path());
    let name = segment
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name")
        .to_owned();
    let before = fs::read(&segment).expect("read a segment");
    for (text, shift, bit) in [
        ("value-0-", 3, 0),
        ("value-4-", 7, 7),
        ("key5", 0, 2),
        // The head of a record: length, checksum, LSN.
        ("key6", -27, 1),
        ("key6", -22, 4),
        ("key6", -18, 0),
        ("value-8-", 50, 5),
    ] {
        let at = find(&segment, text)
            .checked_add_signed(shift)
            .expect("a place");
        flip(&segment, at, bit);
        let said = refused(folder.path()).said;
        assert!(said.contains(&name), "{text}: {said}");
        let offset = said
            .split("at byte ")
            .nth(1)
            .and_then(|rest| rest.split(',').next());
        let offset: u64 = offset
            .and_then(|n| n.parse().ok())
            .unwrap_or_else(|| panic!("{said}"));
        assert!(
            offset <= at && at < offset + 200,
            "{text}: byte {at}: {said}"
        );
        flip(&segment, at, bit);
        assert!(
            fs::read(&segment).expect("read a segment") == before,
            "it was touched"
        );
    }
    // The first one, to the letter.
    flip(&segment, 64 + 30, 0);
    let said = refused(folder.path()).said;
    let must = format!("{name}: no whole record of LSN 1 at byte 64");
    assert!(said.contains(&must), "{said}");
    flip(&segment, 64 + 30, 0);
    let node = node::start(folder.path(), "always");
    assert_eq!(node.connect().line("DBSIZE").integer(), 10);
}

/// A log that ends within a record: started without that record, and said.
pub fn cut() {
    let folder = node::fast_folder();
    let segment = written(folder.path());
    // As after a loss of power before the log was idle.
    let _ = fs::remove_file(folder.path().join("SYNCED"));
    let last = find(&segment, "key9");
    let file = OpenOptions::new()
        .write(true)
        .open(&segment)
        .expect("open a segment");
    file.set_len(last + 50).expect("cut it");
    drop(file);
    let node = node::start(folder.path(), "always");
    let said = node.said.join("\n");
    let bytes = node.number("recovered_passed_over_bytes");
    assert!(bytes > 0, "what was passed over is counted");
    let told = format!("{bytes} bytes behind the last whole record passed over");
    assert!(said.contains(&told), "{said}");
    let mut c = node.connect();
    assert_eq!(c.line("DBSIZE").integer(), 9);
    assert_eq!(node.number("recovered_changes"), 9);
    // It is the end of that log for good: new writes follow.
    c.line("SET new v");
    drop(c);
    node.kill();
    let node = node::start(folder.path(), "always");
    assert_eq!(node.connect().line("EXISTS key8 key9 new").integer(), 2);
}

/// What was lost is never mistaken for an empty start.
pub fn lost() {
    let folder = node::fast_folder();
    let segment = written(folder.path());
    let dir = folder.path();
    let manifest = dir.join("MANIFEST");
    let aside = folder.path().join("aside");
    fs::rename(&manifest, &aside).expect("take it away");
    let said = refused(dir).said;
    assert!(said.contains("MANIFEST: it was lost"), "{said}");
    fs::rename(&aside, &manifest).expect("put it back");
    fs::rename(&segment, &aside).expect("take it away");
    refused(dir);
    fs::rename(&aside, &segment).expect("put it back");
    let all = segments(dir);
    let away = tempfile::tempdir_in(dir).expect("a folder");
    for path in &all {
        fs::rename(path, away.path().join(path.file_name().expect("a name"))).expect("move it");
    }
    let said = refused(dir).said;
    assert!(said.contains("no log: it was lost"), "{said}");
    for path in &all {
        let name = path.file_name().expect("a name");
        fs::rename(away.path().join(name), path).expect("put it back");
    }
    let text = fs::read(&manifest).expect("read the manifest");
    for (other, told) in [
        ("", "this is no manifest"),
        ("fieldstone data directory, format 2\n", "its format is 2"),
        ("fieldstone data directory", "this is no manifest"),
    ] {
        fs::write(&manifest, other).expect("write a manifest");
        let said = refused(dir).said;
        assert!(said.contains(&format!("MANIFEST: {told}")), "{said}");
    }
    fs::write(&manifest, text).expect("write the manifest");
    let node = node::start(dir, "always");
    assert_eq!(node.connect().line("DBSIZE").integer(), 10);
    node.kill();
    // The first of several segments.
    let node = node::start(dir, "always");
    node.connect().line("SET later v");
    node.kill();
    fs::rename(&segment, &aside).expect("take a file away");
    refused(dir);
    fs::rename(&aside, &segment).expect("put it back");
    let node = node::start(dir, "always");
    assert_eq!(node.connect().line("DBSIZE").integer(), 11);
}
