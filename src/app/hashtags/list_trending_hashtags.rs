//! The hashtags that trend.

use super::Hashtags;
use crate::{AppError, AppResult, hydrate::Context};
use futures::{StreamExt, TryStreamExt, stream};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tessera_actors::Deadline;
use tessera_domain::{PostId, UserId};

/// How long the list may take.
const TRENDING_TIMEOUT: Duration = Duration::from_secs(2);

/// The newest posts of a hashtag that are looked at for one that the viewer may see.
const NEWEST_POSTS: usize = 20;
/// Hashtags read at the same time for one request.
const CONCURRENT_READS: usize = 8;

/// A hashtag that trends.
#[derive(Debug, Clone, PartialEq)]
pub struct TrendingHashtag {
    /// The hashtag, lower case, without `#`.
    pub tag: Arc<str>,
    /// How strongly: authors that use it now, weighed by how much more than usual that is.
    pub score: f64,
    /// Whether the viewer follows it.
    pub following: bool,
}

impl Hashtags {
    /// The `limit` hashtags that trend most, strongest first (decayed windows over the use by public accounts), without
    /// those of whose newest posts the viewer may see none.
    ///
    /// # Errors
    /// A store's.
    pub async fn list_trending_hashtags(&self, viewer: UserId, limit: usize) -> AppResult<Vec<TrendingHashtag>> {
        let trending = async { Ok(self.popular.trending(2 * limit, Deadline::after(TRENDING_TIMEOUT)).await?) };
        let (trending, followed) = tokio::try_join!(trending, self.list_followed_hashtags(viewer))?;
        let followed: HashSet<&str> = followed.iter().map(String::as_str).collect();
        let entry = |(tag, score): (Arc<str>, f64)| {
            let following = followed.contains(&*tag);
            TrendingHashtag { tag, score, following }
        };
        let shown = self.shown_hashtags(viewer, &trending).await?;
        Ok(trending.into_iter().filter(|(tag, _)| shown.contains(tag)).take(limit).map(entry).collect())
    }

    /// Those of these hashtags that have a post which the viewer may see in a feed.
    async fn shown_hashtags(&self, viewer: UserId, trending: &[(Arc<str>, f64)]) -> AppResult<HashSet<Arc<str>>> {
        let tags: Vec<Arc<str>> = trending.iter().map(|(tag, _)| tag.clone()).collect();
        let reads = tags.into_iter().map(|tag| async move {
            let posts = self.newest_posts_of(tag.clone()).await?;
            Ok::<_, AppError>((tag, posts))
        });
        let newest: Vec<_> = stream::iter(reads).buffer_unordered(CONCURRENT_READS).try_collect().await?;
        let ids: Vec<PostId> = newest.iter().flat_map(|(_, posts)| posts.iter().copied()).collect();
        let visible = self.hydrator.visible_ids(viewer, &ids, Context::Feed).await?;
        let shown = newest.into_iter().filter(|(_, posts)| posts.iter().any(|post_id| visible.contains(post_id)));
        Ok(shown.map(|(tag, _)| tag).collect())
    }

    async fn newest_posts_of(&self, tag: Arc<str>) -> AppResult<Arc<[PostId]>> {
        let read = async {
            let posts = self.ledger.hashtag_posts(&tag, None, NEWEST_POSTS).await?;
            Ok(posts.iter().map(|post| post.post_id).collect())
        };
        let found = self.memory.0.try_get_with(tag.clone(), read).await;
        found.map_err(|error: Arc<AppError>| (*error).clone())
    }
}
