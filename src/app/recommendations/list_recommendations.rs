//! What is recommended to somebody.

use super::{Reason, Recommendations, Recommended, WantedFor};
use crate::{
    AppResult,
    feed::Degraded,
    hydrate::{Context, HydratedPost},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tessera_actors::Deadline;
use tessera_domain::{PostId, UserId};

/// How long finding out what was seen may take.
const SEEN_TIMEOUT: Duration = Duration::from_millis(500);

#[derive(Debug, Clone)]
pub struct RecommendedPost {
    pub post: HydratedPost,
    /// What the list is ordered by, about 0 to 1.
    pub score: f64,
    /// Why it is there.
    pub reason: Reason,
}

/// What is recommended to somebody.
#[derive(Debug, Clone)]
pub struct RecommendationPage {
    /// The posts, best first.
    pub items: Vec<RecommendedPost>,
    /// What the list was made without.
    pub degraded: Vec<Degraded>,
}

impl Recommendations {
    /// The `limit` posts that are most worth showing to `user_id`, best first: none of their own, none that they saw in
    /// a feed or like, none of people they follow, muted or blocked, or whose accounts are private. Being listed here
    /// does not make a post seen.
    ///
    /// # Errors
    /// Those of the ledger. Other failures give what can be had ([`RecommendationPage::degraded`]).
    pub async fn list_recommendations(
        self: &Arc<Self>,
        user_id: UserId,
        limit: usize,
    ) -> AppResult<RecommendationPage> {
        let list = self.recommended(user_id, WantedFor::List).await;
        let mut degraded = list.missing.clone();
        let ids: Vec<PostId> = list.items.iter().map(|item| item.post.post_id).collect();
        let unseen = match self.timelines.unseen(user_id, ids.clone(), Deadline::after(SEEN_TIMEOUT)).await {
            Ok(unseen) => unseen,
            Err(error) => {
                tracing::warn!(%error, "recommendations may have been seen");
                degraded.push(Degraded::Timeline);
                ids
            }
        };
        let by_id: HashMap<PostId, &Recommended> = list.items.iter().map(|item| (item.post.post_id, item)).collect();
        let mut items = Vec::with_capacity(limit);
        for ids in unseen.chunks(limit.max(1)) {
            let posts = self.hydrator.hydrate(user_id, ids, Context::Feed).await?;
            items.extend(posts.into_iter().filter(|post| !post.author.private && !post.liked).filter_map(|post| {
                let found = by_id.get(&post.post.id)?;
                Some(RecommendedPost { post, score: found.score, reason: found.reason.clone() })
            }));
            if items.len() >= limit {
                break;
            }
        }
        items.truncate(limit);
        let shown: Vec<(u32, PostId)> =
            items.iter().enumerate().map(|(place, item)| (place as u32, item.post.post.id)).collect();
        self.log_impressions(user_id, &list, &shown);
        Ok(RecommendationPage { items, degraded })
    }
}
