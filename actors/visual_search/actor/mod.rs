//! The shell around a shard: snapshots, the ledger, maintenance off the mailbox.

mod comparing;

use super::{
    core::ShardCore,
    events::{Loaded, VisualShardEvent as Event},
    reconcile::Reconcile,
    requests::{Describe, Forget, Learn, Rebuild, Search, ShardHits, ShardStats},
    settings::{VisualShardArgs, VisualShardKey},
    snapshot,
};
use crate::ActorError;
use std::{collections::HashSet, sync::Arc, time::Instant};
use tessera_cluster::{Entity, EntityContext, Handle, Passivation, Reply};
use tessera_domain::PostId;
use tessera_ports::{StoreError, StoreResult, ledger::PostEmbedding};
use tessera_visual::index::{Maintained, Maintenance};
use tokio::sync::Semaphore;

/// The most reads of new embeddings under way; a further caller is told to come again.
const READS_UNDER_WAY: usize = 64;

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
    type Event = Event;
    type Args = VisualShardArgs;
    const KIND: &'static str = "visual index";

    fn activate(key: VisualShardKey, args: &Arc<VisualShardArgs>, context: &EntityContext<Self>) -> Self {
        let shared = args.clone();
        context.spawn(async move { Event::Loaded(snapshot::load(&shared, key).await) });
        context.after(args.settings.snapshot_interval, Event::SnapshotDue);
        Self {
            key,
            args: args.clone(),
            core: ShardCore::new(args.settings.engine),
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

    fn on_event(&mut self, event: Event, context: &EntityContext<Self>) {
        match event {
            Event::Learned { ids, found, reply } => self.learned(&ids, found, reply, context),
            Event::Loaded(loaded) => {
                let used = loaded.into_iter().filter(|_| !self.anew);
                used.for_each(|Loaded { model, index }| self.core.restore(model, index));
                self.loading = false;
                self.saved_changes = self.core.changes();
                self.begin_reconcile(context);
            }
            Event::ReconcileDue(number) if self.reconcile.is_last(number) => self.begin_reconcile(context),
            Event::ReconcileDue(_) => {}
            Event::ModelsListed(models) => self.models_listed(models, context),
            Event::SlotListed(listed) => self.slot_listed(listed, context),
            Event::Fetched(found) => self.fetched(found, context),
            Event::Maintained { model, done } => self.maintained(&model, done, context),
            Event::SnapshotDue => {
                context.after(self.args.settings.snapshot_interval, Event::SnapshotDue);
                self.core.sample_recall(self.searches);
                self.save(context);
            }
            Event::Saved { changes, result } => self.saved(changes, result, context),
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

impl Handle<Search> for VisualShardActor {
    fn handle(&mut self, Search(query): Search, reply: Reply<ShardHits>, _: &EntityContext<Self>) {
        self.searches += 1;
        reply.send(self.core.answer(&query, self.complete));
    }
}

impl Handle<Learn> for VisualShardActor {
    fn handle(&mut self, Learn(ids): Learn, reply: Reply<Result<(), ActorError>>, context: &EntityContext<Self>) {
        if self.reads >= READS_UNDER_WAY {
            return reply.send(Err(StoreError::Overloaded { store: "visual index" }.into()));
        }
        self.reads += 1;
        let args = self.args.clone();
        context.spawn(async move {
            let found = args.ledger.embeddings(&ids, None).await;
            Event::Learned { ids, found, reply }
        });
    }
}

impl Handle<Forget> for VisualShardActor {
    fn handle(&mut self, Forget(ids): Forget, reply: Reply<()>, _: &EntityContext<Self>) {
        self.reconcile.touch(&ids);
        if self.reads > 0 {
            self.forgotten.extend(&ids);
        }
        ids.iter().for_each(|post_id| self.core.remove(*post_id));
        reply.send(());
    }
}

impl Handle<Describe> for VisualShardActor {
    fn handle(&mut self, Describe: Describe, reply: Reply<ShardStats>, _: &EntityContext<Self>) {
        let VisualShardKey { shard, of } = self.key;
        let (complete, models, searches) = (self.complete, self.core.stats(), self.searches);
        reply.send(ShardStats { shard, of, complete, models, searches });
    }
}

impl Handle<Rebuild> for VisualShardActor {
    fn handle(&mut self, Rebuild: Rebuild, reply: Reply<()>, context: &EntityContext<Self>) {
        self.core.clear();
        self.anew = true;
        self.complete = false;
        self.begin_reconcile(context);
        reply.send(());
    }
}

impl VisualShardActor {
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
            Event::Maintained { model, done }
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
        context.spawn(async move { Event::Saved { changes, result: snapshot::save(&args, key, snapshots).await } });
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
