//! How a node takes part in its cluster, how far it is, and why it cannot join.

use crate::{NodeName, link::LinkError, wire::WIRE_OLDEST};
use std::{net::SocketAddr, time::Duration};
use tessera_ports::{
    StoreError,
    membership::{Candidate, Member},
};

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
    pub(super) fn candidate(&self) -> Candidate {
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

    pub(super) fn renew_interval(&self) -> Duration {
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
