//! Hashtags, and search by the words of names.

use super::{Dialect, Pool, Scope, SqlLedger, Statement, rows::*};
use async_trait::async_trait;
use tessera_domain::{PostId, Timestamp, UserId, post::PostRef, text::search_words};
use tessera_ports::{
    StoreResult,
    ledger::{
        COUNTED_HASHTAG_POSTS, DiscoveryLedger, FollowHashtagOutcome, HashtagHour, HashtagRow, MAX_FOLLOWED_HASHTAGS,
        SEARCHED_ACCOUNTS, SEARCHED_HASHTAGS,
    },
};

/// Posts that SQLite looks at for each one that is wanted: some have several of the hashtags, some are not public.
const HASHTAG_STEPS_PER_POST: usize = 2;
/// Comes after every text that begins with what it is put behind.
const LAST_CHARACTER: &str = "\u{10FFFF}";

#[async_trait]
impl<D: Dialect> DiscoveryLedger for SqlLedger<D> {
    async fn hashtag_posts(&self, tag: &str, before: Option<PostId>, limit: usize) -> StoreResult<Vec<PostRef>> {
        let query = sql!(
            "SELECT p.id, p.author_id FROM post_hashtags t " [join] " posts p ON p.id = t.post_id
             WHERE t.tag = $1 AND t.post_id < $2 ORDER BY t.post_id DESC LIMIT $3"
        );
        let query = query.bind(tag).bind(before.map_or(i64::MAX, PostId::to_i64)).bind(limit);
        self.requests.fetch_all(query, post_ref).await
    }

    async fn public_hashtag_posts(&self, tags: &[String], after: PostId, limit: usize) -> StoreResult<Vec<PostRef>> {
        // SQLite steps from one post to the next older of its hashtag, Postgres takes the newest of each hashtag, so
        // that a busy one costs no more than a quiet one.
        let query = sql!({
            sqlite: "
             WITH RECURSIVE wanted (tag) AS (SELECT DISTINCT value FROM json_each($1)), merged (post_id, tag) AS (
                 SELECT (SELECT max(t.post_id) FROM post_hashtags t INDEXED BY post_hashtags_by_tag
                         WHERE t.tag = wanted.tag AND t.post_id > $2),
                        tag
                 FROM wanted
                 UNION ALL
                 SELECT (SELECT max(t.post_id) FROM post_hashtags t INDEXED BY post_hashtags_by_tag
                         WHERE t.tag = merged.tag AND t.post_id > $2 AND t.post_id < merged.post_id),
                        tag
                 FROM merged WHERE post_id IS NOT NULL
                 ORDER BY 1 DESC LIMIT $4)
             SELECT p.id, p.author_id FROM (SELECT DISTINCT post_id FROM merged WHERE post_id IS NOT NULL) AS found ",
            postgres: "
             SELECT DISTINCT p.id, p.author_id FROM unnest($1) AS wanted (tag)
             CROSS JOIN LATERAL (
                 SELECT post_id FROM post_hashtags t WHERE t.tag = wanted.tag COLLATE \"C\" AND t.post_id > $2
                 ORDER BY t.post_id DESC LIMIT $3) AS found "
        } [join] " posts p ON p.id = found.post_id " [join] " users u ON u.id = p.author_id
          WHERE NOT u.private AND u.deleted_at IS NULL ORDER BY p.id DESC LIMIT $3");
        let steps = tags.len() + HASHTAG_STEPS_PER_POST * limit;
        self.requests.fetch_all(query.bind(tags).bind(after).bind(limit).bind(steps), post_ref).await
    }

    async fn hashtag_hours(&self, since: Timestamp, limit: usize) -> StoreResult<Vec<HashtagHour>> {
        self.requests.fetch_all(hashtag_hours(since, limit), hashtag_hour).await
    }

    async fn follow_hashtag(&self, user_id: UserId, tag: &str, now: Timestamp) -> StoreResult<FollowHashtagOutcome> {
        self.requests
            .transact((user_id, tag.to_owned(), now), |scope, (user_id, tag, now)| {
                Box::pin(follow_hashtag(scope, *user_id, tag, *now))
            })
            .await
    }

    async fn unfollow_hashtag(&self, user_id: UserId, tag: &str) -> StoreResult<()> {
        let delete = sql!("DELETE FROM hashtag_follows WHERE user_id = $1 AND tag = $2");
        self.requests.execute(delete.bind(user_id).bind(tag)).await.map(drop)
    }

    async fn followed_hashtags(&self, user_id: UserId) -> StoreResult<Vec<String>> {
        let query = sql!("SELECT tag FROM hashtag_follows WHERE user_id = $1 ORDER BY tag LIMIT $2");
        self.requests.fetch_all(query.bind(user_id).bind(MAX_FOLLOWED_HASHTAGS), |(tag,): (String,)| tag).await
    }

    async fn search_hashtags(&self, prefix: &str, limit: usize) -> StoreResult<Vec<HashtagRow>> {
        // Steps from one hashtag to the next, so that a busy one costs no more than a quiet one.
        let query = sql!(
            "WITH RECURSIVE tags (tag, place) AS (
                 SELECT (SELECT min(tag) FROM post_hashtags WHERE tag >= $1 AND tag < $1 || $2), 1
                 UNION ALL
                 SELECT (SELECT min(t.tag) FROM post_hashtags t WHERE t.tag > tags.tag AND t.tag < $1 || $2), place + 1
                 FROM tags WHERE tag IS NOT NULL AND place < $3)
             SELECT tag, posts FROM (
                 SELECT tag, (SELECT count(*)
                              FROM (SELECT post_id FROM post_hashtags t WHERE t.tag = tags.tag LIMIT $4) AS found "
                              [join] " posts p ON p.id = found.post_id " [join] " users u ON u.id = p.author_id
                              WHERE NOT u.private AND u.deleted_at IS NULL) AS posts
                 FROM tags WHERE tag IS NOT NULL) AS counted
             WHERE posts > 0 ORDER BY posts DESC, tag LIMIT $5"
        );
        let query = query.bind(prefix).bind(LAST_CHARACTER).bind(SEARCHED_HASHTAGS).bind(COUNTED_HASHTAG_POSTS);
        self.requests.fetch_all(query.bind(limit), hashtag_row).await
    }

    async fn search_users(&self, prefixes: &[String], limit: usize) -> StoreResult<Vec<UserId>> {
        let Some((first, others)) = prefixes.split_first() else { return Ok(Vec::new()) };
        let query = sql!(
            "SELECT u.id FROM (
                 SELECT user_id, max(CASE WHEN word = $1 THEN 1 ELSE 0 END) AS whole FROM (
                     SELECT word, user_id FROM user_words WHERE word >= $1 AND word < $1 || $2
                     ORDER BY word LIMIT $3) AS near
                 GROUP BY user_id) AS found " [join] " users u ON u.id = found.user_id
             WHERE u.deleted_at IS NULL AND NOT EXISTS (
                 SELECT 1 FROM " [list "$4" as "wanted"] " WHERE NOT EXISTS (
                     SELECT 1 FROM user_words w WHERE w.user_id = u.id AND " {
                     sqlite: "w.word >= wanted.value AND w.word < wanted.value || $2",
                     postgres: "starts_with(w.word, wanted.value)"
                 } "))
             ORDER BY found.whole DESC, u.follower_count DESC, u.id LIMIT $5"
        );
        let query = query.bind(first).bind(LAST_CHARACTER).bind(SEARCHED_ACCOUNTS).bind(others).bind(limit);
        self.requests.fetch_all(query, user_id).await
    }
}

/// How many used which hashtag in which hour, of the latest uses.
pub(super) fn hashtag_hours(since: Timestamp, limit: usize) -> Statement {
    let query = sql!(
        "SELECT t.tag, p.id / $3 AS hour, count(DISTINCT p.author_id) AS authors
         FROM (SELECT post_id, tag FROM post_hashtags WHERE post_id >= $1 ORDER BY post_id DESC LIMIT 50000) AS t
         " [join] " posts p ON p.id = t.post_id " [join] " users u ON u.id = p.author_id
         WHERE NOT u.private AND u.deleted_at IS NULL
         GROUP BY t.tag, hour ORDER BY authors DESC, t.tag LIMIT $2"
    );
    query.bind(PostId::first_at(since)).bind(limit).bind(hour_of_ids())
}

async fn follow_hashtag<S: Scope>(
    scope: &mut S,
    user_id: UserId,
    tag: &str,
    now: Timestamp,
) -> StoreResult<FollowHashtagOutcome> {
    // Locks the account's row, so that two at once do not both take the last place.
    scope.execute(sql!("SELECT 1 FROM users WHERE id = $1"[lock]).bind(user_id)).await?;
    let others = sql!("SELECT count(*) FROM hashtag_follows WHERE user_id = $1 AND tag <> $2");
    let (others,): (i64,) = scope.fetch_one(others.bind(user_id).bind(tag)).await?;
    if others >= MAX_FOLLOWED_HASHTAGS as i64 {
        return Ok(FollowHashtagOutcome::TooMany);
    }
    let insert =
        sql!("INSERT INTO hashtag_follows (user_id, tag, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
    scope.execute(insert.bind(user_id).bind(tag).bind(now)).await?;
    Ok(FollowHashtagOutcome::Followed)
}

/// Lets an account be found by its names.
pub(super) async fn write_words<S: Scope>(
    scope: &mut S,
    user_id: UserId,
    username: &str,
    display_name: &str,
) -> StoreResult<()> {
    scope.execute(sql!("DELETE FROM user_words WHERE user_id = $1").bind(user_id)).await?;
    let insert = sql!("INSERT INTO user_words (word, user_id) SELECT value, $1 FROM " [list "$2" as "words"]);
    scope.execute(insert.bind(user_id).bind(search_words(username, display_name))).await.map(drop)
}
