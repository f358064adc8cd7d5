//! `tessera bench messages`: what a message to an entity costs, here and on another node.
//!
//! Local messages go through a region to entities of this process, beside tokio channels to plain tasks. Remote ones
//! go through a region over the real link (mutual TLS, `ractor_cluster`, the gateway's batches) to entities of this
//! same program in another process, beside an echo and a sink over plain TCP, and over TLS, between the same two
//! processes. No ledger is needed: both nodes hold a map by which the other process owns everything.

mod drive;
mod entity;
mod local;
mod pair;
mod remote;
mod sockets;

pub use pair::serve as serve_peer;

use super::{load::Span, options::scratch_folder, report::Report};
use crate::Failure;
use clap::Args;
use std::time::Duration;

/// Arguments of `tessera bench messages`.
#[derive(Debug, Args)]
pub struct MessagesArguments {
    /// Milliseconds measured of each line
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(50..=600_000))]
    milliseconds: u64,
    /// Milliseconds of the same load before that
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    warmup_milliseconds: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Measures and reports.
pub async fn run(arguments: &MessagesArguments) -> Result<Report, Failure> {
    let mut report = Report::new("messages");
    report.setting("milliseconds", arguments.milliseconds);
    report.setting("warmup milliseconds", arguments.warmup_milliseconds);
    report.setting("entities", local::SPREAD);
    let span = Span {
        warmup: Duration::from_millis(arguments.warmup_milliseconds),
        measured: Duration::from_millis(arguments.milliseconds),
    };
    local::run(&mut report, span).await?;
    let folder = scratch_folder()?;
    remote::run(&mut report, span, folder.path()).await?;
    report.notes.extend(
        [
            "Calls: so many callers, each of whom asks again as soon as it has its answer; 64 B where nothing else is said. \
             Notices: one sender, as fast as there is room; the clock stops when the last one was handled.",
            "Processor time and memory are those of this process for local lines, clients included, and of both processes \
             together for remote ones.",
            "Floors: bounded tokio channels (one task each, as many as entities); over TCP and TLS 1.3 one connection, calls \
             with a write each, streams through a buffer of 64 kB and without any framing.",
        ]
        .map(str::to_owned),
    );
    Ok(report)
}
