//! Server processes: ours and the oracles.

use super::Connection;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const START_WAIT: Duration = Duration::from_secs(60);

const HOW_TO_INSTALL: &str = "run `tests/run`, which installs everything the tests need; or \
     `apt-get install redis-server` for the older oracle, and for the newer one set \
     FIELDSTONE_REDIS_SERVER_NEW to a redis-server of version 8.2";

#[derive(Clone, Debug)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A running server; it is killed when this is dropped.
pub struct Server {
    pub name: &'static str,
    pub address: Address,
    /// None if the test did not start it itself.
    child: Option<Child>,
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    /// The server under test, in memory only, on a port of its own. `FIELDSTONE_DIFF_SUBJECT`
    /// (host:port) puts another server in its place, which is then used as it is.
    pub fn subject() -> Server {
        match std::env::var("FIELDSTONE_DIFF_SUBJECT") {
            Ok(at) => Server::external(&at),
            Err(_) => Server::ours(&[]),
        }
    }

    fn external(at: &str) -> Server {
        let address = at.to_socket_addrs().ok().and_then(|mut a| a.next());
        Server {
            name: "subject",
            address: Address::Tcp(address.unwrap_or_else(|| panic!("not host:port: {at}"))),
            child: None,
            _folder: None,
        }
    }

    /// Our server with further options.
    pub fn ours(options: &[&str]) -> Server {
        Server::ours_under(&[], options)
    }

    /// Our server, started by a program that replaces itself by it, such as `prlimit`.
    pub fn ours_under(wrapper: &[&str], options: &[&str]) -> Server {
        let started = Server::try_ours_under(wrapper, options);
        started.unwrap_or_else(|said| panic!("fieldstone did not get ready; it said:\n{said}"))
    }

    /// Our server, or what it said before it ended.
    pub fn try_ours(options: &[&str]) -> Result<Server, String> {
        Server::try_ours_under(&[], options)
    }

    fn try_ours_under(wrapper: &[&str], options: &[&str]) -> Result<Server, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut line: Vec<&str> = wrapper.to_vec();
        // `FIELDSTONE_PROGRAM` puts another build of the program in its place.
        let program = std::env::var("FIELDSTONE_PROGRAM");
        line.extend([
            program
                .as_deref()
                .unwrap_or(env!("CARGO_BIN_EXE_fieldstone")),
            "serve",
        ]);
        line.extend(["--port", "0", "--bind", "127.0.0.1"]);
        // Few tests are of data that is kept.
        if !options.contains(&"--appendonly") {
            line.extend(["--appendonly", "no"]);
        }
        line.extend(options);
        let mut child = spawn(&line, &folder, Stdio::null(), Stdio::piped());
        let port = ready_port(&mut child)?;
        Ok(Server {
            name: "fieldstone",
            address: Address::Tcp(SocketAddr::from(([127, 0, 0, 1], port))),
            child: Some(child),
            _folder: Some(folder),
        })
    }

    /// The oracle for everything older: Debian's redis-server.
    pub fn redis7(options: &[&str]) -> Server {
        Server::redis("redis-server", "7.", options)
    }

    /// The oracle for field expiry and for the texts of today: Redis 8.2.
    pub fn redis8(options: &[&str]) -> Server {
        let program = std::env::var("FIELDSTONE_REDIS_SERVER_NEW")
            .unwrap_or_else(|_| panic!("no newer redis-server to compare with: {HOW_TO_INSTALL}"));
        Server::redis(&program, "8.", options)
    }

    fn redis(program: &str, version: &str, options: &[&str]) -> Server {
        let told = Command::new(program).arg("--version").output();
        let told = told.unwrap_or_else(|e| panic!("cannot run {program} ({e}): {HOW_TO_INSTALL}"));
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        assert!(
            told.contains(&format!("v={version}")),
            "{program} is `{}`, not version {version}x: {HOW_TO_INSTALL}",
            told.trim()
        );
        let folder = tempfile::tempdir().expect("a temporary folder");
        let socket = folder.path().join("socket");
        let mut line = vec![program, "--port", "0", "--save", "", "--appendonly", "no"];
        line.extend(["--unixsocket", socket.to_str().expect("a path in UTF-8")]);
        line.extend(options);
        let server = Server {
            name: if version == "7." {
                "redis 7.0"
            } else {
                "redis 8.2"
            },
            child: Some(spawn(&line, &folder, Stdio::null(), Stdio::null())),
            address: Address::Unix(socket),
            _folder: Some(folder),
        };
        server.wait_until_answering();
        server
    }

    /// Redis says on no handle that it listens: ask until it answers.
    fn wait_until_answering(&self) {
        let until = Instant::now() + START_WAIT;
        while Connection::open(&self.address).is_err() {
            assert!(Instant::now() < until, "{} did not start", self.name);
            std::thread::yield_now();
        }
    }

    pub fn connect(&self) -> Connection {
        Connection::open(&self.address)
            .unwrap_or_else(|e| panic!("cannot connect to {}: {e}", self.name))
    }

    pub fn port(&self) -> u16 {
        match &self.address {
            Address::Tcp(at) => at.port(),
            Address::Unix(_) => panic!("{} listens on a Unix socket", self.name),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a server of our own").id()
    }

    /// Resident memory in KiB.
    pub fn rss_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(&path).expect("the server is still running");
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok())
            .unwrap_or_else(|| panic!("no VmRSS in {path}: the server has ended"))
    }

    /// Fails unless a new client is served.
    pub fn assert_serving(&self) {
        let mut good = self.connect();
        assert_eq!(good.line("PING").text(), "PONG", "a good client is served");
    }

    /// Wait, not for ever, until the process has ended by itself.
    pub fn exit_status(&mut self) -> ExitStatus {
        let until = Instant::now() + START_WAIT;
        let child = self.child.as_mut().expect("a server of our own");
        loop {
            if let Some(status) = child.try_wait().expect("wait for the server") {
                return status;
            }
            assert!(Instant::now() < until, "the server does not end");
            std::thread::yield_now();
        }
    }

    /// Tell it to end in good order, and wait until it has.
    pub fn stop(mut self) -> ExitStatus {
        let pid = nix::unistd::Pid::from_raw(self.pid() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("a signal");
        self.exit_status()
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.as_mut().map(|c| c.try_wait()), Some(Ok(None)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// `setpriv` makes the kernel kill the server when the thread that started it ends.
fn spawn(line: &[&str], folder: &tempfile::TempDir, out: Stdio, err: Stdio) -> Child {
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .args(line)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .unwrap_or_else(|e| panic!("cannot start setpriv {line:?}: {e}"))
}

/// The port that our server says it listens on, or what else it says.
fn ready_port(child: &mut Child) -> Result<u16, String> {
    let lines = lines_of(child.stderr.take().expect("stderr is a pipe"));
    let until = Instant::now() + START_WAIT;
    let mut said = Vec::new();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let Ok(line) = lines.recv_timeout(left) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(said.join("\n"));
        };
        if let Some((_, rest)) = line.split_once("Ready to accept connections on ") {
            let port = rest
                .trim()
                .rsplit(':')
                .next()
                .and_then(|port| port.parse().ok());
            return port.ok_or_else(|| format!("no port in {line:?}"));
        }
        said.push(line);
    }
}

/// A line of a server's log: its process, the time, a sign, and a text.
fn is_of_log(line: &str) -> bool {
    let mut words = line.split(' ');
    let is_number = words.next().is_some_and(|word| word.parse::<u32>().is_ok());
    is_number && words.next().is_some_and(|word| word.ends_with('Z'))
}

/// The lines of a handle. Its thread reads on to the end, so that the server never blocks on it;
/// what it says later (a panic, say) goes to the test's own stderr.
fn lines_of(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            // What its log says is of interest to who reads it; a panic is to all.
            if let Err(unwanted) = send.send(line)
                && !is_of_log(&unwanted.0)
            {
                eprintln!("server: {}", unwanted.0);
            }
        }
    });
    receive
}
