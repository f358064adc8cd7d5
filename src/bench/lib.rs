//! `tessera bench`: repeatable load on a fresh node, and a report beside a stated floor.
//!
//! Every bench (but `deletion`, `media`, `messages` and `search`, see there) seeds a ledger in a temporary folder,
//! starts this same program on it as a child process, drives the child over kept-alive HTTP connections in a closed
//! loop, and reads its processor time and memory from `/proc`. The floor is measured in the same run with the same
//! client. A run ends by itself, and whatever ends it, the child is gone and the folder removed.

mod child;
mod client;
mod compose_post;
mod deletion;
mod failure;
mod fanout;
mod feed;
mod feed_mix;
mod feed_recommendations;
mod feed_world;
mod floor;
mod graph;
mod likes;
mod load;
mod measured;
mod media;
mod messages;
mod options;
mod process;
mod report;
mod roles;
mod search;
mod seed;

use clap::{Args, Subcommand};
use deletion::DeletionArguments;
pub use failure::Failure;
use fanout::FanoutArguments;
use feed::FeedArguments;
use likes::LikesArguments;
pub use measured::{MeasuredNode, NodeSettings, SeededLedger, StartedNode};
use media::MediaArguments;
use messages::MessagesArguments;
use roles::RoleArguments;
use search::SearchArguments;
use tokio::signal::unix::{SignalKind, signal};

/// Arguments of `tessera bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// First pages of feeds, beside an HTTP route that serves the same bytes; or the DeathStarBench mix
    Feed(FeedArguments),
    /// New posts into the timelines of followers in memory, beside a plain in-memory push
    Fanout(FanoutArguments),
    /// Likes and unlikes of one post and of many, beside one commit per like
    Likes(LikesArguments),
    /// A viral post deleted and all counters rebuilt while others write, in the ledger alone
    Deletion(DeletionArguments),
    /// Photos through the media pipeline, beside sharp (see scripts/bench-media)
    Media(MediaArguments),
    /// Messages to entities of this node and of another, beside a plain channel, TCP and TLS
    Messages(MessagesArguments),
    /// The visual index alone, beside a scan of all vectors and hnswlib (see scripts/bench-search)
    Search(SearchArguments),
    /// What a bench starts as its child process
    #[command(hide = true)]
    Role(RoleArguments),
}

/// Runs a bench, or what a bench started as its child; `host` makes what is measured.
pub async fn run(arguments: BenchArguments, host: &dyn MeasuredNode) -> Result<(), Failure> {
    let bench = async {
        let (report, json) = match arguments.command {
            BenchCommand::Feed(arguments) => (feed::run(&arguments, host).await?, arguments.common.json),
            BenchCommand::Fanout(arguments) => (fanout::run(&arguments, host).await?, arguments.common.json),
            BenchCommand::Likes(arguments) => (likes::run(&arguments, host).await?, arguments.common.json),
            BenchCommand::Deletion(arguments) => (deletion::run(&arguments, host).await?, arguments.common.json),
            BenchCommand::Media(arguments) => (media::run(&arguments).await?, arguments.json),
            BenchCommand::Messages(arguments) => (messages::run(&arguments).await?, arguments.json),
            BenchCommand::Search(arguments) => (search::run(&arguments).await?, arguments.json),
            BenchCommand::Role(arguments) => return roles::run(arguments, host).await,
        };
        print!("{}", if json { report.to_json() } else { report.to_text() });
        match report.defect {
            Some(defect) => Err(Failure::running(defect)),
            None => Ok(()),
        }
    };
    let unavailable = |error| Failure::start_up(format!("cannot watch signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(unavailable)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unavailable)?;
    // Dropping the bench kills its child and removes its folder. (A node as a child sees to its signals itself.)
    tokio::select! {
        ended = bench => ended,
        _ = terminate.recv() => Err(Failure { message: "bench: terminated".to_owned(), code: 143 }),
        _ = interrupt.recv() => Err(Failure { message: "bench: interrupted".to_owned(), code: 130 }),
    }
}
