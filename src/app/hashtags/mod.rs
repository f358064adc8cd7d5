//! Hashtags: their posts, who follows them, and which trend.

mod follow_hashtag;
mod list_followed_hashtags;
mod list_hashtag_posts;
mod list_trending_hashtags;
mod memory;
mod service;
mod unfollow_hashtag;

pub use list_trending_hashtags::TrendingHashtag;
pub(crate) use memory::HashtagMemory;
pub use service::Hashtags;
