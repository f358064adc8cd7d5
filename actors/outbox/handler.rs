//! What each event sets in motion.

use crate::{
    ActorError,
    broadcast::{ClusterFanout, Invalidation, Outdated, OutdatedGraph},
    fanout::Delivery,
    inbox::InboxRef,
    limited::limited,
    popular::PopularRef,
    timeline::TimelineRef,
    visual_search::VisualSearchRef,
};
use futures::future::try_join_all;
use std::{sync::Arc, time::Duration};
use tessera_cluster::Deadline;
use tessera_domain::{
    PostId, UserId,
    counters::ShardCounts,
    event::Event,
    media::MediaRecord,
    notification::{AuthorComment, MAX_TOLD_COMMENTERS, signals_of},
    post::PostRef,
    user::User,
};
use tessera_ports::{Cdn, HotStore, Ledger, ObjectStore, clock};

/// One event's effects take at most this long; past it the event is tried again later.
pub(super) const EVENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long deleting a post's objects may take, so that time is left to purge them from caches.
const OBJECTS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the visual index may take to hear of a post; it compares itself with the ledger anyway.
const INDEX_TIMEOUT: Duration = Duration::from_secs(2);
/// What a comment adds to a post's popularity, in likes.
const COMMENT_WEIGHT: f64 = 2.0;

/// Everything that events touch.
pub struct EventHandler {
    pub ledger: Arc<dyn Ledger>,
    pub hot: Arc<dyn HotStore>,
    /// Media of deleted posts.
    pub objects: Arc<dyn ObjectStore>,
    /// Copies of it in front of the product.
    pub cdn: Arc<dyn Cdn>,
    pub timelines: TimelineRef,
    pub fanout: ClusterFanout,
    pub inboxes: InboxRef,
    pub popular: PopularRef,
    /// Posts by what their pictures look like.
    pub visual: VisualSearchRef,
    /// Copies in the nodes' memory.
    pub invalidation: Invalidation,
}

impl EventHandler {
    /// Makes an event's effects take place. Called again after an error.
    pub async fn handle(&self, event: &Event) -> Result<(), ActorError> {
        let deadline = Deadline::after(EVENT_TIMEOUT);
        match event {
            Event::PostCreated { post_id, author_id } => {
                self.post_created(PostRef { post_id: *post_id, author_id: *author_id }, deadline).await
            }
            Event::PostEdited { post_id } => {
                // The hot store first, or a reader in between would take its old copy into a node's cache.
                self.hot.remove_posts(&[*post_id]).await?;
                self.invalidation.everywhere(Outdated::post(*post_id), deadline).await?;
                // The network in front lets go of an edited post's pictures too (docs/functions.md, section 7).
                for post in self.ledger.posts(&[*post_id]).await? {
                    self.cdn.purge(&paths_of(post.author_id, &post.media)).await?;
                }
                Ok(())
            }
            Event::PostDeleted { post_id, author_id, media, original_key } => {
                let post = PostRef { post_id: *post_id, author_id: *author_id };
                self.post_deleted(post, media, original_key, deadline).await
            }
            Event::Engaged { post_id, author_id, liked_by, unlikes, commented_by, .. } => {
                self.notify(event, deadline).await?;
                let weight = liked_by.len() as f64 - f64::from(*unlikes) + COMMENT_WEIGHT * commented_by.len() as f64;
                self.engaged(PostRef { post_id: *post_id, author_id: *author_id }, weight).await
            }
            Event::Followed { follower_id, followee_id } => {
                self.graph_changed(*follower_id, *followee_id, deadline).await?;
                self.notify(event, deadline).await
            }
            Event::Unfollowed { follower_id, followee_id } => {
                self.graph_changed(*follower_id, *followee_id, deadline).await
            }
            Event::CelebrityChanged { author_id, .. } => {
                self.invalidation.everywhere(Outdated::users(&[*author_id]), deadline).await?;
                self.invalidation.graph_everywhere(OutdatedGraph::celebrity(*author_id), deadline).await?;
                // Asked anew: the author may have changed back since.
                let Some(author) = self.author(*author_id).await? else { return Ok(()) };
                let delivery = Delivery::CelebrityChanged { author_id: *author_id, celebrity: author.celebrity };
                self.fanout.deliver(delivery, deadline).await.map(|_| ())
            }
            Event::UserChanged { user_id } => {
                self.invalidation.everywhere(Outdated::users(&[*user_id]), deadline).await.map(|_| ())
            }
        }
    }

    async fn post_created(&self, post: PostRef, deadline: Deadline) -> Result<(), ActorError> {
        // Unknown only if the account is gone: then nobody needs the post.
        let Some(author) = self.author(post.author_id).await? else { return Ok(()) };
        // Readers pull a celebrity's posts (docs/functions.md, section 3).
        if author.celebrity {
            self.invalidation.graph_everywhere(OutdatedGraph::newest_posts(post.author_id), deadline).await?;
        } else {
            self.fanout.deliver(Delivery::Post(post), deadline).await?;
        }
        if !author.private {
            self.popular.created(post);
            let tagged = self.ledger.posts(&[post.post_id]).await?.pop().filter(|post| !post.hashtags.is_empty());
            if let Some(tagged) = tagged {
                self.popular.tagged(tagged.author_id, tagged.hashtags, tagged.id.created_at());
            }
        }
        self.index_heard(self.visual.learn(post.post_id, deadline.at_most(INDEX_TIMEOUT)).await);
        Ok(())
    }

    /// No event is tried again for the visual index alone: what it did not hear it finds in the ledger.
    fn index_heard(&self, told: Result<(), ActorError>) {
        if let Err(error) = told {
            tracing::debug!(%error, "the visual index did not hear of a post");
        }
    }

    /// Counts what was really removed (docs/functions.md, section 7).
    async fn post_deleted(
        &self,
        post: PostRef,
        media: &MediaRecord,
        original_key: &str,
        deadline: Deadline,
    ) -> Result<(), ActorError> {
        // First, or a reader in between would take the copy into a node's cache. Where the hot store fails the rest is
        // done all the same, and everything again later.
        let in_hot_store = self.hot.remove_posts(&[post.post_id]).await;
        let in_memory = self.invalidation.everywhere(Outdated::post(post.post_id), deadline).await?;
        let in_timelines = self.fanout.deliver(Delivery::Removal(post), deadline).await?;
        self.popular.removed(post.post_id);
        self.index_heard(self.visual.forget(post.post_id, deadline.at_most(INDEX_TIMEOUT)).await);
        let keys = keys_of(post.author_id, media, original_key);
        let deleted = limited("object store", OBJECTS_TIMEOUT, self.objects.delete(&keys)).await;
        // After the objects, or a reader in between would fill the cache again. It is told also where the object store
        // failed, which may last; then the whole is tried again.
        let in_caches = self.cdn.purge(&paths_of(post.author_id, media)).await?;
        deleted?;
        let removed = in_memory + in_hot_store? + in_timelines + in_caches;
        tracing::debug!(post = %post.post_id, removed, "invalidated a deleted post");
        Ok(())
    }

    /// Tells whom the event concerns. Inboxes know what they were told.
    async fn notify(&self, event: &Event, deadline: Deadline) -> Result<(), ActorError> {
        if let Some((user_id, signals)) = signals_of(event) {
            self.inboxes.record(user_id, signals, deadline).await?;
        }
        for comment in AuthorComment::all_of(event) {
            let AuthorComment { post_id, comment_id, author_id } = comment;
            let told = self.ledger.commenters(post_id, comment_id, author_id, MAX_TOLD_COMMENTERS).await?;
            let record = |user_id| self.inboxes.record(user_id, vec![comment.signal()], deadline);
            try_join_all(told.into_iter().map(record)).await?;
        }
        Ok(())
    }

    async fn engaged(&self, post: PostRef, weight: f64) -> Result<(), ActorError> {
        self.mirror_counts(post.post_id).await?;
        // Last, because it is not idempotent: an event that is tried again counts once all the same.
        if weight != 0.0 && self.author(post.author_id).await?.is_some_and(|author| !author.private) {
            self.popular.engaged(post, weight, clock::now());
        }
        Ok(())
    }

    /// Moves the mirror to where the ledger is: a counter that was killed after its commit has not done so. A hot
    /// store that fails keeps what it has for minutes only, and has nothing once it is empty.
    async fn mirror_counts(&self, post_id: PostId) -> Result<(), ActorError> {
        let rows: Vec<ShardCounts> =
            self.ledger.shard_counts(&[post_id]).await?.into_iter().map(|(_, row)| row).collect();
        if let Err(error) = self.hot.update_counts(post_id, &rows).await {
            tracing::debug!(%post_id, %error, "a post's counts were not mirrored");
        }
        Ok(())
    }

    /// The event may be late, so the ledger is asked how things stand now.
    async fn graph_changed(
        &self,
        follower_id: UserId,
        followee_id: UserId,
        deadline: Deadline,
    ) -> Result<(), ActorError> {
        let both = [follower_id, followee_id];
        self.invalidation.graph_everywhere(OutdatedGraph::relations(&both), deadline).await?;
        let relationships = self.ledger.relationships(follower_id, &[followee_id]).await?;
        let following = relationships.first().is_some_and(|relationship| relationship.following);
        self.timelines.follow_changed(follower_id, followee_id, following, deadline).await?;
        self.invalidation.everywhere(Outdated::users(&both), deadline).await.map(|_| ())
    }

    async fn author(&self, author_id: UserId) -> Result<Option<User>, ActorError> {
        Ok(self.ledger.users(&[author_id]).await?.into_iter().next())
    }
}

/// The keys of all objects of a post.
fn keys_of(author_id: UserId, media: &MediaRecord, original_key: &str) -> Vec<String> {
    media.keys(author_id).into_iter().chain(std::iter::once(original_key.to_owned())).collect()
}

/// The paths under which readers ask for a post's files.
fn paths_of(author_id: UserId, media: &MediaRecord) -> Vec<String> {
    media.keys(author_id).into_iter().map(|key| format!("/{key}")).collect()
}

/// Whether an event is about this post; for logs.
pub(super) fn post_of(event: &Event) -> Option<PostId> {
    match event {
        Event::PostCreated { post_id, .. }
        | Event::PostEdited { post_id }
        | Event::PostDeleted { post_id, .. }
        | Event::Engaged { post_id, .. } => Some(*post_id),
        _ => None,
    }
}
