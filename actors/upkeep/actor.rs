//! The shell of upkeep: a timer, and one round at a time outside the mailbox.

use super::{core::UpkeepCore, message::UpkeepMessage, purge::purge_deleted_posts};
use crate::limited::LimitedLedger;
use crate::limited::limited;
use futures::{StreamExt, stream};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use std::{sync::Arc, time::Duration};
use tessera_cluster::{ChildSpec, ClusterNode};
use tessera_domain::{
    UploadId,
    media::media_folder,
    time::DAY_MS,
    upload::{MULTIPART_SECONDS, SWEEP_GRACE_MS, Upload},
};
use tessera_ports::{ObjectStore, StoreResult, clock};

/// Uploads swept in one transaction.
const SWEEP_PAGE: usize = 200;
/// Transactions in one round; more wait for the next.
const SWEEP_PAGES: usize = 50;
/// Uploads whose objects are deleted side by side.
const UPLOADS_AT_ONCE: usize = 8;
/// Every so many rounds, the first included, the store is asked for uploads in parts that the ledger knows nothing of.
const LISTING_ROUNDS: u64 = 60;
const ORIGINALS_PREFIX: &str = "uploads/";
/// How long a saved reply answers for its idempotency key (a ledger's promise).
const REPLY_LIFETIME_MS: i64 = DAY_MS;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpkeepSettings {
    /// How often a round begins.
    pub interval: Duration,
    /// How long one call of a store may take.
    pub call_limit: Duration,
}

impl Default for UpkeepSettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(60), call_limit: Duration::from_secs(30) }
    }
}

/// What upkeep is made of.
pub struct UpkeepArgs {
    /// This node in its cluster.
    pub node: Arc<ClusterNode>,
    /// What is kept in order.
    pub ledger: LimitedLedger,
    /// Where the files of uploads lie.
    pub objects: Arc<dyn ObjectStore>,
    pub settings: UpkeepSettings,
}

/// The actor. A failure in a round is logged and met again in the next one.
pub struct Upkeep;

impl Upkeep {
    /// Starts upkeep below `supervisor`. The first round begins at once.
    pub async fn start(args: Arc<UpkeepArgs>, supervisor: ActorCell) -> Result<ActorCell, SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, Upkeep, args, supervisor).await?;
        Ok(actor.get_cell())
    }

    /// How a supervisor starts and restarts upkeep.
    pub fn child_spec(args: Arc<UpkeepArgs>) -> ChildSpec {
        ChildSpec::new("upkeep", move |supervisor| Self::start(args.clone(), supervisor))
    }
}

impl Actor for Upkeep {
    type Msg = UpkeepMessage;
    type State = UpkeepState;
    type Arguments = Arc<UpkeepArgs>;

    async fn pre_start(
        &self,
        myself: ActorRef<UpkeepMessage>,
        args: Arc<UpkeepArgs>,
    ) -> Result<UpkeepState, ActorProcessingErr> {
        myself.cast(UpkeepMessage::RoundDue)?;
        myself.send_interval(args.settings.interval, || UpkeepMessage::RoundDue);
        Ok(UpkeepState { args, core: UpkeepCore::default() })
    }

    async fn handle(
        &self,
        myself: ActorRef<UpkeepMessage>,
        message: UpkeepMessage,
        state: &mut UpkeepState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            UpkeepMessage::RoundDue => {
                // A node that is not sure to be a member may have a wrong clock, and what it would sweep is others'
                // work.
                if !state.args.node.is_in_standing() {
                    return Ok(());
                }
                let Some(number) = state.core.begin() else { return Ok(()) };
                let args = state.args.clone();
                let lists_parts = number.is_multiple_of(LISTING_ROUNDS);
                tokio::spawn(async move {
                    // In a task of its own, so that the actor hears of its end whatever happens.
                    let ended = tokio::spawn(async move { round(&args, lists_parts).await }).await;
                    // The other way to end early is that the process ends.
                    if let Some(panic) = ended.err().filter(|error| error.is_panic()) {
                        tracing::error!(%panic, "a round of upkeep ended early");
                    }
                    let _ = myself.cast(UpkeepMessage::RoundEnded);
                });
            }
            UpkeepMessage::RoundEnded => state.core.end(),
        }
        Ok(())
    }
}

pub struct UpkeepState {
    args: Arc<UpkeepArgs>,
    core: UpkeepCore,
}

async fn round(args: &UpkeepArgs, lists_parts: bool) {
    let limit = args.settings.call_limit;
    match sweep(args).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "swept uploads that were never completed"),
        Err(error) => tracing::warn!(%error, "cannot sweep uploads; trying again"),
    }
    match clear(args).await {
        Ok(count) => tracing::debug!(count, "deleted the objects of uploads that ended without a post"),
        Err(error) => tracing::warn!(%error, "cannot delete the objects of uploads that ended; trying again"),
    }
    if lists_parts {
        // No upload is open for longer; what a node left behind between the object store and the ledger is older one
        // day.
        let before = clock::now().plus_ms(-(MULTIPART_SECONDS as i64 * 1_000 + SWEEP_GRACE_MS));
        match limited("object store", limit, args.objects.abort_old_multiparts(ORIGINALS_PREFIX, before)).await {
            Ok(count) => tracing::debug!(count, "threw away old uploads in parts"),
            Err(error) => tracing::warn!(%error, "cannot throw away old uploads in parts; trying again"),
        }
    }
    match purge_deleted_posts(&*args.ledger, |_| ()).await {
        Ok(0) => {}
        Ok(rows) => tracing::info!(rows, "purged what deleted posts left behind"),
        Err(error) => tracing::warn!(%error, "cannot purge what deleted posts left behind; trying again"),
    }
    let before = clock::now().plus_ms(-REPLY_LIFETIME_MS);
    match args.ledger.purge_expired(before).await {
        Ok(rows) => tracing::debug!(rows, "purged saved replies and sessions"),
        Err(error) => tracing::warn!(%error, "cannot purge saved replies and sessions; trying again"),
    }
}

/// Fails uploads that were never completed, page by page.
async fn sweep(args: &UpkeepArgs) -> StoreResult<usize> {
    let expired_before = clock::now().plus_ms(-SWEEP_GRACE_MS);
    let mut swept = 0;
    for _ in 0..SWEEP_PAGES {
        let page = args.ledger.sweep_uploads(expired_before, SWEEP_PAGE).await?.len();
        swept += page;
        if page < SWEEP_PAGE {
            break;
        }
    }
    Ok(swept)
}

/// Deletes the objects of uploads that are over, page by page. The ledger names them until their deletion is known to
/// it, whichever node dies on the way.
async fn clear(args: &UpkeepArgs) -> StoreResult<usize> {
    let mut cleared = 0;
    for _ in 0..SWEEP_PAGES {
        let page = args.ledger.ended_uploads(clock::now(), SWEEP_PAGE).await?;
        let outcomes: Vec<StoreResult<UploadId>> = stream::iter(page)
            .map(|upload| async move { delete_objects(args, &upload).await.map(|()| upload.id) })
            .buffer_unordered(UPLOADS_AT_ONCE)
            .collect()
            .await;
        let (count, mut done, mut failure) = (outcomes.len(), Vec::with_capacity(outcomes.len()), None);
        for outcome in outcomes {
            match outcome {
                Ok(id) => done.push(id),
                Err(error) => failure = Some(error),
            }
        }
        if !done.is_empty() {
            args.ledger.objects_deleted(&done).await?;
        }
        cleared += done.len();
        match failure {
            Some(error) => return Err(error),
            None if count < SWEEP_PAGE => break,
            None => {}
        }
    }
    Ok(cleared)
}

/// Deletes everything that may have been stored for an upload: its parts, its original, and what was made of it.
async fn delete_objects(args: &UpkeepArgs, upload: &Upload) -> StoreResult<()> {
    let UpkeepArgs { objects, settings, .. } = args;
    let work = async {
        if let Some(multipart_id) = &upload.multipart_id {
            objects.abort_multipart(&upload.object_key, multipart_id).await?;
        }
        objects.delete(std::slice::from_ref(&upload.object_key)).await?;
        objects.delete_folder(&media_folder(upload.user_id, upload.id)).await
    };
    limited("object store", settings.call_limit, work).await
}
