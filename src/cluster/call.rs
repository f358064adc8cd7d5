//! What one node asks of another: a request that can travel, and the answer that comes back.

use crate::entity::{Entity, Reply};
use serde::{Serialize, de::DeserializeOwned};

/// A request to an entity, wherever it lives. Sent to an entity of this node it is never serialised.
pub trait Call<E: Entity>: Serialize + DeserializeOwned + Send + 'static {
    /// What comes back.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// Names the request on the wire. Once released a number keeps its meaning; a changed request gets a new one.
    const METHOD: u16;

    /// Whether asking twice does no harm and gives the same answer: then a request whose node went away in the
    /// middle of it is asked again of its successor.
    fn is_repeatable(&self) -> bool;

    /// The entity's own message for this request.
    fn into_message(self, reply: Reply<Self::Answer>) -> E::Message;
}

/// A request to a node as such, not to one of its entities: what concerns every node is asked of each.
/// Node calls may come twice.
pub trait NodeCall: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What comes back.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// Names the request on the wire; shares its numbers with [`Call::METHOD`].
    const METHOD: u16;
}
