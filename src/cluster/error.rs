//! How an ask fails.

/// Why an entity gave no answer. The message may have been handled where `Expired` or `Restarted` says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The mailbox (or the whole region) is full. The message was not delivered; try again later.
    #[error("{kind} is overloaded")]
    Overloaded {
        /// The entity kind.
        kind: &'static str,
    },
    /// The deadline passed. The message may or may not have been handled.
    #[error("{kind} did not answer in time")]
    Expired {
        /// The entity kind.
        kind: &'static str,
    },
    /// The entity stopped or restarted before it answered. The message may have been handled in part.
    #[error("{kind} restarted before it answered")]
    Restarted {
        /// The entity kind.
        kind: &'static str,
    },
    /// Another node owns the shard as of this epoch. The message was not delivered.
    #[error("{kind} moved to another node at epoch {epoch}")]
    Moved {
        /// The entity kind.
        kind: &'static str,
        /// The epoch of the map that says so.
        epoch: u64,
    },
    /// The region is draining and activates nothing any more. The message was not delivered.
    #[error("{kind} is shutting down")]
    Draining {
        /// The entity kind.
        kind: &'static str,
    },
}

impl AskError {
    /// Whether the message certainly had no effect.
    pub fn is_undelivered(&self) -> bool {
        matches!(self, AskError::Overloaded { .. } | AskError::Moved { .. } | AskError::Draining { .. })
    }
}

/// Why a supervisor gave up: it travels one level up the tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{supervisor} gave up: more than {max_restarts} restarts in {within_ms} ms, last for: {last}")]
pub struct EscalationReason {
    /// Who gave up.
    pub supervisor: String,
    /// The limit that was passed.
    pub max_restarts: usize,
    /// The window of the limit, in milliseconds.
    pub within_ms: u64,
    /// The failure that passed it.
    pub last: String,
}
