//! The log: what a start would make of it, and what else there is to see.

use super::key::Wanted;
use super::survey::{Checked, Found};
use crate::checkpoint::MANIFEST;
use crate::wal::survey::Survey;
use crate::wal::{self, CLOSING_MARK, Damage, Mark, Recovered};
use std::collections::BTreeMap;

/// Gaps behind the first damage that are named.
const NAMED_MAX: usize = 10;

/// What was found of the log.
#[derive(Default)]
pub struct LogFound {
    /// By the numbers of the segments.
    pub segments: BTreeMap<u64, Survey>,
    pub bytes: u64,
    /// As a start would find it.
    pub recovered: Option<Recovered>,
    pub damage: Option<Damage>,
    /// Damages that were told of.
    pub damages: usize,
    /// Batches among them that the log publishes and that are not there.
    elsewhere: usize,
    /// Changes of the key that was asked for, and the LSN of the last of them.
    pub of_key: (u64, u64),
}

impl LogFound {
    /// The LSN before which the log can be cut.
    pub fn cut_at(&self) -> Option<u64> {
        match &self.damage {
            Some(Damage::Lost { lsn, .. } | Damage::NoChange { lsn, .. }) => Some(*lsn),
            _ => None,
        }
    }

    pub fn summary(&self) -> String {
        let (segments, bytes) = (self.segments.len(), self.bytes);
        let found = match &self.recovered {
            Some(found) => format!(
                "{} changes behind those in files, up to LSN {}",
                found.records, found.last_lsn
            ),
            None => "damaged".to_owned(),
        };
        format!("{segments} segments, {bytes} bytes; {found}")
    }
}

impl Checked {
    pub fn check_log(&mut self, wanted: Option<&Wanted>) {
        let before = self.report.damages();
        let numbers: Vec<u64> = self
            .names
            .iter()
            .filter_map(|n| wal::segment_number(n))
            .collect();
        for number in numbers {
            // Read, not mapped: a disk that fails is told of.
            if let Some(bytes) = self.read(&wal::segment_name(number)) {
                self.log.bytes += bytes.len() as u64;
                self.log.segments.insert(number, Survey::of(number, &bytes));
            }
        }
        if self.report.damages() == before {
            self.replay(wanted);
        }
        self.log.damages = self.report.damages() - before - self.log.elsewhere;
    }

    fn replay(&mut self, wanted: Option<&Wanted>) {
        let first = self.log.segments.values().find_map(|s| s.header);
        let base = match &self.manifest {
            Found::Right(manifest) => manifest.lsns().0,
            Found::Missing => 0,
            // Nothing says how much of the log is needed.
            Found::Damaged => first.map_or(0, |header| header.first_lsn - 1),
        };
        let keyspace = &self.keyspace;
        let key = wanted.map(|wanted| wanted.key(keyspace));
        let (mut of_key, mut lacking) = ((0, 0), Vec::new());
        let result = wal::recover(&*self.disk, base, |lsn, change| {
            if key.is_some_and(|key| keyspace.concerns(change, &key)) {
                of_key = (of_key.0 + 1, lsn);
            }
            let unknown = || keyspace.unknown_batch(change);
            let unknown = keyspace.replay(lsn, change).is_none().then(unknown);
            lacking.extend(unknown.flatten().map(|number| (number, lsn)));
            // What else there is to see does not depend on a batch.
            unknown.is_none_or(|unknown| unknown.is_some())
        });
        self.log.of_key = of_key;
        let before = self.report.damages();
        for (number, lsn) in lacking {
            self.lacks_batch(number, lsn);
        }
        self.log.elsewhere = self.report.damages() - before;
        match result {
            Ok(found) => {
                if found.mark == Mark::Damaged {
                    let what = "it is damaged, so it does not tell how far the log was synced; \
                                it has no data, and is written again when the log is idle";
                    self.report.note(CLOSING_MARK, what);
                }
                self.compare(&found);
                self.look_behind(&found);
                self.log.recovered = Some(found);
            }
            Err(damage) => self.damaged(damage),
        }
    }

    /// The log's end, and what the manifest says of it.
    fn compare(&mut self, found: &Recovered) {
        let manifest = match &self.manifest {
            Found::Right(manifest) => manifest,
            Found::Missing if found.records > 0 => {
                let what = format!(
                    "it is missing: there is a log with {} changes",
                    found.records
                );
                return self.report.damage(MANIFEST, &what);
            }
            _ => return,
        };
        let newest = manifest.promised();
        if found.segments == 0 {
            let what = "there is no segment of the log that can be told as one";
            return self.report.damage("the log", what);
        }
        let used = self.log.segments.iter().filter(|(number, _)| {
            let kept = found.kept.iter().any(|kept| kept.number == **number);
            kept || found.empty.contains(number)
        });
        let ends = used.filter_map(|(number, s)| Some((s.reached()?, *number)));
        let Some((reached, number)) = ends.max() else {
            return;
        };
        if reached <= newest {
            let what = format!(
                "the log ends at LSN {}, but {MANIFEST} says that it was synced up to LSN \
                 {newest}",
                reached - 1
            );
            let file = wal::segment_name(number);
            // A start goes by the same rule.
            match found.last_lsn >= newest {
                true => {
                    let lost = ", though nothing is lost: files hold all up to there";
                    self.report.note(&file, &(what + lost));
                }
                false => self.report.damage(&file, &what),
            }
        }
    }

    /// Behind the end of the log there should be nothing.
    fn look_behind(&mut self, found: &Recovered) {
        let surveys = &self.log.segments;
        let last = found
            .kept
            .last()
            .map_or((0, 0), |kept| (kept.number, kept.bytes));
        let begun_anew =
            |n: &u64| *n > last.0 && surveys.get(n).is_some_and(|s| s.header.is_some());
        // If a start has passed it over, what was lost was lost then.
        let accepted = found.empty.iter().any(begun_anew);
        let behind = |number: u64, at: usize| (number, at) >= last;
        let runs = surveys
            .iter()
            .flat_map(|(number, s)| s.runs.iter().map(|run| (*number, *run)));
        let above = |lsn: u64| lsn > found.last_lsn;
        let runs: Vec<_> = runs
            .filter(|(number, run)| above(run.last_lsn) && behind(*number, run.at))
            .collect();
        let last_lsn = runs.iter().map(|(_, run)| run.last_lsn).max();
        let passed_over = format!(
            "{} bytes behind the last whole record are passed over",
            found.passed_over_bytes
        );
        match last_lsn.filter(|_| !accepted) {
            // As after a loss of power, which takes what was not synced in any order.
            Some(lost) => {
                let (file, at) = (wal::segment_name(last.0.max(1)), last.1);
                let what = format!(
                    "no whole record of LSN {} at byte {at}, but there are some behind it, up to \
                     LSN {lost}; nothing says that they were synced, so a start passes over them",
                    found.last_lsn + 1
                );
                self.report.note(&file, &what);
            }
            None if found.passed_over_bytes > 0 => self.report.note("the log", &passed_over),
            None => {}
        }
    }

    fn damaged(&mut self, damage: Damage) {
        let text = damage.to_string();
        // Names the file itself.
        let (file, what) = text.split_once(": ").unwrap_or(("the log", &text));
        self.report.damage(file, what);
        let (file, offset, told) = match &damage {
            Damage::Lost {
                file, offset, lsn, ..
            }
            | Damage::NoChange { file, offset, lsn } => (file.clone(), *offset, *lsn),
            Damage::Unreadable { file, .. } | Damage::Range { file, .. } => (file.clone(), 0, 0),
        };
        let first = wal::segment_number(&file).unwrap_or_default();
        let mut gaps = Vec::new();
        let mut next = None;
        for (number, survey) in self.log.segments.range(first..) {
            let name = wal::segment_name(*number);
            if survey.header.is_none() && survey.used > 0 && (*number, 0) > (first, offset) {
                gaps.push((name.clone(), "its header is damaged".to_owned()));
            }
            for run in &survey.runs {
                let missing = next.replace(run.last_lsn + 1).unwrap_or(run.first_lsn);
                let is_new = missing != told && (*number, run.at) > (first, offset);
                if missing < run.first_lsn && is_new {
                    let what = format!(
                        "behind that, LSN {missing} to {} is damaged or missing before byte {}",
                        run.first_lsn - 1,
                        run.at
                    );
                    gaps.push((name.clone(), what));
                }
            }
        }
        for (file, what) in gaps.iter().take(NAMED_MAX) {
            self.report.damage(file, what);
        }
        self.log.damage = Some(damage);
    }
}
