//! A disk that fails: a checkpoint is done, or as if it had never been tried.

use super::*;
use crate::batch;
use crate::checkpoint::open::Keeps;
use crate::io::sim::{Call, Crash};

#[test]
fn a_call_that_fails_loses_nothing_and_the_next_checkpoint_is_whole() {
    for call in [Call::Create, Call::Append, Call::Sync, Call::Read] {
        let mut failed = 0;
        for at in 0.. {
            let disk = Arc::new(SimDisk::default());
            let mut random = Random(at + 1);
            let mut server = Server::start(&disk, 1, Past::default()).unwrap();
            server.change(&mut random, 30);
            assert!(server.checkpoint());
            server.change(&mut random, 30);
            let before = disk.calls(call);
            disk.fail(call, at, 1);
            let done = server.checkpoint();
            let reached = disk.calls(call) > before + at;
            if !reached {
                assert!(done);
                break;
            }
            if !done {
                failed += 1;
                let last = server.checkpoints.status.last.lock().clone();
                assert!(matches!(last, Outcome::Failed(_)), "{last:?}");
            }
            let lives = !server.kept.log.has_failed();
            if lives {
                server.change(&mut random, 10);
                let done = server.checkpoint();
                let last = server.checkpoints.status.last.lock().clone();
                assert!(done, "{call:?} {at}: the next one: {last:?}");
                let (appended, _) = server.kept.log.positions();
                assert_eq!(server.work.files.manifest.lsns().0, appended);
            }
            let past = server.past();
            for crash in [Crash::Process, Crash::Power] {
                let (appended, durable) = server.kept.log.positions();
                // After a failed sync a start trusts nothing that only memory has.
                let floor = if crash == Crash::Power || !lives {
                    durable
                } else {
                    appended
                };
                if let Err(error) = judge(disk.crash(at, crash), &past, floor) {
                    panic!("{call:?} {at}, {crash:?}: {error}");
                }
            }
        }
        assert!(failed > 0, "{call:?} does not matter");
    }
}

#[test]
fn a_full_disk_refuses_a_checkpoint_and_leaves_no_file() {
    let disk = Arc::new(SimDisk::default());
    let mut random = Random(3);
    let mut server = Server::start(&disk, 1, Past::default()).unwrap();
    server.change(&mut random, 50);
    let rows = |disk: &SimDisk| {
        let names = disk.list().unwrap();
        names.iter().filter(|n| n.starts_with("rows-")).count()
    };
    for space in [0, 500, 2000] {
        disk.set_space(Some(space));
        assert!(!server.checkpoint());
        // What an attempt before had frozen may have found room.
        let named = server.work.files.open.len();
        assert_eq!(rows(&disk), named, "{space} bytes");
    }
    disk.set_space(None);
    assert!(server.checkpoint(), "there is room again");
    assert!(rows(&disk) > 0);
    let past = server.past();
    let floor = server.kept.log.positions().0;
    judge(disk.crash(1, Crash::Power), &past, floor).unwrap();
}

/// Files of several pieces with checksums of their own, of which a start reads the last only.
fn fill(server: &Server) {
    for n in 0..60 {
        let name = format!("long-{n}");
        let key = server.keyspace.key(0, name.as_bytes());
        let mut shards = ShardSet::default();
        shards.insert(&server.keyspace, &key);
        let value = vec![b'a' + n as u8 % 26; 12_000];
        let set = Mutation::StringSet {
            key,
            value: &value,
            expire: KeyExpire::Clear,
        };
        server
            .keyspace
            .lock(&shards, Access::Write)
            .commit(&set, NOW);
    }
}

#[test]
fn a_damaged_file_is_not_folded_and_changes_are_refused() {
    let disk = Arc::new(SimDisk::default());
    let mut server = Server::start(&disk, 1, Past::default()).unwrap();
    fill(&server);
    assert!(server.checkpoint());
    let past = server.past();
    drop(server);
    let rows = disk.list().unwrap();
    let rows = rows.iter().filter(|name| name.starts_with("rows-"));
    for name in rows {
        // In the middle of the first section, which nothing reads at a start.
        disk.edit(name, |bytes| bytes[70] ^= 1);
    }
    let mut server = Server::start(&disk, 2, past).unwrap();
    fill(&server);
    assert!(!server.checkpoint());
    let damage = server.checkpoints.status.damage.lock().clone().unwrap();
    assert!(
        damage.contains("rows-") && damage.contains("byte 0"),
        "{damage}"
    );
    assert!(!server.kept.accepts());
}

#[test]
fn the_scrub_finds_a_flipped_bit_wherever_it_is() {
    let disk = Arc::new(SimDisk::default());
    let mut server = Server::start(&disk, 1, Past::default()).unwrap();
    fill(&server);
    assert!(server.checkpoint());
    let rows: Vec<String> = disk.list().unwrap();
    let rows: Vec<&String> = rows.iter().filter(|n| n.starts_with("rows-")).collect();
    for (n, name) in rows.iter().enumerate() {
        let image = Arc::new(disk.crash(1, crate::io::sim::Crash::Process));
        image.edit(name, |bytes| bytes[64 + n] ^= 0x10);
        let mut server = Server::start(&image, 2, Past::default()).unwrap();
        assert_eq!(scrubbed(&mut server, &image), (1, 1));
        let damage = server.checkpoints.status.damage.lock().clone().unwrap();
        assert!(damage.contains(*name), "{damage}");
        assert!(!server.kept.accepts(), "it is served");
    }
}

/// What only a start reads rots while the server runs: it is told, changes go on, and after a
/// checkpoint a start has everything.
#[test]
fn the_scrub_finds_what_only_a_start_would() {
    for kind in ["MANIFEST", "catalog-", "wal-"] {
        let disk = Arc::new(SimDisk::default());
        let mut random = Random(7);
        let mut server = Server::start(&disk, 1, Past::default()).unwrap();
        server.change(&mut random, 60);
        assert!(server.checkpoint());
        server.change(&mut random, 60);
        server.kept.log.make_durable(server.kept.log.positions().0);
        assert_eq!(scrubbed(&mut server, &disk), (0, 1), "{kind}");
        let names = disk.list().unwrap();
        let in_use = |name: &&String| disk.read(name).unwrap().iter().any(|byte| *byte != 0);
        let mut names = names.iter().filter(|name| name.starts_with(kind));
        let name = names.rfind(in_use).unwrap();
        disk.edit(name, |bytes| {
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
            bytes[used / 2 / 8 * 8] ^= 1;
        });
        let rotten = Arc::new(disk.crash(0, Crash::Process));
        assert!(Server::start(&rotten, 2, server.past()).is_err(), "{kind}");
        assert_eq!(scrubbed(&mut server, &disk), (1, 2), "{kind}");
        let damage = server.checkpoints.status.damage.lock().clone().unwrap();
        assert!(
            damage.contains(name) && damage.contains("SHUTDOWN SAVE"),
            "{damage}"
        );
        assert!(server.kept.accepts(), "{damage}");
        let before = state(&server.keyspace, NOW);
        assert!(server.checkpoint());
        let past = server.past();
        drop(server);
        let server = Server::start(&disk, 2, past);
        let server = server.unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert!(state(&server.keyspace, NOW) == before, "{kind}");
    }
}

/// Errors and passes, after one more pass.
fn scrubbed(server: &mut Server, disk: &SimDisk) -> (u64, u64) {
    let mut scrub = scrub::Scrub::default();
    let status = &server.checkpoints.status;
    let second = std::time::Duration::from_secs(1);
    for _ in 0..100 {
        let what = (
            &mut server.work.files,
            &*server.keyspace,
            batch::kept as Keeps,
        );
        scrub.step(what, disk, 1 << 20, second, (status, &server.kept.log));
    }
    let count =
        |number: &std::sync::atomic::AtomicU64| number.load(std::sync::atomic::Ordering::Relaxed);
    (count(&status.scrub_errors), count(&status.scrub_passes))
}
