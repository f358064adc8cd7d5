//! What an inbox understands.

use crate::ActorError;
use tessera_cluster::Reply;
use tessera_domain::notification::Signal;

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
