//! What an inbox understands.

use super::actor::InboxActor;
use crate::ActorError;
use serde::{Deserialize, Serialize};
use tessera_cluster::{Call, Reply};
use tessera_domain::notification::Signal;

/// Asks an inbox, wherever it lives, to record signals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record(pub Vec<Signal>);

impl Call<InboxActor> for Record {
    type Answer = Result<(), ActorError>;
    const METHOD: u16 = 30;

    fn is_repeatable(&self) -> bool {
        true
    }

    fn into_message(self, reply: Reply<Self::Answer>) -> InboxMessage {
        InboxMessage::Record { signals: self.0, reply }
    }
}

/// What an inbox understands.
#[derive(Debug)]
pub enum InboxMessage {
    /// Record signals.
    Record {
        /// Which.
        signals: Vec<Signal>,
        /// Answered once they are durable.
        reply: Reply<Result<(), ActorError>>,
    },
    /// To itself: a batch has gathered long enough.
    BatchDue,
    /// To itself: the batch under way ended and its callers were answered.
    BatchEnded,
}
