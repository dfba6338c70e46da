//! A disk whose syncs fail or hang under load, and one that is full for a while.

use crate::node::{self, Node, is_ok, try_start};
use crate::points::assert_refusing;
use crate::support::{Address, Connection, encode};
use crate::tally;
use crate::trace::{Errno, Kind, Plan, What};
use std::io::ErrorKind;
use std::path::Path;

const MIB: usize = 1 << 20;

/// A server, and the plan of a tracer that does nothing until it is armed.
fn planned(
    folder: &Path,
    policy: &str,
    (kind, what, at, stays): (Kind, What, usize, bool),
) -> (Node, Plan) {
    let dir = folder.join("data");
    let mut plan = Plan::new(folder, &dir, &[kind], what, at);
    plan.stays = stays;
    let node =
        try_start(Some(&plan), &dir, policy).unwrap_or_else(|ended| panic!("{}", ended.said));
    node::poll("a spare segment", || node.last_mapped() >= 2);
    (node, plan)
}

/// Clients write until each of them is refused. One sync fails; the next would succeed. What was
/// sent after it failed is never acknowledged.
pub fn failed_sync() {
    for at in [1, 2, 7, 40] {
        failed_sync_at(at);
    }
}

fn failed_sync_at(at: usize) {
    const CLIENTS: usize = 4;
    let folder = node::fast_folder();
    let io_error = (Kind::DataSync, What::Fail(Errno::Io), at, false);
    let (node, plan) = planned(folder.path(), "always", io_error);
    plan.arm();
    let acked: Vec<u64> = std::thread::scope(|scope| {
        let (address, plan) = (&node.address, &plan);
        let write = |client| scope.spawn(move || write(address, client, plan));
        let threads: Vec<_> = (0..CLIENTS).map(write).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a client"))
            .collect()
    });
    assert_refusing(&node, true);
    assert!(node.info("log_state").starts_with("failed: "));
    node.kill();
    let node = node::start(&plan.dir, "always");
    for (client, acked) in acked.into_iter().enumerate() {
        let found = node.connect().line(&format!("GET k{client}")).text();
        let found: u64 = found.parse().unwrap_or(0);
        assert!(found >= acked, "k{client}: {found}, acknowledged {acked}");
        tally::add("acknowledged writes checked, 0 lost", acked);
    }
    assert!(
        is_ok(&node.connect().line("SET k v")),
        "a restart makes it good"
    );
}

/// Write ever larger versions until it is refused for good: the last that was acknowledged.
fn write(address: &Address, client: usize, plan: &Plan) -> u64 {
    const REFUSALS: usize = 20;
    let connect = || Connection::open(address).expect("connect to the server");
    let (mut c, mut acked, mut refused) = (connect(), 0, 0);
    for version in 1.. {
        let has_failed = !plan.hits().is_empty();
        let request = encode(&["SET", &format!("k{client}"), &version.to_string()]);
        match c.send(&request).and_then(|()| c.read()) {
            Ok(reply) if is_ok(&reply.value) => {
                assert!(!has_failed, "acknowledged after a sync failed");
                acked = version;
                continue;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("no reply, ever"),
            // Refused, or, if it was in flight, the connection is closed.
            _ => assert!(!plan.hits().is_empty(), "refused before a sync failed"),
        }
        tally::add("writes refused after a sync failed", 1);
        refused += 1;
        if refused == REFUSALS {
            break;
        }
        c = connect();
    }
    acked
}

/// No room for the next segment: changes are refused, reads go on; once there is room they are
/// accepted again. Nothing that was acknowledged is lost, under any policy.
pub fn full() {
    for (policy, clients) in [("always", 6), ("everysec", 1), ("no", 6)] {
        full_disk_with(policy, clients);
    }
}

fn full_disk_with(policy: &str, clients: usize) {
    let folder = node::fast_folder();
    let no_room = (Kind::Create, What::Fail(Errno::NoSpace), 1, true);
    let (node, plan) = planned(folder.path(), policy, no_room);
    assert!(is_ok(&node.connect().line("SET old v")));
    plan.arm();
    let acked: Vec<usize> = std::thread::scope(|scope| {
        let fill = |client| {
            let address = &node.address;
            scope.spawn(move || fill(address, client, if clients == 1 { MIB / 16 } else { MIB }))
        };
        let threads: Vec<_> = (0..clients).map(fill).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a client"))
            .collect()
    });
    assert_eq!(node.connect().line("GET old").text(), "v");
    assert_eq!(node.info("aof_last_write_status"), "err");
    let state = node.info("log_state");
    assert!(
        state.starts_with("full: "),
        "{policy}, {clients} clients: {state}"
    );
    plan.disarm();
    let mut c = node.connect();
    node::poll("there is room again", || is_ok(&c.line("SET room again")));
    assert_eq!(node.info("aof_last_write_status"), "ok");
    node.kill();
    let node = node::start(&plan.dir, policy);
    let mut c = node.connect();
    assert_eq!(c.line("GET room").text(), "again");
    for (client, acked) in acked.into_iter().enumerate() {
        let found = c
            .call(&["GETRANGE", &format!("fill{client}"), "0", "7"])
            .text();
        let found: usize = found.parse().unwrap_or(0);
        assert_eq!(found, acked, "{policy}: what was refused did not happen");
        tally::add("acknowledged writes checked, 0 lost", acked as u64);
    }
    tally::add("times that a disk was full", 1);
}

/// Write until it is refused: how much was acknowledged.
fn fill(address: &Address, client: usize, len: usize) -> usize {
    let mut c = Connection::open(address).expect("connect to the server");
    for version in 1..=100 * MIB / len {
        let value = format!("{version:08}").repeat(len / 8);
        let reply = c.call(&["SET", &format!("fill{client}"), &value]);
        if !is_ok(&reply) {
            assert!(reply.text().starts_with("MISCONF "), "{}", reply.text());
            return version - 1;
        }
    }
    panic!("100 MiB were accepted on a full disk")
}

/// `everysec` while each sync takes three seconds: reads go on, writes are acknowledged again.
pub fn slow_sync() {
    let folder = node::fast_folder();
    let (node, plan) = planned(
        folder.path(),
        "everysec",
        (Kind::DataSync, What::Hold(3000), 1, true),
    );
    let mut c = node.connect();
    for i in 0..100 {
        c.call(&["SET", &format!("old{i}"), "v"]);
    }
    let is_synced = || node.number("log_durable_lsn") == node.number("log_appended_lsn");
    node::poll("the disk has everything", is_synced);
    plan.arm();
    let (mut reads, mut written) = (0, 0);
    let mut writer = node.connect();
    for _ in 0..2 {
        written += 1;
        assert!(is_ok(&writer.call(&["SET", "new", &written.to_string()])));
        let mut reader: Connection = node.connect();
        while !is_synced() {
            for i in 0..100 {
                assert_eq!(reader.call(&["GET", &format!("old{i}")]).text(), "v");
            }
            // Counted if the sync did not end meanwhile.
            reads += if is_synced() { 0 } else { 100 };
        }
    }
    assert!(reads > 1000, "reads wait for the disk: {reads} answered");
    plan.disarm();
    assert!(is_ok(&writer.line("SET new last")));
    assert_eq!(node.info("aof_last_write_status"), "ok");
    tally::add("reads answered while a sync hung", reads);
    node.kill();
    let node = node::start(&plan.dir, "everysec");
    assert_eq!(node.connect().line("GET new").text(), "last");
}
