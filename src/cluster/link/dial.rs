//! Dialling peers, again and again while they are listed.

use super::{
    dial_error::{DialError, tls_error},
    events::{Peer, PeerChange},
    handshake::{EXPORTER_LABEL, HANDSHAKE_TIMEOUT, Handshake, Hello},
    node::LinkNode,
    session::Agreement,
    stream, tls,
};
use crate::wire::WIRE_OLDEST;
use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_ports::back_off::BackOff;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsStream;
use tokio_util::sync::CancellationToken;

/// The pauses between dials.
const REDIAL: BackOff = BackOff::new(Duration::from_millis(50), Duration::from_secs(1));

/// A session that lasted so long was a good one: the next dial waits for nothing.
const LASTING: Duration = Duration::from_secs(1);

/// Keeps a session with `peer` until `cancelled`.
pub(super) async fn keep_dialling(node: Arc<LinkNode>, peer: Peer, cancelled: CancellationToken) {
    let mut failures = 0_u32;
    let mut told = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(REDIAL.pause(failures)) => {}
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
                failures = if began.elapsed() >= LASTING { 0 } else { failures.saturating_add(1) };
                told = false;
            }
            Err(error) => {
                failures = failures.saturating_add(1);
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
