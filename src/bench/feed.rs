//! `tessera bench feed`: first pages of feeds, beside an HTTP route that serves the same bytes.

use super::{
    child::{ChildProcess, ChildRole},
    client::{Call, Connection},
    feed_mix, feed_recommendations,
    feed_world::FeedWorld,
    graph::{Graph, REED98_USERS},
    load::{self, Worker},
    options::{CommonOptions, LoadOptions, scratch_folder},
    report::Report,
    seed::{Person, Seeder},
};
use crate::{Failure, MeasuredNode};
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use std::{path::PathBuf, sync::Arc};
use tessera_domain::hash::SeededRandom;

/// Posts on a page.
const PAGE: usize = 50;
/// What is asked for. Seen posts follow the unseen ones, so that pages stay full however often a user comes.
const PATH: &str = "/v1/feed?limit=50&include_seen=true";
/// Every so many pages one is looked into: reading them all would cost the client more than the node.
const CHECK_EVERY: u64 = 64;
/// The most people that like one seeded post.
const LIKERS: u64 = 5;
/// Timelines loaded side by side before the load begins.
const PRIME_CONNECTIONS: usize = 16;

/// Arguments of `tessera bench feed`.
#[derive(Debug, Args)]
pub struct FeedArguments {
    #[command(flatten)]
    pub common: CommonOptions,
    #[command(flatten)]
    load: LoadOptions,
    /// Users of the generated graph
    #[arg(long, default_value_t = REED98_USERS as u32, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    users: u32,
    /// An edge list to use as the graph, such as socfb-Reed98; each edge is followed both ways
    #[arg(long, value_name = "FILE", conflicts_with = "users")]
    graph: Option<PathBuf>,
    /// Posts that each user has made
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    posts: u16,
    /// The DeathStarBench mix instead: 60 % home timelines, 30 % user timelines, 10 % new posts
    #[arg(long)]
    mix: bool,
    /// Lists of recommendations instead, one for everybody, each made anew
    #[arg(long, conflicts_with = "mix")]
    recommendations: bool,
}

/// Measures and reports.
pub async fn run(arguments: &FeedArguments, host: &dyn MeasuredNode) -> Result<Report, Failure> {
    let mut report = Report::new("feed");
    let world = world(arguments, host, &mut report).await?;
    if arguments.recommendations {
        feed_recommendations::measure(&mut report, &world).await?;
    } else if arguments.mix {
        feed_mix::measure(&mut report, &world, arguments.common.seed, arguments.load).await?;
    } else {
        measure(&mut report, world, arguments).await?;
    }
    Ok(report)
}

async fn measure(report: &mut Report, world: FeedWorld, arguments: &FeedArguments) -> Result<(), Failure> {
    let workers = workers(&world.node.http, &world.people, arguments, Some(PAGE));
    let (measured, _) = load::run(workers, 1, arguments.load.span(), &[world.node.measured]).await?;
    let row = report.add("feed pages of 50", &measured);

    let bytes = Connection::new(&world.node.http).expect(Call::get(PATH, &world.people[0].token)).await?.body;
    let file = world.folder.path().join("page.json");
    std::fs::write(&file, &bytes).map_err(|error| Failure::running(format!("{}: {error}", file.display())))?;
    let FeedWorld { node, people, folder } = world;
    drop(node);
    let floor = ChildProcess::start(ChildRole::PageFloor { file }).await?;
    let workers = self::workers(&floor.http, &people, arguments, None);
    let (measured, _) = load::run(workers, 1, arguments.load.span(), &[floor.measured]).await?;
    let floor_row = report.add("floor: a route with the same bytes", &measured);
    drop(floor);
    drop(folder);

    report.compare("", &row, &floor_row);
    report.fact("page KiB", bytes.len() as f64 / 1024.0);
    report
        .notes
        .push("First pages of users drawn evenly, include_seen=true; what is served counts as seen.".to_owned());
    report.notes.push("The floor is one axum route with one of these replies, asked by the same client.".to_owned());
    Ok(())
}

/// Seeds a ledger, starts a node on it and loads every timeline.
async fn world(arguments: &FeedArguments, host: &dyn MeasuredNode, report: &mut Report) -> Result<FeedWorld, Failure> {
    let common = &arguments.common;
    let graph = match &arguments.graph {
        Some(file) => Graph::read(file)?,
        None => Graph::like_reed98(arguments.users as usize, common.seed),
    };
    report.setting("users", graph.users);
    report.setting("edges", graph.edges.len());
    report.setting("posts per user", arguments.posts);
    report.setting("connections", arguments.load.connections);
    report.setting("seconds", arguments.load.seconds);
    report.setting("seed", arguments.common.seed);
    let folder = scratch_folder()?;
    let mut seeder = Seeder::open(host, &common.node_settings(folder.path())).await?;
    let people: Arc<[Person]> = seeder.people(graph.users).await?.into();
    seeder.follows(graph.follows().map(|(from, to)| (people[from].id, people[to].id))).await?;
    let authors: Vec<_> = people.iter().map(|person| person.id).collect();
    let posts = seeder.posts(&authors, usize::from(arguments.posts)).await?;
    let mut random = SeededRandom::new(common.seed);
    let likes = posts.iter().map(|post| {
        let (first, count) = (random.next_u64() as usize, (random.next_u64() % (LIKERS + 1)) as usize);
        (post.post_id, (0..count).map(|place| authors[(first + place) % authors.len()]).collect())
    });
    seeder.likes(likes).await?;
    if arguments.recommendations {
        seeder.embeddings(&posts).await?;
    }
    seeder.finish().await?;
    let node = ChildProcess::start(common.node_role(folder.path())).await?;
    prime(&node.http, &people).await?;
    Ok(FeedWorld { node, people, folder })
}

/// Reads everybody's feed once, so that their timelines are in memory.
pub async fn prime(authority: &str, people: &[Person]) -> Result<(), Failure> {
    let share = people.len().div_ceil(PRIME_CONNECTIONS).max(1);
    let reads = people.chunks(share).map(|people| async move {
        let mut connection = Connection::new(authority);
        for person in people {
            connection.expect(Call::get("/v1/feed?limit=1&include_seen=true", &person.token)).await?;
        }
        Ok::<_, Failure>(())
    });
    stream::iter(reads).buffer_unordered(PRIME_CONNECTIONS).try_collect().await
}

fn workers(authority: &str, people: &Arc<[Person]>, arguments: &FeedArguments, full: Option<usize>) -> Vec<FeedWorker> {
    let worker = |number: u16| FeedWorker {
        connection: Connection::new(authority),
        people: people.clone(),
        random: SeededRandom::new(arguments.common.seed.wrapping_add(u64::from(number) << 32)),
        full,
        pages: 0,
    };
    (0..arguments.load.connections).map(worker).collect()
}

/// Reads first pages of users drawn evenly.
struct FeedWorker {
    connection: Connection,
    people: Arc<[Person]>,
    random: SeededRandom,
    /// Posts that must be on a page; `None`: any.
    full: Option<usize>,
    pages: u64,
}

impl Worker for FeedWorker {
    async fn step(&mut self) -> (usize, Result<(), String>) {
        let person = &self.people[(self.random.next_u64() % self.people.len() as u64) as usize];
        self.pages += 1;
        let outcome = match self.connection.send(Call::get(PATH, &person.token)).await {
            Ok(answer) if !answer.status.is_success() => Err(answer.complaint()),
            Ok(answer) => match self.full {
                Some(full) if self.pages % CHECK_EVERY == 1 => check_full(&answer.body, full),
                _ => Ok(()),
            },
            Err(error) => Err(error),
        };
        (0, outcome)
    }
}

fn check_full(body: &[u8], full: usize) -> Result<(), String> {
    let mark: &[u8] = b"\"post_id\":";
    let posts = body.windows(mark.len()).filter(|window| *window == mark).count();
    if posts == full { Ok(()) } else { Err(format!("a page has {posts} posts where {full} were asked for")) }
}
