//! One incarnation of this node, as its peers meet it: from start to stop.

use super::{
    door::Door,
    events::{DownReason, Peer, PeerChange, PeerEvent},
    gateway::Router,
    handshake::{self, HANDSHAKE_TIMEOUT, Hello, Refusal},
    node_server::{LinkActors, Opening},
    peers::Peers,
    probe::probe,
    session::{Agreement, Session},
    settings::LinkError,
    stream::SessionStream,
    throttle::Throttle,
};
use crate::{NodeName, transport::Inbound, wire::WIRE_OLDEST};
use aws_lc_rs::hmac;
use parking_lot::RwLock;
use rand::Rng;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{net::TcpStream, sync::broadcast, task::JoinHandle, time::timeout};
use tokio_rustls::TlsStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Events that a slow watcher may fall behind; it then looks at the peers as they are.
const EVENTS: usize = 1_024;

/// How long peers have to take leave.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(500);

/// One incarnation of this node.
pub(super) struct LinkNode {
    pub(super) name: NodeName,
    /// Tells this process apart from another of the same name.
    pub(super) instance: u64,
    pub(super) door: Arc<Door>,
    pub(super) peers: Peers,
    /// The sessions that carry requests, for the hot path.
    pub(super) linked: RwLock<HashMap<NodeName, Arc<Session>>>,
    pub(super) events: broadcast::Sender<PeerEvent>,
    pub(super) stopping: CancellationToken,
    pub(super) ended: CancellationToken,
    pub(super) tasks: TaskTracker,
    pub(super) throttle: Throttle,
    router: Arc<Router>,
    actors: LinkActors,
    sent: metrics::Counter,
}

impl LinkNode {
    /// Starts the actors and, last, lets connections in.
    pub(super) async fn start(
        door: Arc<Door>,
        name: NodeName,
        inbound: Arc<dyn Inbound>,
    ) -> Result<Arc<Self>, LinkError> {
        if let Some(running) = door.behind() {
            return Err(LinkError::Running { running: running.name.clone() });
        }
        let router = Arc::new(Router::new(inbound));
        let (actors, ends) = LinkActors::start(&name, cookie(door.settings.secret.bytes()), router.clone()).await?;
        let node = Arc::new(Self {
            name,
            instance: rand::rng().random(),
            peers: Peers::default(),
            linked: RwLock::default(),
            events: broadcast::channel(EVENTS).0,
            stopping: CancellationToken::new(),
            ended: CancellationToken::new(),
            tasks: TaskTracker::new(),
            throttle: Throttle::default(),
            router,
            actors,
            sent: metrics::counter!("tessera_link_frames_sent_total"),
            door,
        });
        tokio::spawn(node.clone().watch(ends));
        if let Err(error) = node.door.open(&node) {
            node.stop().await;
            return Err(error);
        }
        Ok(node)
    }

    /// Replaces the list of peers. Gives those to dial from now on, with what ends it.
    pub(super) fn set_peers(&self, peers: Vec<Peer>) -> Vec<(Peer, CancellationToken)> {
        if self.stopping.is_cancelled() {
            return Vec::new();
        }
        let to_dial = self.peers.list(&self.name, peers);
        if self.stopping.is_cancelled() {
            self.peers.hang_up();
        }
        to_dial
    }

    /// Whether to let a node in, and in which wire version to speak with it.
    pub(super) fn judge(&self, hello: &Hello) -> Result<u16, Refusal> {
        let ours = (WIRE_OLDEST, self.door.settings.wire_newest);
        let wire = handshake::common_wire(ours, (hello.wire_oldest, hello.wire_newest))?;
        self.peers.judge(&self.name, hello)?;
        Ok(wire)
    }

    pub(super) fn tell(&self, name: &NodeName, change: PeerChange) {
        // Nobody watching is no error.
        let _ = self.events.send(PeerEvent { name: name.clone(), change });
    }

    /// Carries a session from its handshake to the last trace of it.
    pub(super) async fn carry(self: Arc<Self>, stream: TlsStream<TcpStream>, agreement: Agreement) {
        let Some(slot) = self.peers.supersede(&agreement.peer) else { return };
        let Ok(_slot) = timeout(HANDSHAKE_TIMEOUT, slot.lock_owned()).await else { return };
        let session = Session::new(agreement, &self.door.settings);
        if self.stopping.is_cancelled() || !self.peers.begin(&session) {
            return;
        }
        // Before the peer can send anything: its side may be ready before this one.
        self.router.add(session.clone());
        let label = format!("{}/{:016x}", session.agreement.peer, session.agreement.id);
        let stream = SessionStream::new(stream, session.clone(), label.clone());
        let mut opening = self.actors.open(label.clone(), stream, session.agreement.dialled);
        if self.stopping.is_cancelled() {
            session.close(DownReason::Stopped);
        }
        self.exchange(&session, &mut opening).await;
        self.router.remove(&session);
        // The node server must have let go of this session before there is another with the same peer.
        let _ = timeout(HANDSHAKE_TIMEOUT, opening.gone).await;
        self.actors.forget(&label);
        let peer = self.peers.end(&session);
        let broke = matches!(session.reason(), Some(DownReason::Broken { .. }));
        if let Some(peer) = peer.filter(|_| broke && !session.agreement.dialled)
            && let Some(error) = probe(peer.address).await
        {
            self.tell(&peer.name, PeerChange::Unreachable { error });
        }
    }

    /// Waits until both sides are ready, and writes until the session ends.
    async fn exchange(&self, session: &Arc<Session>, opening: &mut Opening) {
        let peer = &session.agreement.peer;
        let node_id = tokio::select! {
            ready = timeout(HANDSHAKE_TIMEOUT, &mut opening.ready) => ready.ok().and_then(Result::ok),
            () = session.ended().cancelled() => None,
        };
        let Some(gateway) = node_id.and_then(|node_id| self.actors.gateway_of(peer, node_id)) else {
            return session.close(DownReason::broken("it did not become ready"));
        };
        self.linked.write().insert(peer.clone(), session.clone());
        self.peers.set_up(session);
        tracing::info!(%peer, wire = session.agreement.wire, "linked with a node");
        self.tell(peer, PeerChange::Up);
        session.write(&gateway, &self.sent).await;
        self.linked.write().remove(peer);
        let reason = session.reason().cloned().unwrap_or(DownReason::Stopped);
        tracing::info!(%peer, "the link with a node ended: {reason}");
        self.tell(peer, PeerChange::Down { reason });
    }

    /// Ends everything when an actor ends by itself: nothing works without it.
    async fn watch(self: Arc<Self>, [server, gateway]: [JoinHandle<()>; 2]) {
        tokio::select! {
            _ = server => {}
            _ = gateway => {}
        }
        if !self.stopping.is_cancelled() {
            tracing::error!(node = %self.name, "the node server or the gateway ended; the link stops");
            self.stop().await;
        }
    }

    /// Takes leave of the peers, and ends everything. Repeating it is harmless.
    pub(super) async fn stop(&self) {
        self.door.close(self);
        self.stopping.cancel();
        self.peers.hang_up();
        let linked: Vec<_> = self.linked.read().values().cloned().collect();
        linked.iter().for_each(|session| session.goodbye());
        let all_left = async {
            for session in &linked {
                session.ended().cancelled().await;
            }
        };
        let _ = timeout(GOODBYE_TIMEOUT, all_left).await;
        self.peers.sessions().iter().for_each(|session| session.close(DownReason::Stopped));
        self.tasks.close();
        if timeout(HANDSHAKE_TIMEOUT, self.tasks.wait()).await.is_err() {
            tracing::warn!(node = %self.name, "sessions with other nodes did not end in time");
        }
        self.actors.stop().await;
        self.ended.cancel();
    }
}

/// The word that node servers challenge each other for: of the secret, and not the secret itself.
fn cookie(secret: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, b"ractor_cluster cookie");
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
