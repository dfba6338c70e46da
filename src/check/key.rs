//! One key, as a start would find it, and where it is.

use super::survey::{Checked, DATABASES};
use crate::clock;
use crate::engine::{
    Access, Db, Entity, Key, Keyspace, Millis, SYSTEM_DB, Said, SaidOfLayer, ShardSet,
};
use crate::resp::quote;
use crate::rowfile;
use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// The key that was asked for.
pub struct Wanted {
    db: Db,
    name: Vec<u8>,
}

impl Wanted {
    /// `[DB:]NAME`.
    pub fn read(text: &OsString) -> Wanted {
        let bytes = text.as_bytes();
        let colon = bytes.iter().position(|byte| *byte == b':');
        let parts = colon.and_then(|at| bytes.split_at_checked(at));
        let with_db = parts.and_then(|(db, name)| {
            let digits = db.iter().all(u8::is_ascii_digit);
            let db: Db = std::str::from_utf8(db).ok()?.parse().ok()?;
            let name = name.get(1..)?.to_vec();
            (digits && (db < DATABASES || db == SYSTEM_DB)).then_some(Wanted { db, name })
        });
        with_db.unwrap_or_else(|| Wanted {
            db: 0,
            name: bytes.to_vec(),
        })
    }

    pub fn key<'a>(&'a self, keyspace: &Keyspace) -> Key<'a> {
        keyspace.key(self.db, &self.name)
    }
}

/// Writing to a string does not fail, here and below.
pub fn show(checked: &Checked, wanted: &Wanted, out: &mut String) {
    let keyspace = &checked.keyspace;
    let key = wanted.key(keyspace);
    quote(key.name, out);
    out.push('\n');
    let Some(manifest) = checked.manifest() else {
        let _ = writeln!(out, "not known: there is no manifest");
        return;
    };
    let shard = keyspace.shard_of(key.hash);
    let shards = keyspace.shard_count();
    let _ = writeln!(out, "database: {}", key.db);
    let _ = writeln!(out, "shard: {shard} of {shards}");
    let _ = writeln!(out, "hash: {:016x}", key.hash);
    let mut locks = ShardSet::default();
    locks.insert(keyspace, &key);
    let locked = keyspace.lock(&locks, Access::Read);
    // As of 1970: what has expired shows.
    match locked.get(&key, 0) {
        None => out.push_str("type: none\n"),
        Some(entity) => show_entity(&entity, out),
    }
    for number in manifest
        .shards
        .get(shard)
        .map_or(&[][..], |base| &base.files)
    {
        let _ = write!(out, "{}: ", rowfile::name(*number));
        let file = checked.rows.get(number);
        let trace = file.map(|file| keyspace.trace(&file.view(), &key));
        let Some(Ok(trace)) = trace else {
            out.push_str("damaged\n");
            continue;
        };
        out.push_str(match trace.row {
            Said::Nothing => "no row",
            Said::Gone => "says that it is gone",
            Said::Row => "has its row",
        });
        if trace.fields > 0 {
            let _ = write!(out, ", {} of its fields", trace.fields);
        }
        out.push('\n');
    }
    for (number, lsn, said) in keyspace.trace_layers(&key) {
        let name = rowfile::batch::name(number);
        let _ = writeln!(
            out,
            "{name}, the layer of LSN {lsn}: {}",
            said_of_layer(said)
        );
    }
    let (changes, last) = checked.log.of_key;
    let _ = match changes {
        0 => writeln!(out, "log: no change of it"),
        _ => writeln!(out, "log: {changes} changes of it, the last is LSN {last}"),
    };
}

fn said_of_layer(said: SaidOfLayer) -> &'static str {
    match said {
        SaidOfLayer::Nothing => "no row",
        SaidOfLayer::Row => "has its row",
        SaidOfLayer::Masked => "says that it has no feature of the view",
    }
}

fn show_entity(entity: &Entity<'_>, out: &mut String) {
    let expires = |at: Option<Millis>| match at {
        None => String::new(),
        Some(at) if at <= clock::wall_millis() => format!(" expired {at}"),
        Some(at) => format!(" expires {at}"),
    };
    let Some(hash) = entity.hash() else {
        let _ = writeln!(out, "type: string{}", expires(entity.expire_at()));
        out.push_str("value: ");
        quote(entity.string().unwrap_or_default(), out);
        out.push('\n');
        return;
    };
    let (fields, expiry) = (hash.len(), expires(entity.expire_at()));
    let _ = writeln!(out, "type: hash of {fields} fields{expiry}");
    hash.for_each(|field| {
        out.push_str("  ");
        quote(field.name, out);
        out.push(' ');
        quote(&field.value.to_vec(), out);
        out.push_str(&expires(field.expire_at));
        out.push('\n');
    });
}
