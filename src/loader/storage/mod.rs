//! Where exports lie: the local disk, or an object store.
//!
//! ```text
//! text of the user -> Location -> list of Files (pruned) -> Blob: ranges of bytes
//! ```
//!
//! Invariants
//! - The list of files is in one order, whatever lists them: by path.
//! - Names that begin with `_` or `.` are not looked at.
//! - A file is read by ranges, never as a whole.

mod hive;
mod kind;
mod local;
mod object;

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use self::hive::Partition;
use self::kind::HEAD_BYTES;
pub use self::kind::Kind;
use crate::client::Failure;

/// Folders below each other; more are taken for a loop.
const DEPTH_MAX: usize = 32;
const FILES_MAX: usize = 1_000_000;
/// What is taken from a folder.
const EXPORTS: &str = "*.parquet, *.csv, *.tsv, *.gz or *.zst";

/// One file of an export.
#[derive(Clone, Debug)]
pub struct File {
    /// As its store names it.
    path: String,
    /// For people.
    pub name: String,
    pub bytes: u64,
    /// Changes when the file does.
    pub version: String,
    /// Columns that the path tells, with their values; `None`: null.
    pub partitions: Vec<(String, Option<String>)>,
}

/// What there is in one folder.
#[derive(Default)]
struct Listing {
    /// Names of folders.
    folders: Vec<String>,
    files: Vec<Entry>,
}

struct Entry {
    name: String,
    bytes: u64,
    version: String,
}

/// A place that holds files; paths have slashes.
trait Store: Send + Sync {
    fn list(&self, folder: &str) -> io::Result<Listing>;
    /// `None` if there is no file of this path (there may be a folder).
    fn find(&self, path: &str) -> io::Result<Option<Entry>>;
    fn open(&self, path: &str, bytes: u64) -> io::Result<Arc<dyn Blob>>;
    /// A path as people write it.
    fn show(&self, path: &str) -> String;
}

/// The bytes of one file.
pub trait Blob: Send + Sync {
    fn len(&self) -> u64;
    /// Exactly these bytes, or an error.
    fn read(&self, range: Range<u64>) -> io::Result<Bytes>;
    /// Several ranges, at once where that is faster.
    fn read_all(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        ranges
            .iter()
            .map(|range| self.read(range.clone()))
            .collect()
    }
}

/// How long a range is, if it lies within a file of `bytes`: no memory for what is not there.
fn length_within(range: &Range<u64>, bytes: u64) -> io::Result<usize> {
    let length = range
        .end
        .checked_sub(range.start)
        .filter(|_| range.end <= bytes);
    let length = length.and_then(|length| usize::try_from(length).ok());
    length.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
}

/// `--where ds=2026-11-20`.
#[derive(Clone, Debug)]
pub struct Condition {
    pub column: String,
    pub value: String,
}

/// The files of an export, found and ready to be read.
pub struct Export {
    store: Box<dyn Store>,
    pub files: Vec<File>,
}

impl Export {
    /// Find the files of `source`: a file, a folder, or a `file:`, `s3:`, `gs:` or `az:` address.
    pub fn find(source: &str, conditions: &[Condition]) -> Result<Export, Failure> {
        let (store, root) = open_store(source).map_err(Failure::lasting)?;
        let wrong = |e: io::Error| Failure::passing(format!("{source}: {e}"));
        let mut files = Vec::new();
        match store.find(&root).map_err(wrong)? {
            Some(entry) => {
                files.push(file(&*store, root, entry, &[]));
            }
            None => {
                let mut walk = Walk {
                    store: &*store,
                    conditions,
                    files: &mut files,
                };
                walk.folder(root).map_err(|e| match e.kind() {
                    io::ErrorKind::InvalidData => Failure::lasting(e.to_string()),
                    _ => wrong(e),
                })?;
                if files.is_empty() && conditions.is_empty() {
                    let reason = format!("no {EXPORTS} files in it");
                    return Err(Failure::passing(format!("{source}: {reason}")));
                }
            }
        }
        refuse_unknown(source, conditions, &files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Export { store, files })
    }

    /// What a file is.
    pub fn kind(&self, blob: &dyn Blob, file: &File) -> Result<Kind, Failure> {
        let head = blob.read(0..blob.len().min(HEAD_BYTES));
        let head = head.map_err(|e| Failure::passing(format!("{}: {e}", file.name)))?;
        Ok(Kind::of(&head))
    }

    pub fn open(&self, file: &File) -> Result<Arc<dyn Blob>, Failure> {
        let opened = self.store.open(&file.path, file.bytes);
        let opened = opened.and_then(|blob| match blob.len() == file.bytes {
            true => Ok(blob),
            false => Err(io::Error::other("has changed since it was listed")),
        });
        opened.map_err(|e| Failure::passing(format!("{}: {e}", file.name)))
    }
}

fn file(store: &dyn Store, path: String, entry: Entry, partitions: &[Partition]) -> File {
    File {
        name: store.show(&path),
        path,
        bytes: entry.bytes,
        version: entry.version,
        partitions: partitions.to_vec(),
    }
}

/// Goes through folders without recursion.
struct Walk<'a> {
    store: &'a dyn Store,
    conditions: &'a [Condition],
    files: &'a mut Vec<File>,
}

impl Walk<'_> {
    fn folder(&mut self, root: String) -> io::Result<()> {
        let mut open: Vec<(String, Vec<Partition>)> = vec![(root, Vec::new())];
        while let Some((folder, partitions)) = open.pop() {
            let listing = self.store.list(&folder)?;
            for entry in listing.files {
                if self.files.len() >= FILES_MAX {
                    return Err(io::Error::other(format!("more than {FILES_MAX} files")));
                }
                if !is_export(&entry.name) {
                    continue;
                }
                // Conditions that no folder on the way answered: a file outside the partitions.
                if self.fits(&partitions) {
                    let path = join(&folder, &entry.name);
                    let file = file(self.store, path, entry, &partitions);
                    self.files.push(file);
                }
            }
            for name in listing.folders.iter().filter(|name| is_data(name)) {
                let Some(partition) = hive::partition(name) else {
                    continue;
                };
                if !hive::passes(&partition, self.conditions) {
                    continue;
                }
                if partitions.len() >= DEPTH_MAX {
                    return Err(io::Error::other(format!("folders deeper than {DEPTH_MAX}")));
                }
                let mut partitions = partitions.clone();
                if partitions.iter().any(|(column, _)| *column == partition.0) {
                    let (place, column) = (join(&folder, name), &partition.0);
                    let reason = format!("{place}: the path says twice what column {column} is");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
                }
                partitions.push(partition);
                open.push((join(&folder, name), partitions));
            }
        }
        Ok(())
    }

    fn fits(&self, partitions: &[Partition]) -> bool {
        self.conditions.iter().all(|condition| {
            let of_it = |(column, _): &&Partition| *column == condition.column;
            partitions.iter().any(|partition| of_it(&partition))
        })
    }
}

/// A condition that leaves nothing is a mistake more often than a wish.
fn refuse_unknown(source: &str, conditions: &[Condition], files: &[File]) -> Result<(), Failure> {
    match conditions.first() {
        Some(_) if files.is_empty() || files.iter().any(|f| f.partitions.is_empty()) => {
            let shown: Vec<String> = conditions
                .iter()
                .map(|c| format!("{}={}", c.column, c.value))
                .collect();
            let shown = shown.join(" ");
            let reason = format!("no {EXPORTS} files below it in folders {shown}");
            Err(Failure::passing(format!("{source}: --where: {reason}")))
        }
        _ => Ok(()),
    }
}

fn is_data(name: &str) -> bool {
    !name.starts_with(['_', '.'])
}

/// Whether a file of a folder is taken for a part of the export. Hadoop's own names have no dot.
fn is_export(name: &str) -> bool {
    const EXTENSIONS: [&str; 6] = ["parquet", "pq", "csv", "tsv", "gz", "zst"];
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    let is_known = |extension: &str| EXTENSIONS.iter().any(|e| e.eq_ignore_ascii_case(extension));
    is_data(name) && extension.is_none_or(is_known)
}

fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder if folder.ends_with('/') => format!("{folder}{name}"),
        folder => format!("{folder}/{name}"),
    }
}

/// The store of a source, and the path in it.
fn open_store(source: &str) -> Result<(Box<dyn Store>, String), String> {
    match source.split_once("://") {
        None => Ok((Box::new(local::Local), source.to_owned())),
        Some(("file", path)) if path.starts_with('/') => {
            let path = crate::client::percent_decode(path);
            let path = path.ok_or_else(|| format!("{source}: a % that is not %XX"))?;
            Ok((Box::new(local::Local), path))
        }
        Some(("file", _)) => Err(format!("{source}: file:// wants an absolute path")),
        Some((scheme @ ("s3" | "gs" | "az"), _)) => object::open(scheme, source)
            .map(|(store, path)| (Box::new(store) as Box<dyn Store>, path))
            .map_err(|e| format!("{source}: {e}")),
        Some((scheme, _)) => Err(format!(
            "{source}: {scheme}:// is not supported; file://, s3://, gs:// and az:// are"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &std::path::Path, path: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }

    fn found(root: &std::path::Path, conditions: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let conditions: Vec<Condition> = conditions
            .iter()
            .map(|&(column, value)| Condition {
                column: column.to_owned(),
                value: value.to_owned(),
            })
            .collect();
        let root = root.to_str().unwrap();
        let export = Export::find(root, &conditions).map_err(|e| e.to_string())?;
        let show = |file: &File| {
            let values: Vec<String> = file
                .partitions
                .iter()
                .map(|(name, value)| format!("{name}:{}", value.as_deref().unwrap_or("null")))
                .collect();
            format!(
                "{} {}",
                file.name[root.len() + 1..].to_owned(),
                values.join(",")
            )
        };
        Ok(export.files.iter().map(show).collect())
    }

    #[test]
    fn files_are_sorted_and_hidden_ones_left_out() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "b.parquet",
            "a.CSV",
            "_c.parquet",
            ".d.csv",
            "e.txt",
            "sub/f.parquet",
        ] {
            write(root.path(), path);
        }
        assert_eq!(found(root.path(), &[]).unwrap(), ["a.CSV ", "b.parquet "]);
        // One that is named is taken, whatever its name.
        let one = root.path().join("e.txt");
        assert_eq!(
            Export::find(one.to_str().unwrap(), &[])
                .unwrap()
                .files
                .len(),
            1
        );
    }

    #[test]
    fn partitions_are_columns_and_are_pruned() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "ds=2026-11-20/hour=3/a.parquet",
            "ds=2026-11-20/hour=4/a.parquet",
            "ds=2026-11-21/hour=3/a.parquet",
            "ds=2026-11-21/_temporary/b.parquet",
            "ds=a%2Fb/hour=__HIVE_DEFAULT_PARTITION__/a.parquet",
        ] {
            write(root.path(), path);
        }
        assert_eq!(found(root.path(), &[]).unwrap().len(), 4);
        assert_eq!(
            found(root.path(), &[("ds", "2026-11-20"), ("hour", "4")]).unwrap(),
            ["ds=2026-11-20/hour=4/a.parquet ds:2026-11-20,hour:4"]
        );
        assert_eq!(
            found(root.path(), &[("ds", "a/b")]).unwrap(),
            ["ds=a%2Fb/hour=__HIVE_DEFAULT_PARTITION__/a.parquet ds:a/b,hour:null"]
        );
        for condition in [("ds", "2026-11-22"), ("day", "1")] {
            let reason = found(root.path(), &[condition]).unwrap_err();
            assert!(reason.contains("files below it in folders"), "{reason}");
        }
    }

    #[test]
    fn a_column_is_in_a_path_once_and_nulls_can_be_asked_for() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "month=01/day=1/a.parquet");
        write(root.path(), "month=02/month=02/a.parquet");
        let reason = found(root.path(), &[]).unwrap_err();
        assert!(
            reason.contains("month=02/month=02: the path says twice"),
            "{reason}"
        );
        assert_eq!(found(root.path(), &[("month", "01")]).unwrap().len(), 1);
        let root = tempfile::tempdir().unwrap();
        for path in [
            "region=__HIVE_DEFAULT_PARTITION__/a.csv",
            "region=eu/a.csv",
            "region=/b.csv",
        ] {
            write(root.path(), path);
        }
        for null in ["", "__HIVE_DEFAULT_PARTITION__"] {
            let files = found(root.path(), &[("region", null)]).unwrap();
            assert_eq!(files.len(), 2, "{files:?}");
        }
        assert_eq!(found(root.path(), &[("region", "eu")]).unwrap().len(), 1);
    }

    #[test]
    fn what_is_not_there_says_so() {
        let root = tempfile::tempdir().unwrap();
        assert!(
            found(root.path(), &[])
                .unwrap_err()
                .ends_with("or *.zst files in it")
        );
        for (source, want) in [
            ("/nowhere/at/all", "No such file"),
            ("http://h/x", "http:// is not supported"),
            ("file://x/y", "wants an absolute path"),
            ("file:///%zz", "a % that is not %XX"),
        ] {
            let error = Export::find(source, &[]).err().unwrap();
            assert!(error.to_string().contains(want), "{error}");
        }
    }
}
