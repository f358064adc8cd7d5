//! The Postgres ledger on a real server: the conformance suites, and what only this adapter promises.

use sqlx::{Connection, Executor, PgConnection};
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tessera_domain::{PostId, Timestamp, UserId, counters::CounterOperation};
use tessera_ports::{
    Determinacy, Ledger, StoreError,
    ledger::{
        AccountLedger, EngagementLedger, GraphLedger, MaintenanceLedger, OutboxLedger, PostLedger, PostRange,
        UploadLedger,
    },
};
use tessera_ports_testing::conformance::{self, CLUSTER_NODES, ClusterNode, World};
use tessera_stores::postgres::{PostgresLedger, PostgresOptions};
use tessera_test_servers::Postgres;

async fn open(url: &str) -> Arc<PostgresLedger> {
    PostgresLedger::open(PostgresOptions::new(url)).await.expect("the ledger opens")
}

/// A server whose databases are copied from one that has the schema. It does not sync: a test that wants to know
/// what a crash leaves starts a server of its own.
struct Databases {
    server: Postgres,
    number: AtomicUsize,
}

impl Databases {
    async fn start() -> Self {
        let server = Postgres::start();
        server.sql("postgres", "ALTER SYSTEM SET fsync = off");
        server.sql("postgres", "SELECT pg_reload_conf()");
        open(&server.create_database("template")).await.close().await;
        Self { server, number: AtomicUsize::new(0) }
    }

    /// The URL of a fresh, empty ledger.
    async fn make(&self) -> String {
        let name = format!("ledger_{}", self.number.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.server.url()).await.expect("a connection");
        let create = format!("CREATE DATABASE {name} TEMPLATE template STRATEGY file_copy");
        connection.execute(sqlx::AssertSqlSafe(create)).await.expect("a copy of the template");
        connection.close().await.expect("close");
        self.server.url_of(&name)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keeps_the_ledgers_guarantees() {
    let databases = Databases::start().await;
    conformance::ledger(|| async { open(&databases.make().await).await as Arc<dyn Ledger> }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keeps_the_memberships_guarantees() {
    let databases = Databases::start().await;
    conformance::membership(|| async {
        let url = databases.make().await;
        let mut nodes = Vec::with_capacity(CLUSTER_NODES);
        for _ in 0..CLUSTER_NODES {
            let node = open(&url).await;
            nodes.push(ClusterNode { ledger: Arc::clone(&node) as _, membership: node });
        }
        nodes.try_into().ok().expect("as many as are wanted")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_open_an_empty_database_at_once_agree() {
    let server = Postgres::start();
    let url = server.create_database("empty");
    let openers: Vec<_> = (0..6)
        .map(|_| {
            tokio::spawn({
                let url = url.clone();
                async move { open(&url).await }
            })
        })
        .collect();
    for opener in openers {
        opener.await.expect("no panic").check().await.expect("each node's ledger is healthy");
    }
}

async fn expect_error(options: PostgresOptions, words: &[&str]) -> StoreError {
    let shown = format!("{options:?}");
    let error = PostgresLedger::open(options).await.expect_err("it does not open");
    for word in words {
        assert!(error.to_string().contains(word), "{error} says {word:?}");
    }
    assert!(!format!("{error:?} {shown}").contains("geheim"), "no password: {error:?} {shown}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_opened_is_told_without_the_password() {
    let mut server = Postgres::start();
    let url = server.create_database("ledger");
    open(&url).await.close().await;
    server.sql(
        "ledger",
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', true, '', 0)",
    );
    // As a change that an older program can live with leaves it.
    open(&url).await.close().await;
    server.sql("ledger", "UPDATE ledger_compatibility SET oldest_version = 9999");
    let with_password = PostgresOptions::new(url.replace("tessera@", "tessera:geheim@"));
    let error = expect_error(with_password.clone(), &["newer than this program knows", "database ledger"]).await;
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    let missing = PostgresOptions::new(with_password.url.replace("/ledger", "/missing"));
    let error = expect_error(missing, &["refuses", "does not exist"]).await;
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    let wrong = PostgresOptions::new("postgres://tessera:geheim@localhost:port/ledger");
    let error = expect_error(wrong, &["URL is wrong"]).await;
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    server.stop();
    let place = format!("127.0.0.1:{}", server.port());
    let error = expect_error(with_password, &["cannot be reached", &place, "refused"]).await;
    assert!(matches!(error, StoreError::Unavailable { determinacy: Determinacy::NotDone, .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_race_for_work_and_for_one_counter() {
    let databases = Databases::start().await;
    let url = databases.make().await;
    let nodes = [open(&url).await, open(&url).await];
    let world = World::new(Arc::clone(&nodes[0]) as _);
    let author = world.user().await;
    let post_id = world.post(author).await;
    let users = world.users(200).await;
    world.events().await;

    // Both nodes like for every user, in batches of the same shard that overlap, in opposite orders; then they do
    // the same with unlikes for half of them.
    let run = |users: Vec<UserId>, make: fn(UserId) -> CounterOperation| {
        let tasks: Vec<_> = (0..40)
            .map(|task| {
                let node = Arc::clone(&nodes[task % 2]);
                let mut operations: Vec<_> = users.iter().skip(task / 2 * 5).take(15).map(|id| make(*id)).collect();
                if task % 2 == 1 {
                    operations.reverse();
                }
                let now = world.now();
                tokio::spawn(
                    async move { node.apply_counter_batch(post_id, (task % 3) as u16, &operations, now).await },
                )
            })
            .collect();
        async move {
            for task in tasks {
                task.await.expect("no panic").expect("a conflict is tried again, not told");
            }
        }
    };
    run(users[..110].to_vec(), |user_id| CounterOperation::Like { user_id }).await;
    let counts = world.counts(post_id).await;
    assert_eq!(counts.likes, 110, "every user's like counts once");
    run(users[55..110].to_vec(), |user_id| CounterOperation::Unlike { user_id }).await;
    assert_eq!(world.counts(post_id).await.likes, 55, "and is taken back once");
    assert_eq!(nodes[1].rebuild_counters().await.expect("rebuild_counters"), 0, "nothing was wrong");

    // Deeds on one node, claims on both.
    world.events().await;
    for follower in &users {
        world.follow(*follower, author).await;
    }
    for user in &users[..30] {
        world.queue(*user).await;
    }
    let claims: Vec<_> = (0..20)
        .map(|claim| {
            let (node, now) = (Arc::clone(&nodes[claim % 2]), world.now());
            tokio::spawn(async move {
                let events = node.claim_events(20, 60_000, now).await.expect("claim_events");
                (events, node.claim_jobs(4, 4, 60_000, now).await.expect("claim_jobs"))
            })
        })
        .collect();
    let (mut events, mut jobs) = (Vec::new(), Vec::new());
    for claim in claims {
        let claimed = claim.await.expect("no panic");
        events.extend(claimed.0.into_iter().map(|event| event.id));
        jobs.extend(claimed.1.into_iter().map(|job| job.upload.id));
    }
    assert_eq!((events.len(), jobs.len()), (200, 30), "all work is handed out");
    assert_eq!(events.into_iter().collect::<HashSet<_>>().len(), 200, "each event once");
    assert_eq!(jobs.into_iter().collect::<HashSet<_>>().len(), 30, "each job once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn work_that_a_node_leaves_lying_wakes_the_others() {
    let databases = Databases::start().await;
    let url = databases.make().await;
    let nodes = [open(&url).await, open(&url).await];
    let world = World::new(Arc::clone(&nodes[0]) as _);
    let users = world.users(2).await;
    let limit = Duration::from_secs(5);
    // Connecting wakes once by itself.
    for wake in [&nodes[1].wakes().outbox, &nodes[1].wakes().media_jobs] {
        tokio::time::timeout(limit, wake.notified()).await.expect("the listener connected");
    }
    world.follow(users[0], users[1]).await;
    let woken = tokio::time::timeout(limit, nodes[1].wakes().outbox.notified()).await;
    assert!(woken.is_ok(), "an event that nobody takes up");
    world.queue(users[0]).await;
    let woken = tokio::time::timeout(limit, nodes[1].wakes().media_jobs.notified()).await;
    assert!(woken.is_ok(), "a job that nobody takes up");
    let woken = tokio::time::timeout(Duration::from_millis(200), nodes[1].wakes().media_jobs.notified()).await;
    assert!(woken.is_err(), "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilding_repairs_what_was_tampered_with() {
    let databases = Databases::start().await;
    let url = databases.make().await;
    let ledger = open(&url).await;
    let world = World::new(ledger);
    let (author, fan) = (world.user().await, world.user().await);
    world.follow(fan, author).await;
    let post_id = world.post(author).await;
    world.apply(post_id, 2, &[CounterOperation::Like { user_id: fan }]).await;
    let mut connection = PgConnection::connect(&url).await.expect("a connection");
    connection
        .execute("UPDATE counters SET likes = 99; UPDATE users SET follower_count = 5, post_count = 0")
        .await
        .expect("tampering");
    // One counter row, and two accounts.
    assert_eq!(world.ledger.rebuild_counters().await.expect("rebuild_counters"), 3);
    assert_eq!(world.counts(post_id).await.likes, 1);
    let account = world.account(author).await;
    assert_eq!((account.follower_count, account.post_count), (1, 1));
    assert_eq!(world.ledger.rebuild_counters().await.expect("rebuild_counters"), 0, "then nothing is wrong");
    world.ledger.close().await;
    assert!(world.ledger.check().await.is_err(), "a closed ledger answers nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilding_repairs_a_counter_that_moves_meanwhile() {
    let databases = Databases::start().await;
    let url = databases.make().await;
    let world = World::new(open(&url).await);
    let fans = world.users(20).await;
    let post_id = world.post(fans[0]).await;
    world.apply(post_id, 2, &[CounterOperation::Like { user_id: fans[0] }]).await;
    let mut connection = PgConnection::connect(&url).await.expect("a connection");
    connection.execute("UPDATE counters SET likes = 99").await.expect("tampering");
    // The error was measured without stopping anybody, and is taken off whatever was added meanwhile.
    let liking = async {
        for user_id in &fans[1..] {
            world.apply(post_id, 2, &[CounterOperation::Like { user_id: *user_id }]).await;
        }
    };
    let (wrong, ()) = tokio::join!(world.ledger.rebuild_counters(), liking);
    assert_eq!(wrong.expect("rebuild_counters"), 1);
    assert_eq!(world.counts(post_id).await.likes, fans.len() as u64);
    assert_eq!(world.ledger.rebuild_counters().await.expect("rebuild_counters"), 0, "then nothing is wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_goes_on_with_a_purge() {
    let databases = Databases::start().await;
    let url = databases.make().await;
    let world = World::new(open(&url).await);
    let author = world.user().await;
    let post_id = world.post(author).await;
    let likes: Vec<_> = world.users(9).await.into_iter().map(|user_id| CounterOperation::Like { user_id }).collect();
    world.apply(post_id, 2, &likes).await;
    world.apply(post_id, 2, &[world.comment(author, None).1]).await;
    world.ledger.delete_post(post_id, author, world.now()).await.expect("delete_post");
    assert_eq!(world.ledger.purge_deleted_post(4).await.expect("purge_deleted_post"), Some(4));
    world.ledger.close().await;

    let other = open(&url).await;
    let mut connection = PgConnection::connect(&url).await.expect("a connection");
    connection.execute("BEGIN; SELECT FROM post_purges FOR UPDATE").await.expect("a step under way");
    assert_eq!(other.purge_deleted_post(4).await.expect("purge_deleted_post"), None, "while somebody is at it");
    connection.execute("ROLLBACK").await.expect("a crash");
    let mut steps = Vec::new();
    while let Some(rows) = other.purge_deleted_post(4).await.expect("purge_deleted_post") {
        steps.push(rows);
    }
    assert_eq!(steps.iter().sum::<u64>(), 7, "five likes, a comment and an hour: {steps:?}");
    for table in ["likes", "comments", "counters", "engagement_hours", "post_purges"] {
        let count = format!("SELECT count(*) FROM {table}");
        let left: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&mut connection).await.expect("a count");
        assert_eq!(left, 0, "{table}");
    }
}

/// What the hot writes cost on a server that syncs every commit.
/// `cargo nextest run -p tessera-stores --run-ignored only --no-capture hot_writes`
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a measurement"]
async fn hot_writes() {
    let server = Postgres::start();
    let url = server.create_database("ledger");
    let ledger = open(&url).await;
    let world = World::new(Arc::clone(&ledger) as _);
    let users = world.users(400).await;
    let post_id = world.post(users[0]).await;
    world.events().await;
    let now = world.now();
    for sync in ["on", "off"] {
        server.sql("postgres", &format!("ALTER SYSTEM SET fsync = {sync}"));
        server.sql("postgres", "SELECT pg_reload_conf()");
        tokio::time::sleep(Duration::from_millis(300)).await;
        for size in [1, 10, 100] {
            let started = Instant::now();
            for round in 0..100_u64 {
                let first = (u64::from(sync == "on") * 100 + size as u64) * 1_000_000 + round * 1_000;
                let likes: Vec<_> =
                    (0..size as u64).map(|user| CounterOperation::Like { user_id: UserId(first + user) }).collect();
                ledger.apply_counter_batch(post_id, 0, &likes, now).await.expect("apply_counter_batch");
            }
            eprintln!("fsync {sync}: a batch of {size} likes {:?}", started.elapsed() / 100);
        }
        let started = Instant::now();
        for pair in users[..100].windows(2) {
            world.follow(pair[0], pair[1]).await;
        }
        eprintln!("fsync {sync}: a follow {:?}", started.elapsed() / 99);
        let (mut claims, mut acknowledgements) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..50 {
            let started = Instant::now();
            let events = ledger.claim_events(4, 60_000, now).await.expect("claim_events");
            claims += started.elapsed();
            let handled: Vec<_> = events.iter().map(|event| (event.id, event.lease_token)).collect();
            let started = Instant::now();
            ledger.acknowledge_events(&handled).await.expect("acknowledge_events");
            acknowledgements += started.elapsed();
        }
        eprintln!(
            "fsync {sync}: a claim of 4 events {:?}, their acknowledgement {:?}",
            claims / 50,
            acknowledgements / 50
        );
        let started = Instant::now();
        for _ in 0..50 {
            ledger.claim_jobs(4, 4, 60_000, now).await.expect("claim_jobs");
        }
        eprintln!("fsync {sync}: a claim of no jobs {:?}", started.elapsed() / 50);
        let started = Instant::now();
        for _ in 0..200 {
            ledger.users(&users[..1]).await.expect("users");
        }
        eprintln!("fsync {sync}: a read of one account {:?}", started.elapsed() / 200);
    }
    counters_side_by_side(&ledger, post_id, now).await;
}

/// How many likes per second one counter of a post commits, and eight of them.
async fn counters_side_by_side(ledger: &Arc<PostgresLedger>, post_id: PostId, now: Timestamp) {
    for shards in [1_u16, 8] {
        let (made, started) = (Arc::new(AtomicUsize::new(1)), Instant::now());
        let clients: Vec<_> = (0..shards)
            .map(|shard| {
                let (ledger, made) = (Arc::clone(ledger), Arc::clone(&made));
                tokio::spawn(async move {
                    while started.elapsed() < Duration::from_secs(3) {
                        let first = 1_000_000_000 + u64::from(shards) * 100_000_000;
                        let next = made.fetch_add(20, Ordering::Relaxed) as u64;
                        let likes: Vec<_> = (next..next + 20)
                            .map(|user| CounterOperation::Like { user_id: UserId(first + user) })
                            .collect();
                        ledger.apply_counter_batch(post_id, shard, &likes, now).await.expect("apply_counter_batch");
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.expect("no panic");
        }
        let likes = made.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
        eprintln!("fsync off: {shards} counters of one post in batches of 20: {likes:.0} likes/s");
    }
}

/// The catch-up of a reader with 1,000 followees and 100,000 posts, and the reads beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a measurement"]
async fn timeline_reads() {
    let server = Postgres::start();
    let url = server.create_database("ledger");
    let ledger = open(&url).await;
    server.sql(
        "ledger",
        "INSERT INTO users (id, username, display_name, password_hash, created_at)
             SELECT i, 'u' || i, '', '', 0 FROM generate_series(1, 1001) AS i;
         INSERT INTO follows (follower_id, followee_id, created_at) SELECT 1, id, 0 FROM users WHERE id > 1;
         INSERT INTO posts (id, author_id, upload_id, original_key, caption, alt_text, hashtags, media_kind, blurhash,
                            width, height)
             SELECT i, 2 + floor(random() * 1000), decode(md5(i::text), 'hex'), 'uploads/key', repeat('x', 100), '', '{}',
                    'image', 'LEHV6n', 9, 9 FROM generate_series(1, 100000) AS i;",
    );
    let authors: Vec<UserId> = (2..1_002).map(UserId).collect();
    for round in 0..4 {
        if round == 2 {
            server.sql("ledger", "VACUUM ANALYZE");
        }
        let started = Instant::now();
        let posts = ledger.timeline_posts(UserId(1), PostRange::ALL, 1_000).await.expect("timeline_posts");
        let timeline = started.elapsed();
        let expected: Vec<u64> = (99_001..=100_000).rev().collect();
        assert_eq!(posts.iter().map(|post| post.post_id.0).collect::<Vec<_>>(), expected);
        let started = Instant::now();
        ledger.recent_posts(&authors, None, 1_000).await.expect("recent_posts");
        let recent = started.elapsed();
        let page: Vec<_> = posts.iter().take(50).map(|post| post.post_id).collect();
        let started = Instant::now();
        assert_eq!(ledger.posts(&page).await.expect("posts").len(), 50);
        let hydrate = started.elapsed();
        let started = Instant::now();
        ledger.relationships(UserId(1), &authors[..50]).await.expect("relationships");
        eprintln!(
            "round {round}: timeline_posts {timeline:?}, recent_posts {recent:?}, posts(50) {hydrate:?}, \
             relationships(50) {:?}",
            started.elapsed()
        );
    }
}
