//! What a bench's child process is. Each role prints a ready line and ends when its standard input does, so that no
//! child outlives its bench.

use crate::{Failure, MeasuredNode, NodeSettings, StartedNode, floor, media, messages, seed};
use clap::{Args, Subcommand};
use futures::{StreamExt, TryStreamExt, stream};
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Instant};
use tessera_app::clock;
use tessera_domain::{IdGenerator, PostId, Timestamp};
use tessera_ports::{
    Ledger, StoreError, StoreResult,
    ledger::{FinishJobOutcome, MAX_PAGE, MediaJob},
};
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
    /// `tessera serve`, which makes posts of what its bench holds back when it reads `take` and `post`
    Node(NodeSettings),
    /// One HTTP route that serves a file's bytes
    PageFloor {
        /// The file
        file: PathBuf,
    },
    /// An HTTP route that commits every like by itself
    LikesFloor(NodeSettings),
    /// Photos through the media pipeline, as standard input says
    MediaWorker,
    /// A node's end of a link to its bench, and an echo and a sink over plain TCP and over TLS
    MessagesPeer {
        /// Where the certificates are
        folder: PathBuf,
        /// Where the bench listens for the link
        bench: SocketAddr,
    },
}

/// Plays a role until the bench ends.
pub async fn run(arguments: RoleArguments, host: &dyn MeasuredNode) -> Result<(), Failure> {
    match arguments.role {
        Role::Node(settings) => node(host.start(&settings).await?).await,
        Role::PageFloor { file } => {
            let bytes = std::fs::read(&file);
            let bytes = bytes.map_err(|error| Failure::start_up(format!("{}: {error}", file.display())))?;
            until_input_ends(floor::serve(floor::page(bytes.into()))).await
        }
        Role::LikesFloor(settings) => {
            let sets = [settings.sets, vec!["ledger.group_commit=false".to_owned()]].concat();
            let opened = host.open_ledger(&NodeSettings { sets, ..settings }).await?;
            until_input_ends(floor::serve(floor::likes(opened.ledger))).await
        }
        Role::MediaWorker => {
            let working = tokio::task::spawn_blocking(|| media::worker::run(media::IN_FLIGHT));
            let failed = |error: std::io::Error| Failure::running(error.to_string());
            working.await.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(failed)
        }
        Role::MessagesPeer { folder, bench } => messages::serve_peer(&folder, bench, input()).await,
    }
}

async fn until_input_ends(serving: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let mut lines = input();
    tokio::select! {
        ended = serving => ended,
        () = async { while lines.recv().await.is_some() {} } => Ok(()),
    }
}

async fn node(StartedNode { ledger, serving }: StartedNode) -> Result<(), Failure> {
    tokio::select! {
        ended = serving => ended,
        ended = obey(ledger) => ended,
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

/// `take` leases the jobs that the bench's seeder holds back, `post` makes posts of them.
async fn obey(ledger: Arc<dyn Ledger>) -> Result<(), Failure> {
    let (mut lines, mut jobs) = (input(), Vec::new());
    while let Some(line) = lines.recv().await {
        match line.as_str() {
            "take" => {
                jobs = take_held_jobs(&*ledger).await.map_err(failure)?;
                println!("taken {}", jobs.len());
            }
            "post" => {
                let started = Instant::now();
                let posts = finish(&*ledger, &jobs).await.map_err(failure)?;
                println!("posted {posts} {:.3}", started.elapsed().as_secs_f64());
            }
            _ => println!("unknown"),
        }
    }
    Ok(())
}

async fn take_held_jobs(ledger: &dyn Ledger) -> StoreResult<Vec<MediaJob>> {
    let when_due = clock::now().plus_ms(seed::HELD_FOR_MS);
    let mut jobs = Vec::new();
    loop {
        let page = ledger.claim_jobs(MAX_PAGE, 0, seed::HELD_FOR_MS, when_due).await?;
        if page.is_empty() {
            return Ok(jobs);
        }
        jobs.extend(page);
    }
}

/// Makes posts by the same transaction as the media pool does, without any media.
async fn finish(ledger: &dyn Ledger, jobs: &[MediaJob]) -> StoreResult<usize> {
    let mut ids = IdGenerator::new(NODE_NUMBER, Timestamp(0));
    let writes = jobs.iter().map(|job| {
        let now = clock::now();
        ledger.finish_job(job.upload.id, job.lease_token, seed::finished(PostId(ids.next(now)), job.upload.id, now))
    });
    let outcomes: Vec<FinishJobOutcome> = stream::iter(writes).buffered(CONCURRENCY).try_collect().await?;
    Ok(outcomes.iter().filter(|outcome| matches!(outcome, FinishJobOutcome::Posted(_))).count())
}

fn failure(error: StoreError) -> Failure {
    Failure::running(format!("making posts: {error}"))
}
