//! Posts.

use crate::StoreResult;
use async_trait::async_trait;
use tessera_domain::{
    PostId, Timestamp, UserId,
    post::{Post, PostRef},
};

/// What became of a change to a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangePostOutcome {
    /// Done; the post as it stands (for a deletion: as it stood).
    Done(Box<Post>),
    /// There is no such post (any more).
    NotFound,
    /// It is somebody else's.
    Forbidden,
}

/// How many posts are looked at for those of public accounts; stands in the statement as well, so that it is planned
/// for it.
pub const SEARCHED_PUBLIC_POSTS: usize = 50_000;

/// Posts newer than one and older than another, neither of the two included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PostRange {
    /// Only newer ones than this.
    pub after: Option<PostId>,
    /// Only older ones than this.
    pub before: Option<PostId>,
}

impl PostRange {
    pub const ALL: Self = Self { after: None, before: None };

    /// Those newer than a post.
    pub fn after(post_id: PostId) -> Self {
        Self { after: Some(post_id), ..Self::ALL }
    }

    /// Those older than a post.
    pub fn before(post_id: PostId) -> Self {
        Self { before: Some(post_id), ..Self::ALL }
    }
}

/// Posts. They come into being only in `UploadLedger::finish_job`.
#[async_trait]
pub trait PostLedger: Send + Sync + 'static {
    /// Posts by id, in any order; ids that do not exist or were deleted are left out.
    async fn posts(&self, ids: &[PostId]) -> StoreResult<Vec<Post>>;

    /// Changes caption (with the hashtags found in it) and alternative text, recording `PostEdited`.
    async fn edit_post(
        &self,
        id: PostId,
        editor_id: UserId,
        caption: Option<(String, Vec<String>)>,
        alt_text: Option<String>,
        now: Timestamp,
    ) -> StoreResult<ChangePostOutcome>;

    /// Deletes a post, recording `PostDeleted` and lowering the author's count. From then on no read shows anything of
    /// it, its likes and comments included, and nothing can be added to it. What there may be many of is left to
    /// [`Self::purge_deleted_post`], so that this takes as long for a post that everybody likes as for any other.
    async fn delete_post(&self, id: PostId, user_id: UserId, now: Timestamp) -> StoreResult<ChangePostOutcome>;

    /// Deletes some of what one deleted post left behind, its likes, comments and hours of engagement: `most` rows at
    /// most, but all rows of one post and hour go together. Returns how many went; `None` when nothing is left, or
    /// others are at it now. Each step is a short transaction that begins where the last one ended, whoever made it.
    async fn purge_deleted_post(&self, most: usize) -> StoreResult<Option<u64>>;

    /// Posts of one author before `before`, newest first.
    async fn posts_by_author(
        &self,
        author_id: UserId,
        before: Option<PostId>,
        limit: usize,
    ) -> StoreResult<Vec<PostRef>>;

    /// The newest posts of these authors before `before`, newest first over all of them. At most
    /// [`crate::ledger::MAX_PAGE`] authors are given.
    async fn recent_posts(
        &self,
        author_ids: &[UserId],
        before: Option<PostId>,
        limit: usize,
    ) -> StoreResult<Vec<PostRef>>;

    /// What a timeline holds: the newest posts in `range` by `user_id` and by those it follows who are not
    /// celebrities now, newest first. (Who ended being one lately is in it and is pulled as well, so that
    /// nothing is missed when the pulling ends.)
    async fn timeline_posts(&self, user_id: UserId, range: PostRange, limit: usize) -> StoreResult<Vec<PostRef>>;

    /// The newest posts of public accounts after `after`, newest first; of the newest [`SEARCHED_PUBLIC_POSTS`]
    /// posts, so that many private ones in a row make the list short and not the search long.
    async fn public_posts(&self, after: PostId, limit: usize) -> StoreResult<Vec<PostRef>>;
}
