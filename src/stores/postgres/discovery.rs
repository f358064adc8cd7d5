//! Hashtags, and search by the words of names.

use super::{PostgresLedger, rows::*, transaction::Scope};
use crate::rows::{LAST_CHARACTER, hashtag_hour, hashtag_row, hour_of_ids};
use async_trait::async_trait;
use tessera_domain::{PostId, Timestamp, UserId, post::PostRef};
use tessera_ports::{
    StoreResult,
    ledger::{
        COUNTED_HASHTAG_POSTS, DiscoveryLedger, FollowHashtagOutcome, HashtagHour, HashtagRow, MAX_FOLLOWED_HASHTAGS,
        SEARCHED_ACCOUNTS, SEARCHED_HASHTAGS,
    },
};

#[async_trait]
impl DiscoveryLedger for PostgresLedger {
    async fn hashtag_posts(&self, tag: &str, before: Option<PostId>, page: usize) -> StoreResult<Vec<PostRef>> {
        let query = sqlx::query_as(
            "SELECT p.id, p.author_id FROM post_hashtags t JOIN posts p ON p.id = t.post_id
             WHERE t.tag = $1 AND t.post_id < $2 ORDER BY t.post_id DESC LIMIT $3",
        );
        let query = query.bind(tag).bind(before.map_or(i64::MAX, PostId::to_i64)).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(post_ref).collect())
    }

    async fn public_hashtag_posts(&self, tags: &[String], after: PostId, page: usize) -> StoreResult<Vec<PostRef>> {
        // The newest of each hashtag, so that a busy one costs no more than a quiet one.
        let query = sqlx::query_as(
            "SELECT DISTINCT p.id, p.author_id FROM unnest($1::text[]) AS wanted (tag)
             CROSS JOIN LATERAL (
                 SELECT post_id FROM post_hashtags t WHERE t.tag = wanted.tag COLLATE \"C\" AND t.post_id > $2
                 ORDER BY t.post_id DESC LIMIT $3) AS found
             JOIN posts p ON p.id = found.post_id JOIN users u ON u.id = p.author_id
             WHERE NOT u.private AND u.deleted_at IS NULL ORDER BY p.id DESC LIMIT $3",
        );
        let query = query.bind(tags).bind(after.to_i64()).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(post_ref).collect())
    }

    async fn hashtag_hours(&self, since: Timestamp, page: usize) -> StoreResult<Vec<HashtagHour>> {
        let query = sqlx::query_as(
            "SELECT tag, p.id / $3 AS hour, count(DISTINCT p.author_id) AS authors
             FROM posts p JOIN users u ON u.id = p.author_id, unnest(p.hashtags) AS tag
             WHERE p.id >= $1 AND NOT u.private AND u.deleted_at IS NULL
             GROUP BY tag, hour ORDER BY authors DESC, tag LIMIT $2",
        );
        let query = query.bind(PostId::first_at(since).to_i64()).bind(limit(page)).bind(hour_of_ids());
        Ok(self.fetch_all(query).await?.into_iter().map(hashtag_hour).collect())
    }

    async fn follow_hashtag(&self, user_id: UserId, tag: &str, now: Timestamp) -> StoreResult<FollowHashtagOutcome> {
        let wanted = (user_id, tag.to_owned(), now);
        self.transact(&self.front, wanted, |scope, (user_id, tag, now)| {
            Box::pin(follow_hashtag(scope, *user_id, tag, *now))
        })
        .await
    }

    async fn unfollow_hashtag(&self, user_id: UserId, tag: &str) -> StoreResult<()> {
        let delete = sqlx::query("DELETE FROM hashtag_follows WHERE user_id = $1 AND tag = $2");
        self.front.execute(delete.bind(user_id.to_i64()).bind(tag)).await.map(|_| ())
    }

    async fn followed_hashtags(&self, user_id: UserId) -> StoreResult<Vec<String>> {
        let query = sqlx::query_as("SELECT tag FROM hashtag_follows WHERE user_id = $1 ORDER BY tag LIMIT $2");
        let rows: Vec<(String,)> =
            self.fetch_all(query.bind(user_id.to_i64()).bind(limit(MAX_FOLLOWED_HASHTAGS))).await?;
        Ok(rows.into_iter().map(|(tag,)| tag).collect())
    }

    async fn search_hashtags(&self, prefix: &str, page: usize) -> StoreResult<Vec<HashtagRow>> {
        // Steps from one hashtag to the next, so that a busy one costs no more than a quiet one.
        let query = sqlx::query_as(
            "WITH RECURSIVE tags (tag, place) AS (
                 SELECT (SELECT min(tag) FROM post_hashtags WHERE tag >= $1 AND tag < $1 || $2), 1
                 UNION ALL
                 SELECT (SELECT min(t.tag) FROM post_hashtags t WHERE t.tag > tags.tag AND t.tag < $1 || $2), place + 1
                 FROM tags WHERE tag IS NOT NULL AND place < $3)
             SELECT tag, posts FROM (
                 SELECT tag, (SELECT count(*)
                              FROM (SELECT post_id FROM post_hashtags t WHERE t.tag = tags.tag LIMIT $4) AS found
                              JOIN posts p ON p.id = found.post_id JOIN users u ON u.id = p.author_id
                              WHERE NOT u.private AND u.deleted_at IS NULL) AS posts
                 FROM tags WHERE tag IS NOT NULL) AS counted
             WHERE posts > 0 ORDER BY posts DESC, tag LIMIT $5",
        );
        let query = query
            .bind(prefix)
            .bind(LAST_CHARACTER)
            .bind(limit(SEARCHED_HASHTAGS))
            .bind(limit(COUNTED_HASHTAG_POSTS))
            .bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(hashtag_row).collect())
    }

    async fn search_users(&self, prefixes: &[String], page: usize) -> StoreResult<Vec<UserId>> {
        let Some((first, others)) = prefixes.split_first() else { return Ok(Vec::new()) };
        let query = sqlx::query_as(
            "SELECT u.id FROM (
                 SELECT user_id, bool_or(word = $1) AS whole FROM (
                     SELECT word, user_id FROM user_words WHERE word >= $1 AND word < $1 || $2
                     ORDER BY word LIMIT $3) AS near
                 GROUP BY user_id) AS found
             JOIN users u ON u.id = found.user_id
             WHERE u.deleted_at IS NULL AND NOT EXISTS (
                 SELECT 1 FROM unnest($4::text[]) AS wanted (word) WHERE NOT EXISTS (
                     SELECT 1 FROM user_words w WHERE w.user_id = u.id AND starts_with(w.word, wanted.word)))
             ORDER BY found.whole DESC, u.follower_count DESC, u.id LIMIT $5",
        );
        let query =
            query.bind(first).bind(LAST_CHARACTER).bind(limit(SEARCHED_ACCOUNTS)).bind(others).bind(limit(page));
        let rows: Vec<(i64,)> = self.fetch_all(query).await?;
        Ok(rows.into_iter().map(|(id,)| UserId::from_i64(id)).collect())
    }
}

async fn follow_hashtag(
    scope: &mut Scope,
    user_id: UserId,
    tag: &str,
    now: Timestamp,
) -> StoreResult<FollowHashtagOutcome> {
    // Locks the account's row, so that two at once do not both take the last place.
    let lock = sqlx::query("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE").bind(user_id.to_i64());
    scope.execute(lock).await?;
    let insert = sqlx::query_as(
        "WITH others AS (SELECT count(*) AS number FROM hashtag_follows WHERE user_id = $1 AND tag <> $2),
         followed AS (
             INSERT INTO hashtag_follows (user_id, tag, created_at) SELECT $1, $2, $3 FROM others WHERE number < $4
             ON CONFLICT DO NOTHING)
         SELECT number < $4 FROM others",
    );
    let insert = insert.bind(user_id.to_i64()).bind(tag).bind(now.0).bind(limit(MAX_FOLLOWED_HASHTAGS));
    let (room,): (bool,) = scope.fetch_one(insert).await?;
    Ok(if room { FollowHashtagOutcome::Followed } else { FollowHashtagOutcome::TooMany })
}
