//! How a shard compares itself with the ledger: slot by slot, off the mailbox, one comparison at a time.

use super::{Event, VisualShardActor, VisualShardArgs};
use crate::visual_search::reconcile::Step;
use std::time::Duration;
use tessera_cluster::EntityContext;
use tessera_domain::PostId;
use tessera_ports::{
    StoreError, StoreResult,
    ledger::{MAX_PAGE, PostEmbedding},
};

/// The pause before a comparison that failed is made again.
const RETRY_DELAY: Duration = Duration::from_secs(2);

impl VisualShardActor {
    pub(super) fn begin_reconcile(&mut self, context: &EntityContext<Self>) {
        if self.loading || !self.reconcile.begin() {
            return;
        }
        let args = self.args.clone();
        context.spawn(async move { Event::ModelsListed(args.ledger.embedding_models().await) });
    }

    pub(super) fn models_listed(&mut self, models: StoreResult<Vec<String>>, context: &EntityContext<Self>) {
        match models {
            Ok(models) => {
                self.core.retain_models(&models);
                self.reconcile.plan(&models, self.key.shard, self.key.of);
                self.next_step(context);
            }
            Err(error) => self.reconcile_failed(&error, context),
        }
    }

    fn next_step(&mut self, context: &EntityContext<Self>) {
        let args = self.args.clone();
        match self.reconcile.step() {
            Step::List(model, slot) => {
                context.spawn(async move { Event::SlotListed(list(&args, &model, slot).await) });
            }
            Step::Fetch(model, ids) => {
                context.spawn(async move { Event::Fetched(args.ledger.embeddings(&ids, Some(&model)).await) })
            }
            Step::Done => {
                self.reconcile_ended(context);
                self.maintain(context);
            }
        }
    }

    pub(super) fn slot_listed(&mut self, listed: StoreResult<Vec<PostId>>, context: &EntityContext<Self>) {
        match (listed, self.reconcile.now().cloned()) {
            (Ok(listed), Some((model, slot))) => {
                let missing = self.core.compare(&model, slot, &listed, self.reconcile.touched());
                self.reconcile.fetch(missing);
                self.next_step(context);
            }
            (Ok(_), None) => {}
            (Err(error), _) => self.reconcile_failed(&error, context),
        }
    }

    pub(super) fn fetched(&mut self, found: StoreResult<Vec<PostEmbedding>>, context: &EntityContext<Self>) {
        match found {
            Ok(mut found) => {
                found.retain(|found| !self.reconcile.touched().contains(&found.post.post_id));
                self.insert(found);
                self.maintain(context);
                self.next_step(context);
            }
            Err(error) => self.reconcile_failed(&error, context),
        }
    }

    fn reconcile_ended(&mut self, context: &EntityContext<Self>) {
        if self.reconcile.end() {
            // What was compared before it was asked for again may have been thrown away meanwhile: the shard lacks
            // posts.
            self.begin_reconcile(context);
        } else {
            self.complete = true;
            context.after(self.args.settings.reconcile_interval, Event::ReconcileDue(self.reconcile.number()));
        }
    }

    fn reconcile_failed(&mut self, error: &StoreError, context: &EntityContext<Self>) {
        tracing::warn!(%error, key = ?self.key, "cannot compare the visual index with the ledger; trying again");
        self.reconcile.end();
        context.after(RETRY_DELAY, Event::ReconcileDue(self.reconcile.number()));
    }
}

/// The ledger's posts of a slot, page by page.
async fn list(args: &VisualShardArgs, model: &str, slot: u16) -> StoreResult<Vec<PostId>> {
    let mut listed: Vec<PostId> = Vec::new();
    loop {
        let page = args.ledger.embedded_posts(model, slot, listed.last().copied(), MAX_PAGE).await?;
        let is_last = page.len() < MAX_PAGE;
        listed.extend(page);
        if is_last {
            return Ok(listed);
        }
    }
}
