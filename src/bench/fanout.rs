//! `tessera bench fanout`: new posts into the timelines of followers in memory, beside a plain in-memory push.
//!
//! Pictures would hide the fan-out behind their processor time. So the bench seeds uploads whose media jobs are not due
//! yet, and once everybody's timeline is loaded tells the node to make posts of them: by the same transaction as its
//! media pool does, but without a picture. Everything behind it (outbox, relay, lanes, pushes, timelines) is the real
//! thing. Latency is then measured apart, with whole uploads, one at a time.

use super::{
    child::ChildProcess,
    client::{Call, Connection},
    compose_post::Composer,
    feed::prime,
    load::Measured,
    options::{CommonOptions, scratch_folder},
    report::{Latency, Report, Row},
    seed::{Person, Seeder},
};
use crate::{Failure, MeasuredNode};
use clap::Args;
use std::{
    collections::{HashSet, VecDeque},
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};
use tessera_domain::hash::SeededRandom;
use tokio::time::sleep;

/// What a timeline keeps, and what the floor's does.
const TIMELINE_POSTS: usize = 1_000;
/// More than any feed holds.
const MAX_FEED_POSTS: usize = 10_000;
/// The longest wait for the deliveries.
const LIMIT: Duration = Duration::from_secs(300);
/// How often the node is asked how far it is.
const POLL: Duration = Duration::from_millis(10);
/// How often it is asked where milliseconds count.
const QUICK_POLL: Duration = Duration::from_millis(1);
/// Feeds that are read to their ends.
const SAMPLED_FEEDS: usize = 5;
/// Rounds of the floor; the median counts.
const FLOOR_ROUNDS: usize = 5;

/// Arguments of `tessera bench fanout`.
#[derive(Debug, Args)]
pub struct FanoutArguments {
    #[command(flatten)]
    pub common: CommonOptions,
    /// Followers, each of whom follows every author
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    followers: u32,
    /// Authors
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    authors: u32,
    /// Posts of each author
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100))]
    posts_per_author: u32,
    /// Uploads that the latency is measured with
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    uploads: u32,
}

/// Measures and reports.
pub async fn run(arguments: &FanoutArguments, host: &dyn MeasuredNode) -> Result<Report, Failure> {
    let mut report = Report::new("fanout");
    let (followers, posts) = (arguments.followers as usize, (arguments.authors * arguments.posts_per_author) as usize);
    report.setting("followers", followers);
    report.setting("authors", arguments.authors);
    report.setting("posts", posts);
    report.setting("uploads", arguments.uploads);
    report.setting("seed", arguments.common.seed);
    let folder = scratch_folder()?;
    let world = Fanout::start(arguments, host, folder.path()).await?;
    measure(&mut report, world, arguments, posts).await
}

async fn measure(
    report: &mut Report,
    mut world: Fanout,
    arguments: &FanoutArguments,
    posts: usize,
) -> Result<Report, Failure> {
    let followers = world.followers.len();
    let row = world.deliver(report, posts).await?;
    report.results.push(row.clone());
    let floor_ns = floor_ns(followers, posts);
    let floor = Row {
        name: "floor: plain in-memory pushes".to_owned(),
        per_second: Some(1e9 / floor_ns),
        latency: None,
        cpu_ms_per_operation: Some(floor_ns / 1e6),
        memory: None,
        ..row.clone()
    };
    report.results.push(floor.clone());
    if arguments.uploads > 0 {
        let latency = world.latency(arguments).await?;
        let row = Row {
            name: "completed upload to follower's feed".to_owned(),
            operations: latency.latency_ns.len(),
            per_second: None,
            latency: Latency::of(&latency),
            cpu_ms_per_operation: None,
            memory: Some(world.node.measured.memory()?),
            errors: latency.errors,
        };
        report.results.push(row);
        report.notes.extend(latency.first_error.map(|error| format!("the first failed upload: {error}")));
    }
    report.compare("", &row, &floor);
    report.fact("wall ns per delivery", row.per_second.map(|rate| 1e9 / rate));
    report.fact("CPU µs per delivery", row.cpu_ms_per_operation.unwrap_or(0.0) * 1_000.0);
    report.fact("floor ns per delivery", floor_ns);
    report.notes.push(
        "Deliveries count from the first post's commit begun until every push is applied; the node's processor time \
         holds the posts' commits, the outbox and the relay too. No media: the pictures do not exist."
            .to_owned(),
    );
    report.notes.push(
        "The floor pushes as many entries into a VecDeque per follower, at most 1,000 each, on one thread.".to_owned(),
    );
    report
        .notes
        .push("Latency: whole uploads, one at a time, until a follower drawn at random has the post.".to_owned());
    Ok(std::mem::take(report))
}

/// A node with loaded timelines and posts in waiting.
struct Fanout {
    node: ChildProcess,
    authors: Vec<Person>,
    followers: Vec<Person>,
}

impl Fanout {
    async fn start(arguments: &FanoutArguments, host: &dyn MeasuredNode, folder: &Path) -> Result<Self, Failure> {
        let (followers, authors) = (arguments.followers as usize, arguments.authors as usize);
        let mut seeder = Seeder::open(host, &arguments.common.node_settings(folder)).await?;
        let mut followers = seeder.people(followers + authors).await?;
        let authors = followers.split_off(arguments.followers as usize);
        let pairs = followers.iter().flat_map(|from| authors.iter().map(move |to| (from.id, to.id)));
        seeder.follows(pairs).await?;
        let author_ids: Vec<_> = authors.iter().map(|author| author.id).collect();
        seeder.hold_uploads(&author_ids, arguments.posts_per_author as usize).await?;
        seeder.finish().await?;
        let node = ChildProcess::start(arguments.common.node_role(folder)).await?;
        prime(&node.http, &followers).await?;
        Ok(Self { node, authors, followers })
    }

    /// Makes all posts at once and waits until every follower's timeline has them.
    async fn deliver(&mut self, report: &mut Report, posts: usize) -> Result<Row, Failure> {
        let deliveries = (posts * self.followers.len()) as u64;
        let taken = self.node.tell("take", LIMIT).await?;
        if taken != format!("taken {posts}") {
            return Err(Failure::running(format!("the node has {taken} of {posts} posts to make")));
        }
        let mut admin = Connection::new(&self.node.admin);
        let (before, _) = progress(&mut admin).await?;
        let (cpu_before, started) = (self.node.measured.cpu_seconds()?, Instant::now());
        let posted = self.node.tell("post", LIMIT).await?;
        let elapsed = loop {
            let (pushed, waiting) = progress(&mut admin).await?;
            let elapsed = started.elapsed();
            if pushed - before >= deliveries && waiting == 0 {
                break elapsed;
            }
            if elapsed > LIMIT {
                let missing = deliveries - (pushed - before).min(deliveries);
                return Err(Failure::running(format!("{missing} of {deliveries} deliveries are missing")));
            }
            sleep(POLL).await;
        };
        let cpu_seconds = self.node.measured.cpu_seconds()? - cpu_before;
        let commit_seconds = posted.split(' ').nth(2).and_then(|seconds| seconds.parse::<f64>().ok());
        report.fact("seconds in all", elapsed.as_secs_f64());
        report.fact("seconds until all posts were committed", commit_seconds.unwrap_or(0.0));
        let errors = self.check(posts.min(TIMELINE_POSTS)).await?;
        if let Some(error) = errors.first() {
            report.defect = Some(format!("{} feeds are not whole: {error}", errors.len()));
        }
        Ok(Row {
            name: "deliveries to timelines in memory".to_owned(),
            operations: deliveries,
            per_second: Some(deliveries as f64 / elapsed.as_secs_f64()),
            latency: None,
            cpu_ms_per_operation: Some(cpu_seconds * 1_000.0 / deliveries as f64),
            memory: Some(self.node.measured.memory()?),
            errors: errors.len() as u64,
        })
    }

    /// Reads everybody's first page, and some feeds to their ends: every post is there, once.
    async fn check(&self, posts: usize) -> Result<Vec<String>, Failure> {
        let mut connection = Connection::new(&self.node.http);
        let mut wrong = Vec::new();
        let sampled = self.followers.len().div_ceil(SAMPLED_FEEDS).max(1);
        let mut newest: Option<String> = None;
        for (number, follower) in self.followers.iter().enumerate() {
            let mut ids = Vec::new();
            let mut path = "/v1/feed?limit=100".to_owned();
            while ids.len() < MAX_FEED_POSTS {
                let page = connection.expect(Call::get(&path, &follower.token)).await?.json();
                let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
                ids.extend(items.iter().filter_map(|item| item["post"]["post_id"].as_str().map(str::to_owned)));
                match page["next_cursor"].as_str() {
                    Some(cursor) if number % sampled == 0 => path = format!("/v1/feed?limit=100&cursor={cursor}"),
                    _ => break,
                }
            }
            let first = newest.get_or_insert_with(|| ids.first().cloned().unwrap_or_default());
            if !ids.contains(first) {
                wrong.push(format!("user {} lacks the newest post {first}", follower.id));
            }
            let unlike: HashSet<&String> = ids.iter().collect();
            let expected = if number % sampled == 0 { posts } else { posts.min(100) };
            if unlike.len() != ids.len() || ids.len() < expected {
                let (all, unlike) = (ids.len(), unlike.len());
                wrong.push(format!("user {} has {all} posts, {unlike} different, of {expected}", follower.id));
            }
        }
        Ok(wrong)
    }

    /// From an upload's `completed` until the post stands in a follower's feed.
    async fn latency(&self, arguments: &FanoutArguments) -> Result<Measured, Failure> {
        let mut measured = Measured::new()?;
        let mut random = SeededRandom::new(arguments.common.seed);
        let mut composer = Composer::new(&self.node.http)?;
        let mut connection = Connection::new(&self.node.http);
        for _ in 0..arguments.uploads {
            let author = &self.authors[(random.next_u64() % self.authors.len() as u64) as usize];
            let follower = &self.followers[(random.next_u64() % self.followers.len() as u64) as usize];
            let post_id = match composer.compose(&author.token, QUICK_POLL).await {
                Ok(post_id) => format!("\"{post_id}\""),
                Err(error) => {
                    measured.errors += 1;
                    measured.first_error.get_or_insert(error);
                    continue;
                }
            };
            let completed = Instant::now();
            loop {
                let page = connection.expect(Call::get("/v1/feed?limit=20", &follower.token)).await?.body;
                if page.windows(post_id.len()).any(|window| window == post_id.as_bytes()) {
                    measured.record(completed.elapsed());
                    break;
                }
                if completed.elapsed() > LIMIT {
                    return Err(Failure::running(format!("post {post_id} does not reach user {}", follower.id)));
                }
                sleep(QUICK_POLL).await;
            }
        }
        Ok(measured)
    }
}

/// Pushes so far, and messages that wait in timelines' mailboxes.
async fn progress(admin: &mut Connection) -> Result<(u64, u64), Failure> {
    let answer = admin.expect(Call { token: None, ..Call::get("/metrics", "") }).await?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse::<f64>().ok()).unwrap_or(0.0) as u64
    };
    Ok((value("tessera_fanout_pushes_total "), value("tessera_actors_mailbox_depth{kind=\"timeline\"} ")))
}

/// Nanoseconds per push of the plainest fan-out there is; the median of some rounds.
fn floor_ns(followers: usize, posts: usize) -> f64 {
    let mut timelines: Vec<VecDeque<(u64, u64)>> =
        (0..followers).map(|_| VecDeque::with_capacity(TIMELINE_POSTS + 1)).collect();
    let mut rounds: Vec<f64> = (0..FLOOR_ROUNDS)
        .map(|_| {
            let started = Instant::now();
            for post in 0..posts as u64 {
                for timeline in &mut timelines {
                    timeline.push_front(black_box((post, post)));
                    timeline.truncate(TIMELINE_POSTS);
                }
            }
            black_box(&timelines);
            started.elapsed().as_nanos() as f64 / (followers * posts) as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[FLOOR_ROUNDS / 2]
}
