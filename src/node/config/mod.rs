//! The configuration: layers of TOML, checked against the defaults, then turned into a validated [`Config`].
//!
//! `cluster.toml` at the repository's root is both the documentation and the defaults: it is compiled in, and
//! a key that does not stand there does not exist.

mod check;
mod cluster;
mod edge;
mod layers;
mod mode;
mod secret;
mod stores;
#[cfg(test)]
mod tests;
mod validated;

pub use cluster::ClusterConfig;
pub use layers::load;
pub use stores::{HotConfig, LedgerConfig};
pub use validated::{Config, VisualModel};

pub const DEFAULTS: &str = include_str!("../../../cluster.toml");

/// What is wrong with a configuration, in words for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);
