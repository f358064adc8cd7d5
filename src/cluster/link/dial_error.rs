//! Why a peer could not be reached.

use super::handshake::{HANDSHAKE_TIMEOUT, HelloError, Refusal};
use std::io;

/// Why a peer could not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// Nobody listens there, or no way leads there.
    #[error("no connection: {detail}")]
    Unreachable { detail: String },
    /// It shows no certificate of the cluster, or does not accept this node's.
    #[error("TLS: {detail}")]
    Tls { detail: String },
    /// It did not complete the handshake in time.
    #[error("no handshake within {} s", HANDSHAKE_TIMEOUT.as_secs())]
    TimedOut,
    /// It closed the connection during the handshake: it is starting, or leaving.
    #[error("it closed the connection: {detail}")]
    Closed { detail: String },
    /// It speaks another protocol.
    #[error("it does not speak this protocol: {detail}")]
    Garbled { detail: String },
    /// It is a node, and takes no connection of this one.
    #[error("refused: {0}")]
    Refused(Refusal),
}

impl DialError {
    /// A word for metrics.
    pub(super) fn label(&self) -> &'static str {
        match self {
            DialError::Unreachable { .. } => "unreachable",
            DialError::Tls { .. } => "tls",
            DialError::TimedOut => "handshake_timeout",
            DialError::Closed { .. } => "closed",
            DialError::Garbled { .. } => "garbled",
            DialError::Refused(refusal) => refusal.label(),
        }
    }
}

impl From<HelloError> for DialError {
    fn from(error: HelloError) -> Self {
        match error {
            // In TLS 1.3 the acceptor's verdict on our certificate comes with the first bytes read.
            HelloError::Io(error) if tls_error(&error).is_some() => DialError::Tls { detail: error.to_string() },
            HelloError::Io(error) => DialError::Closed { detail: error.to_string() },
            HelloError::Garbled(detail) => DialError::Garbled { detail },
            HelloError::Refused(refusal) => DialError::Refused(refusal),
        }
    }
}

/// What TLS says of it, where it does.
pub(super) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
