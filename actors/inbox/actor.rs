//! The inbox's shell: gathers signals, records them, replies.

use super::{core, requests::Record};
use crate::{
    ActorError, NextId, UserKey,
    group_commit::{GroupCommit, GroupCommitLimits, Step},
    limited::LimitedLedger,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_cluster::{AskError, Entity, EntityContext, Handle, Passivation, Reply};
use tessera_domain::{UserId, notification::Signal};
use tessera_ports::{Ledger, StoreResult, clock};

/// An inbox's timing and bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxSettings {
    /// How long signals wait for company.
    pub coalesce: Duration,
    /// The most signals recorded in one transaction.
    pub batch_signals: usize,
    /// The most signals that wait in one inbox; past it callers get `Overloaded`.
    pub waiting_signals: usize,
    /// How long a transaction may take.
    pub commit_limit: Duration,
}

impl Default for InboxSettings {
    fn default() -> Self {
        Self {
            coalesce: Duration::from_millis(20),
            batch_signals: 500,
            waiting_signals: 10_000,
            commit_limit: Duration::from_secs(5),
        }
    }
}

/// What all inboxes share.
pub struct InboxArgs {
    pub ledger: LimitedLedger,
    /// Ids for new notifications.
    pub next_id: NextId,
    pub settings: InboxSettings,
}

impl InboxArgs {
    pub fn new(ledger: &Arc<dyn Ledger>, next_id: NextId, settings: InboxSettings) -> Self {
        Self { ledger: LimitedLedger::new(ledger, settings.commit_limit), next_id, settings }
    }
}

struct Waiter {
    signals: Vec<Signal>,
    reply: Reply<Result<(), ActorError>>,
}

/// What an inbox tells itself.
pub enum InboxEvent {
    /// A batch has gathered long enough.
    BatchDue,
    /// The batch under way ended and its callers were answered.
    BatchEnded,
}

/// One inbox. Its state is what waits; notifications are in the ledger.
pub struct InboxActor {
    args: Arc<InboxArgs>,
    batches: GroupCommit<Waiter>,
}

impl Entity for InboxActor {
    type Key = UserKey;
    type Event = InboxEvent;
    type Args = InboxArgs;
    const KIND: &'static str = "inbox";

    fn activate(_: UserKey, args: &Arc<InboxArgs>, _: &EntityContext<Self>) -> Self {
        let limits = GroupCommitLimits {
            linger: args.settings.coalesce,
            spacing: Duration::ZERO,
            batch_weight: args.settings.batch_signals,
            waiting_weight: args.settings.waiting_signals,
        };
        Self { args: args.clone(), batches: GroupCommit::new(limits) }
    }

    fn on_event(&mut self, event: InboxEvent, context: &EntityContext<Self>) {
        match event {
            InboxEvent::BatchDue => self.batches.woken(),
            InboxEvent::BatchEnded => self.batches.finished(),
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

impl Handle<Record> for InboxActor {
    fn handle(&mut self, Record(signals): Record, reply: Reply<Result<(), ActorError>>, context: &EntityContext<Self>) {
        let weight = signals.len();
        if let Err(refused) = self.batches.push(Waiter { signals, reply }, weight, Instant::now()) {
            refused.reply.send(Err(AskError::Overloaded { kind: Self::KIND }.into()));
        }
        self.step(context);
    }
}

impl InboxActor {
    fn step(&mut self, context: &EntityContext<Self>) {
        match self.batches.step(Instant::now(), |waiter| waiter.reply.is_abandoned()) {
            Step::Nothing => {}
            Step::WakeAfter(delay) => context.after(delay, InboxEvent::BatchDue),
            Step::Start(batch) => context.spawn(record(self.args.clone(), context.key().0, batch)),
        }
    }
}

async fn record(args: Arc<InboxArgs>, user_id: UserId, batch: Vec<Waiter>) -> InboxEvent {
    let (signals, replies): (Vec<_>, Vec<_>) = batch.into_iter().map(|waiter| (waiter.signals, waiter.reply)).unzip();
    let result = record_all(&args, user_id, signals.into_iter().flatten()).await.map_err(ActorError::from);
    replies.into_iter().for_each(|reply| reply.send(result.clone()));
    InboxEvent::BatchEnded
}

async fn record_all(args: &InboxArgs, user_id: UserId, signals: impl Iterator<Item = Signal>) -> StoreResult<()> {
    for chunk in core::chunks(signals, args.settings.batch_signals, || (args.next_id)()) {
        args.ledger.record_signals(user_id, &chunk, clock::now()).await?;
    }
    Ok(())
}
