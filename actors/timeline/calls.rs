//! What a timeline is asked from any node.

use super::{
    actor::TimelineActor,
    message::{FeedPage, OpenFeed, PageRequest, TimelineMessage},
};
use serde::{Deserialize, Serialize};
use tessera_cluster::{Call, Reply};
use tessera_domain::{PostId, UserId, post::PostRef};
use tessera_ports::StoreResult;

impl Call<TimelineActor> for OpenFeed {
    type Answer = StoreResult<FeedPage>;
    const METHOD: u16 = 10;

    /// A feed that was opened and never read is closed by the next ones.
    fn is_repeatable(&self) -> bool {
        true
    }

    fn into_message(self, reply: Reply<Self::Answer>) -> TimelineMessage {
        TimelineMessage::Open(self, reply)
    }
}

impl Call<TimelineActor> for PageRequest {
    type Answer = StoreResult<Option<FeedPage>>;
    const METHOD: u16 = 11;

    fn is_repeatable(&self) -> bool {
        true
    }

    fn into_message(self, reply: Reply<Self::Answer>) -> TimelineMessage {
        TimelineMessage::Page(self, reply)
    }
}

/// Marks posts as seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkServed(pub Vec<PostId>);

impl Call<TimelineActor> for MarkServed {
    type Answer = ();
    const METHOD: u16 = 12;

    fn is_repeatable(&self) -> bool {
        true
    }

    fn into_message(self, _: Reply<()>) -> TimelineMessage {
        TimelineMessage::Served(self.0)
    }
}

/// Asks for the newest posts that were pushed to the timeline and that the user has not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListNewest {
    /// How many.
    pub limit: usize,
}

impl Call<TimelineActor> for ListNewest {
    type Answer = StoreResult<Vec<PostRef>>;
    const METHOD: u16 = 15;

    fn is_repeatable(&self) -> bool {
        true
    }

    fn into_message(self, reply: Reply<Self::Answer>) -> TimelineMessage {
        TimelineMessage::Newest(self.limit, reply)
    }
}

/// Asks which posts the user has not seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListUnseen(pub Vec<PostId>);

impl Call<TimelineActor> for ListUnseen {
    type Answer = StoreResult<Vec<PostId>>;
    const METHOD: u16 = 14;

    fn is_repeatable(&self) -> bool {
        true
    }

    fn into_message(self, reply: Reply<Self::Answer>) -> TimelineMessage {
        TimelineMessage::Unseen(self.0, reply)
    }
}

/// Tells a timeline that its user follows somebody, or no longer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeFollow {
    /// Whom.
    pub followee_id: UserId,
    /// Whether they do now.
    pub following: bool,
}

impl Call<TimelineActor> for ChangeFollow {
    type Answer = StoreResult<()>;
    const METHOD: u16 = 13;

    fn is_repeatable(&self) -> bool {
        true
    }

    fn into_message(self, reply: Reply<Self::Answer>) -> TimelineMessage {
        let Self { followee_id, following } = self;
        TimelineMessage::FollowChanged { followee_id, following, reply: Some(reply) }
    }
}
