//! Texts that declare views, and texts that do not.

use super::super::write;
use super::*;

const EXAMPLE: &str = r#"
[view.user_purchases]
entity = "user"
key = "{tenant}:user:{user_id}"
ttl = "26h"
owner = "ml-platform"
description = "Purchase behaviour, computed nightly"
event_time = "computed_at"
source = "s3://exports/user_purchases/"
tags = ["tier-1"]
on_missed = "keep"

[view.user_purchases.feature]
purchase_count_7d = { type = "int64", default = 0, description = "Purchases in 7 days" }
cart_value = { type = "float64", ttl = "5m", column = "cart" }
interests = { type = "embedding", dim = 2, default = [0.5, 1] }
"#;

/// A text with one feature that says this.
fn feature_text(feature: &str) -> String {
    format!("[view.v]\nentity = 'e'\nkey = '{{k}}'\n[view.v.feature]\nf = {{ {feature} }}\n")
}

fn one_feature(feature: &str) -> Result<Feature, String> {
    let views = read(&feature_text(feature)).map_err(|error| error.to_string())?;
    assert_eq!(
        read(&write(&views[0])).unwrap(),
        views,
        "{}",
        write(&views[0])
    );
    Ok(views[0].features[0].clone())
}

#[test]
fn the_example() {
    let views = read(EXAMPLE).unwrap();
    let [view] = &views[..] else {
        panic!("one view")
    };
    assert_eq!(
        (view.name.as_str(), view.entity.as_str()),
        ("user_purchases", "user")
    );
    assert_eq!(view.ttl, Some(93_600_000));
    assert_eq!(view.on_missed, OnMissed::Keep);
    let names: Vec<&str> = view.features.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["purchase_count_7d", "cart_value", "interests"]);
    let [count, cart, interests] = &view.features[..] else {
        panic!("three features")
    };
    assert_eq!(count.default.as_deref(), Some(&b"0"[..]));
    assert_eq!(
        (view.ttl_of(count), view.ttl_of(cart)),
        (Some(93_600_000), Some(300_000))
    );
    assert_eq!(cart.column.as_deref(), Some("cart"));
    let packed = [0.5f32.to_le_bytes(), 1f32.to_le_bytes()].concat();
    assert_eq!(interests.default, Some(packed));
    let written = write(view);
    assert_eq!(read(&written).as_ref(), Ok(&views), "{written}");
    // Written in one form: with but quotes and spaces changed, the text is the example's.
    assert_eq!(written.lines().count() + 1, EXAMPLE.lines().count());
}

#[test]
fn tables_in_any_spelling() {
    let texts = [
        "view.v = { entity = 'e', key = '{k}', feature = { f = { type = 'bool' } } }",
        "view.v.entity = 'e'\nview.v.key = '{k}'\nview.v.feature.f.type = 'bool'",
        "[view.v.feature.f]\ntype = 'bool'\n[view.v]\nentity = 'e'\nkey = '{k}'",
    ];
    let views = texts.map(|text| read(text).unwrap());
    assert!(views.iter().all(|view| *view == views[0]));
}

#[test]
fn defaults_are_stored_as_values_of_their_types() {
    for (feature, want) in [
        ("type = 'int64', default = -0x10", None),
        ("type = 'int64', default = 0x10", Some(&b"16"[..])),
        ("type = 'timestamp', default = 1_000", Some(b"1000")),
        ("type = 'float64', default = 3", Some(b"3.0")),
        ("type = 'float64', default = -nan", Some(b"NaN")),
        ("type = 'float64', default = 1e300", Some(b"1e300")),
        ("type = 'float64', default = 1e999", None),
        ("type = 'bool', default = true", Some(b"1")),
        ("type = 'bool', default = 1", None),
        (
            "type = 'string', default = \"a\\u007f\\\"\"",
            Some(b"a\x7f\""),
        ),
        ("type = 'bytes', default = 'x'", Some(b"x")),
        ("type = 'string', default = 1", None),
        ("type = 'list<int64>', default = [1, 2]", Some(b"[1,2]")),
        ("type = 'list<int64>', default = []", Some(b"[]")),
        (
            "type = 'list<float64>', default = [1, 0.1]",
            Some(b"[1.0,0.1]"),
        ),
        ("type = 'list<float64>', default = [inf]", None),
        (
            "type = 'list<string>', default = ['a\\b', \"\\u0001\"]",
            Some(b"[\"a\\\\b\",\"\\u0001\"]"),
        ),
        ("type = 'list<bool>', default = [true]", Some(b"[true]")),
        (
            "type = 'list<bool>', encoding = 'packed', default = [true, false]",
            Some(b"\x01\0"),
        ),
        (
            "type = 'list<int64>', encoding = 'packed', default = [258]",
            Some(b"\x02\x01\0\0\0\0\0\0"),
        ),
        (
            "type = 'list<float64>', encoding = 'packed', default = [-inf, 1.5, nan]",
            Some(b"\0\0\0\0\0\0\xf0\xff\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\xf8\x7f"),
        ),
        (
            "type = 'embedding', dim = 1, default = [-nan]",
            Some(b"\0\0\xc0\x7f"),
        ),
        (
            "type = 'embedding', dim = 2, encoding = 'json', default = [0.1, 3]",
            Some(b"[0.1,3.0]"),
        ),
        ("type = 'embedding', dim = 2, default = [1]", None),
        ("type = 'embedding', dim = 1, default = [1e39]", None),
        ("type = 'embedding', dim = 1, default = ['1']", None),
        ("type = 'embedding', dim = 1, default = 1", None),
    ] {
        let default = one_feature(feature).map(|f| f.default.unwrap());
        match want {
            Some(want) => assert_eq!(default.as_deref(), Ok(want), "{feature}"),
            None => assert!(default.is_err(), "{feature}"),
        }
    }
}

#[test]
fn errors_in_a_feature_say_where() {
    for (feature, want) in [
        (
            "type = 'flaot64'",
            "type \"flaot64\": is none of int64, float64, float32, string, bool, bytes, timestamp, \
             list<...> of these, embedding",
        ),
        (
            "type = 'list<embedding>'",
            "type \"list<embedding>\": is none of int64, float64, float32, string, bool, bytes, \
             timestamp, list<...> of these, embedding",
        ),
        ("type = 1", "type must be a string, is integer"),
        ("", "has no type"),
        (
            "tpye = 'int64'",
            "unknown key \"tpye\"; known: type, dim, encoding, unit, default, ttl, column, \
             description, tags",
        ),
        (
            "type = 'int64', ttl = '5x'",
            "ttl \"5x\": a number with ms, s, m, h or d, e.g. 26h",
        ),
        (
            "type = 'int64', ttl = 5",
            "ttl must be a string, is integer",
        ),
        (
            "type = 'int64', default = 'x'",
            "default \"x\" is not of type int64",
        ),
        ("type = 'int64', dim = 3", "dim is for embeddings only"),
        (
            "type = 'int64', encoding = 'json'",
            "encoding is for lists and embeddings only",
        ),
        (
            "type = 'int64', column = ''",
            "column must be of 1 to 512 bytes",
        ),
        (
            "type = 'int64', tags = 'x'",
            "tags must be an array of strings",
        ),
        ("type = 'embedding'", "type \"embedding\" needs a dim"),
        (
            "type = 'embedding', dim = 0",
            "dim must be a number from 1 to 65536",
        ),
        (
            "type = 'list<string>', encoding = 'packed'",
            "encoding \"packed\": a list<string> can only be json",
        ),
        (
            "type = 'list<int64>', encoding = 'x'",
            "encoding \"x\": is none of packed, json",
        ),
    ] {
        let error = one_feature(feature).unwrap_err();
        assert_eq!(error, format!("line 5: view.v.feature.f: {want}"));
    }
}

#[test]
fn errors_in_a_view_say_where() {
    let features = "feature.f = { type = 'bool' }";
    for (view, want) in [
        ("key = '{k}'", "line 2: view.v: has no entity"),
        ("entity = 'e'", "line 2: view.v: has no key"),
        (
            "key = 'k'",
            "line 3: view.v: key \"k\" names no column: every row would get one key",
        ),
        (
            "key = '{a}{b}'",
            "line 3: view.v: key \"{a}{b}\": two columns without a text between them",
        ),
        (
            "key = '{a}:{a}'",
            "line 3: view.v: key \"{a}:{a}\" names a column twice",
        ),
        (
            "entity = ''",
            "line 3: view.v: entity must be of 1 to 512 bytes",
        ),
        (
            "on_missed = 'x'",
            "line 3: view.v: on_missed \"x\": is none of expire, keep",
        ),
        (
            "\nowner = []",
            "line 4: view.v: owner must be a string, is array",
        ),
        (
            "keys = 1",
            "line 3: view.v: unknown key \"keys\"; known: entity, key, ttl, owner, description, \
             source, event_time, event_time_unit, tags, on_missed, feature",
        ),
        (
            "feature.'a b' = 1",
            "line 3: view.v.feature.\"a b\": must be a table, is integer",
        ),
        (
            "feature.'' = {}",
            "line 3: view.v.feature.\"\": the name of a feature is of 1 to 512 bytes",
        ),
        ("feature.f = {}", "line 4: duplicate key"),
    ] {
        let error = read(&format!("\n[view.v]\n{view}\n{features}")).unwrap_err();
        assert_eq!(error.to_string(), want);
    }
}

#[test]
fn errors_around_views_say_where() {
    for (text, want) in [
        ("", "line 1: no view is declared: [view.NAME]"),
        ("[view]", "line 1: no view is declared: [view.NAME]"),
        ("\nviews = 1", "line 2: unknown key \"views\"; known: view"),
        ("view = 1", "line 1: view: must be a table, is integer"),
        (
            "[view.v]\nentity = 'e'\nkey = '{k}'\n",
            "line 1: view.v: has no features",
        ),
        (
            "[view.v]\nentity = 'e'\nkey = '{k}'\n[view.v.feature]",
            "line 1: view.v: has no features",
        ),
        (
            "[view.'a b']\nentity = 'e'",
            "line 1: view.\"a b\": the name of a view is made of letters, digits, _ and -",
        ),
        ("[view.v]\n[view.v]", "line 2: duplicate key"),
        ("\n\n[view.v\n", "line 3: unclosed table, expected `]`"),
    ] {
        assert_eq!(read(text).unwrap_err().to_string(), want, "{text}");
    }
    let long = "#".repeat(TEXT_BYTES_MAX + 1);
    assert!(read(&long).is_err());
}
