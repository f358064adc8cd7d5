//! The shell around a shard: snapshots, the ledger, maintenance off the mailbox.

mod comparing;

use super::{
    VisualShardKey,
    core::ShardCore,
    message::{ShardStats, VisualShardMessage as Message},
    reconcile::Reconcile,
    snapshot,
};
use crate::{ActorError, limited::limited};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_cluster::{Entity, EntityContext, Passivation, Reply};
use tessera_domain::PostId;
use tessera_ports::{Ledger, ObjectStore, StoreError, StoreResult, ledger::PostEmbedding};
use tessera_visual::index::{Maintained, Maintenance, VectorIndex};
use tokio::sync::Semaphore;

/// The most reads of new embeddings under way; a further caller is told to come again.
const READS_UNDER_WAY: usize = 64;

/// Timing of the visual index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisualSearchSettings {
    /// How often a shard compares itself with the ledger.
    pub reconcile_interval: Duration,
    /// How often a shard that changed writes a snapshot.
    pub snapshot_interval: Duration,
    /// How long one call of a store may take.
    pub call_limit: Duration,
    /// How long reading or writing a snapshot may take.
    pub snapshot_limit: Duration,
}

impl Default for VisualSearchSettings {
    fn default() -> Self {
        Self {
            reconcile_interval: Duration::from_secs(600),
            snapshot_interval: Duration::from_secs(300),
            call_limit: Duration::from_secs(10),
            snapshot_limit: Duration::from_secs(60),
        }
    }
}

/// What shards are made of.
pub struct VisualShardArgs {
    /// The truth.
    pub ledger: Arc<dyn Ledger>,
    /// Where snapshots lie.
    pub objects: Arc<dyn ObjectStore>,
    /// Timing.
    pub settings: VisualSearchSettings,
    /// One piece of maintenance at a time on a node, so that searches keep their cores.
    pub maintenance: Arc<Semaphore>,
}

/// An index that was read from a snapshot.
pub struct Loaded {
    /// By which model.
    pub model: String,
    /// The index.
    pub index: VectorIndex,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Loaded({})", self.model)
    }
}

/// A shard of the visual index.
pub struct VisualShardActor {
    key: VisualShardKey,
    args: Arc<VisualShardArgs>,
    core: ShardCore,
    reconcile: Reconcile,
    /// All of the ledger's posts are in it, but for those that came a moment ago.
    complete: bool,
    loading: bool,
    maintaining: bool,
    saving: bool,
    saved_changes: u64,
    leaving: bool,
    /// What is being read is not to be used: it was asked to begin anew.
    anew: bool,
    reads: usize,
    /// Posts that went while new embeddings were being read.
    forgotten: HashSet<PostId>,
    searches: u64,
}

impl Entity for VisualShardActor {
    type Key = VisualShardKey;
    type Message = Message;
    type Args = VisualShardArgs;
    const KIND: &'static str = "visual index";

    fn activate(key: VisualShardKey, args: &Arc<VisualShardArgs>, context: &EntityContext<Self>) -> Self {
        let shared = args.clone();
        context.spawn(async move { Message::Loaded(snapshot::load(&shared, key).await) });
        context.after(args.settings.snapshot_interval, Message::SnapshotDue);
        Self {
            key,
            args: args.clone(),
            core: ShardCore::default(),
            reconcile: Reconcile::default(),
            complete: false,
            loading: true,
            maintaining: false,
            saving: false,
            saved_changes: 0,
            leaving: false,
            anew: false,
            reads: 0,
            forgotten: HashSet::new(),
            searches: 0,
        }
    }

    fn handle(&mut self, message: Message, context: &EntityContext<Self>) {
        match message {
            Message::Search { call, reply } => {
                self.searches += 1;
                reply.send(self.core.answer(&call, self.complete));
            }
            Message::Learn { call, reply } => self.learn(call, reply, context),
            Message::Learned { ids, found, reply } => self.learned(&ids, found, reply, context),
            Message::Forget { call, reply } => {
                self.forget(&call);
                reply.send(());
            }
            Message::Describe { reply } => reply.send(self.describe()),
            Message::Rebuild { reply } => {
                self.core.clear();
                self.anew = true;
                self.complete = false;
                self.begin_reconcile(context);
                reply.send(());
            }
            Message::Loaded(loaded) => {
                let used = loaded.into_iter().filter(|_| !self.anew);
                used.for_each(|Loaded { model, index }| self.core.restore(model, index));
                self.loading = false;
                self.saved_changes = self.core.changes();
                self.begin_reconcile(context);
            }
            Message::ReconcileDue(number) if self.reconcile.is_last(number) => self.begin_reconcile(context),
            Message::ReconcileDue(_) => {}
            Message::ModelsListed(models) => self.models_listed(models, context),
            Message::SlotListed(listed) => self.slot_listed(listed, context),
            Message::Fetched(found) => self.fetched(found, context),
            Message::Maintained { model, done } => self.maintained(&model, done, context),
            Message::SnapshotDue => {
                context.after(self.args.settings.snapshot_interval, Message::SnapshotDue);
                self.core.sample_recall(self.searches);
                self.save(context);
            }
            Message::Saved { changes, result } => self.saved(changes, result, context),
        }
    }

    /// Asked only where its shard moves or the node drains. Its next owner begins with the snapshot.
    fn passivate(&mut self, context: &EntityContext<Self>) -> Passivation {
        if self.leaving && !self.saving || !self.complete {
            return Passivation::Ready;
        }
        self.leaving = true;
        self.save(context);
        if self.saving { Passivation::Saving } else { Passivation::Ready }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.core.heap_bytes()
    }
}

impl VisualShardActor {
    fn learn(&mut self, ids: Vec<PostId>, reply: Reply<Result<(), ActorError>>, context: &EntityContext<Self>) {
        if self.reads >= READS_UNDER_WAY {
            return reply.send(Err(StoreError::Overloaded { store: "visual index" }.into()));
        }
        self.reads += 1;
        let args = self.args.clone();
        context.spawn(async move {
            let found = limited("ledger", args.settings.call_limit, args.ledger.embeddings(&ids, None)).await;
            Message::Learned { ids, found, reply }
        });
    }

    fn learned(
        &mut self,
        ids: &[PostId],
        found: StoreResult<Vec<PostEmbedding>>,
        reply: Reply<Result<(), ActorError>>,
        context: &EntityContext<Self>,
    ) {
        self.reads -= 1;
        match found {
            Ok(found) => {
                self.reconcile.touch(ids);
                self.insert(found);
                reply.send(Ok(()));
            }
            Err(error) => reply.send(Err(error.into())),
        }
        if self.reads == 0 {
            self.forgotten.clear();
        }
        self.maintain(context);
    }

    fn insert(&mut self, found: Vec<PostEmbedding>) {
        let kept = found.iter().filter(|found| !self.forgotten.contains(&found.post.post_id));
        kept.for_each(|found| self.core.insert(found));
    }

    fn forget(&mut self, ids: &[PostId]) {
        self.reconcile.touch(ids);
        if self.reads > 0 {
            self.forgotten.extend(ids);
        }
        ids.iter().for_each(|post_id| self.core.remove(*post_id));
    }

    fn describe(&self) -> ShardStats {
        let VisualShardKey { shard, of } = self.key;
        ShardStats { shard, of, complete: self.complete, models: self.core.stats(), searches: self.searches }
    }

    /// Runs a piece of maintenance on a thread of its own while searches go on with what there is.
    fn maintain(&mut self, context: &EntityContext<Self>) {
        if self.maintaining {
            return;
        }
        let Some((model, plan)) = self.core.plan_maintenance() else { return };
        self.maintaining = true;
        let turn = self.args.maintenance.clone();
        context.spawn(async move {
            let done = run_maintenance(turn, plan).await.map(Box::new);
            Message::Maintained { model, done }
        });
    }

    fn maintained(&mut self, model: &str, done: Option<Box<Maintained>>, context: &EntityContext<Self>) {
        self.maintaining = false;
        match done {
            Some(done) => {
                self.core.install(model, *done);
                self.maintain(context);
            }
            // The next change asks for it again.
            None => {
                tracing::error!(model, key = ?self.key, "maintenance of the visual index failed");
                self.core.abandon_maintenance(model);
            }
        }
    }

    fn save(&mut self, context: &EntityContext<Self>) {
        let changes = self.core.changes();
        if self.saving || !self.complete || changes == self.saved_changes {
            return;
        }
        self.saving = true;
        let (args, key, snapshots) = (self.args.clone(), self.key, self.core.snapshots());
        context.spawn(async move { Message::Saved { changes, result: snapshot::save(&args, key, snapshots).await } });
    }

    fn saved(&mut self, changes: u64, result: StoreResult<()>, context: &EntityContext<Self>) {
        self.saving = false;
        match result {
            Ok(()) => self.saved_changes = changes,
            Err(error) => {
                tracing::warn!(%error, key = ?self.key, "no snapshot of the visual index could be written");
            }
        }
        if self.leaving {
            context.passivate();
        }
    }
}

async fn run_maintenance(turn: Arc<Semaphore>, plan: Maintenance) -> Option<Maintained> {
    let turn = turn.acquire_owned().await.ok()?;
    let started = Instant::now();
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        plan.run()
    });
    let done = done.await.ok();
    metrics::histogram!("tessera_visual_maintenance_seconds").record(started.elapsed().as_secs_f64());
    done
}
