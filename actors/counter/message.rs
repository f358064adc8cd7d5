//! What a counter understands.

use crate::ActorError;
use tessera_cluster::Reply;
use tessera_domain::counters::{CounterOperation, CounterOutcome, Counts};

/// The answer to one operation, after its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterAnswer {
    /// What became of the operation.
    pub outcome: CounterOutcome,
    /// The post's totals over all shards, right after the batch that the operation was in.
    pub totals: Counts,
}

/// What a counter understands.
#[derive(Debug)]
pub enum CounterMessage {
    /// Apply an operation.
    Apply {
        /// Which.
        operation: CounterOperation,
        /// Answered after the commit.
        reply: Reply<Result<CounterAnswer, ActorError>>,
    },
    /// To itself: a batch has gathered long enough.
    BatchDue,
    /// To itself: the batch under way ended and its callers were answered.
    BatchEnded,
}
