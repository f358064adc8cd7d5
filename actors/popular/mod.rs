//! What is popular now: posts of the last 24 hours by decayed engagement, and the hashtags that trend; one list per
//! node.
//!
//! It loads itself from the ledger when it is activated, hears of what happens on this node meanwhile, and
//! loads itself again every few minutes, so that the nodes of a cluster agree. Only posts of public accounts
//! belong here: the ledger leaves the others out, and callers of [`PopularRef::created`] and
//! [`PopularRef::engaged`] do the same. (The visibility of each post is checked again when it is shown.)

mod actor;
mod core;
mod requests;
#[cfg(test)]
mod tests;
mod trends;

pub use actor::{PopularActor, PopularArgs, PopularSettings};

pub use self::core::Change;

use self::requests::{Top, Trending};
use crate::{ActorError, NodeSingleton, restart};
use std::{sync::Arc, time::Duration};
use tessera_cluster::{ClusterNode, Deadline, NodeService, Region, RegionSettings};
use tessera_domain::{PostId, Timestamp, UserId, post::PostRef};

/// Limits for the region of this entity, of which there is one.
pub fn region_settings() -> RegionSettings {
    restart::region(10_000, Duration::from_secs(3_600), 64 * 1024 * 1024)
}

/// What is popular on this node. Cheap to clone.
#[derive(Clone)]
pub struct PopularRef {
    region: Region<PopularActor>,
    changes: NodeService<Change>,
}

impl PopularRef {
    /// The entity that lives in `region`; it hears from `node`'s peers of what happened there.
    pub fn new(node: Arc<ClusterNode>, region: Region<PopularActor>) -> Self {
        let heard = region.clone();
        let changes = NodeService::new(node, "popular", move |change: Change, _| {
            std::future::ready(heard.tell(NodeSingleton, change))
        });
        Self { region, changes }
    }

    /// The `limit` most popular posts of the last 24 hours with their scores, strongest first; at most 1,000.
    ///
    /// The list lags what it was told by up to a quarter of a second. Before the first load it waits for it.
    ///
    /// # Errors
    /// A store's error where nothing could be loaded so far.
    pub async fn top(&self, limit: usize, deadline: Deadline) -> Result<Vec<(PostRef, f64)>, ActorError> {
        Ok(self.region.ask(NodeSingleton, deadline, Top(limit)).await??)
    }

    /// The `limit` hashtags that trend most with their scores (authors that use them now, more where that is more than
    /// usual). Lags by up to a second. Before the first load it waits for it.
    ///
    /// # Errors
    /// A store's error where nothing could be loaded so far.
    pub async fn trending(&self, limit: usize, deadline: Deadline) -> Result<Vec<(Arc<str>, f64)>, ActorError> {
        Ok(self.region.ask(NodeSingleton, deadline, Trending(limit)).await??)
    }

    /// Tells of the hashtags of a public account's new post. Best effort.
    pub fn tagged(&self, author_id: UserId, hashtags: Vec<String>, at: Timestamp) {
        self.tell(Change::Tagged { author_id, hashtags, at });
    }

    /// Tells of an engagement with a public account's post; a negative weight takes one back. Best effort:
    /// what is lost comes with the next load.
    pub fn engaged(&self, post: PostRef, weight: f64, at: Timestamp) {
        self.tell(Change::Engaged { post, weight, at });
    }

    /// Tells of a public account's new post. Best effort.
    pub fn created(&self, post: PostRef) {
        self.tell(Change::Created(post));
    }

    /// Tells that a post is gone. Best effort: readers check again.
    pub fn removed(&self, post_id: PostId) {
        self.tell(Change::Removed(post_id));
    }

    /// The region, for the tree: what it is doing.
    pub fn region(&self) -> &Region<PopularActor> {
        &self.region
    }

    fn tell(&self, change: Change) {
        self.changes.tell_others(&change);
        if let Err(error) = self.region.tell(NodeSingleton, change) {
            tracing::debug!(%error, "a change of what is popular was lost until the next load");
        }
    }
}
