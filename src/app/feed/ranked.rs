//! The order of followed posts by the ranking model, where the operator wants that (docs/functions.md, section 2).

use super::{Degraded, Feeds, sources::Sources};
use futures::FutureExt;
use std::{collections::HashSet, time::Duration};
use tessera_actors::Deadline;
use tessera_domain::{PostId, UserId, post::PostRef};

/// How long ranking may take: without it followed posts are newest first.
const RANKING_TIMEOUT: Duration = Duration::from_millis(200);
/// The newest followed posts that are ranked; older ones follow in order of time.
const RANKED_POSTS: usize = 300;

impl Feeds {
    /// Followed posts in the order to show them; nothing where they are to be newest first, or where ranking fails,
    /// which is noted in `sources`.
    pub(super) async fn order_of_followed(&self, user_id: UserId, sources: &mut Sources) -> Vec<PostId> {
        if !self.ranks_followed {
            return Vec::new();
        }
        let deadline = Deadline::after(RANKING_TIMEOUT);
        let ranking = async {
            let pushed = self.timelines.newest_unseen(user_id, RANKED_POSTS, deadline).await?;
            let pulled = sources.pulled.iter().take(RANKED_POSTS);
            let pulled = pulled.map(|post| PostRef { post_id: post.post_id, author_id: post.author_id });
            let mut known = HashSet::new();
            let posts: Vec<PostRef> = pushed.into_iter().chain(pulled).filter(|post| known.insert(*post)).collect();
            self.recommendations.rank_followed(user_id, &posts).await
        };
        match tokio::time::timeout_at(deadline.instant().into(), ranking.boxed()).await {
            Ok(Ok(order)) => return order,
            Ok(Err(error)) => tracing::debug!(%error, "followed posts are not ranked"),
            Err(_) => tracing::debug!("followed posts are not ranked: that is slow"),
        }
        sources.degraded.push(Degraded::Ranking);
        Vec::new()
    }
}
