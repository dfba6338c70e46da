//! Views as clients meet them: declared, shown, dropped, kept; and what they do to plain writes in
//! every database. What would break: a view that is lost or half applied, a feature that outlives
//! its declared time or dies before it, a value of another type that gets in.

mod support;

use std::path::Path;
use support::{Connection, Server, Value};

const VIEWS: &str = r#"
[view.user_purchases]
entity = "user"
key = "{tenant}:user:{user_id}"
ttl = "26h"
owner = "ml-platform"

[view.user_purchases.feature]
purchase_count_7d = { type = "int64", default = 0 }
cart_value = { type = "float64", ttl = "5m" }
interests = { type = "embedding", dim = 2 }
seen = { type = "list<int64>" }

[view.user_profile]
entity = "user"
key = "{tenant}:user:{user_id}"

[view.user_profile.feature]
country = { type = "string" }
vip = { type = "bool", ttl = "10s" }
"#;

const HOUR: i64 = 3_600_000;

fn memory() -> Server {
    Server::ours(&[])
}

fn start(dir: &Path) -> Server {
    let dir = dir.to_str().expect("a path in UTF-8");
    Server::ours(&[
        "--dir",
        dir,
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ])
}

fn lines(reply: &Value) -> Vec<String> {
    assert!(!reply.is_error(), "{}", reply.text());
    reply.items().iter().map(Value::text).collect()
}

fn apply(c: &mut Connection, text: &str) -> Vec<String> {
    lines(&c.call(&["FS.VIEW", "APPLY", text]))
}

/// Name, version, number of features of each view.
fn list(c: &mut Connection) -> Vec<String> {
    let reply = c.line("FS.VIEW LIST");
    let show = |view: &Value| {
        let part = |name| view.entry(name).expect("an entry");
        let (version, features) = (part("version").integer(), part("features").integer());
        assert_eq!(part("entity").text(), "user");
        assert!(part("time").integer() > 1_700_000_000_000);
        let (name, author) = (part("name").text(), part("author").text());
        format!("{name} v{version} {features} by {author}")
    };
    reply.items().iter().map(show).collect()
}

fn part(c: &mut Connection, request: &str, name: &str) -> Value {
    let reply = c.line(request);
    assert!(!reply.is_error(), "{}", reply.text());
    reply.entry(name).expect("an entry").clone()
}

/// Times to live of fields, milliseconds; -1: for ever, -2: not there.
fn ttls(c: &mut Connection, key: &str, fields: &[&str]) -> Vec<i64> {
    let count = fields.len().to_string();
    let request = [&["HPTTL", key, "FIELDS", &count], fields].concat();
    let reply = c.call(&request);
    reply.items().iter().map(Value::integer).collect()
}

/// Of one field: about this, at most a minute of the test earlier.
fn lives(c: &mut Connection, key: &str, field: &str, millis: i64) {
    let left = ttls(c, key, &[field])[0];
    assert!(
        (millis - 60_000..=millis).contains(&left),
        "{key} {field}: {left} of {millis}"
    );
}

#[test]
fn views_are_applied_shown_and_dropped() {
    let server = memory();
    let mut c = server.connect();
    assert!(list(&mut c).is_empty());
    let dry = c.call(&["FS.VIEW", "APPLY", VIEWS, "DRYRUN"]);
    assert_eq!(
        lines(&dry),
        ["+ view.user_purchases", "+ view.user_profile"]
    );
    // As `redis-cli -x` sends it: the text comes last.
    let before = c.call(&["FS.VIEW", "APPLY", "AUTHOR", "ann", "DRYRUN", VIEWS]);
    assert_eq!(lines(&before), lines(&dry));
    assert!(list(&mut c).is_empty());
    assert_eq!(apply(&mut c, VIEWS), lines(&dry));
    assert!(apply(&mut c, VIEWS).is_empty(), "nothing has changed");
    assert_eq!(
        list(&mut c),
        [
            "user_profile v1 2 by default",
            "user_purchases v1 4 by default"
        ]
    );
    let changed = "[view.user_profile]\nentity = 'user'\nkey = '{tenant}:user:{user_id}'\n\
                   feature.vip = { type = 'bool', ttl = '1m' }\nfeature.age = { type = 'int64' }";
    let reply = c.call(&["FS.VIEW", "APPLY", changed, "AUTHOR", "ann"]);
    let diff = [
        "~ view.user_profile.feature.vip: ttl 10s -> 1m",
        "+ view.user_profile.feature.age",
        "- view.user_profile.feature.country",
    ];
    assert_eq!(lines(&reply), diff);
    assert_eq!(
        list(&mut c),
        ["user_profile v2 2 by ann", "user_purchases v1 4 by default"]
    );
    let text = part(&mut c, "FS.VIEW GET user_profile", "text").text();
    assert!(
        apply(&mut c, &text).is_empty(),
        "what is shown is what is declared"
    );
    assert!(text.contains("[view.user_profile.feature]\nvip = { type = \"bool\", ttl = \"1m\" }"));
    let ever = part(&mut c, "FS.VIEW GET user_profile", "features_ever");
    assert_eq!(lines(&ever), ["age", "country", "vip"]);
    let old = part(&mut c, "FS.VIEW GET user_profile VERSION 1", "text").text();
    assert!(old.contains("country"), "{old}");
    assert_eq!(c.line("FS.VIEW DROP user_profile AUTHOR bob").text(), "OK");
    assert_eq!(list(&mut c), ["user_purchases v1 4 by default"]);
    let no_such = "ERR no such view 'user_profile'";
    assert_eq!(c.line("FS.VIEW GET user_profile").text(), no_such);
    assert_eq!(c.line("FS.VIEW DROP user_profile").text(), no_such);
    let dropped = c.line("FS.VIEW GET user_profile VERSION 3").text();
    assert_eq!(dropped, "ERR this version dropped the view");
    assert_eq!(apply(&mut c, &old), ["+ view.user_profile"]);
    let versions = part(&mut c, "FS.VIEW GET user_profile", "versions");
    assert_eq!(versions.items().len(), 4);
    assert_eq!(
        part(&mut c, "FS.VIEW GET user_profile", "version").integer(),
        4
    );
}

#[test]
fn resp3_gets_maps() {
    let server = memory();
    let mut c = server.connect();
    apply(&mut c, VIEWS);
    c.line("HELLO 3");
    let reply = c.line("FS.VIEW GET user_profile");
    assert!(matches!(reply, Value::Map(_)), "{reply:?}");
    assert!(matches!(c.line("FS.VIEW LIST").items()[0], Value::Map(_)));
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_nothing_is_applied() {
    let server = memory();
    let mut c = server.connect();
    apply(&mut c, VIEWS);
    let refuse = |c: &mut Connection, text: &str, want: &str| {
        let reply = c.call(&["FS.VIEW", "APPLY", text]);
        assert!(reply.is_error());
        assert_eq!(reply.text(), want);
    };
    let good = "[view.good]\nentity = 'x'\nkey = 'x:{id}'\nfeature.f = { type = 'bool' }\n";
    let bad = "[view.bad]\nentity = 'x'\nkey = 'y:{id}'\nfeature.g = { type = 'flaot64' }\n";
    refuse(
        &mut c,
        &format!("{good}{bad}"),
        "ERR line 8: view.bad.feature.g: type \"flaot64\": is none of int64, float64, float32, \
         string, bool, bytes, timestamp, list<...> of these, embedding",
    );
    let shares = "[view.other]\nentity = 'x'\nkey = 'A:{rest}'\nfeature.vip = { type = 'bool' }\n";
    refuse(
        &mut c,
        &format!("{good}{shares}"),
        "ERR feature \"vip\" is in view.other (key A:{rest}) and in view.user_profile (key \
         {tenant}:user:{user_id}), which may have the same keys",
    );
    refuse(&mut c, "", "ERR line 1: no view is declared: [view.NAME]");
    let latin = c.call(&[b"FS.VIEW".as_slice(), b"APPLY", b"\xff"]);
    assert_eq!(latin.text(), "ERR the text is not UTF-8");
    assert_eq!(list(&mut c).len(), 2, "nothing was applied");
    for request in [
        "FS.VIEW APPLY x NOW",
        "FS.VIEW APPLY x AUTHOR",
        "FS.VIEW DROP user_profile DRYRUN",
        "FS.VIEW GET user_profile LAST",
        "FS.VIEW GET user_profile VERSION",
    ] {
        assert_eq!(c.line(request).text(), "ERR syntax error", "{request}");
    }
    let reply = c.line("FS.VIEW GET user_profile VERSION 9").text();
    assert_eq!(reply, "ERR no such version of the view");
    let reply = c.line("FS.VIEW APPLY").text();
    assert_eq!(
        reply,
        "ERR wrong number of arguments for 'fs.view|apply' command"
    );
    assert!(lines(&c.line("FS.VIEW HELP"))[0].starts_with("FS.VIEW <subcommand>"));
}

/// A pipeline as clients send it, in several databases; options of the write and later commands
/// have the last word.
#[test]
fn plain_writes_get_the_declared_times() {
    let server = memory();
    let mut c = server.connect();
    apply(&mut c, VIEWS);
    let mut pipeline = Vec::new();
    for (key, value) in [
        ("A:user:1", "1.5"),
        ("B:user:1", "2"),
        ("A:merchant:1", "no float"),
    ] {
        pipeline.extend(support::encode(&[
            "HSET",
            key,
            "cart_value",
            value,
            "own",
            "x",
            "purchase_count_7d",
            "7",
            "country",
            "IT",
        ]));
    }
    let replies = c.send_and_read(&pipeline, 3).expect("replies");
    assert_eq!(replies.len(), 3);
    for key in ["A:user:1", "B:user:1"] {
        lives(&mut c, key, "cart_value", HOUR / 12);
        lives(&mut c, key, "purchase_count_7d", 26 * HOUR);
        assert_eq!(ttls(&mut c, key, &["own", "country"]), [-1, -1]);
    }
    let fields = ["cart_value", "own", "purchase_count_7d", "country"];
    assert_eq!(ttls(&mut c, "A:merchant:1", &fields), [-1; 4]);
    // Both views on one key in one command; a database of its own.
    c.line("SELECT 3");
    assert_eq!(
        c.line("HSET A:user:2 vip 1 purchase_count_7d 1 vip 0")
            .integer(),
        2
    );
    lives(&mut c, "A:user:2", "vip", 10_000);
    lives(&mut c, "A:user:2", "purchase_count_7d", 26 * HOUR);
    assert_eq!(c.line("HGET A:user:2 vip").text(), "0");
    // Each write of a feature starts its time again, whatever writes it.
    for write in [
        "HSET A:user:2 cart_value 1",
        "HMSET A:user:2 cart_value 1",
        "HSETNX A:user:2 cart_value 1",
        "HINCRBY A:user:2 cart_value 1",
        "HINCRBYFLOAT A:user:2 cart_value 1.5",
        "HSETEX A:user:2 FIELDS 1 cart_value 1",
    ] {
        c.line("HDEL A:user:2 cart_value");
        if !write.starts_with("HSETNX") {
            c.line("HSETEX A:user:2 EX 1000000 FIELDS 1 cart_value 1");
        }
        assert!(!c.line(write).is_error(), "{write}");
        lives(&mut c, "A:user:2", "cart_value", HOUR / 12);
    }
    // Who says a time means it.
    c.line("HSETEX A:user:2 EX 7200 FIELDS 1 cart_value 2");
    lives(&mut c, "A:user:2", "cart_value", 2 * HOUR);
    c.line("HSETEX A:user:2 KEEPTTL FIELDS 1 cart_value 3");
    lives(&mut c, "A:user:2", "cart_value", 2 * HOUR);
    c.line("HEXPIRE A:user:2 3600 FIELDS 1 cart_value");
    lives(&mut c, "A:user:2", "cart_value", HOUR);
    c.line("HPERSIST A:user:2 FIELDS 1 cart_value");
    assert_eq!(ttls(&mut c, "A:user:2", &["cart_value"]), [-1]);
    c.line("HINCRBY A:user:2 own 1");
    assert_eq!(ttls(&mut c, "A:user:2", &["own"]), [-1]);
}

#[test]
fn values_of_other_types_are_refused_with_the_whole_command() {
    let server = memory();
    let mut c = server.connect();
    c.line("HSET A:user:1 country FR");
    apply(&mut c, VIEWS);
    for (request, what) in [
        (
            "HSET A:user:1 own 1 purchase_count_7d abc",
            "user_purchases.purchase_count_7d: \"abc\" is not an int64",
        ),
        (
            "HMSET A:user:1 own 1 vip true",
            "user_profile.vip: \"true\" is not a bool",
        ),
        (
            "HSETNX A:user:1 cart_value x",
            "user_purchases.cart_value: \"x\" is not a float64",
        ),
        (
            "HSETEX A:user:1 EX 10 FIELDS 2 own 1 interests [1,2]",
            "user_purchases.interests: 5 bytes are not an embedding of dim 2: 8 bytes",
        ),
        (
            "HSETEX A:user:1 FIELDS 2 own 1 seen [1.5]",
            "user_purchases.seen: \"[1.5]\" is not a list<int64> in JSON",
        ),
        (
            "HINCRBYFLOAT A:user:1 purchase_count_7d 0.5",
            "user_purchases.purchase_count_7d: \"0.5\" is not an int64",
        ),
        (
            "HINCRBY A:user:1 vip 2",
            "user_profile.vip: \"2\" is not a bool",
        ),
    ] {
        let reply = c.line(request);
        assert!(reply.is_error(), "{request}");
        assert_eq!(reply.text(), format!("ERR FS.VIEW {what}"));
    }
    assert_eq!(
        c.line("HGETALL A:user:1").items().len(),
        2,
        "nothing was written"
    );
    assert_eq!(
        c.line("HSETEX A:user:1 FXX FIELDS 1 vip x").integer(),
        0,
        "nothing is written"
    );
    let embedding = [1f32.to_le_bytes(), 2f32.to_le_bytes()].concat();
    let request: [&[u8]; 6] = [
        b"HSET",
        b"A:user:1",
        b"interests",
        &embedding,
        b"seen",
        b"[1, 2]",
    ];
    assert_eq!(c.call(&request).integer(), 2);
    let reply = c.call(&[b"HSET".as_slice(), b"A:user:1", b"country", b"\xff"]);
    assert_eq!(
        reply.text(),
        "ERR FS.VIEW user_profile.country: \"\\xff\" is not a string"
    );
    // In a transaction as well.
    c.line("MULTI");
    c.line("HSET A:user:2 vip 1");
    c.line("HSET A:user:2 vip yes");
    let replies = c.line("EXEC");
    assert_eq!(replies.items()[0].integer(), 1);
    assert!(replies.items()[1].is_error());
    lives(&mut c, "A:user:2", "vip", 10_000);
    // What is no longer declared may be anything.
    c.line("FS.VIEW DROP user_profile");
    assert_eq!(c.line("HSET A:user:2 vip yes").integer(), 0);
    assert_eq!(ttls(&mut c, "A:user:2", &["vip"]), [-1]);
}

/// What a client does to all it can reach does not reach the views.
#[test]
fn clients_do_not_reach_the_database_of_the_server() {
    let server = memory();
    let mut c = server.connect();
    apply(&mut c, VIEWS);
    for request in [
        "SELECT 254",
        "SELECT 16",
        "MOVE x 254",
        "COPY x y DB 254",
        "SWAPDB 0 254",
    ] {
        assert!(c.line(request).is_error(), "{request}");
    }
    assert_eq!(c.line("DBSIZE").integer(), 0);
    assert_eq!(c.line("SCAN 0").items()[1].items().len(), 0);
    assert!(c.line("KEYS *").items().is_empty() && c.line("RANDOMKEY").is_nil());
    let keyspace = c.line("INFO keyspace").text();
    assert!(!keyspace.contains("db"), "{keyspace}");
    c.line("FLUSHALL");
    c.line("FLUSHDB");
    assert_eq!(list(&mut c).len(), 2);
    assert!(c.line("HSET A:user:1 vip x").is_error());
    // Nor does the memory it takes stop anything.
    assert_eq!(c.line("CONFIG SET maxmemory 1").text(), "OK");
    assert!(c.line("HSET A:user:1 vip 1").text().starts_with("OOM"));
    let fewer = "[view.small]\nentity = 'user'\nkey = 's:{id}'\nfeature.f = { type = 'bool' }";
    assert_eq!(apply(&mut c, fewer), ["+ view.small"]);
}

/// All that is told of views, and of how long a field lives.
fn told(c: &mut Connection) -> Vec<String> {
    let mut told = list(c);
    for view in ["user_purchases", "user_profile"] {
        let reply = c.line(&format!("FS.VIEW GET {view}"));
        told.push(format!("{reply:?}"));
    }
    told.push(format!(
        "{:?}",
        c.line("HEXPIRETIME A:user:1 FIELDS 2 cart_value own")
    ));
    told
}

/// From the log, from a checkpoint, from both; killed each time.
#[test]
fn views_and_declared_times_come_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = start(dir.path());
    let mut c = server.connect();
    apply(&mut c, VIEWS);
    c.line("HSET A:user:1 cart_value 1 own x");
    lives(&mut c, "A:user:1", "cart_value", HOUR / 12);
    let mut before = told(&mut c);
    drop(server);
    let changed = VIEWS
        .replace("5m", "7m")
        .replace("country = { type = \"string\" }\n", "");
    for round in 0..4 {
        let server = start(dir.path());
        let mut c = server.connect();
        assert_eq!(told(&mut c), before, "round {round}");
        let reply = c.line("HSET A:user:9 cart_value x").text();
        assert!(reply.starts_with("ERR FS.VIEW"), "{reply}");
        match round {
            0 => assert_eq!(c.line("SAVE").text(), "OK"),
            1 => {
                let lines = apply(&mut c, &changed);
                assert_eq!(lines.len(), 2, "{lines:?}");
                c.line("FLUSHALL");
                c.line("HSET A:user:1 cart_value 1 own x");
            }
            2 => {
                assert_eq!(c.line("SAVE").text(), "OK");
                apply(&mut c, VIEWS);
                c.line("FS.VIEW DROP user_profile");
            }
            _ => {}
        }
        before = told(&mut c);
        drop(server);
    }
    // `databases` may change between runs.
    let folder = dir.path().to_str().expect("a path in UTF-8");
    let server = Server::ours(&["--dir", folder, "--appendonly", "yes", "--databases", "1"]);
    let mut c = server.connect();
    assert_eq!(told(&mut c), before);
    assert_eq!(list(&mut c), ["user_purchases v3 4 by default"]);
}

/// A transaction that is refused or discarded changes no view; one that runs changes them at once.
#[test]
fn views_in_transactions() {
    let server = memory();
    let mut c = server.connect();
    c.line("MULTI");
    c.call(&["FS.VIEW", "APPLY", VIEWS]);
    c.line("HSET A:user:1 vip x");
    c.line("DISCARD");
    assert!(list(&mut c).is_empty());
    c.line("MULTI");
    c.call(&["FS.VIEW", "APPLY", VIEWS]);
    c.line("HSET A:user:1 vip x");
    let replies = c.line("EXEC");
    assert_eq!(replies.items()[0].items().len(), 2);
    assert!(replies.items()[1].is_error());
    assert_eq!(list(&mut c).len(), 2);
}

/// Nothing can be declared that would not be kept.
#[test]
fn a_server_that_cannot_keep_changes_refuses_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = start(dir.path());
    let mut c = server.connect();
    apply(&mut c, VIEWS);
    // The log cannot grow any more.
    std::fs::remove_dir_all(dir.path()).expect("remove the directory");
    let value = "x".repeat(1 << 20);
    let refused = (0..200).any(|_| c.call(&["SET", "k", &value]).is_error());
    assert!(refused, "the log grows without a directory");
    let reply = c.line("FS.VIEW DROP user_profile").text();
    assert!(reply.starts_with("MISCONF"), "{reply}");
    assert_eq!(list(&mut c).len(), 2);
}

/// A command that may put fields under a key, as a request with a hash at `from`.
type Way = (
    &'static str,
    fn(&mut Connection, from: &str, to: &str) -> Value,
);

/// Every way in which what is at one key gets under another, besides writing it there.
const WAYS: &[Way] = &[
    ("COPY", |c, from, to| c.call(&["COPY", from, to, "REPLACE"])),
    ("COPY to another database", |c, from, to| {
        c.call(&["COPY", from, to, "DB", "3", "REPLACE"])
    }),
    ("RENAME", |c, from, to| c.call(&["RENAME", from, to])),
    ("RENAMENX", |c, from, to| c.call(&["RENAMENX", from, to])),
    ("RESTORE", |c, from, to| {
        let dumped = c.call(&["DUMP", from]);
        c.call(&[
            &b"RESTORE"[..],
            to.as_bytes(),
            b"0",
            dumped.bytes(),
            b"REPLACE",
        ])
    }),
    ("EXEC", |c, from, to| {
        c.line("MULTI");
        c.call(&["COPY", from, to, "REPLACE"]);
        let replies = c.line("EXEC");
        replies.items()[0].clone()
    }),
];

#[test]
fn what_comes_from_another_key_is_as_its_new_view_declares() {
    for (way, go) in WAYS {
        let server = memory();
        let mut c = server.connect();
        apply(&mut c, VIEWS);
        let (from, to) = ("other", "A:user:1");
        c.line("HSET other purchase_count_7d abc note x");
        let refused = go(&mut c, from, to);
        assert!(refused.is_error(), "{way}: {}", refused.text());
        let want = "FS.VIEW user_purchases.purchase_count_7d: \"abc\" is not an int64";
        assert_eq!(refused.text(), format!("ERR {want}"), "{way}");
        // Nothing has changed: neither key, in no database.
        for db in ["3", "0"] {
            c.call(&["SELECT", db]);
            assert_eq!(c.call(&["EXISTS", to]).integer(), 0, "{way}");
        }
        assert_eq!(c.line("HGET other purchase_count_7d").text(), "abc");

        // What fits gets the times to live that are declared, unless it has its own.
        c.line("HSET other purchase_count_7d 7 cart_value 1.5 vip 1 country CH");
        c.line("HPEXPIRE other 5000 FIELDS 1 cart_value");
        let taken = go(&mut c, from, to);
        assert!(!taken.is_error(), "{way}: {}", taken.text());
        if way.contains("database") {
            c.line("SELECT 3");
        }
        lives(&mut c, to, "purchase_count_7d", 26 * HOUR);
        let fields = ["cart_value", "vip", "country", "note"];
        let left = ttls(&mut c, to, &fields);
        assert!((1..=5000).contains(&left[0]), "{way}: {left:?}");
        assert!((1..=10_000).contains(&left[1]), "{way}: {left:?}");
        assert_eq!(left[2..], [-1, -1], "{way}");
    }
}

/// A value from before the view stays where it is; it does not get into another database.
#[test]
fn a_move_goes_by_the_view_too() {
    let server = memory();
    let mut c = server.connect();
    c.line("HSET A:user:1 vip maybe");
    c.line("HSET A:user:2 vip 1");
    apply(&mut c, VIEWS);
    let refused = c.line("MOVE A:user:1 5");
    assert!(refused.is_error(), "{}", refused.text());
    assert_eq!(c.line("HGET A:user:1 vip").text(), "maybe");
    assert_eq!(c.line("MOVE A:user:2 5").integer(), 1);
    c.line("SELECT 5");
    assert_eq!(c.line("EXISTS A:user:1").integer(), 0);
    lives(&mut c, "A:user:2", "vip", 10_000);
}

/// Each command that writes is either one of the ways above, or writes fields by name, or cannot
/// put a field under a key: one that is new must be looked at here.
#[test]
fn every_command_that_writes_is_known_not_to_go_round_views() {
    const BY_NAME: &[&str] = &[
        "hset",
        "hmset",
        "hsetnx",
        "hsetex",
        "hincrby",
        "hincrbyfloat",
    ];
    const RELOCATES: &[&str] = &["copy", "rename", "renamenx", "restore", "move"];
    const NO_FIELDS: &[&str] = &[
        "append",
        "decr",
        "decrby",
        "del",
        "expire",
        "expireat",
        "flushall",
        "flushdb",
        "getdel",
        "getex",
        "getset",
        "hdel",
        "hexpire",
        "hexpireat",
        "hgetdel",
        "hgetex",
        "hpersist",
        "hpexpire",
        "hpexpireat",
        "incr",
        "incrby",
        "incrbyfloat",
        "mset",
        "msetnx",
        "persist",
        "pexpire",
        "pexpireat",
        "psetex",
        "set",
        "setex",
        "setnx",
        "setrange",
        "unlink",
        // Keys keep their names, and views hold in every database.
        "swapdb",
        // Their rows are looked at: tests/batches.
        "fs.batch",
        "fs.view",
    ];
    let server = memory();
    let mut c = server.connect();
    let mut writes = 0;
    for command in c.line("COMMAND").items() {
        let name = command.items()[0].text();
        let flags: Vec<String> = command.items()[2].items().iter().map(Value::text).collect();
        if !flags.iter().any(|flag| flag == "write") {
            continue;
        }
        writes += 1;
        let known = [BY_NAME, RELOCATES, NO_FIELDS].concat();
        assert!(known.contains(&&*name), "{name}: does it go by the views?");
    }
    assert!(writes > 40, "{writes} commands that write");

    apply(&mut c, VIEWS);
    for request in [
        "HSET A:user:1 vip x",
        "HMSET A:user:1 vip x",
        "HSETNX A:user:1 vip x",
        "HSETEX A:user:1 FIELDS 1 vip x",
        "HSETEX A:user:1 EX 5 FIELDS 1 vip x",
        "HINCRBY A:user:1 vip 7",
        "HINCRBYFLOAT A:user:1 vip 0.5",
    ] {
        let reply = c.line(request);
        let text = reply.text();
        assert!(
            text.starts_with("ERR FS.VIEW user_profile.vip"),
            "{request}: {text}"
        );
        assert_eq!(c.line("EXISTS A:user:1").integer(), 0, "{request}");
    }
}
