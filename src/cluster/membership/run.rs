//! The loop, and its steps.

use super::{
    health::Suspicions,
    keeper::{Incarnation, Shared},
    settings::Phase,
    table::{POLL_INTERVAL, elapsed_ms, in_time},
};
use crate::{
    NodeName, View,
    link::{Peer, PeerState},
    node_name,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_ports::{
    clock,
    membership::{MemberStatus, MembershipView, Renewal, SuspectOutcome},
};
use tokio::sync::broadcast::error::RecvError;

/// How often the links are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// After so many lease lengths out of reach of each other, the member with the higher name gives way.
const GIVE_WAY_LEASES: u32 = 3;

/// What the loop remembers from round to round.
struct Watch {
    suspicions: Suspicions,
    renewed_at: Option<Instant>,
    read_at: Option<Instant>,
    must_read: bool,
}

impl Shared {
    /// Runs until the node has left.
    pub(super) async fn run(self: Arc<Self>) {
        let mut watch = Watch { suspicions: Suspicions::default(), renewed_at: None, read_at: None, must_read: true };
        // The sender lives as long as `self`.
        let _ = self.phase.subscribe().wait_for(|phase| *phase != Phase::Apart).await;
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while *self.phase.borrow() != Phase::Left {
            let incarnation = self.incarnation.lock().clone();
            let Some(incarnation) = incarnation else {
                self.rejoin().await;
                watch = Watch { suspicions: Suspicions::default(), renewed_at: None, read_at: None, must_read: true };
                continue;
            };
            let mut events = incarnation.link.events();
            tokio::select! {
                _ = look.tick() => {}
                () = self.membership.changed().notified() => watch.must_read = true,
                () = self.node.placement().stale() => watch.must_read = true,
                () = self.wake.notified() => {}
                event = events.recv() => if event == Err(RecvError::Closed) { look.tick().await; },
                () = incarnation.link.ended() => self.step_aside(&incarnation, "its link ended").await,
            }
            if *self.phase.borrow() == Phase::Left {
                return;
            }
            self.round(&incarnation, &mut watch).await;
        }
    }

    async fn round(self: &Arc<Self>, incarnation: &Incarnation, watch: &mut Watch) {
        let due = |at: Option<Instant>, interval| at.is_none_or(|at: Instant| at.elapsed() >= interval);
        if due(watch.renewed_at, self.settings.renew_interval()) {
            watch.renewed_at = Some(Instant::now());
            if !self.renew(incarnation, watch).await {
                return;
            }
        }
        if watch.must_read || due(watch.read_at, POLL_INTERVAL) {
            watch.must_read = false;
            watch.read_at = Some(Instant::now());
            match in_time(self.membership.members()).await {
                Ok(table) => self.follow(incarnation, table),
                Err(error) => tracing::warn!(%error, "the membership table cannot be read"),
            }
        }
        self.watch_peers(incarnation, watch).await;
        self.advance(incarnation, watch).await;
    }

    /// Renews the lease; false where the node is no member any more.
    async fn renew(&self, incarnation: &Incarnation, watch: &mut Watch) -> bool {
        let sent = Instant::now();
        match in_time(self.membership.renew(&incarnation.id, self.settings.lease)).await {
            Ok(Renewal::Renewed { view, database_time }) => {
                self.lease.lock().renewed(sent);
                self.node.lease_renewed(sent + self.settings.lease, database_time);
                watch.must_read |= view > self.node.view().epoch();
                let off_ms = clock::now().0 - database_time.0;
                let off = off_ms.unsigned_abs() > self.settings.clock_tolerance.as_millis() as u64 + elapsed_ms(sent);
                if self.settle_doubt(off.then(|| format!("the clock is {off_ms} ms off the database's"))) && off {
                    // Its peers must not send it their users as long as it does not know the time.
                    let given_up = in_time(self.membership.set_status(&incarnation.id, MemberStatus::Joining)).await;
                    watch.must_read = true;
                    if let Err(error) = given_up {
                        tracing::warn!(%error, "the node's shards cannot be given up");
                    }
                }
            }
            Ok(Renewal::Evicted) => {
                self.step_aside(incarnation, "the others gave it up").await;
                return false;
            }
            Err(error) => {
                tracing::warn!(%error, "the node's lease cannot be renewed");
                if self.lease.lock().has_lapsed(Instant::now()) {
                    self.settle_doubt(Some("its lease ran out, for the ledger cannot be reached".to_owned()));
                }
                return true;
            }
        }
        if self.lease.lock().may_judge(Instant::now()) {
            match in_time(self.membership.evict_expired()).await {
                Ok(0) => {}
                Ok(count) => {
                    tracing::warn!(count, "nodes whose lease ran out were evicted");
                    watch.must_read = true;
                }
                Err(error) => tracing::warn!(%error, "nodes whose lease ran out cannot be evicted"),
            }
        }
        true
    }

    /// Goes into doubt or out of it; says whether that changed anything.
    fn settle_doubt(&self, doubt: Option<String>) -> bool {
        self.phase.send_if_modified(|phase| match (&*phase, doubt) {
            (Phase::Ready | Phase::Joining, Some(reason)) => {
                tracing::error!(reason, "this node stops serving for now");
                self.node.set_at_work(false);
                *phase = Phase::Unsure(reason);
                true
            }
            (Phase::Unsure(_), None) => {
                tracing::info!("this node is sure of its membership again");
                // Back to `Ready` once the table has been looked at.
                *phase = Phase::Joining;
                true
            }
            _ => false,
        })
    }

    /// Follows the table: peers, view.
    pub(super) fn follow(&self, incarnation: &Incarnation, table: MembershipView) {
        let peers = table.members.iter().filter(|member| member.id != incarnation.id);
        incarnation
            .link
            .set_peers(peers.map(|member| Peer { name: node_name(&member.id), address: member.address }).collect());
        self.node.install(View::of(incarnation.name.clone(), &table));
    }

    /// Votes against peers that are out of reach.
    async fn watch_peers(&self, incarnation: &Incarnation, watch: &mut Watch) {
        let suspects = watch.suspicions.observe(&incarnation.link.peers(), Instant::now());
        // A node that has not got in, or doubts itself, is no judge of those at work: the fault may be its own.
        if !matches!(*self.phase.borrow(), Phase::Ready | Phase::Draining) {
            return;
        }
        for suspect in suspects {
            let view = self.node.view();
            let Some(member) = view.members.iter().find(|member| node_name(&member.id) == suspect) else { continue };
            match in_time(self.membership.suspect(&member.id, &incarnation.id)).await {
                Ok(SuspectOutcome::Evicted) => {
                    tracing::warn!(%suspect, "a node was evicted");
                    watch.must_read = true;
                }
                Ok(SuspectOutcome::Gone) => watch.must_read = true,
                Ok(SuspectOutcome::Noted) => tracing::warn!(%suspect, "a node is suspected to be dead"),
                Ok(SuspectOutcome::NotAMember) => watch.renewed_at = None,
                Err(error) => {
                    // The others would have to wait as long, and this node's own lease with them.
                    tracing::warn!(%suspect, %error, "a suspicion cannot be written");
                    return;
                }
            }
        }
    }

    /// Takes the next step where one is due: ready, draining, giving way.
    async fn advance(self: &Arc<Self>, incarnation: &Incarnation, watch: &mut Watch) {
        let phase = self.phase.borrow().clone();
        let drain = *self.drain_requested.borrow();
        let status = match phase {
            Phase::Joining | Phase::Ready if drain => MemberStatus::Draining,
            Phase::Joining if self.is_linked(incarnation) => MemberStatus::Ready,
            Phase::Ready if self.should_give_way(incarnation, watch) => {
                return self.step_aside(incarnation, "it cannot reach another node, which has precedence").await;
            }
            _ => return,
        };
        match in_time(self.membership.set_status(&incarnation.id, status)).await {
            Ok(true) => match in_time(self.membership.members()).await {
                Ok(table) => {
                    self.follow(incarnation, table);
                    let next = if drain { Phase::Draining } else { Phase::Ready };
                    tracing::info!(node = %incarnation.name, phase = ?next, epoch = self.node.view().epoch(), "membership");
                    self.node.set_at_work(true);
                    if !drain {
                        self.hooks.forget_copies();
                    }
                    if !self.enter(next) {
                        self.node.set_at_work(false);
                    }
                }
                Err(error) => tracing::warn!(%error, "the membership table cannot be read"),
            },
            Ok(false) => watch.renewed_at = None,
            Err(error) => tracing::warn!(%error, "the node's status cannot be written"),
        }
    }

    /// Goes on to the next phase, unless the node was told to leave meanwhile, which is for good.
    pub(super) fn enter(&self, next: Phase) -> bool {
        self.phase.send_if_modified(|phase| {
            let goes_on = *phase != Phase::Left;
            if goes_on {
                *phase = next;
            }
            goes_on
        })
    }

    /// Whether every member that is at work is linked.
    fn is_linked(&self, incarnation: &Incarnation) -> bool {
        let view = self.node.view();
        let peers = incarnation.link.peers();
        let is_up = |name: &NodeName| peers.iter().any(|peer| peer.name == *name && peer.state == PeerState::Up);
        view.this == incarnation.name && view.others_at_work().iter().all(is_up)
    }

    /// Whether a member with precedence has been out of reach for long and nobody evicted it: where others reach both,
    /// or nobody else is there, votes do not suffice, and requests between the two would fail for ever.
    fn should_give_way(&self, incarnation: &Incarnation, watch: &Watch) -> bool {
        let limit = self.settings.lease * GIVE_WAY_LEASES;
        let now = Instant::now();
        let has_precedence = |other: &&NodeName| **other < incarnation.name;
        let others = self.node.view().others_at_work();
        others.iter().filter(has_precedence).any(|other| watch.suspicions.is_away_for(other, limit, now))
    }

    /// Forgets everything that others own by now, and the membership with it.
    pub(super) async fn step_aside(&self, incarnation: &Incarnation, reason: &str) {
        tracing::error!(node = %incarnation.name, reason, "this node steps aside and joins anew");
        self.node.set_at_work(false);
        self.enter(Phase::Outside);
        self.node.set_transport(None);
        *self.incarnation.lock() = None;
        // It may still be a member where it steps aside by itself.
        let _ = in_time(self.membership.leave(&incarnation.id)).await;
        incarnation.link.stop().await;
        self.node.abandon_entities();
        self.hooks.forget_copies();
    }
}
