//! The keeper of the visual index, one per node: wakes the node's shards, and on the node that leads embeds the posts
//! that the current model has not seen.
//!
//! Posts lack its embedding after the model was changed, or where their picture could not be embedded when it was
//! processed. They are embedded from their medium variant, newest first, slowly. A picture that fails is tried again in
//! the next round only. At the end of a round, what other models made of posts that have a new embedding is dropped.

use super::{Embedder, VisualSearchRef};
use crate::limited::limited;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use std::{sync::Arc, time::Duration};
use tessera_cluster::{ChildSpec, ClusterNode, Deadline};
use tessera_domain::{
    PostId,
    media::{Variant, variant_key},
    post::Post,
};
use tessera_ports::{Ledger, ObjectStore, StoreResult, ledger::Embedding};

/// The largest variant that is read, in bytes.
const MAX_VARIANT_BYTES: u64 = 8 * 1024 * 1024;
/// Old embeddings dropped in one transaction.
const DROP_PAGE: usize = 1_000;
/// How long a shard may take to learn of a new embedding; else it finds it by itself.
const LEARN_TIMEOUT: Duration = Duration::from_secs(2);

/// Timing of the keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeeperSettings {
    /// How often it looks after its shards, and embeds a batch.
    pub interval: Duration,
    /// Posts embedded at a time.
    pub batch: usize,
    /// The pause between two rounds over all posts.
    pub round_interval: Duration,
    /// How long one call of a store may take.
    pub call_limit: Duration,
}

impl Default for KeeperSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            batch: 4,
            round_interval: Duration::from_secs(600),
            call_limit: Duration::from_secs(10),
        }
    }
}

/// What the keeper is made of.
pub struct KeeperArgs {
    /// This node in its cluster.
    pub node: Arc<ClusterNode>,
    /// The truth.
    pub ledger: Arc<dyn Ledger>,
    /// Where the pictures lie.
    pub objects: Arc<dyn ObjectStore>,
    /// All shards.
    pub search: VisualSearchRef,
    /// The current model; without one nothing is embedded.
    pub embedder: Option<Embedder>,
    /// Timing.
    pub settings: KeeperSettings,
}

/// What the keeper understands.
#[derive(Debug)]
pub enum KeeperMessage {
    /// It is time to look.
    Due,
    /// A batch ended.
    BatchEnded(StoreResult<Batch>),
}

impl ractor::Message for KeeperMessage {}

/// How a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Where to go on; `None` at the end of the round.
    next: Option<PostId>,
    embedded: usize,
    failed: usize,
}

/// The actor.
pub struct VisualKeeper;

/// The actor's state.
pub struct KeeperState {
    args: Arc<KeeperArgs>,
    busy: bool,
    before: Option<PostId>,
    failed: usize,
    rest_until: Option<tokio::time::Instant>,
}

impl VisualKeeper {
    /// How a supervisor starts and restarts it.
    pub fn child_spec(args: Arc<KeeperArgs>) -> ChildSpec {
        ChildSpec::new("visual keeper", move |supervisor| Self::start(args.clone(), supervisor))
    }

    async fn start(args: Arc<KeeperArgs>, supervisor: ActorCell) -> Result<ActorCell, SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, VisualKeeper, args, supervisor).await?;
        Ok(actor.get_cell())
    }
}

impl Actor for VisualKeeper {
    type Msg = KeeperMessage;
    type State = KeeperState;
    type Arguments = Arc<KeeperArgs>;

    async fn pre_start(
        &self,
        myself: ActorRef<KeeperMessage>,
        args: Arc<KeeperArgs>,
    ) -> Result<KeeperState, ActorProcessingErr> {
        myself.cast(KeeperMessage::Due)?;
        myself.send_interval(args.settings.interval, || KeeperMessage::Due);
        Ok(KeeperState { args, busy: false, before: None, failed: 0, rest_until: None })
    }

    async fn handle(
        &self,
        myself: ActorRef<KeeperMessage>,
        message: KeeperMessage,
        state: &mut KeeperState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            KeeperMessage::Due => state.due(myself),
            KeeperMessage::BatchEnded(result) => state.batch_ended(result),
        }
        Ok(())
    }
}

impl KeeperState {
    fn due(&mut self, myself: ActorRef<KeeperMessage>) {
        if !self.args.node.is_in_standing() {
            return;
        }
        self.args.search.wake();
        let rests = self.rest_until.is_some_and(|until| tokio::time::Instant::now() < until);
        let Some(embedder) = self.args.embedder.clone().filter(|_| self.args.search.leads()) else { return };
        if self.busy || rests {
            return;
        }
        self.busy = true;
        let (args, before) = (self.args.clone(), self.before);
        tokio::spawn(async move {
            let result = batch(&args, &embedder, before).await;
            let _ = myself.cast(KeeperMessage::BatchEnded(result));
        });
    }

    fn batch_ended(&mut self, result: StoreResult<Batch>) {
        self.busy = false;
        let batch = match result {
            Ok(batch) => batch,
            Err(error) => {
                tracing::warn!(%error, "cannot embed posts anew; trying again");
                return;
            }
        };
        metrics::counter!("tessera_visual_embedded_later_total").increment(batch.embedded as u64);
        self.failed += batch.failed;
        self.before = batch.next;
        if batch.next.is_none() {
            if self.failed > 0 {
                tracing::info!(failed = self.failed, "pictures of some posts cannot be embedded");
            }
            self.failed = 0;
            self.rest_until = Some(tokio::time::Instant::now() + self.args.settings.round_interval);
        }
    }
}

/// Embeds one batch of posts before `before`.
async fn batch(args: &KeeperArgs, embedder: &Embedder, before: Option<PostId>) -> StoreResult<Batch> {
    let KeeperArgs { ledger, settings: KeeperSettings { batch, call_limit, .. }, .. } = args;
    let ids = limited("ledger", *call_limit, ledger.posts_to_embed(embedder.version(), before, *batch)).await?;
    if ids.is_empty() {
        drop_superseded(args, embedder).await?;
        return Ok(Batch { next: None, embedded: 0, failed: 0 });
    }
    let posts = limited("ledger", *call_limit, ledger.posts(&ids)).await?;
    let mut found = Vec::with_capacity(posts.len());
    for post in &posts {
        match embed(args, embedder, post).await? {
            Ok(embedding) => found.push((post.id, embedding)),
            Err(reason) => tracing::debug!(post = %post.id, reason, "a post's picture cannot be embedded"),
        }
    }
    limited("ledger", *call_limit, ledger.put_embeddings(&found)).await?;
    for (post_id, _) in &found {
        if let Err(error) = args.search.learn(*post_id, Deadline::after(LEARN_TIMEOUT)).await {
            tracing::debug!(%post_id, %error, "a shard did not hear of a new embedding");
        }
    }
    Ok(Batch { next: ids.last().copied(), embedded: found.len(), failed: posts.len() - found.len() })
}

/// Embeds a post's picture; the inner error is the picture's or the model's fault.
async fn embed(args: &KeeperArgs, embedder: &Embedder, post: &Post) -> StoreResult<Result<Embedding, String>> {
    let key = variant_key(post.author_id, post.media.upload_id, Variant::Medium);
    let read = limited("object store", args.settings.call_limit, args.objects.get(&key, MAX_VARIANT_BYTES));
    let Some(bytes) = read.await? else { return Ok(Err("its picture is gone".to_owned())) };
    let embed = async {
        let place = embedder.place()?;
        embedder.embed_bytes(place, bytes, Variant::Medium.content_type().to_owned(), None).await
    };
    Ok(embed.await.map_err(|error| error.to_string()))
}

/// Drops what other models made of posts that the current one has embedded.
async fn drop_superseded(args: &KeeperArgs, embedder: &Embedder) -> StoreResult<()> {
    let KeeperArgs { ledger, settings, .. } = args;
    let mut dropped = 0;
    loop {
        let work = ledger.drop_superseded_embeddings(embedder.version(), DROP_PAGE);
        let page = limited("ledger", settings.call_limit, work).await?;
        dropped += page;
        if page < DROP_PAGE as u64 {
            break;
        }
    }
    if dropped > 0 {
        tracing::info!(dropped, "dropped embeddings by models that are not used any more");
    }
    Ok(())
}
