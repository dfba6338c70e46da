//! The `redis` crate against our server, over RESP2 and RESP3.

mod support;

use redis::{
    Commands, Connection, ErrorKind, ProtocolVersion, RedisResult, ServerErrorKind, Value,
};
use std::collections::{BTreeMap, BTreeSet};
use support::Server;

fn connect(server: &Server, resp3: bool) -> Connection {
    let query = if resp3 { "?protocol=resp3" } else { "" };
    let url = format!("redis://127.0.0.1:{}/{query}", server.port());
    let client = redis::Client::open(url).expect("a URL");
    let protocol = client.get_connection_info().redis_settings().protocol();
    assert_eq!(protocol == ProtocolVersion::RESP3, resp3);
    client.get_connection().expect("a connection")
}

fn hashes(c: &mut Connection) -> RedisResult<()> {
    let pairs = [("age", "42"), ("city", "Lyon")];
    let () = c.hset_multiple("user:1", &pairs)?;
    let age: i64 = c.hget("user:1", "age")?;
    assert_eq!(age, 42);
    let some: Vec<Option<String>> = c.hmget("user:1", &["age", "none", "city"])?;
    assert_eq!(some, [Some("42".into()), None, Some("Lyon".into())]);
    let all: BTreeMap<String, String> = c.hgetall("user:1")?;
    assert_eq!(all.len(), 2);
    let binary: &[u8] = b"\x00\r\n\xff";
    let () = c.hset("user:1", binary, binary)?;
    let back: Vec<u8> = c.hget("user:1", binary)?;
    assert_eq!(back, binary);
    let expire: Vec<i64> =
        c.hexpire("user:1", 1000, redis::ExpireOption::NONE, &["age", "none"])?;
    assert_eq!(expire, [1, -2]);
    let left: Vec<i64> = c.httl("user:1", &["age", "city"])?;
    assert!(left[0] > 0 && left[1] == -1);
    let wrong: RedisResult<i64> = c.incr("user:1", 1);
    let kind = wrong.expect_err("not a string").kind();
    assert_ne!(
        kind,
        ErrorKind::Server(ServerErrorKind::ResponseError),
        "WRONGTYPE has a code"
    );
    Ok(())
}

fn pipelines(c: &mut Connection) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    for i in 0..1000 {
        pipe.hset(format!("p:{i}"), "f", i)
            .ignore()
            .hget(format!("p:{i}"), "f");
    }
    let got: Vec<i64> = pipe.query(c)?;
    assert_eq!(got, (0..1000).collect::<Vec<_>>());
    let mut atomic = redis::pipe();
    atomic.atomic().set("n", 1).ignore().incr("n", 41).get("n");
    let got: (i64, i64) = atomic.query(c)?;
    assert_eq!(got, (42, 42));
    let found: RedisResult<BTreeSet<String>> = c.scan_match("p:*")?.collect();
    assert_eq!(found?.len(), 1000);
    Ok(())
}

fn transaction(c: &mut Connection) -> RedisResult<()> {
    let (got,): (i64,) = redis::transaction(c, &["n"], |c, pipe| {
        let n: i64 = c.get("n")?;
        pipe.set("n", n + 1).ignore().get("n").query(c)
    })?;
    assert_eq!(got, 43);
    Ok(())
}

fn publish(server: &Server, c: &mut Connection, resp3: bool) -> RedisResult<()> {
    let mut other = connect(server, resp3);
    let mut subscriber = other.as_pubsub();
    subscriber.subscribe("news")?;
    let receivers: i64 = c.publish("news", "hello")?;
    assert_eq!(receivers, 1);
    let text: String = subscriber.get_message()?.get_payload()?;
    assert_eq!(text, "hello");
    Ok(())
}

fn all(resp3: bool) -> RedisResult<()> {
    let server = Server::ours(&[]);
    let mut c = connect(&server, resp3);
    hashes(&mut c)?;
    pipelines(&mut c)?;
    transaction(&mut c)?;
    publish(&server, &mut c, resp3)?;
    let map: Value = redis::cmd("HGETALL").arg("user:1").query(&mut c)?;
    assert_eq!(matches!(map, Value::Map(_)), resp3, "{map:?}");
    Ok(())
}

#[test]
fn resp2() {
    all(false).expect("every command");
}

#[test]
fn resp3() {
    all(true).expect("every command");
}
