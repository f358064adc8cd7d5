//! The part of a link that is `ractor_cluster`: a node server and the gateway, both new with every incarnation.

use super::{
    frame::FRAME_OVERHEAD_BYTES,
    gateway::{Gateway, GatewayMessage, Router},
    settings::LinkError,
    stream::SessionStream,
    tls,
};
use crate::{NodeName, wire::MAX_VALUE_BYTES};
use parking_lot::Mutex;
use ractor::{Actor, ActorId, ActorRef};
use ractor_cluster::{
    IncomingEncryptionMode, NodeEventSubscription, NodeServer, NodeServerMessage,
    node::{NodeConnectionMode, NodeServerSessionInformation},
};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::oneshot, task::JoinHandle};

/// The scope of the process groups in which nodes find each other's gateways; the group is the node's name.
const SCOPE: &str = "tessera-link";
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A session that `ractor_cluster` was asked to open.
pub(super) struct Opening {
    /// Gives the peer's number here once both sides have told each other of their gateways.
    pub(super) ready: oneshot::Receiver<u64>,
    /// Completes when the session and its stubs are gone.
    pub(super) gone: oneshot::Receiver<()>,
}

struct Awaited {
    ready: Option<oneshot::Sender<u64>>,
    _gone: oneshot::Sender<()>,
}

/// Who waits for which session, by the label of its stream.
type Openings = Arc<Mutex<HashMap<String, Awaited>>>;

/// The actors of one incarnation.
pub(super) struct LinkActors {
    server: ActorRef<NodeServerMessage>,
    gateway: ActorRef<GatewayMessage>,
    openings: Openings,
}

impl LinkActors {
    /// Starts them. The handles complete when either actor ends.
    pub(super) async fn start(
        name: &NodeName,
        cookie: String,
        router: Arc<Router>,
    ) -> Result<(Self, [JoinHandle<()>; 2]), LinkError> {
        let failed = |error: &dyn std::fmt::Display| LinkError::NodeServer { detail: error.to_string() };
        let (gateway, gateway_ended) = Actor::spawn(None, Gateway, router).await.map_err(|error| failed(&error))?;
        ractor::pg::join_scoped(SCOPE.into(), name.0.clone(), vec![gateway.get_cell()]);
        // A node server always opens a listener of its own. Ours is elsewhere; behind this one is a closed door.
        // The host must be unique too: two nodes with equal "host:port" each take the other for itself.
        let server = NodeServer::new(
            0,
            cookie,
            name.0.clone(),
            name.0.clone(),
            Some(IncomingEncryptionMode::Tls(tls::closed_door()?)),
            Some(NodeConnectionMode::Isolated),
        )
        .with_listen_addr(IpAddr::V4(Ipv4Addr::LOCALHOST))
        .with_max_inbound_frame_size((MAX_VALUE_BYTES + FRAME_OVERHEAD_BYTES) as u64);
        let spawned = Actor::spawn(None, server, ()).await;
        let (server, server_ended) = match spawned {
            Ok(spawned) => spawned,
            Err(error) => {
                gateway.stop(None);
                return Err(failed(&error));
            }
        };
        let openings = Openings::default();
        let subscription = Box::new(Subscription(openings.clone()));
        let subscribe = NodeServerMessage::SubscribeToEvents { id: "link".into(), subscription };
        server.cast(subscribe).map_err(|error| failed(&error))?;
        Ok((Self { server, gateway, openings }, [server_ended, gateway_ended]))
    }

    /// Gives a connection to the node server.
    pub(super) fn open(&self, label: String, stream: SessionStream, dialled: bool) -> Opening {
        let (ready, on_ready) = oneshot::channel();
        let (gone, on_gone) = oneshot::channel();
        self.openings.lock().insert(label.clone(), Awaited { ready: Some(ready), _gone: gone });
        let stream = Box::new(stream);
        let open = NodeServerMessage::ConnectionOpenedExternal { stream, is_server: !dialled };
        if self.server.cast(open).is_err() {
            self.forget(&label);
        }
        Opening { ready: on_ready, gone: on_gone }
    }

    /// Stops waiting for a session.
    pub(super) fn forget(&self, label: &str) {
        self.openings.lock().remove(label);
    }

    /// The stub of a peer's gateway, as the session with number `node_id` has it.
    pub(super) fn gateway_of(&self, peer: &NodeName, node_id: u64) -> Option<ActorRef<GatewayMessage>> {
        let here = |id: ActorId| matches!(id, ActorId::Remote { node_id: of, .. } if of == node_id);
        let members = ractor::pg::get_scoped_members(&SCOPE.into(), &peer.0);
        members.into_iter().find(|member| here(member.get_id())).map(ActorRef::from)
    }

    /// Stops both actors, and with them all sessions.
    pub(super) async fn stop(&self) {
        let _ = self.server.stop_and_wait(None, Some(STOP_TIMEOUT)).await;
        let _ = self.gateway.stop_and_wait(None, Some(STOP_TIMEOUT)).await;
        self.openings.lock().clear();
    }
}

/// What the node server tells of its sessions.
struct Subscription(Openings);

impl NodeEventSubscription for Subscription {
    fn node_session_opened(&self, _: NodeServerSessionInformation) {}

    fn node_session_authenticated(&self, _: NodeServerSessionInformation) {}

    fn node_session_ready(&self, session: NodeServerSessionInformation) {
        let mut openings = self.0.lock();
        if let Some(ready) = openings.get_mut(&session.peer_addr).and_then(|awaited| awaited.ready.take()) {
            let _ = ready.send(session.node_id);
        }
    }

    fn node_session_disconnected(&self, session: NodeServerSessionInformation) {
        self.0.lock().remove(&session.peer_addr);
    }
}
