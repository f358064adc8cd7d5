//! Hashtags, and search by the words of names.

use super::{SqliteLedger, rows::*, writer::WriteScope};
use crate::rows::{LAST_CHARACTER, hashtag_hour, hashtag_row, hour_of_ids};
use async_trait::async_trait;
use tessera_domain::{PostId, Timestamp, UserId, post::PostRef, text};
use tessera_ports::{
    StoreResult,
    ledger::{
        COUNTED_HASHTAG_POSTS, DiscoveryLedger, FollowHashtagOutcome, HashtagHour, HashtagRow, MAX_FOLLOWED_HASHTAGS,
        SEARCHED_ACCOUNTS, SEARCHED_HASHTAGS,
    },
};

/// Posts looked at for each one that is wanted: some have several of the hashtags, and some are not public.
const HASHTAG_STEPS_PER_POST: usize = 2;

#[async_trait]
impl DiscoveryLedger for SqliteLedger {
    async fn hashtag_posts(&self, tag: &str, before: Option<PostId>, page: usize) -> StoreResult<Vec<PostRef>> {
        let query = sqlx::query_as(
            "SELECT p.id, p.author_id FROM post_hashtags t CROSS JOIN posts p ON p.id = t.post_id
             WHERE t.tag = ?1 AND t.post_id < ?2 ORDER BY t.post_id DESC LIMIT ?3",
        );
        let query = query.bind(tag).bind(before.map_or(i64::MAX, PostId::to_i64)).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(post_ref).collect())
    }

    async fn public_hashtag_posts(&self, tags: &[String], after: PostId, page: usize) -> StoreResult<Vec<PostRef>> {
        // Steps from one post to the next older of its hashtag, so that a busy one costs no more than a quiet one.
        let query = sqlx::query_as(
            "WITH RECURSIVE wanted (tag) AS (SELECT DISTINCT value FROM json_each(?1)), merged (post_id, tag) AS (
                 SELECT (SELECT max(t.post_id) FROM post_hashtags t INDEXED BY post_hashtags_by_tag
                         WHERE t.tag = wanted.tag AND t.post_id > ?2),
                        tag
                 FROM wanted
                 UNION ALL
                 SELECT (SELECT max(t.post_id) FROM post_hashtags t INDEXED BY post_hashtags_by_tag
                         WHERE t.tag = merged.tag AND t.post_id > ?2 AND t.post_id < merged.post_id),
                        tag
                 FROM merged WHERE post_id IS NOT NULL
                 ORDER BY 1 DESC LIMIT ?3)
             SELECT p.id, p.author_id FROM (SELECT DISTINCT post_id FROM merged WHERE post_id IS NOT NULL) AS found
             CROSS JOIN posts p ON p.id = found.post_id CROSS JOIN users u ON u.id = p.author_id
             WHERE u.private = 0 AND u.deleted_at IS NULL ORDER BY p.id DESC LIMIT ?4",
        );
        let steps = tags.len() + HASHTAG_STEPS_PER_POST * page;
        let query = query.bind(text_list(tags)?).bind(after.to_i64()).bind(limit(steps)).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(post_ref).collect())
    }

    async fn hashtag_hours(&self, since: Timestamp, page: usize) -> StoreResult<Vec<HashtagHour>> {
        let query = sqlx::query_as(
            "SELECT t.tag, p.id / ?3 AS hour, count(DISTINCT p.author_id) AS authors
             FROM posts p CROSS JOIN users u ON u.id = p.author_id CROSS JOIN post_hashtags t ON t.post_id = p.id
             WHERE p.id >= ?1 AND u.private = 0 AND u.deleted_at IS NULL
             GROUP BY t.tag, hour ORDER BY authors DESC, t.tag LIMIT ?2",
        );
        let query = query.bind(PostId::first_at(since).to_i64()).bind(limit(page)).bind(hour_of_ids());
        Ok(self.fetch_all(query).await?.into_iter().map(hashtag_hour).collect())
    }

    async fn follow_hashtag(&self, user_id: UserId, tag: &str, now: Timestamp) -> StoreResult<FollowHashtagOutcome> {
        let tag = tag.to_owned();
        self.write(move |scope| Box::pin(follow_hashtag(scope, user_id, tag, now))).await
    }

    async fn unfollow_hashtag(&self, user_id: UserId, tag: &str) -> StoreResult<()> {
        let tag = tag.to_owned();
        self.write(move |scope| {
            Box::pin(async move {
                let delete = sqlx::query("DELETE FROM hashtag_follows WHERE user_id = ?1 AND tag = ?2");
                scope.execute(delete.bind(user_id.to_i64()).bind(&tag)).await.map(|_| ())
            })
        })
        .await
    }

    async fn followed_hashtags(&self, user_id: UserId) -> StoreResult<Vec<String>> {
        let query = sqlx::query_as("SELECT tag FROM hashtag_follows WHERE user_id = ?1 ORDER BY tag LIMIT ?2");
        let rows: Vec<(String,)> =
            self.fetch_all(query.bind(user_id.to_i64()).bind(limit(MAX_FOLLOWED_HASHTAGS))).await?;
        Ok(rows.into_iter().map(|(tag,)| tag).collect())
    }

    async fn search_hashtags(&self, prefix: &str, page: usize) -> StoreResult<Vec<HashtagRow>> {
        // Steps from one hashtag to the next, so that a busy one costs no more than a quiet one.
        let query = sqlx::query_as(
            "WITH RECURSIVE tags (tag) AS (
                 SELECT (SELECT min(tag) FROM post_hashtags WHERE tag >= ?1 AND tag < ?1 || ?2)
                 UNION ALL
                 SELECT (SELECT min(t.tag) FROM post_hashtags t WHERE t.tag > tags.tag AND t.tag < ?1 || ?2)
                 FROM tags WHERE tag IS NOT NULL LIMIT ?3)
             SELECT tag, posts FROM (
                 SELECT tag, (SELECT count(*)
                              FROM (SELECT post_id FROM post_hashtags t WHERE t.tag = tags.tag LIMIT ?4) AS found
                              CROSS JOIN posts p ON p.id = found.post_id CROSS JOIN users u ON u.id = p.author_id
                              WHERE u.private = 0 AND u.deleted_at IS NULL) AS posts
                 FROM tags WHERE tag IS NOT NULL)
             WHERE posts > 0 ORDER BY posts DESC, tag LIMIT ?5",
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
                 SELECT user_id, max(word = ?1) AS whole FROM (
                     SELECT word, user_id FROM user_words WHERE word >= ?1 AND word < ?1 || ?2 LIMIT ?3)
                 GROUP BY user_id) AS found
             CROSS JOIN users u ON u.id = found.user_id
             WHERE u.deleted_at IS NULL AND NOT EXISTS (
                 SELECT 1 FROM json_each(?4) AS wanted WHERE NOT EXISTS (
                     SELECT 1 FROM user_words w
                     WHERE w.user_id = u.id AND w.word >= wanted.value AND w.word < wanted.value || ?2))
             ORDER BY found.whole DESC, u.follower_count DESC, u.id LIMIT ?5",
        );
        let query = query
            .bind(first)
            .bind(LAST_CHARACTER)
            .bind(limit(SEARCHED_ACCOUNTS))
            .bind(text_list(others)?)
            .bind(limit(page));
        let rows: Vec<(i64,)> = self.fetch_all(query).await?;
        Ok(rows.into_iter().map(|(id,)| UserId::from_i64(id)).collect())
    }
}

fn text_list(texts: &[String]) -> StoreResult<String> {
    serde_json::to_string(texts).map_err(super::errors::refused)
}

async fn follow_hashtag(
    scope: &mut WriteScope,
    user_id: UserId,
    tag: String,
    now: Timestamp,
) -> StoreResult<FollowHashtagOutcome> {
    let others = sqlx::query_scalar("SELECT count(*) FROM hashtag_follows WHERE user_id = ?1 AND tag <> ?2");
    if scope.count(others.bind(user_id.to_i64()).bind(&tag)).await? >= MAX_FOLLOWED_HASHTAGS as i64 {
        return Ok(FollowHashtagOutcome::TooMany);
    }
    let insert = sqlx::query(
        "INSERT INTO hashtag_follows (user_id, tag, created_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    );
    scope.execute(insert.bind(user_id.to_i64()).bind(&tag).bind(now.0)).await?;
    Ok(FollowHashtagOutcome::Followed)
}

/// Lets an account be found by its names.
pub(super) async fn write_words(
    scope: &mut WriteScope,
    user_id: UserId,
    username: &str,
    display_name: &str,
) -> StoreResult<()> {
    scope.execute(sqlx::query("DELETE FROM user_words WHERE user_id = ?1").bind(user_id.to_i64())).await?;
    let insert = sqlx::query("INSERT INTO user_words (word, user_id) SELECT value, ?1 FROM json_each(?2)");
    let words = text_list(&text::search_words(username, display_name))?;
    scope.execute(insert.bind(user_id.to_i64()).bind(words)).await.map(|_| ())
}
