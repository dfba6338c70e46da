//! A server on a data directory, which may die at any time, also before it is ready.

use crate::support::{Address, Connection, Value};
use crate::trace::{DIED, PID, Plan};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Bounds a hang; nothing takes nearly so long.
const WAIT: Duration = Duration::from_secs(60);
pub const SIGKILL: i32 = 9;

pub struct Node {
    child: Child,
    /// The control folder of its tracer, if the child is one.
    control: Option<PathBuf>,
    lines: Receiver<String>,
    /// What it said so far.
    pub said: Vec<String>,
    pub address: Address,
}

/// It ended before it was ready.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub said: String,
}

/// By SIGKILL, whether it was traced or not.
pub fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(SIGKILL) || status.code() == Some(i32::from(DIED))
}

/// A server process that is starting. Further settings may follow the policy.
pub fn spawn(plan: Option<&Plan>, dir: &Path, policy: &str) -> Node {
    let program = std::env::var("FIELDSTONE_PROGRAM");
    let program = program.unwrap_or_else(|_| env!("CARGO_BIN_EXE_fieldstone").to_owned());
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .args(plan.map(Plan::wrapper).unwrap_or_default())
        .arg(program)
        .args(["serve", "--port", "0", "--bind", "127.0.0.1"])
        .args(["--io-threads", "2", "--appendonly", "yes"])
        .arg("--appendfsync")
        .args(policy.split(' '))
        .arg("--dir")
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start setpriv");
    let lines = lines_of(child.stderr.take().expect("stderr is a pipe"));
    Node {
        child,
        control: plan.map(|plan| plan.control.clone()),
        lines,
        said: Vec::new(),
        address: Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 0))),
    }
}

/// A server that gets ready, or not.
pub fn try_start(plan: Option<&Plan>, dir: &Path, policy: &str) -> Result<Node, Ended> {
    let mut node = spawn(plan, dir, policy);
    match node.wait_until_ready() {
        true => Ok(node),
        false => {
            let status = node.wait();
            let said = node.said.join("\n");
            Err(Ended { status, said })
        }
    }
}

pub fn start(dir: &Path, policy: &str) -> Node {
    try_start(None, dir, policy)
        .unwrap_or_else(|e| panic!("it did not start: {}\n{}", e.status, e.said))
}

impl Node {
    /// False: it ended before.
    pub fn wait_until_ready(&mut self) -> bool {
        loop {
            match self.lines.recv_timeout(WAIT) {
                Ok(line) => {
                    let at = line
                        .split_once("Ready to accept connections on ")
                        .and_then(|(_, rest)| rest.trim().rsplit(':').next()?.parse().ok());
                    self.said.push(line);
                    if let Some(port) = at {
                        self.address = Address::Tcp(SocketAddr::from(([127, 0, 0, 1], port)));
                        return true;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => panic!("it hangs: {}", self.said.join("\n")),
            }
        }
    }

    /// Of the server itself.
    fn pid(&self) -> String {
        match &self.control {
            None => self.child.id().to_string(),
            Some(control) => std::fs::read_to_string(control.join(PID)).expect("a process id"),
        }
    }

    /// The number of the last segment that is whole, which is when it is mapped; 0 if there is
    /// none, as when the server is gone.
    pub fn last_mapped(&self) -> u64 {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.pid()));
        let maps = maps.unwrap_or_default();
        let number = |line: &str| line.rsplit_once("/wal-")?.1.parse().ok();
        maps.lines().filter_map(number).max().unwrap_or(0)
    }

    pub fn connect(&self) -> Connection {
        Connection::open(&self.address).expect("connect to the server")
    }

    /// A field of INFO persistence; nothing if the server is gone.
    pub fn try_info(&self, field: &str) -> Option<String> {
        let mut c = Connection::open(&self.address).ok()?;
        c.send(b"INFO persistence\r\n").ok()?;
        let info = c.read().ok()?.value.text();
        let found = info
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Some(
            found
                .unwrap_or_else(|| panic!("no {field} in {info}"))
                .to_owned(),
        )
    }

    pub fn info(&self, field: &str) -> String {
        self.try_info(field).expect("the server is there")
    }

    pub fn number(&self, field: &str) -> u64 {
        self.info(field).parse().expect("a number")
    }

    pub fn await_durable(&self) {
        poll("the disk has everything", || {
            self.number("log_durable_lsn") == self.number("log_appended_lsn")
        });
    }

    /// False: it has ended already.
    pub fn signal(&mut self, name: &str) -> bool {
        if !self.is_running() {
            return false;
        }
        let mut kill = Command::new("kill");
        let sent = kill
            .args([name, &self.pid()])
            .stderr(Stdio::null())
            .status();
        sent.is_ok_and(|sent| sent.success())
    }

    /// SIGKILL, and the end of it.
    pub fn kill(mut self) {
        self.signal("-KILL");
        self.wait();
    }

    /// SIGTERM, and the end of it, whatever it is.
    pub fn stop(mut self) -> ExitStatus {
        self.signal("-TERM");
        self.wait()
    }

    /// SIGTERM: an orderly end.
    pub fn terminate(mut self) -> Vec<String> {
        assert!(self.signal("-TERM"), "it is running");
        let status = self.wait();
        self.said.extend(self.lines.iter());
        assert!(
            status.success(),
            "an orderly end: {status}\n{}",
            self.said.join("\n")
        );
        std::mem::take(&mut self.said)
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + WAIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("wait for the server") {
                return status;
            }
            assert!(Instant::now() < until, "the server does not end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a handle; its thread reads on to the end, so that nobody blocks on it.
pub fn lines_of(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    receive
}

/// The segments of a directory, in order.
pub fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("list the directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_segment = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("wal-"))
    };
    let mut found: Vec<PathBuf> = paths.filter(is_segment).collect();
    found.sort();
    found
}

pub fn segment_number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("wal-")?.parse().ok()
}

/// Names of files that the manifest does not name.
pub fn left_over(dir: &Path) -> Vec<String> {
    let manifest = std::fs::read_to_string(dir.join("MANIFEST")).unwrap_or_default();
    let catalog = manifest
        .lines()
        .find_map(|line| line.strip_prefix("catalog "));
    let is_shard = |line: &&str| line.starts_with(|c: char| c.is_ascii_digit());
    let shards = manifest.lines().filter(is_shard);
    let rows = shards.flat_map(|line| line.split(' ').skip(1));
    let named: Vec<String> = rows
        .map(|number| format!("rows-{number:0>12}"))
        .chain(catalog.map(|number| format!("catalog-{number:0>12}")))
        .collect();
    let entries = std::fs::read_dir(dir).expect("list the directory");
    entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| {
            ["rows-", "catalog-"]
                .iter()
                .any(|kind| name.starts_with(kind))
        })
        .filter(|name| !named.contains(name))
        .collect()
}

/// Ask until `done` says so.
pub fn poll(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + WAIT;
    while !done() {
        assert!(Instant::now() < until, "{what}: not in {WAIT:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn is_ok(reply: &Value) -> bool {
    reply.bytes() == b"OK"
}

/// A folder in memory if there is room for some segments, else a temporary one: for tests in
/// which the kernel survives, so that the disk does not matter.
pub fn fast_folder() -> tempfile::TempDir {
    const ROOM_KIB: u64 = 4 << 20;
    let shm = "/dev/shm";
    let df = Command::new("df")
        .args(["-k", "--output=avail", shm])
        .output();
    let text = df
        .map(|df| String::from_utf8_lossy(&df.stdout).into_owned())
        .unwrap_or_default();
    let room = text
        .lines()
        .last()
        .and_then(|line| line.trim().parse::<u64>().ok());
    match room.is_some_and(|room| room > ROOM_KIB) {
        true => tempfile::tempdir_in(shm).expect("a folder in memory"),
        false => tempfile::tempdir().expect("a temporary folder"),
    }
}
