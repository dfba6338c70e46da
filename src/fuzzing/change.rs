//! Changes of a log, as a recovery takes them.
//!
//! ```text
//! input: changes, each behind its length u8
//! ```
//!
//! Checked: what is read of a change is written to bytes that are read to the same and, done to
//! another keyspace, have the same effect; flushing leaves nothing.

use super::image::{assert_flushed, images, keyspace};
use super::input::Input;
use crate::engine::{Change, Db, Key, Mutation, SYSTEM_DB, Step, read_change};

const DATABASES: Db = 3;

/// Strings are filled up to where they are written to: beyond this it would only take time.
const OFFSET_MAX: usize = 1 << 18;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (first, second) = (keyspace(DATABASES), keyspace(DATABASES));
    for lsn in 1.. {
        if input.is_empty() {
            break;
        }
        let change = input.bytes();
        let written = Written::of(change);
        if written.far {
            continue;
        }
        // There is no batch here.
        let done = written.whole && !written.publishes;
        assert_eq!(first.replay(lsn, change).is_some(), done);
        // Steps before one that is none were done.
        let again = second.replay(lsn, &written.bytes).is_some();
        assert_eq!(again, !written.publishes);
        let expected = Written {
            whole: true,
            ..written.clone()
        };
        assert_eq!(Written::of(&written.bytes), expected);
    }
    assert_eq!(images(&first), images(&second));
    let flush = [8, u8::MAX];
    assert!(first.replay(u64::MAX, &flush).is_some());
    assert_flushed(&first, bytes.contains(&SYSTEM_DB));
}

/// The steps of a change.
#[derive(Clone, Debug, Default, PartialEq)]
struct Written {
    bytes: Vec<u8>,
    /// All of it was steps.
    whole: bool,
    /// One writes beyond [`OFFSET_MAX`].
    far: bool,
    publishes: bool,
}

impl Written {
    fn of(change: &[u8]) -> Written {
        let mut written = Written::default();
        let key = |db, name| {
            let hash = 0;
            (db < DATABASES || db == SYSTEM_DB).then_some(Key { db, name, hash })
        };
        let mut out = Change::default();
        let read = read_change(change, key, |step| match step {
            Step::Mutation(mutation) => {
                if let Mutation::StringWrite { offset, .. } = mutation {
                    written.far |= offset > OFFSET_MAX;
                }
                out.put(&mutation);
            }
            Step::Reap(key, now) => out.put_reap(&key, now),
            Step::Publish(number, at) => {
                written.publishes = true;
                out.put_publish(number, at);
            }
        });
        written.whole = read.is_some();
        written.bytes = out.bytes().to_vec();
        written
    }
}
