//! What a recommender can be asked.

use crate::ActorError;
use serde::{Deserialize, Serialize};
use tessera_cluster::Call;
use tessera_domain::{PostId, Timestamp, UserId, post::PostRef};

/// What is known of a person's taste.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TasteView {
    /// What they like, newest first; at most 100.
    pub likes: Vec<(PostRef, Timestamp)>,
    /// Who likes the same, most alike first, with their share of the first one's likeness; at most 50.
    pub similar_users: Vec<(UserId, f64)>,
}

/// Gives the taste of the recommender's person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetTaste;

impl Call for GetTaste {
    type Answer = Result<TasteView, ActorError>;

    /// It does no harm, but the breaker before the recommenders must see what fails.
    fn is_repeatable(&self) -> bool {
        false
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
