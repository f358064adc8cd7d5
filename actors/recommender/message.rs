//! What a recommender understands.

use super::actor::RecommenderActor;
use crate::ActorError;
use serde::{Deserialize, Serialize};
use tessera_cluster::{Call, Entity, EntityContext, Handle, Reply};
use tessera_domain::{PostId, Timestamp, UserId, post::PostRef};
use tessera_ports::{StoreResult, ledger::StandingLike};

/// What is known of a person's taste.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TasteView {
    /// What they like, newest first; at most 100.
    pub likes: Vec<(PostRef, Timestamp)>,
    /// Who likes the same, most alike first, with their share of the first one's likeness; at most 50.
    pub similar_users: Vec<(UserId, f64)>,
}

/// Asks for the taste of the recommender's person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetTaste;

impl Call for GetTaste {
    type Answer = Result<TasteView, ActorError>;

    fn is_repeatable(&self) -> bool {
        true
    }
}

impl Handle<GetTaste> for RecommenderActor {
    fn handle(&mut self, _: GetTaste, reply: Reply<<GetTaste as Call>::Answer>, context: &EntityContext<Self>) {
        self.on_event(RecommenderMessage::GetTaste(reply), context);
    }
}

/// Tells that the person likes a post now, or no longer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LikeChanged {
    Liked {
        post: PostRef,
        at: Timestamp,
    },
    /// They took it back.
    Unliked(PostId),
}

impl Call for LikeChanged {
    type Answer = ();

    fn is_repeatable(&self) -> bool {
        true
    }
}

impl Handle<LikeChanged> for RecommenderActor {
    fn handle(&mut self, change: LikeChanged, reply: Reply<()>, context: &EntityContext<Self>) {
        self.on_event(RecommenderMessage::LikeChanged(change, reply), context);
    }
}

/// What the ledger knows of a person's taste.
#[derive(Debug)]
pub struct LedgerTaste {
    pub(super) likes: Vec<StandingLike>,
    /// Who likes the same posts.
    pub(super) likers: Vec<(PostId, UserId)>,
}

/// What a recommender understands.
#[derive(Debug)]
pub enum RecommenderMessage {
    GetTaste(Reply<Result<TasteView, ActorError>>),
    /// A like came or went.
    LikeChanged(LikeChanged, Reply<()>),
    /// To itself: what the ledger gave.
    Loaded(StoreResult<LedgerTaste>),
    /// To itself: who liked the post of a new like.
    Compared {
        like: StandingLike,
        /// Who else likes it.
        likers: StoreResult<Vec<(PostId, UserId)>>,
    },
    /// To itself: what is known is old.
    Outdated,
}
