//! Row files with all that a shard can hold: round trips here, damage and hostile files below.

mod damage;
mod hostile;

use super::{RowFile, Writer};
use crate::engine::{Access, FieldExpire, KeyExpire, Keyspace, Millis, Mutation, ShardSet, Sink};
use crate::fuzzing::image::{images, keyspace};
use crate::fuzzing::rows::{write, write_changes};
use crate::io::Append;
use std::io;
use std::sync::mpsc::{Sender, channel};

const DATABASES: u8 = 2;
const SHARDS: usize = 4;
/// When what expires in these files does.
const SOON: Millis = 2_000;
const LATER: Millis = 1 << 41;

fn commit(keyspace: &Keyspace, mutation: &Mutation<'_>) {
    let mut shards = ShardSet::default();
    shards.insert_all(keyspace);
    keyspace
        .lock(&shards, Access::Write)
        .commit(mutation, 1_000);
}

type Pairs<'a> = &'a [(&'a [u8], &'a [u8])];

fn set(keyspace: &Keyspace, db: u8, name: &str, fields: Pairs<'_>, expire: FieldExpire) {
    let key = keyspace.key(db, name.as_bytes());
    let mutation = Mutation::HashSet {
        key,
        fields,
        expire,
    };
    commit(keyspace, &mutation);
}

fn put(keyspace: &Keyspace, db: u8, name: &str, value: &[u8], expire: KeyExpire) {
    let key = keyspace.key(db, name.as_bytes());
    commit(keyspace, &Mutation::StringSet { key, value, expire });
}

/// Fields of a big hash, one in seven of them expiring soon.
fn big(keyspace: &Keyspace, name: &str, fields: std::ops::Range<usize>) {
    for (expiring, expire) in [(false, FieldExpire::Clear), (true, FieldExpire::At(SOON))] {
        let numbers = fields.clone().filter(|n| (n % 7 == 0) == expiring);
        let texts: Vec<(String, String)> = numbers
            .map(|n| (format!("field-{n}"), format!("value of {n}")))
            .collect();
        let pairs: Vec<(&[u8], &[u8])> = texts
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        set(keyspace, 0, name, &pairs, expire);
    }
}

fn remove_fields(keyspace: &Keyspace, name: &str, numbers: std::ops::Range<usize>) {
    let texts: Vec<String> = numbers.map(|n| format!("field-{n}")).collect();
    let fields: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    let key = keyspace.key(0, name.as_bytes());
    let fields = &fields;
    commit(keyspace, &Mutation::HashDelete { key, fields });
}

fn delete(keyspace: &Keyspace, db: u8, name: &str) {
    let key = keyspace.key(db, name.as_bytes());
    commit(keyspace, &Mutation::Delete { key });
}

/// Rows of each kind, so many of the small ones.
fn fill(keyspace: &Keyspace, rows: usize) {
    for n in 0..rows {
        let (number, own) = (n.to_string(), format!("own-{n}"));
        let pairs: [(&[u8], &[u8]); 3] = [
            (b"city", b"Turin"),
            (b"age", number.as_bytes()),
            (b"note", b"longer than a dictionary takes: as it is"),
        ];
        let db = (n % 2) as u8;
        set(
            keyspace,
            db,
            &format!("user:{n}"),
            &pairs[..2 + n % 2],
            FieldExpire::Keep,
        );
        let expire = match n % 3 {
            0 => FieldExpire::Keep,
            1 => FieldExpire::At(SOON),
            _ => FieldExpire::At(LATER + n as u64),
        };
        set(
            keyspace,
            db,
            &format!("named:{n}"),
            &[(own.as_bytes(), b"-1.5")],
            expire,
        );
        let expire = match n % 3 {
            0 => KeyExpire::Clear,
            1 => KeyExpire::At(SOON),
            _ => KeyExpire::At(LATER + n as u64),
        };
        put(
            keyspace,
            db,
            &format!("text:{n}"),
            format!("text {n}").as_bytes(),
            expire,
        );
    }
}

/// A keyspace that knows what rows of another refer to.
fn beside(keyspace: &Keyspace) -> Keyspace {
    let other = crate::fuzzing::image::keyspace(DATABASES);
    assert!(other.restore_catalog(&keyspace.catalog()).is_some());
    other
}

fn open(bytes: &[u8], number: u64) -> RowFile {
    RowFile::open(bytes.to_vec().into(), number).unwrap()
}

/// Stack these files of each shard, the oldest first.
fn stacked(keyspace: &Keyspace, files: &[Vec<RowFile>]) -> Keyspace {
    let other = beside(keyspace);
    for (shard, files) in files.iter().enumerate() {
        let views: Vec<_> = files.iter().map(RowFile::view).collect();
        for (file, view) in files.iter().zip(&views) {
            assert_eq!(file.verify_all(), Ok(()));
            assert_eq!(other.check_file(shard, view), Ok(()), "{}", file.number);
        }
        other.stack(shard, 0, &views).unwrap();
    }
    other
}

fn assert_same(one: &Keyspace, other: &Keyspace) {
    assert_eq!(images(one), images(other));
    let mut shards = ShardSet::default();
    shards.insert_all(one);
    for db in 0..DATABASES {
        let count = |keyspace: &Keyspace| keyspace.lock(&shards, Access::Read).count(db);
        assert_eq!(
            count(one),
            count(other),
            "keys, and those that expire, of {db}"
        );
    }
}

#[test]
fn what_was_written_is_read_through_all_files_and_when_folded() {
    let live = keyspace(DATABASES);
    fill(&live, 150);
    big(&live, "big", 0..2_000);
    big(&live, "big that goes", 0..700);
    put(&live, 1, "long", &vec![b'x'; 600 << 10], KeyExpire::Clear);
    let mut files: Vec<Vec<RowFile>> = Vec::new();
    for shard in 0..SHARDS {
        let number = 1 + shard as u64;
        files.push(vec![open(&write(&live, shard, number).unwrap(), number)]);
    }
    assert!(
        files
            .iter()
            .flatten()
            .flat_map(|f| &f.tables)
            .all(|t| t.rows.complete)
    );
    assert_same(&live, &stacked(&live, &files));

    for n in (0..150).step_by(4) {
        delete(&live, (n % 2) as u8, &format!("user:{n}"));
        put(
            &live,
            (n % 2) as u8,
            &format!("text:{n}"),
            b"new",
            KeyExpire::Keep,
        );
    }
    fill(&live, 20);
    remove_fields(&live, "big", 100..300);
    big(&live, "big", 1_990..2_100);
    delete(&live, 0, "big that goes");
    for (shard, files) in files.iter_mut().enumerate() {
        let number = 11 + shard as u64;
        let bytes = write_changes(&live, shard, number, &|_| false).unwrap();
        files.push(open(&bytes, number));
    }
    let newest = files.iter().filter_map(|files| files.last());
    assert!(newest.flat_map(|f| &f.tables).all(|t| !t.rows.complete));
    let reopened = stacked(&live, &files);
    assert_same(&live, &reopened);

    for (shard, files) in files.iter_mut().enumerate() {
        let number = 21 + shard as u64;
        *files = vec![open(&write(&reopened, shard, number).unwrap(), number)];
    }
    let folded = stacked(&reopened, &files);
    assert_same(&live, &folded);
    assert!(
        files
            .iter()
            .flatten()
            .any(|f| f.tables.iter().any(|t| !t.bigs.is_empty()))
    );

    let swept = |keyspace: &Keyspace| while keyspace.sweep(SOON, 100).visited > 0 {};
    [&live, &reopened, &folded].into_iter().for_each(swept);
    assert!(
        live.expired().0 > 40 && live.expired().1 > 300,
        "{:?}",
        live.expired()
    );
    assert_eq!(live.expired(), reopened.expired());
    assert_eq!(live.expired(), folded.expired());
    assert_same(&live, &reopened);
    assert_same(&live, &folded);
}

struct Lengths(Sender<usize>);

impl Append for Lengths {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.send(bytes.len()).map_err(io::Error::other)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// In shorter pieces, or ones that begin elsewhere, the kernel could not keep a file in huge pages.
#[test]
fn files_are_written_in_huge_pages() {
    const HUGE: usize = 2 << 20;
    let (tell, told) = channel();
    let (mut paced, mut given) = (Vec::new(), 0);
    let mut pace = |bytes| {
        paced.push(bytes);
        Ok(())
    };
    let mut writer = Writer::new(Box::new(Lengths(tell)), 1, &mut pace).expect("a header");
    for len in [3, 70_000, HUGE, 1_000_000].into_iter().cycle().take(9) {
        writer.write(&vec![7; len]).expect("a write");
        given += len;
    }
    let len = writer.finish(0, 1, &[]).expect("an end") as usize;
    let lengths: Vec<usize> = told.iter().collect();
    let (before, [rest, trailer]) = lengths.split_last_chunk().expect("writes");
    assert_eq!(before, vec![HUGE; given / HUGE]);
    assert_eq!(before.len() * HUGE + rest + trailer, len);
    // The pace is kept in steps that are no larger than what is under a checksum.
    assert!(paced.iter().all(|bytes| *bytes <= super::CHUNK_BYTES));
    assert!(given <= paced.iter().sum() && paced.iter().sum::<usize>() < len);
}
