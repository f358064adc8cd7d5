//! `tessera bench deletion`: a viral post is deleted, and all counters are rebuilt, while others write.
//!
//! It measures the ledger itself: the calls that a node makes, without HTTP around them.

use crate::{
    Failure, MeasuredNode, SeededLedger,
    load::Measured,
    options::{CommonOptions, scratch_folder},
    report::{Latency, Report, Row},
    seed::Seeder,
};
use clap::Args;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tessera_actors::upkeep::purge_deleted_posts;
use tessera_app::clock;
use tessera_domain::{
    PostId, UserId,
    counters::{COUNTER_SHARDS, CounterOperation},
    post::PostRef,
};
use tessera_ports::{
    Ledger, StoreError,
    decorators::{TimeLimit, TimeLimited},
};
use tokio::task::JoinSet;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer, filter,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

/// Likes in one transaction while the ledger is filled.
const FILL_BATCH: u64 = 10_000;
/// Transactions under way at once meanwhile.
const FILLERS: usize = 4;
/// How long a step of the purge may take before it counts as failed.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// Arguments of `tessera bench deletion`.
#[derive(Debug, Args)]
pub struct DeletionArguments {
    #[command(flatten)]
    pub common: CommonOptions,
    /// Likes of the post that is deleted
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    likes: u64,
    /// Likes of all posts when the counters are rebuilt, half of them of one post
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(0..=100_000_000))]
    rebuilt_likes: u64,
    /// Others who write meanwhile
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=256))]
    writers: u64,
    /// Each of them pauses so long between two writes
    #[arg(long, default_value_t = 10)]
    pause_ms: u64,
    /// Seconds for which they are measured without anything else
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
}

/// Measures and reports.
pub async fn run(arguments: &DeletionArguments, host: &dyn MeasuredNode) -> Result<Report, Failure> {
    let longest = LongestStatement::default();
    let statements = filter::filter_fn(|metadata| metadata.target() == "sqlx::query");
    // Where there is a subscriber already, statements are not timed and the report says 0.
    let _ = tracing_subscriber::registry().with(longest.clone().with_filter(statements)).try_init();

    let folder = scratch_folder()?;
    let settings = arguments.common.node_settings(folder.path());
    let mut seeder = Seeder::open(host, &settings).await?;
    let authors: Vec<UserId> = seeder.people(20).await?.iter().map(|person| person.id).collect();
    let posts = seeder.posts(&authors, 50).await?;
    seeder.finish().await?;
    let SeededLedger { ledger, .. } = host.open_ledger(&settings).await?;

    let mut report = Report::new("deletion");
    report.setting("likes", arguments.likes);
    report.setting("rebuilt likes", arguments.rebuilt_likes);
    report.setting("writers", arguments.writers);
    report.setting("pause ms", arguments.pause_ms);
    let world = World { arguments, ledger, longest, posts, next_user: Arc::new(AtomicU64::new(1 << 40)) };
    let measured = world.measure(&mut report).await;
    world.ledger.close().await;
    measured.map(|()| report)
}

struct World<'a> {
    arguments: &'a DeletionArguments,
    ledger: Arc<dyn Ledger>,
    longest: LongestStatement,
    posts: Vec<PostRef>,
    /// Likers need no accounts in the ledger: each number likes once.
    next_user: Arc<AtomicU64>,
}

impl World<'_> {
    async fn measure(&self, report: &mut Report) -> Result<(), Failure> {
        let [viral, large, others @ ..] = &self.posts[..] else { return Err(Failure::running("there are no posts")) };
        let DeletionArguments { likes, rebuilt_likes, seconds, .. } = *self.arguments;
        self.fill(&[viral.post_id], likes).await?;
        self.fill(&[large.post_id], rebuilt_likes / 2).await?;
        let others: Vec<PostId> = others.iter().map(|post| post.post_id).collect();
        self.fill(&others, rebuilt_likes - rebuilt_likes / 2).await?;

        let alone = async { tokio::time::sleep(Duration::from_secs(seconds)).await };
        self.beside("other writers, alone", &others, report, alone).await?;
        let deleting = self.delete(viral);
        let (answered, steps) = self.beside("during the deletion", &others, report, deleting).await??;
        report.fact("deletion answered, ms", answered.as_secs_f64() * 1_000.0);
        report.fact("steps of the purge", steps.count);
        report.fact("all steps, s", steps.elapsed.as_secs_f64());
        report.fact("longest step, ms", steps.longest.as_secs_f64() * 1_000.0);
        report.fact("longest statement meanwhile, ms", self.longest.take_ms());
        let rebuilding = async {
            let started = Instant::now();
            self.ledger.rebuild_counters().await.map(|wrong| (wrong, started.elapsed()))
        };
        let (wrong, took) = self.beside("during the rebuild", &others, report, rebuilding).await?.map_err(failure)?;
        report.fact("rebuild, s", took.as_secs_f64());
        report.fact("longest statement of the rebuild, ms", self.longest.take_ms());
        if wrong > 0 {
            report.defect = Some(format!("{wrong} counters were wrong, though nobody tampered with them"));
        }
        Ok(())
    }

    /// Likes posts in turns, in large transactions.
    async fn fill(&self, posts: &[PostId], likes: u64) -> Result<(), Failure> {
        let mut batches = JoinSet::new();
        for (number, first) in (0..likes).step_by(FILL_BATCH as usize).enumerate() {
            if batches.len() == FILLERS {
                joined(batches.join_next().await)?;
            }
            let count = FILL_BATCH.min(likes - first);
            let from = self.next_user.fetch_add(count, Ordering::Relaxed);
            let (ledger, post_id) = (Arc::clone(&self.ledger), posts[number % posts.len()]);
            let shard = (number % usize::from(COUNTER_SHARDS)) as u16;
            batches.spawn(async move {
                let operations: Vec<_> = (from..from + count).map(like).collect();
                ledger.apply_counter_batch(post_id, shard, &operations, clock::now()).await.map(|_| ())
            });
        }
        while let Some(ended) = batches.join_next().await {
            joined(Some(ended))?;
        }
        self.forget_events().await
    }

    /// Nobody tells of the likes here.
    async fn forget_events(&self) -> Result<(), Failure> {
        loop {
            let events = self.ledger.claim_events(100, 60_000, clock::now()).await.map_err(failure)?;
            if events.is_empty() {
                return Ok(());
            }
            let handled: Vec<_> = events.iter().map(|event| (event.id, event.lease_token)).collect();
            self.ledger.acknowledge_events(&handled).await.map_err(failure)?;
        }
    }

    /// Deletes a post as its author does, then what is left of it as upkeep does.
    async fn delete(&self, post: &PostRef) -> Result<(Duration, Steps), Failure> {
        let started = Instant::now();
        self.ledger.delete_post(post.post_id, post.author_id, clock::now()).await.map_err(failure)?;
        let answered = started.elapsed();
        let ledger = TimeLimited::new(self.ledger.clone(), TimeLimit::new("ledger", CALL_LIMIT));
        let mut steps = Steps::default();
        let started = Instant::now();
        loop {
            let watch = |took| {
                steps.count += 1;
                steps.longest = steps.longest.max(took);
            };
            purge_deleted_posts(&ledger, watch).await.map_err(failure)?;
            if self.ledger.purge_deleted_post(0).await.map_err(failure)?.is_none() {
                steps.elapsed = started.elapsed();
                return Ok((answered, steps));
            }
        }
    }

    /// Does `work` while others like posts, and reports how long each of their commits took.
    async fn beside<T>(
        &self,
        name: &str,
        posts: &[PostId],
        report: &mut Report,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut writers = JoinSet::new();
        for number in 0..self.arguments.writers {
            let writer = Writer {
                ledger: Arc::clone(&self.ledger),
                post_id: posts[number as usize % posts.len()],
                shard: (number % u64::from(COUNTER_SHARDS)) as u16,
                next_user: Arc::clone(&self.next_user),
                pause: Duration::from_millis(self.arguments.pause_ms),
            };
            writers.spawn(writer.run(Arc::clone(&stop)));
        }
        self.longest.take_ms();
        let started = Instant::now();
        let done = work.await;
        let elapsed = started.elapsed();
        stop.store(true, Ordering::Relaxed);
        let mut all = Measured::new()?;
        while let Some(ended) = writers.join_next().await {
            let measured = ended.map_err(|error| Failure::running(format!("a writer: {error}")))??;
            all.add(measured)?;
        }
        if let Some(error) = &all.first_error {
            report.notes.push(format!("{name}: the first of {} errors: {error}", all.errors));
        }
        report.results.push(Row {
            name: name.to_owned(),
            operations: all.latency_ns.len(),
            per_second: Some(all.latency_ns.len() as f64 / elapsed.as_secs_f64()),
            latency: Latency::of(&all),
            cpu_ms_per_operation: None,
            memory: None,
            errors: all.errors,
        });
        Ok(done)
    }
}

/// The steps of a purge.
#[derive(Default)]
struct Steps {
    count: u64,
    longest: Duration,
    elapsed: Duration,
}

/// Somebody who likes one post after another user's like.
struct Writer {
    ledger: Arc<dyn Ledger>,
    post_id: PostId,
    shard: u16,
    next_user: Arc<AtomicU64>,
    pause: Duration,
}

impl Writer {
    async fn run(self, stop: Arc<AtomicBool>) -> Result<Measured, Failure> {
        let mut measured = Measured::new()?;
        while !stop.load(Ordering::Relaxed) {
            let operation = [like(self.next_user.fetch_add(1, Ordering::Relaxed))];
            let started = Instant::now();
            match self.ledger.apply_counter_batch(self.post_id, self.shard, &operation, clock::now()).await {
                Ok(_) => measured.record(started.elapsed()),
                Err(error) => {
                    measured.errors += 1;
                    measured.first_error.get_or_insert(error.to_string());
                }
            }
            tokio::time::sleep(self.pause).await;
        }
        Ok(measured)
    }
}

fn like(user: u64) -> CounterOperation {
    CounterOperation::Like { user_id: UserId(user) }
}

fn joined(ended: Option<Result<Result<(), StoreError>, tokio::task::JoinError>>) -> Result<(), Failure> {
    match ended {
        None | Some(Ok(Ok(()))) => Ok(()),
        Some(Ok(Err(error))) => Err(failure(error)),
        Some(Err(error)) => Err(Failure::running(format!("filling: {error}"))),
    }
}

fn failure(error: StoreError) -> Failure {
    Failure::running(error.to_string())
}

/// Hears of every statement from the driver and keeps the longest.
#[derive(Clone, Default)]
struct LongestStatement(Arc<AtomicU64>);

impl LongestStatement {
    /// The longest one since the last question, in milliseconds.
    fn take_ms(&self) -> f64 {
        self.0.swap(0, Ordering::Relaxed) as f64 / 1_000.0
    }
}

impl<S: Subscriber> Layer<S> for LongestStatement {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut Elapsed(&self.0));
    }
}

struct Elapsed<'a>(&'a AtomicU64);

impl Visit for Elapsed<'_> {
    fn record_f64(&mut self, field: &Field, seconds: f64) {
        if field.name() == "elapsed_secs" {
            self.0.fetch_max((seconds * 1_000_000.0) as u64, Ordering::Relaxed);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
