//! Changes in a pipeline are run several at a time: the replies and what is stored are those of the
//! same requests one by one.

mod wire;

use wire::Client;

const KEYS: u64 = 12;

fn request(words: &[&str]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    request.into_bytes()
}

/// Changes of few keys, of which some are wrong, and some are of several keys or of none.
fn changes(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut random = seed;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut changes = Vec::new();
    let mut kind = 0;
    for _ in 0..count {
        // Runs of alike ones.
        if next(4) == 0 {
            kind = next(24);
        }
        let key = format!("key{}", next(KEYS));
        let (name, value) = (format!("f{}", next(4)), format!("{}", next(100)));
        let (key, name, value) = (key.as_str(), name.as_str(), value.as_str());
        let words: &[&str] = match kind {
            0..=3 => &["HSET", key, "a", value, "b", "x", "c", value],
            4 => &["HSET", key, "c", value, "b", value, "a", "x"],
            5 => &["hset", key, name, value],
            6 => &["HSET", key, name],
            7 => &["HINCRBY", key, name, value],
            8 => &["HINCRBYFLOAT", key, name, "0.5"],
            9 => &["HDEL", key, name, "a"],
            10 => &["SET", key, value],
            11 => &["SET", key, value, "NX", "GET"],
            12 => &["SET", key, value, "PX", "0"],
            13 => &["INCR", key],
            14 => &["PEXPIRE", key, "30"],
            15 => &["HPEXPIRE", key, "20", "FIELDS", "2", "a", name],
            16 => &["PERSIST", key],
            17 => &["PEXPIREAT", key, "1"],
            18 => &["HPEXPIREAT", key, "1", "FIELDS", "3", "a", "b", "c"],
            19 => &["HSETNX", key, name, value],
            20 => &["DEL", key],
            21 => &["HMGET", key, "a", "b", "c", "f1"],
            22 => &["NOCOMMAND", key],
            _ => &["MSET", key, value, "key0", value],
        };
        changes.push(request(words));
    }
    changes
}

fn shown(client: &mut Client) -> String {
    let mut shown = String::new();
    for key in 0..KEYS {
        for ask in [
            format!("TYPE key{key}"),
            format!("GET key{key}"),
            // The order of a hash depends on the hashes of the server.
            format!("HLEN key{key}"),
            format!("HMGET key{key} a b c f0 f1 f2 f3"),
            format!("PEXPIRETIME key{key}"),
            format!("HPEXPIRETIME key{key} FIELDS 7 a b c f0 f1 f2 f3"),
        ] {
            let reply = client.talk(format!("{ask}\r\n").as_bytes());
            shown.push_str(&format!("{ask}: {}\n", reply.escape_ascii()));
        }
    }
    shown
}

/// Calls, rejected and failed ones of each command.
fn counted(client: &mut Client) -> String {
    let info = client.talk(b"INFO commandstats\r\n");
    let info = String::from_utf8(info).unwrap();
    let lines = info.lines().filter(|line| line.starts_with("cmdstat_"));
    let is_time = |part: &&str| !part.starts_with("usec");
    let line = |line: &str| -> String {
        line.replace(':', ",")
            .split(',')
            .filter(is_time)
            .collect::<Vec<_>>()
            .join(" ")
            + "\n"
    };
    lines.map(line).collect()
}

#[test]
fn changes_in_a_pipeline_are_those_of_the_requests_alone() {
    for seed in 0..40 {
        let changes = changes(seed, 400);
        let (mut alone, mut together) = (Client::new(), Client::new());
        for (n, part) in changes.chunks(50).enumerate() {
            let expected: Vec<u8> = part.iter().flat_map(|one| alone.talk(one)).collect();
            let found = match n % 2 {
                0 => together.talk(&part.concat()),
                // Cut into pieces.
                _ => part
                    .concat()
                    .chunks(1 + (seed as usize * 37 + n * 11) % 300)
                    .flat_map(|piece| together.hear(piece))
                    .collect(),
            };
            assert_eq!(
                found.escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "seed {seed}, part {n}"
            );
            alone.advance(7);
            together.advance(7);
        }
        assert_eq!(counted(&mut together), counted(&mut alone), "seed {seed}");
        assert_eq!(shown(&mut together), shown(&mut alone), "seed {seed}");
    }
}

/// Sixteen are fetched at once, and one more is there.
fn counting(from: u64) -> Vec<u8> {
    let one = |n| request(&["HSET", &format!("h{}", n % 3), &format!("f{n}"), "1"]);
    (from..from + 17).flat_map(one).collect()
}

#[test]
fn what_is_not_plain_goes_the_general_way() {
    let mut client = Client::new();
    let added = b":1\r\n".repeat(17);
    assert_eq!(client.talk(&counting(0)), added);

    // Queued, one by one.
    let mut inside = b"MULTI\r\n".to_vec();
    inside.extend(counting(100));
    inside.extend(b"EXEC\r\n");
    let expected = [
        b"+OK\r\n",
        &b"+QUEUED\r\n".repeat(17)[..],
        b"*17\r\n",
        &added,
    ]
    .concat();
    assert_eq!(client.talk(&inside), expected);

    // Whoever watches a key of them is told.
    let mut other = client.another();
    other.talk(b"WATCH h1\r\nMULTI\r\nGET nothing\r\n");
    client.talk(&counting(200));
    assert_eq!(other.talk(b"EXEC\r\n"), b"*-1\r\n");

    // No reply at all, or all but one.
    assert_eq!(client.talk(b"CLIENT REPLY OFF\r\n"), b"");
    assert_eq!(client.talk(&counting(300)), b"");
    assert_eq!(client.talk(b"CLIENT REPLY ON\r\n"), b"+OK\r\n");
    assert_eq!(client.talk(b"CLIENT REPLY SKIP\r\n"), b"");
    assert_eq!(client.talk(&counting(400)), b":1\r\n".repeat(16));

    // No memory: each is told.
    client.talk(b"CONFIG SET maxmemory 1\r\n");
    let reply = client.talk(&counting(500));
    let reply = String::from_utf8(reply).unwrap();
    assert_eq!(
        reply.matches("-OOM command not allowed").count(),
        17,
        "{reply}"
    );
    client.talk(b"CONFIG SET maxmemory 0\r\n");
    assert_eq!(
        client.talk(b"HLEN h0\r\nHLEN h1\r\nHLEN h2\r\n"),
        b":28\r\n:29\r\n:28\r\n"
    );

    // A monitor sees every one.
    let mut monitor = client.another();
    monitor.talk(b"MONITOR\r\n");
    client.talk(&counting(600));
    let seen = String::from_utf8(monitor.hear(b"")).unwrap();
    assert_eq!(seen.matches("\"HSET\"").count(), 17, "{seen}");

    // A subscriber may not.
    client.talk(b"SUBSCRIBE x\r\n");
    let reply = String::from_utf8(client.talk(&counting(700))).unwrap();
    assert_eq!(
        reply.matches("-ERR Can't execute 'hset'").count(),
        17,
        "{reply}"
    );
}

/// Replies beyond what may wait are not made before some are taken; nothing runs twice, and
/// nothing that was not answered has run.
#[test]
fn a_full_output_stops_in_the_middle() {
    let mut client = Client::new();
    let old = "v".repeat(300_000);
    let keys: Vec<String> = (0..16).map(|n| format!("k{n}")).collect();
    for key in &keys {
        client.call(&[b"SET", key.as_bytes(), old.as_bytes()]);
    }
    let swap = |key: &String| request(&["SET", key, "new", "GET"]);
    let (reply, steps) = client.talk_in_steps(&keys.iter().flat_map(swap).collect::<Vec<u8>>());
    assert!(steps > 3, "{steps}");
    let expected = format!("$300000\r\n{old}\r\n").repeat(16);
    assert!(
        reply == expected.as_bytes(),
        "each is answered once, with what was there"
    );
    let (reply, _) = client.talk_in_steps(&keys.iter().flat_map(swap).collect::<Vec<u8>>());
    assert_eq!(reply, b"$3\r\nnew\r\n".repeat(16));
}

/// Threads whose pipelines want the same shards: each change counts once, whether it has the locks
/// together with others or by itself.
#[test]
fn threads_that_change_the_same_keys_lose_nothing() {
    const ROUNDS: usize = 200;
    let mut client = Client::new();
    let one = |n: usize| request(&["HINCRBY", &format!("shared{n}"), "count", "1"]);
    let pipeline = &(0..16).flat_map(one).collect::<Vec<u8>>();
    std::thread::scope(|scope| {
        for mut other in [client.another(), client.another(), client.another()] {
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let reply = other.talk(pipeline);
                    assert_eq!(reply.iter().filter(|byte| **byte == b':').count(), 16);
                }
            });
        }
    });
    for n in 0..16 {
        let count = client.call(&[b"HGET", format!("shared{n}").as_bytes(), b"count"]);
        assert_eq!(count, b"$3\r\n600\r\n", "shared{n}");
    }
}
