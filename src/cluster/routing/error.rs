//! How an ask fails.

use super::transport::RemoteError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why an entity gave no answer. The message may have been handled where `Expired` or `Restarted` says so.
///
/// Where it travels between nodes its kind stays behind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The mailbox (or the whole region) is full. The message was not delivered; try again later.
    #[error("{kind} is overloaded")]
    Overloaded { kind: &'static str },
    /// The deadline passed. The message may or may not have been handled.
    #[error("{kind} did not answer in time")]
    Expired { kind: &'static str },
    /// The entity stopped or restarted before it answered. The message may have been handled in part.
    #[error("{kind} restarted before it answered")]
    Restarted { kind: &'static str },
    /// Another node owns the shard as of this epoch. The message was not delivered.
    #[error("{kind} moved to another node at epoch {epoch}")]
    Moved {
        kind: &'static str,
        /// The epoch of the map that says so.
        epoch: u64,
    },
    /// The region is draining and activates nothing any more. The message was not delivered.
    #[error("{kind} is shutting down")]
    Draining { kind: &'static str },
    /// The node that should own the entity could not be reached in time. The message was not delivered.
    #[error("{kind} cannot be reached")]
    Unreachable { kind: &'static str },
    /// The link to the entity's node broke. The message may have been handled.
    #[error("the node of {kind} was lost before it answered")]
    Lost { kind: &'static str },
    /// The entity's node does not understand the request: it runs another version, or there is a defect.
    /// The message was not handled.
    #[error("{kind} was not understood: {detail}")]
    Misunderstood { kind: &'static str, detail: String },
}

impl AskError {
    /// Whether the message certainly had no effect.
    pub fn is_undelivered(&self) -> bool {
        !matches!(self, AskError::Expired { .. } | AskError::Restarted { .. } | AskError::Lost { .. })
    }

    /// The error of a request to another node, seen by who asked for an entity of `kind`.
    pub(crate) fn from_remote(kind: &'static str, error: RemoteError) -> Self {
        match error {
            RemoteError::Unlinked => AskError::Unreachable { kind },
            RemoteError::Lost => AskError::Lost { kind },
            RemoteError::Overloaded => AskError::Overloaded { kind },
            RemoteError::Expired => AskError::Expired { kind },
            RemoteError::Restarted => AskError::Restarted { kind },
            RemoteError::Moved { epoch } => AskError::Moved { kind, epoch },
            RemoteError::Draining => AskError::Draining { kind },
            RemoteError::UnknownMethod { .. } | RemoteError::Malformed { .. } | RemoteError::TooLarge => {
                AskError::Misunderstood { kind, detail: error.to_string() }
            }
        }
    }

    /// The error as another node is told of it.
    pub(crate) fn into_remote(self) -> RemoteError {
        match self {
            AskError::Overloaded { .. } => RemoteError::Overloaded,
            AskError::Expired { .. } => RemoteError::Expired,
            AskError::Restarted { .. } => RemoteError::Restarted,
            AskError::Moved { epoch, .. } => RemoteError::Moved { epoch },
            AskError::Draining { .. } => RemoteError::Draining,
            AskError::Unreachable { .. } => RemoteError::Unlinked,
            AskError::Lost { .. } => RemoteError::Lost,
            AskError::Misunderstood { detail, .. } => RemoteError::Malformed { detail },
        }
    }
}

impl From<AskError> for RemoteError {
    fn from(error: AskError) -> Self {
        error.into_remote()
    }
}

impl From<RemoteError> for AskError {
    fn from(error: RemoteError) -> Self {
        Self::from_remote("an entity of another node", error)
    }
}

impl Serialize for AskError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RemoteError::from(self.clone()).serialize(serializer)
    }
}

// By hand, because the derived one would ask for input that lives as long as the names in it.
impl<'de> Deserialize<'de> for AskError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RemoteError::deserialize(deserializer).map(Self::from)
    }
}
