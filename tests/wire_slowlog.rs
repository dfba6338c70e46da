//! What the slow log keeps: the commands of transactions, but no password.

mod wire;

fn slowlog(requests: &str) -> String {
    let mut client = wire::Client::new();
    client.talk(b"CONFIG SET slowlog-log-slower-than 0\r\nSLOWLOG RESET\r\n");
    for request in requests.lines() {
        client.talk(format!("{request}\r\n").as_bytes());
    }
    client.talk(b"CONFIG SET slowlog-log-slower-than -1\r\n");
    client
        .talk(b"SLOWLOG GET -1\r\n")
        .escape_ascii()
        .to_string()
}

/// EXEC is left out because what it runs is there.
#[test]
fn commands_of_a_transaction_are_in_the_slow_log() {
    let log = slowlog("MULTI\nHSET h field 1\nEXEC");
    assert!(log.contains("HSET") && log.contains("field"), "{log}");
    assert!(!log.contains("EXEC"), "{log}");
}

#[test]
fn passwords_are_not_in_the_slow_log() {
    let log = slowlog(
        "AUTH default secret\nHELLO 2 AUTH default secret\n\
         CONFIG SET requirepass secret timeout 7\n\
         MULTI\nCONFIG SET requirepass secret\nAUTH secret\nEXEC",
    );
    assert!(
        log.contains("requirepass") && log.contains("timeout"),
        "{log}"
    );
    assert!(!log.contains("secret"), "{log}");
}
