//! What the list of popular posts can be asked.

use super::core::Change;
use std::sync::Arc;
use tessera_cluster::{Call, Reply};
use tessera_domain::post::PostRef;
use tessera_ports::StoreResult;

/// Gives the strongest posts with their scores, so many at most.
pub struct Top(pub usize);

impl Call for Top {
    type Answer = StoreResult<Vec<(PostRef, f64)>>;
}

/// Where the strongest posts go.
pub(super) type TopReply = Reply<<Top as Call>::Answer>;

/// Gives the hashtags that trend most with their scores, so many at most.
pub struct Trending(pub usize);

impl Call for Trending {
    type Answer = StoreResult<Vec<(Arc<str>, f64)>>;
}

/// Where the trending hashtags go.
pub(super) type TrendingReply = Reply<<Trending as Call>::Answer>;

/// Nodes tell each other of changes: each has a list of its own.
impl Call for Change {
    type Answer = ();

    fn is_repeatable(&self) -> bool {
        true
    }
}
