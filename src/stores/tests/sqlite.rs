//! The SQLite ledger: the conformance suite, and what only this adapter promises.

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tessera_domain::{UserId, counters::CounterOperation};
use tessera_ports::{
    Ledger, StoreError,
    ledger::{CreateUserOutcome, GraphLedger, MaintenanceLedger, PostLedger, PostRange},
};
use tessera_ports_testing::conformance::{self, World};
use tessera_stores::sqlite::{SqliteLedger, SqliteOptions};

fn ledger_file(folder: &TempDir) -> PathBuf {
    folder.path().join("ledger.sqlite")
}

async fn open(path: &Path) -> Arc<SqliteLedger> {
    SqliteLedger::open(path, SqliteOptions::default()).await.expect("the ledger opens")
}

async fn expect_refusal(path: &Path, words: &str) {
    match SqliteLedger::open(path, SqliteOptions::default()).await {
        Err(StoreError::Refused { detail, .. }) => assert!(detail.contains(words), "{detail:?} says {words:?}"),
        Err(other) => panic!("refused with the wrong error: {other}"),
        Ok(_) => panic!("it opened"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keeps_the_ledgers_guarantees() {
    let folder = TempDir::new().expect("a folder");
    let number = AtomicUsize::new(0);
    conformance::ledger(|| {
        let path = folder.path().join(format!("{}.sqlite", number.fetch_add(1, Ordering::Relaxed)));
        async move { open(&path).await as Arc<dyn Ledger> }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failing_operation_does_not_disturb_its_group() {
    let folder = TempDir::new().expect("a folder");
    let ledger = open(&ledger_file(&folder)).await;
    let world = World::new(ledger);
    let user_id = world.user().await;
    let sessions = (0..200_u8).map(|number| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            // Every third session is for nobody, which the foreign key refuses.
            let owner = if number % 3 == 0 { UserId(7) } else { user_id };
            let token = [number; 32];
            let made = world.ledger.create_session(token, owner, world.now(), world.now().plus_ms(1_000)).await;
            let found = world.ledger.session_user(token, world.now()).await.expect("session_user");
            (number, made, found)
        })
    });
    for session in sessions.collect::<Vec<_>>() {
        let (number, made, found) = session.await.expect("no panic");
        if number % 3 == 0 {
            assert!(matches!(made, Err(StoreError::Refused { .. })), "{number}: {made:?}");
            assert_eq!(found, None, "{number}: nothing of a failed operation stays");
        } else {
            made.expect("its neighbours succeed");
            assert_eq!(found, Some(user_id), "{number}: what was acknowledged is seen");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_acknowledged_survives_a_reopening() {
    let folder = TempDir::new().expect("a folder");
    let path = ledger_file(&folder);
    let world = World::new(open(&path).await);
    let users = world.users(300).await;
    let post_id = world.post(users[0]).await;
    let likes: Vec<_> = users.iter().map(|user_id| CounterOperation::Like { user_id: *user_id }).collect();
    world.apply(post_id, 3, &likes).await;
    drop(world);

    let world = World::new(open(&path).await);
    assert_eq!(world.ledger.users(&users).await.expect("users").len(), 300, "every account");
    assert_eq!(world.counts(post_id).await.likes, 300, "every like");
    world.ledger.close().await;
    assert!(world.ledger.delete_session([0; 32]).await.is_err(), "a closed ledger takes no writes");
    assert!(world.ledger.users(&users).await.is_err(), "nor reads");

    let world = World::new(open(&path).await);
    assert!(world.ledger.id_floor().await.expect("id_floor") >= users[299].created_at(), "the floor is known");
    world.ledger.check().await.expect("a reopened ledger is healthy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reopening_takes_up_at_once_what_a_killed_process_had_leased() {
    let folder = TempDir::new().expect("a folder");
    let path = ledger_file(&folder);
    let world = World::new(open(&path).await);
    let users = world.users(2).await;
    world.follow(users[0], users[1]).await;
    world.queue(users[0]).await;
    let job = world.claim_one().await;
    let now = world.now();
    let events = world.ledger.claim_events(10, 60_000, now).await.expect("claim_events");
    assert!(world.claim(10).await.is_empty() && !events.is_empty(), "everything is leased");
    drop(world);

    let world = World::new(open(&path).await);
    let again = world.claim_one().await;
    assert_eq!((again.upload.id, again.attempt), (job.upload.id, 2), "the attempt that was under way stays spent");
    let events_again = world.ledger.claim_events(10, 60_000, now).await.expect("claim_events");
    assert_eq!(events_again.len(), events.len(), "every event");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_opener_is_refused_until_the_first_one_closes() {
    let folder = TempDir::new().expect("a folder");
    let path = ledger_file(&folder);
    let first = open(&path).await;
    expect_refusal(&path, "in use by another process").await;
    first.close().await;
    open(&path).await.check().await.expect("it opens after the first one closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let path = ledger_file(&folder);
    open(&path).await.close().await;
    let mut connection = raw(&path).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', 1, x'00', 0)",
    )
    .execute(&mut connection)
    .await
    .expect("a migration from the future");
    connection.close().await.expect("close");
    expect_refusal(&path, "newer than this program knows").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let path = ledger_file(&folder);
    std::fs::write(&path, "a text, and not a database at all. ".repeat(200)).expect("a file");
    let opened = SqliteLedger::open(&path, SqliteOptions::default()).await;
    assert!(matches!(opened, Err(StoreError::Corrupt { .. })), "{:?}", opened.err());
    let missing = folder.path().join("no/such/folder/ledger.sqlite");
    let opened = SqliteLedger::open(&missing, SqliteOptions::default()).await;
    assert!(matches!(opened, Err(StoreError::Unavailable { .. })), "{:?}", opened.err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_at_once_are_all_served() {
    let folder = TempDir::new().expect("a folder");
    let options = SqliteOptions { write_queue_length: 8, ..SqliteOptions::default() };
    let ledger = SqliteLedger::open(ledger_file(&folder), options).await.expect("the ledger opens");
    let world = World::new(ledger);
    let writers: Vec<_> = (0..32)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                for _ in 0..25 {
                    let made = world.ledger.create_user(world.new_user()).await.expect("create_user");
                    assert_eq!(made, CreateUserOutcome::Created);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a short queue makes writers wait, not fail");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilding_repairs_what_was_tampered_with() {
    let folder = TempDir::new().expect("a folder");
    let path = ledger_file(&folder);
    let world = World::new(open(&path).await);
    let (author, fan) = (world.user().await, world.user().await);
    world.follow(fan, author).await;
    let post_id = world.post(author).await;
    world.apply(post_id, 2, &[CounterOperation::Like { user_id: fan }]).await;
    let mut connection = raw(&path).await;
    sqlx::raw_sql("UPDATE counters SET likes = 99; UPDATE users SET follower_count = 5, post_count = 0")
        .execute(&mut connection)
        .await
        .expect("tampering");
    connection.close().await.expect("close");
    // One counter row, and two accounts.
    assert_eq!(world.ledger.rebuild_counters().await.expect("rebuild_counters"), 3);
    assert_eq!(world.counts(post_id).await.likes, 1);
    let account = world.account(author).await;
    assert_eq!((account.follower_count, account.post_count), (1, 1));
    assert_eq!(world.ledger.rebuild_counters().await.expect("rebuild_counters"), 0, "then nothing is wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilding_repairs_a_counter_that_moves_meanwhile() {
    let folder = TempDir::new().expect("a folder");
    let path = ledger_file(&folder);
    let world = World::new(open(&path).await);
    let fans = world.users(20).await;
    let post_id = world.post(fans[0]).await;
    world.apply(post_id, 2, &[CounterOperation::Like { user_id: fans[0] }]).await;
    let mut connection = raw(&path).await;
    sqlx::raw_sql("UPDATE counters SET likes = 99").execute(&mut connection).await.expect("tampering");
    connection.close().await.expect("close");
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
async fn a_purge_goes_on_after_a_restart_in_the_middle() {
    let folder = TempDir::new().expect("a folder");
    let path = ledger_file(&folder);
    let world = World::new(open(&path).await);
    let author = world.user().await;
    let post_id = world.post(author).await;
    let likes: Vec<_> = world.users(9).await.into_iter().map(|user_id| CounterOperation::Like { user_id }).collect();
    world.apply(post_id, 2, &likes).await;
    world.apply(post_id, 2, &[world.comment(author, None).1]).await;
    world.ledger.delete_post(post_id, author, world.now()).await.expect("delete_post");
    assert_eq!(world.ledger.purge_deleted_post(4).await.expect("purge_deleted_post"), Some(4));
    world.ledger.close().await;

    let ledger = open(&path).await;
    let mut steps = Vec::new();
    while let Some(rows) = ledger.purge_deleted_post(4).await.expect("purge_deleted_post") {
        steps.push(rows);
    }
    assert_eq!(steps.iter().sum::<u64>(), 7, "five likes, a comment and an hour: {steps:?}");
    ledger.close().await;
    let mut connection = raw(&path).await;
    for table in ["likes", "comments", "counters", "engagement_hours", "post_purges"] {
        let count = format!("SELECT count(*) FROM {table}");
        let left: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&mut connection).await.expect("a count");
        assert_eq!(left, 0, "{table}");
    }
}

async fn raw(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path);
    SqliteConnection::connect_with(&options).await.expect("a connection")
}

/// Likes per second of 64 clients, with and without group commit, on a real disk.
/// `cargo nextest run -p tessera-stores --run-ignored only --no-capture likes_per_second`
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a measurement"]
async fn likes_per_second() {
    for group_commit in [false, true] {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let options = SqliteOptions { group_commit, ..SqliteOptions::default() };
        let world = World::new(SqliteLedger::open(ledger_file(&folder), options).await.expect("the ledger opens"));
        let author = world.user().await;
        let post_id = world.post(author).await;
        let (started, made) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
        let clients: Vec<_> = (0..64)
            .map(|_| {
                let (world, made) = (Arc::clone(&world), Arc::clone(&made));
                tokio::spawn(async move {
                    while started.elapsed() < Duration::from_secs(3) {
                        let user_id = UserId(made.fetch_add(1, Ordering::Relaxed) as u64);
                        world.apply(post_id, 0, &[CounterOperation::Like { user_id }]).await;
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.expect("no panic");
        }
        let likes = world.counts(post_id).await.likes;
        assert_eq!(likes, made.load(Ordering::Relaxed) as u64, "every acknowledged like is counted");
        eprintln!("group commit {group_commit}: {:.0} likes/s", likes as f64 / started.elapsed().as_secs_f64());
    }
}

/// The catch-up of a reader with 1,000 followees and 100,000 posts, and the reads beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a measurement"]
async fn timeline_reads() {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let path = ledger_file(&folder);
    let ledger = open(&path).await;
    let mut connection = raw(&path).await;
    sqlx::raw_sql(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)
         INSERT INTO users (id, username, display_name, password_hash, created_at) SELECT i, 'u' || i, '', '', 0 FROM n;
         INSERT INTO follows (follower_id, followee_id, created_at) SELECT 1, id, 0 FROM users WHERE id > 1;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         INSERT INTO posts (id, author_id, upload_id, original_key, caption, alt_text, media_kind, blurhash, width, height)
         SELECT i, 2 + abs(random()) % 1000, randomblob(16), 'uploads/key', hex(randomblob(100)), '', 'image', 'LEHV6n', 9, 9
         FROM n;",
    )
    .execute(&mut connection)
    .await
    .expect("a world");
    connection.close().await.expect("close");
    let authors: Vec<UserId> = (2..1_002).map(UserId).collect();
    for round in 0..3 {
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
