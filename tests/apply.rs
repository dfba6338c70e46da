//! `fieldstone apply`: views of a file, declared on a server of our own.

mod support;

use std::process::{Command, Output};
use support::Server;

const VIEWS: &str = "[view.users]\nentity = 'user'\nkey = '{tenant}:user:{id}'\nttl = '26h'\n\n\
     [view.users.feature]\nclicks = { type = 'int64' }\n";

fn apply(server: &str, folder: &std::path::Path, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fieldstone"))
        .args(["apply", "views.toml", "--server", server])
        .args(options)
        .current_dir(folder)
        .env("USER", "ann")
        .env_remove("REDISCLI_AUTH")
        .output()
        .expect("the program")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn the_difference_is_shown_and_applied() {
    let server = Server::ours(&[]);
    let address = format!("127.0.0.1:{}", server.port());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.toml");
    std::fs::write(&path, VIEWS).unwrap();
    let mut connection = server.connect();

    let output = apply(&address, folder.path(), &["--dry-run"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).starts_with("+ view.users"),
        "{}",
        said(&output)
    );
    assert!(connection.line("FS.VIEW GET users").is_error());

    let output = apply(&address, folder.path(), &[]);
    assert!(
        said(&output).starts_with("+ view.users"),
        "{}",
        said(&output)
    );
    let got = connection.line("FS.VIEW GET users");
    let told: Vec<String> = got.items().iter().map(|item| item.text()).collect();
    assert!(told.iter().any(|text| text.contains("clicks")), "{told:?}");
    // Who applied it is kept.
    assert!(told.contains(&"ann".to_owned()), "{told:?}");

    std::fs::write(&path, VIEWS.replace("26h", "27h")).unwrap();
    let output = apply(&address, folder.path(), &[]);
    assert!(said(&output).contains("27h"), "{}", said(&output));
    let output = apply(&address, folder.path(), &[]);
    assert_eq!(
        (output.status.code(), said(&output).as_str()),
        (Some(0), "")
    );
}

#[test]
fn errors_name_the_file_the_line_or_the_server() {
    let server = Server::ours(&["--requirepass", "secret"]);
    let address = format!("127.0.0.1:{}", server.port());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.toml");
    std::fs::write(&path, VIEWS.replace("int64", "int63")).unwrap();
    let pass = ["--pass", "secret"];
    for (options, server, code, want) in [
        (
            &pass[..],
            address.as_str(),
            2,
            "error: views.toml: line 7: ".to_owned(),
        ),
        (&[], &address, 2, format!("error: {address}: PING: NOAUTH")),
        (
            &pass,
            // No server ever listens there.
            "127.0.0.1:0",
            1,
            "error: cannot connect to 127.0.0.1:0: ".to_owned(),
        ),
        (
            &pass,
            "ftp://x",
            2,
            "error: --server: ftp:// is not".to_owned(),
        ),
        (
            &["--user", "ann"],
            &address,
            2,
            "a user without a password".to_owned(),
        ),
        (
            &["--tls"],
            "/run/x.sock",
            2,
            "--tls: a unix socket has no TLS".to_owned(),
        ),
    ] {
        let output = apply(server, folder.path(), options);
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        assert!(said(&output).contains(&want), "{want}: {}", said(&output));
    }
    std::fs::remove_file(&path).unwrap();
    let output = apply(&address, folder.path(), &pass);
    assert!(
        said(&output).contains("error: views.toml: No such file"),
        "{}",
        said(&output)
    );
    std::fs::write(&path, "# ".repeat(1 << 20)).unwrap();
    let output = apply(&address, folder.path(), &pass);
    assert!(
        said(&output).contains("is longer than"),
        "{}",
        said(&output)
    );
}
