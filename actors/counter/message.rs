//! What a counter understands.

use super::actor::CounterActor;
use crate::ActorError;
use serde::{Deserialize, Serialize};
use tessera_cluster::{Call, Reply};
use tessera_domain::counters::{CounterOperation, CounterOutcome, Counts};

/// The answer to one operation, after its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterAnswer {
    /// What became of the operation.
    pub outcome: CounterOutcome,
    /// The post's totals over all shards, right after the batch that the operation was in.
    pub totals: Counts,
}

/// Asks a counter, wherever it lives, to apply an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apply(pub CounterOperation);

impl Call<CounterActor> for Apply {
    type Answer = Result<CounterAnswer, ActorError>;
    const METHOD: u16 = 20;

    /// A like that is asked for again would be told that it was there already, and a deletion that there is nothing.
    fn is_repeatable(&self) -> bool {
        matches!(self.0, CounterOperation::Unlike { .. } | CounterOperation::AddComment { .. })
    }

    fn into_message(self, reply: Reply<Self::Answer>) -> CounterMessage {
        CounterMessage::Apply { operation: self.0, reply }
    }
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
