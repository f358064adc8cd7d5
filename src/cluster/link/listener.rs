//! Where other nodes knock: one listener for the life of the process, whatever incarnations come and go behind it.

use super::{
    door::Door,
    handshake::{EXPORTER_LABEL, HANDSHAKE_TIMEOUT, Handshake, HelloError, Reply},
    node::LinkNode,
    session::Agreement,
    settings::{LinkError, LinkSettings},
    stream,
    tls::{self, Tls},
};
use crate::NodeName;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsStream;

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
        let door = Arc::new(Door::new(settings.clone(), tls, address));
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
    let Some(node) = door.behind() else { return };
    let Some(place) = door.place(address.ip()) else {
        return door.warn(address, "too_many_handshakes", &"too many handshakes at once");
    };
    let door = door.clone();
    let tasks = node.tasks.clone();
    tasks.spawn(async move {
        let stopping = node.stopping.clone();
        let greeted = tokio::select! {
            greeted = timeout(HANDSHAKE_TIMEOUT, greeting(&door, &node, socket)) => greeted,
            () = stopping.cancelled() => return,
        };
        drop(place);
        match greeted {
            Ok(Ok((stream, agreement))) => node.carry(stream, agreement).await,
            Ok(Err(error)) => door.warn(address, error.label(), &error),
            Err(_) => door.warn(address, "handshake_timeout", &"it did not prove itself in time"),
        }
    });
}

#[derive(Debug, thiserror::Error)]
enum GreetingError {
    #[error("{0}")]
    Socket(io::Error),
    #[error("TLS: {0}")]
    Tls(String),
    #[error("{0}")]
    Hello(#[from] HelloError),
}

impl GreetingError {
    fn label(&self) -> &'static str {
        match self {
            GreetingError::Socket(_) => "socket",
            GreetingError::Tls(_) => "tls",
            GreetingError::Hello(HelloError::Io(_)) => "broken",
            GreetingError::Hello(HelloError::Garbled(_)) => "garbled",
            GreetingError::Hello(HelloError::Refused(refusal)) => refusal.label(),
        }
    }
}

async fn greeting(
    door: &Door,
    node: &LinkNode,
    socket: TcpStream,
) -> Result<(TlsStream<TcpStream>, Agreement), GreetingError> {
    stream::prepare(&socket).map_err(GreetingError::Socket)?;
    let mut stream = door.tls.acceptor.accept(socket).await.map_err(|error| GreetingError::Tls(error.to_string()))?;
    let tls_error = |error: rustls::Error| GreetingError::Tls(error.to_string());
    let handshake = {
        let (_, connection) = stream.get_ref();
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        let certificate = certificate.ok_or(GreetingError::Tls("it showed no certificate".into()))?;
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
