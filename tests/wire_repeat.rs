//! Pipelines of `HMGET`s for the same fields, of `HGETALL`s and of `GET`s take a shorter way: the
//! replies are those of the same requests one by one, on a connection of their own each.

mod wire;

use wire::Client;

const FIELDS: &[&str] = &["a", "b", "c", "missing", "d", "a"];

fn hmget(key: &str, fields: &[&str]) -> Vec<u8> {
    let words: Vec<&str> = ["HMGET", key].iter().chain(fields).copied().collect();
    request(&words)
}

fn request(words: &[&str]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    request.into_bytes()
}

/// Hashes of two shapes and of none, with fields and keys that expire, a string, a large hash.
fn fill(client: &mut Client) {
    let mut lines = Vec::new();
    for i in 0..40 {
        lines.push(format!("HSET full{i} a {i} b x{i} c -1.50 d {i}{i}"));
        lines.push(format!("HSET part{i} d {i} a 0{i}"));
        lines.push(format!("HSET own{i} a {i} odd{i} 1 c {i}"));
    }
    lines.push("SET string 1".to_owned());
    lines.push("HSET stamped a 1 b 2 c 3 d 4".to_owned());
    lines.push("HPEXPIREAT stamped 1700000000001 FIELDS 2 a d".to_owned());
    lines.push("HSET gone a 1 b 2 c 3 d 4".to_owned());
    lines.push("PEXPIREAT gone 1700000000001".to_owned());
    for i in 0..2000 {
        lines.push(format!("HSET large f{i} {i} a 1 d 2"));
    }
    for line in lines {
        client.talk(format!("{line}\r\n").as_bytes());
    }
    client.advance(5);
}

fn keys() -> Vec<String> {
    let mut keys = Vec::new();
    for i in 0..40 {
        keys.extend([format!("full{i}"), format!("part{i}"), format!("own{i}")]);
        keys.push(["string", "stamped", "gone", "nothing", "large"][i % 5].to_owned());
    }
    keys
}

/// A new connection for each request has nothing to repeat.
fn one_by_one(client: &Client, requests: &[Vec<u8>]) -> Vec<u8> {
    let alone = |request: &Vec<u8>| client.another().talk(request);
    requests.iter().flat_map(alone).collect()
}

#[test]
fn a_pipeline_is_answered_as_its_requests_alone() {
    let mut client = Client::new();
    fill(&mut client);
    let requests: Vec<Vec<u8>> = keys().iter().map(|key| hmget(key, FIELDS)).collect();
    let expected = one_by_one(&client, &requests);
    assert_eq!(
        client.talk(&requests.concat()).escape_ascii().to_string(),
        { expected.escape_ascii().to_string() }
    );
    // Cut anywhere, and with other requests in between.
    let mut other = client.another();
    let mixed: Vec<Vec<u8>> = requests
        .iter()
        .flat_map(|request| [request.clone(), b"PING\r\n".to_vec(), request.clone()])
        .collect();
    let expected = one_by_one(&client, &mixed);
    let mut replies = Vec::new();
    let stream = mixed.concat();
    let mut rest = stream.as_slice();
    let mut len = 1;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.len().min(len % 997 + 1));
        replies.extend(other.hear(now));
        (rest, len) = (later, len * 7 % 1009 + 1);
    }
    assert!(replies == expected, "cut into pieces the replies differ");
}

/// Names and values short and long, keys of the other kind, keys that are not there.
#[test]
fn pipelines_of_keys_alone_are_answered_as_their_requests_alone() {
    let mut client = Client::new();
    fill(&mut client);
    let long = "l".repeat(40);
    client.talk(format!("HSET long a {long} {long} 1\r\n").as_bytes());
    client.talk(format!("HSET long2 a {long} {long} 1\r\nSET text {long}\r\n").as_bytes());
    client.talk(format!("HSET values a {long} b {long}\r\n").as_bytes());
    client.talk(format!("HSET values2 a {long} b 2\r\n").as_bytes());
    let mut keys = keys();
    let more = ["long", "long2", "text", "values", "values2"];
    keys.extend(more.map(str::to_owned));
    let ask = |name: &'static str| keys.iter().map(move |key| request(&[name, key]));
    let same: Vec<Vec<u8>> = ask("HGETALL").chain(ask("GET")).collect();
    let words = ["HGETALL", "GET", "GET", "HGETALL", "HGETALL", "hgetall"];
    let mixed = keys.iter().cycle().zip(words.iter().cycle());
    let mixed = mixed.take(600).map(|(key, name)| request(&[name, key]));
    for requests in [same, mixed.collect()] {
        let expected = one_by_one(&client, &requests);
        let found = client.another().talk(&requests.concat());
        assert_eq!(
            found.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
        let mut resp3 = client.another();
        resp3.talk(b"HELLO 3\r\n");
        let alone = |request: &Vec<u8>| {
            let mut one = client.another();
            one.talk(b"HELLO 3\r\n");
            one.talk(request)
        };
        let expected: Vec<u8> = requests.iter().flat_map(alone).collect();
        assert!(resp3.talk(&requests.concat()) == expected);
    }
}

#[test]
fn what_is_asked_may_change_at_any_time() {
    let mut client = Client::new();
    fill(&mut client);
    let orders: [&[&str]; 3] = [
        &["a", "b", "c", "d"],
        &["d", "c", "b", "a"],
        &["a", "b", "c", "e"],
    ];
    let keys = keys();
    let requests: Vec<Vec<u8>> = (0..300)
        .map(|i| hmget(&keys[i * 7 % keys.len()], orders[i / 3 % 3]))
        .collect();
    let expected = one_by_one(&client, &requests);
    assert!(client.talk(&requests.concat()) == expected);
}

#[test]
fn transactions_and_selected_databases_are_kept_to() {
    let mut client = Client::new();
    fill(&mut client);
    let ask = hmget("full1", &["a", "b", "c", "d"]);
    let found = client.talk(&ask);
    assert_eq!(client.talk(b"MULTI\r\n"), b"+OK\r\n");
    assert_eq!(client.talk(&ask), b"+QUEUED\r\n");
    assert_eq!(client.talk(b"EXEC\r\n"), [b"*1\r\n", &found[..]].concat());
    assert_eq!(client.talk(&ask), found);
    assert_eq!(client.talk(b"SELECT 1\r\n"), b"+OK\r\n");
    assert_eq!(client.talk(&ask), b"*4\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n");
    assert_eq!(client.talk(b"SELECT 0\r\n"), b"+OK\r\n");
    assert_eq!(client.talk(&ask), found);
    // A write in between is seen.
    client.talk(b"HSET full1 a changed\r\n");
    assert!(client.talk(&ask).starts_with(b"*4\r\n$7\r\nchanged\r\n"));
    assert_eq!(client.talk(b"CLIENT REPLY SKIP\r\n"), b"");
    assert_eq!(client.talk(&ask), b"");
    assert_eq!(
        client.talk(b"SUBSCRIBE x\r\n"),
        b"*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n"
    );
    assert!(client.talk(&ask).starts_with(b"-ERR Can't execute 'hmget'"));
}

/// A command that is refused, with the words of an `HMGET` behind its name, is not repeated as one.
#[test]
fn only_an_hmget_is_repeated() {
    let mut client = Client::new();
    fill(&mut client);
    let ask = hmget("full1", &["a", "b", "c", "d"]);
    client.talk(&ask);
    let unknown = String::from_utf8(ask.clone())
        .unwrap()
        .replace("HMGET", "NMGET");
    for _ in 0..3 {
        assert!(
            client
                .talk(unknown.as_bytes())
                .starts_with(b"-ERR unknown command 'NMGET'")
        );
    }
    let lower = String::from_utf8(ask.clone())
        .unwrap()
        .replace("HMGET", "hmget");
    let found = client.talk(&ask);
    assert_eq!(client.talk(lower.as_bytes()), found);
    assert_eq!(client.call(&[b"HSTRLEN", b"full1", b"a"]), b":1\r\n");
}

/// Replies beyond what may wait are not made before some are taken.
#[test]
fn a_full_output_stops_the_pipeline() {
    let mut client = Client::new();
    let value = "v".repeat(100_000);
    client.call(&[b"HSET", b"h", b"a", value.as_bytes()]);
    let ask = hmget("h", &["a", "a", "a", "a"]);
    let reply = client.talk(&ask);
    let (replies, steps) = client.talk_in_steps(&ask.repeat(20));
    assert!(replies == reply.repeat(20));
    assert!(steps >= 4, "{steps} steps for 8 MB of replies");
}

#[test]
fn statistics_count_each_request() {
    let mut client = Client::new();
    fill(&mut client);
    client.talk(b"CONFIG RESETSTAT\r\n");
    let requests: Vec<Vec<u8>> = keys().iter().map(|key| hmget(key, FIELDS)).collect();
    client.talk(&requests.concat());
    let info = String::from_utf8(client.talk(b"INFO everything\r\n")).unwrap();
    let line = |name: &str| {
        let found = info.lines().find_map(|line| line.strip_prefix(name));
        found
            .unwrap_or_else(|| panic!("{name} is missing"))
            .to_owned()
    };
    assert!(line("cmdstat_hmget:").starts_with("calls=160,"));
    assert!(line("cmdstat_hmget:").ends_with("rejected_calls=0,failed_calls=8"));
    assert_eq!(line("keyspace_hits:"), "144");
    assert_eq!(line("keyspace_misses:"), "16");
}
