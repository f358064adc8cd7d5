//! What an inbox can be asked.

use crate::ActorError;
use serde::{Deserialize, Serialize};
use tessera_cluster::Call;
use tessera_domain::notification::Signal;

/// Records signals; answered once they are durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record(pub Vec<Signal>);

impl Call for Record {
    type Answer = Result<(), ActorError>;

    fn is_repeatable(&self) -> bool {
        true
    }
}
