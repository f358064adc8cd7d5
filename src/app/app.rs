//! The application: its parts, and what is shared by all use cases.

use crate::{
    AppError, AppSettings, IdSource,
    accounts::passwords::PasswordHasher,
    feed::FeedMemory,
    hashtags::HashtagMemory,
    hydrate::{Hydrator, NodeCaches},
    recommendations::RecommendationMemory,
    replies::VolatileReplies,
};
use std::{sync::Arc, time::Duration};
use tessera_actors::{Deadline, breaker::Breakers, broadcast::Outdated, tree::ActorRefs, visual_search::Embedder};
use tessera_domain::Timestamp;
use tessera_ports::{HotStore, Ledger, ObjectStore, RankingLog, RankingModelSlot, clock};

/// How long a change waits for the other nodes to drop their copies of what it changed. One that has not done so
/// by then hears of it through the outbox, or its copy grows old within seconds.
const INVALIDATION_TIMEOUT: Duration = Duration::from_millis(500);

/// What an application is made of. The composition root fills it in.
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

/// The application. Use cases are its methods, one file each; it is shared as `Arc<App>`.
pub struct App {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) hot: Arc<dyn HotStore>,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) ids: Arc<IdSource>,
    pub(crate) hydrator: Hydrator,
    pub(crate) actors: ActorRefs,
    pub(crate) breakers: Breakers,
    pub(crate) embedder: Option<Embedder>,
    pub(crate) ranking: Arc<RankingModelSlot>,
    pub(crate) ranking_log: Option<Arc<dyn RankingLog>>,
    pub(crate) feed_memory: FeedMemory,
    pub(crate) hashtag_memory: HashtagMemory,
    pub(crate) recommendation_memory: RecommendationMemory,
    pub(crate) settings: AppSettings,
    pub(crate) passwords: PasswordHasher,
    pub(crate) volatile_replies: VolatileReplies,
}

impl App {
    /// An application over `parts`.
    ///
    /// # Errors
    /// Only where the password hasher cannot be set up.
    pub fn new(parts: AppParts) -> Result<Arc<Self>, AppError> {
        let AppParts { ledger, hot, objects, ids, caches, actors, breakers, embedder, ranking, ranking_log, settings } =
            parts;
        let hydrator = Hydrator::new(ledger.clone(), hot.clone(), caches);
        let passwords = PasswordHasher::new(settings.password_workers, settings.password_queue)?;
        let volatile_replies = VolatileReplies::default();
        Ok(Arc::new(Self {
            ledger,
            hot,
            objects,
            ids,
            hydrator,
            actors,
            breakers,
            embedder,
            ranking,
            ranking_log,
            feed_memory: FeedMemory::default(),
            hashtag_memory: HashtagMemory::default(),
            recommendation_memory: RecommendationMemory::default(),
            settings,
            passwords,
            volatile_replies,
        }))
    }

    /// The limits and rules in force.
    pub fn settings(&self) -> &AppSettings {
        &self.settings
    }

    /// Makes all nodes drop their copies of what was changed. Called after the ledger committed and before the
    /// caller hears of it, so that whichever node they ask next answers with nothing older. Never fails.
    pub(crate) async fn outdate(&self, outdated: Outdated) {
        let deadline = Deadline::after(INVALIDATION_TIMEOUT);
        if let Err(error) = self.actors.invalidation.everywhere(outdated, deadline).await {
            tracing::warn!(%error, "a node may show for some seconds what was changed");
        }
    }

    /// Now, by this machine's clock.
    pub(crate) fn now(&self) -> Timestamp {
        clock::now()
    }
}
