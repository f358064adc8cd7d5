//! The relay over the embedded stores.

use super::{EventHandler, OutboxRelay, RelayArgs};
use crate::limited::LimitedLedger;
use crate::{
    breaker::{BreakerPolicy, Breakers},
    broadcast::{ClusterFanout, Invalidation},
    fanout::{CacheInvalidation, FanoutActor, FanoutArgs, FanoutRef},
    inbox::{self, InboxActor, InboxArgs, InboxRef, InboxSettings},
    popular::{self, PopularActor, PopularArgs, PopularRef, PopularSettings},
    restart,
    testing::{Ground, alone, eventually, soon},
    timeline::{OpenFeed, ResidentIndex, TimelineActor, TimelineArgs, TimelineRef},
    visual_search::{self, VisualSearchRef, VisualSearchSettings, VisualShardArgs},
};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tessera_domain::{PostId, UserId, stitch::FeedRatios};
use tessera_ports::ledger::TokenHash;
use tessera_ports::{Cdn, ObjectStore, StoreError, StoreResult, cdn::NoCdn};
use tessera_ports_testing::faults::{FaultPlan, Faults, Faulty};
use tokio::sync::Semaphore;

/// A node without caches.
struct NoCaches;

impl CacheInvalidation for NoCaches {
    fn post_changed(&self, _: PostId) -> u64 {
        0
    }

    fn user_changed(&self, _: UserId) {}

    fn relations_changed(&self, _: UserId) {}

    fn newest_posts_changed(&self, _: UserId) {}

    fn celebrities_changed(&self) {}

    fn session_ended(&self, _: &TokenHash) {}
}

/// A cache that is away at first, and then keeps what it was told.
#[derive(Default)]
struct LateCache {
    asked: AtomicBool,
    purged: Mutex<Vec<String>>,
}

#[async_trait]
impl Cdn for LateCache {
    async fn purge(&self, paths: &[String]) -> StoreResult<u64> {
        if !self.asked.swap(true, Ordering::SeqCst) {
            return Err(StoreError::Overloaded { store: "a cache that is away" });
        }
        self.purged.lock().extend_from_slice(paths);
        Ok(paths.len() as u64)
    }
}

fn handler(ground: &Ground, objects: Arc<dyn ObjectStore>) -> EventHandler {
    let settings = || restart::region(1_024, Duration::from_secs(60), 1 << 24);
    let (ledger, hot, residents) = (ground.ledger.clone(), ground.hot.clone(), Arc::<ResidentIndex>::default());
    let timelines = TimelineArgs::new(alone(), ledger.clone(), hot.clone(), residents.clone());
    let timelines = TimelineRef::new(ground.region::<TimelineActor>(timelines, settings()));
    let lanes = FanoutArgs { timelines: timelines.clone(), residents, caches: Arc::new(NoCaches) };
    let inboxes = InboxArgs::new(&ledger, ground.next_id(), InboxSettings::default());
    let popular = PopularArgs { ledger: ledger.clone(), settings: PopularSettings::default() };
    let index_settings = VisualSearchSettings::default();
    let visual = VisualShardArgs {
        ledger: LimitedLedger::new(&ledger, index_settings.call_limit),
        objects: objects.clone(),
        settings: index_settings,
        maintenance: Arc::new(Semaphore::new(1)),
    };
    let visual = ground.region(visual, visual_search::region_settings());
    let breakers = Breakers::new(BreakerPolicy::default(), 0);
    EventHandler {
        hot,
        objects,
        cdn: Arc::new(NoCdn),
        fanout: ClusterFanout::new(alone(), FanoutRef(ground.region::<FanoutActor>(lanes, settings()))),
        inboxes: InboxRef::new(ground.region::<InboxActor>(inboxes, inbox::region_settings())),
        popular: PopularRef::new(alone(), ground.region::<PopularActor>(popular, popular::region_settings())),
        invalidation: Invalidation::new(alone(), Arc::new(NoCaches)),
        visual: VisualSearchRef::new(alone(), visual, 1, breakers.visual_index),
        timelines,
        ledger,
    }
}

async fn shown(timelines: &TimelineRef, user_id: UserId) -> Vec<PostId> {
    let request = OpenFeed {
        pulled: vec![],
        pulled_floor: PostId(0),
        recommended: vec![],
        ads: vec![],
        social_order: vec![],
        below: None,
        ratios: FeedRatios::default(),
        limit: 100,
        include_seen: true,
    };
    let page = timelines.open(user_id, request, soon()).await.expect("the timeline answers");
    page.entries.iter().map(|entry| entry.candidate.post_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_whose_objects_hang_holds_up_no_new_post() {
    let ground = Ground::new().await;
    let (author, reader) = (ground.world.user().await, ground.world.user().await);
    ground.world.follow(reader, author).await;
    let doomed = ground.world.post(author).await;
    let (_server, objects) = ground.objects().await;
    let plan = FaultPlan { delay_rate: 1.0, max_delay: Duration::from_secs(3_600), ..FaultPlan::quiet(1) };
    let handler = Arc::new(handler(&ground, Arc::new(Faulty::new(Arc::new(objects), Faults::new(plan)))));
    let timelines = handler.timelines.clone();
    assert_eq!(shown(&timelines, reader).await, [doomed]);
    OutboxRelay::start(RelayArgs { handler, node: alone() }, ground.root.get_cell()).await.expect("the relay starts");

    eventually("what happened before is handled", || async {
        (ground.ledger.outbox_counts().await.expect("counts").pending == 0).then_some(())
    })
    .await;
    ground.ledger.delete_post(doomed, author, ground.world.now()).await.expect("deleted");
    eventually("the deletion is on its way", || async { shown(&timelines, reader).await.is_empty().then_some(()) })
        .await;
    let started = std::time::Instant::now();
    let post_id = ground.world.post(author).await;
    eventually("the follower has the post", || async { (shown(&timelines, reader).await == [post_id]).then_some(()) })
        .await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn caches_forget_the_pictures_of_a_deleted_post_also_when_they_were_away() {
    let ground = Ground::new().await;
    let author = ground.world.user().await;
    let doomed = ground.world.post(author).await;
    let media = ground.ledger.posts(&[doomed]).await.expect("posts").remove(0).media;
    let paths: BTreeSet<String> = media.keys(author).into_iter().map(|key| format!("/{key}")).collect();
    let (_server, objects) = ground.objects().await;
    let cache = Arc::new(LateCache::default());
    let handler = Arc::new(EventHandler { cdn: cache.clone(), ..handler(&ground, Arc::new(objects)) });
    OutboxRelay::start(RelayArgs { handler, node: alone() }, ground.root.get_cell()).await.expect("the relay starts");

    ground.ledger.delete_post(doomed, author, ground.world.now()).await.expect("deleted");
    eventually("all files are purged", || async {
        let purged: BTreeSet<String> = cache.purged.lock().iter().cloned().collect();
        (purged == paths).then_some(())
    })
    .await;
}
