//! Dialling peers, again and again while they are listed.

use super::{
    events::{DownReason, Peer, PeerChange},
    hello::{EXPORTER_LABEL, Handshake, Hello, HelloError, Refusal},
    listener::HANDSHAKE_TIMEOUT,
    node::LinkNode,
    session::Agreement,
    stream, tls,
};
use crate::wire::WIRE_OLDEST;
use rand::Rng;
use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};
use tokio_rustls::TlsStream;
use tokio_util::sync::CancellationToken;

const FIRST_DELAY: Duration = Duration::from_millis(50);
const MAX_DELAY: Duration = Duration::from_secs(1);

/// A session that lasted so long was a good one: the next dial waits for nothing.
const LASTING: Duration = Duration::from_secs(1);

/// How long a node that is gone may take to refuse a connection.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection must stand to come from a node that lives.
const PROBE_PATIENCE: Duration = Duration::from_millis(200);

/// Why a peer could not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// Nobody listens there, or no way leads there.
    #[error("no connection: {detail}")]
    Unreachable { detail: String },
    /// It shows no certificate of the cluster, or does not accept this node's.
    #[error("TLS: {detail}")]
    Tls { detail: String },
    /// It did not complete the handshake in time.
    #[error("no handshake within {} s", HANDSHAKE_TIMEOUT.as_secs())]
    TimedOut,
    /// It closed the connection during the handshake: it is starting, or leaving.
    #[error("it closed the connection: {detail}")]
    Closed { detail: String },
    /// It speaks another protocol.
    #[error("it does not speak this protocol: {detail}")]
    Garbled { detail: String },
    /// It is a node, and takes no connection of this one.
    #[error("refused: {0}")]
    Refused(Refusal),
}

impl DialError {
    fn label(&self) -> &'static str {
        match self {
            DialError::Unreachable { .. } => "unreachable",
            DialError::Tls { .. } => "tls",
            DialError::TimedOut => "handshake_timeout",
            DialError::Closed { .. } => "closed",
            DialError::Garbled { .. } => "garbled",
            DialError::Refused(refusal) => refusal.label(),
        }
    }
}

impl From<HelloError> for DialError {
    fn from(error: HelloError) -> Self {
        match error {
            // In TLS 1.3 the acceptor's verdict on our certificate comes with the first bytes read.
            HelloError::Io(error) if tls_error(&error).is_some() => DialError::Tls { detail: error.to_string() },
            HelloError::Io(error) => DialError::Closed { detail: error.to_string() },
            HelloError::Garbled(detail) => DialError::Garbled { detail },
            HelloError::Refused(refusal) => DialError::Refused(refusal),
        }
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Waits longer after every failure, up to a second, and never in step with others.
struct BackOff(Duration);

impl BackOff {
    fn next(&mut self) -> Duration {
        let delay = self.0;
        self.0 = (delay * 2).clamp(FIRST_DELAY, MAX_DELAY);
        delay.mul_f64(rand::rng().random_range(0.5..1.0))
    }
}

/// Keeps a session with `peer` until `cancelled`.
pub(super) async fn keep_dialling(node: Arc<LinkNode>, peer: Peer, cancelled: CancellationToken) {
    let mut back_off = BackOff(Duration::ZERO);
    let mut told = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(back_off.next()) => {}
            () = cancelled.cancelled() => return,
        }
        let dialled = tokio::select! {
            dialled = timeout(HANDSHAKE_TIMEOUT, dial(&node, &peer)) => dialled.unwrap_or(Err(DialError::TimedOut)),
            () = cancelled.cancelled() => return,
        };
        match dialled {
            Ok((stream, agreement)) => {
                node.peers.set_failure(&peer.name, None);
                let began = Instant::now();
                node.clone().carry(stream, agreement).await;
                if began.elapsed() >= LASTING {
                    back_off = BackOff(Duration::ZERO);
                }
                told = false;
            }
            Err(error) => {
                metrics::counter!("tessera_link_dial_failures_total", "reason" => error.label()).increment(1);
                if let Some(others) = node.throttle.admit(error.label()) {
                    tracing::warn!(peer = %peer.name, address = %peer.address, others, "cannot reach a node: {error}");
                }
                node.peers.set_failure(&peer.name, Some(error.clone()));
                if !std::mem::replace(&mut told, true) {
                    node.tell(&peer.name, PeerChange::Unreachable { error });
                }
            }
        }
    }
}

/// A side that does not dial looks whether there still is something at the peer's address after a connection broke,
/// so that it too can tell a dead process from a dead connection.
pub(super) async fn probe(node: &LinkNode, peer: &Peer, reason: &DownReason) {
    if !matches!(reason, DownReason::Broken { .. }) {
        return;
    }
    let detail = match timeout(PROBE_TIMEOUT, TcpStream::connect(peer.address)).await {
        // A process that is just ending may still take it, and lets it fall at once; a node waits for more.
        Ok(Ok(mut socket)) => match timeout(PROBE_PATIENCE, socket.read_u8()).await {
            Ok(_) => "it closed the connection".into(),
            Err(_) => return,
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer".into(),
    };
    node.tell(&peer.name, PeerChange::Unreachable { error: DialError::Unreachable { detail } });
}

async fn dial(node: &LinkNode, peer: &Peer) -> Result<(TlsStream<TcpStream>, Agreement), DialError> {
    let settings = &node.door.settings;
    let socket = connect(peer.address).await.map_err(|error| DialError::Unreachable { detail: error.to_string() })?;
    let connected = node.door.tls.connector.connect(tls::server_name(), socket).await;
    let mut stream = connected.map_err(|error| match tls_error(&error) {
        Some(_) => DialError::Tls { detail: error.to_string() },
        None => DialError::Closed { detail: error.to_string() },
    })?;
    let material = stream.get_ref().1.export_keying_material([0; 40], EXPORTER_LABEL, None);
    let material = material.map_err(|error| DialError::Tls { detail: error.to_string() })?;
    let handshake = Handshake::new(settings.secret.bytes(), &material);
    let hello = Hello {
        name: node.name.0.clone(),
        wanted: peer.name.0.clone(),
        instance: node.instance,
        wire_oldest: WIRE_OLDEST,
        wire_newest: settings.wire_newest,
    };
    let wire = handshake.introduce(&mut stream, &hello).await?;
    let agreement = Agreement { peer: peer.name.clone(), id: handshake.session(), wire, instance: 0, dialled: true };
    Ok((stream.into(), agreement))
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address).await?;
    stream::prepare(&socket)?;
    Ok(socket)
}
