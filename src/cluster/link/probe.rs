//! A look at an address from which a connection broke.

use super::dial_error::DialError;
use std::{net::SocketAddr, time::Duration};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

/// How long a node that is gone may take to refuse a connection.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection must stand to come from a node that lives.
const PROBE_PATIENCE: Duration = Duration::from_millis(200);

/// A side that does not dial looks whether there still is something at the peer's address after a connection broke,
/// so that it too can tell a dead process from a dead connection: `None` where something lives.
pub(super) async fn probe(address: SocketAddr) -> Option<DialError> {
    let detail = match timeout(PROBE_TIMEOUT, TcpStream::connect(address)).await {
        // A process that is just ending may still take it, and lets it fall at once; a node waits for more.
        Ok(Ok(mut socket)) => match timeout(PROBE_PATIENCE, socket.read_u8()).await {
            Ok(_) => "it closed the connection".into(),
            Err(_) => return None,
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer".into(),
    };
    Some(DialError::Unreachable { detail })
}
