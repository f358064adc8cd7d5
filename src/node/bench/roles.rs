//! What a bench's child process is. Each role prints a ready line and ends when its standard input does, so that no
//! child outlives its bench.

use super::{floor, seed};
use crate::{Failure, cli::Settings, compose, config::Config, serve};
use clap::{Args, Subcommand};
use futures::{StreamExt, TryStreamExt, stream};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};
use tessera_app::clock;
use tessera_domain::{IdGenerator, PostId, Timestamp, UploadId};
use tessera_ports::Ledger;
use tokio::sync::mpsc;

/// Ids of posts made here never meet those that the node makes.
const NODE_NUMBER: u16 = 1_022;
/// Posts being written at once.
const CONCURRENCY: usize = 256;

/// Which role.
#[derive(Debug, Args)]
pub struct RoleArguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// `tessera serve`, which finishes the jobs that its bench holds when it reads `post`
    Node(Settings),
    /// One HTTP route that serves a file's bytes
    PageFloor {
        /// The file
        file: PathBuf,
    },
    /// An HTTP route that commits every like by itself
    LikesFloor(Settings),
}

/// Plays a role until the bench ends.
pub async fn run(arguments: RoleArguments) -> Result<(), Failure> {
    match arguments.role {
        Role::Node(settings) => node(settings.load()?).await,
        Role::PageFloor { file } => {
            let bytes = std::fs::read(&file);
            let bytes = bytes.map_err(|error| Failure::start_up(format!("{}: {error}", file.display())))?;
            until_input_ends(floor::serve(floor::page(bytes.into()))).await
        }
        Role::LikesFloor(settings) => {
            let config = Config { group_commit: false, ..settings.load()? };
            until_input_ends(floor::serve(floor::likes(compose::open_ledger(&config).await?))).await
        }
    }
}

async fn until_input_ends(serving: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let mut lines = input();
    tokio::select! {
        ended = serving => ended,
        () = async { while lines.recv().await.is_some() {} } => Ok(()),
    }
}

async fn node(config: Config) -> Result<(), Failure> {
    let held = config.data_dir.join(seed::HELD_JOBS);
    let node = serve::start(config, None).await?;
    let ledger = node.ledger();
    node.announce();
    tokio::select! {
        ended = node.run_until_stopped() => ended,
        ended = obey(ledger, &held) => ended,
    }
}

/// The lines of standard input, which the bench at its other end closes when it ends. Read by a thread of its own: the
/// process need not wait for it.
fn input() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

async fn obey(ledger: Arc<dyn Ledger>, held: &Path) -> Result<(), Failure> {
    let mut lines = input();
    while let Some(line) = lines.recv().await {
        if line == "post" {
            let started = Instant::now();
            let posts = finish_held_jobs(&*ledger, held).await?;
            println!("posted {posts} {:.3}", started.elapsed().as_secs_f64());
        }
    }
    Ok(())
}

/// Makes the posts of the held jobs by the same transaction as the media pool does, without any media.
async fn finish_held_jobs(ledger: &dyn Ledger, held: &Path) -> Result<usize, Failure> {
    let failed = |error: String| Failure::running(format!("{}: {error}", held.display()));
    let json = std::fs::read(held).map_err(|error| failed(error.to_string()))?;
    let jobs: Vec<(UploadId, u64)> = serde_json::from_slice(&json).map_err(|error| failed(error.to_string()))?;
    let mut ids = IdGenerator::new(NODE_NUMBER, Timestamp(0));
    let writes = jobs.iter().map(|(upload_id, lease_token)| {
        let now = clock::now();
        ledger.finish_job(*upload_id, *lease_token, seed::finished(PostId(ids.next(now)), *upload_id, now))
    });
    let outcomes: Vec<_> =
        stream::iter(writes).buffered(CONCURRENCY).try_collect().await.map_err(|error| failed(error.to_string()))?;
    Ok(outcomes.len())
}
