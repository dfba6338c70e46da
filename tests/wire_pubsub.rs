//! Messages among replies: one client that publishes to itself; replies of Redis 8.2.3.

mod wire;

const MESSAGE: &str = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n";

/// `CLIENT REPLY` silences replies. What `SUBSCRIBE` says is none, and neither is a message.
#[test]
fn a_silent_client_is_still_told_of_its_subscriptions() {
    let subscribed = "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
    let unsubscribed = "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n";
    wire::check(&[
        ("CLIENT REPLY SKIP", ""),
        ("SUBSCRIBE a", subscribed),
        ("UNSUBSCRIBE a", unsubscribed),
        ("CLIENT REPLY SKIP", ""),
        ("PING", ""),
        ("CLIENT REPLY OFF", ""),
        ("PING", ""),
        ("SUBSCRIBE", ""),
        ("SUBSCRIBE a", subscribed),
        ("UNSUBSCRIBE a", unsubscribed),
        ("MULTI", ""),
        ("SUBSCRIBE a", ""),
        ("DISCARD", ""),
        ("CLIENT REPLY ON", "+OK\r\n"),
    ]);
}

/// The subscription ends within the transaction in which the message came: it is not lost, and
/// does not wait for the next subscription.
#[test]
fn a_message_within_a_transaction_comes_after_it() {
    let replies = "*3\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n:1\r\n\
         *3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n";
    wire::check(&[
        ("MULTI", "+OK\r\n"),
        ("SUBSCRIBE a", "+QUEUED\r\n"),
        ("PUBLISH a x", "+QUEUED\r\n"),
        ("UNSUBSCRIBE a", "+QUEUED\r\n"),
        ("EXEC", &format!("{replies}{MESSAGE}")),
        ("PING", "+PONG\r\n"),
        ("PUBLISH a x", ":0\r\n"),
    ]);
}
