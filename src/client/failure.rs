//! Why a subcommand ended early, and whether it may do better when it is tried again: what a timer
//! wants to know. Its text can be shown on a terminal, whatever is in the names and values that it
//! tells.

use std::process::ExitCode;

use super::ClientError;
use super::connection::is_lasting;
use crate::words::printable;

/// See the module.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    text: String,
    is_lasting: bool,
}

impl Failure {
    /// It fails however often it is tried: the command line, the view or the export must change.
    pub fn lasting(text: impl AsRef<str>) -> Failure {
        Failure {
            text: printable(text.as_ref()),
            is_lasting: true,
        }
    }

    /// It may pass: a server that is away, a disk that is full, an export that is not there yet.
    pub fn passing(text: impl AsRef<str>) -> Failure {
        Failure {
            text: printable(text.as_ref()),
            is_lasting: false,
        }
    }

    /// Of the same kind, told in other words.
    pub fn told(self, tell: impl FnOnce(&str) -> String) -> Failure {
        Failure {
            text: tell(&self.text)
                .lines()
                .map(printable)
                .collect::<Vec<_>>()
                .join("\n"),
            is_lasting: self.is_lasting,
        }
    }

    /// 1: trying again may help; 2: it does not.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.is_lasting { 2 } else { 1 })
    }
}

/// An error of the server.
pub fn refused(text: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(text).into_owned();
    Failure {
        is_lasting: is_lasting(&text),
        text: printable(&text),
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        Failure {
            is_lasting: error.is_lasting(),
            text: printable(&error.to_string()),
        }
    }
}
