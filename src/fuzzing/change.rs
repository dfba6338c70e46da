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
use crate::engine::{Db, Key, SYSTEM_DB, Step, put_mutation, put_reap, read_change};

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
        let (written, whole, far) = written(change);
        if far {
            continue;
        }
        assert_eq!(first.replay(lsn, change).is_some(), whole);
        // Steps before one that is none were done.
        assert!(second.replay(lsn, &written).is_some());
        assert_eq!(self::written(&written), (written.clone(), true, false));
    }
    assert_eq!(images(&first), images(&second));
    let flush = [8, u8::MAX];
    assert!(first.replay(u64::MAX, &flush).is_some());
    assert_flushed(&first, bytes.contains(&SYSTEM_DB));
}

/// The steps of a change as bytes; whether all of it was steps, and one reaches far.
fn written(change: &[u8]) -> (Vec<u8>, bool, bool) {
    let (mut out, mut far) = (Vec::new(), false);
    let key = |db, name| {
        let hash = 0;
        (db < DATABASES || db == SYSTEM_DB).then_some(Key { db, name, hash })
    };
    let read = read_change(change, key, |step| match step {
        Step::Mutation(mutation) => {
            if let crate::engine::Mutation::StringWrite { offset, .. } = mutation {
                far |= offset > OFFSET_MAX;
            }
            put_mutation(&mut out, &mutation);
        }
        Step::Reap(key, now) => put_reap(&mut out, &key, now),
    });
    (out, read.is_some(), far)
}
