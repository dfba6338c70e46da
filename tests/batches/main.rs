//! Batches as loaders and operators meet them: published whole or not at all, above what was there
//! and below what is written later, rolled back, folded, and there after a restart. What would
//! break: a row lost or doubled between levels, a feature that comes back, a file too many.

mod export;
mod model;
#[path = "../support/mod.rs"]
mod support;

use export::{Load, begin, upload};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::{Connection, Server};

const VIEWS: &str = r#"
[view.user_purchases]
entity = "user"
key = "{tenant}:user:{user_id}"
[view.user_purchases.feature]
purchases = { type = "int64" }
country = { type = "string" }
rate = { type = "float64" }
[view.user_clicks]
entity = "user"
key = "{tenant}:user:{user_id}"
[view.user_clicks.feature]
clicks = { type = "int64" }
"#;

const PURCHASES: Load<'_> = Load {
    view: "user_purchases",
    key: "A:user:{user_id}",
    replace: true,
    features: &["purchases", "country", "rate"],
};

const CLICKS: Load<'_> = Load {
    view: "user_clicks",
    key: "A:user:{user_id}",
    replace: false,
    features: &["clicks"],
};

type Rows = Vec<(String, Vec<Option<String>>)>;

fn start(dir: &Path, options: &[&str]) -> Server {
    let dir = dir.to_str().expect("a path in UTF-8");
    let mut all = vec!["--dir", dir, "--appendonly", "yes", "--io-threads", "1"];
    all.extend(options);
    Server::ours(&all)
}

/// Users of these numbers, and values that tell the version.
fn purchases(users: impl Iterator<Item = usize>, version: usize) -> Rows {
    let row = |n: usize| {
        let rate = (!n.is_multiple_of(3)).then(|| format!("0.{version}{n}"));
        let values = vec![Some((n * version).to_string()), Some("CH".to_owned()), rate];
        (format!("A:user:{n}"), values)
    };
    users.map(row).collect()
}

fn hmget(c: &mut Connection, user: usize, names: &[&str]) -> Vec<Option<String>> {
    let key = format!("A:user:{user}");
    let words = [&["HMGET", &key], names].concat();
    let reply = c.call(&words);
    let text = |value: &support::Value| (!value.is_nil()).then(|| value.text());
    reply.items().iter().map(text).collect()
}

fn some(values: &[&str]) -> Vec<Option<String>> {
    values
        .iter()
        .map(|value| Some((*value).to_owned()))
        .collect()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within a minute");
        std::thread::yield_now();
    }
}

/// The files of batches in a directory.
fn batch_files(dir: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir).expect("the directory");
    let files = files.map(|file| file.expect("an entry").path());
    let is_batch = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("batch-")
    };
    files.filter(is_batch).collect()
}

fn folded(c: &mut Connection, view: &str) -> String {
    let status = c.call(&["FS.BATCH", "STATUS", view]);
    status.items()[0].entry("folded").expect("folded").text()
}

#[test]
fn a_batch_is_above_what_was_and_below_what_comes() {
    let dir = tempfile::tempdir().expect("a folder");
    // Nothing is folded by itself.
    let options = ["--checkpoint-rate", "1"];
    let mut server = start(dir.path(), &options);
    let mut c = server.connect();
    c.call(&["FS.VIEW", "APPLY", VIEWS]);
    for n in 0..100 {
        let key = format!("A:user:{n}");
        c.call(&["HSET", &key, "purchases", "-1", "live", "yes"]);
    }
    let published = PURCHASES.publish(&mut c, &purchases(50..150, 1));
    assert_eq!(published.entry("entities").map(|v| v.integer()), Some(100));
    let check = |c: &mut Connection| {
        let all = ["purchases", "country", "live"];
        // The batch has it not: its features are gone, others stay.
        assert_eq!(hmget(c, 7, &all), [None, None, Some("yes".to_owned())]);
        assert_eq!(hmget(c, 70, &all), some(&["70", "CH", "yes"]));
        assert_eq!(hmget(c, 120, &all)[..2], some(&["120", "CH"]));
        assert_eq!(c.line("HLEN A:user:120").integer(), 2);
        assert_eq!(c.line("HLEN A:user:121").integer(), 3);
        assert_eq!(c.line("HGETALL A:user:121").items().len(), 6);
        assert_eq!(c.line("EXISTS A:user:149 A:user:150").integer(), 1);
        assert_eq!(c.line("TYPE A:user:149").text(), "hash");
    };
    check(&mut c);
    assert_eq!(c.line("DBSIZE").integer(), 150);
    // Later writes win, whether of the view or not; a deletion deletes.
    c.line("HSET A:user:70 purchases 71");
    c.line("HINCRBY A:user:72 purchases 1000");
    c.line("HDEL A:user:74 country");
    c.line("DEL A:user:140");
    let check_writes = |c: &mut Connection| {
        assert_eq!(hmget(c, 70, &["purchases", "country"]), some(&["71", "CH"]));
        assert_eq!(hmget(c, 72, &["purchases"]), some(&["1072"]));
        assert_eq!(hmget(c, 74, &["country", "purchases"])[0], None);
        assert_eq!(c.line("EXISTS A:user:140").integer(), 0);
    };
    check_writes(&mut c);
    // A restart from the log, one from files without a fold, one after it.
    for round in 0..3 {
        match round {
            0 => {}
            1 => {
                c.line("CONFIG SET checkpoint-rate 0");
                assert_eq!(c.line("SAVE").text(), "OK");
            }
            _ => {
                c.line("CONFIG SET batch-layers 0");
                until("folded", || folded(&mut c, "user_purchases") == "yes");
            }
        }
        drop(server);
        server = start(dir.path(), &[]);
        c = server.connect();
        check_writes(&mut c);
        c.line("HSET A:user:70 purchases 70");
        check(&mut c);
        c.line("HSET A:user:70 purchases 71");
    }
}

/// The file of a version that is only kept for a rollback is read by nobody but the scrub.
#[test]
fn a_kept_version_that_rots_is_found_and_not_rolled_back_to() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = start(dir.path(), &["--batch-layers", "0"]);
    let mut c = server.connect();
    c.call(&["FS.VIEW", "APPLY", VIEWS]);
    PURCHASES.publish(&mut c, &purchases(0..100, 1));
    until("folded", || folded(&mut c, "user_purchases") == "yes");
    let [first] = batch_files(dir.path()).try_into().expect("one file");
    PURCHASES.publish(&mut c, &purchases(0..100, 2));
    until("folded", || folded(&mut c, "user_purchases") == "yes");
    c.line("SAVE");
    drop(server);

    let mut bytes = std::fs::read(&first).expect("the file of version 1");
    let middle = bytes.iter().rposition(|byte| *byte != 0).expect("bytes") / 2;
    bytes[middle] ^= 1;
    std::fs::write(&first, bytes).expect("the file is written");

    let server = start(dir.path(), &[]);
    let mut c = server.connect();
    let info = |c: &mut Connection, name: &str| -> i64 {
        let text = c.line("INFO persistence").text();
        let mut lines = text.lines();
        let found = lines.find_map(|line| line.strip_prefix(&format!("{name}:")));
        found.expect(name).parse().expect("a number")
    };
    until("a scrub", || info(&mut c, "scrub_passes") > 0);
    assert_eq!(info(&mut c, "scrub_errors"), 1);
    let listed = c.line("FS.BATCH LIST user_purchases");
    let states: Vec<(i64, String)> = listed
        .items()
        .iter()
        .filter_map(|one| Some((one.entry("version")?.integer(), one.entry("state")?.text())))
        .collect();
    let states: Vec<(i64, &str)> = states.iter().map(|(n, state)| (*n, &**state)).collect();
    assert_eq!(states, [(1, "damaged"), (2, "current")]);
    let refused = c.line("FS.BATCH ROLLBACK user_purchases");
    assert!(refused.is_error());
    let text = refused.text();
    let told = "ERR version 1 of view user_purchases cannot be published: batch-000000000001";
    assert!(text.starts_with(told), "{text}");
    // What is served is whole, so nothing else stops.
    assert_eq!(hmget(&mut c, 60, &["purchases"]), some(&["120"]));
    assert_eq!(c.line("HSET A:user:60 purchases 1").integer(), 0);
    assert_eq!(c.line("FS.BATCH RETIRE user_purchases 1").text(), "OK");
}

/// What may pass has a code by which loaders try again.
#[test]
fn so_many_batches_at_once_are_busy() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = start(dir.path(), &[]);
    let mut c = server.connect();
    c.call(&["FS.VIEW", "APPLY", VIEWS]);
    let refused = (0..1000)
        .map(|_| c.line("FS.BATCH BEGIN user_purchases"))
        .find(support::Value::is_error)
        .expect("a limit");
    assert_eq!(refused.text(), "BUSY 64 batches are being loaded already");
    assert!(c.line("FS.BATCH BEGIN nobody").text().starts_with("ERR "));
}

/// A view that changes while the rows of a batch are compared with it: the batch is of a view that
/// is no more, and whoever loads it tries again.
#[test]
fn a_batch_of_a_view_that_changes_meanwhile_is_to_be_loaded_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = start(dir.path(), &["--io-threads", "2"]);
    let (mut c, mut other) = (server.connect(), server.connect());
    c.call(&["FS.VIEW", "APPLY", VIEWS]);
    let rows = purchases(0..4000, 1);
    for version in 0..200 {
        let begun = begin(&mut c, PURCHASES.view);
        upload(&mut c, begun.number, &PURCHASES.file(&begun, &rows, None));
        let number = begun.number.to_string();
        c.send(&support::encode(&["FS.BATCH", "PUBLISH", &number]))
            .expect("sent");
        let owner = format!("key = \"{{tenant}}:user:{{user_id}}\"\nowner = \"{version}\"");
        let changed = VIEWS.replacen("key = \"{tenant}:user:{user_id}\"", &owner, 1);
        assert!(!other.call(&["FS.VIEW", "APPLY", &changed]).is_error());
        let published = c.read().expect("a reply");
        if published.value.is_error() {
            let text = published.value.text();
            let want = "TRYAGAIN view user_purchases was changed while its batch came in";
            assert!(text.starts_with(want), "{text}");
            // Nothing of it counts, and the same again does.
            let status = c.line("FS.BATCH STATUS user_purchases");
            let now = status.items().first().and_then(|one| one.entry("version"));
            assert_eq!(now.map_or(0, |now| now.integer()), version);
            let again = PURCHASES.publish(&mut c, &rows);
            assert_eq!(
                again.entry("version").map(|v| v.integer()),
                Some(version + 1)
            );
            return;
        }
    }
    panic!("the view never changed in time");
}

#[test]
fn a_rollback_publishes_an_earlier_version_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = start(dir.path(), &[]);
    let mut c = server.connect();
    c.call(&["FS.VIEW", "APPLY", VIEWS]);
    for version in 1..=4 {
        let users = version * 10..100 + version;
        let published = PURCHASES.publish(&mut c, &purchases(users, version));
        assert_eq!(
            published.entry("version").map(|v| v.integer()),
            Some(version as i64)
        );
        let keys = 100 + version - version * 10;
        assert_eq!(
            c.line("DBSIZE").integer(),
            keys as i64,
            "of version {version}"
        );
    }
    let shown = |c: &mut Connection| hmget(c, 60, &["purchases"])[0].clone();
    assert_eq!(shown(&mut c).as_deref(), Some("240"));
    let listed = c.line("FS.BATCH LIST user_purchases");
    let versions: Vec<i64> = listed
        .items()
        .iter()
        .filter_map(|one| Some(one.entry("version")?.integer()))
        .collect();
    assert_eq!(versions, [2, 3, 4], "two are kept besides the current one");
    c.line("HSET A:user:60 purchases 1");
    let back = c.line("FS.BATCH ROLLBACK user_purchases");
    assert_eq!(back.entry("version").map(|v| v.integer()), Some(3));
    assert_eq!(shown(&mut c).as_deref(), Some("180"));
    assert_eq!(
        hmget(&mut c, 103, &["purchases"]),
        [None],
        "only version 4 had it"
    );
    c.line("HSET A:user:60 purchases 2");
    assert_eq!(shown(&mut c).as_deref(), Some("2"));
    c.line("FS.BATCH ROLLBACK user_purchases VERSION 2");
    assert_eq!(shown(&mut c).as_deref(), Some("120"));
    assert!(
        c.line("FS.BATCH ROLLBACK user_purchases VERSION 1")
            .is_error()
    );
    assert!(
        c.line("FS.BATCH RETIRE user_purchases 2").is_error(),
        "it is the current one"
    );
    assert_eq!(c.line("FS.BATCH RETIRE user_purchases 3").text(), "OK");
    assert!(
        c.line("FS.BATCH ROLLBACK user_purchases VERSION 3")
            .is_error()
    );
    until("the files of versions that are kept no more go", || {
        c.line("SAVE");
        batch_files(dir.path()).len() == 2
    });
}

#[test]
fn an_upload_counts_when_it_is_published_and_not_before() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = start(dir.path(), &[]);
    let mut c = server.connect();
    assert!(
        c.line("FS.BATCH BEGIN user_purchases").is_error(),
        "no such view"
    );
    c.call(&["FS.VIEW", "APPLY", VIEWS]);
    let begun = begin(&mut c, "user_purchases");
    let file = PURCHASES.file(&begun, &purchases(0..1000, 1), None);
    upload(&mut c, begun.number, &file[..file.len() - 10]);
    let number = begun.number.to_string();
    // Another connection has nothing to do with it, nor is a part a batch.
    let mut other = server.connect();
    assert!(other.call(&["FS.BATCH", "PUBLISH", &number]).is_error());
    assert!(c.call(&["FS.BATCH", "WRITE", &number, "3", "x"]).is_error());
    let refused = c.call(&["FS.BATCH", "PUBLISH", &number]);
    assert!(refused.text().contains("its end is missing"), "{refused:?}");
    assert_eq!(c.line("DBSIZE").integer(), 0);
    // Damage is found.
    for at in [100, file.len() / 2, file.len() - 200] {
        let begun = begin(&mut c, "user_purchases");
        let mut file = PURCHASES.file(&begun, &purchases(0..1000, 1), None);
        file[at] ^= 1;
        upload(&mut c, begun.number, &file);
        let refused = c.call(&["FS.BATCH", "PUBLISH", &begun.number.to_string()]);
        assert!(refused.is_error(), "{at}: {refused:?}");
    }
    // Keys that are none of the view's, and features of another.
    let foreign = Load {
        key: "A:item:{id}",
        ..PURCHASES
    };
    assert!(foreign.publish(&mut c, &purchases(0..2, 1)).is_error());
    let foreign = Load {
        features: &["purchases", "country", "clicks"],
        ..PURCHASES
    };
    assert!(foreign.publish(&mut c, &purchases(0..2, 1)).is_error());
    assert_eq!(c.line("DBSIZE").integer(), 0);
    // Given up, by word or by going away: nothing is left of it.
    let begun = begin(&mut c, "user_purchases");
    assert_eq!(
        c.call(&["FS.BATCH", "ABORT", &begun.number.to_string()])
            .integer(),
        1
    );
    begin(&mut other, "user_purchases");
    drop(other);
    until("files of those who went away go", || {
        batch_files(dir.path()).is_empty()
    });
    assert!(!PURCHASES.publish(&mut c, &purchases(0..1000, 1)).is_error());
    assert_eq!(c.line("DBSIZE").integer(), 1000);
}

#[test]
fn views_do_not_touch_each_other_and_layers_are_folded() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = start(dir.path(), &["--checkpoint-rate", "0"]);
    let mut c = server.connect();
    c.call(&["FS.VIEW", "APPLY", VIEWS]);
    let clicks = |n: usize| (format!("A:user:{n}"), vec![Some(format!("{n}"))]);
    for version in 1..=5 {
        PURCHASES.publish(&mut c, &purchases(0..500, version));
        CLICKS.publish(
            &mut c,
            &(version * 100..version * 100 + 50)
                .map(clicks)
                .collect::<Rows>(),
        );
    }
    let check = |c: &mut Connection| {
        assert_eq!(
            hmget(c, 3, &["purchases", "clicks"]),
            [Some("15".to_owned()), None]
        );
        for version in 1..5 {
            let user = version * 100 + 7;
            let expected = [(user * 5).to_string(), user.to_string()].map(Some);
            assert_eq!(
                hmget(c, user, &["purchases", "clicks"]),
                expected,
                "upserts stay"
            );
        }
        assert_eq!(hmget(c, 520, &["clicks"]), some(&["520"]));
        assert_eq!(c.line("HGETALL A:user:301").items().len(), 8);
    };
    check(&mut c);
    c.line("CONFIG SET batch-layers 0");
    until("folded", || {
        folded(&mut c, "user_purchases") == "yes" && folded(&mut c, "user_clicks") == "yes"
    });
    check(&mut c);
    assert_eq!(c.line("DBSIZE").integer(), 550);
    drop(server);
    server = start(dir.path(), &[]);
    c = server.connect();
    check(&mut c);
    assert_eq!(c.line("DBSIZE").integer(), 550);
}

#[test]
fn a_view_that_is_dropped_takes_its_features_with_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = start(dir.path(), &["--checkpoint-rate", "0"]);
    let mut c = server.connect();
    c.call(&["FS.VIEW", "APPLY", VIEWS]);
    PURCHASES.publish(&mut c, &purchases(0..200, 1));
    c.line("HSET A:user:7 clicks 3 other 4");
    c.line("HSET B:user:9 rate 0.5 other 4");
    c.line("HSET A:item:9 rate 0.5");
    c.line("SELECT 3");
    c.line("HSET A:user:1 rate 0.5");
    assert_eq!(c.line("FS.VIEW DROP user_purchases").text(), "OK");
    let check = |c: &mut Connection| {
        c.line("SELECT 3");
        assert_eq!(c.line("EXISTS A:user:1").integer(), 0);
        c.line("SELECT 0");
        assert_eq!(c.line("EXISTS A:user:1 A:user:199").integer(), 0);
        assert_eq!(c.line("HGETALL A:user:7").items().len(), 4);
        assert_eq!(c.line("HGETALL B:user:9").items().len(), 2);
        assert_eq!(
            c.line("HGET A:item:9 rate").text(),
            "0.5",
            "it is of no such view"
        );
    };
    check(&mut c);
    drop(server);
    server = start(dir.path(), &["--batch-layers", "0"]);
    c = server.connect();
    check(&mut c);
    until("folded", || c.line("DBSIZE").integer() == 3);
    check(&mut c);
    // Written now, it is a field as any other.
    c.line("HSET A:user:1 rate hello");
    assert_eq!(c.line("HGET A:user:1 rate").text(), "hello");
}

#[test]
fn the_newest_row_counts_also_if_it_has_no_value() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = start(dir.path(), &[]);
    let mut c = server.connect();
    c.call(&["FS.VIEW", "APPLY", VIEWS]);
    c.line("HSET A:user:1 purchases 1");
    c.line("HSET A:user:2 clicks 1");
    let row = |user: usize, value: Option<&str>| {
        let value = value.map(str::to_owned);
        (format!("A:user:{user}"), vec![value.clone(), None, value])
    };
    let rows = vec![
        row(1, Some("5")),
        row(1, None),
        row(2, None),
        row(2, Some("6")),
    ];
    let published = PURCHASES.publish(&mut c, &rows);
    assert_eq!(published.entry("entities").map(|v| v.integer()), Some(1));
    assert_eq!(c.line("EXISTS A:user:1").integer(), 0);
    assert_eq!(
        hmget(&mut c, 2, &["purchases", "clicks"]),
        some(&["6", "1"])
    );
}

/// A file of a batch is the work of whoever has the password: what its view declares holds for it
/// as for any command.
#[test]
fn a_batch_that_is_not_as_its_view_declares_is_refused() {
    const DECLARED: &str = r#"
[view.v]
entity = "user"
key = "{tenant}:user:{user_id}"
[view.v.feature]
n = { type = "int64" }
rate = { type = "float64", ttl = "1h" }
tags = { type = "list<string>" }
"#;
    let dir = tempfile::tempdir().expect("a folder");
    let server = start(dir.path(), &[]);
    let mut c = server.connect();
    c.call(&["FS.VIEW", "APPLY", DECLARED]);
    let load = |key| Load {
        view: "v",
        key,
        replace: true,
        features: &["n", "rate", "tags"],
    };
    let whole = load("A:user:{user_id}");
    let soon = i64::MAX as u64 >> 20;
    type Case<'a> = (&'a Load<'a>, &'a str, [Option<&'a str>; 3], bool, &'a str);
    let (other, wide) = (load("other:{user_id}"), load("{anything}"));
    let cases: &[Case<'_>] = &[
        (
            &whole,
            "A:user:1",
            [Some("abc"), None, None],
            true,
            "v.n: \"abc\" is not an int64",
        ),
        (
            &whole,
            "A:user:1",
            [Some("1.0"), None, None],
            true,
            "v.n: \"1.0\" is not an int64",
        ),
        (
            &whole,
            "A:user:1",
            [None, Some("1-2"), None],
            true,
            "v.rate: \"1-2\" is not a float64",
        ),
        (
            &whole,
            "A:user:1",
            [None, None, Some("[1]")],
            true,
            "not a list<string> in JSON",
        ),
        (
            &whole,
            "A:user:1",
            [None, Some("0.5"), None],
            false,
            "no time to live, and 1h",
        ),
        (
            &other,
            "other:1",
            [Some("1"), None, None],
            true,
            "its keys are other:{user_id}, but",
        ),
        (
            &wide,
            "other:1",
            [Some("1"), None, None],
            true,
            "its keys are {anything}, but",
        ),
    ];
    for (load, key, values, expires, want) in cases {
        let begun = begin(&mut c, "v");
        let values = values
            .iter()
            .map(|value| value.map(str::to_owned))
            .collect();
        let good = vec![Some("1".to_owned()), None, Some("[\"a\"]".to_owned())];
        let rows: Rows = vec![("A:user:7".to_owned(), good), ((*key).to_owned(), values)];
        let rows = if load.key == whole.key {
            rows
        } else {
            rows[1..].to_vec()
        };
        let file = load.file(&begun, &rows, expires.then_some(soon));
        upload(&mut c, begun.number, &file);
        let refused = c.call(&["FS.BATCH", "PUBLISH", &begun.number.to_string()]);
        assert!(refused.is_error(), "{want}: {}", refused.text());
        assert!(refused.text().contains(want), "{want}: {}", refused.text());
        assert_eq!(c.line("DBSIZE").integer(), 0, "{want}");
    }
    // The view that counts is the one of the moment of publishing: a file that came in under
    // another is not published under it.
    let begun = begin(&mut c, "v");
    let rows: Rows = vec![(
        "A:user:1".to_owned(),
        vec![Some("1".to_owned()), None, None],
    )];
    upload(&mut c, begun.number, &whole.file(&begun, &rows, Some(soon)));
    let changed = DECLARED.replace("int64", "bool");
    c.call(&["FS.VIEW", "APPLY", &changed]);
    let published = c.call(&["FS.BATCH", "PUBLISH", &begun.number.to_string()]);
    assert!(
        !published.is_error(),
        "1 is a bool as well: {}",
        published.text()
    );
    assert_eq!(c.line("HGET A:user:1 n").text(), "1");
    let left = batch_files(dir.path()).len();
    assert_eq!(left, 1, "what was refused leaves no file");
}

/// An export that came out empty, or half as large, is a mistake more often than a wish.
#[test]
fn a_batch_that_empties_or_halves_a_view_is_refused_unless_allowed() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = start(dir.path(), &[]);
    let mut c = server.connect();
    c.call(&["FS.VIEW", "APPLY", VIEWS]);
    let past = Some(1_000);
    let shown = |c: &mut Connection| c.line("DBSIZE").integer();
    let first = PURCHASES.publish_as(&mut c, &purchases(0..100, 1), None, &[]);
    assert!(!first.is_error(), "{}", first.text());
    for (rows, expire_at, allow, want) in [
        (
            0..0,
            None,
            "ALLOW-EMPTY",
            "no entities, and would take the view from all 100",
        ),
        (
            0..80,
            past,
            "ALLOW-EMPTY",
            "all 80 entities of the batch have expired already",
        ),
        (
            0..49,
            None,
            "ALLOW-SHRINK",
            "49 live entities, fewer than half of the 100",
        ),
    ] {
        for options in [&[][..], &["ALLOW-NOTHING"], &["AUTHOR", "ann"]] {
            let rows = purchases(rows.clone(), 2);
            let refused = PURCHASES.publish_as(&mut c, &rows, expire_at, options);
            assert!(refused.is_error(), "{want}: {}", refused.text());
            let text = refused.text();
            assert!(
                text.contains(want) || text.contains("syntax"),
                "{want}: {text}"
            );
            assert_eq!(shown(&mut c), 100, "{want}");
        }
        let rows = purchases(rows, 2);
        let published = PURCHASES.publish_as(&mut c, &rows, expire_at, &[allow]);
        assert!(!published.is_error(), "{want}: {}", published.text());
        let again = PURCHASES.publish_as(&mut c, &purchases(0..100, 3), None, &[]);
        assert!(!again.is_error(), "{}", again.text());
        assert_eq!(shown(&mut c), 100);
    }
    // Of other keys nothing is taken; a rollback is asked for.
    let other = Load {
        key: "B:user:{user_id}",
        ..PURCHASES
    };
    let one: Rows = vec![(
        "B:user:1".to_owned(),
        vec![Some("1".to_owned()), None, None],
    )];
    let published = other.publish_as(&mut c, &one, None, &[]);
    assert!(!published.is_error(), "{}", published.text());
}
