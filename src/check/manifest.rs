//! What the manifest says, and what the files that it names have, by their directories.

use super::{Report, Verdict};
use crate::checkpoint::{MANIFEST, Manifest, catalog};
use crate::io::{Disk, Residency};
use crate::rowfile::{self, BatchFile, RowFile};
use std::fmt::Write;
use std::io;

/// Writing to a string does not fail, here and below.
pub fn show(disk: &dyn Disk, seed: bool) -> io::Result<(String, Verdict)> {
    let mut report = Report::default();
    let mut out = String::new();
    match disk.read(MANIFEST) {
        Err(error) => report.unread(MANIFEST, &error),
        Ok(bytes) => match Manifest::read(&bytes) {
            Err(damage) => report.damage(MANIFEST, &damage.to_string()),
            Ok(manifest) => show_manifest(disk, &manifest, seed, &mut out, &mut report),
        },
    }
    report.findings(&mut out);
    Ok((out, report.verdict()))
}

fn show_manifest(
    disk: &dyn Disk,
    manifest: &Manifest,
    seed: bool,
    out: &mut String,
    report: &mut Report,
) {
    let _ = match seed {
        true => writeln!(out, "seed: {:016x}", manifest.seed),
        false => writeln!(out, "seed: (hidden)"),
    };
    let _ = writeln!(out, "saved: {}", manifest.saved_at);
    let _ = writeln!(out, "next: {}", manifest.next);
    if manifest.catalog != 0 {
        let name = catalog::name(manifest.catalog);
        match disk.map(&name, Residency::Lazy) {
            Ok(bytes) => drop(writeln!(out, "catalog: {name}, {} bytes", bytes.len())),
            Err(error) => report.unread(&name, &error),
        }
    }
    show_layers(disk, manifest, out, report);
    let _ = writeln!(out, "shards: {}", manifest.shards.len());
    for (shard, base) in manifest.shards.iter().enumerate() {
        let files = base.files.len();
        let _ = writeln!(out, "shard {shard}: LSN {}, {files} files", base.lsn);
        for number in &base.files {
            let name = rowfile::name(*number);
            match disk.map(&name, Residency::Lazy) {
                Ok(bytes) => match RowFile::open(bytes, *number) {
                    Ok(file) => show_file(&name, &file, out),
                    Err(damage) => report.damage(&name, &damage.to_string()),
                },
                Err(error) => report.unread(&name, &error),
            }
        }
    }
}

fn show_layers(disk: &dyn Disk, manifest: &Manifest, out: &mut String, report: &mut Report) {
    for layer in &manifest.layers {
        let (name, lsn, at) = (rowfile::batch::name(layer.number), layer.lsn, layer.at);
        let _ = write!(out, "layer: {name}, LSN {lsn}, published {at}");
        match layer.gone_lsn {
            0 => out.push('\n'),
            gone => drop(writeln!(out, ", shows nothing since LSN {gone}")),
        }
        let opened = match disk.map(&name, Residency::Lazy) {
            Ok(bytes) => BatchFile::open(bytes, layer.number),
            Err(error) => {
                report.unread(&name, &error);
                continue;
            }
        };
        match opened {
            Err(damage) => report.damage(&name, &damage.to_string()),
            Ok(file) => show_batch(&file, out),
        }
    }
}

fn show_batch(file: &BatchFile, out: &mut String) {
    let facts = &file.facts;
    let rows: u64 = facts.places.iter().map(|place| place.entries).sum();
    let mode = if facts.replace { "replaces" } else { "adds to" };
    let (len, view, key, db) = (file.file.bytes.len(), &facts.view, &facts.key, facts.db);
    let _ = writeln!(
        out,
        "  {len} bytes, database {db}: {rows} rows; {mode} view {view:?} of keys {key:?}"
    );
}

fn show_file(name: &str, file: &RowFile, out: &mut String) {
    let (len, lsn) = (file.bytes.len(), file.lsn);
    let _ = writeln!(out, "  {name}, {len} bytes, LSN {lsn}");
    for table in &file.tables {
        let complete = match table.rows.complete {
            true => ", complete",
            false => "",
        };
        let _ = writeln!(
            out,
            "    database {}: {} rows{complete}, {} big hashes; keys of the shard: {}, {} of them \
             with an expiry",
            table.db,
            table.rows.place.entries,
            table.bigs.len(),
            table.len,
            table.expiring
        );
    }
}
