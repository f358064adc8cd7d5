//! What the feed needs.

use crate::{
    AppParts,
    hydrate::Hydrator,
    recommendations::{RecommendationMemory, Recommendations},
};
use std::sync::Arc;
use tessera_actors::{ads::AdsRef, timeline::TimelineRef};
use tessera_domain::stitch::FeedRatios;
use tessera_ports::Ledger;

/// The feeds of readers.
pub struct Feeds {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) hydrator: Hydrator,
    pub(super) timelines: TimelineRef,
    pub(super) ads: AdsRef,
    pub(super) recommendations: Arc<Recommendations>,
    pub(super) recommendation_memory: Arc<RecommendationMemory>,
    pub(super) feed_ratios: FeedRatios,
    pub(super) ranks_followed: bool,
}

impl Feeds {
    pub(crate) fn new(
        parts: &AppParts,
        hydrator: &Hydrator,
        recommendations: &Arc<Recommendations>,
        recommendation_memory: &Arc<RecommendationMemory>,
    ) -> Self {
        Self {
            ledger: parts.ledger.clone(),
            hydrator: hydrator.clone(),
            timelines: parts.actors.timelines.clone(),
            ads: parts.actors.ads.clone(),
            recommendations: recommendations.clone(),
            recommendation_memory: recommendation_memory.clone(),
            feed_ratios: parts.settings.feed_ratios,
            ranks_followed: parts.settings.ranks_followed,
        }
    }
}
