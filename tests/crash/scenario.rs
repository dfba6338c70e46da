//! What servers do that die, or whose disk fails, at each of their calls.
//!
//! To add a step, add a line to `steps` of a [`Scenario`], or to a server of
//! `earlier`: what a request is acknowledged for must be there afterwards, and the calls that it
//! makes are enumerated by themselves. A file of a new kind needs nothing: all calls below the data
//! directory count. Should the step make further segments, raise `turns`.

use crate::batches::{LOAD, Published};
use crate::node::{self, Node, fast_folder};
use crate::state::{self, State};
use crate::support::{Connection, encode};
use std::io;
use std::path::Path;

const MIB: usize = 1 << 20;

pub struct Scenario {
    pub name: &'static str,
    /// What servers were asked that used the directory before, one after the other, until they were
    /// killed; none: there is no directory.
    pub earlier: &'static [&'static [&'static str]],
    pub policy: &'static str,
    /// Calls count from the start of the process; else once it serves, and has a spare segment.
    pub counts_start: bool,
    /// Requests, one after the other, each of one change at most. `|` parts those of a transaction,
    /// `@n` is n MiB, `#n` n fields with values; `LOAD view from to version` publishes a batch of
    /// these users.
    pub steps: &'static [&'static str],
    /// Calls that are alike are tried now and then only, but in a soak.
    pub is_long: bool,
    /// Segments that the steps make the server make.
    pub turns: u64,
    /// At least so many calls must be reached, else the test tests nothing.
    pub points_min: usize,
}

/// There was no server before.
pub const FRESH: Scenario = Scenario {
    name: "fresh start",
    earlier: &[],
    policy: "always",
    counts_start: true,
    steps: &[],
    is_long: false,
    turns: 0,
    points_min: 25,
};

/// Two servers died here.
pub const USED: Scenario = Scenario {
    name: "later start",
    earlier: &[
        &["HSET h f 1 g 2"],
        &["SET s v PXAT 4102444800000", "HDEL h g"],
    ],
    ..FRESH
};

/// Each kind of change.
pub const CHANGES: Scenario = Scenario {
    name: "each change",
    counts_start: false,
    steps: &[
        "HSET h a 1 b 2 c 3",
        "SET s v PXAT 4102444800123",
        "HPEXPIREAT h 4102444800456 FIELDS 2 a b",
        "HINCRBY h n 5",
        "MULTI|HSET h a 2|SET t w|DEL s|EXEC",
        "RENAME t u",
        "COPY h i",
        "APPEND u more",
        "SETRANGE u 1 E",
        "MSET x 1 y 2 z 3",
        "HDEL h a b",
        "SET u x",
        "PEXPIREAT u 4102444800456",
        "SELECT 1",
        "SET other v",
        "SWAPDB 0 1",
        "SELECT 0",
        "FLUSHDB",
        "SWAPDB 1 0",
        "SET past 1 PXAT 1",
        "HPEXPIREAT h 1 FIELDS 1 c",
        "MULTI|INCR n|INCR n|HSET z f v|EXEC",
        "INCRBYFLOAT f 0.1",
        "GETDEL u",
    ],
    points_min: 20,
    ..FRESH
};

/// The segment is full: on in the next one, and another is made.
pub const TURN: Scenario = Scenario {
    name: "full segment",
    policy: "no",
    counts_start: false,
    steps: &["SET a @10", "HSET h f @11", "SET a @12", "DEL h", "SET a v"],
    turns: 1,
    points_min: 10,
    ..FRESH
};

/// The same; the room of segments is not set aside but written.
pub const TURN_WRITTEN: Scenario = Scenario {
    name: "full segment of zeros",
    policy: "always",
    ..TURN
};

/// A change larger than a segment: it gets one of its own, and the spare one goes.
pub const LARGE: Scenario = Scenario {
    name: "large change",
    counts_start: false,
    steps: &["SET s v", "SET a @33", "SET a w"],
    turns: 2,
    points_min: 20,
    ..FRESH
};

/// Checkpoints: the first; one of shards that were changed, flushed and swapped, which folds; one
/// on top of a large file; one after no change.
pub const SAVES: Scenario = Scenario {
    name: "checkpoints",
    counts_start: false,
    steps: &[
        "HSET big #600",
        "HPEXPIREAT big 4102444800456 FIELDS 2 f1 f2",
        "SET s v PXAT 4102444800123",
        "SELECT 1",
        "HSET other f v",
        "SELECT 2",
        "HSET h a 1 b 2",
        "SELECT 0",
        SAVE,
        "HSET big f3 changed g new",
        "HDEL big f4 f5",
        "SET s w",
        "SELECT 1",
        "FLUSHDB",
        "SELECT 0",
        "SWAPDB 0 2",
        SAVE,
        "SWAPDB 0 2",
        SAVE,
        "HSET big f3 again",
        "HPEXPIREAT big 4102444800789 FIELDS 1 f6",
        "DEL s",
        SAVE,
        SAVE,
        "HDEL big f3",
    ],
    points_min: 60,
    ..FRESH
};

/// Servers died here that had made checkpoints, and one that had not.
pub const BASES: Scenario = Scenario {
    name: "later start with bases",
    earlier: &[
        &["HSET big #600", "SET s v PXAT 4102444800000", "HSET h f 1"],
        &["SET t v", SAVE, "HSET big f1 x", "DEL h"],
        &[
            "HSET big f2 y",
            SAVE,
            "HPEXPIREAT big 4102444800456 FIELDS 1 f3",
        ],
        &["HDEL big f4"],
    ],
    steps: &["SET u v", SAVE, "HDEL big f1", SAVE, "SET last v"],
    points_min: 60,
    ..FRESH
};

/// Batches: of two views, one of which replaces; rolled back, taken up by a checkpoint, retired.
/// Live changes are between them. There is so much else that no layer is taken up by itself.
pub const BATCHES: Scenario = Scenario {
    name: "batches",
    earlier: &[&["HSET filler #16000", VIEWS, SAVE]],
    counts_start: false,
    steps: &[
        "HSET u:1 x 1 live yes",
        "HSET u:90 x 1",
        "LOAD a 0 6 1",
        "HSET u:2 x 7",
        "HDEL u:3 y",
        "LOAD b 4 9 1",
        "DEL u:4",
        SAVE,
        "HPEXPIREAT u:5 4102444800456 FIELDS 1 x",
        "LOAD a 3 8 2",
        "HSET u:6 x 100",
        "FS.BATCH ROLLBACK a",
        "HSET u:7 z 101",
        "SWAPDB 0 1",
        SAVE,
        "SWAPDB 0 1",
        "CONFIG SET batch-layers 0",
        SAVE,
        "CONFIG SET batch-layers 8",
        "FS.BATCH RETIRE a 2",
        "HSET u:1 y 102",
        "LOAD a 1 4 3",
        SAVE,
        "HDEL u:2 x",
    ],
    points_min: 60,
    ..FRESH
};

/// Servers died here that had batches: taken up, as layers, and in the log alone.
pub const LAYERS: Scenario = Scenario {
    name: "later start with batches",
    earlier: &[
        &[
            "HSET filler #16000",
            VIEWS,
            SAVE,
            "LOAD a 0 6 1",
            "HSET u:2 x 7",
            SAVE,
        ],
        &[
            "LOAD b 4 9 1",
            "LOAD a 3 8 2",
            "DEL u:4",
            SAVE,
            "HSET u:5 z 9",
        ],
        &["LOAD a 2 5 3", "FS.BATCH ROLLBACK a", "FS.BATCH RETIRE a 1"],
    ],
    steps: &["HSET u:3 x 1", "LOAD b 1 7 2", SAVE, "FS.BATCH ROLLBACK b"],
    is_long: true,
    points_min: 40,
    ..FRESH
};

/// Two views of users, without a space.
const VIEWS: &str = "FS.VIEW APPLY \
    view.a={entity=\"u\",key=\"u:{id}\",feature={x={type=\"int64\"},y={type=\"string\"}}}\n\
    view.b={entity=\"u\",key=\"u:{id}\",feature={z={type=\"int64\"}}}";

/// A step that is no change, and that is to succeed the next time if it fails.
pub const SAVE: &str = "SAVE";

/// What is asked for at once.
pub enum Request {
    /// Bytes, and how many replies they have.
    Words(Vec<u8>, usize),
    /// A batch is loaded and published.
    Load(Published),
}

pub fn request(line: &str) -> Request {
    if let Some(load) = line.strip_prefix(LOAD) {
        return Request::Load(Published::read(load));
    }
    let words = |word: &str| match word.split_at(1) {
        ("@", mib) => {
            let times = mib.parse::<usize>().expect("MiB") * MIB / 16;
            vec![b"0123456789abcdef".repeat(times)]
        }
        ("#", count) => (0..count.parse().expect("a count"))
            .flat_map(|n: usize| [format!("f{n}").into_bytes(), format!("v{n}").into_bytes()])
            .collect(),
        _ => vec![word.as_bytes().to_vec()],
    };
    let parts = line.split('|').map(|part| {
        let words: Vec<Vec<u8>> = part.split(' ').flat_map(words).collect();
        encode(&words)
    });
    let parts: Vec<Vec<u8>> = parts.collect();
    Request::Words(parts.concat(), parts.len())
}

/// Whether it was acknowledged, as a whole.
pub fn ask(c: &mut Connection, request: &Request) -> io::Result<bool> {
    let (bytes, replies) = match request {
        Request::Words(bytes, replies) => (bytes, replies),
        Request::Load(published) => return published.load(c),
    };
    c.send(bytes)?;
    let mut fine = true;
    for _ in 0..*replies {
        fine &= !c.read()?.value.is_error();
    }
    Ok(fine)
}

/// A scenario that is ready to be played, often.
pub struct Play {
    pub scenario: &'static Scenario,
    folder: tempfile::TempDir,
    pub requests: Vec<Request>,
    /// Before the first request, and after each.
    pub states: Vec<State>,
    /// The number of the last segment that there is before.
    pub last: u64,
}

impl Play {
    pub fn new(scenario: &'static Scenario) -> Play {
        let folder = fast_folder();
        let image = folder.path().join("image");
        let mut last = 0;
        for lines in scenario.earlier {
            let node = node::start(&image, "always");
            let mut c = node.connect();
            for line in *lines {
                assert!(ask(&mut c, &request(line)).expect("a reply"), "{line}");
            }
            last += 2;
            node::poll("a spare segment", || node.last_mapped() >= last);
            node.kill();
        }
        if image.exists() {
            // Without room for its zeros, which makes copies cheap.
            copy(&image, &folder.path().join("sparse"));
        }
        let requests = scenario.steps.iter().map(|line| request(line)).collect();
        let mut play = Play {
            scenario,
            folder,
            requests,
            states: vec![],
            last,
        };
        play.states = play.all_states();
        play
    }

    /// A new folder with a copy of the directory, if there was one, as `data`.
    pub fn folder(&self) -> tempfile::TempDir {
        let folder = fast_folder();
        let image = self.folder.path().join("sparse");
        if image.exists() {
            copy(&image, &folder.path().join("data"));
        }
        folder
    }

    fn all_states(&self) -> Vec<State> {
        let folder = self.folder();
        let dir = folder.path().join("data");
        let node = node::start(&dir, "no");
        let mut c = node.connect();
        let mut states = vec![state::read(&node)];
        for request in &self.requests {
            assert!(
                ask(&mut c, request).expect("a reply"),
                "the scenario is right"
            );
            states.push(state::read(&node));
        }
        states
    }

    /// Whether the server has made its spare segment: before the steps, or after them.
    pub fn is_settled(&self, node: &Node, after: bool) -> bool {
        let turns = if after { self.scenario.turns } else { 0 };
        node.last_mapped() >= self.last + 2 + turns
    }

    /// Ask for everything, or until something is not acknowledged: how much was. What fails is
    /// asked for again if `again` says so.
    pub fn ask_all(
        &self,
        node: &Node,
        mut acked: impl FnMut(usize),
        again: impl Fn(usize) -> bool,
    ) -> usize {
        // It may be gone already.
        let Ok(mut c) = Connection::open(&node.address) else {
            return 0;
        };
        for (n, request) in self.requests.iter().enumerate() {
            let mut done = ask(&mut c, request);
            if matches!(done, Ok(false)) && again(n) {
                done = ask(&mut c, request);
            }
            if !done.unwrap_or(false) {
                return n;
            }
            acked(n);
        }
        self.requests.len()
    }

    pub fn is_save(&self, step: usize) -> bool {
        self.scenario.steps.get(step) == Some(&SAVE)
    }
}

fn copy(from: &Path, to: &Path) {
    let mut cp = std::process::Command::new("cp");
    cp.args(["-r", "--sparse=always"]).args([from, to]);
    assert!(cp.status().expect("run cp").success());
}
