//! Hashtags: their posts, who follows them, and which trend.

mod follow_hashtag;
mod list_followed_hashtags;
mod list_hashtag_posts;
mod list_trending_hashtags;
mod unfollow_hashtag;

pub(crate) use list_trending_hashtags::HashtagMemory;
pub use list_trending_hashtags::TrendingHashtag;
