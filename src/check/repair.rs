//! `--repair-log`: the log is cut where its damage begins. Nothing else is ever repaired.

use super::Verdict;
use super::survey::{Checked, Found};
use crate::checkpoint::MANIFEST;
use crate::clock;
use crate::instance::random;
use crate::wal::cut::Cut;
use crate::wal::{self, Damage};
use std::fmt::Write;
use std::io;

pub fn repair(checked: &Checked) -> io::Result<(String, Verdict)> {
    let mut out = String::new();
    checked.report.findings(&mut out);
    let refused = |mut out: String, why: &str| {
        out.push_str("Nothing was changed: ");
        out.push_str(why);
        out.push('\n');
        Ok((out, Verdict::Damaged))
    };
    let Found::Right(manifest) = &checked.manifest else {
        return refused(
            out,
            "without a manifest nothing says what of the log is needed.",
        );
    };
    let Some(damage) = &checked.log.damage else {
        let (mut out, _) = refused(out, "the log has no damage that cutting it would help.")?;
        let verdict = checked.report.verdict();
        if verdict == Verdict::Fine {
            out.push_str("A start reads all of it.\n");
        }
        return Ok((out, verdict));
    };
    let Some(cut) = Cut::plan(&*checked.disk, damage, random())? else {
        return refused(out, "the log cannot be read; a copy of it may be.");
    };
    let newest = manifest.promised();
    if newest >= cut.lsn {
        let why = format!(
            "{MANIFEST} says that files go up to LSN {newest}, and the damage begins at LSN {}. \
             Put a copy of the whole directory in its place.",
            cut.lsn
        );
        return refused(out, &why);
    }
    let folder = format!("cut-{}", clock::wall_millis());
    cut.make(&*checked.disk, &folder)?;
    describe(&cut, &folder, &mut out);
    let base = manifest.lsns().0;
    let keyspace = &checked.keyspace;
    let payload_is_change = |lsn, change: &[u8]| {
        keyspace.replay(lsn, change).is_some() || keyspace.unknown_batch(change).is_some()
    };
    match wal::recover(&*checked.disk, base, payload_is_change) {
        Ok(found) if found.last_lsn + 1 == cut.lsn => Ok((out, Verdict::Fine)),
        Ok(found) => {
            let text = format!("after the cut it ends at LSN {}", found.last_lsn);
            Err(io::Error::other(text))
        }
        Err(Damage::Unreadable { error, .. }) => Err(error),
        Err(damage) => Err(io::Error::other(damage)),
    }
}

fn describe(cut: &Cut, folder: &str, out: &mut String) {
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "The log ends before LSN {} now. Lost: LSN {} to {} at most, as far as anything speaks of \
         them.",
        cut.lsn, cut.lsn, cut.last
    );
    for file in cut.files() {
        let _ = writeln!(out, "kept: {folder}/{file}");
    }
}
