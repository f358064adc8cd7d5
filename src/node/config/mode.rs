//! What kind of node this is.

/// What a node is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Of nothing: everything is in its process.
    Embedded,
    /// Of a cluster that shares its stores.
    Cluster,
}
