//! Checkpoints that are cut short by an orderly end, and files of them that are damaged or gone.

use crate::node::{self, Node, is_ok, left_over};
use crate::refuse::{flip, refused};
use crate::scenario::SAVE;
use crate::support::Value;
use crate::tally;
use crate::trace::{Kind, Plan, What};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Far longer than the end of a server takes that gives its checkpoint up at once.
const STOP_MAX: Duration = Duration::from_secs(5);

/// At this rate, a checkpoint of what [`fill`] writes takes minutes.
const SLOW: &str = "everysec --checkpoint-rate 20000";
const KEYS: usize = 400;

fn value(n: usize) -> String {
    format!("{n}:").repeat(4000)
}

fn fill(node: &Node) {
    let mut c = node.connect();
    for n in 0..KEYS {
        assert!(is_ok(&c.call(&["SET", &format!("k{n}"), &value(n)])));
    }
}

fn assert_filled(node: &Node) {
    let mut c = node.connect();
    for n in 0..KEYS {
        let found = c.call(&["GET", &format!("k{n}")]).text();
        assert_eq!(found, value(n), "k{n}");
    }
    tally::add("acknowledged writes checked, 0 lost", KEYS as u64);
}

fn assert_stops_at_once(node: Node) {
    let began = Instant::now();
    node.terminate();
    let took = began.elapsed();
    assert!(took < STOP_MAX, "the end took {took:?}");
}

/// SIGTERM during a checkpoint that takes minutes: it is given up, and nothing is lost.
pub fn stopped() {
    let folder = node::fast_folder();
    let node = node::start(folder.path(), SLOW);
    fill(&node);
    let mut c = node.connect();
    assert!(!c.line("BGSAVE").is_error());
    node::poll("it writes", || !left_over(folder.path()).is_empty());
    assert_eq!(node.number("rdb_bgsave_in_progress"), 1);
    assert!(c.line("BGSAVE").is_error(), "one at a time");
    drop(c);
    assert_stops_at_once(node);
    assert_eq!(
        left_over(folder.path()).len(),
        0,
        "what does not count is gone"
    );
    let node = node::start(folder.path(), SLOW);
    assert_filled(&node);
    // Who waits for one does not wait for its pace.
    let mut c = node.connect();
    c.line("BGSAVE");
    node::poll("it writes", || !left_over(folder.path()).is_empty());
    assert!(is_ok(&c.line(SAVE)));
    node.kill();
    let node = node::start(folder.path(), SLOW);
    assert_eq!(node.number("recovered_changes"), 0);
    assert_filled(&node);
}

/// SIGTERM while a client waits for a checkpoint, on a disk that takes its time.
pub fn stopped_while_awaited() {
    let folder = node::fast_folder();
    let dir = folder.path().join("data");
    let mut plan = Plan::new(folder.path(), &dir, &[Kind::Sync], What::Hold(300), 1);
    plan.stays = true;
    let node = node::try_start(Some(&plan), &dir, "everysec");
    let node = node.unwrap_or_else(|ended| panic!("{}", ended.said));
    node::poll("a spare segment", || node.last_mapped() >= 2);
    fill(&node);
    plan.arm();
    let mut c = node.connect();
    c.send(b"SAVE\r\n").expect("send");
    node::poll("it writes", || left_over(&dir).len() > 1);
    assert_stops_at_once(node);
    assert!(!matches!(c.read(), Ok(reply) if is_ok(&reply.value)));
    assert_filled(&node::start(&dir, "always"));
}

/// The paths of files whose names begin so.
fn files(dir: &Path, begin: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("list the directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| name(path).starts_with(begin)).collect()
}

fn name(path: &Path) -> String {
    let name = path.file_name().expect("a name");
    name.to_string_lossy().into_owned()
}

/// A directory of a server that died, with one file of rows, and that file.
fn with_rows(dir: &Path) -> PathBuf {
    let node = node::start(dir, "always");
    let mut c = node.connect();
    let text = "text ".repeat(50_000);
    assert!(is_ok(&c.call(&["SET", "k", &text])));
    // Rows of the same shape are what makes a catalog.
    for n in 0..40 {
        c.call(&["HSET", &format!("h{n}"), "field", "value"]);
    }
    c.line("HSET {k}h f v");
    assert!(is_ok(&c.line(SAVE)));
    assert!(is_ok(&c.line("SET {k}later v")));
    node.kill();
    // The hash of a key has no use for braces: it may be in a shard of its own.
    let sized = |path: &PathBuf| fs::metadata(path).expect("a file").len();
    files(dir, "rows-")
        .into_iter()
        .max_by_key(sized)
        .expect("a file")
}

fn is_refused(reply: &Value) -> bool {
    reply.text().starts_with("MISCONF ")
}

/// Damage that no start sees is found by the scrub: changes are refused, reads go on.
pub fn damaged() {
    let folder = node::fast_folder();
    let dir = folder.path();
    let rows = with_rows(dir);
    flip(&rows, 100_000, 3);
    let node = node::start(dir, "always");
    node::poll("the scrub finds it", || node.number("scrub_errors") > 0);
    let told = node.info("scrub_damage");
    assert!(told.contains(&name(&rows)), "{told}");
    assert!(told.contains("the 64 KiB at byte 65536"), "{told}");
    assert!(node.info("log_state").starts_with("damaged: "));
    let mut c = node.connect();
    for request in ["SET n v", "DEL k", "HSET {k}h f w", "FLUSHALL"] {
        let reply = c.line(request);
        assert!(is_refused(&reply), "{request}: {}", reply.text());
    }
    assert_eq!(c.line("GET {k}later").text(), "v");
    assert_eq!(c.line("HGET {k}h f").text(), "v");
    assert_eq!(c.line("DBSIZE").integer(), 43);
    drop(c);
    node.terminate();
    // Whoever wants to know before: the whole of it is compared at the start.
    let said = match node::try_start(None, dir, "always --base-verify-at-start yes") {
        Ok(_) => panic!("it started"),
        Err(ended) => ended.said,
    };
    assert!(said.contains(&name(&rows)), "{said}");
    flip(&rows, 100_000, 3);
    let node = node::start(dir, "always --base-verify-at-start yes");
    let mut c = node.connect();
    assert!(is_ok(&c.line("SET n v")), "a restart makes it good");
    node::poll("a pass of the scrub", || node.number("scrub_passes") > 0);
    assert_eq!(node.info("scrub_damage"), "none");
    assert_eq!(c.line("STRLEN k").integer(), 250_000);
    drop(c);
    node.kill();
    // What a start looks at: the end of the file, and its first bytes.
    let end = fs::metadata(&rows).expect("the file").len();
    for at in [0, end - 10, end - 60] {
        flip(&rows, at, 1);
        let said = refused(dir).said;
        assert!(said.contains(&name(&rows)), "byte {at}: {said}");
        flip(&rows, at, 1);
    }
    assert_eq!(
        node::start(dir, "always")
            .connect()
            .line("DBSIZE")
            .integer(),
        44
    );
}

/// A file that is gone is named; nothing of the others is touched.
pub fn lost() {
    let folder = node::fast_folder();
    let dir = folder.path().join("data");
    with_rows(&dir);
    for begin in ["rows-", "catalog-"] {
        let all = files(&dir, begin);
        assert!(!all.is_empty(), "there is a {begin}");
        for path in &all {
            let aside = folder.path().join("aside");
            fs::rename(path, &aside).expect("take it away");
            let said = refused(&dir).said;
            assert!(said.contains(&name(path)), "{said}");
            fs::rename(&aside, path).expect("put it back");
        }
    }
    let manifest = dir.join("MANIFEST");
    let aside = folder.path().join("aside");
    fs::rename(&manifest, &aside).expect("take it away");
    let said = refused(&dir).said;
    assert!(said.contains("no MANIFEST: it was lost"), "{said}");
    fs::rename(&aside, &manifest).expect("put it back");
    assert_eq!(
        node::start(&dir, "always")
            .connect()
            .line("DBSIZE")
            .integer(),
        43
    );
}
