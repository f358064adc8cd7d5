//! What an application is made of.

use crate::{AppSettings, IdSource, hydrate::NodeCaches};
use std::sync::Arc;
use tessera_actors::{breaker::Breakers, tree::ActorRefs, visual_search::Embedder};
use tessera_ports::{HotStore, Ledger, ObjectStore, RankingLog, RankingModelSlot};

/// What an application is made of. The composition root fills it in; each service takes from it what it needs.
pub struct AppParts {
    pub ledger: Arc<dyn Ledger>,
    pub hot: Arc<dyn HotStore>,
    pub objects: Arc<dyn ObjectStore>,
    /// Where new ids come from; shared with the actors.
    pub ids: Arc<IdSource>,
    /// This node's caches; shared with the outbox relay, which invalidates them.
    pub caches: Arc<NodeCaches>,
    /// Timelines, counters and the others.
    pub actors: ActorRefs,
    /// Before what may fail; shared with the actors.
    pub breakers: Breakers,
    /// Makes embeddings of pictures to search with; `None`: there is no search by picture.
    pub embedder: Option<Embedder>,
    /// Scores what may be recommended; the node may put another model into its place.
    pub ranking: Arc<RankingModelSlot>,
    /// Keeps what was shown, for the next model; `None`: nothing is kept.
    pub ranking_log: Option<Arc<dyn RankingLog>>,
    pub settings: AppSettings,
}
