//! Conversations that do not fit a grammar of one reply a command: publish and subscribe, replies
//! turned off, RESET, QUIT. Whole streams are compared with Redis 8.2's.

use crate::support::{Connection, Server, Value, display, encode, words};

/// Lines, each with the connection that sends it.
type Conversation = &'static [(usize, &'static str)];

const CONVERSATIONS: &[Conversation] = &[
    &[
        (0, "SUBSCRIBE a b a"),
        (1, "PUBLISH a one"),
        (1, "PUBLISH nobody two"),
        (1, "PUBSUB CHANNELS a*"),
        (1, "PUBSUB NUMSUB a b nobody"),
        (0, "PING"),
        (0, "PING hello"),
        (0, "GET x"),
        (0, "UNSUBSCRIBE a"),
        (0, "UNSUBSCRIBE"),
        (0, "UNSUBSCRIBE"),
        (1, "PUBLISH a three"),
        (0, "GET x"),
    ],
    &[
        (0, "PSUBSCRIBE news.* *.weather"),
        (0, "SUBSCRIBE news.sport"),
        (1, "PUBLISH news.sport goal"),
        (1, "PUBSUB NUMPAT"),
        (1, "PUBSUB CHANNELS n*"),
        (0, "PUNSUBSCRIBE news.*"),
        (1, "PUBLISH news.sport again"),
        (0, "PUNSUBSCRIBE"),
        (0, "RESET"),
        (0, "GET x"),
    ],
    &[
        (0, "HELLO 3"),
        (0, "SUBSCRIBE a"),
        (0, "SET k v"),
        (0, "GET k"),
        (1, "PUBLISH a one"),
        (0, "PUBLISH a self"),
        (0, "UNSUBSCRIBE a"),
    ],
    &[
        (0, "CLIENT REPLY SKIP"),
        (0, "SET k v"),
        (0, "GET k"),
        (0, "CLIENT REPLY OFF"),
        (0, "SET k w"),
        (0, "GET k"),
        (0, "CLIENT REPLY ON"),
        (0, "GET k"),
    ],
    &[
        (0, "AUTH x"),
        (0, "AUTH x y"),
        (0, "AUTH default x"),
        (0, "AUTH a b c"),
        (0, "AUTH"),
    ],
    &[
        (0, "HELLO 3 AUTH x y"),
        (0, "HELLO 3 AUTH x"),
        (0, "CLIENT GETNAME"),
    ],
    &[(0, "SET k v"), (0, "QUIT"), (0, "GET k")],
    &[
        (0, "MULTI"),
        (0, "SET k v"),
        (0, "RESET"),
        (0, "EXEC"),
        (0, "GET k"),
    ],
    &[
        (0, "WATCH k"),
        (1, "SET k v"),
        (0, "MULTI"),
        (0, "GET k"),
        (0, "EXEC"),
        (0, "EXEC"),
    ],
    &[
        (0, "MULTI"),
        (0, "SUBSCRIBE a"),
        (0, "PING"),
        (0, "EXEC"),
        (1, "PUBLISH a x"),
    ],
    &[
        (0, "MULTI"),
        (0, "NOSUCH"),
        (0, "SET k v"),
        (0, "EXEC"),
        (0, "EXISTS k"),
    ],
    &[
        (0, "MULTI"),
        (0, "WATCH k"),
        (0, "MULTI"),
        (0, "SET k v"),
        (0, "EXEC"),
        (0, "GET k"),
    ],
    &[
        (0, "SELECT 1"),
        (0, "SET k v"),
        (0, "RESET"),
        (0, "GET k"),
        (0, "HELLO 3"),
        (0, "GET k"),
    ],
    &[
        (0, "CLIENT SETNAME n"),
        (0, "CLIENT GETNAME"),
        (0, "RESET"),
        (0, "CLIENT GETNAME"),
    ],
];

#[test]
fn conversations_as_with_redis() {
    let (ours, oracle) = (Server::subject(), Server::redis8(&[]));
    for conversation in CONVERSATIONS {
        let streams = [&ours, &oracle].map(|server| hold(server, conversation));
        for (i, (a, b)) in streams[0].iter().zip(&streams[1]).enumerate() {
            assert_eq!(display(a), display(b), "connection {i} in {conversation:?}");
        }
    }
}

/// All the bytes that either connection received. After each line a PING of the same connection
/// and of the other one makes sure that everything has arrived before the next.
fn hold(server: &Server, conversation: Conversation) -> [Vec<u8>; 2] {
    let mut connections = [server.connect(), server.connect()];
    connections[1].line("FLUSHALL");
    let mut streams = [Vec::new(), Vec::new()];
    let mut open = [true, true];
    // No reply to a mark can be waited for while replies are off.
    let mut mute = false;
    for (n, (who, line)) in conversation.iter().enumerate() {
        // A server that has hung up shows in the stream.
        let _ = connections[*who].send(&encode(&words(line)));
        mute = line.starts_with("CLIENT REPLY") || mute && *who == 0;
        mute &= !line.ends_with("ON");
        for at in [*who, 1 - *who] {
            if !(at == 0 && mute) {
                open[at] = open[at] && settle(&mut connections[at], &mut streams[at], n);
            }
        }
    }
    for (connection, stream) in connections.iter_mut().zip(&mut streams) {
        let _ = connection.shutdown_write();
        stream.extend(connection.read_to_end().expect("the rest of the stream"));
    }
    streams
}

/// Read up to the reply of a PING sent now. False if the other side hung up.
fn settle(connection: &mut Connection, stream: &mut Vec<u8>, n: usize) -> bool {
    let mark = format!("mark-{n}");
    let _ = connection.send(&encode(&["PING", &mark]));
    loop {
        let Ok(reply) = connection.read() else {
            return false;
        };
        // A HELLO tells of the server itself.
        match reply.value.items().first().map(Value::text).as_deref() {
            Some("server") => stream.extend_from_slice(&reply.raw[..1]),
            _ => stream.extend_from_slice(&reply.raw),
        }
        let is_mark = |value: &Value| value.text() == mark;
        // Between MULTI and EXEC the mark is queued, too; its own reply is taken at the end.
        let queued = reply.value.text() == "QUEUED";
        if queued || is_mark(&reply.value) || reply.value.items().iter().any(is_mark) {
            return true;
        }
    }
}
