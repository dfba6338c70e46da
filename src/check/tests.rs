//! What no server with the usual settings writes.

use super::*;
use crate::checkpoint::{self, Loading, LogOptions};
use crate::engine::{Access, Db, KeyExpire, Keyspace, Mutation, Options, SYSTEM_DB, ShardSet};
use crate::io::sim::SimDisk;
use crate::wal::Policy;
use std::collections::BTreeSet;

/// A directory whose log sets a key in this database.
fn disk(db: Db) -> Arc<dyn Disk> {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::default());
    let keyspace = Keyspace::new(&Options {
        shards: 2,
        databases: SYSTEM_DB,
        seed: 3,
    });
    let options = LogOptions {
        segment_bytes: 4096,
        policy: Policy::Always,
        signature: 5,
    };
    let opened = checkpoint::open(disk.clone()).expect("a new directory");
    let started = opened.start(&keyspace, Loading::default(), options, |_| BTreeSet::new());
    keyspace.attach(started.expect("a start").log);
    let mut shards = ShardSet::default();
    shards.insert_all(&keyspace);
    let set = Mutation::StringSet {
        key: keyspace.key(db, b"name"),
        value: b"here",
        expire: KeyExpire::Clear,
    };
    keyspace.lock(&shards, Access::Write).commit(&set, 1);
    disk
}

#[test]
fn every_database_that_the_format_has_is_looked_at() {
    for db in [0, 15, 16, 253] {
        let wanted = Wanted::read(&format!("{db}:name").into());
        let checked = Checked::of(disk(db), Some(&wanted)).expect("a directory");
        let mut text = String::new();
        key::show(&checked, &wanted, &mut text);
        assert!(text.contains("value: \"here\"\n"), "{text}");
        checked.show(&PathBuf::from("dir"), &mut text);
        assert!(text.contains(&format!("1 (database {db}: 1)\n")), "{text}");
        assert_eq!(checked.report.verdict(), Verdict::Fine, "{text}");
        let noted = text.contains(&format!("note: databases: {db} has keys"));
        assert_eq!(noted, db > 15, "{text}");
    }
}
