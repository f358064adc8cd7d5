//! Calls: what an entity, or a node as such, can be asked.
//!
//! A call is declared once, beside its arguments: what comes back, and whether asking twice does harm. One that travels
//! between nodes has a number as well, and a product keeps its numbers in one table.

use serde::{Serialize, de::DeserializeOwned};

/// Method numbers up to this one belong to this crate.
pub const LAST_OWN_METHOD: u16 = 9;

/// Asks a node to let go of shards.
pub(crate) const HAND_OVER_METHOD: u16 = 1;

/// A call with its arguments. Made to an entity of this node it is never serialised.
pub trait Call: Send + 'static {
    type Answer: Send + 'static;

    /// Whether asking twice does no harm and gives the same answer: then a call whose node went away in the
    /// middle of it is made again to its successor.
    fn is_repeatable(&self) -> bool {
        false
    }
}

/// A call that can be made from another node.
pub trait RemoteCall: Call<Answer: Serialize + DeserializeOwned> + Serialize + DeserializeOwned + Clone {
    /// Names the call on the wire. Once released a number keeps its meaning; a changed call gets a new one.
    const METHOD: u16;
}
