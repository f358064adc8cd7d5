//! What a link tells those who watch it.

use super::dial_error::DialError;
use crate::NodeName;
use std::{net::SocketAddr, time::Duration};

/// A node to be linked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its name, incarnation included.
    pub name: NodeName,
    /// Where its link listens.
    pub address: SocketAddr,
}

/// Something happened to the session with a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerEvent {
    pub name: NodeName,
    pub change: PeerChange,
}

/// What may happen to the session with a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerChange {
    /// There is a session: requests travel.
    Up,
    /// There is none any more. It is dialled anew as long as the peer is listed.
    Down {
        reason: DownReason,
    },
    /// It is gone from its address as well: the first attempt to reach it after it was listed, or after its session
    /// broke, failed. Said once, until there was a session again.
    Unreachable {
        error: DialError,
    },
    /// The session stands, and the peer has said nothing for three heartbeats.
    Silent,
    Responsive,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DownReason {
    /// The peer left in good order.
    #[error("it left")]
    Left,
    /// The connection broke: the peer's process ended, or the network did.
    #[error("the connection broke: {detail}")]
    Broken { detail: String },
    /// It is not, or no longer, among the peers.
    #[error("it is not among the peers")]
    Unlisted,
    /// This node's link was stopped.
    #[error("this node's link was stopped")]
    Stopped,
    /// The same peer connected anew: the old connection was dead without either knowing.
    #[error("it connected anew")]
    Superseded,
    /// It sent what is no frame.
    #[error("it sent what is no frame: {detail}")]
    Protocol { detail: String },
}

impl DownReason {
    pub(super) fn broken(detail: impl ToString) -> Self {
        DownReason::Broken { detail: detail.to_string() }
    }
}

/// How things stand with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// This node dials it.
    Dialling,
    /// It dials this node, and has not yet.
    Awaited,
    /// There is a session.
    Up,
    /// There is a session, and the peer has said nothing for three heartbeats.
    Silent,
}

/// A peer as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerView {
    /// Its name, incarnation included.
    pub name: NodeName,
    /// Where its link listens; unknown for one that connected before it was listed.
    pub address: Option<SocketAddr>,
    pub state: PeerState,
    /// Why the last attempt to reach it failed, until one succeeds.
    pub failure: Option<DialError>,
    /// Bytes that wait for it.
    pub queue_bytes: usize,
    /// Frames under way to it, of at most four.
    pub in_flight: u64,
    /// Requests to it that wait for an answer.
    pub pending: usize,
    /// Requests of either direction dropped in this session because their deadline had passed.
    pub expired: u64,
    /// The last round trip of a heartbeat.
    pub round_trip: Option<Duration>,
    /// The wire version of the session.
    pub wire: Option<u16>,
}
