//! The shell around the list of popular posts: loads it, keeps early callers waiting, answers.

use super::{
    core::{Change, LedgerView, PopularCore},
    requests::{Top, TopReply, Trending, TrendingReply},
    trends::TREND_MEMORY_MS,
};
use crate::{NodeSingleton, limited::limited};
use std::{sync::Arc, time::Duration};
use tessera_cluster::{Entity, EntityContext, Handle, Passivation, Reply};
use tessera_domain::{PostId, time::DAY_MS};
use tessera_ports::{Ledger, StoreError, StoreResult, clock, ledger::MAX_PAGE};

/// The most callers that wait for the first load.
const WAITING_CALLERS: usize = 1_024;

/// Timing of the list of popular posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PopularSettings {
    /// How often it is loaded from the ledger.
    pub refresh_interval: Duration,
    /// How soon it is tried again after a failed load.
    pub retry_interval: Duration,
    /// How long a load may take.
    pub load_limit: Duration,
}

impl Default for PopularSettings {
    fn default() -> Self {
        Self {
            refresh_interval: Duration::from_secs(300),
            retry_interval: Duration::from_secs(2),
            load_limit: Duration::from_secs(10),
        }
    }
}

/// What the entity is made of.
pub struct PopularArgs {
    pub ledger: Arc<dyn Ledger>,
    pub settings: PopularSettings,
}

/// A question that waits for the first load.
enum Waiting {
    Top(usize, TopReply),
    Trending(usize, TrendingReply),
}

impl Waiting {
    fn refuse(self, error: StoreError) {
        match self {
            Waiting::Top(_, reply) => reply.send(Err(error)),
            Waiting::Trending(_, reply) => reply.send(Err(error)),
        }
    }
}

/// Whether there is anything to answer from.
enum Readiness {
    /// The first load is under way; these wait for it.
    Loading(Vec<Waiting>),
    /// No load succeeded so far; the last one failed so.
    Failed(StoreError),
    /// Loaded at least once.
    Ready,
}

/// What the list of popular posts tells itself.
pub enum PopularEvent {
    /// It is time to load from the ledger.
    LoadDue,
    /// What the ledger gave.
    Loaded(StoreResult<LedgerView>),
}

/// What is popular on this node.
pub struct PopularActor {
    args: Arc<PopularArgs>,
    core: PopularCore,
    readiness: Readiness,
}

impl Entity for PopularActor {
    type Key = NodeSingleton;
    type Event = PopularEvent;
    type Args = PopularArgs;
    const KIND: &'static str = "popular";

    fn activate(_: NodeSingleton, args: &Arc<PopularArgs>, context: &EntityContext<Self>) -> Self {
        let mut entity =
            Self { args: args.clone(), core: PopularCore::new(), readiness: Readiness::Loading(Vec::new()) };
        entity.load(context);
        entity
    }

    fn on_event(&mut self, event: PopularEvent, context: &EntityContext<Self>) {
        match event {
            PopularEvent::LoadDue => self.load(context),
            PopularEvent::Loaded(result) => self.loaded(result, context),
        }
    }

    fn passivate(&mut self, _: &EntityContext<Self>) -> Passivation {
        Passivation::Busy
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.core.heap_bytes()
    }
}

impl Handle<Top> for PopularActor {
    fn handle(&mut self, Top(limit): Top, reply: TopReply, _: &EntityContext<Self>) {
        self.ask(Waiting::Top(limit, reply));
    }
}

impl Handle<Trending> for PopularActor {
    fn handle(&mut self, Trending(limit): Trending, reply: TrendingReply, _: &EntityContext<Self>) {
        self.ask(Waiting::Trending(limit, reply));
    }
}

impl Handle<Change> for PopularActor {
    fn handle(&mut self, change: Change, _: Reply<()>, _: &EntityContext<Self>) {
        self.core.change(change, clock::now());
    }
}

impl PopularActor {
    fn ask(&mut self, question: Waiting) {
        match &mut self.readiness {
            Readiness::Ready => self.answer(question),
            Readiness::Failed(error) => question.refuse(error.clone()),
            Readiness::Loading(waiting) if waiting.len() < WAITING_CALLERS => waiting.push(question),
            Readiness::Loading(_) => question.refuse(StoreError::Overloaded { store: "popular posts" }),
        }
    }

    fn answer(&mut self, question: Waiting) {
        let now = clock::now();
        match question {
            Waiting::Top(limit, reply) => reply.send(Ok(self.core.top(limit, now))),
            Waiting::Trending(limit, reply) => reply.send(Ok(self.core.trending(limit, now))),
        }
    }

    fn load(&mut self, context: &EntityContext<Self>) {
        self.core.load_began();
        let args = self.args.clone();
        context.spawn(async move {
            PopularEvent::Loaded(limited("ledger", args.settings.load_limit, view(args.ledger.as_ref())).await)
        });
    }

    fn loaded(&mut self, result: StoreResult<LedgerView>, context: &EntityContext<Self>) {
        let now = clock::now();
        let outcome = match result {
            Ok(view) => {
                self.core.loaded(view, now);
                context.after(self.args.settings.refresh_interval, PopularEvent::LoadDue);
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "cannot load what is popular; trying again");
                self.core.load_failed();
                context.after(self.args.settings.retry_interval, PopularEvent::LoadDue);
                Err(error)
            }
        };
        let after = match (&self.readiness, &outcome) {
            (_, Ok(())) | (Readiness::Ready, Err(_)) => Readiness::Ready,
            (_, Err(error)) => Readiness::Failed(error.clone()),
        };
        if let Readiness::Loading(waiting) = std::mem::replace(&mut self.readiness, after) {
            for question in waiting {
                match &outcome {
                    Ok(()) => self.answer(question),
                    Err(error) => question.refuse(error.clone()),
                }
            }
        }
    }
}

async fn view(ledger: &dyn Ledger) -> StoreResult<LedgerView> {
    let since = clock::now().plus_ms(-DAY_MS);
    let engagement = ledger.engagement_hours(since, MAX_PAGE).await?;
    let newest = ledger.public_posts(PostId::first_at(since), MAX_PAGE).await?;
    let hashtags = ledger.hashtag_hours(clock::now().plus_ms(-TREND_MEMORY_MS), MAX_PAGE).await?;
    Ok(LedgerView { engagement, newest, hashtags })
}
