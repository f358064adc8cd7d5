//! The timeline of one user: what those they follow posted, what they have seen, and the feeds they opened.
//!
//! A timeline is a cache. It is activated by a reader's first request, catches up from the ledger, is
//! pushed to while it is resident, and leaves memory when idle. Nothing is ever written for a timeline that
//! nobody has loaded. What is durable of it is only what was seen (a checkpoint in the ledger, at most
//! [`actor::SAVE_INTERVAL`] old after a crash); entries and open feeds lie in the hot store in between.

mod actor;
pub(crate) mod calls;
mod codec;
mod core;
mod message;
mod own_likes;
mod requests;
mod resident_index;
#[cfg(test)]
mod tests;

pub use actor::{TimelineActor, TimelineArgs};
pub use core::{MAX_ENTRIES, MAX_FEED_ENTRIES};
pub use message::TimelineMessage;
pub use requests::{ChangeLike, FeedPage, OpenFeed, PageRequest, SnapshotChoice};
pub use resident_index::ResidentIndex;

use self::calls::{
    ChangeCelebrity, ChangeFollow, ListLiked, ListNewest, ListUnseen, MarkServed, PassOlder, Push, Remove,
};
use crate::{ActorError, UserKey};
use tessera_cluster::{Call, Deadline, Handle, Region};
use tessera_domain::{PostId, UserId, feed::PassedPosts, post::PostRef};

/// What callers hold of all timelines.
#[derive(Clone)]
pub struct TimelineRef(Region<TimelineActor>);

impl TimelineRef {
    /// The timelines that live in `region`, and over it those of other nodes.
    pub fn new(region: Region<TimelineActor>) -> Self {
        region.serve_all();
        Self(region)
    }

    /// Opens a feed: a ranked snapshot that stays as it is while its pages are read. Gives its first page.
    pub async fn open(&self, user_id: UserId, request: OpenFeed, deadline: Deadline) -> Result<FeedPage, ActorError> {
        Ok(self.0.call(UserKey(user_id), deadline, request).await??)
    }

    /// A page of an opened feed; `None` where that feed is gone and a new one has to be opened.
    pub async fn page(
        &self,
        user_id: UserId,
        request: PageRequest,
        deadline: Deadline,
    ) -> Result<Option<FeedPage>, ActorError> {
        Ok(self.0.call(UserKey(user_id), deadline, request).await??)
    }

    /// Marks posts as seen: feeds opened later leave them out. Best effort.
    pub fn served(&self, user_id: UserId, post_ids: Vec<PostId>) {
        let _ = self.0.notify(UserKey(user_id), MarkServed(post_ids));
    }

    /// Marks posts as seen, and waits until feeds opened later leave them out.
    pub async fn viewed(&self, user_id: UserId, post_ids: Vec<PostId>, deadline: Deadline) -> Result<(), ActorError> {
        Ok(self.0.call(UserKey(user_id), deadline, MarkServed(post_ids)).await?)
    }

    /// Tells that posts older than those a feed holds were passed: for an hour feeds opened later do not look at them
    /// again. Best effort.
    pub fn passed_older(&self, user_id: UserId, passed: PassedPosts) {
        let _ = self.0.notify(UserKey(user_id), PassOlder(passed));
    }

    /// The newest `limit` posts that were pushed to the timeline and not marked as seen, newest first.
    pub async fn newest_unseen(
        &self,
        user_id: UserId,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Vec<PostRef>, ActorError> {
        Ok(self.0.call(UserKey(user_id), deadline, ListNewest { limit }).await??)
    }

    /// Those of `post_ids` that were not marked as seen, in their order. Of 1,000 posts that were never shown about one
    /// is missing.
    pub async fn unseen(
        &self,
        user_id: UserId,
        post_ids: Vec<PostId>,
        deadline: Deadline,
    ) -> Result<Vec<PostId>, ActorError> {
        Ok(self.0.call(UserKey(user_id), deadline, ListUnseen(post_ids)).await??)
    }

    /// Whether the user likes each of `post_ids`, as far as the timeline knows; `None` where it is not in memory.
    pub async fn liked_if_active(
        &self,
        user_id: UserId,
        post_ids: Vec<PostId>,
        deadline: Deadline,
    ) -> Result<Option<Vec<Option<bool>>>, ActorError> {
        Ok(self.0.call_if_active(UserKey(user_id), deadline, ListLiked(post_ids)).await?.transpose()?)
    }

    /// Tells a resident timeline what became of a like of its user, and waits until the next page shows it.
    pub async fn like_changed(
        &self,
        user_id: UserId,
        change: ChangeLike,
        deadline: Deadline,
    ) -> Result<(), ActorError> {
        Ok(self.0.call_if_active(UserKey(user_id), deadline, change).await.map(drop)?)
    }

    /// Tells a resident timeline that its user follows or no longer follows somebody, and waits until the
    /// next feed shows it. A timeline that is not in memory reads the graph when it is next activated.
    pub async fn follow_changed(
        &self,
        user_id: UserId,
        followee_id: UserId,
        following: bool,
        deadline: Deadline,
    ) -> Result<(), ActorError> {
        let change = ChangeFollow { followee_id, following };
        match self.0.call_if_active(UserKey(user_id), deadline, change).await? {
            Some(answer) => Ok(answer?),
            None => Ok(()),
        }
    }

    /// Pushes a post to a timeline if it is resident on this node. One that cannot take it is reset, so that it catches
    /// up from the ledger instead of missing a post. Returns whether it was resident.
    pub fn push(&self, user_id: UserId, post: PostRef) -> bool {
        self.tell_resident(user_id, Push(post))
    }

    /// Removes a deleted post from a resident timeline.
    pub fn remove(&self, user_id: UserId, post_id: PostId) -> bool {
        self.tell_resident(user_id, Remove(post_id))
    }

    /// Tells a resident timeline that an author's posts are pulled from now on, or pushed: then it fetches
    /// those that were not.
    pub fn celebrity_changed(&self, user_id: UserId, author_id: UserId, celebrity: bool) -> bool {
        self.tell_resident(user_id, ChangeCelebrity { author_id, celebrity })
    }

    fn tell_resident<C: Call>(&self, user_id: UserId, call: C) -> bool
    where
        TimelineActor: Handle<C>,
    {
        match self.0.tell_if_active(UserKey(user_id), call) {
            Ok(resident) => resident,
            Err(_) => self.0.reset(UserKey(user_id)),
        }
    }

    /// The region, for the tree: sweeping, draining, what it is doing.
    pub fn region(&self) -> &Region<TimelineActor> {
        &self.0
    }
}
