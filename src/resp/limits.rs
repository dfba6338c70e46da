//! What one client may send, and how the protocol's errors are worded.

/// What a client may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Arguments in one command.
    pub args_max: usize,
    /// Bytes of one argument.
    pub bulk_bytes_max: usize,
    /// Bytes of an inline command or of a length line.
    pub inline_bytes_max: usize,
    /// Bytes of one request in all; never more than `u32::MAX`.
    pub request_bytes_max: usize,
    /// Whether the client may run commands: only the wording of an error depends on it.
    pub authenticated: bool,
}

impl Limits {
    /// Those of Redis since 7.0.
    pub const DEFAULT: Limits = Limits {
        args_max: i32::MAX as usize,
        bulk_bytes_max: 512 * 1024 * 1024,
        inline_bytes_max: 64 * 1024,
        request_bytes_max: 1024 * 1024 * 1024,
        authenticated: true,
    };

    /// Before a needed AUTH: enough for AUTH and HELLO, too little to hurt (CVE-2021-32675).
    pub const UNAUTHENTICATED: Limits = Limits {
        args_max: 10,
        bulk_bytes_max: 16 * 1024,
        inline_bytes_max: 64 * 1024,
        request_bytes_max: 64 * 1024,
        authenticated: false,
    };

    #[cold]
    pub(super) fn multibulk_error(&self, len: Option<usize>) -> ProtocolError {
        match len {
            Some(len) if !self.authenticated && len <= Limits::DEFAULT.args_max => {
                ProtocolError::new("unauthenticated multibulk length")
            }
            _ => ProtocolError::new("invalid multibulk length"),
        }
    }

    #[cold]
    pub(super) fn bulk_error(&self, len: Option<usize>) -> ProtocolError {
        match len {
            Some(len) if !self.authenticated && len <= Limits::DEFAULT.bulk_bytes_max => {
                ProtocolError::new("unauthenticated bulk length")
            }
            _ => ProtocolError::new("invalid bulk length"),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}

/// The stream cannot be understood any further; the text is Redis's, without `-ERR `. Each char of
/// it is one byte, see [`Output::error_text`](super::Output::error_text).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Protocol error: {0}")]
pub struct ProtocolError(pub String);

impl ProtocolError {
    #[cold]
    pub(super) fn new(text: impl Into<String>) -> ProtocolError {
        ProtocolError(text.into())
    }
}
