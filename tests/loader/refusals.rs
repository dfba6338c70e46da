//! What cannot be loaded says why, and ends with the right exit code.

use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::path::Path;
use std::process::Output;

use redis::Commands;

use crate::redis_server::{RedisServer, flights, free_port, load, stderr, succeed};

/// An address at which nobody can listen: the command line is looked at before it.
const NOBODY: &str = "127.0.0.1:0";

#[track_caller]
fn refused(output: &Output, code: i32, reason: &str) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains("error: ") && text.contains(reason), "{text}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_command_line_that_does_not_fit() {
    let planes = flights("planes.parquet");
    for (options, reason) in [
        (
            vec!["--key", "p:{tail}"],
            "planes.parquet: --key: the file has no column tail; it has",
        ),
        (vec!["--key", "plane"], "names no column"),
        (vec!["--key", "p:{tailnum"], "a brace without its partner"),
        (
            vec!["--key", "p:{tailnum}", "--drop", "x"],
            "--drop: the file has no column x",
        ),
        (
            vec!["--key", "p:{tailnum}", "--rename", "seats"],
            "must be two texts with =",
        ),
        (
            vec!["--key", "p:{tailnum}", "--rename", "seats=model"],
            "two columns become",
        ),
        (
            vec![
                "--key",
                "p:{tailnum}",
                "--rename",
                "seats=a",
                "--rename",
                "seats=b",
            ],
            "--rename has two new names for seats",
        ),
        (
            vec!["--key", "p:{tailnum}", "--ttl", "26"],
            "a number with ms, s, m, h or d",
        ),
        (
            vec!["--key", "p:{tailnum}", "--user", "ann"],
            "a user without a password",
        ),
        (
            vec!["--key", "p:{tailnum}", "--in-flight", "0"],
            "--in-flight",
        ),
        (
            vec!["--key", "p:{tailnum}", "--mode", "replace"],
            "--mode replace: over the wire",
        ),
        (
            vec!["--key", "p:{tailnum}", "view"],
            "with --key there is no view",
        ),
        (vec!["--drop", "x"], "--key"),
        (vec!["--resume", "state"], "--resume goes with --to"),
        (vec!["--memory", "1"], "must be at least 16M"),
    ] {
        refused(&load(NOBODY, &options, &planes), 2, reason);
    }
}

#[test]
fn no_column_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, "id,a,a\n1,2,3\n").unwrap();
    for (options, reason) in [
        (
            ["--key", "p:{id}", "--drop", "a"],
            "no column is left to be a feature",
        ),
        (
            ["--key", "p:{id}", "--rename", "id=x"],
            "two columns become the feature a",
        ),
    ] {
        refused(&load(NOBODY, &options, &path), 2, reason);
    }
}

#[test]
fn other_formats_and_places() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("planes.txt");
    std::fs::write(&text, "tailnum,seats\nN14228,149\n").unwrap();
    let options = ["--key", "p:{tailnum}"];
    let ftp = load(NOBODY, &options, Path::new("ftp://exports/planes.parquet"));
    refused(&ftp, 2, "ftp:// is not supported");
    let nothing = load(NOBODY, &options, &dir.path().join("."));
    refused(&nothing, 1, "or *.zst files in it");
    // What a file is, it says itself; its name does not matter.
    let nobody = load(NOBODY, &options, &text);
    refused(&nobody, 1, "cannot connect");
    let json = dir.path().join("planes.parquet");
    std::fs::write(&json, "[{\"tailnum\": \"N14228\"}]").unwrap();
    let reason = "planes.parquet: this is JSON: export it as Parquet or CSV";
    refused(&load(NOBODY, &options, &json), 2, reason);
    let missing = dir.path().join("none.parquet");
    refused(
        &load(NOBODY, &options, &missing),
        1,
        "none.parquet: No such file",
    );
}

#[test]
fn servers_that_are_not_there() {
    let options = ["--key", "p:{tailnum}"];
    let planes = flights("planes.parquet");
    let nobody = format!("127.0.0.1:{}", free_port());
    refused(
        &load(&nobody, &options, &planes),
        1,
        &format!("cannot connect to {nobody}"),
    );

    // One that greets, then only listens and says that it will answer no more. It is asked before
    // the export is read, and again to send it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let rude = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut client, _) = listener.accept().unwrap();
            client.write_all(b"+PONG\r\n").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            // How the client ends the connection does not matter.
            let _ = std::io::copy(&mut client, &mut std::io::sink());
        }
    });
    let output = load(&address, &options, &planes);
    rude.join().unwrap();
    let reason = "row group 0 row 0 and what follows is unanswered: ";
    refused(&output, 1, reason);
    let text = stderr(&output);
    assert!(text.contains("the server closed the connection"), "{text}");
    let counts = "0 rows were written and acknowledged; ";
    assert!(
        text.contains(counts) && text.contains(" more were sent and may be"),
        "{text}"
    );
}

#[test]
fn passwords() {
    let server = RedisServer::start(&["--requirepass", "s:c@t"]);
    let planes = flights("carriers.parquet");
    let load_with = |server: &str, pass: &[&str]| {
        let options = [&["--key", "p:{carrier}"], pass].concat();
        load(server, &options, &planes)
    };
    let plain = server.address();
    refused(&load_with(&plain, &[]), 2, "PING: NOAUTH");
    refused(
        &load_with(&plain, &["--pass", "wrong"]),
        2,
        "AUTH: WRONGPASS",
    );
    refused(
        &load_with(&format!("redis://u:s%3Ac@{plain}"), &[]),
        2,
        "AUTH: WRONGPASS",
    );
    succeed(&load_with(&plain, &["--pass", "s:c@t"]));
    succeed(&load_with(
        &plain,
        &["--user", "default", "--pass", "s:c@t"],
    ));
    succeed(&load_with(&format!("redis://:s%3Ac%40t@{plain}/1"), &[]));
    refused(
        &load_with(&format!("redis://:s%3Ac%40t@{plain}/99"), &[]),
        2,
        "SELECT: ERR DB index",
    );
}

#[test]
fn the_first_refused_row_is_named_and_ends_the_load() {
    let server = RedisServer::start(&[]);
    let mut redis = server.connect();
    // The third row of the file.
    let () = redis.set("p:N10156", "a string").unwrap();
    let output = server.load(&["--key", "p:{tailnum}"], &flights("planes.parquet"));
    refused(
        &output,
        2,
        "planes.parquet: row group 0 row 2: HSET: WRONGTYPE",
    );
    assert!(stderr(&output).contains(" rows were written and acknowledged"));
}
