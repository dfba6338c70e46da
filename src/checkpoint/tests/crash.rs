//! Crashes at every step.

use super::*;
use crate::io::sim::Crash;

/// Changes, a checkpoint, changes, a checkpoint that the process ends in after so many steps of
/// the disk; answers whether it came to its end.
fn until(steps: u64, seed: u64) -> (Arc<SimDisk>, Server, bool) {
    let disk = Arc::new(SimDisk::default());
    let mut random = Random(seed);
    let mut server = Server::start(&disk, seed, Past::default()).unwrap();
    for _ in 0..2 {
        server.change(&mut random, 30);
        assert!(server.checkpoint_that(random.below(3) == 0));
    }
    server.change(&mut random, 30);
    disk.end_after(steps);
    let done = server.checkpoint_that(seed.is_multiple_of(2));
    let done = done && !disk.has_ended();
    (disk, server, done)
}

fn promised(server: &Server, crash: Crash) -> u64 {
    let (appended, durable) = server.kept.log.positions();
    match crash {
        Crash::Process => appended,
        Crash::Power => durable,
    }
}

#[test]
fn a_checkpoint_may_end_at_any_step() {
    let (mut images, mut steps_max) = (0, 0);
    for seed in 1..12 {
        for steps in 0.. {
            let (disk, server, done) = until(steps, seed);
            let past = server.past();
            let crashes = [Crash::Process, Crash::Power, Crash::Power, Crash::Power];
            for (n, crash) in crashes.into_iter().enumerate() {
                let floor = promised(&server, crash);
                let image = disk.crash(seed * 1000 + n as u64, crash);
                if let Err(error) = judge(image, &past, floor) {
                    panic!("seed {seed}, step {steps}, {crash:?} {n}: {error}");
                }
                images += 1;
            }
            if done {
                steps_max = steps_max.max(steps);
                break;
            }
        }
    }
    assert!(steps_max > 30, "{steps_max} steps of a checkpoint");
    assert!(images > 1400, "{images} images");
}

/// Recovery itself ends anywhere, and the next one begins with what that left; several lives.
#[test]
fn lives_that_end_anywhere_lose_nothing() {
    let mut images = 0;
    for seed in 1..400u64 {
        let mut random = Random(seed);
        let mut disk = Arc::new(SimDisk::default());
        let mut past = Past::default();
        let mut floor = 0;
        for life in 0..6 {
            disk.end_after(random.below(120) as u64);
            match Server::start(&disk, seed * 100 + life, past.clone()) {
                Err(_) if disk.has_ended() => {}
                Err(error) => panic!("seed {seed}, life {life}: {error}"),
                Ok(mut server) => {
                    for _ in 0..random.below(4) {
                        let count = random.below(20);
                        server.change(&mut random, count);
                        server.checkpoint_that(random.below(3) == 0);
                    }
                    let crash = [Crash::Process, Crash::Power][random.below(2)];
                    // What was written after the end was not.
                    let ended = disk.has_ended();
                    floor = promised(&server, if ended { Crash::Power } else { crash });
                    past = server.past();
                    disk = Arc::new(disk.crash(seed ^ life << 32, crash));
                    let judged = judge(disk.crash(1, Crash::Process), &past, floor);
                    judged.unwrap_or_else(|e| panic!("seed {seed}, life {life}: {e}"));
                    // Until a start has synced it, the rest may still be lost.
                    floor = promised(&server, Crash::Power);
                    images += 1;
                    continue;
                }
            }
            // It ended while it started: nothing may have changed for the worse.
            disk = Arc::new(disk.crash(seed ^ life, Crash::Power));
            if let Err(error) = judge(disk.crash(1, Crash::Process), &past, floor) {
                panic!("seed {seed}, life {life}, while starting: {error}");
            }
            images += 1;
        }
    }
    assert!(images > 2000, "{images}");
}

/// The shards of a checkpoint are of different moments then: the log must reach back to the first.
#[test]
fn changes_go_on_while_checkpoints_are_made() {
    let disk = Arc::new(SimDisk::default());
    let mut server = Server::start(&disk, 1, Past::default()).unwrap();
    let (keyspace, log) = (server.keyspace.clone(), server.kept.log.clone());
    let random = Mutex::new(Random(1));
    let changes = move || change(&keyspace, &log, &mut random.lock(), 40);
    disk.at_append(Some(Arc::new(changes)));
    server.change(&mut Random(2), 30);
    for seed in 0..20 {
        assert!(server.checkpoint());
        let floor = promised(&server, Crash::Power);
        let past = server.past();
        if let Err(error) = judge(disk.crash(seed, Crash::Power), &past, floor) {
            panic!("checkpoint {seed}: {error}");
        }
    }
    let (first, last) = server.work.files.manifest.lsns();
    assert!(first + 40 < last && last < server.kept.log.positions().0);
    disk.at_append(None);
}
