//! Options that the benches share.

use crate::{Failure, NodeSettings, child::ChildRole, load::Span};
use clap::Args;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// What every bench takes.
#[derive(Debug, Args)]
pub struct CommonOptions {
    /// Everything random follows from it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// A configuration of the measured node, beneath the settings that a bench needs: a cluster's, to measure on
    /// Postgres and Redis. What is seeded stays in its ledger
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A setting of the measured node, as in media.workers=1; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
}

/// How much load, for how long.
#[derive(Debug, Clone, Copy, Args)]
pub struct LoadOptions {
    /// Connections that ask at the same time, each as soon as it has its answer
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=2_000))]
    pub connections: u16,
    /// Seconds measured
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Seconds of the same load before that
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub warmup_seconds: u64,
}

impl LoadOptions {
    /// The same as a span of time.
    pub fn span(self) -> Span {
        Span { warmup: Duration::from_secs(self.warmup_seconds), measured: Duration::from_secs(self.seconds) }
    }
}

impl CommonOptions {
    /// The settings of a node that keeps its data in `folder`: what a bench needs, then what the user set.
    pub fn node_settings(&self, folder: &Path) -> NodeSettings {
        let mut sets = vec![
            format!("data_dir={}", folder.display()),
            "http.listen=127.0.0.1:0".to_owned(),
            "admin.listen=127.0.0.1:0".to_owned(),
            "limits.enabled=false".to_owned(),
            "log.level=warn".to_owned(),
            // Push is measured: nobody in the benches' worlds is a celebrity.
            "feed.celebrity_threshold=1000000000".to_owned(),
        ];
        sets.extend(self.sets.iter().cloned());
        NodeSettings { config: self.config.clone(), sets }
    }

    /// The role of the measured node.
    pub fn node_role(&self, folder: &Path) -> ChildRole {
        ChildRole::Node(self.node_settings(folder))
    }
}

/// A folder that is removed with everything in it when it is dropped.
pub fn scratch_folder() -> Result<tempfile::TempDir, Failure> {
    tempfile::Builder::new()
        .prefix("tessera-bench-")
        .tempdir()
        .map_err(|error| Failure::start_up(format!("cannot make a temporary folder: {error}; TMPDIR says where")))
}
