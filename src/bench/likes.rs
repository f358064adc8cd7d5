//! `tessera bench likes`: likes and unlikes of one hot post and of many posts, beside one commit per like.

use super::{
    child::{ChildProcess, ChildRole},
    client::{Call, Connection},
    load::{self, Worker},
    options::{CommonOptions, LoadOptions, scratch_folder},
    report::{Report, Row},
    seed::{Person, Seeder},
};
use crate::{Failure, MeasuredNode};
use clap::Args;
use hyper::{Method, StatusCode};
use std::{path::Path, sync::Arc};
use tessera_domain::{PostId, UserId};

/// Authors of the posts that are liked.
const AUTHORS: usize = 20;

/// Arguments of `tessera bench likes`.
#[derive(Debug, Args)]
pub struct LikesArguments {
    #[command(flatten)]
    pub common: CommonOptions,
    #[command(flatten)]
    load: LoadOptions,
    /// Users who like; at least one per connection
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    users: u32,
    /// Posts that the spread likes go to
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    posts: u32,
}

/// Measures and reports.
pub async fn run(arguments: &LikesArguments, host: &dyn MeasuredNode) -> Result<Report, Failure> {
    let mut report = Report::new("likes");
    let users = arguments.users.max(u32::from(arguments.load.connections));
    report.setting("users", users);
    report.setting("posts", arguments.posts);
    report.setting("connections", arguments.load.connections);
    report.setting("seconds", arguments.load.seconds);
    report.setting("seed", arguments.common.seed);
    for (name, posts) in [("one hot post", 1), ("spread", arguments.posts as usize)] {
        let scenario = Scenario { arguments, host, name, users: users as usize, posts };
        let row = scenario.node(&mut report).await?;
        let floor = scenario.floor(&mut report).await?;
        report.compare(name, &row, &floor);
    }
    report.notes.push("Likes alternate with unlikes: first every (user, post) pair is liked, then unliked.".to_owned());
    report.notes.push(
        "The floor is an axum route that commits each like by itself (ledger.group_commit off), without looking up \
         tokens, notifying authors or keeping caches; the counter actor coalesces whatever group_commit says, so a node \
         cannot be its own floor."
            .to_owned(),
    );
    Ok(report)
}

struct Scenario<'a> {
    arguments: &'a LikesArguments,
    host: &'a dyn MeasuredNode,
    name: &'static str,
    users: usize,
    posts: usize,
}

impl Scenario<'_> {
    async fn node(&self, report: &mut Report) -> Result<Row, Failure> {
        let folder = scratch_folder()?;
        let (people, posts) = self.seed(folder.path()).await?;
        let node = ChildProcess::start(self.arguments.common.node_role(folder.path())).await?;
        let tokens = people.iter().map(|person| person.token.clone()).collect();
        let workers = self.workers(&node.http, tokens, &posts);
        let (measured, workers) = load::run(workers, 1, self.arguments.load.span(), &[node.measured]).await?;
        let row = report.add(&format!("likes, {}", self.name), &measured);
        let wrong = self.check(&node.http, &people[0].token, &posts, &workers).await?;
        report.fact(&format!("counts, {}", self.name), if wrong.is_empty() { "exact" } else { "wrong" });
        if let Some(first) = wrong.first() {
            report.defect = Some(format!("{} of {} counts are wrong: {first}", wrong.len(), posts.len()));
        }
        Ok(row)
    }

    async fn floor(&self, report: &mut Report) -> Result<Row, Failure> {
        let folder = scratch_folder()?;
        let (people, posts) = self.seed(folder.path()).await?;
        let settings = self.arguments.common.node_settings(folder.path());
        let floor = ChildProcess::start(ChildRole::LikesFloor(settings)).await?;
        // The floor looks no token up: it takes the user's id for one.
        let tokens = people.iter().map(|person| person.id.to_string()).collect();
        let workers = self.workers(&floor.http, tokens, &posts);
        let (measured, _) = load::run(workers, 1, self.arguments.load.span(), &[floor.measured]).await?;
        Ok(report.add(&format!("floor: one commit each, {}", self.name), &measured))
    }

    async fn seed(&self, folder: &Path) -> Result<(Vec<Person>, Vec<PostId>), Failure> {
        let mut seeder = Seeder::open(self.host, &self.arguments.common.node_settings(folder)).await?;
        let people = seeder.people(self.users + AUTHORS).await?;
        let authors: Vec<UserId> = people[self.users..].iter().map(|person| person.id).collect();
        let made = seeder.posts(&authors, self.posts.div_ceil(AUTHORS)).await?;
        seeder.finish().await?;
        let posts = made.into_iter().take(self.posts).map(|post| post.post_id).collect();
        Ok((people[..self.users].to_vec(), posts))
    }

    /// Every user belongs to one connection, so that what a pair's next operation must answer is known.
    fn workers(&self, authority: &str, tokens: Vec<String>, posts: &[PostId]) -> Vec<LikeWorker> {
        let connections = usize::from(self.arguments.load.connections);
        let posts: Arc<[PostId]> = posts.into();
        let worker = |number: usize| {
            let tokens: Vec<String> = tokens.iter().skip(number).step_by(connections).cloned().collect();
            LikeWorker {
                connection: Connection::new(authority),
                states: vec![LikeState::No; tokens.len() * posts.len()],
                tokens,
                posts: posts.clone(),
                first_post: number * posts.len() / connections,
                next: 0,
                liking: true,
            }
        };
        (0..connections).map(worker).collect()
    }

    /// Compares every post's count with the likes that were acknowledged; says which are wrong.
    async fn check(
        &self,
        authority: &str,
        token: &str,
        posts: &[PostId],
        workers: &[LikeWorker],
    ) -> Result<Vec<String>, Failure> {
        let mut connection = Connection::new(authority);
        let mut wrong = Vec::new();
        for (place, post_id) in posts.iter().enumerate() {
            let count_of = |state| workers.iter().map(|worker| worker.count(place, state)).sum::<u64>();
            let (likes, unknown) = (count_of(LikeState::Yes), count_of(LikeState::Unknown));
            let post = connection.expect(Call::get(&format!("/v1/posts/{post_id}"), token)).await?.json();
            let shown = post["like_count"].as_u64().unwrap_or(u64::MAX);
            if !(likes..=likes + unknown).contains(&shown) {
                wrong.push(format!("post {post_id} has {shown}, acknowledged were {likes} (unknown {unknown})"));
            }
        }
        Ok(wrong)
    }
}

/// How a (user, post) pair stands, by what the node acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LikeState {
    No,
    Yes,
    /// The last operation failed: it may have happened.
    Unknown,
}

struct LikeWorker {
    connection: Connection,
    tokens: Vec<String>,
    posts: Arc<[PostId]>,
    /// Pairs, user by user within post by post.
    states: Vec<LikeState>,
    /// Workers begin at different posts.
    first_post: usize,
    next: usize,
    liking: bool,
}

impl LikeWorker {
    /// How many of this worker's users stand so to a post.
    fn count(&self, post: usize, state: LikeState) -> u64 {
        let pairs = &self.states[post * self.tokens.len()..(post + 1) * self.tokens.len()];
        pairs.iter().filter(|pair| **pair == state).count() as u64
    }
}

impl Worker for LikeWorker {
    async fn step(&mut self) -> (usize, Result<(), String>) {
        let user = self.next % self.tokens.len();
        let post = (self.first_post + self.next / self.tokens.len()) % self.posts.len();
        let (method, expected) =
            if self.liking { (Method::POST, StatusCode::CREATED) } else { (Method::DELETE, StatusCode::OK) };
        let pair = &mut self.states[post * self.tokens.len() + user];
        let before = *pair;
        let path = format!("/v1/posts/{}/likes", self.posts[post]);
        let answer = self.connection.send(Call::new(method, &path, &self.tokens[user])).await;
        *pair = LikeState::Unknown;
        let outcome = match answer {
            Ok(answer) if answer.status == expected => {
                *pair = if self.liking { LikeState::Yes } else { LikeState::No };
                Ok(())
            }
            // An earlier attempt that was answered with an error had happened after all.
            Ok(answer) if before == LikeState::Unknown && answer.status == StatusCode::CONFLICT => {
                *pair = LikeState::Yes;
                Ok(())
            }
            Ok(answer) => Err(answer.complaint()),
            Err(error) => Err(error),
        };
        self.next += 1;
        if self.next == self.states.len() {
            self.next = 0;
            self.liking = !self.liking;
        }
        (0, outcome)
    }
}
