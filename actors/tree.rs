//! The supervision tree, all of it:
//!
//! ```text
//! root (restarts nothing: a group that gives up ends the process, and its service manager takes over)
//! ├─ clustering   membership · sweeper                         restarted; the membership goes on where it was
//! ├─ entities     shard → timeline | counter | inbox           an entity restarts in place and reloads its state
//! │               shard → fan-out lane | popular | ads         (one shard's supervisor per region, made on demand)
//! │               shard → shard of the visual index | recommender
//! ├─ breakers     one per breaker                              restarted; it goes on with the state that it published
//! └─ pools        media pool · outbox relay · upkeep           restarted; their work is leased from the ledger
//!                 visual keeper                                restarted; it looks what is to be done
//! ```
//! A breaker's actor supervises what stands behind it besides: it leaves recommenders and shards of the visual index
//! behind that hang, panic or are flooded (see [`crate::breaker`]).
//!
//! How often what may restart is [`crate::restart`]'s. What waits in a mailbox when its entity restarts in
//! place is served by the new one; what a pool held is leased again.

use crate::{
    NextId,
    ads::{self, AdsActor, AdsArgs, AdsRef, AdsSettings},
    breaker::{Breakers, GuardedObjects, ObjectsGuard},
    broadcast::{ClusterFanout, Invalidation},
    counter::{self, CounterActor, CounterArgs, CounterRef, CounterSettings},
    fanout::{CacheInvalidation, FanoutActor, FanoutArgs, FanoutRef},
    inbox::{self, InboxActor, InboxArgs, InboxRef, InboxSettings},
    limited::LimitedLedger,
    media_pool::{MediaPool, MediaPoolArgs, MediaPoolSettings, Scratch},
    outbox::{EventHandler, OutboxRelay, RelayArgs},
    popular::{self, PopularActor, PopularArgs, PopularRef, PopularSettings},
    recommender::{self, RecommenderActor, RecommenderArgs, RecommenderRef, RecommenderSettings},
    restart,
    sweeper::{SweepRegion, Sweeper},
    timeline::{ResidentIndex, TimelineActor, TimelineArgs, TimelineRef},
    upkeep::{Upkeep, UpkeepArgs, UpkeepSettings},
    visual_search::{
        self, Embedder, Engine, KeeperArgs, KeeperSettings, VisualKeeper, VisualSearchRef, VisualSearchSettings,
        VisualShardActor, VisualShardArgs,
    },
};
use ractor::{ActorCell, SpawnErr};
use std::{sync::Arc, time::Duration};
use tessera_cluster::{
    ChildSpec, ClusterNode, Deadline, Entity, EntitySabotage, Region, RegionSettings, RegionStats, RestartIntensity,
    Spread, Supervisor, SupervisorArgs, SupervisorHandle,
};
use tessera_domain::{PostId, UserId};
use tessera_media::video::{VideoLimits, VideoTools};
use tessera_ports::{Cdn, HotStore, Ledger, ObjectStore};
use tokio::{sync::Semaphore, task::JoinHandle};

/// Messages that may wait for one timeline.
const TIMELINE_MAILBOX: usize = 1_024;
/// Deliveries that may wait for one lane of the fan-out.
const LANE_MAILBOX: usize = 1_024;

/// What the actors of a node stand on.
#[derive(Clone)]
pub struct ActorSystemArgs {
    pub ledger: Arc<dyn Ledger>,
    pub hot: Arc<dyn HotStore>,
    pub objects: Arc<dyn ObjectStore>,
    /// Copies of media in front of the product.
    pub cdn: Arc<dyn Cdn>,
    pub next_id: NextId,
    /// Caches that events invalidate.
    pub caches: Arc<dyn CacheInvalidation>,
    /// The circuit breakers, whose actors are not started yet.
    pub breakers: Breakers,
    /// This node in its cluster.
    pub node: Arc<ClusterNode>,
    /// What keeps it there: supervised beside the sweeper.
    pub clustering: Vec<ChildSpec>,
    /// Pictures processed at the same time.
    pub media_workers: usize,
    /// What a picture may be.
    pub media_limits: tessera_media::Limits,
    /// What converts videos, or what of it is missing.
    pub video_tools: Result<VideoTools, String>,
    /// What a video may be.
    pub video_limits: VideoLimits,
    /// Where videos lie while they are worked on.
    pub scratch: Scratch,
    /// Makes embeddings of pictures; `None`: nobody does, and what was embedded before is searched.
    pub embedder: Option<Embedder>,
    /// Shards of the visual index, the same on all nodes.
    pub visual_shards: u16,
    /// What makes and walks the graphs of the visual index.
    pub visual_engine: Engine,
    /// Unused timelines leave memory after this long.
    pub timeline_idle_after: Duration,
    /// Timelines take about this many bytes at most.
    pub timeline_memory_bytes: usize,
}

/// References to all actors: what the use cases hold.
#[derive(Clone)]
pub struct ActorRefs {
    pub timelines: TimelineRef,
    /// Counters of likes and comments.
    pub counters: CounterRef,
    pub inboxes: InboxRef,
    /// What is popular now.
    pub popular: PopularRef,
    pub ads: AdsRef,
    /// What people like, and who likes the same.
    pub recommenders: RecommenderRef,
    /// Posts by what their pictures look like.
    pub visual: VisualSearchRef,
    /// Copies in the nodes' memory.
    pub invalidation: Invalidation,
}

/// One kind of entity on this node.
#[derive(Debug, Clone, Copy)]
pub struct KindStats {
    pub kind: &'static str,
    /// What its region is doing.
    pub stats: RegionStats,
}

pub struct ActorSystem {
    refs: ActorRefs,
    lanes: FanoutRef,
    media: MediaPool,
    root: SupervisorHandle,
    ended: parking_lot::Mutex<Option<JoinHandle<()>>>,
}

impl ActorSystem {
    pub async fn start(args: ActorSystemArgs) -> Result<Self, SpawnErr> {
        let (root, ended) = supervisor("root", restart::ROOT, vec![], None).await?;
        let top = Some(root.get_cell());
        let (entities, _) = supervisor("entities", restart::GROUP, vec![], top.clone()).await?;
        let regions = Regions { args: &args, parent: entities.get_cell() };

        let residents = Arc::new(ResidentIndex::default());
        let refs = regions.start_entities(residents.clone());
        let lanes = FanoutArgs { timelines: refs.timelines.clone(), residents, caches: args.caches.clone() };
        let lane_settings = restart::region(LANE_MAILBOX, Duration::from_secs(60), usize::MAX);
        let lanes = FanoutRef(regions.region::<FanoutActor>(lanes, lane_settings, Spread::OnEveryNode));
        let fanout = ClusterFanout::new(args.node.clone(), lanes.clone());

        let sweeps = vec![
            sweep(refs.timelines.region()),
            sweep(refs.counters.region()),
            sweep(refs.inboxes.region()),
            sweep(refs.recommenders.region()),
            sweep(&lanes.0),
        ];
        let sweeper = ChildSpec::new("sweeper", move |parent| Sweeper::start(sweeps.clone(), parent));
        let clustering = args.clustering.iter().cloned().chain([sweeper]).collect();
        supervisor("clustering", restart::GROUP, clustering, top.clone()).await?;
        let breakers = args.breakers.child_specs(args.node.clone(), &refs);
        supervisor("breakers", restart::GROUP, breakers, top.clone()).await?;

        let settings = MediaPoolSettings {
            workers: args.media_workers,
            limits: args.media_limits.clone(),
            video_limits: args.video_limits.clone(),
            ..MediaPoolSettings::default()
        };
        let media = MediaPool::new(MediaPoolArgs {
            node: args.node.clone(),
            ledger: LimitedLedger::new(&args.ledger, settings.store_limit),
            hot: args.hot.clone(),
            objects: args.objects.clone(),
            video_tools: args.video_tools.clone(),
            scratch: args.scratch.clone(),
            embedder: args.embedder.clone(),
            next_id: args.next_id.clone(),
            settings,
        });
        let pools = pools(&args, &refs, &fanout, &media);
        supervisor("pools", restart::GROUP, pools, top).await?;
        Ok(Self { refs, lanes, media, root, ended: parking_lot::Mutex::new(Some(ended)) })
    }

    /// References to the actors.
    pub fn refs(&self) -> &ActorRefs {
        &self.refs
    }

    pub fn media(&self) -> &MediaPool {
        &self.media
    }

    /// Resolves when the root gave up. The process must then end. For one caller.
    pub async fn ended(&self) {
        let ended = self.ended.lock().take();
        match ended {
            Some(ended) => drop(ended.await),
            None => std::future::pending().await,
        }
    }

    /// What every kind of entity is doing.
    pub fn stats(&self) -> Vec<KindStats> {
        fn of<E: Entity>(region: &Region<E>) -> KindStats {
            KindStats { kind: E::KIND, stats: region.stats() }
        }
        vec![
            of(self.refs.timelines.region()),
            of(self.refs.counters.region()),
            of(self.refs.inboxes.region()),
            of(&self.lanes.0),
            of(self.refs.popular.region()),
            of(self.refs.ads.region()),
            of(self.refs.recommenders.region()),
            of(self.refs.visual.region()),
        ]
    }

    /// Makes the actor that `target` names (`timeline:USER`, `counter:POST`, `inbox:USER`, `recommender:USER`,
    /// `visual:SHARD`) go wrong. `Ok(false)` where it is not active, `Err` where the name names nothing.
    pub fn sabotage(&self, target: &str, how: EntitySabotage) -> Result<bool, String> {
        const NAMES: &str = "timeline:USER, counter:POST, inbox:USER, recommender:USER or visual:SHARD";
        let expected = || format!("expected {NAMES}, found {target:?}");
        let (kind, key) = target.split_once(':').ok_or_else(expected)?;
        let user = || key.parse().map(|id: UserId| crate::UserKey(id)).map_err(|_| expected());
        match kind {
            "timeline" => Ok(self.refs.timelines.region().sabotage(user()?, how)),
            "recommender" => Ok(self.refs.recommenders.region().sabotage(user()?, how)),
            "inbox" => Ok(self.refs.inboxes.region().sabotage(user()?, how)),
            "visual" => {
                let shard = key.parse().map_err(|_| expected())?;
                Ok(self.refs.visual.region().sabotage(self.refs.visual.key(shard), how))
            }
            "counter" => {
                let post_id: PostId = key.parse().map_err(|_| expected())?;
                let region = self.refs.counters.region();
                let shards = 0..tessera_domain::counters::COUNTER_SHARDS;
                let keys = shards.map(|shard| crate::CounterKey { post_id, shard });
                Ok(keys.filter(|key| region.sabotage(*key, how)).count() > 0)
            }
            _ => Err(expected()),
        }
    }

    /// Gives jobs back and saves every entity, until `deadline`; then stops the tree. All side by side, so that
    /// a slow job or a store that hangs takes nobody else's time to save.
    pub async fn drain(&self, deadline: Deadline) {
        let ActorRefs { timelines, counters, inboxes, ads, visual, .. } = &self.refs;
        let (jobs, flushed, counters, inboxes, timelines, visual) = tokio::join!(
            self.media.drain(deadline),
            ads.flush(deadline),
            counters.region().drain(deadline),
            inboxes.region().drain(deadline),
            timelines.region().drain(deadline),
            visual.region().drain(deadline),
        );
        if jobs > 0 {
            tracing::info!(jobs, "media jobs were given back");
        }
        if let Err(error) = flushed {
            tracing::warn!(%error, "the last impressions of ads are lost");
        }
        let left = counters + inboxes + timelines + visual;
        if left > 0 {
            tracing::warn!(left, "entities were still busy at the end of the drain");
        }
        self.root.stop(Some("drained".to_owned()));
    }
}

/// Makes regions below the entities' supervisor.
struct Regions<'a> {
    args: &'a ActorSystemArgs,
    parent: ActorCell,
}

impl Regions<'_> {
    fn region<E: Entity>(&self, args: E::Args, settings: RegionSettings, spread: Spread) -> Region<E> {
        Region::new(Arc::new(args), settings, self.args.node.clone(), spread, self.parent.clone())
    }

    fn start_entities(&self, residents: Arc<ResidentIndex>) -> ActorRefs {
        let ActorSystemArgs { ledger, hot, next_id, node, caches, timeline_idle_after, timeline_memory_bytes, .. } =
            self.args;
        let timelines = TimelineArgs::new(node.clone(), ledger.clone(), hot.clone(), residents);
        let timeline_settings = restart::region(TIMELINE_MAILBOX, *timeline_idle_after, *timeline_memory_bytes);
        let counters = CounterArgs::new(ledger, hot.clone(), CounterSettings::default());
        let inboxes = InboxArgs::new(ledger, next_id.clone(), InboxSettings::default());
        let popular = PopularArgs { ledger: ledger.clone(), settings: PopularSettings::default() };
        let ads = AdsArgs::new(ledger, AdsSettings::default());
        let timelines = self.region::<TimelineActor>(timelines, timeline_settings, Spread::OverNodes);
        let counters = self.region::<CounterActor>(counters, counter::region_settings(), Spread::OverNodes);
        let inboxes = self.region::<InboxActor>(inboxes, inbox::region_settings(), Spread::OverNodes);
        let popular = self.region::<PopularActor>(popular, popular::region_settings(), Spread::OnEveryNode);
        let ads = self.region::<AdsActor>(ads, ads::region_settings(), Spread::OnEveryNode);
        let recommenders = RecommenderArgs { ledger: ledger.clone(), settings: RecommenderSettings::default() };
        let recommenders =
            self.region::<RecommenderActor>(recommenders, recommender::region_settings(), Spread::OverNodes);
        let settings = VisualSearchSettings { engine: self.args.visual_engine, ..VisualSearchSettings::default() };
        let visual = VisualShardArgs {
            ledger: LimitedLedger::new(ledger, settings.call_limit),
            objects: self.args.objects.clone(),
            settings,
            maintenance: Arc::new(Semaphore::new(1)),
        };
        let visual = self.region::<VisualShardActor>(visual, visual_search::region_settings(), Spread::OverNodes);
        let breaker = self.args.breakers.visual_index.clone();
        ActorRefs {
            timelines: TimelineRef::new(timelines),
            counters: CounterRef::new(counters),
            inboxes: InboxRef::new(inboxes),
            popular: PopularRef::new(node.clone(), popular),
            ads: AdsRef::new(node.clone(), ads),
            recommenders: RecommenderRef::new(recommenders),
            visual: VisualSearchRef::new(node.clone(), visual, self.args.visual_shards, breaker),
            invalidation: Invalidation::new(node.clone(), caches.clone()),
        }
    }
}

fn pools(args: &ActorSystemArgs, refs: &ActorRefs, fanout: &ClusterFanout, media: &MediaPool) -> Vec<ChildSpec> {
    let guard = ObjectsGuard::new(args.breakers.objects.clone());
    let handler = Arc::new(EventHandler {
        ledger: args.ledger.clone(),
        hot: args.hot.clone(),
        objects: Arc::new(GuardedObjects::new(args.objects.clone(), guard)),
        cdn: args.cdn.clone(),
        timelines: refs.timelines.clone(),
        fanout: fanout.clone(),
        inboxes: refs.inboxes.clone(),
        popular: refs.popular.clone(),
        visual: refs.visual.clone(),
        invalidation: refs.invalidation.clone(),
    });
    let relay = RelayArgs { handler, node: args.node.clone() };
    let settings = UpkeepSettings::default();
    let upkeep = Arc::new(UpkeepArgs {
        node: args.node.clone(),
        ledger: LimitedLedger::new(&args.ledger, settings.call_limit),
        objects: args.objects.clone(),
        settings,
    });
    let settings = KeeperSettings::default();
    let keeper = Arc::new(KeeperArgs {
        node: args.node.clone(),
        ledger: LimitedLedger::new(&args.ledger, settings.call_limit),
        objects: args.objects.clone(),
        search: refs.visual.clone(),
        embedder: args.embedder.clone(),
        settings,
    });
    vec![
        media.child_spec(),
        ChildSpec::new("outbox relay", move |parent| {
            let relay = OutboxRelay::start(relay.clone(), parent);
            async move { relay.await.map(|relay| relay.get_cell()) }
        }),
        Upkeep::child_spec(upkeep),
        VisualKeeper::child_spec(keeper),
    ]
}

async fn supervisor(
    name: &'static str,
    intensity: RestartIntensity,
    children: Vec<ChildSpec>,
    parent: Option<ActorCell>,
) -> Result<(SupervisorHandle, JoinHandle<()>), SpawnErr> {
    Supervisor::start(SupervisorArgs { name, intensity, children }, parent).await
}

fn sweep<E: Entity>(region: &Region<E>) -> SweepRegion {
    let region = region.clone();
    Arc::new(move |first, count| region.sweep(first, count))
}
