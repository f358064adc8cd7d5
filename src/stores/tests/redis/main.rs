//! The Redis hot store against real servers: the conformance suite in every topology, and what happens when
//! servers are flushed, killed, paused and failed over.

mod counts;
mod outages;
mod topologies;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_domain::{
    PostId, UserId,
    counters::{Counts, ShardCounts},
    media::{MediaDetails, MediaKind, MediaRecord},
    post::Post,
};
use tessera_ports::HotStore;
use tessera_stores::redis::{RedisHotStore, RedisOptions};
use tessera_test_servers::Redis;

/// Patient, for a busy machine.
fn patient(url: impl Into<String>) -> RedisOptions {
    let seconds = Duration::from_secs;
    RedisOptions { connect_timeout: seconds(2), response_timeout: seconds(5), ..RedisOptions::new(url) }
}

async fn connect(options: RedisOptions) -> Arc<RedisHotStore> {
    Arc::new(RedisHotStore::connect(options).await.expect("the options are right"))
}

fn post(id: u64) -> Post {
    Post {
        id: PostId(id),
        author_id: UserId(9),
        caption: format!("post {id}"),
        alt_text: String::new(),
        hashtags: vec![],
        media: MediaRecord {
            kind: MediaKind::Image,
            upload_id: "00000000-0000-7000-8000-000000000001".parse().expect("a UUID"),
            blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned(),
            width: 1_080,
            height: 720,
            details: MediaDetails::default(),
        },
        edited_at: None,
    }
}

fn row(shard: u16, version: u64) -> ShardCounts {
    ShardCounts { shard, version, likes: version as i64, comments: 0 }
}

fn likes(number: u64) -> Option<Counts> {
    Some(Counts { likes: number, comments: 0 })
}

async fn counted(store: &RedisHotStore, id: u64) -> Option<Counts> {
    store.counts(&[PostId(id)]).await.expect("counts")[0]
}

async fn fill(store: &RedisHotStore, id: u64, rows: &[ShardCounts]) {
    counted(store, id).await;
    store.fill_counts(PostId(id), rows).await.expect("fill_counts");
}

/// Waits until the store answers; how long that took.
async fn answers_again(store: &RedisHotStore) -> Duration {
    let started = Instant::now();
    while store.check().await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(30), "it does not recover");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    started.elapsed()
}

/// What a page of 50 posts costs: round trips, and CPU of this process and of Redis.
/// `cargo nextest run -p tessera-stores --run-ignored only --no-capture what_a_page_costs`
#[tokio::test(flavor = "current_thread")]
#[ignore = "a measurement"]
async fn what_a_page_costs() {
    const ROUNDS: u64 = 2_000;
    let server = Redis::start(&[]);
    let store = connect(patient(server.url())).await;
    let (ids, posts): (Vec<_>, Vec<_>) = (0..50).map(|id| (PostId(id), post(id))).unzip();
    store.put_posts(&posts).await.expect("put_posts");
    store.counts(&ids).await.expect("counts");
    for id in &ids {
        store.fill_counts(*id, &[row(0, 5)]).await.expect("fill_counts");
    }
    let number = |name: &str| -> f64 {
        let info = server.command(&["INFO", "everything"]);
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("a number");
        line.trim().parse().expect("a number")
    };
    let redis_cpu = || 1e6 * (number("used_cpu_user") + number("used_cpu_sys"));
    let (redis_before, trips_before) = (redis_cpu(), number("total_reads_processed"));
    let (before, started) = (own_cpu_us(), Instant::now());
    for _ in 0..ROUNDS {
        assert_eq!(store.posts(&ids).await.expect("posts").iter().flatten().count(), 50);
        assert_eq!(store.counts(&ids).await.expect("counts").iter().flatten().count(), 50);
    }
    let (per_page, wall) = (|total: f64| total / ROUNDS as f64, started.elapsed());
    eprintln!(
        "posts(50) + counts(50): {:.2} reads by Redis, {:.0} µs CPU here, {:.0} µs CPU in Redis, {:.0} µs elapsed",
        per_page(number("total_reads_processed") - trips_before),
        per_page(own_cpu_us() - before),
        per_page(redis_cpu() - redis_before),
        per_page(wall.as_micros() as f64),
    );
    let bytes: u64 =
        server.command(&["MEMORY", "USAGE", &server.command(&["KEYS", "*{7}:post*"])]).parse().expect("a size");
    eprintln!("a post's copy takes {bytes} bytes in Redis");
}

/// CPU time of this process, from `/proc/self/stat` (fields 14 and 15, in ticks of 10 ms).
fn own_cpu_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks: f64 = [11, 12].iter().map(|at| fields[*at].parse::<f64>().expect("ticks")).sum();
    ticks * 10_000.0
}
