//! The link between nodes: authenticated sessions of `ractor_cluster`, and requests over them.
//!
//! ```text
//! Link ── LinkNode (one incarnation) ── NodeServer ─ NodeSession per peer      ractor_cluster
//!            │                       └─ Gateway, the only remotable actor      plain casts of frames
//!            ├─ dial task per peer with a higher name   (dial)
//!            ├─ session per peer: outbox, pending       (session, outbox, pending, frame, transit)
//!            └─ heartbeats                              (heartbeat)
//! LinkListener ── TLS, hello ── the LinkNode behind it   (listener, door, tls, handshake)
//! ```
//!
//! **Who gets in.** Mutual TLS 1.3: either side shows a certificate of the cluster's authority that names
//! [`CERTIFICATE_NAME`]. Then both prove that they know the cluster secret, bound to that TLS session, and agree on a
//! wire version. Only then `ractor_cluster` sees the stream. Whoever fails is told why where that helps, counted,
//! logged once in half a minute per reason, and nothing else happens. Handshakes have 5 s and are bounded in number.
//!
//! **Who dials.** Of two nodes the one with the lower name; with back-off from 0 to 1 s. A node may be dialled by one
//! that it has not listed yet, and keeps that session for 10 s. One that was listed and is no more is refused.
//!
//! **Requests.** [`Link`] is a [`Transport`]. Requests, notices and answers wait in one bounded queue per peer and go
//! in frames of about 64 kB, at most four of them unacknowledged; a larger value has its own frame. A request that was
//! certainly not delivered fails with `Unlinked`, `Overloaded`, `TooLarge` or what the peer says; one that may have
//! been delivered with `Lost` or `Expired`. When a session ends all that wait hear of it at once. The remaining time
//! travels along; what is late is dropped unserved, in the queue and at the receiver.
//!
//! **Signs of life.** A peer from which nothing came for three heartbeats is [`PeerChange::Silent`]; a connection on
//! which the peer's kernel acknowledges nothing for 5 s breaks.
//!
//! **Bounds.** Per peer: requests and bytes waiting, requests pending, requests served at once, frames in flight,
//! pings unanswered. Per listener: handshakes at once, in all and per address; unlisted nodes. A process has one link
//! at a time, because registries and process groups of `ractor` are process-wide.
//!
//! **Logs.** `ractor_cluster` formats whole payloads at `debug`: give it no level below `info` ([`LOG_DIRECTIVE`]).

mod dial;
mod dial_error;
mod door;
mod events;
mod frame;
mod gateway;
mod handshake;
mod heartbeat;
mod listener;
mod node;
mod node_server;
mod outbox;
mod peers;
mod pending;
mod probe;
mod session;
mod settings;
mod stream;
mod throttle;
mod tls;
mod transit;

pub use dial_error::DialError;
pub use events::{DownReason, Peer, PeerChange, PeerEvent, PeerState, PeerView};
pub use handshake::Refusal;
pub use listener::LinkListener;
pub use settings::{ClusterSecret, LinkError, LinkSettings};
pub use tls::CERTIFICATE_NAME;

use crate::{
    Deadline, NodeName,
    transport::{Inbound, RemoteError, Request, Transport},
    wire::MAX_VALUE_BYTES,
};
use async_trait::async_trait;
use bytes::Bytes;
use node::LinkNode;
use session::Session;
use std::sync::Arc;
use tokio::sync::broadcast;

/// What a log filter must contain: below it `ractor_cluster` would write out what users wrote.
pub const LOG_DIRECTIVE: &str = "ractor_cluster=warn";

/// This node among its peers, for one incarnation. Cheap to clone; lives until [`Link::stop`].
#[derive(Clone)]
pub struct Link(Arc<LinkNode>);

impl Link {
    /// Starts to be `name`, whose incarnation was never used before, behind `listener`. `inbound` serves what peers
    /// ask.
    ///
    /// # Errors
    /// Where the listener already carries a link, or the actors cannot start.
    pub async fn start(listener: &LinkListener, name: NodeName, inbound: Arc<dyn Inbound>) -> Result<Self, LinkError> {
        let node = LinkNode::start(listener.door.clone(), name, inbound).await?;
        node.tasks.spawn(heartbeat::keep(node.clone()));
        Ok(Self(node))
    }

    /// The name it was started with.
    pub fn name(&self) -> &NodeName {
        &self.0.name
    }

    /// Replaces the list of peers (this node itself may be among them). Those that are new are dialled, if this node is
    /// the one that dials; sessions with those that are no longer listed are closed, and they are refused from now on.
    pub fn set_peers(&self, peers: Vec<Peer>) {
        for (peer, cancelled) in self.0.set_peers(peers) {
            self.0.tasks.spawn(dial::keep_dialling(self.0.clone(), peer, cancelled));
        }
    }

    /// What happens from now on. A watcher that falls far behind is told so, and looks at [`Link::peers`].
    pub fn events(&self) -> broadcast::Receiver<PeerEvent> {
        self.0.events.subscribe()
    }

    /// How things stand with every peer, by name.
    pub fn peers(&self) -> Vec<PeerView> {
        self.0.peers.view()
    }

    /// Completes when the link has stopped, be it by itself: if an actor behind it fails, nothing works any more.
    pub async fn ended(&self) {
        self.0.ended.cancelled().await;
    }

    /// Sends what waits, takes leave of the peers (at most half a second) and ends everything. Requests without an
    /// answer fail. The listener can then carry a link of another name. Repeating it is harmless.
    pub async fn stop(&self) {
        self.0.stop().await;
    }

    fn session(&self, peer: &NodeName, request: &Request) -> Result<Arc<Session>, RemoteError> {
        if request.payload.len() > MAX_VALUE_BYTES {
            return Err(RemoteError::TooLarge);
        }
        self.0.linked.read().get(peer).cloned().ok_or(RemoteError::Unlinked)
    }
}

#[async_trait]
impl Transport for Link {
    async fn request(&self, peer: &NodeName, request: Request, deadline: Deadline) -> Result<Bytes, RemoteError> {
        self.session(peer, &request)?.request(request, deadline).await
    }

    fn notify(&self, peer: &NodeName, request: Request) -> Result<(), RemoteError> {
        self.session(peer, &request)?.notify(request)
    }
}

#[cfg(test)]
mod tests;
