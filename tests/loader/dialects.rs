//! Text files as programs write them, and as damage leaves them: read as they were meant, or
//! refused with their place. What would break: rows that are swallowed, values that are guessed.

use std::io::Write;

use crate::redis_server::{report, stderr};
use crate::views::Bench;

const VIEW: &str = "[view.v]\nentity = 'e'\nkey = 'e:{id}'\n\
    feature.n = { type = 'int64' }\nfeature.city = { type = 'string' }\n";

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn utf16(text: &str, mark: bool) -> Vec<u8> {
    let units = mark
        .then_some(0xfeff)
        .into_iter()
        .chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

#[track_caller]
fn loads(name: &str, bytes: &[u8], options: &[&str]) {
    let bench = Bench::new(VIEW);
    bench.write(name, bytes);
    let loaded = report(&bench.load(&[&[name], options].concat()));
    assert_eq!(loaded["rows"], 3, "{name}");
    assert_eq!(bench.hash("e:1"), ["city=Bonn", "n=11"], "{name}");
    assert_eq!(
        bench.hash("e:2"),
        ["city=S\u{e3}o, \"P\"", "n=21"],
        "{name}"
    );
    assert_eq!(bench.hash("e:3"), ["city="], "{name}");
}

#[track_caller]
fn refused(name: &str, bytes: &[u8], options: &[&str], want: &str) {
    let bench = Bench::new(VIEW);
    bench.write(name, bytes);
    let output = bench.load(&[&[name], options].concat());
    let said = stderr(&output);
    assert!(said.contains(want), "{name} {want}: {said}");
    assert_eq!(output.status.code(), Some(2), "{name} {want}: {said}");
    assert_eq!(bench.keys(), 0, "{name}");
    let shown = |c: char| !c.is_control() || c == '\n';
    assert!(said.chars().all(shown), "{said:?}");
}

const CSV: &str = "id,n,city\n1,11,Bonn\n2,21,\"S\u{e3}o, \"\"P\"\"\"\n3,,\"\"\n";

#[test]
fn one_table_in_many_dialects() {
    let latin: Vec<u8> = CSV
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let bom = [&b"\xef\xbb\xbf"[..], CSV.as_bytes()].concat();
    let two = [gzip(&CSV.as_bytes()[..30]), gzip(&CSV.as_bytes()[30..])].concat();
    let zst = zstd::encode_all(CSV.as_bytes(), 1).unwrap();
    let skipped = [&b"\x51\x2a\x4d\x18\x02\0\0\0ab"[..], &zst].concat();
    let crlf = CSV.replace('\n', "\r\n");
    let semicolons = "id;n;city\n1;11;Bonn\n2;21;\"S\u{e3}o, \"\"P\"\"\"\n3;;\"\"\n";
    let tabs = semicolons.replace(';', "\t");
    let spark = "id,n,city\n1,11,Bonn\n2,21,\"S\u{e3}o, \\\"P\\\"\"\n3,,\"\"\n";
    let single = "id,n,city\n1,11,Bonn\n2,21,'S\u{e3}o, \"P\"'\n3,,''\n";
    let nulls = "id,n,city\n1,11,Bonn\n2,21,\"S\u{e3}o, \"\"P\"\"\"\n3,NA,\n";
    for (name, bytes, options) in [
        ("x.csv", CSV.as_bytes(), &[][..]),
        ("x", CSV.as_bytes(), &[]),
        ("x.parquet", CSV.as_bytes(), &[]),
        ("x.csv", &bom, &[]),
        ("x.csv", crlf.as_bytes(), &[]),
        ("x.csv.gz", &gzip(CSV.as_bytes()), &[]),
        ("x.bin", &two, &[]),
        ("x.csv.zst", &zst, &[]),
        ("x.csv", &skipped, &[]),
        ("x.csv", &utf16(CSV, true), &[]),
        ("x.csv", &utf16(CSV, false), &["--encoding", "utf-16"]),
        ("x.csv.gz", &gzip(&utf16(CSV, true)), &[]),
        ("x.csv", &latin, &["--encoding", "latin-1"]),
        ("x.csv", semicolons.as_bytes(), &["--delimiter", ";"]),
        ("x.csv", tabs.as_bytes(), &["--delimiter", "tab"]),
        ("x.tsv", tabs.as_bytes(), &[]),
        ("x.tsv.gz", &gzip(tabs.as_bytes()), &[]),
        ("x.csv", spark.as_bytes(), &["--escape", "\\"]),
        ("x.csv", single.as_bytes(), &["--quote", "'"]),
        ("x.csv", nulls.as_bytes(), &["--null", "NA"]),
    ] {
        loads(name, bytes, options);
    }
}

#[test]
fn what_is_damaged_or_of_another_dialect_is_refused_with_what_to_do() {
    let open = "id,n,city\n1,11,Bern\n2,21,\"Bonn\n3,31,Kiel\n4,41,Jena\n";
    let behind = "id,n,city\n1,11,\"Bonn\"x\n2,21,Kiel\n";
    let packed = gzip(CSV.as_bytes());
    let zst = zstd::encode_all(CSV.as_bytes(), 1).unwrap();
    let wide = utf16(CSV, false);
    let swapped: Vec<u8> = wide.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
    for (name, bytes, want) in [
        (
            "x.csv",
            open.as_bytes(),
            "x.csv: row 1 (line 3) column city: the quote that begins it",
        ),
        (
            "x.csv",
            behind.as_bytes(),
            "x.csv: row 0 (line 2) column city: text behind",
        ),
        (
            "x.csv",
            b"id,n,city\n1,11,B\"n\n",
            "row 0 (line 2) column city: a quote in a field",
        ),
        (
            "x.csv",
            b"id,n,city\n1,11\n",
            "row 0: 2 fields (line 2), and the header has 3",
        ),
        (
            "x.csv",
            b"id,n,city\n1,11,a,b\n",
            "row 0: 4 fields (line 2), and the header has 3",
        ),
        ("x.csv", b"id;n;city\n1;11;Bonn\n", "--delimiter ;"),
        ("x.csv", b"id\tn\tcity\n1\t11\tBonn\n", "--delimiter tab"),
        ("x.csv", b"id|n|city\n1|11|Bonn\n", "--delimiter '|'"),
        ("x.csv", b"id,n,c\xefty\n1,11,Bonn\n", "--encoding latin-1"),
        (
            "x.csv",
            b"id,n,city\n1,11,M\xfcnchen\n",
            "--encoding latin-1",
        ),
        (
            "x.csv",
            b"id,n,city\nM\xfcller,11,x\n",
            "in a key is not UTF-8: --encoding latin-1",
        ),
        ("x.csv", &wide, "--encoding utf-16le"),
        ("x.csv", &swapped, "--encoding utf-16be"),
        (
            "x.csv",
            b"id,n,city\n1,11,B\0nn\n",
            "row 0 column city: \"B\\x00nn\" has a NUL character",
        ),
        ("x.csv", b"id,n,city\n1\0,11,x\n", "has a NUL character"),
        (
            "x.csv",
            &utf16(CSV, true)[..41],
            "row 0 (line 2): it is not in UTF-16LE, or is cut short",
        ),
        ("x.csv", b"id,n,city\n1,11,\"a\\\"b\"\n", "--escape '\\'"),
        (
            "x.csv",
            b"id,n,city\n1,\"\",x\n",
            "--quoted-null reads \"\" as a null",
        ),
        (
            "x.csv.gz",
            &packed[..packed.len() - 9],
            "row 3 (line 5): its gzip stream is damaged or cut short",
        ),
        (
            "x.csv.gz",
            &gzip(b"PAR1\x15\x00\x15"),
            "a Parquet file is in its gzip stream: unpack it first",
        ),
        (
            "x.csv.gz",
            &gzip(b"[{\"id\": 1}]"),
            "JSON is in its gzip stream: export it",
        ),
        (
            "x.csv.zst",
            &zst[..zst.len() - 3],
            "its zstd stream is damaged or cut short",
        ),
        (
            "x.csv",
            b"PK\x03\x04\x14",
            "this is a zip archive or an Excel file",
        ),
        (
            "x.csv",
            b"id,n,\x1b[2Jcity\n1,11,x\n",
            "no column city; it has id, n, \\u{1b}[2Jcity",
        ),
        ("x.csv", b"id,n,city\n1.0,1,x\n", "--float-keys integer"),
    ] {
        refused(name, bytes, &[], want);
    }
    let quotes = b"id,n,city\n1,11,\"B\n";
    refused(
        "x.csv",
        quotes,
        &["--quote", "none", "--delimiter", "tab"],
        "--delimiter ,",
    );
    for options in [
        &["--quote", ","][..],
        &["--escape", ","],
        &["--delimiter", "'", "--quote", "'"],
    ] {
        let want = "the delimiter is the quote or the escape as well";
        refused("x.csv", CSV.as_bytes(), options, want);
    }
    let torn = b"id\tn\tcity\n1\t11\tBonn\\";
    let options = ["--delimiter", "tab", "--quote", "none", "--escape", "\\"];
    refused(
        "x.csv",
        torn,
        &options,
        "row 0 (line 2) column city: the escape has nothing",
    );
}

/// Where a line has no end nobody can say whether it is torn: it is loaded, and told.
#[test]
fn a_last_line_without_an_end_is_told() {
    for (end, told) in [
        ("Bonn", true),
        ("Bonn\n", false),
        ("\"Bo\"", true),
        ("\"Bo\"\r", false),
    ] {
        let bench = Bench::new(VIEW);
        bench.write("x.csv", format!("id,n,city\n0,1,x\n1,11,{end}"));
        let output = bench.load(&["x.csv"]);
        assert_eq!(report(&output)["rows"], 2);
        let said = stderr(&output);
        let want = "note: x.csv: row 1 is the last, and its line has no end: is it torn?\n";
        assert_eq!(said == want, told, "{end:?}: {said}");
        assert_eq!(said.is_empty(), !told, "{end:?}: {said}");
    }
}

/// An empty text is no null, unless it is said to be one; and a null is none of a text.
#[test]
fn empty_texts_and_nulls() {
    let text = "id,n,city\n1,1,\n2,2,\"\"\n3,3,x\n";
    for (options, second) in [
        (&[][..], &["city=", "n=2"][..]),
        (&["--quoted-null"], &["n=2"]),
    ] {
        let bench = Bench::new(VIEW);
        bench.write("x.csv", text);
        report(&bench.load(&[&["x.csv"], options].concat()));
        assert_eq!(bench.hash("e:1"), ["n=1"]);
        assert_eq!(bench.hash("e:2"), second);
    }
}

/// A column of integers with a null beside them is one of floats to pandas; its keys stay.
#[test]
fn keys_of_text_do_not_change_with_the_writer() {
    let text = "id,n,city\n1.0,1,x\n-20.00,2,y\n1.50,3,z\nab,4,w\n";
    for (choice, keys) in [
        ("integer", ["e:1", "e:-20", "e:1.50", "e:ab"]),
        ("text", ["e:1.0", "e:-20.00", "e:1.50", "e:ab"]),
    ] {
        let bench = Bench::new(VIEW);
        bench.write("x.csv", text);
        report(&bench.load(&["x.csv", "--float-keys", choice]));
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(bench.hash(key)[1], format!("n={}", n + 1), "{choice} {key}");
        }
        assert_eq!(bench.keys(), 4);
    }
}

#[test]
fn times_are_of_the_unit_that_is_declared() {
    let view = |unit: &str| {
        format!(
            "[view.v]\nentity = 'e'\nkey = 'e:{{id}}'\nevent_time = 'at'\n{unit}\
             feature.t = {{ type = 'timestamp', unit = 's' }}\n"
        )
    };
    let seconds = "event_time_unit = 's'\n";
    for (unit, at, ok) in [
        ("", "1763683200000", true),
        ("", "20251121", true),
        ("", "2025-11-21", true),
        ("", "2025-11-21 01:02", true),
        ("", "2025-11-21T01:02:03.5 UTC", true),
        (seconds, "1763683200", true),
        (seconds, "1763683200.25", true),
        (seconds, "2025-11-21", true),
        ("", "1763683200", false),
        ("event_time_unit = 'us'\n", "1763683200000", false),
        ("event_time_unit = 'ns'\n", "1763683200000000000", true),
    ] {
        let bench = Bench::new(&view(unit));
        bench.write("x.csv", format!("id,at,t\n1,{at},1763683200\n"));
        let output = bench.load(&["x.csv"]);
        if ok {
            report(&output);
            assert_eq!(bench.hash("e:1"), ["t=1763683200000"], "{unit} {at}");
        } else {
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(
                said.contains("row 0 column at: the time of the row is "),
                "{said}"
            );
            assert!(said.contains("event_time_unit = \""), "{said}");
            report(&bench.load(&["x.csv", "--any-time"]));
        }
    }
}
