//! A redis-server of our own, and the loader run against it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

pub struct RedisServer {
    child: Child,
    pub port: u16,
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl RedisServer {
    pub fn start(options: &[&str]) -> RedisServer {
        for _ in 0..5 {
            if let Some(server) = RedisServer::try_start(options) {
                return server;
            }
        }
        panic!("redis-server does not start: no free port in five attempts");
    }

    /// `None` if it ends at once, as it does when another program took the port.
    fn try_start(options: &[&str]) -> Option<RedisServer> {
        let port = free_port();
        let mut child = Command::new("redis-server")
            .args([
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--port",
                &port.to_string(),
            ])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need redis-server on PATH (apt-get install redis-server)");
        let mut log = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while log.read_line(&mut line).unwrap() > 0 {
            if line.contains("Ready to accept connections") {
                // Keep reading, or the server would block or die on a full or closed pipe.
                std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
                return Some(RedisServer { child, port });
            }
            line.clear();
        }
        child.wait().unwrap();
        None
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn connect(&self) -> redis::Connection {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
        client.get_connection().unwrap()
    }

    /// Run `fieldstone load` against this server.
    pub fn load(&self, options: &[&str], file: &Path) -> Output {
        load(&self.address(), options, file)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `fieldstone load`, in bounded time and memory: a hang is exit code 124, an allocation of more
/// than 4 GiB an abort. It runs in `folder`, where rejects go if nothing else is said.
pub fn loader(folder: &Path) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", "60"])
        .args(["sh", "-c", "ulimit -v 4194304; exec \"$@\"", "sh"])
        .args([env!("CARGO_BIN_EXE_fieldstone"), "load"])
        .current_dir(folder)
        .env_remove("REDISCLI_AUTH");
    command
}

/// Load a file without a view into the server at `server`.
pub fn load(server: &str, options: &[&str], file: &Path) -> Output {
    let folder = tempfile::tempdir().unwrap();
    loader(folder.path())
        .args(["--server", server])
        .args(options)
        .arg(file)
        .output()
        .expect("these tests need timeout (coreutils) on PATH")
}

pub fn flights(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/flights")
        .join(file)
}

/// The report of a load that succeeded.
#[track_caller]
pub fn report(output: &Output) -> serde_json::Value {
    succeed(output);
    serde_json::from_str(&stdout(output)).expect("one JSON object")
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Fails with what was said unless the exit code is 0.
#[track_caller]
pub fn succeed(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
}
