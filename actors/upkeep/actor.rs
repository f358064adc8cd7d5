//! The shell of upkeep: a timer, and one round at a time outside the mailbox.

use super::{core::UpkeepCore, message::UpkeepMessage};
use crate::limited::limited;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use std::{sync::Arc, time::Duration};
use tessera_cluster::{ChildSpec, ClusterNode};
use tessera_domain::{
    time::DAY_MS,
    upload::{MULTIPART_SECONDS, SWEEP_GRACE_MS, Upload},
};
use tessera_ports::{Ledger, ObjectStore, StoreResult, clock};

/// Uploads swept in one transaction.
const SWEEP_PAGE: usize = 200;
/// Transactions in one round; more wait for the next.
const SWEEP_PAGES: usize = 50;
/// Objects deleted in one call.
const DELETE_PAGE: usize = 500;
/// Every so many rounds, the first included, the store is asked for uploads in parts that the ledger knows nothing of.
const LISTING_ROUNDS: u64 = 60;
/// Where originals lie.
const ORIGINALS_PREFIX: &str = "uploads/";
/// How long a saved reply answers for its idempotency key (a ledger's promise).
const REPLY_LIFETIME_MS: i64 = DAY_MS;

/// Timing of upkeep.
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
    pub ledger: Arc<dyn Ledger>,
    /// Where the originals of swept uploads lie.
    pub objects: Arc<dyn ObjectStore>,
    /// Timing.
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
        Ok(UpkeepState { args, core: UpkeepCore::default(), rounds: 0 })
    }

    async fn handle(
        &self,
        myself: ActorRef<UpkeepMessage>,
        message: UpkeepMessage,
        state: &mut UpkeepState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            UpkeepMessage::RoundDue => {
                // A node that is not sure to be a member may have a wrong clock, and what it would sweep is others' work.
                if !state.args.node.is_in_standing() {
                    return Ok(());
                }
                let Some(undeleted) = state.core.begin() else { return Ok(()) };
                let args = state.args.clone();
                let lists_parts = state.rounds.is_multiple_of(LISTING_ROUNDS);
                state.rounds += 1;
                tokio::spawn(async move {
                    let undeleted = round(&args, undeleted, lists_parts).await;
                    let _ = myself.cast(UpkeepMessage::RoundEnded { undeleted });
                });
            }
            UpkeepMessage::RoundEnded { undeleted } => {
                let given_up = state.core.end(undeleted);
                if given_up > 0 {
                    tracing::error!(given_up, "objects of swept uploads stay in the object store");
                }
            }
        }
        Ok(())
    }
}

/// The actor's state.
pub struct UpkeepState {
    args: Arc<UpkeepArgs>,
    core: UpkeepCore,
    rounds: u64,
}

/// One round; returns the keys of objects that could not be deleted.
async fn round(args: &UpkeepArgs, undeleted: Vec<String>, lists_parts: bool) -> Vec<String> {
    let limit = args.settings.call_limit;
    let mut keys = undeleted;
    match sweep(args, &mut keys).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "swept uploads that were never completed"),
        Err(error) => tracing::warn!(%error, "cannot sweep uploads; trying again"),
    }
    if lists_parts {
        // No upload is open for longer; what a node left behind between the object store and the ledger is older one day.
        let before = clock::now().plus_ms(-(MULTIPART_SECONDS as i64 * 1_000 + SWEEP_GRACE_MS));
        match limited("object store", limit, args.objects.abort_old_multiparts(ORIGINALS_PREFIX, before)).await {
            Ok(count) => tracing::debug!(count, "threw away old uploads in parts"),
            Err(error) => tracing::warn!(%error, "cannot throw away old uploads in parts; trying again"),
        }
    }
    let before = clock::now().plus_ms(-REPLY_LIFETIME_MS);
    match limited("ledger", limit, args.ledger.purge_expired(before)).await {
        Ok(rows) => tracing::debug!(rows, "purged saved replies and sessions"),
        Err(error) => tracing::warn!(%error, "cannot purge saved replies and sessions; trying again"),
    }
    let mut left = Vec::new();
    for page in keys.chunks(DELETE_PAGE) {
        if let Err(error) = limited("object store", limit, args.objects.delete(page)).await {
            tracing::warn!(%error, count = page.len(), "cannot delete objects of swept uploads; trying again");
            left.extend_from_slice(page);
        }
    }
    left
}

/// Sweeps page by page and adds the originals' keys to `keys`, also of the pages before an error.
async fn sweep(args: &UpkeepArgs, keys: &mut Vec<String>) -> StoreResult<usize> {
    let expired_before = clock::now().plus_ms(-SWEEP_GRACE_MS);
    let mut swept = 0;
    for _ in 0..SWEEP_PAGES {
        let work = args.ledger.sweep_uploads(expired_before, SWEEP_PAGE);
        let page = limited("ledger", args.settings.call_limit, work).await?;
        swept += page.len();
        let is_last = page.len() < SWEEP_PAGE;
        abort_parts(args, &page).await;
        keys.extend(page.into_iter().map(|upload| upload.object_key));
        if is_last {
            break;
        }
    }
    Ok(swept)
}

/// Throws the parts of swept uploads away; where that fails, they are met again as old ones.
async fn abort_parts(args: &UpkeepArgs, swept: &[Upload]) {
    for upload in swept {
        let Some(multipart_id) = &upload.multipart_id else { continue };
        let work = args.objects.abort_multipart(&upload.object_key, multipart_id);
        if let Err(error) = limited("object store", args.settings.call_limit, work).await {
            tracing::warn!(upload_id = %upload.id, %error, "cannot throw the parts of a swept upload away");
        }
    }
}
