//! What a link is set up with, and how that fails.

use crate::{
    NodeName,
    wire::{WIRE_NEWEST, WIRE_OLDEST},
};
use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

/// A shorter secret could be guessed.
const MIN_SECRET_BYTES: usize = 16;

/// The secret that all nodes of a cluster share. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterSecret(String);

impl ClusterSecret {
    /// A secret of at least 16 bytes.
    ///
    /// # Errors
    /// [`LinkError::ShortSecret`] where it is shorter.
    pub fn new(secret: impl Into<String>) -> Result<Self, LinkError> {
        let secret = secret.into();
        match secret.len() {
            bytes if bytes < MIN_SECRET_BYTES => Err(LinkError::ShortSecret { bytes }),
            _ => Ok(Self(secret)),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for ClusterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What a link is set up with.
#[derive(Debug, Clone)]
pub struct LinkSettings {
    /// Where to listen for other nodes. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// This node's certificate, and what leads from it to the authority, PEM. It must name [`super::CERTIFICATE_NAME`]
    /// among its alternative names, and be usable for clients and servers.
    pub certificate: PathBuf,
    /// The key to the certificate, PEM.
    pub key: PathBuf,
    /// The authority that signs the certificates of this cluster's nodes, PEM.
    pub authority: PathBuf,
    /// What all nodes know besides.
    pub secret: ClusterSecret,
    /// The newest wire version to speak: below [`WIRE_NEWEST`] while a rolling upgrade may still be rolled back.
    pub wire_newest: u16,
    /// How often a peer hears from this node; after three such spans without a word it counts as silent.
    pub heartbeat: Duration,
    /// Requests and notices that may wait for one peer. Past it: overloaded.
    pub queue_requests: usize,
    /// Bytes that may wait for one peer; answers may take as much again.
    pub queue_bytes: usize,
    /// Requests to one peer that may wait for their answers, and requests of one peer that may be served at once.
    pub pending_requests: usize,
}

impl LinkSettings {
    /// Settings with the defaults: the newest wire version, 500 ms heartbeats, 16,384 requests or 16 MiB waiting for
    /// a peer, 32,768 waiting for their answers.
    pub fn new(
        listen: SocketAddr,
        certificate: PathBuf,
        key: PathBuf,
        authority: PathBuf,
        secret: ClusterSecret,
    ) -> Self {
        Self {
            listen,
            certificate,
            key,
            authority,
            secret,
            wire_newest: WIRE_NEWEST,
            heartbeat: Duration::from_millis(500),
            queue_requests: 16_384,
            queue_bytes: 16 * 1024 * 1024,
            pending_requests: 32_768,
        }
    }

    pub(super) fn check(&self) -> Result<(), LinkError> {
        match self.wire_newest {
            version if (WIRE_OLDEST..=WIRE_NEWEST).contains(&version) => Ok(()),
            version => Err(LinkError::WireVersion { version }),
        }
    }
}

/// Why a link cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address cannot be listened on.
    #[error("cannot listen for other nodes on {address}: {source}")]
    Bind { address: SocketAddr, source: std::io::Error },
    /// A file cannot be read, or holds nothing of the kind.
    #[error("cannot read the {what} in {path}: {detail}")]
    File {
        /// Certificate, key or authority.
        what: &'static str,
        path: PathBuf,
        detail: String,
    },
    /// The files can be read and do not fit together.
    #[error("the node's certificate cannot be used: {detail}")]
    Certificate { detail: String },
    /// The secret could be guessed.
    #[error("the cluster secret must have at least {MIN_SECRET_BYTES} bytes, has {bytes}")]
    ShortSecret {
        /// How long it is.
        bytes: usize,
    },
    /// The wire version to speak at most is none that this program speaks.
    #[error("this program speaks the wire versions {WIRE_OLDEST} to {WIRE_NEWEST}, not {version}")]
    WireVersion {
        /// Which was asked for.
        version: u16,
    },
    /// The listener already carries the link of a node; it must be stopped first.
    #[error("the listener already serves as {running}")]
    Running {
        /// The node that it serves as.
        running: NodeName,
    },
    /// The actors behind the link could not start.
    #[error("cannot start the node server: {detail}")]
    NodeServer { detail: String },
}
