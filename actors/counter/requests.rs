//! What a counter can be asked.

use crate::ActorError;
use serde::{Deserialize, Serialize};
use tessera_cluster::Call;
use tessera_domain::counters::{CounterOperation, CounterOutcome, Counts};

/// The answer to one operation, after its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterAnswer {
    /// What became of the operation.
    pub outcome: CounterOutcome,
    /// The post's totals over all shards, right after the batch that the operation was in.
    pub totals: Counts,
}

/// Applies an operation; answered after its commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apply(pub CounterOperation);

impl Call for Apply {
    type Answer = Result<CounterAnswer, ActorError>;

    /// A like that is asked for again would be told that it was there already, and a deletion that there is nothing.
    fn is_repeatable(&self) -> bool {
        matches!(self.0, CounterOperation::Unlike { .. } | CounterOperation::AddComment { .. })
    }
}
