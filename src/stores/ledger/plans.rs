//! How statements are planned that are run again and again while tables grow: none of those tables is read whole.

use super::{
    Dialect, Pool, SqlLedger, Statement, discovery, embeddings, engagement, graph, notifications,
    postgres::{PostgresLedger, PostgresOptions},
    posts,
    sqlite::{SqliteLedger, SqliteOptions},
};
use tempfile::TempDir;
use tessera_domain::{PostId, Timestamp, UserId, ids::ID_EPOCH_MS, time::HOUR_MS};
use tessera_ports::ledger::{COUNTED_HASHTAG_USES, EmbeddingLedger, PostRange, SEARCHED_PUBLIC_POSTS, STRONGEST_HOURS};
use tessera_test_servers::Postgres;

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// Puts 20,000 rows into a table, enough that it pays to use an index; `row` is made of their number `i`.
fn rows(table: &str, sqlite: &str, postgres: &str) -> Statement {
    let insert = |row: &str| {
        let (columns, values) = row.split_once(" = ").expect("columns = values");
        leak(format!(
            "INSERT INTO {table} ({columns})
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT {values} FROM n"
        ))
    };
    Statement::new(insert(sqlite), insert(postgres))
}

async fn fill<D: Dialect>(ledger: &SqlLedger<D>) {
    let same = |table: &str, row: &str| rows(table, row, row);
    let post = "id, author_id, original_key, caption, alt_text, media_kind, blurhash, width, height, upload_id";
    let notification = "id, user_id, kind, post_id, actor_count, updated_at, actor_ids";
    let statements = [
        same("users", "id, username, display_name, password_hash, created_at = i, 'user' || i, '', '', 0"),
        rows(
            "posts",
            &format!("{post} = i, i, '', '', '', 'image', '', 1, 1, CAST(i AS BLOB)"),
            &format!("{post}, hashtags = i, i, '', '', '', 'image', '', 1, 1, convert_to('' || i, 'UTF8'), '{{}}'"),
        ),
        rows("post_hashtags", "post_id, tag, ordinal = i, 'tag', 0", "post_id, tag = i, 'tag'"),
        same("blocks", "blocker_id, blocked_id, created_at = i, i + 1, 0"),
        same("mutes", "muter_id, muted_id, created_at = i, i + 1, 0"),
        // Everybody follows one of fifty; nobody themselves.
        same("follows", "follower_id, followee_id, created_at = i, (i + 25) % 50 + 1, 0"),
        same("likes", "post_id, user_id, position, shard, created_at = i % 500, i, i, 0, 0"),
        same("comments", "id, post_id, author_id, text, shard, created_at = i, i % 500, i, '', 0, 0"),
        rows(
            "notifications",
            &format!("{notification} = i, i % 10 + 1, 'like', i, 1, i, '[' || i || ']'"),
            &format!("{notification} = i, i % 10 + 1, 'like', i, 1, i, ARRAY[i]"),
        ),
        rows(
            "engagement_hours",
            "hour, post_id, engagements = i % 700 * 3600000, i, 1 + 1000000 / (i * i)",
            "hour, post_id, engagements, shard = i % 700 * 3600000::bigint, i, 1 + 1000000 / (i * i), 0",
        ),
        Statement::of("INSERT INTO embedding_models (version) VALUES ('model1'), ('model2')"),
        rows(
            "post_embeddings",
            "post_id, model_id, slot, perceptual_hash, vector = i, 1, i % 64, 0, CAST(i AS BLOB)",
            "post_id, model_id, slot, perceptual_hash, vector = i, 1, i % 64, 0, convert_to('' || i, 'UTF8')",
        ),
        Statement::of("ANALYZE"),
    ];
    for statement in statements {
        let text = statement.postgres;
        ledger.background.execute(statement).await.unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

/// Where no post lacks an embedding, each call looks at as many posts as it may and says where to go on.
async fn look_for_posts_to_embed<D: Dialect>(ledger: &SqlLedger<D>) {
    let (mut range, mut places) = (PostRange::ALL, Vec::new());
    loop {
        let found = ledger.posts_to_embed("model1", range, 4).await.expect("posts_to_embed");
        assert!(found.posts.is_empty(), "every post has one");
        let Some(place) = found.looked_up_to else { break };
        places.push(place.0);
        range.before = Some(place);
    }
    assert_eq!(places, [15_001, 10_001, 5_001, 1]);
}

/// Each statement with the tables that it may not read whole, by the names that they have in it.
fn statements() -> Vec<(&'static str, Statement, &'static [&'static str])> {
    let range = PostRange { after: None, before: Some(PostId(15_000)) };
    let newest_hours = Timestamp(600 * HOUR_MS);
    let standing: &[&str] = &["notifications", "likes", "c", "blocks", "follows", "u"];
    vec![
        ("oldest_searched", embeddings::oldest_searched(range), &["posts"]),
        ("lacking", embeddings::lacking("model1", range, Some(PostId(14_000)), 4), &["p", "e"]),
        ("models_in_use", embeddings::models_in_use(), &["e"]),
        ("drop_superseded", embeddings::drop_superseded("model1", "model2", &[PostId(7)]), &["post_embeddings", "new"]),
        ("relations", graph::relations(UserId(7), 100), &["follows", "blocks", "mutes"]),
        ("public_posts", posts::public_posts(PostId(0), 100), &["posts", "u"]),
        ("strongest_hours", engagement::strongest_hours(newest_hours, 100), &["engagement_hours", "h", "e"]),
        ("hashtag_hours", discovery::hashtag_hours(Timestamp(ID_EPOCH_MS + 1), 100), &["post_hashtags"]),
        ("listed", notifications::listed(UserId(1), None, 20), standing),
        ("unread", notifications::unread(UserId(1)), standing),
    ]
}

fn explained(statement: Statement) -> Statement {
    let sqlite = leak(format!("EXPLAIN QUERY PLAN {}", statement.sqlite));
    Statement { sqlite, postgres: leak(format!("EXPLAIN {}", statement.postgres)), ..statement }
}

#[test]
fn bounds_stand_in_their_statements() {
    for (statement, bound) in [
        (posts::public_posts(PostId(0), 1), SEARCHED_PUBLIC_POSTS),
        (engagement::strongest_hours(Timestamp(0), 1), STRONGEST_HOURS),
        (discovery::hashtag_hours(Timestamp(0), 1), COUNTED_HASHTAG_USES),
    ] {
        let limit = format!("LIMIT {bound})");
        assert!(statement.sqlite.contains(&limit) && statement.postgres.contains(&limit), "{limit}: {statement:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_growing_table_is_read_whole_on_sqlite() {
    let folder = TempDir::new().expect("a folder");
    let ledger = SqliteLedger::open(folder.path().join("ledger"), SqliteOptions::default()).await.expect("it opens");
    fill(&ledger).await;
    look_for_posts_to_embed(&ledger).await;
    for (name, statement, tables) in statements() {
        let step = |(_, _, _, step): (i64, i64, i64, String)| step;
        let plan: Vec<String> = ledger.requests.fetch_all(explained(statement), step).await.expect(name);
        assert!(plan.iter().any(|step| step.contains("SEARCH")), "{name} searches: {plan:#?}");
        // `p` and `n` may be what an inner query gives, under its limit.
        let inner = |table: &str| plan.iter().any(|step| *step == format!("CO-ROUTINE {table}"));
        for table in tables.iter().filter(|table| !inner(table)) {
            let whole = |step: &&String| step.split(' ').take(2).eq(["SCAN", table]);
            assert_eq!(plan.iter().find(whole), None, "{name} reads {table} whole: {plan:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_growing_table_is_read_whole_on_postgres() {
    let server = Postgres::start();
    let ledger = PostgresLedger::open(PostgresOptions::new(server.create_database("plans"))).await.expect("it opens");
    fill(&ledger).await;
    look_for_posts_to_embed(&ledger).await;
    for (name, statement, tables) in statements() {
        let step = |(step,): (String,)| step;
        let plan: Vec<String> = ledger.requests.fetch_all(explained(statement), step).await.expect(name);
        assert!(plan.iter().any(|step| step.contains("Index")), "{name} uses an index: {plan:#?}");
        for table in tables {
            // "Seq Scan on post_embeddings e  (cost=…", "Seq Scan on likes_3 likes_4  (cost=…"
            let whole = |step: &&String| {
                let scanned = step.split_once("Seq Scan on ").map(|(_, scanned)| scanned);
                scanned.is_some_and(|scanned| {
                    scanned.split(' ').take(2).any(|name| name == *table || name.starts_with(&format!("{table}_")))
                })
            };
            assert_eq!(plan.iter().find(whole), None, "{name} reads {table} whole: {plan:#?}");
        }
    }
}
