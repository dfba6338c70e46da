//! What was found, in the order in which it was.

use super::Verdict;
use std::fmt::Write;
use std::io;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    /// Nothing to worry about.
    Note,
    /// It may be right or not.
    Unread,
    Damage,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Report {
    found: Vec<(Grade, String)>,
    /// What can be done.
    advice: Vec<String>,
}

impl Report {
    pub fn damage(&mut self, file: &str, what: &str) {
        self.found.push((Grade::Damage, format!("{file}: {what}")));
    }

    pub fn note(&mut self, file: &str, what: &str) {
        self.found.push((Grade::Note, format!("{file}: {what}")));
    }

    /// A file cannot be read.
    pub fn unread(&mut self, file: &str, error: &io::Error) {
        let (grade, what) = match error.kind() {
            io::ErrorKind::NotFound => (Grade::Damage, "it is missing".to_owned()),
            io::ErrorKind::PermissionDenied => (Grade::Unread, error.to_string()),
            _ => (Grade::Damage, format!("it cannot be read: {error}")),
        };
        self.found.push((grade, format!("{file}: {what}")));
    }

    /// Say this in the end, once.
    pub fn advise(&mut self, advice: String) {
        if !self.advice.contains(&advice) {
            self.advice.push(advice);
        }
    }

    pub fn verdict(&self) -> Verdict {
        let has = |grade| self.found.iter().any(|(found, _)| *found == grade);
        match (has(Grade::Damage), has(Grade::Unread)) {
            (true, _) => Verdict::Damaged,
            (false, true) => Verdict::Unread,
            (false, false) => Verdict::Fine,
        }
    }

    pub fn findings(&self, out: &mut String) {
        for (grade, what) in &self.found {
            let grade = match grade {
                Grade::Note => "note",
                Grade::Unread => "unreadable",
                Grade::Damage => "DAMAGED",
            };
            // Writing to a string does not fail, here and below.
            let _ = writeln!(out, "{grade}: {what}");
        }
        for advice in &self.advice {
            let _ = writeln!(out, "{advice}");
        }
    }

    pub fn damages(&self) -> usize {
        let damages = self
            .found
            .iter()
            .filter(|(grade, _)| *grade == Grade::Damage);
        damages.count()
    }
}
