//! A load that is killed, stopped or loses its server: what is there is told, a second run goes on.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::redis_server::{report, stderr};
use crate::views::Bench;

const VIEW: &str = "[view.v]\nentity = 'e'\nkey = 'e:{id}'\nfeature.a = { type = 'int64' }\n";
const ROWS: usize = 20_000;

fn bench() -> Bench {
    let bench = Bench::new(VIEW);
    let rows: String = (0..ROWS).map(|n| format!("{n},{}\n", n * 2)).collect();
    bench.write("x.csv", format!("id,a\n{rows}"));
    bench
}

/// Passes on what the loader sends to the server, `limit` bytes; what then becomes of the
/// connection `then` says.
struct Gate {
    port: u16,
    passed: Arc<AtomicUsize>,
}

impl Gate {
    /// `connections`: those before the last are passed whole.
    /// The loader connects twice: it asks what the server can do, then it sends.
    fn open(
        server: u16,
        limit: usize,
        then: impl FnOnce(&mut TcpStream, &mut TcpStream) + Send + 'static,
    ) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let passed = Arc::new(AtomicUsize::new(0));
        let count = passed.clone();
        std::thread::spawn(move || {
            let connect = || {
                let (client, _) = listener.accept().unwrap();
                let to = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let mut back = (to.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut back.0, &mut back.1));
                (client, to)
            };
            let (mut client, mut to) = connect();
            let _ = std::io::copy(&mut client, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Both);
            let (mut client, mut to) = connect();
            let sent = std::io::copy(&mut (&mut client).take(limit as u64), &mut to);
            count.store(usize::try_from(sent.unwrap()).unwrap(), Ordering::SeqCst);
            then(&mut client, &mut to);
            // Keep it until the loader has gone; whoever comes then is let through.
            let _ = std::io::copy(&mut client, &mut std::io::sink());
            loop {
                let (mut client, mut to) = connect();
                let _ = std::io::copy(&mut client, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Both);
            }
        });
        Gate { port, passed }
    }

    /// Load to the end.
    fn resume(&self, bench: &Bench) {
        let output = start(bench, self.port, &[]).wait_with_output().unwrap();
        report(&output);
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        while self.passed.load(Ordering::SeqCst) == 0 {
            assert!(Instant::now() < until, "the loader sends nothing");
            std::thread::yield_now();
        }
    }
}

fn start(bench: &Bench, port: u16, options: &[&str]) -> Child {
    let program = env!("CARGO_BIN_EXE_fieldstone");
    std::process::Command::new("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            program,
            "load",
            "v",
            "x.csv",
            "--views",
            "views.toml",
        ])
        .args(["--to", &format!("127.0.0.1:{port}"), "--resume", "state"])
        .args(options)
        .current_dir(bench.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Every row is there once the load was run again.
fn check_whole(bench: &Bench) {
    assert_eq!(bench.keys(), ROWS as i64);
    let mut connection = bench.connect();
    for n in (0..ROWS).step_by(997).chain([ROWS - 1]) {
        let value = connection.line(&format!("HGET e:{n} a"));
        assert_eq!(value.text(), (n * 2).to_string());
    }
    assert!(
        !bench.path("state").exists(),
        "the state of a load that is done is removed"
    );
}

fn rows_of_state(bench: &Bench) -> usize {
    let state = std::fs::read_to_string(bench.path("state")).unwrap();
    let rows = state.lines().find_map(|line| line.strip_prefix("rows "));
    rows.unwrap().parse().unwrap()
}

#[test]
fn a_killed_load_is_run_again() {
    let bench = bench();
    let gate = Gate::open(bench.server.port(), 200_000, |_, _| ());
    let mut child = start(&bench, gate.port, &[]);
    gate.wait();
    child.kill().unwrap();
    child.wait().unwrap();
    let there = bench.keys();
    assert!(there > 0 && there < ROWS as i64, "{there}");
    assert!(rows_of_state(&bench) as i64 <= there);
    gate.resume(&bench);
    check_whole(&bench);
}

/// F40: what was sent is answered, told and noted.
#[test]
fn sigterm_ends_in_order_and_the_next_run_goes_on() {
    let bench = bench();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let gate = Gate::open(bench.server.port(), 200_000, move |client, to| {
        wait.recv().unwrap();
        let _ = std::io::copy(client, to);
    });
    let child = start(&bench, gate.port, &["--in-flight", "10"]);
    gate.wait();
    // It waits for an answer now.
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(killed.unwrap().success());
    go_on.send(()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("error: stopped by a signal"), "{said}");
    let there = bench.keys();
    assert!(
        said.contains(&format!("{there} rows were written and acknowledged\n")),
        "{said}"
    );
    assert_eq!(rows_of_state(&bench) as i64, there);

    bench.connect().line("DEL e:0");
    gate.resume(&bench);
    // What is noted was not sent again.
    assert_eq!(bench.keys(), ROWS as i64 - 1);
    bench.connect().line("HSET e:0 a 0");
    check_whole(&bench);
}

#[test]
fn a_lost_connection_tells_what_is_sure() {
    let bench = bench();
    let gate = Gate::open(bench.server.port(), 200_000, |client, _| {
        client.shutdown(std::net::Shutdown::Both).unwrap();
    });
    let output = start(&bench, gate.port, &["--in-flight", "100"])
        .wait_with_output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let sure = said
        .lines()
        .find_map(|line| line.split_once(" rows were written and acknowledged"));
    let (sure, rest) = sure.expect("what is sure");
    let sure: i64 = sure.parse().unwrap();
    let unsure = rest.trim_start_matches("; ").split(' ').next().unwrap();
    let unsure: i64 = unsure.parse().unwrap();
    let there = bench.keys();
    assert!(
        sure <= there && there <= sure + unsure,
        "{sure} {there} {unsure}"
    );
    assert!(sure > 0 && unsure <= 100, "{sure} {unsure}");
    // The state is as sure as the answer.
    assert_eq!(rows_of_state(&bench) as i64, sure);

    // It is not for another load.
    bench.write("y.csv", "id,a\n1,1\n");
    let other = bench.load(&["y.csv", "--resume", "state"]);
    assert!(
        stderr(&other).contains("is of another load"),
        "{}",
        stderr(&other)
    );
    // Those that are sure are not sent again: one that was removed since stays so.
    bench.connect().line("DEL e:0");
    gate.resume(&bench);
    assert_eq!(bench.keys(), ROWS as i64 - 1);
    assert!(!bench.path("state").exists());
}

/// The server is killed and comes back: the same load leads to the same state.
#[test]
fn without_a_state_a_second_run_gives_the_same() {
    let bench = bench();
    report(&bench.load(&["x.csv"]));
    bench.connect().line("DEL e:5");
    bench.connect().line("HSET e:6 a 1 b 2");
    report(&bench.load(&["x.csv"]));
    assert_eq!(bench.keys(), ROWS as i64);
    assert_eq!(bench.hash("e:6"), ["a=12", "b=2"]);
}
