//! The command line.

use crate::{
    Failure,
    config::{self, Config},
    ctl::CtlArguments,
    demo::DemoArguments,
    s3::S3Arguments,
    train::Trainable,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use tessera_bench::BenchArguments;

/// A photo-feed runtime: uploads, media, feeds, likes and comments, served by supervised actors.
///
/// `tessera demo` shows it: a node with a small living world in it. `tessera serve` runs a node for real.
#[derive(Debug, Parser)]
#[command(name = "tessera", version, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a node. Without a file: embedded, with its data in ./tessera-data
    Serve(Settings),
    /// Run an embedded node with a small living world in it, and print the page's address
    Demo(DemoArguments),
    /// Look at and steer a running node over its admin listener
    Ctl(CtlArguments),
    /// Put repeatable load on a fresh node and report beside a stated floor
    Bench(BenchArguments),
    /// Bring the ledger's schema up to date and exit
    Migrate(Settings),
    /// Recreate what is derived from the ledger. An embedded node must not be running; a cluster's may
    Rebuild {
        /// What to recreate
        what: Rebuildable,
        #[command(flatten)]
        settings: Settings,
    },
    /// Learn a model anew
    Train {
        /// Which
        #[command(subcommand)]
        what: Trainable,
    },
    /// Serve objects from a folder over S3: for development clusters and tests, with the keys in
    /// TESSERA__OBJECTS__ACCESS_KEY and TESSERA__OBJECTS__SECRET_KEY
    S3(S3Arguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What can be recreated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rebuildable {
    /// Every count of likes, comments, posts and followers
    Counters,
    /// Timelines: the copies in the hot store are dropped, and timelines begin anew from the ledger. What was seen
    /// stays
    Timelines,
    /// The visual index: its snapshots are dropped, and its shards begin anew from the ledger when they next start
    Index,
}

/// Where settings come from.
#[derive(Debug, Clone, Default, Args)]
pub struct Settings {
    /// A configuration file; cluster.toml in the source explains every setting
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One setting, as in http.listen=127.0.0.1:8080; may be repeated and wins over everything
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
}

impl Settings {
    /// Loads and checks the configuration.
    pub fn load(&self) -> Result<Config, Failure> {
        config::load(self.config.as_deref(), std::env::vars(), &self.sets)
            .map_err(|error| Failure::start_up(error.to_string()))
    }
}
