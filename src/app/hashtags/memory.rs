//! What hashtags are remembered on this node.

use moka::future::Cache;
use std::{sync::Arc, time::Duration};
use tessera_domain::PostId;

/// How long the newest posts of a hashtag are believed: how late a deletion may show in a list on this node.
const NEWEST_POSTS_TTL: Duration = Duration::from_secs(2);
/// Hashtags whose newest posts are remembered.
const REMEMBERED_HASHTAGS: u64 = 1_000;

/// The newest posts of hashtags that trend, as remembered on this node: its readers share one read.
pub(crate) struct HashtagMemory(pub(super) Cache<Arc<str>, Arc<[PostId]>>);

impl Default for HashtagMemory {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED_HASHTAGS).time_to_live(NEWEST_POSTS_TTL).build())
    }
}
