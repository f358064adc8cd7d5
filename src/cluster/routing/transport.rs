//! What carries requests between nodes, as the rest of this crate sees it: [`crate::link::Link`] in production, a
//! pair of queues in tests.

use super::{deadline::Deadline, shard_map::NodeName, wire};
use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A request on its way to another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Names what is asked for; see [`crate::RemoteCall::METHOD`].
    pub method: u16,
    /// The epoch of the sender's shard map.
    pub epoch: u64,
    /// Serve it only if the entity is in memory.
    pub only_if_active: bool,
    /// The encoded key and arguments.
    pub payload: Bytes,
}

/// How a request to another node fails on the way or there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum RemoteError {
    /// There is no link to the node. The request was not delivered.
    #[error("the node is not linked")]
    Unlinked,
    /// The link broke. The request may have been handled.
    #[error("the link broke before the answer came")]
    Lost,
    /// Too much waits for the node, or there. The request was not delivered.
    #[error("overloaded")]
    Overloaded,
    /// The deadline passed. The request may have been handled.
    #[error("no answer in time")]
    Expired,
    /// The entity restarted or dropped the request. It may have been handled in part.
    #[error("the entity restarted before it answered")]
    Restarted,
    /// The node does not own the shard as of this epoch. Not delivered.
    #[error("another node owns it at epoch {epoch}")]
    Moved {
        /// The epoch of the map that says so.
        epoch: u64,
    },
    /// The node is shutting down. Not delivered.
    #[error("the node is draining")]
    Draining,
    /// The node knows no such method: it runs an older or newer version. Not delivered.
    #[error("the node knows no method {method}")]
    UnknownMethod { method: u16 },
    /// The request or its answer could not be read. Not handled.
    #[error("unreadable: {detail}")]
    Malformed { detail: String },
    /// The request or its answer is larger than a link carries.
    #[error("too large for the link")]
    TooLarge,
}

/// Carries requests to other nodes.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends a request and waits for its answer until `deadline`.
    async fn request(&self, peer: &NodeName, request: Request, deadline: Deadline) -> Result<Bytes, RemoteError>;

    /// Sends a request that nobody waits for. `Ok` says that it was queued.
    fn notify(&self, peer: &NodeName, request: Request) -> Result<(), RemoteError>;
}

/// Where the answer to an inbound request goes. Dropped unanswered it says [`RemoteError::Restarted`].
pub struct Responder(Option<Give>);

type Give = Box<dyn FnOnce(Result<Bytes, RemoteError>) + Send + Sync>;

impl Responder {
    /// A responder that hands its answer to `answer`, once.
    pub fn new(answer: impl FnOnce(Result<Bytes, RemoteError>) + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(answer)))
    }

    /// A responder for a request that nobody waits for.
    pub fn nobody() -> Self {
        Self(None)
    }

    pub fn send(mut self, answer: Result<Bytes, RemoteError>) {
        if let Some(give) = self.0.take() {
            give(answer);
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(give) = self.0.take() {
            give(Err(RemoteError::Restarted));
        }
    }
}

/// Serves the requests of other nodes.
pub trait Inbound: Send + Sync + 'static {
    /// Serves one request. Called on the link's own task: it must not block, and gives slow work away.
    fn serve(&self, from: &NodeName, request: Request, deadline: Deadline, responder: Responder);
}

/// The payload of a request or an answer.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Bytes, RemoteError> {
    wire::encode(value).map(Bytes::from).map_err(|detail| RemoteError::Malformed { detail })
}

/// What a payload says.
pub(crate) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, RemoteError> {
    wire::decode(payload).map_err(|detail| RemoteError::Malformed { detail })
}
