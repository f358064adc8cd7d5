//! What use cases of likes and comments need.

use crate::{AppParts, IdSource, hydrate::Hydrator, posts::Posts, recommendations::Recommendations};
use std::sync::Arc;
use tessera_actors::{counter::CounterRef, timeline::TimelineRef};
use tessera_ports::ledger::EngagementLedger;

pub struct Engagement {
    pub(super) ledger: Arc<dyn EngagementLedger>,
    pub(super) ids: Arc<IdSource>,
    pub(super) hydrator: Hydrator,
    pub(super) counters: CounterRef,
    pub(super) timelines: TimelineRef,
    pub(super) posts: Arc<Posts>,
    /// Hears what people like, and keeps what came of what was recommended.
    pub(super) recommendations: Arc<Recommendations>,
}

impl Engagement {
    pub(crate) fn new(
        parts: &AppParts,
        hydrator: &Hydrator,
        posts: &Arc<Posts>,
        recommendations: &Arc<Recommendations>,
    ) -> Self {
        Self {
            ledger: parts.ledger.clone(),
            ids: parts.ids.clone(),
            hydrator: hydrator.clone(),
            counters: parts.actors.counters.clone(),
            timelines: parts.actors.timelines.clone(),
            posts: posts.clone(),
            recommendations: recommendations.clone(),
        }
    }
}
