//! The hashtags that trend.

use crate::{App, AppResult};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tessera_actors::Deadline;
use tessera_domain::UserId;

/// How long the list may take.
const TRENDING_TIMEOUT: Duration = Duration::from_secs(2);

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

impl App {
    /// The `limit` hashtags that trend most, strongest first (decayed windows over the use by public accounts).
    ///
    /// # Errors
    /// A store's, before anything could be loaded.
    pub async fn list_trending_hashtags(&self, viewer: UserId, limit: usize) -> AppResult<Vec<TrendingHashtag>> {
        let trending = async { Ok(self.actors.popular.trending(limit, Deadline::after(TRENDING_TIMEOUT)).await?) };
        let (trending, followed) = tokio::try_join!(trending, self.list_followed_hashtags(viewer))?;
        let followed: HashSet<&str> = followed.iter().map(String::as_str).collect();
        let entry = |(tag, score): (Arc<str>, f64)| {
            let following = followed.contains(&*tag);
            TrendingHashtag { tag, score, following }
        };
        Ok(trending.into_iter().map(entry).collect())
    }
}
