//! What a timeline understands.

use super::codec::TimelineSnapshot;
use serde::{Deserialize, Serialize};
use tessera_cluster::Reply;
use tessera_domain::{
    PostId, UserId,
    feed::{Candidate, FeedEntry, OlderPosts, PassedPosts},
    post::PostRef,
    seen_filter::SeenFilter,
    stitch::FeedRatios,
};
use tessera_ports::{StoreError, StoreResult};

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

/// What a timeline needs to begin: read after it registered for pushes.
#[derive(Debug)]
pub struct LoadedTimeline {
    /// The last snapshot, if it is of the same followees.
    pub(super) snapshot: Option<TimelineSnapshot>,
    /// What was seen, from the ledger's checkpoint.
    pub(super) seen: SeenFilter,
    /// Posts that the ledger has for it (since the snapshot, if there is one).
    pub(super) posts: Vec<PostRef>,
    /// A hash of those it follows whose posts are pushed.
    pub(super) followees_hash: u64,
}

#[derive(Debug)]
pub enum TimelineMessage {
    /// A post by somebody the user follows.
    Push(PostRef),
    /// A post is gone.
    Remove(PostId),
    Open(OpenFeed, Reply<StoreResult<FeedPage>>),
    /// Read on in a feed.
    Page(PageRequest, Reply<StoreResult<Option<FeedPage>>>),
    /// Which are the newest unseen entries?
    Newest(usize, Reply<StoreResult<Vec<PostRef>>>),
    /// These were shown to the user.
    Served(Vec<PostId>),
    /// Older posts were passed: each was seen, shown, or may not be shown.
    PassedOlder(PassedPosts),
    /// Which of these were not shown to the user?
    Unseen(Vec<PostId>, Reply<StoreResult<Vec<PostId>>>),
    /// The user follows somebody, or no longer does.
    FollowChanged {
        followee_id: UserId,
        /// Whether they do now.
        following: bool,
        /// Answered once the next feed shows it.
        reply: Option<Reply<StoreResult<()>>>,
    },
    /// An author crossed the celebrity threshold.
    CelebrityChanged {
        author_id: UserId,
        /// Whether readers pull their posts from now on; if not, they are pushed.
        celebrity: bool,
    },
    /// Result of reading the graph, the first step of loading.
    FolloweesRead(StoreResult<Vec<UserId>>),
    /// Result of the second step of loading.
    Loaded(Box<StoreResult<LoadedTimeline>>),
    /// Posts of an author that the user follows now.
    BackfillRead {
        author_id: UserId,
        posts: StoreResult<Vec<PostRef>>,
        /// Who waits for it.
        reply: Option<Reply<StoreResult<()>>>,
    },
    /// Time to save, if there is anything to save.
    SaveDue,
    Saved {
        /// The change number that was saved.
        change: u64,
        /// Why it failed, if it did.
        error: Option<StoreError>,
    },
}
