//! Servers in other places: behind TLS, at a unix socket, with a password in the environment.

use std::path::Path;
use std::process::Command;

use crate::redis_server::{RedisServer, flights, free_port, loader, report, stderr};

fn load(to: &str, options: &[&str], pass: Option<&str>) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = loader(folder.path());
    command
        .args(["--key", "A:carrier:{carrier}", "--to", to])
        .args(options);
    if let Some(pass) = pass {
        command.env("FIELDSTONE_TO_AUTH", pass);
    }
    command.arg(flights("carriers.parquet")).output().unwrap()
}

fn openssl(folder: &Path, line: &str) {
    let made = Command::new("openssl")
        .args(line.split_ascii_whitespace())
        .current_dir(folder)
        .output()
        .expect("this test needs openssl on PATH");
    assert!(made.status.success(), "{line}: {}", stderr(&made));
}

/// A certificate for `localhost` and 127.0.0.1, signed by an authority of our own.
fn certificates(folder: &Path) {
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
    std::fs::write(folder.join("names"), names).unwrap();
    let curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(
        folder,
        &format!("req -x509 {curve} -subj /CN=ca -keyout ca.key -out ca.pem"),
    );
    openssl(
        folder,
        &format!("req {curve} -subj /CN=server -keyout key.pem -out server.csr"),
    );
    openssl(
        folder,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
         -extfile names -out cert.pem",
    );
}

#[test]
fn tls() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    // The port of TLS may be taken between being found and being used: another is tried then.
    let (_server, port) = loop {
        let port = free_port();
        let tls = port.to_string();
        let (cert, key, ca) = (path("cert.pem"), path("key.pem"), path("ca.pem"));
        let mut options = vec!["--tls-port", &tls, "--tls-cert-file", &cert];
        options.extend(["--tls-key-file", &key, "--tls-ca-cert-file", &ca]);
        options.extend(["--tls-auth-clients", "no", "--requirepass", "secret"]);
        let server = RedisServer::start(&options);
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break (server, port);
        }
    };
    let ca = path("ca.pem");
    for host in ["localhost", "127.0.0.1"] {
        let to = format!("rediss://{host}:{port}");
        report(&load(&to, &["--cacert", &ca], Some("secret")));
    }
    // Who signed it is not known to the system.
    let output = load(&format!("rediss://:secret@localhost:{port}"), &[], None);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    let unknown = said.contains("UnknownIssuer") || said.contains("no certificates to trust");
    assert!(
        unknown && said.contains("cannot connect to localhost:"),
        "{said}"
    );
    // A server without TLS.
    let plain = RedisServer::start(&[]);
    let output = load(
        &format!("rediss://{}", plain.address()),
        &["--cacert", &ca],
        None,
    );
    assert!(
        stderr(&output).contains("TLS: no answer"),
        "{}",
        stderr(&output)
    );
    for (options, want) in [
        (vec!["--cacert", "/nowhere"], "/nowhere: No such file"),
        (vec!["--cacert", "names"], "no certificate in it"),
    ] {
        let mut options = options;
        let names = path("names");
        if options[1] == "names" {
            options[1] = &names;
        }
        let output = load(
            &format!("rediss://localhost:{port}"),
            &options,
            Some("secret"),
        );
        assert!(stderr(&output).contains(want), "{}", stderr(&output));
    }
}

#[test]
fn unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("redis.sock");
    let socket = socket.to_str().unwrap();
    let server = RedisServer::start(&["--unixsocket", socket]);
    for (to, database) in [(socket.to_owned(), 0), (format!("unix://{socket}?db=3"), 3)] {
        report(&load(&to, &[], None));
        let mut redis = server.connect();
        let () = redis::cmd("SELECT")
            .arg(database)
            .query(&mut redis)
            .unwrap();
        let keys: u64 = redis::cmd("DBSIZE").query(&mut redis).unwrap();
        assert_eq!(keys, 16, "{to}");
    }
    let output = load("/nowhere/redis.sock", &[], None);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot connect to /nowhere/redis.sock: No such file"));
}
