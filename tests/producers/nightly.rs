//! The nightly job of `examples/`: Airflow runs the DAG, in which Spark computes what is loaded.

use std::path::Path;
use std::process::Command;

use crate::{Bench, installed, output, source, succeed};

fn text_of(command: &mut Command) -> String {
    succeed(command).trim().to_owned()
}

fn orders(bench: &Bench, ds: &str) -> std::path::PathBuf {
    let script = source("examples/spark/make_orders.py");
    let orders = succeed(bench.command("python3").arg(script).arg(ds));
    let path = bench.folder.path().join("orders.csv");
    std::fs::write(&path, orders).expect("written");
    path
}

/// Features of all users, computed another way, against what the server answers.
fn compare(bench: &Bench, ds: &str, orders: &Path) {
    let script = source("tests/producers/expected_purchases.py");
    let mut command = bench.command("python3");
    let port = bench.server.port().to_string();
    command.arg(script).args([&port, ds]).arg(orders);
    let said = succeed(&mut command);
    assert!(said.starts_with("ok "), "{said}");
}

fn check(bench: &Bench, ds: &str, more: &[&str]) -> Command {
    let mut command = bench.command("python3");
    command.arg(source("examples/airflow/check_batch.py"));
    command
        .args(["user_purchases", "--ds", ds, "--server"])
        .arg(bench.address());
    command.args(more);
    command
}

fn today() -> String {
    text_of(Command::new("date").args(["-u", "+%F"]))
}

#[test]
fn the_dag_computes_publishes_and_checks() {
    let bench = Bench::new();
    let ds = today();
    let orders = orders(&bench, &ds);
    let folder = bench.folder.path();
    let dags = folder.join("dags");
    // As a whole, so that it finds its neighbours.
    let copy = |from: &str| {
        succeed(
            Command::new("cp")
                .arg("-r")
                .arg(source(from))
                .arg(folder.join("dags")),
        )
    };
    std::fs::create_dir(&dags).expect("a folder");
    copy("examples/spark");
    copy("examples/airflow");
    let airflow = installed("FIELDSTONE_VENV_AIRFLOW", "bin/airflow");
    let run = |arguments: &[&str]| {
        let mut command = bench.command(&airflow);
        command
            .args(arguments)
            .env("AIRFLOW_HOME", folder.join("airflow"))
            .env("AIRFLOW__CORE__DAGS_FOLDER", dags.join("airflow"))
            .env("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
            .env("FIELDSTONE_SERVER", bench.address())
            .env("ORDERS", &orders)
            .env("EXPORTS", folder.join("exports"));
        succeed(&mut command)
    };
    run(&["db", "migrate"]);
    let said = run(&["dags", "test", "user_purchases", &ds]);
    assert!(said.contains("state=success"), "{said}");

    compare(&bench, &ds, &orders);
    let checked = text_of(&mut check(&bench, &ds, &[]));
    assert!(
        checked.starts_with(&format!("user_purchases: version 1 of {ds}, ")),
        "{checked}"
    );
    // The check can fail.
    for (ds, more, want) in [
        ("2020-01-01", &[][..], "not of 2020-01-01"),
        (&ds, &["--at-least", "1000000"], "only "),
    ] {
        let output = output(&mut check(&bench, ds, more));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(1) && said.contains(want),
            "{said}"
        );
    }
}
