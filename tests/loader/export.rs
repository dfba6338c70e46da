//! The example export: real flights, values known from the source tables.

use std::collections::HashMap;

use redis::Commands;

use crate::redis_server::{RedisServer, flights, stderr, stdout, succeed};

#[test]
fn planes_arrive_whole() {
    let server = RedisServer::start(&[]);
    let output = server.load(&["--key", "A:plane:{tailnum}"], &flights("planes.parquet"));
    succeed(&output);
    let report = stdout(&output);
    let counts = "\"rows\":4043,\"entities\":4043,\"features\":178728,\"nulls\":11293,\
                  \"rejected\":0,\"empty\":0,";
    assert!(report.contains(counts), "{report}");
    assert_eq!(report.lines().count(), 1);

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
        "--batch",
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

#[test]
fn rows_with_a_null_in_the_key_are_counted_and_named() {
    let server = RedisServer::start(&[]);
    let output = server.load(&["--key", "m:{model}"], &flights("planes.parquet"));
    succeed(&output);
    assert!(
        stdout(&output).contains("\"entities\":3322,"),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output).contains("\"rejected\":721,"),
        "{}",
        stdout(&output)
    );
    let named = stderr(&output);
    assert!(named.starts_with("rejected: row group 0 row 0: model of the key is null\n"));
    assert_eq!(named.lines().count(), 11, "{named}");
}
