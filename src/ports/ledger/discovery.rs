//! Hashtags, and finding accounts and hashtags by what was typed.

use crate::StoreResult;
use async_trait::async_trait;
use tessera_domain::{PostId, Timestamp, UserId, post::PostRef};

/// The most hashtags that one account may follow.
pub const MAX_FOLLOWED_HASHTAGS: usize = 500;
/// Posts of a hashtag are counted up to this many.
pub const COUNTED_HASHTAG_POSTS: usize = 1_000;
/// How many uses of hashtags are counted by the hour, the latest; stands in the statement as well, so that it is
/// planned for it.
pub const COUNTED_HASHTAG_USES: usize = 50_000;
/// The most accounts that are compared for one search.
pub const SEARCHED_ACCOUNTS: usize = 2_000;
/// The most hashtags that are compared for one search.
pub const SEARCHED_HASHTAGS: usize = 100;

/// What became of [`DiscoveryLedger::follow_hashtag`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowHashtagOutcome {
    /// It is followed, since now or before.
    Followed,
    /// The account follows [`MAX_FOLLOWED_HASHTAGS`] already.
    TooMany,
}

/// A hashtag that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashtagRow {
    /// The hashtag, lower case, without `#`.
    pub tag: String,
    /// Its posts by public accounts; of the first [`COUNTED_HASHTAG_POSTS`] posts.
    pub post_count: usize,
}

/// How many used a hashtag in one hour: enough to fill a decayed window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashtagHour {
    pub tag: String,
    /// Start of the hour.
    pub hour: Timestamp,
    /// Different public accounts whose posts of that hour have it.
    pub authors: u64,
}

/// Hashtags and search. Words and hashtags are given lower case.
#[async_trait]
pub trait DiscoveryLedger: Send + Sync + 'static {
    /// Posts that have `tag`, before `before`, newest first, whoever may see them.
    async fn hashtag_posts(&self, tag: &str, before: Option<PostId>, limit: usize) -> StoreResult<Vec<PostRef>>;

    /// The newest posts of public accounts after `after` that have one of `tags`, newest first, each once. A bounded
    /// number of posts is looked at, so there may be fewer than `limit` where many have several of the hashtags or are
    /// not public.
    async fn public_hashtag_posts(&self, tags: &[String], after: PostId, limit: usize) -> StoreResult<Vec<PostRef>>;

    /// Use of hashtags in posts of public accounts since `since`, most used first; of the latest
    /// [`COUNTED_HASHTAG_USES`].
    async fn hashtag_hours(&self, since: Timestamp, limit: usize) -> StoreResult<Vec<HashtagHour>>;

    /// Makes an account follow a hashtag. Idempotent.
    async fn follow_hashtag(&self, user_id: UserId, tag: &str, now: Timestamp) -> StoreResult<FollowHashtagOutcome>;

    async fn unfollow_hashtag(&self, user_id: UserId, tag: &str) -> StoreResult<()>;

    /// The hashtags that an account follows, in alphabetical order.
    async fn followed_hashtags(&self, user_id: UserId) -> StoreResult<Vec<String>>;

    /// Hashtags that begin with `prefix` and have posts of public accounts, most posts first; of the first
    /// [`SEARCHED_HASHTAGS`] in alphabetical order.
    async fn search_hashtags(&self, prefix: &str, limit: usize) -> StoreResult<Vec<HashtagRow>>;

    /// Accounts of whose user name and display name every one of `prefixes` begins a word
    /// (`domain::text::search_words`): those that have the first one as a whole word before others, then by followers.
    /// Of those that fit the first prefix [`SEARCHED_ACCOUNTS`] are looked at, in alphabetical order of the word.
    async fn search_users(&self, prefixes: &[String], limit: usize) -> StoreResult<Vec<UserId>>;
}
