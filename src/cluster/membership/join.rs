//! Joining, and joining anew.

use super::{
    health::Lease,
    keeper::{Incarnation, Shared},
    settings::{JoinError, Phase},
    table::{POLL_INTERVAL, elapsed_ms, in_time},
};
use crate::{
    link::{Link, PeerState},
    node_name,
    transport::Inbound,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_ports::{
    clock,
    membership::{JoinOutcome, Renewal},
};

/// The pause between attempts to join anew.
const REJOIN_PAUSE: Duration = Duration::from_millis(500);

impl Shared {
    pub(super) async fn rejoin(self: &Arc<Self>) {
        if *self.drain_requested.borrow() {
            self.phase.send_replace(Phase::Left);
            return;
        }
        if let Err(error) = self.try_join().await {
            tracing::warn!(%error, "cannot join the cluster; trying again");
            tokio::time::sleep(REJOIN_PAUSE).await;
        }
    }

    /// Joins, waiting for the lease of a dead predecessor of the same name to run out.
    pub(super) async fn join_patiently(self: &Arc<Self>) -> Result<(), JoinError> {
        let start = Instant::now();
        loop {
            match self.try_join().await {
                Err(JoinError::NameTaken(_)) if start.elapsed() <= self.settings.lease + POLL_INTERVAL => {
                    tokio::time::sleep(REJOIN_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_join(self: &Arc<Self>) -> Result<(), JoinError> {
        let sent = Instant::now();
        let newest = self.settings.wire_newest;
        let (id, number) = match in_time(self.membership.join(&self.settings.candidate())).await? {
            JoinOutcome::Joined { id, number, .. } => (id, number),
            JoinOutcome::NameTaken(member) => return Err(JoinError::NameTaken(member)),
            JoinOutcome::IncompatibleWire(member) => return Err(JoinError::IncompatibleWire { member, newest }),
            JoinOutcome::Full => return Err(JoinError::Full),
        };
        *self.lease.lock() = Lease::new(self.settings.lease, sent);
        let name = node_name(&id);
        let inbound: Arc<dyn Inbound> = self.node.clone();
        let link = match Link::start(&self.listener, name.clone(), inbound).await {
            Ok(link) => link,
            Err(error) => {
                let _ = in_time(self.membership.leave(&id)).await;
                return Err(error.into());
            }
        };
        self.hooks.joined(number);
        let incarnation = Incarnation { id, name, link };
        *self.incarnation.lock() = Some(incarnation.clone());
        self.node.set_transport(Some(Arc::new(incarnation.link.clone())));
        if !self.enter(Phase::Joining) {
            self.step_aside(&incarnation, "it was told to leave while it joined").await;
            return Ok(());
        }
        tracing::info!(node = %incarnation.name, number, "joined the cluster");
        match in_time(self.membership.members()).await {
            Ok(table) => self.follow(&incarnation, table),
            // The loop reads it again.
            Err(error) => tracing::warn!(%error, "the membership table cannot be read"),
        }
        Ok(())
    }

    pub(super) async fn check_clock(&self) -> Result<(), JoinError> {
        let incarnation = self.incarnation.lock().clone();
        let Some(incarnation) = incarnation else { return Ok(()) };
        let sent = Instant::now();
        let renewal = in_time(self.membership.renew(&incarnation.id, self.settings.lease)).await?;
        let Renewal::Renewed { database_time, .. } = renewal else { return Ok(()) };
        let off_ms = clock::now().0 - database_time.0;
        let tolerance_ms = self.settings.clock_tolerance.as_millis() as u64;
        if off_ms.unsigned_abs() > tolerance_ms + elapsed_ms(sent) {
            return Err(JoinError::ClockSkew { off_ms, tolerance_ms });
        }
        Ok(())
    }

    /// The first member at work that there is no link to.
    pub(super) fn not_linked(&self) -> Option<JoinError> {
        let incarnation = self.incarnation.lock().clone()?;
        let view = self.node.view();
        let peers = incarnation.link.peers();
        let missing = peers.into_iter().find(|peer| peer.state != PeerState::Up && view.has_member(&peer.name))?;
        let member = view.members.iter().find(|member| node_name(&member.id) == missing.name)?;
        let failure =
            missing.failure.map_or_else(|| "it has not answered so far".to_owned(), |error| error.to_string());
        Some(JoinError::NotLinked { name: missing.name, address: member.address, failure })
    }
}
