//! What the benches need of the program that they are a part of: a ledger to seed, and a node to measure.

use crate::Failure;
use async_trait::async_trait;
use clap::Args;
use futures::future::LocalBoxFuture;
use std::{path::PathBuf, sync::Arc};
use tessera_domain::celebrity::CelebrityRule;
use tessera_ports::Ledger;

/// The settings of a measured node. The environment does not count: runs are to be comparable.
#[derive(Debug, Clone, Args)]
pub struct NodeSettings {
    /// A configuration file, beneath the settings
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One setting, as in http.listen=127.0.0.1:8080; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
}

/// A ledger that is written to before its node starts.
pub struct SeededLedger {
    /// The ledger, its schema up to date.
    pub ledger: Arc<dyn Ledger>,
    /// Who is a celebrity by the node's settings.
    pub celebrity_rule: CelebrityRule,
}

/// A node that has started.
pub struct StartedNode {
    /// Its ledger, which it keeps using.
    pub ledger: Arc<dyn Ledger>,
    /// Says on standard output that the node is ready, serves until a signal, and drains.
    pub serving: LocalBoxFuture<'static, Result<(), Failure>>,
}

/// Makes what is measured.
#[async_trait(?Send)]
pub trait MeasuredNode {
    /// Opens the ledger of the node with these settings.
    async fn open_ledger(&self, settings: &NodeSettings) -> Result<SeededLedger, Failure>;

    /// Starts the node with these settings in this process.
    async fn start(&self, settings: &NodeSettings) -> Result<StartedNode, Failure>;
}
