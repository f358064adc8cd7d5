//! Makes all nodes drop their copies of what was changed.

use std::time::Duration;
use tessera_actors::{
    Deadline,
    broadcast::{Invalidation, Outdated},
};

/// How long a change waits for the other nodes to drop their copies of what it changed. One that has not done so
/// by then hears of it through the outbox, or its copy grows old within seconds.
const INVALIDATION_TIMEOUT: Duration = Duration::from_millis(500);

/// Makes all nodes drop their copies of what was changed. Called after the ledger committed and before the
/// caller hears of it, so that whichever node they ask next answers with nothing older. Never fails.
pub(crate) async fn outdate(invalidation: &Invalidation, outdated: Outdated) {
    if let Err(error) = invalidation.everywhere(outdated, Deadline::after(INVALIDATION_TIMEOUT)).await {
        tracing::warn!(%error, "a node may show for some seconds what was changed");
    }
}
