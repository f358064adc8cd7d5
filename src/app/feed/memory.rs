//! What feeds remember on this node.

use moka::future::Cache;
use std::{sync::Arc, time::Duration};
use tessera_domain::post::PostRef;

/// How long the newest public posts are believed.
const NEWEST_PUBLIC_TTL: Duration = Duration::from_secs(2);

/// What feeds remember on this node.
pub(crate) struct FeedMemory {
    pub(super) newest_public: Cache<(), Arc<[PostRef]>>,
}

impl Default for FeedMemory {
    fn default() -> Self {
        Self { newest_public: Cache::builder().max_capacity(1).time_to_live(NEWEST_PUBLIC_TTL).build() }
    }
}
