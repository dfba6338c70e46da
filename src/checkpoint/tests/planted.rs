//! A test of these tests: with bugs of durability planted, they must fail.

use super::*;
use crate::io::sim::{Crash, Planted};

/// How many images of crashes a disk with this bug loses something in.
fn violations(planted: Planted) -> usize {
    let mut violations = 0;
    for seed in 1..30 {
        let disk = Arc::new(SimDisk::planted(planted));
        let mut random = Random(seed);
        let Ok(mut server) = Server::start(&disk, seed, Past::default()) else {
            continue;
        };
        for _ in 0..2 {
            server.change(&mut random, 20);
            server.checkpoint();
        }
        let past = server.past();
        let floor = server.kept.log.positions().1;
        let image = disk.crash(seed, Crash::Power);
        violations += usize::from(judge(image, &past, floor).is_err());
    }
    violations
}

#[test]
fn syncs_that_do_nothing_are_noticed_and_a_good_disk_is_not_accused() {
    assert_eq!(violations(Planted::Nothing), 0);
    assert!(violations(Planted::NoSync) > 10);
    assert!(violations(Planted::NoNames) > 5);
}
