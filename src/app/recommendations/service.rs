//! What recommendations need.

use super::RecommendationMemory;
use crate::{AppParts, hydrate::Hydrator};
use std::sync::Arc;
use tessera_actors::{
    breaker::Breakers,
    popular::PopularRef,
    recommender::RecommenderRef,
    timeline::TimelineRef,
    visual_search::{Embedder, VisualSearchRef},
};
use tessera_ports::{Ledger, RankingLog, RankingModelSlot};

/// What is worth showing to somebody.
pub struct Recommendations {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) hydrator: Hydrator,
    pub(super) popular: PopularRef,
    pub(super) recommenders: RecommenderRef,
    pub(super) timelines: TimelineRef,
    pub(super) visual: VisualSearchRef,
    pub(super) breakers: Breakers,
    pub(super) embedder: Option<Embedder>,
    pub(super) ranking: Arc<RankingModelSlot>,
    pub(super) ranking_log: Option<Arc<dyn RankingLog>>,
    pub(super) ranking_log_share: f64,
    pub(super) memory: Arc<RecommendationMemory>,
}

impl Recommendations {
    pub(crate) fn new(parts: &AppParts, hydrator: &Hydrator, memory: &Arc<RecommendationMemory>) -> Self {
        Self {
            ledger: parts.ledger.clone(),
            hydrator: hydrator.clone(),
            popular: parts.actors.popular.clone(),
            recommenders: parts.actors.recommenders.clone(),
            timelines: parts.actors.timelines.clone(),
            visual: parts.actors.visual.clone(),
            breakers: parts.breakers.clone(),
            embedder: parts.embedder.clone(),
            ranking: parts.ranking.clone(),
            ranking_log: parts.ranking_log.clone(),
            ranking_log_share: parts.settings.ranking_log_share,
            memory: memory.clone(),
        }
    }
}
