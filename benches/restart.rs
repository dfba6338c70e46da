//! How long a server is away: from the start of the process to its first right reply to an HMGET of
//! 50 fields, on a data directory with a checkpoint of many entities; warm, with its files in the
//! page cache, and cold, without.
//!
//! ```text
//! cargo bench --bench restart                   1,000,000 entities of 50 features
//! FIELDSTONE_BENCH_ENTITIES=4000000 cargo bench --bench restart
//! ```

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const FEATURES: usize = 50;
const STARTS: usize = 9;

struct Server {
    child: Child,
    port: u16,
}

fn start(dir: &Path, options: &[&str]) -> Server {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fieldstone"))
        .args([
            "serve",
            "--port",
            "0",
            "--bind",
            "127.0.0.1",
            "--appendonly",
            "yes",
            "--dir",
        ])
        .arg(dir)
        .args(options)
        .stderr(Stdio::piped())
        .spawn()
        .expect("start the server");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let ready = "Ready to accept connections on 127.0.0.1:";
    let port = loop {
        let line = lines.next().expect("it gets ready").expect("a line");
        if let Some((_, port)) = line.split_once(ready) {
            break port.parse().expect("a port");
        }
    };
    std::thread::spawn(move || lines.for_each(drop));
    Server { child, port }
}

impl Server {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("connect");
        stream.set_nodelay(true).expect("a setting");
        let wait = Some(Duration::from_secs(600));
        stream.set_read_timeout(wait).expect("a setting");
        stream
    }

    fn kill(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("its end");
    }
}

fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend(format!("${}\r\n", word.len()).bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn key(n: usize) -> Vec<u8> {
    format!("A:user:{n:012}").into_bytes()
}

fn name(f: usize) -> Vec<u8> {
    format!("feature_number_{f}").into_bytes()
}

/// A third of each: counts, rates, categories.
fn value(n: usize, f: usize) -> Vec<u8> {
    let mixed = (n as u64 * 50 + f as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    match f % 3 {
        0 => (mixed >> 44).to_string().into_bytes(),
        1 => format!("{}.{:06}", mixed >> 60, mixed % 1_000_000).into_bytes(),
        _ => format!("category_{}", mixed >> 58).into_bytes(),
    }
}

fn load(server: &Server, entities: usize) {
    let mut stream = server.connect();
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    for from in (0..entities).step_by(500) {
        let to = (from + 500).min(entities);
        let mut batch = Vec::new();
        for n in from..to {
            let mut words = vec![b"HSET".to_vec(), key(n)];
            words.extend((0..FEATURES).flat_map(|f| [name(f), value(n, f)]));
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            batch.extend(command(&words));
        }
        stream.write_all(&batch).expect("send");
        for _ in from..to {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a reply");
            assert_eq!(line, format!(":{FEATURES}\r\n"));
        }
    }
    stream.write_all(b"SAVE\r\n").expect("send");
    let mut line = String::new();
    reader.read_line(&mut line).expect("a reply");
    assert_eq!(line, "+OK\r\n");
}

/// From the start of the process to the first right reply.
fn first_reply(dir: &Path, n: usize, options: &[&str]) -> Duration {
    let mut words = vec![b"HMGET".to_vec(), key(n)];
    words.extend((0..FEATURES).map(name));
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let mut expected = format!("*{FEATURES}\r\n").into_bytes();
    for f in 0..FEATURES {
        let value = value(n, f);
        expected.extend(format!("${}\r\n", value.len()).bytes());
        expected.extend(value);
        expected.extend(b"\r\n");
    }
    let began = Instant::now();
    let server = start(dir, options);
    let mut stream = server.connect();
    stream.write_all(&command(&words)).expect("send");
    let mut reply = vec![0; expected.len()];
    stream.read_exact(&mut reply).expect("a reply");
    let took = began.elapsed();
    assert!(reply == expected, "the first reply is wrong");
    server.kill();
    took
}

fn drop_page_cache() -> bool {
    let synced = Command::new("sync").status().is_ok_and(|s| s.success());
    synced && std::fs::write("/proc/sys/vm/drop_caches", "1").is_ok()
}

fn main() {
    let entities = std::env::var("FIELDSTONE_BENCH_ENTITIES").ok();
    let entities: usize = entities.map_or(1_000_000, |n| n.parse().expect("a number"));
    let dir = tempfile::tempdir().expect("a folder");
    let server = start(dir.path(), &[]);
    load(&server, entities);
    server.kill();
    println!(
        "{entities} entities of {FEATURES} features; the median of {STARTS} starts (least, most)"
    );
    let verify = ["--base-verify-at-start", "yes"];
    for (what, options, cold) in [
        ("warm", &[][..], false),
        ("cold", &[][..], true),
        ("warm, every checksum compared first", &verify[..], false),
    ] {
        let mut times = Vec::new();
        for n in 0..STARTS {
            if cold && !drop_page_cache() {
                println!("{what}: not measured: the page cache cannot be dropped");
                break;
            }
            times.push(first_reply(dir.path(), n * entities / STARTS, options));
        }
        times.sort();
        if let (Some(least), Some(most)) = (times.first(), times.last()) {
            let median = times[times.len() / 2];
            println!("{what}: {median:.0?} ({least:.0?}, {most:.0?})");
        }
    }
}
