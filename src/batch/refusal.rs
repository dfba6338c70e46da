//! Why a batch is not taken.
//!
//! Invariant: the code tells who loads it whether trying again may help. It stays what it is,
//! whatever is said around the reason.

use std::io;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One of Redis's.
    pub code: &'static str,
    pub reason: String,
}

impl Refusal {
    /// The same, told in other words.
    pub fn told(self, tell: impl FnOnce(&str) -> String) -> Refusal {
        Refusal {
            reason: tell(&self.reason),
            ..self
        }
    }

    pub fn busy(reason: String) -> Refusal {
        Refusal {
            code: "BUSY",
            reason,
        }
    }

    pub fn of_disk(error: &io::Error) -> Refusal {
        Refusal {
            code: "MISCONF",
            reason: format!("the file of a batch could not be written: {error}"),
        }
    }
}

/// What is lasting: trying again does not help.
impl From<String> for Refusal {
    fn from(reason: String) -> Refusal {
        Refusal {
            code: "ERR",
            reason,
        }
    }
}
