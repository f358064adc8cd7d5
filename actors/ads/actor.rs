//! The shell around the ads: reads campaigns and impressions, writes impressions, answers.

use super::{
    core::{AdsCore, Choice, Question},
    requests::{CampaignsChanged, CandidatesReply, Choose, Flush, Shown, ShownElsewhere},
};
use crate::{NodeSingleton, limited::LimitedLedger};
use std::{sync::Arc, time::Duration};
use tessera_cluster::{Entity, EntityContext, Handle, Passivation, Reply};
use tessera_domain::{Timestamp, UserId};
use tessera_ports::{
    Ledger, StoreError, StoreResult,
    back_off::BackOff,
    clock,
    ledger::{AdImpressions, AdSpend, MAX_PAGE},
};

/// The most callers that wait for the ledger at once, be it for campaigns or for a user's impressions.
const WAITING_CALLERS: usize = 1_024;
/// The most callers that wait for a flush.
const WAITING_FLUSHES: usize = 64;
/// The longest wait before a failed flush is tried again.
const MAX_FLUSH_DELAY: Duration = Duration::from_secs(5);

/// Timing of the ads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdsSettings {
    /// How often campaigns and their spend are read.
    pub refresh_interval: Duration,
    /// How long impressions wait for company before they are written.
    pub flush_interval: Duration,
    /// How long one call of the ledger may take.
    pub call_limit: Duration,
}

impl Default for AdsSettings {
    fn default() -> Self {
        Self {
            refresh_interval: Duration::from_secs(5),
            flush_interval: Duration::from_millis(200),
            call_limit: Duration::from_secs(5),
        }
    }
}

/// What the entity is made of.
pub struct AdsArgs {
    pub ledger: LimitedLedger,
    pub settings: AdsSettings,
}

impl AdsArgs {
    pub fn new(ledger: &Arc<dyn Ledger>, settings: AdsSettings) -> Self {
        Self { ledger: LimitedLedger::new(ledger, settings.call_limit), settings }
    }
}

/// Whether there is anything to answer from.
enum Readiness {
    /// The first read is under way; these wait for it.
    Loading(Vec<(UserId, usize, CandidatesReply)>),
    /// No read succeeded so far; the last one failed so.
    Failed(StoreError),
    /// Read at least once.
    Ready,
}

/// What the ads tell themselves.
pub enum AdsEvent {
    /// It is time to read the campaigns.
    RefreshDue,
    /// The active campaigns as of a time.
    Refreshed(Timestamp, StoreResult<Vec<AdSpend>>),
    /// What a user saw today.
    ImpressionsRead(Question, StoreResult<Vec<AdImpressions>>, CandidatesReply),
    /// It is time to write impressions.
    FlushDue,
    Flushed(StoreResult<()>),
}

/// The ads of this node.
pub struct AdsActor {
    args: Arc<AdsArgs>,
    core: AdsCore,
    readiness: Readiness,
    refreshing: bool,
    /// A change came while campaigns were being read: read them once more.
    refresh_again: bool,
    questions_under_way: usize,
    flush_scheduled: bool,
    failed_flushes: u32,
    flush_callers: Vec<Reply<StoreResult<()>>>,
}

impl Entity for AdsActor {
    type Key = NodeSingleton;
    type Event = AdsEvent;
    type Args = AdsArgs;
    const KIND: &'static str = "ads";

    fn activate(_: NodeSingleton, args: &Arc<AdsArgs>, context: &EntityContext<Self>) -> Self {
        let mut entity = Self {
            args: args.clone(),
            core: AdsCore::default(),
            readiness: Readiness::Loading(Vec::new()),
            refreshing: false,
            refresh_again: false,
            questions_under_way: 0,
            flush_scheduled: false,
            failed_flushes: 0,
            flush_callers: Vec::new(),
        };
        entity.refresh(context);
        context.after(args.settings.refresh_interval, AdsEvent::RefreshDue);
        entity
    }

    fn on_event(&mut self, event: AdsEvent, context: &EntityContext<Self>) {
        match event {
            AdsEvent::RefreshDue => {
                self.refresh(context);
                context.after(self.args.settings.refresh_interval, AdsEvent::RefreshDue);
            }
            AdsEvent::Refreshed(read_at, result) => self.refreshed(read_at, result, context),
            AdsEvent::ImpressionsRead(question, result, reply) => self.impressions_read(&question, result, reply),
            AdsEvent::FlushDue => {
                self.flush_scheduled = false;
                self.flush(context);
            }
            AdsEvent::Flushed(result) => self.flushed(result, context),
        }
    }

    fn passivate(&mut self, _: &EntityContext<Self>) -> Passivation {
        Passivation::Busy
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.core.heap_bytes()
    }
}

impl Handle<Choose> for AdsActor {
    fn handle(&mut self, call: Choose, reply: CandidatesReply, context: &EntityContext<Self>) {
        self.candidates(call.user_id, call.limit, reply, context);
    }
}

impl Handle<Shown> for AdsActor {
    fn handle(&mut self, Shown { user_id, ad_ids }: Shown, _: Reply<()>, context: &EntityContext<Self>) {
        let now = clock::now();
        let dropped = ad_ids.iter().filter(|ad_id| !self.core.shown(user_id, **ad_id, now)).count();
        if dropped > 0 {
            tracing::warn!(dropped, "impressions were dropped: too many wait for the ledger");
        }
        self.schedule_flush(context);
    }
}

impl Handle<ShownElsewhere> for AdsActor {
    fn handle(&mut self, call: ShownElsewhere, _: Reply<()>, _: &EntityContext<Self>) {
        let now = clock::now();
        call.ad_ids.into_iter().for_each(|ad_id| self.core.shown_elsewhere(call.user_id, ad_id, now));
    }
}

impl Handle<CampaignsChanged> for AdsActor {
    fn handle(&mut self, CampaignsChanged: CampaignsChanged, _: Reply<()>, context: &EntityContext<Self>) {
        self.refresh(context);
    }
}

impl Handle<Flush> for AdsActor {
    fn handle(&mut self, Flush: Flush, reply: Reply<StoreResult<()>>, context: &EntityContext<Self>) {
        if self.core.is_flushed() {
            return reply.send(Ok(()));
        }
        if self.flush_callers.len() >= WAITING_FLUSHES {
            return reply.send(Err(StoreError::Overloaded { store: "ads" }));
        }
        self.flush_callers.push(reply);
        self.flush(context);
    }
}

impl AdsActor {
    fn candidates(&mut self, user_id: UserId, limit: usize, reply: CandidatesReply, context: &EntityContext<Self>) {
        match &mut self.readiness {
            Readiness::Ready => {}
            Readiness::Failed(error) => return reply.send(Err(error.clone())),
            Readiness::Loading(waiting) if waiting.len() < WAITING_CALLERS => {
                return waiting.push((user_id, limit, reply));
            }
            Readiness::Loading(_) => return reply.send(Err(StoreError::Overloaded { store: "ads" })),
        }
        match self.core.ask(user_id, limit, clock::now()) {
            Choice::Nothing => reply.send(Ok(Vec::new())),
            Choice::Read(_) if self.questions_under_way >= WAITING_CALLERS => {
                reply.send(Err(StoreError::Overloaded { store: "ads" }));
            }
            Choice::Read(question) => {
                self.questions_under_way += 1;
                let args = self.args.clone();
                context.spawn(async move {
                    let result = args.ledger.impressions_of(question.user_id, question.day).await;
                    AdsEvent::ImpressionsRead(question, result, reply)
                });
            }
        }
    }

    fn impressions_read(
        &mut self,
        question: &Question,
        result: StoreResult<Vec<AdImpressions>>,
        reply: CandidatesReply,
    ) {
        self.questions_under_way = self.questions_under_way.saturating_sub(1);
        reply.send(result.map(|seen| self.core.choose(question, &seen, clock::now())));
    }

    fn refresh(&mut self, context: &EntityContext<Self>) {
        if std::mem::replace(&mut self.refreshing, true) {
            self.refresh_again = true;
            return;
        }
        let (args, now) = (self.args.clone(), clock::now());
        self.core.refresh_began(now);
        context.spawn(async move { AdsEvent::Refreshed(now, args.ledger.ads(now, true, MAX_PAGE).await) });
    }

    fn refreshed(&mut self, read_at: Timestamp, result: StoreResult<Vec<AdSpend>>, context: &EntityContext<Self>) {
        self.refreshing = false;
        let failure = match result {
            Ok(spends) => {
                self.core.refreshed(spends, read_at);
                None
            }
            Err(error) => {
                tracing::warn!(%error, "cannot read the campaigns; trying again");
                self.core.refresh_failed();
                Some(error)
            }
        };
        let after = match (&self.readiness, &failure) {
            (_, None) | (Readiness::Ready, _) => Readiness::Ready,
            (_, Some(error)) => Readiness::Failed(error.clone()),
        };
        if let Readiness::Loading(waiting) = std::mem::replace(&mut self.readiness, after) {
            for (user_id, limit, reply) in waiting {
                self.candidates(user_id, limit, reply, context);
            }
        }
        if std::mem::take(&mut self.refresh_again) {
            self.refresh(context);
        }
    }

    fn schedule_flush(&mut self, context: &EntityContext<Self>) {
        if self.core.is_flushed() || std::mem::replace(&mut self.flush_scheduled, true) {
            return;
        }
        let interval = self.args.settings.flush_interval;
        let back_off = BackOff::new(interval * 2, MAX_FLUSH_DELAY);
        context.after(back_off.pause(self.failed_flushes).max(interval), AdsEvent::FlushDue);
    }

    fn flush(&mut self, context: &EntityContext<Self>) {
        let Some(flush) = self.core.flush() else { return };
        let args = self.args.clone();
        context
            .spawn(async move { AdsEvent::Flushed(args.ledger.add_impressions(flush.day, &flush.impressions).await) });
    }

    fn flushed(&mut self, result: StoreResult<()>, context: &EntityContext<Self>) {
        // Sent again even where it may have happened: a budget spent early does less harm than one overspent.
        self.core.flushed(result.is_ok());
        self.failed_flushes = if result.is_ok() { 0 } else { self.failed_flushes + 1 };
        if let Err(error) = &result {
            tracing::warn!(%error, "cannot write impressions; trying again");
        }
        if result.is_err() || self.core.is_flushed() {
            self.flush_callers.drain(..).for_each(|reply| reply.send(result.clone()));
        }
        if self.flush_callers.is_empty() { self.schedule_flush(context) } else { self.flush(context) }
    }
}
