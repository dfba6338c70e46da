//! Exports in an object store: a real server of S3's protocol on loopback.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::redis_server::{report, stderr};
use crate::types::write_file;
use crate::views::Bench;

struct S3 {
    child: Child,
    lines: BufReader<ChildStdout>,
    port: String,
}

impl S3 {
    /// With the files of `root` in the bucket `exports`.
    fn start(root: &Path) -> S3 {
        let hint = "run `tests/run`, which installs the S3 server and then runs the tests";
        let venv = std::env::var("FIELDSTONE_VENV_S3");
        let venv = venv.unwrap_or_else(|_| panic!("FIELDSTONE_VENV_S3 is not set: {hint}"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/loader/s3.py");
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(Path::new(&venv).join("bin/python"))
            .args([&script, root])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {venv}: {e}: {hint}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("port ") {
            line.clear();
            let read = lines.read_line(&mut line).unwrap();
            assert!(read > 0, "the S3 server ended: {hint}");
        }
        let port = line.trim_start_matches("port ").trim().to_owned();
        S3 { child, lines, port }
    }

    fn load(&self, bench: &Bench, options: &[&str]) -> std::process::Output {
        bench
            .command(options)
            .env(
                "AWS_ENDPOINT_URL",
                format!("http://127.0.0.1:{}", self.port),
            )
            .env("AWS_ACCESS_KEY_ID", "testing")
            .env("AWS_SECRET_ACCESS_KEY", "testing")
            .env("AWS_REGION", "us-east-1")
            .output()
            .unwrap()
    }

    /// Ranges that were asked for, after which the server ends.
    fn ranges(mut self) -> Vec<(u64, u64)> {
        drop(self.child.stdin.take());
        let mut ranges = Vec::new();
        for line in (&mut self.lines).lines().map_while(Result::ok) {
            let range = line.strip_prefix("range bytes=").expect("a range");
            let (from, to) = range.split_once('-').unwrap();
            ranges.push((from.parse().unwrap(), to.parse().unwrap()));
        }
        self.child.wait().unwrap();
        ranges
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const VIEW: &str = "[view.v]\nentity = 'e'\nkey = 'e:{id}'\nfeature.ds = { type = 'string' }\n\
     feature.c5 = { type = 'int64' }\n";

#[test]
fn partitions_and_files_of_a_bucket() {
    let bench = Bench::new(VIEW);
    let root = bench.path("s3");
    for day in ["20", "21"] {
        let folder = root.join(format!("users/ds=2026-11-{day}"));
        std::fs::create_dir_all(&folder).unwrap();
        write_file(&folder.join("part-0.parquet"), 6, Default::default());
    }
    bench.write("s3/users/ds=2026-11-21/part 1.csv", "id,c5\n100,5\n");
    bench.write("s3/users/ds=2026-11-21/_SUCCESS", "");
    bench.write("s3/big.csv", format!("id,c5\n{}", "1,2\n".repeat(300_000)));
    let s3 = S3::start(&root);

    let options = ["s3://exports/users/", "--where", "ds=2026-11-21"];
    let loaded = report(&s3.load(&bench, &options));
    assert_eq!((&loaded["files"], &loaded["rows"]), (&2.into(), &7.into()));
    assert_eq!(bench.hash("e:0"), ["c5=-2147483648", "ds=2026-11-21"]);
    assert_eq!(bench.hash("e:2"), ["ds=2026-11-21"]);
    assert_eq!(bench.hash("e:100"), ["c5=5", "ds=2026-11-21"]);

    // One object, in windows of a megabyte.
    let options = ["s3://exports/big.csv", "--allow-missing"];
    assert_eq!(report(&s3.load(&bench, &options))["older"], 299_999);

    for (source, want, code) in [
        (
            "s3://exports/none/",
            "s3://exports/none/: no *.parquet, *.csv",
            1,
        ),
        ("s3:///x", "no bucket in it", 2),
        ("s3://other/x.parquet", "s3://other/x.parquet: ", 1),
    ] {
        let output = s3.load(&bench, &[source]);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(stderr(&output).contains(want), "{}", stderr(&output));
    }
}

/// Of a wide file only the columns of the view are fetched.
#[test]
fn columns_that_are_not_needed_are_not_read() {
    let bench =
        Bench::new("[view.v]\nentity = 'e'\nkey = 'e:{id}'\nfeature.c5 = { type = 'int64' }\n");
    let root = bench.path("s3");
    std::fs::create_dir_all(&root).unwrap();
    let path = root.join("wide.parquet");
    // 300 bytes a row in one column, which plain pages repeat.
    let properties = parquet::file::properties::WriterProperties::builder();
    write_file(
        &path,
        60_000,
        properties.set_dictionary_enabled(false).build(),
    );
    let whole = std::fs::metadata(&path).unwrap().len();
    assert!(whole > 8 << 20, "{whole}");
    let s3 = S3::start(&root);
    assert_eq!(
        report(&s3.load(&bench, &["s3://exports/wide.parquet"]))["rows"],
        60_000
    );
    let ranges = s3.ranges();
    let read: u64 = ranges.iter().map(|(from, to)| to - from + 1).sum();
    // Twice: to check, and to send.
    assert!(read < whole, "{read} of {whole} bytes: {ranges:?}");
    assert!(ranges.len() < 40, "{ranges:?}");
}
