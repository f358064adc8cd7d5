//! What a timeline understands.

use super::{
    codec::TimelineSnapshot,
    own_likes::OwnLikes,
    requests::{ChangeLike, FeedPage, OpenFeed, PageRequest},
};
use tessera_cluster::Reply;
use tessera_domain::{PostId, UserId, feed::PassedPosts, post::PostRef, seen_filter::SeenFilter};
use tessera_ports::{StoreError, StoreResult};

/// What a timeline needs to begin: read after it registered for pushes.
#[derive(Debug)]
pub struct LoadedTimeline {
    /// The last snapshot, if it is of the same followees.
    pub(super) snapshot: Option<TimelineSnapshot>,
    /// What was seen, from the ledger's checkpoint.
    pub(super) seen: SeenFilter,
    /// Posts that the ledger has for it (since the snapshot, if there is one).
    pub(super) posts: Vec<PostRef>,
    /// The user's newest likes.
    pub(super) likes: OwnLikes,
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
    Served(Vec<PostId>, Reply<()>),
    /// Older posts were passed: each was seen, shown, or may not be shown.
    PassedOlder(PassedPosts),
    /// Which of these were not shown to the user?
    Unseen(Vec<PostId>, Reply<StoreResult<Vec<PostId>>>),
    /// Which of these does the user like, as far as is known?
    Liked(Vec<PostId>, Reply<StoreResult<Vec<Option<bool>>>>),
    /// A like of the user was given, was taken back, or may have been.
    LikeChanged(ChangeLike, Reply<()>),
    /// Time to read the likes anew.
    LikesDue,
    LikesRead(StoreResult<OwnLikes>),
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
