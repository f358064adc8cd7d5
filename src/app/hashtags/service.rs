//! What use cases of hashtags need.

use super::HashtagMemory;
use crate::{AppParts, hydrate::Hydrator, recommendations::RecommendationMemory};
use std::sync::Arc;
use tessera_actors::popular::PopularRef;
use tessera_ports::ledger::DiscoveryLedger;

/// Hashtags: their posts, who follows them, and which trend.
pub struct Hashtags {
    pub(super) ledger: Arc<dyn DiscoveryLedger>,
    pub(super) hydrator: Hydrator,
    pub(super) popular: PopularRef,
    pub(super) memory: HashtagMemory,
    pub(super) recommendation_memory: Arc<RecommendationMemory>,
}

impl Hashtags {
    pub(crate) fn new(
        parts: &AppParts,
        hydrator: &Hydrator,
        recommendation_memory: &Arc<RecommendationMemory>,
    ) -> Self {
        Self {
            ledger: parts.ledger.clone(),
            hydrator: hydrator.clone(),
            popular: parts.actors.popular.clone(),
            memory: HashtagMemory::default(),
            recommendation_memory: recommendation_memory.clone(),
        }
    }
}
