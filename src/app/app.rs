//! The application: its parts, and what is shared by all use cases.

use crate::{
    AppError, AppSettings, IdSource,
    accounts::passwords::PasswordHasher,
    feed::FeedMemory,
    hydrate::{Hydrator, NodeCaches},
    replies::VolatileReplies,
};
use moka::future::Cache;
use std::{sync::Arc, time::Duration};
use tessera_actors::tree::ActorRefs;
use tessera_domain::{Timestamp, UserId};
use tessera_ports::{HotStore, Ledger, ObjectStore, clock, ledger::TokenHash};

/// How long an authenticated token is believed without asking the ledger. A log-out on this node counts at
/// once; on other nodes it counts after at most this long.
const SESSION_CACHE_TTL: Duration = Duration::from_secs(10);
/// Most tokens remembered at once.
const SESSION_CACHE_ENTRIES: u64 = 100_000;

/// What an application is made of. The composition root fills it in.
pub struct AppParts {
    /// The truth.
    pub ledger: Arc<dyn Ledger>,
    /// Fast copies.
    pub hot: Arc<dyn HotStore>,
    /// Originals and variants.
    pub objects: Arc<dyn ObjectStore>,
    /// Where new ids come from; shared with the actors.
    pub ids: Arc<IdSource>,
    /// This node's caches; shared with the outbox relay, which invalidates them.
    pub caches: Arc<NodeCaches>,
    /// Timelines, counters and the others.
    pub actors: ActorRefs,
    /// Limits and rules.
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
    pub(crate) feed_memory: FeedMemory,
    pub(crate) settings: AppSettings,
    pub(crate) passwords: PasswordHasher,
    pub(crate) sessions: Cache<TokenHash, UserId>,
    pub(crate) volatile_replies: VolatileReplies,
}

impl App {
    /// An application over `parts`.
    ///
    /// # Errors
    /// Only where the password hasher cannot be set up.
    pub fn new(parts: AppParts) -> Result<Arc<Self>, AppError> {
        let AppParts { ledger, hot, objects, ids, caches, actors, settings } = parts;
        let hydrator = Hydrator::new(ledger.clone(), hot.clone(), caches);
        let passwords = PasswordHasher::new(settings.password_workers, settings.password_queue)?;
        let sessions = Cache::builder().max_capacity(SESSION_CACHE_ENTRIES).time_to_live(SESSION_CACHE_TTL).build();
        let volatile_replies = VolatileReplies::default();
        let feed_memory = FeedMemory::default();
        Ok(Arc::new(Self {
            ledger,
            hot,
            objects,
            ids,
            hydrator,
            actors,
            feed_memory,
            settings,
            passwords,
            sessions,
            volatile_replies,
        }))
    }

    /// The limits and rules in force.
    pub fn settings(&self) -> &AppSettings {
        &self.settings
    }

    /// Now, by this machine's clock.
    pub(crate) fn now(&self) -> Timestamp {
        clock::now()
    }
}
