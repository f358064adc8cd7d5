//! The keeper, as the rest of the node sees it.

use super::{
    health::Lease,
    settings::{JoinError, KeeperHooks, KeeperSettings, Phase},
};
use crate::{
    ClusterNode, Deadline, NodeName,
    link::{Link, LinkListener, PeerView},
};
use parking_lot::Mutex;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_ports::{Membership, membership::MemberId};
use tokio::sync::{Notify, watch};

/// One run of this node as a member.
#[derive(Clone)]
pub(super) struct Incarnation {
    pub(super) id: MemberId,
    pub(super) name: NodeName,
    pub(super) link: Link,
}

/// What the keeper and its loop share.
pub(super) struct Shared {
    pub(super) settings: KeeperSettings,
    pub(super) node: Arc<ClusterNode>,
    pub(super) listener: LinkListener,
    pub(super) membership: Arc<dyn Membership>,
    pub(super) hooks: Arc<dyn KeeperHooks>,
    pub(super) incarnation: Mutex<Option<Incarnation>>,
    pub(super) lease: Mutex<Lease>,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) drain_requested: watch::Sender<bool>,
    pub(super) wake: Notify,
}

/// Keeps this node a member. Cheap to clone.
#[derive(Clone)]
pub struct ClusterKeeper(pub(super) Arc<Shared>);

impl ClusterKeeper {
    /// A keeper that has not joined yet.
    pub fn new(
        settings: KeeperSettings,
        node: Arc<ClusterNode>,
        listener: LinkListener,
        membership: Arc<dyn Membership>,
        hooks: Arc<dyn KeeperHooks>,
    ) -> Self {
        node.set_membership(membership.clone());
        node.set_at_work(false);
        let lease = Mutex::new(Lease::new(settings.lease, Instant::now()));
        Self(Arc::new(Shared {
            settings,
            node,
            listener,
            membership,
            hooks,
            incarnation: Mutex::new(None),
            lease,
            phase: watch::Sender::new(Phase::Apart),
            drain_requested: watch::Sender::new(false),
            wake: Notify::new(),
        }))
    }

    /// Joins the cluster: afterwards the node is a member and owns nothing yet. What follows is done by the loop that
    /// [`ClusterKeeper::child_spec`] runs, which waits for this. Everything that serves other nodes must stand by now.
    ///
    /// # Errors
    /// See [`JoinError`]. The node is no member then.
    pub async fn join(&self) -> Result<(), JoinError> {
        self.0.join_patiently().await?;
        if let Err(error) = self.0.check_clock().await {
            self.leave().await;
            return Err(error);
        }
        Ok(())
    }

    /// Waits until the node owns its share.
    ///
    /// # Errors
    /// [`JoinError::NotLinked`] where a member stays out of reach. The node should then leave.
    pub async fn wait_ready(&self) -> Result<(), JoinError> {
        let mut phase = self.0.phase.subscribe();
        let ready = phase.wait_for(|phase| *phase == Phase::Ready);
        if tokio::time::timeout(self.0.settings.link_limit, ready).await.is_ok() {
            return Ok(());
        }
        Err(self.0.not_linked().unwrap_or_else(|| JoinError::NotLinked {
            name: NodeName("the cluster".to_owned()),
            address: self.0.settings.advertise,
            failure: format!("the node is still {:?}", *self.0.phase.borrow()),
        }))
    }

    /// How far the node is.
    pub fn phase(&self) -> Phase {
        self.0.phase.borrow().clone()
    }

    /// Whether this node may answer requests: it is a member at work, and its lease has not run out. One that is
    /// joining is not told of what changes, so what it answered could be out of date.
    pub fn may_serve(&self) -> bool {
        let serves = matches!(*self.0.phase.borrow(), Phase::Ready | Phase::Draining);
        serves && !self.0.lease.lock().has_lapsed(Instant::now())
    }

    /// This node's link to each of its peers.
    pub fn peers(&self) -> Vec<PeerView> {
        let incarnation = self.0.incarnation.lock().clone();
        incarnation.map(|incarnation| incarnation.link.peers()).unwrap_or_default()
    }

    /// Gives up this node's shards, as far as the table can be reached before `deadline`. It stays a member that hands
    /// over what it has, and can still reach the others.
    pub async fn begin_drain(&self, deadline: Deadline) {
        self.0.drain_requested.send_replace(true);
        self.0.wake.notify_one();
        let mut phase = self.0.phase.subscribe();
        let drains = phase.wait_for(|phase| matches!(phase, Phase::Draining | Phase::Left));
        if tokio::time::timeout_at(deadline.instant().into(), drains).await.is_err() {
            tracing::warn!("the cluster was not told of the drain in time; it will notice the departure");
        }
    }

    /// Ends the membership. Nothing can be reached any more afterwards.
    pub async fn leave(&self) {
        self.0.phase.send_replace(Phase::Left);
        self.0.wake.notify_one();
        let incarnation = self.0.incarnation.lock().take();
        let Some(Incarnation { id, link, .. }) = incarnation else { return };
        let left = tokio::time::timeout(Duration::from_secs(2), self.0.membership.leave(&id)).await;
        if !matches!(left, Ok(Ok(()))) {
            tracing::warn!("cannot tell the cluster that this node leaves; its lease will run out");
        }
        self.0.node.set_transport(None);
        link.stop().await;
    }
}
