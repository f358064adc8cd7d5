//! What a timeline is asked from any node.
//!
//! Numbers 10 and 11 opened and read feeds whose entries carried neither reasons nor campaigns. A node of that version
//! whose reader's timeline lives here gets no answer to them, and serves the feed from the ledger.

use super::{
    actor::TimelineActor,
    message::TimelineMessage,
    requests::{ChangeLike, FeedPage, OpenFeed, PageRequest},
};
use serde::{Deserialize, Serialize};
use tessera_cluster::{Call, Entity, EntityContext, Handle, Reply};
use tessera_domain::{PostId, UserId, feed::PassedPosts, post::PostRef};
use tessera_ports::StoreResult;

impl Call for OpenFeed {
    type Answer = StoreResult<FeedPage>;

    /// A feed that was opened and never read is closed by the next ones.
    fn is_repeatable(&self) -> bool {
        true
    }
}

impl Call for PageRequest {
    type Answer = StoreResult<Option<FeedPage>>;

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Marks posts as seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkServed(pub Vec<PostId>);

impl Call for MarkServed {
    type Answer = ();

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Tells that older posts were passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassOlder(pub PassedPosts);

impl Call for PassOlder {
    type Answer = ();

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Asks for the newest posts that were pushed to the timeline and that the user has not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListNewest {
    pub limit: usize,
}

impl Call for ListNewest {
    type Answer = StoreResult<Vec<PostRef>>;

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Asks which posts the user has not seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListUnseen(pub Vec<PostId>);

impl Call for ListUnseen {
    type Answer = StoreResult<Vec<PostId>>;

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Asks which posts the user likes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListLiked(pub Vec<PostId>);

impl Call for ListLiked {
    type Answer = StoreResult<Vec<Option<bool>>>;

    fn is_repeatable(&self) -> bool {
        true
    }
}

impl Call for ChangeLike {
    type Answer = ();

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Tells a timeline that its user follows somebody, or no longer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeFollow {
    pub followee_id: UserId,
    /// Whether they do now.
    pub following: bool,
}

impl Call for ChangeFollow {
    type Answer = StoreResult<()>;

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// A post by somebody the user follows.
pub struct Push(pub PostRef);

impl Call for Push {
    type Answer = ();
}

/// A post is gone.
pub struct Remove(pub PostId);

impl Call for Remove {
    type Answer = ();
}

/// An author crossed the celebrity threshold.
pub struct ChangeCelebrity {
    pub author_id: UserId,
    /// Whether readers pull their posts from now on; if not, they are pushed.
    pub celebrity: bool,
}

impl Call for ChangeCelebrity {
    type Answer = ();
}

impl Handle<OpenFeed> for TimelineActor {
    fn handle(&mut self, call: OpenFeed, reply: Reply<<OpenFeed as Call>::Answer>, context: &EntityContext<Self>) {
        self.on_event(TimelineMessage::Open(call, reply), context);
    }
}

impl Handle<PageRequest> for TimelineActor {
    fn handle(
        &mut self,
        call: PageRequest,
        reply: Reply<<PageRequest as Call>::Answer>,
        context: &EntityContext<Self>,
    ) {
        self.on_event(TimelineMessage::Page(call, reply), context);
    }
}

impl Handle<MarkServed> for TimelineActor {
    fn handle(&mut self, MarkServed(post_ids): MarkServed, reply: Reply<()>, context: &EntityContext<Self>) {
        self.on_event(TimelineMessage::Served(post_ids, reply), context);
    }
}

impl Handle<PassOlder> for TimelineActor {
    fn handle(&mut self, PassOlder(passed): PassOlder, _: Reply<()>, context: &EntityContext<Self>) {
        self.on_event(TimelineMessage::PassedOlder(passed), context);
    }
}

impl Handle<ListNewest> for TimelineActor {
    fn handle(&mut self, call: ListNewest, reply: Reply<<ListNewest as Call>::Answer>, context: &EntityContext<Self>) {
        self.on_event(TimelineMessage::Newest(call.limit, reply), context);
    }
}

impl Handle<ListUnseen> for TimelineActor {
    fn handle(&mut self, call: ListUnseen, reply: Reply<<ListUnseen as Call>::Answer>, context: &EntityContext<Self>) {
        self.on_event(TimelineMessage::Unseen(call.0, reply), context);
    }
}

impl Handle<ListLiked> for TimelineActor {
    fn handle(&mut self, call: ListLiked, reply: Reply<<ListLiked as Call>::Answer>, context: &EntityContext<Self>) {
        self.on_event(TimelineMessage::Liked(call.0, reply), context);
    }
}

impl Handle<ChangeLike> for TimelineActor {
    fn handle(&mut self, call: ChangeLike, reply: Reply<()>, context: &EntityContext<Self>) {
        self.on_event(TimelineMessage::LikeChanged(call, reply), context);
    }
}

impl Handle<ChangeFollow> for TimelineActor {
    fn handle(
        &mut self,
        call: ChangeFollow,
        reply: Reply<<ChangeFollow as Call>::Answer>,
        context: &EntityContext<Self>,
    ) {
        let ChangeFollow { followee_id, following } = call;
        self.on_event(TimelineMessage::FollowChanged { followee_id, following, reply: Some(reply) }, context);
    }
}

impl Handle<Push> for TimelineActor {
    fn handle(&mut self, Push(post): Push, _: Reply<()>, context: &EntityContext<Self>) {
        self.on_event(TimelineMessage::Push(post), context);
    }
}

impl Handle<Remove> for TimelineActor {
    fn handle(&mut self, Remove(post_id): Remove, _: Reply<()>, context: &EntityContext<Self>) {
        self.on_event(TimelineMessage::Remove(post_id), context);
    }
}

impl Handle<ChangeCelebrity> for TimelineActor {
    fn handle(&mut self, call: ChangeCelebrity, _: Reply<()>, context: &EntityContext<Self>) {
        let ChangeCelebrity { author_id, celebrity } = call;
        self.on_event(TimelineMessage::CelebrityChanged { author_id, celebrity }, context);
    }
}
