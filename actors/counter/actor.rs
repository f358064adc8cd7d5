//! The counter's shell: gathers operations, commits batches, mirrors, replies.

use super::requests::{Apply, CounterAnswer};
use crate::{
    ActorError, CounterKey,
    group_commit::{GroupCommit, GroupCommitLimits, Step},
    limited::LimitedLedger,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_cluster::{AskError, Entity, EntityContext, Handle, Passivation, Reply};
use tessera_domain::counters::CounterOperation;
use tessera_ports::{
    HotStore, Ledger, StoreResult, clock,
    decorators::{TimeLimit, TimeLimited},
    ledger::CounterBatch,
};

/// A counter's timing and bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterSettings {
    /// The least time between the starts of two batches of one counter; an idle counter commits at once.
    pub coalesce: Duration,
    /// The most operations in one batch.
    pub batch_operations: usize,
    /// The most operations that wait in one counter; past it callers get `Overloaded`.
    pub waiting_operations: usize,
    /// How long a commit may take.
    pub commit_limit: Duration,
    /// How long the mirror may take. Past it the answer goes out all the same.
    pub mirror_limit: Duration,
}

impl Default for CounterSettings {
    fn default() -> Self {
        Self {
            coalesce: Duration::from_millis(2),
            batch_operations: 256,
            waiting_operations: 4_096,
            commit_limit: Duration::from_secs(5),
            mirror_limit: Duration::from_millis(200),
        }
    }
}

/// What all counters share.
pub struct CounterArgs {
    pub ledger: LimitedLedger,
    pub hot: TimeLimited<dyn HotStore>,
    pub settings: CounterSettings,
}

impl CounterArgs {
    pub fn new(ledger: &Arc<dyn Ledger>, hot: Arc<dyn HotStore>, settings: CounterSettings) -> Self {
        let hot = TimeLimited::new(hot, TimeLimit::new("hot store", settings.mirror_limit));
        Self { ledger: LimitedLedger::new(ledger, settings.commit_limit), hot, settings }
    }
}

type AnswerPort = Reply<Result<CounterAnswer, ActorError>>;

struct Waiter {
    operation: CounterOperation,
    reply: AnswerPort,
}

/// What a counter tells itself.
pub enum CounterEvent {
    /// A batch has gathered long enough.
    BatchDue,
    /// The batch under way ended and its callers were answered.
    BatchEnded,
}

/// One counter. Its state is what waits; all that counts is in the ledger.
pub struct CounterActor {
    args: Arc<CounterArgs>,
    batches: GroupCommit<Waiter>,
}

impl Entity for CounterActor {
    type Key = CounterKey;
    type Event = CounterEvent;
    type Args = CounterArgs;
    const KIND: &'static str = "counter";

    fn activate(_: CounterKey, args: &Arc<CounterArgs>, _: &EntityContext<Self>) -> Self {
        let limits = GroupCommitLimits {
            linger: Duration::ZERO,
            spacing: args.settings.coalesce,
            batch_weight: args.settings.batch_operations,
            waiting_weight: args.settings.waiting_operations,
        };
        Self { args: args.clone(), batches: GroupCommit::new(limits) }
    }

    fn on_event(&mut self, event: CounterEvent, context: &EntityContext<Self>) {
        match event {
            CounterEvent::BatchDue => self.batches.woken(),
            CounterEvent::BatchEnded => self.batches.finished(),
        }
        self.step(context);
    }

    fn passivate(&mut self, _: &EntityContext<Self>) -> Passivation {
        if self.batches.is_idle() { Passivation::Ready } else { Passivation::Busy }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.batches.heap_bytes()
    }
}

impl Handle<Apply> for CounterActor {
    fn handle(&mut self, Apply(operation): Apply, reply: AnswerPort, context: &EntityContext<Self>) {
        if let Err(refused) = self.batches.push(Waiter { operation, reply }, 1, Instant::now()) {
            refused.reply.send(Err(AskError::Overloaded { kind: Self::KIND }.into()));
        }
        self.step(context);
    }
}

impl CounterActor {
    fn step(&mut self, context: &EntityContext<Self>) {
        match self.batches.step(Instant::now(), |waiter| waiter.reply.is_abandoned()) {
            Step::Nothing => {}
            Step::WakeAfter(delay) => context.after(delay, CounterEvent::BatchDue),
            Step::Start(batch) => context.spawn(commit(self.args.clone(), context.key(), batch)),
        }
    }
}

/// Commits one batch and answers its callers. They are answered from here and not from the mailbox, so that
/// an answer never waits behind new operations.
async fn commit(args: Arc<CounterArgs>, key: CounterKey, batch: Vec<Waiter>) -> CounterEvent {
    let (operations, replies): (Vec<_>, Vec<_>) =
        batch.into_iter().map(|waiter| (waiter.operation, waiter.reply)).unzip();
    let result = args.ledger.apply_counter_batch(key.post_id, key.shard, &operations, clock::now()).await;
    if let Ok(batch) = &result
        && !batch.rows.is_empty()
    {
        let mirror = args.hot.update_counts(key.post_id, &batch.rows);
        if let Err(error) = mirror.await {
            tracing::debug!(post_id = %key.post_id, %error, "the counter's mirror lags until its next fill");
        }
    }
    answer(result, replies);
    CounterEvent::BatchEnded
}

fn answer(result: StoreResult<CounterBatch>, replies: Vec<AnswerPort>) {
    match result {
        Ok(CounterBatch { outcomes, totals, .. }) => replies
            .into_iter()
            .zip(outcomes)
            .for_each(|(reply, outcome)| reply.send(Ok(CounterAnswer { outcome, totals }))),
        Err(error) => replies.into_iter().for_each(|reply| reply.send(Err(error.clone().into()))),
    }
}
