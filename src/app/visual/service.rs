//! What search by looks needs.

use crate::{AppParts, hydrate::Hydrator, posts::Posts};
use std::sync::Arc;
use tessera_actors::{
    breaker::BreakerRef,
    popular::PopularRef,
    visual_search::{Embedder, VisualSearchRef},
};
use tessera_ports::ledger::EmbeddingLedger;

/// Posts by what their pictures look like.
pub struct VisualSearch {
    pub(super) ledger: Arc<dyn EmbeddingLedger>,
    pub(super) hydrator: Hydrator,
    pub(super) index: VisualSearchRef,
    pub(super) breaker: BreakerRef,
    /// `None`: there is no search by picture.
    pub(super) embedder: Option<Embedder>,
    /// Takes the place of an index that is unwell.
    pub(super) popular: PopularRef,
    pub(super) posts: Arc<Posts>,
}

impl VisualSearch {
    pub(crate) fn new(parts: &AppParts, hydrator: &Hydrator, posts: &Arc<Posts>) -> Self {
        Self {
            ledger: parts.ledger.clone(),
            hydrator: hydrator.clone(),
            index: parts.actors.visual.clone(),
            breaker: parts.breakers.visual_index.clone(),
            embedder: parts.embedder.clone(),
            popular: parts.actors.popular.clone(),
            posts: posts.clone(),
        }
    }
}
