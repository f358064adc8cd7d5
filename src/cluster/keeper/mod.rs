//! Keeps this node a member of its cluster: joins, renews its lease, watches its peers, follows the table, and steps
//! aside when the others have given it up.
//!
//! ```text
//!            join                 links up, set ready              set draining
//! (apart) ───────► Joining ──────────────────────────► Ready ─────────────────────► Draining ─► Left
//! (outside)                                             │  ▲
//!     │ evicted: everything in memory is forgotten,     │  │ renewed again, nobody evicted it
//!     └─ a new incarnation joins ◄──────────────────────┤  │
//!                                  the lease ran out    ▼  │
//!                                  or the clock is off  Unsure
//! ```
//!
//! The truth is the membership table (`tessera_ports::membership`), as in Orleans. A peer is suspected when its link
//! broke and did not come back at once, or when it was silent for three heartbeats; votes are written to the table, and
//! enough of them evict. Where two nodes cannot talk to each other while both talk to the table and to all others,
//! the one with the higher name gives way after a while, for neither could serve all users.
//!
//! While this node is not sure that it is a member ([`ClusterKeeper::may_serve`]) it must not serve: others may own
//! what it holds. Correctness would not suffer, freshness would.

mod actor;
mod health;
mod run;

use crate::{
    ClusterNode, Deadline, NodeName,
    link::{Link, LinkError, LinkListener, PeerView},
    placement::node_name,
    wire::WIRE_OLDEST,
};
use health::Lease;
use parking_lot::Mutex;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_ports::{
    Membership, StoreError,
    membership::{Candidate, Member, MemberId},
};
use tokio::sync::{Notify, watch};

/// How a node takes part in its cluster.
#[derive(Debug, Clone)]
pub struct KeeperSettings {
    pub name: String,
    /// Where its peers reach its link.
    pub advertise: SocketAddr,
    /// Where its operators reach it, as a URL.
    pub admin_url: String,
    pub version: String,
    /// The newest wire version that it speaks.
    pub wire_newest: u16,
    /// How long a lease runs. It is renewed every fifth of that.
    pub lease: Duration,
    /// How far this machine's clock may be off the database's.
    pub clock_tolerance: Duration,
    /// How long starting waits for the links to the other nodes.
    pub link_limit: Duration,
}

impl KeeperSettings {
    fn candidate(&self) -> Candidate {
        Candidate {
            name: self.name.clone(),
            address: self.advertise,
            admin_url: self.admin_url.clone(),
            wire_oldest: WIRE_OLDEST,
            wire_newest: self.wire_newest,
            version: self.version.clone(),
            lease: self.lease,
        }
    }

    fn renew_interval(&self) -> Duration {
        self.lease / 5
    }
}

/// What the rest of the node must do when its membership changes.
pub trait KeeperHooks: Send + Sync + 'static {
    /// The node is a member under this number, which is part of every id it makes from now on.
    fn joined(&self, number: u16);

    /// The node is no member any more, or becomes one at work: copies that others may have changed unheard must go.
    fn forget_copies(&self);
}

/// How far a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It has not tried to join so far.
    Apart,
    /// A member without shards, linking with the others.
    Joining,
    Ready,
    /// Not sure to be a member still; says why.
    Unsure(String),
    /// Evicted, and about to join anew.
    Outside,
    /// Hands over what it owns.
    Draining,
    /// Gone in good order.
    Left,
}

/// Why a node cannot join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Another node goes by this name.
    #[error("a node named {:?} is a member already, at {}; give every node a node.name of its own", .0.id.name, .0.address)]
    NameTaken(Box<Member>),
    /// A member speaks other wire versions.
    #[error(
        "node {:?} (version {}) speaks the wire versions {} to {}, and this node {WIRE_OLDEST} to {newest}: \
         upgrade one version at a time",
        .member.id.name, .member.version, .member.wire_oldest, .member.wire_newest
    )]
    IncompatibleWire {
        member: Box<Member>,
        /// The newest this node speaks.
        newest: u16,
    },
    /// There are no node numbers left.
    #[error("the cluster is full: it has as many nodes as there are node numbers")]
    Full,
    #[error("this machine's clock is {off_ms} ms off the database's, more than {tolerance_ms} ms: set it by NTP")]
    ClockSkew {
        /// How far; positive where this machine is ahead.
        off_ms: i64,
        /// How far it may be.
        tolerance_ms: u64,
    },
    /// The links cannot be set up.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Another node cannot be reached.
    #[error("joined, but there is no link to {name} at {address}: {failure}")]
    NotLinked {
        name: NodeName,
        address: SocketAddr,
        /// Why, as far as known.
        failure: String,
    },
    /// The membership table cannot be used.
    #[error("the membership table cannot be used: {0}")]
    Table(#[from] StoreError),
}

/// One run of this node as a member.
#[derive(Clone)]
struct Incarnation {
    id: MemberId,
    name: NodeName,
    link: Link,
}

struct Shared {
    settings: KeeperSettings,
    node: Arc<ClusterNode>,
    listener: LinkListener,
    membership: Arc<dyn Membership>,
    hooks: Arc<dyn KeeperHooks>,
    incarnation: Mutex<Option<Incarnation>>,
    lease: Mutex<Lease>,
    phase: watch::Sender<Phase>,
    drain_requested: watch::Sender<bool>,
    wake: Notify,
}

/// Keeps this node a member. Cheap to clone.
#[derive(Clone)]
pub struct ClusterKeeper(Arc<Shared>);

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

/// The name of a member's run.
fn name_of(member: &Member) -> NodeName {
    node_name(&member.id)
}
