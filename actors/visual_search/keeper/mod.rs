//! The keeper of the visual index, one per node: wakes the node's shards, and on the node that leads embeds the posts
//! that the current model has not seen.
//!
//! Posts lack its embedding after the model was changed, or where their picture could not be embedded when it was
//! processed. They are embedded from their medium variant, newest first, slowly. What may pass (a store that is away,
//! callers that take all places of the model) sets the post aside, to be tried again soon, while the others go on; a
//! picture that cannot be embedded is tried again in the next full round only. At the end of a round, what other models
//! made of posts that have a new embedding is dropped.
//!
//! A full round looks at all posts, a bounded number at a time, when the keeper begins and once a day. The rounds
//! between look at what was written since the round before.

mod batch;
mod set_aside;

use self::{
    batch::{Batch, BatchError, Outcome, Round, Work},
    set_aside::{Attempt, SetAside},
};
use super::{Embedder, VisualSearchRef};
use crate::limited::LimitedLedger;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use std::{sync::Arc, time::Duration};
use tessera_cluster::{ChildSpec, ClusterNode};
use tessera_domain::{PostId, Timestamp, time::HOUR_MS};
use tessera_ports::{ObjectStore, clock, ledger::PostRange};
use tokio::time::Instant;

/// How long after its id was made a post is written at the latest, as clocks of nodes differ.
const WRITTEN_LATE_MS: i64 = HOUR_MS;

/// Timing of the keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeeperSettings {
    /// How often it looks after its shards, and embeds a batch.
    pub interval: Duration,
    /// Posts embedded at a time.
    pub batch: usize,
    /// The pause between two rounds.
    pub round_interval: Duration,
    /// The pause between two rounds over all posts.
    pub full_round_interval: Duration,
    /// The pause before a post that was set aside is tried again; it doubles a few times.
    pub retry_pause: Duration,
    /// How long one call of a store may take.
    pub call_limit: Duration,
}

impl Default for KeeperSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            batch: 4,
            round_interval: Duration::from_secs(600),
            full_round_interval: Duration::from_secs(24 * 3_600),
            retry_pause: Duration::from_secs(2),
            call_limit: Duration::from_secs(10),
        }
    }
}

/// What the keeper is made of.
pub struct KeeperArgs {
    /// This node in its cluster.
    pub node: Arc<ClusterNode>,
    pub ledger: LimitedLedger,
    /// Where the pictures lie.
    pub objects: Arc<dyn ObjectStore>,
    pub search: VisualSearchRef,
    /// The current model; without one nothing is embedded.
    pub embedder: Option<Embedder>,
    pub settings: KeeperSettings,
}

/// What the keeper understands.
#[derive(Debug)]
pub enum KeeperMessage {
    /// It is time to look.
    Due,
    BatchEnded(Result<Batch, BatchError>),
}

impl ractor::Message for KeeperMessage {}

pub struct VisualKeeper;

pub struct KeeperState {
    args: Arc<KeeperArgs>,
    busy: bool,
    /// What is left of the round.
    range: PostRange,
    round_began: Timestamp,
    /// When the next full round is due.
    full_round_at: Instant,
    set_aside: SetAside,
    /// Posts that were left to the next full round.
    failed: usize,
    rest_until: Option<Instant>,
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
        let set_aside = SetAside::new(args.settings.retry_pause);
        Ok(KeeperState {
            args,
            busy: false,
            range: PostRange::ALL,
            round_began: clock::now(),
            full_round_at: Instant::now(),
            set_aside,
            failed: 0,
            rest_until: None,
        })
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
        let Some(embedder) = self.args.embedder.clone().filter(|_| self.args.search.leads()) else { return };
        if self.busy {
            return;
        }
        let Some(work) = self.next_work(Instant::now()) else { return };
        self.busy = true;
        let args = self.args.clone();
        tokio::spawn(async move {
            let result = batch::run(&args, &embedder, work).await;
            let _ = myself.cast(KeeperMessage::BatchEnded(result));
        });
    }

    fn next_work(&mut self, now: Instant) -> Option<Work> {
        let again = self.set_aside.take_due(now, self.args.settings.batch);
        if !again.is_empty() {
            return Some(Work::Again(again));
        }
        let rests = self.rest_until.is_some_and(|until| now < until);
        if rests || !self.set_aside.has_room() {
            return None;
        }
        if self.range.before.is_none() {
            self.round_began = clock::now();
        }
        Some(Work::Next(self.range))
    }

    /// All posts, or those that may have been written since the round that ends now began.
    fn next_round(&mut self, now: Instant) -> PostRange {
        if self.range.after.is_none() {
            self.full_round_at = now + self.args.settings.full_round_interval;
        }
        let since = PostId::first_at(self.round_began.plus_ms(-WRITTEN_LATE_MS));
        PostRange { after: (now < self.full_round_at).then_some(since), before: None }
    }

    fn batch_ended(&mut self, result: Result<Batch, BatchError>) {
        self.busy = false;
        let Batch { round, outcomes } = match result {
            Ok(batch) => batch,
            Err(error) => {
                tracing::warn!(%error, "cannot embed posts anew; trying again");
                return;
            }
        };
        let now = Instant::now();
        outcomes.into_iter().for_each(|(attempt, outcome)| self.post_ended(attempt, outcome, now));
        match round {
            None => {}
            Some(Round::GoesOn(before)) => self.range.before = Some(before),
            Some(Round::Ended) => {
                if self.failed > 0 {
                    tracing::info!(failed = self.failed, "pictures of some posts cannot be embedded");
                }
                self.failed = 0;
                self.range = self.next_round(now);
                self.rest_until = Some(now + self.args.settings.round_interval);
            }
        }
    }

    fn post_ended(&mut self, attempt: Attempt, outcome: Outcome, now: Instant) {
        let post = attempt.post_id;
        match outcome {
            Outcome::Embedded => metrics::counter!("tessera_visual_embedded_later_total").increment(1),
            Outcome::Gone => {}
            Outcome::Busy => self.set_aside.put_off(attempt, now),
            Outcome::Failed(reason) => {
                if self.set_aside.failed(attempt, now) {
                    tracing::debug!(%post, reason, "a post's picture was not embedded; trying again soon");
                } else {
                    self.failed += 1;
                    tracing::warn!(%post, reason, "a post's picture was not embedded; the next full round tries again");
                }
            }
            Outcome::Hopeless(reason) => {
                self.failed += 1;
                tracing::debug!(%post, reason, "a post's picture cannot be embedded");
            }
        }
    }
}
