//! Death, or a failing call, at the N-th call of a scenario that touches the data directory: N
//! grows until it is no longer reached.

use crate::batches;
use crate::node::{self, Node, is_ok, was_killed};
use crate::scenario::{Play, Scenario};
use crate::state::{self, State, assert_same};
use crate::support::{Connection, Value};
use crate::tally;
use crate::trace::{self, Errno, Kind, Plan, What};

/// More calls than any scenario makes.
const CALLS_MAX: usize = 10_000;
/// Of a segment, unless a change needs a longer one.
const SEGMENT_BYTES: u64 = 32 << 20;
/// Of the first of a server.
const FIRST_BYTES: u64 = 1 << 20;

/// One time that a scenario was played.
struct Case<'a> {
    play: &'a Play,
    folder: tempfile::TempDir,
    plan: Plan,
}

/// For each N until it is not reached: `play` answers the call that was.
fn each(
    what: &str,
    scenario: &Scenario,
    points_min: usize,
    play: impl Fn(usize) -> Option<String>,
) {
    let mut points = 0;
    for n in 1.. {
        let Some(call) = play(n) else {
            break;
        };
        assert!(n < CALLS_MAX, "{what} in: {}: it has no end", scenario.name);
        let (kind, file) = call.split_once(' ').expect("a kind of call and a file");
        let file = file.trim_end_matches(|c: char| c.is_ascii_digit());
        tally::add(format!("{what} at {kind} of {file} ({})", scenario.name), 1);
        points = n;
    }
    let name = scenario.name;
    assert!(
        points >= points_min,
        "{what} in: {name}: only at {points} calls"
    );
    println!("{what} in: {name}: at each of {points} calls");
}

/// SIGKILL before the N-th call.
pub fn deaths(scenario: &'static Scenario) {
    let play = Play::new(scenario);
    each("death", scenario, scenario.points_min, |n| {
        Case::new(&play, trace::CHANGES, What::Die, n).die()
    });
}

/// The N-th call fails with EIO.
pub fn io_errors(scenario: &'static Scenario) {
    let play = Play::new(scenario);
    each("EIO", scenario, scenario.points_min, |n| {
        Case::new(&play, trace::ALL, What::Fail(Errno::Io), n).fail()
    });
}

/// The N-th of the calls that need room finds none.
pub fn no_room(scenario: &'static Scenario) {
    let play = Play::new(scenario);
    // Fewer calls need room than can fail.
    each("ENOSPC", scenario, scenario.points_min / 2, |n| {
        Case::new(&play, trace::FILLING, What::Fail(Errno::NoSpace), n).fail()
    });
}

/// The N-th call is interrupted: nobody is to notice.
pub fn interrupted(scenario: &'static Scenario) {
    let play = Play::new(scenario);
    each("EINTR", scenario, scenario.points_min, |n| {
        Case::new(
            &play,
            trace::INTERRUPTIBLE,
            What::Fail(Errno::Interrupted),
            n,
        )
        .go_on()
    });
}

/// The N-th write writes half: nobody is to notice.
pub fn short_writes(scenario: &'static Scenario) {
    let play = Play::new(scenario);
    // Fewer calls write than can fail.
    each("short write", scenario, scenario.points_min / 5, |n| {
        Case::new(&play, &[Kind::Write], What::Short, n).go_on()
    });
}

impl Case<'_> {
    fn new<'a>(play: &'a Play, kinds: &[Kind], what: What, at: usize) -> Case<'a> {
        let folder = play.folder();
        let mut plan = Plan::new(folder.path(), &folder.path().join("data"), kinds, what, at);
        // All of them where it matters most; a soak has the time for all of the others.
        let all = play.scenario.counts_start && !play.scenario.is_long;
        plan.brief = !(tally::is_soak() || what == What::Die && all);
        Case { play, folder, plan }
    }

    /// What it was done to, if that was reached, and how to name it.
    fn hit(&self) -> Option<(String, String)> {
        let call = self.plan.hits().into_iter().next()?;
        let what = self.plan.what;
        let told = format!(
            "{what} at call {}, {call}, in: {}",
            self.plan.at, self.play.scenario.name
        );
        Some((call, told))
    }

    fn start(&self) -> Result<Node, node::Ended> {
        let scenario = self.play.scenario;
        if scenario.counts_start {
            self.plan.arm();
        }
        let mut node = node::try_start(Some(&self.plan), &self.plan.dir, scenario.policy)?;
        if !scenario.counts_start {
            self.settle(&mut node, false);
            self.plan.arm();
        }
        Ok(node)
    }

    fn settle(&self, node: &mut Node, after: bool) {
        node::poll("the spare segment", || {
            !node.is_running() || self.play.is_settled(node, after) || has_failed(node)
        });
    }

    fn die(self) -> Option<String> {
        let (mut acked, mut status) = (0, None);
        match self.start() {
            Err(ended) => assert!(was_killed(ended.status), "{}: {}", ended.status, ended.said),
            Ok(mut node) => {
                acked = self.play.ask_all(&node, |_| {}, |_| false);
                self.settle(&mut node, true);
                // An orderly end has calls as well.
                status = Some(node.stop());
            }
        }
        let Some((call, told)) = self.hit() else {
            assert!(status.is_some_and(|status| status.success()), "{status:?}");
            assert_eq!(acked, self.play.requests.len(), "all is acknowledged");
            self.check(acked, false, "no death");
            return None;
        };
        assert!(status.is_none_or(was_killed), "{told}: {status:?}");
        self.check(acked, true, &told);
        Some(call)
    }

    /// The server does not start and says why; or refuses changes until it can take them; or, if it
    /// cannot know what is safe, until it is started again.
    fn fail(self) -> Option<String> {
        let mut node = match self.start() {
            Ok(node) => node,
            Err(ended) => {
                let (call, told) = self.hit().expect("it ends for a reason");
                assert_eq!(ended.status.code(), Some(1), "{told}: {}", ended.said);
                assert!(ended.said.contains("os error"), "{told}: {}", ended.said);
                self.check(0, false, &told);
                return Some(call);
            }
        };
        let is_acked = |n| {
            // A sync that failed is that of the request which waits for it.
            let failed = self
                .plan
                .hits()
                .iter()
                .any(|call| call.starts_with("fdatasync wal-"));
            assert!(
                !failed || self.play.scenario.policy != "always",
                "{n} was acknowledged"
            );
        };
        let acked = self
            .play
            .ask_all(&node, is_acked, |n| self.is_unharmed(&node, n));
        if acked == self.play.requests.len() {
            self.settle(&mut node, true);
        }
        node::poll("changes are accepted, or are never to be", || {
            has_failed(&node) || is_accepting(&node)
        });
        let failed = has_failed(&node);
        if failed {
            assert_refusing(&node, !self.touches_all(acked));
        }
        let before_end = self.hit();
        let told = before_end.as_ref().map_or("nothing", |(_, told)| told);
        assert!(
            failed || !self.play.is_save(acked),
            "{told}: a checkpoint fails although the disk is well again"
        );
        match self.plan.at.is_multiple_of(2) && before_end.is_some() {
            true => node.kill(),
            false => {
                // A log that has failed, at the end perhaps, may lack changes that were made: the
                // exit code says so.
                let status = node.stop();
                let may_lack = failed || self.hit().is_some();
                let orderly = status.success() || may_lack && status.code() == Some(1);
                assert!(orderly, "{told}: {status}");
                self.assert_no_part_left(told);
            }
        }
        let Some((call, told)) = self.hit() else {
            assert!(
                !failed && acked == self.play.requests.len(),
                "{acked} acknowledged, failed: {failed}"
            );
            return None;
        };
        // What a later sync says of such a file means nothing. A segment whose room was only set
        // aside is written to while it is in use, so that the change has no place.
        let is_in_use = self.play.scenario.policy != "always";
        let unsafe_now = before_end.is_some()
            && (call.starts_with("fdatasync wal-") || is_in_use && call.starts_with("write wal-"));
        assert_eq!(failed, unsafe_now, "{told}");
        self.check(acked, failed, &told);
        Some(call)
    }

    /// After a checkpoint that failed: data is served as before, and it is said. Others did not
    /// fail.
    fn is_unharmed(&self, node: &Node, step: usize) -> bool {
        if !self.play.is_save(step) {
            return false;
        }
        let (call, told) = self.hit().expect("a checkpoint fails for a reason");
        assert_same(&self.play.states[step], &state::read(node), &told);
        assert_eq!(node.info("log_state"), "ok", "{told}");
        assert_eq!(node.info("rdb_last_bgsave_status"), "err", "{told}");
        let kind = call.split(' ').next().unwrap_or_default();
        tally::add(format!("checkpoints that failed at {kind}"), 1);
        true
    }

    /// Whether a step changes keys of all shards.
    fn touches_all(&self, step: usize) -> bool {
        let step = self.play.scenario.steps.get(step);
        let all = ["FLUSHDB", "SWAPDB", "LOAD", "FS.BATCH ROLLBACK"];
        step.is_some_and(|step| all.iter().any(|begin| step.starts_with(begin)))
    }

    /// What could not be finished was taken away: it would be in the way on a full disk.
    fn assert_no_part_left(&self, told: &str) {
        let call = self.plan.hits().concat();
        // The next start removes those that could not be, or that a crash may bring back.
        let may = ["unlink ", "fsync .", "open .", "MANIFEST"];
        let left = node::left_over(&self.plan.dir);
        assert!(
            left.is_empty() || may.iter().any(|may| call.contains(may)),
            "{told}: left over: {left:?}"
        );
        for path in node::segments(&self.plan.dir) {
            let len = std::fs::metadata(&path).expect("a segment").len();
            let is_first = node::segment_number(&path) <= Some(self.play.last + 1);
            let least = if is_first { FIRST_BYTES } else { SEGMENT_BYTES };
            assert!(len >= least, "{told}: {}: {len} bytes", path.display());
        }
    }

    fn go_on(self) -> Option<String> {
        let mut node = self
            .start()
            .unwrap_or_else(|ended| panic!("{}", ended.said));
        let acked = self.play.ask_all(&node, |_| {}, |_| false);
        self.settle(&mut node, true);
        assert!(is_accepting(&node));
        assert!(node.stop().success(), "an orderly end");
        let hit = self.hit();
        let told = hit.as_ref().map_or("nothing", |(_, told)| told);
        assert_eq!(acked, self.play.requests.len(), "{told}");
        self.check(acked, false, told);
        hit.map(|(call, _)| call)
    }

    /// Started again, what was acknowledged is there; what was in flight wholly or not at all.
    fn check(&self, acked: usize, in_flight: bool, told: &str) {
        let dir = self.folder.path().join("data");
        let node = node::start(&dir, "always");
        let left = node::left_over(&dir);
        assert!(left.is_empty(), "{told}: left over: {left:?}");
        let mut found = state::read(&node);
        found.remove(&(0, b"probe".to_vec()));
        let next = self.play.states.get(acked + 1).filter(|_| in_flight);
        if next != Some(&found) {
            let must: &State = &self.play.states[acked];
            assert_same(must, &found, &format!("{told}, {acked} acknowledged"));
        }
        tally::add("acknowledged requests found again, 0 lost", acked as u64);
        assert!(is_accepting(&node), "{told}");
        batches::assert_none_left(&node, &dir, told);
    }
}

fn is_accepting(node: &Node) -> bool {
    // One whose sync fails gets no reply.
    reply(node, "SET probe v").is_some_and(|reply| is_ok(&reply))
}

fn is_read(node: &Node, line: &str) -> bool {
    reply(node, line).is_some_and(|reply| !reply.is_error())
}

/// Nothing if the connection is closed instead.
fn reply(node: &Node, line: &str) -> Option<Value> {
    let mut c = Connection::open(&node.address).ok()?;
    c.send(format!("{line}\r\n").as_bytes()).ok()?;
    Some(c.read().ok()?.value)
}

fn has_failed(node: &Node) -> bool {
    node.try_info("log_state")
        .is_some_and(|state| state.starts_with("failed: "))
}

/// Not a change is accepted, and it is said. Reads go on of what the change in flight has not
/// touched, more exactly of the keys in other shards.
pub fn assert_refusing(node: &Node, reads_go_on: bool) {
    const READS: usize = 20;
    let mut c = node.connect();
    for request in [
        "SET fresh v",
        "HSET fresh:h f v",
        "FLUSHALL",
        "HPEXPIREAT h 1 FIELDS 1 n",
    ] {
        let reply = c.line(request);
        let refused = matches!(&reply, Value::Error(text) if text.starts_with(b"MISCONF "));
        assert!(refused, "{request}: {}", reply.text());
    }
    let reads = (0..READS)
        .filter(|n| is_read(node, &format!("GET never{n}")))
        .count();
    assert!(
        !reads_go_on || reads > READS / 2,
        "{reads} of {READS} reads were answered"
    );
    assert_eq!(node.info("aof_last_write_status"), "err");
}
