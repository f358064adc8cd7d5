//! The recommender of one person: what they like and who likes the same, kept up to date by every like
//! (docs/functions.md, section 6).
//!
//! It knows the taste; candidates are gathered and scored by the use case, which has the node's caches at hand. Similar
//! people come from co-likes: whoever liked the same posts lately, weighed by how few did and how long ago. All of it
//! is read from the ledger when somebody first asks, and loaded anew after half an hour, since what others like
//! moves too.

mod actor;
mod core;
pub(crate) mod requests;
#[cfg(test)]
mod tests;

pub use actor::{RecommenderActor, RecommenderArgs, RecommenderSettings};
pub use requests::{LikeChanged, TasteView};

use self::requests::GetTaste;
use crate::{ActorError, UserKey, restart};
use std::time::Duration;
use tessera_cluster::{Deadline, Region, RegionSettings};
use tessera_domain::UserId;

/// How long telling a recommender of a like may take.
const TELL_TIMEOUT: Duration = Duration::from_secs(1);

/// Limits for the region of recommenders.
pub fn region_settings() -> RegionSettings {
    restart::region(256, Duration::from_secs(900), 128 * 1024 * 1024)
}

/// All recommenders. Cheap to clone.
#[derive(Clone)]
pub struct RecommenderRef(Region<RecommenderActor>);

impl RecommenderRef {
    /// The recommenders that live in `region`.
    pub fn new(region: Region<RecommenderActor>) -> Self {
        region.serve_all();
        Self(region)
    }

    /// What is known of a person's taste.
    ///
    /// # Errors
    /// `Overloaded` where too many wait; a store's where it could not be read.
    pub async fn taste(&self, user_id: UserId, deadline: Deadline) -> Result<TasteView, ActorError> {
        self.0.call(UserKey(user_id), deadline, GetTaste).await?
    }

    /// Tells a person's recommender of a like, if it is in memory, without anybody waiting for it. Best effort: what is
    /// lost comes with the next load.
    pub fn like_changed(&self, user_id: UserId, change: LikeChanged) {
        let region = self.0.clone();
        tokio::spawn(async move {
            let told = region.call_if_active(UserKey(user_id), Deadline::after(TELL_TIMEOUT), change).await;
            if let Err(error) = told {
                tracing::debug!(%error, "a recommender did not hear of a like");
            }
        });
    }

    /// The region, for the tree: sweeping, draining, what it is doing.
    pub fn region(&self) -> &Region<RecommenderActor> {
        &self.0
    }
}
