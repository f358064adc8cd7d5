//! What use cases of operators need.

use crate::{AppParts, IdSource};
use std::sync::Arc;
use tessera_actors::{ads::AdsRef, visual_search::VisualSearchRef};
use tessera_ports::{HotStore, Ledger, ObjectStore};

/// What operators see and do.
pub struct Operators {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) hot: Arc<dyn HotStore>,
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) ids: Arc<IdSource>,
    pub(super) ads: AdsRef,
    pub(super) visual: VisualSearchRef,
}

impl Operators {
    pub(crate) fn new(parts: &AppParts) -> Self {
        Self {
            ledger: parts.ledger.clone(),
            hot: parts.hot.clone(),
            objects: parts.objects.clone(),
            ids: parts.ids.clone(),
            ads: parts.actors.ads.clone(),
            visual: parts.actors.visual.clone(),
        }
    }
}
