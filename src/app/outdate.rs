//! Makes all nodes drop their copies of what was changed, after the ledger committed and before the caller hears of
//! it, so that whichever node is asked next answers with nothing older.

use crate::{AppError, AppResult};
use std::time::Duration;
use tessera_actors::{
    ActorError, Deadline,
    broadcast::{Invalidation, Outdated, OutdatedGraph},
};
use tessera_domain::UserId;

/// How long a change waits for the other nodes where nothing has to be hidden. One that has not dropped its copies by
/// then hears of it through the outbox.
const COURTESY_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a change that hides something waits. Who asks again is answered once a node that is silent was evicted.
const CERTAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes all nodes drop their copies. Never fails.
pub(crate) async fn outdate(invalidation: &Invalidation, outdated: Outdated) {
    if let Err(error) = invalidation.everywhere(outdated, Deadline::after(COURTESY_TIMEOUT)).await {
        tracing::warn!(%error, "a node may show for some seconds what was changed");
    }
}

/// Makes all nodes drop their copies of what must not be shown any more.
///
/// # Errors
/// [`AppError::Unavailable`] where a node has neither answered nor been evicted: it may show it yet. The change itself
/// stands, and may be sent again.
pub(crate) async fn outdate_certainly(invalidation: &Invalidation, outdated: Outdated) -> AppResult<()> {
    let deadline = Deadline::after(CERTAIN_TIMEOUT);
    invalidation.confirm_nodes(deadline).await.map_err(unconfirmed)?;
    invalidation.everywhere(outdated, deadline).await.map(drop).map_err(unconfirmed)
}

/// Makes all nodes drop what they know of how an account stands to others, where nothing has to be hidden. Never fails.
pub(crate) async fn outdate_follows(invalidation: &Invalidation, user_id: UserId) {
    let outdated = OutdatedGraph::relations(&[user_id]);
    if let Err(error) = invalidation.graph_everywhere(outdated, Deadline::after(COURTESY_TIMEOUT)).await {
        tracing::warn!(%error, "a node may for some seconds not know of a follow");
    }
}

/// Makes all nodes drop what they know of how these accounts stand to others.
///
/// # Errors
/// As [`outdate_certainly`].
pub(crate) async fn outdate_relations(invalidation: &Invalidation, user_ids: &[UserId]) -> AppResult<()> {
    let deadline = Deadline::after(CERTAIN_TIMEOUT);
    invalidation.confirm_nodes(deadline).await.map_err(unconfirmed)?;
    invalidation.graph_everywhere(OutdatedGraph::relations(user_ids), deadline).await.map_err(unconfirmed)
}

/// Makes all nodes read an author's newest posts anew. Never fails.
pub(crate) async fn outdate_newest_posts(invalidation: &Invalidation, author_id: UserId) {
    let outdated = OutdatedGraph::newest_posts(author_id);
    if let Err(error) = invalidation.graph_everywhere(outdated, Deadline::after(COURTESY_TIMEOUT)).await {
        tracing::warn!(%error, "a node may lack an author's newest post for some seconds");
    }
}

fn unconfirmed(error: ActorError) -> AppError {
    AppError::Unavailable(format!("a node may not have heard of the change: {error}"))
}
