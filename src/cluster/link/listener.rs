//! Where other nodes knock: one listener for the life of the process, whatever incarnations come and go behind it.

use super::{
    hello::{EXPORTER_LABEL, Handshake, HelloError, Reply},
    node::LinkNode,
    session::Agreement,
    settings::{LinkError, LinkSettings},
    stream,
    throttle::Throttle,
    tls::{self, Tls},
};
use crate::NodeName;
use parking_lot::{Mutex, RwLock};
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsStream;

/// How long a connection may take to prove itself, TLS included.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Handshakes at once, in all and from one address: whoever opens connections and says nothing takes its own places.
const MAX_HANDSHAKES: usize = 64;
const MAX_HANDSHAKES_PER_ADDRESS: usize = 16;

/// What the listener and the links behind it share.
pub(super) struct Door {
    pub(super) settings: LinkSettings,
    pub(super) tls: Tls,
    pub(super) address: SocketAddr,
    behind: RwLock<Option<Arc<LinkNode>>>,
    handshakes: Arc<Semaphore>,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    throttle: Throttle,
}

/// A bound listener for other nodes. It lives as long as this value.
pub struct LinkListener {
    pub(super) door: Arc<Door>,
    accepting: JoinHandle<()>,
}

impl LinkListener {
    /// Reads certificate, key and authority, and listens.
    ///
    /// Connections are closed at once while no [`super::Link`] is started on it.
    ///
    /// # Errors
    /// Says which file or address cannot be used, and why.
    pub async fn bind(settings: &LinkSettings) -> Result<Self, LinkError> {
        settings.check()?;
        let tls = Tls::load(settings)?;
        let failed = |source| LinkError::Bind { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let door = Arc::new(Door {
            settings: settings.clone(),
            tls,
            address,
            behind: RwLock::new(None),
            handshakes: Arc::new(Semaphore::new(MAX_HANDSHAKES)),
            by_address: Mutex::default(),
            throttle: Throttle::default(),
        });
        let accepting = tokio::spawn(accept(listener, door.clone()));
        Ok(Self { door, accepting })
    }

    pub fn address(&self) -> SocketAddr {
        self.door.address
    }
}

impl Drop for LinkListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Door {
    /// Lets connections through to `node`.
    pub(super) fn open(&self, node: &Arc<LinkNode>) -> Result<(), LinkError> {
        let mut behind = self.behind.write();
        match &*behind {
            Some(running) => Err(LinkError::Running { running: running.name.clone() }),
            None => {
                *behind = Some(node.clone());
                Ok(())
            }
        }
    }

    /// Lets no more connections through, if they went to `node`.
    pub(super) fn close(&self, node: &LinkNode) {
        self.behind.write().take_if(|behind| std::ptr::eq(&**behind, node));
    }

    /// Who is behind it.
    pub(super) fn running(&self) -> Option<NodeName> {
        self.behind.read().as_ref().map(|node| node.name.clone())
    }

    /// A place among the handshakes of an address, given back when it is dropped.
    fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let permit = self.handshakes.clone().try_acquire_owned().ok()?;
        let mut by_address = self.by_address.lock();
        let taken = by_address.entry(address).or_default();
        if *taken >= MAX_HANDSHAKES_PER_ADDRESS {
            return None;
        }
        *taken += 1;
        Some(Place { door: self.clone(), address, _permit: permit })
    }

    fn warn(&self, address: SocketAddr, label: &'static str, why: &dyn std::fmt::Display) {
        metrics::counter!("tessera_link_refused_total", "reason" => label).increment(1);
        if let Some(others) = self.throttle.admit(label) {
            tracing::warn!(%address, others, "refused a connection from another node: {why}");
        }
    }
}

struct Place {
    door: Arc<Door>,
    address: IpAddr,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.door.by_address.lock();
        if let Some(taken) = by_address.get_mut(&self.address) {
            *taken -= 1;
            if *taken == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

async fn accept(listener: TcpListener, door: Arc<Door>) {
    loop {
        match listener.accept().await {
            Ok((socket, address)) => greet(&door, socket, address),
            Err(error) => {
                // As when file descriptors run out: wait for some to come back.
                tracing::warn!(%error, "cannot accept a connection from another node");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Takes a connection through its handshake in a task of its own, or drops it.
fn greet(door: &Arc<Door>, socket: TcpStream, address: SocketAddr) {
    let Some(node) = door.behind.read().clone() else { return };
    let Some(place) = door.place(address.ip()) else {
        return door.warn(address, "too_many_handshakes", &"too many handshakes at once");
    };
    let door = door.clone();
    let tasks = node.tasks.clone();
    tasks.spawn(async move {
        let stopping = node.stopping.clone();
        let shaken = tokio::select! {
            shaken = timeout(HANDSHAKE_TIMEOUT, handshake(&door, &node, socket)) => shaken,
            () = stopping.cancelled() => return,
        };
        drop(place);
        match shaken {
            Ok(Ok((stream, agreement))) => node.carry(stream, agreement).await,
            Ok(Err(error)) => door.warn(address, error.label(), &error),
            Err(_) => door.warn(address, "handshake_timeout", &"it did not prove itself in time"),
        }
    });
}

#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("{0}")]
    Socket(io::Error),
    #[error("TLS: {0}")]
    Tls(String),
    #[error("{0}")]
    Hello(#[from] HelloError),
}

impl HandshakeError {
    fn label(&self) -> &'static str {
        match self {
            HandshakeError::Socket(_) => "socket",
            HandshakeError::Tls(_) => "tls",
            HandshakeError::Hello(HelloError::Io(_)) => "broken",
            HandshakeError::Hello(HelloError::Garbled(_)) => "garbled",
            HandshakeError::Hello(HelloError::Refused(refusal)) => refusal.label(),
        }
    }
}

async fn handshake(
    door: &Door,
    node: &LinkNode,
    socket: TcpStream,
) -> Result<(TlsStream<TcpStream>, Agreement), HandshakeError> {
    stream::prepare(&socket).map_err(HandshakeError::Socket)?;
    let mut stream = door.tls.acceptor.accept(socket).await.map_err(|error| HandshakeError::Tls(error.to_string()))?;
    let tls_error = |error: rustls::Error| HandshakeError::Tls(error.to_string());
    let handshake = {
        let (_, connection) = stream.get_ref();
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        let certificate = certificate.ok_or(HandshakeError::Tls("it showed no certificate".into()))?;
        tls::check_name(certificate).map_err(tls_error)?;
        let material = connection.export_keying_material([0; 40], EXPORTER_LABEL, None).map_err(tls_error)?;
        Handshake::new(door.settings.secret.bytes(), &material)
    };
    let hello = handshake.listen(&mut stream).await?;
    let verdict = node.judge(&hello);
    let reply = match &verdict {
        Ok(wire) => Reply::Welcome { wire: *wire },
        Err(refusal) => Reply::Refused(refusal.clone()),
    };
    handshake.reply(&mut stream, &reply).await?;
    let agreement = Agreement {
        wire: verdict.map_err(HelloError::from)?,
        peer: NodeName(hello.name),
        id: handshake.session(),
        instance: hello.instance,
        dialled: false,
    };
    Ok((stream.into(), agreement))
}
