//! What a timeline is asked for feeds, and how it answers.

use serde::{Deserialize, Serialize};
use tessera_domain::{
    PostId,
    feed::{Candidate, FeedEntry, OlderPosts},
    stitch::FeedRatios,
};

/// Asks for a new feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenFeed {
    /// The newest posts of the celebrities that the user follows, and the user's own.
    pub pulled: Vec<Candidate>,
    /// Older posts of celebrities are not among them; zero where there are none.
    pub pulled_floor: PostId,
    /// Recommended posts, best first.
    pub recommended: Vec<Candidate>,
    pub ads: Vec<Candidate>,
    /// Followed and celebrity posts in the order to show them; those that are not named follow, newest first.
    pub social_order: Vec<PostId>,
    /// Leaves out social posts from this one on: continues a feed whose snapshot is gone.
    pub below: Option<PostId>,
    pub ratios: FeedRatios,
    /// Entries on the first page.
    pub limit: usize,
    /// Whether the page goes on into what was seen before.
    pub include_seen: bool,
}

/// Which opened feed a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotChoice {
    Id(u64),
    /// The one opened last.
    Latest,
}

/// Asks for a page of an opened feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    pub snapshot: SnapshotChoice,
    /// How many entries to skip.
    pub position: u32,
    /// How far older posts were read, as in `FeedCursor`.
    pub oldest_social: PostId,
    /// How many entries to give.
    pub limit: usize,
    /// Whether the feed goes on into what was seen before.
    pub include_seen: bool,
}

/// A page of an opened feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedPage {
    /// The feed it is of.
    pub snapshot_id: u64,
    /// The entries, in order.
    pub entries: Vec<FeedEntry>,
    /// The place of the first.
    pub position: u32,
    /// How many places of the feed were unseen when it was opened: the first ones.
    pub unseen: u32,
    /// How many places the feed has, those of seen posts included.
    pub places: u32,
    /// Followed posts that have no place in the feed, because they are older.
    pub older: OlderPosts,
}

/// Tells a timeline of a like of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeLike {
    pub post_id: PostId,
    /// Whether the user likes the post now; `None` where that is not known, because an answer was lost.
    pub liked: Option<bool>,
}
