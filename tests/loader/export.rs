//! The example export: real flights, values known from the source tables.

use std::collections::HashMap;

use redis::Commands;

use crate::redis_server::{RedisServer, flights, load, loader, report, succeed};
use crate::support::{self, Server};

#[test]
fn planes_arrive_whole() {
    let server = RedisServer::start(&[]);
    let output = server.load(&["--key", "A:plane:{tailnum}"], &flights("planes.parquet"));
    let report = report(&output);
    for (name, want) in [
        ("rows", 4043),
        ("entities", 4043),
        ("features", 178_728),
        ("nulls", 11_293),
        ("rejects", 0),
        ("empty", 0),
        ("files", 1),
    ] {
        assert_eq!(report[name], want, "{name}");
    }

    let mut redis = server.connect();
    let keys: u64 = redis::cmd("DBSIZE").query(&mut redis).unwrap();
    assert_eq!(keys, 4043);
    let plane: HashMap<String, String> = redis.hgetall("A:plane:N14228").unwrap();
    // Counted by hand from the flights table.
    for (feature, value) in [
        ("registered", "1"),
        ("manufacturer", "BOEING"),
        ("model", "737-824"),
        ("plane_type", "Fixed wing multi engine"),
        ("engines", "2"),
        ("seats", "149"),
        ("year_built", "1999"),
        ("flights_365d", "111"),
        ("flights_7d", "2"),
        ("cancelled_365d", "0"),
        ("cancellation_rate", "0.0"),
        ("arr_delay_mean", "3.7117117117117115"),
        ("arr_delay_max", "213"),
        ("miles_365d", "171713"),
        ("top_origin", "EWR"),
        ("last_destination", "DEN"),
        // 2013-01-01T10:00:00Z and 2013-12-28T23:00:00Z
        ("first_seen", "1357034400000"),
        ("last_seen", "1388271600000"),
        ("active_30d", "1"),
    ] {
        assert_eq!(
            plane.get(feature).map(String::as_str),
            Some(value),
            "{feature}"
        );
    }
    // 47 features; the cruise speed is not in the registry; the key is not a feature.
    assert_eq!(plane.len(), 46);
    assert!(!plane.contains_key("cruise_speed") && !plane.contains_key("tailnum"));
    let ttl: i64 = redis.pttl("A:plane:N14228").unwrap();
    assert_eq!(ttl, -1);
}

#[test]
fn airports_and_carriers_arrive_whole() {
    let server = RedisServer::start(&[]);
    succeed(&server.load(&["--key", "A:airport:{faa}"], &flights("airports.parquet")));
    succeed(&server.load(
        &["--key", "A:carrier:{carrier}"],
        &flights("carriers.parquet"),
    ));
    let mut redis = server.connect();
    let keys: u64 = redis::cmd("DBSIZE").query(&mut redis).unwrap();
    assert_eq!(keys, 1462 + 16);
    let got: Vec<Option<String>> = redis
        .hmget(
            "A:airport:JFK",
            &["name", "departures_365d", "arrivals_365d"],
        )
        .unwrap();
    let want = ["John F Kennedy Intl", "111279", "0"].map(|s| Some(s.to_owned()));
    assert_eq!(got, want);
    let got: Vec<Option<String>> = redis
        .hmget("A:carrier:UA", &["name", "flights_365d"])
        .unwrap();
    assert_eq!(
        got,
        ["United Air Lines Inc.", "58665"].map(|s| Some(s.to_owned()))
    );
}

#[test]
fn options_choose_names_columns_and_time_to_live() {
    let server = RedisServer::start(&[]);
    let mut options = vec!["--key", "{{{top_carrier}}}:{tailnum}", "--keep-key-columns"];
    options.extend([
        "--rename",
        "seats=places",
        "--rename",
        "model=seats",
        "--drop",
        "engines",
    ]);
    options.extend([
        "--drop",
        "first_seen,last_seen",
        "--ttl",
        "26h",
        "--key-ttl",
        "--in-flight",
        "1",
    ]);
    let output = server.load(&options, &flights("planes.parquet"));
    succeed(&output);
    let mut redis = server.connect();
    let key = "{UA}:N14228";
    let fields = [
        "tailnum",
        "top_carrier",
        "places",
        "seats",
        "model",
        "engines",
        "last_seen",
    ];
    let got: Vec<Option<String>> = redis.hmget(key, &fields).unwrap();
    let want = [
        Some("N14228"),
        Some("UA"),
        Some("149"),
        Some("737-824"),
        None,
        None,
        None,
    ];
    assert_eq!(got, want.map(|s| s.map(str::to_owned)));
    let ttl: i64 = redis.pttl(key).unwrap();
    assert!((1..=93_600_000).contains(&ttl), "{ttl}");
}

/// Without HPEXPIREAT features cannot expire: said before anything is read or written.
#[test]
fn a_server_without_field_expiry_is_told_from_one_with() {
    let server = RedisServer::start(&[]);
    let options = ["--key", "A:carrier:{carrier}", "--ttl", "26h"];
    let output = server.load(&options, &flights("carriers.parquet"));
    assert_eq!(output.status.code(), Some(2));
    let said = crate::redis_server::stderr(&output);
    assert!(
        said.contains("does not know HPEXPIREAT") && said.contains("--key-ttl"),
        "{said}"
    );
    let keys: u64 = redis::cmd("DBSIZE").query(&mut server.connect()).unwrap();
    assert_eq!(keys, 0);

    let ours = Server::ours(&[]);
    let address = format!("127.0.0.1:{}", ours.port());
    succeed(&load(&address, &options, &flights("carriers.parquet")));
    let mut connection = ours.connect();
    let left = connection.line("HPTTL A:carrier:UA FIELDS 1 name");
    let support::Value::Array(left) = left else {
        panic!("not an array");
    };
    assert!(
        matches!(left[0], support::Value::Integer(1..=93_600_000)),
        "{left:?}"
    );
    assert_eq!(
        connection.line("PTTL A:carrier:UA"),
        support::Value::Integer(-1)
    );
}

#[test]
fn rows_with_a_null_in_the_key_are_counted_and_named() {
    let server = RedisServer::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let planes = flights("planes.parquet");
    let mut command = loader(folder.path());
    command.args(["--server", &server.address(), "--key", "m:{model}"]);
    let output = command
        .args(["--max-rejects", "721"])
        .arg(&planes)
        .output()
        .unwrap();
    let report = report(&output);
    // Of the planes of one model the last counts.
    assert_eq!(
        (&report["rows"], &report["rejects"]),
        (&4043.into(), &721.into())
    );
    let models: u64 = redis::cmd("DBSIZE").query(&mut server.connect()).unwrap();
    assert_eq!(report["entities"], models);
    assert_eq!(report["older"], 4043 - 721 - models);

    let named = std::fs::read_to_string(folder.path().join("planes.rejects.jsonl")).unwrap();
    assert_eq!(named.lines().count(), 721);
    let first: serde_json::Value = serde_json::from_str(named.lines().next().unwrap()).unwrap();
    assert_eq!(first["file"], planes.to_str().unwrap());
    assert_eq!((&first["row_group"], &first["row"]), (&0.into(), &0.into()));
    assert_eq!(first["key"], "m:{model}");
    assert_eq!(first["reason"], "model of the key is null");
}

/// One more than is allowed ends the load, and nothing was written.
#[test]
fn too_many_rejects_end_the_load_before_anything_is_sent() {
    let server = RedisServer::start(&[]);
    for (max, code) in [("0", 2), ("720", 2), ("721", 0)] {
        let options = ["--key", "m:{model}", "--max-rejects", max];
        let output = server.load(&options, &flights("planes.parquet"));
        let said = crate::redis_server::stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        let keys: u64 = redis::cmd("DBSIZE").query(&mut server.connect()).unwrap();
        assert_eq!(keys > 0, code == 0);
        assert!(
            code == 0 || said.contains("more than --max-rejects"),
            "{said}"
        );
    }
}
