//! A server process under test, on cores of its own.

use crate::machine;
use fieldstone::client::{Address, Connection};
use fieldstone::resp::Reply;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_WAIT: Duration = Duration::from_secs(60);
const QUIET_WAIT: Duration = Duration::from_secs(120);

/// How long a server is watched before it counts as quiet, and what it may do in that time.
const QUIET_LOOK: Duration = Duration::from_millis(200);
const QUIET_CPU: Duration = Duration::from_millis(4);

/// It is killed when this is dropped.
pub struct Server {
    pub name: &'static str,
    pub port: u16,
    child: Child,
    _folder: tempfile::TempDir,
}

/// The program is not there.
#[derive(Debug)]
pub struct NotFound;

fn line_with<'l>(line: &'l str, words: &str) -> Option<&'l str> {
    line.split_once(words).map(|(_, rest)| rest.trim())
}

/// Start it on these cores: what this thread starts inherits them.
fn start_on(cores: &[usize], command: &mut Command) -> std::io::Result<Child> {
    let own = machine::cores();
    machine::pin(cores);
    let started = command.stdin(Stdio::null()).spawn();
    machine::pin(&own);
    started
}

/// The version of `redis-server`.
pub fn redis_version() -> Result<String, NotFound> {
    let output = Command::new("redis-server").arg("--version").output();
    let text = output.map_err(|_| NotFound)?.stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    let version = text
        .split_whitespace()
        .find_map(|word| word.strip_prefix("v="));
    Ok(version.unwrap_or("unknown").to_owned())
}

impl Server {
    /// Ours, with its log on, and otherwise its defaults but for these options.
    pub fn ours(cores: &[usize], options: &[&str]) -> Server {
        let program = env!("CARGO_BIN_EXE_fieldstone");
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(program);
        command.args(["serve", "--port", "0", "--bind", "127.0.0.1"]);
        command
            .args(["--appendonly", "yes", "--dir"])
            .arg(folder.path());
        command.args(options).stderr(Stdio::piped());
        let mut child = start_on(cores, &mut command).expect("start the server");
        let stderr = child.stderr.take().expect("a pipe");
        let port = port_said(stderr, "Ready to accept connections on 127.0.0.1:");
        Server {
            name: "Fieldstone",
            port,
            child,
            _folder: folder,
        }
    }

    /// Redis without snapshots, and otherwise its defaults but for these options.
    pub fn redis(cores: &[usize], options: &[&str]) -> Result<Server, NotFound> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("redis-server");
        let port = free_port();
        command.args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
        ]);
        command.arg("--dir").arg(folder.path()).args(options);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = start_on(cores, &mut command).map_err(|_| NotFound)?;
        let server = Server {
            name: "Redis",
            port,
            child,
            _folder: folder,
        };
        let end = Instant::now() + START_WAIT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    /// This program again, which answers requests of so many bytes with so many, and does nothing
    /// else: what no server can be below.
    pub fn null(cores: &[usize], request: usize, reply: usize) -> Server {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.args(["null", &request.to_string(), &reply.to_string()]);
        command.stdout(Stdio::piped());
        let mut child = start_on(cores, &mut command).expect("start this program again");
        let port = port_said(child.stdout.take().expect("a pipe"), "port ");
        Server {
            name: "null",
            port,
            child,
            _folder: tempfile::tempdir().expect("a folder"),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn stream(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("connect");
        stream.set_nodelay(true).expect("a setting");
        let wait = Some(Duration::from_secs(600));
        stream.set_read_timeout(wait).expect("a setting");
        stream
    }

    /// A command whose reply is no error.
    pub fn call(&self, words: &[&str]) -> Reply {
        let address = Address::parse(&format!("127.0.0.1:{}", self.port)).expect("an address");
        let mut connection = Connection::open(&address, None).expect("connect");
        connection.be_patient();
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let reply = connection.call(&words);
        reply.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// What all its threads have computed.
    pub fn cpu(&self) -> Duration {
        let pid = Pid::from_raw(self.pid().cast_signed());
        let clock = ClockId::pid_cpu_clock_id(pid).expect("the clock of a process");
        clock_gettime(clock).expect("its time").into()
    }

    /// Wait until nothing goes on in the background: checkpoints, rewritten logs, rehashing.
    pub fn settle(&self) {
        let end = Instant::now() + QUIET_WAIT;
        loop {
            let before = self.cpu();
            std::thread::sleep(QUIET_LOOK);
            let used = self.cpu() - before;
            if used < QUIET_CPU && !self.is_writing() {
                return;
            }
            assert!(Instant::now() < end, "{} is not quiet: {used:?}", self.name);
        }
    }

    fn is_writing(&self) -> bool {
        let Reply::Bulk(text) = self.call(&["INFO", "persistence"]) else {
            panic!("INFO is no text");
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        ["rdb_bgsave_in_progress:1", "aof_rewrite_in_progress:1"]
            .iter()
            .any(|line| text.contains(line))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to be done.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port, behind these words in what it says; the rest is passed over.
fn port_said(says: impl std::io::Read + Send + 'static, words: &str) -> u16 {
    let mut lines = BufReader::new(says).lines();
    let port = loop {
        let line = lines.next().expect("it gets ready").expect("a line");
        if let Some(port) = line_with(&line, words) {
            break port.parse().expect("a port");
        }
    };
    std::thread::spawn(move || lines.for_each(drop));
    port
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}
