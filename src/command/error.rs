//! Why a command was refused, in Redis's words.

use std::borrow::Cow;

/// An error reply; `Display` is the whole line after `-`, each char of which is one byte.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    #[error("ERR syntax error")]
    Syntax,
    #[error("ERR value is not an integer or out of range")]
    NotAnInteger,
    #[error("ERR value is not a valid float")]
    NotAFloat,
    #[error("ERR no such key")]
    NoSuchKey,
    #[error("ERR index out of range")]
    IndexOutOfRange,
    #[error("NOAUTH Authentication required.")]
    NoAuth,
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    #[error("EXECABORT Transaction discarded because of previous errors.")]
    ExecAbort,
    /// Any other line, with its prefix.
    #[error("{0}")]
    Other(Cow<'static, str>),
}

impl CommandError {
    /// `ERR invalid expire time in 'set' command`
    pub fn invalid_expire(command: &str) -> CommandError {
        CommandError::Other(format!("ERR invalid expire time in '{command}' command").into())
    }
    /// `ERR wrong number of arguments for 'get' command`
    pub fn arity(command: &str) -> CommandError {
        CommandError::Other(format!("ERR wrong number of arguments for '{command}' command").into())
    }
}

impl CommandError {
    /// Of a subcommand that was called with too many arguments.
    pub fn subcommand(command: &str, sub: &[u8]) -> CommandError {
        let sub = printable(sub, 128);
        let text = format!("ERR unknown subcommand or wrong number of arguments for '{sub}'");
        format!("{text}. Try {command} HELP.").into()
    }
}

impl From<&'static str> for CommandError {
    fn from(line: &'static str) -> CommandError {
        CommandError::Other(Cow::Borrowed(line))
    }
}

impl From<String> for CommandError {
    fn from(line: String) -> CommandError {
        CommandError::Other(Cow::Owned(line))
    }
}

/// An argument as an error shows it: up to the first NUL, as in Redis, at most `bytes_max` bytes,
/// each of which becomes a char (see [`Output::error_text`](crate::resp::Output::error_text)).
pub fn printable(arg: &[u8], bytes_max: usize) -> String {
    let shown = arg.iter().take(bytes_max).take_while(|byte| **byte != 0);
    shown.map(|byte| char::from(*byte)).collect()
}
