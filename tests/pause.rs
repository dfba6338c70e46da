//! CLIENT PAUSE: whoever waited goes on when it ends, however it ends.

mod support;

use std::time::{Duration, Instant};
use support::{Connection, Server};

/// One tick a second: waking up must not depend on a tick that sees the pause.
const SLOW_TICKS: [&str; 2] = ["--hz", "1"];

/// Send a request that has to wait; returns once the server has it.
fn send_and_wait(server: &Server, request: &str) -> Connection {
    let (mut waiting, mut admin) = (server.connect(), server.connect());
    let id = waiting.line("CLIENT ID").integer();
    let before = admin.line(&format!("CLIENT LIST ID {id}")).text();
    assert!(before.contains(" qbuf=0 "), "{before}");
    waiting
        .send(format!("{request}\r\n").as_bytes())
        .expect("send");
    let until = Instant::now() + Duration::from_secs(30);
    while admin
        .line(&format!("CLIENT LIST ID {id}"))
        .text()
        .contains(" qbuf=0 ")
    {
        assert!(Instant::now() < until, "the request did not arrive");
    }
    waiting
}

#[test]
fn a_short_pause_ends_for_those_who_waited() {
    let server = Server::ours(&SLOW_TICKS);
    let (mut admin, mut writer) = (server.connect(), server.connect());
    writer
        .set_wait(Duration::from_secs(20))
        .expect("set a time-out");
    for _ in 0..3 {
        assert_eq!(admin.line("CLIENT PAUSE 30 WRITE").text(), "OK");
        assert_eq!(writer.line("SET k v").text(), "OK");
    }
}

#[test]
fn unpause_ends_it_at_once() {
    let server = Server::ours(&SLOW_TICKS);
    let mut admin = server.connect();
    for _ in 0..3 {
        assert_eq!(admin.line("CLIENT PAUSE 1000000 WRITE").text(), "OK");
        let mut waiting = send_and_wait(&server, "SET k v");
        waiting
            .set_wait(Duration::from_secs(20))
            .expect("set a time-out");
        assert_eq!(admin.line("CLIENT UNPAUSE").text(), "OK");
        assert_eq!(waiting.read().expect("the reply").raw, b"+OK\r\n");
    }
}

/// A request that waits has had no effect and no reply: it does not keep the server from ending.
#[test]
fn a_paused_request_does_not_hold_up_the_end() {
    let mut server = Server::ours(&["--io-threads", "2"]);
    let mut admin = server.connect();
    assert_eq!(admin.line("CLIENT PAUSE 1000000 WRITE").text(), "OK");
    let mut waiting: Vec<Connection> = (0..4).map(|_| send_and_wait(&server, "SET k v")).collect();
    admin.send(b"SHUTDOWN\r\n").expect("send SHUTDOWN");
    for c in &mut waiting {
        assert_eq!(c.read_to_end().expect("an end"), b"");
    }
    assert!(server.exit_status().success());
}

#[test]
fn a_pause_without_end_is_refused() {
    let server = Server::ours(&[]);
    let reply = server
        .connect()
        .line("CLIENT PAUSE 9223372036854775807 WRITE")
        .text();
    assert!(reply.contains("timeout is out of range"), "{reply}");
    assert_eq!(server.connect().line("SET k v").text(), "OK");
}

/// `timeout` is for clients that ask for nothing.
#[test]
fn whoever_waits_is_not_idle() {
    let server = Server::ours(&["--timeout", "1"]);
    let (mut admin, mut writer) = (server.connect(), server.connect());
    assert_eq!(admin.line("CLIENT PAUSE 4000 WRITE").text(), "OK");
    assert_eq!(writer.line("SET k v").text(), "OK");
}
