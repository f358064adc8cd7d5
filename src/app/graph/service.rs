//! What use cases of follows, blocks and mutes need.

use crate::{AppParts, accounts::Accounts, recommendations::RecommendationMemory};
use std::sync::Arc;
use tessera_actors::{broadcast::Invalidation, timeline::TimelineRef};
use tessera_domain::celebrity::CelebrityRule;
use tessera_ports::ledger::GraphLedger;

/// Who follows, blocks and mutes whom.
pub struct Graph {
    pub(super) ledger: Arc<dyn GraphLedger>,
    pub(super) timelines: TimelineRef,
    pub(super) invalidation: Invalidation,
    pub(super) accounts: Arc<Accounts>,
    pub(super) recommendation_memory: Arc<RecommendationMemory>,
    pub(super) celebrity_rule: CelebrityRule,
}

impl Graph {
    pub(crate) fn new(
        parts: &AppParts,
        accounts: &Arc<Accounts>,
        recommendation_memory: &Arc<RecommendationMemory>,
    ) -> Self {
        Self {
            ledger: parts.ledger.clone(),
            timelines: parts.actors.timelines.clone(),
            invalidation: parts.actors.invalidation.clone(),
            accounts: accounts.clone(),
            recommendation_memory: recommendation_memory.clone(),
            celebrity_rule: parts.settings.celebrity_rule,
        }
    }
}
