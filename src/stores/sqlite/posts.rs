//! Posts, and the merged reads that timelines are made of.

use super::{SqliteLedger, post_purges, rows::*, writer::WriteScope};
use crate::post_purges::PostPurge;
use async_trait::async_trait;
use tessera_domain::{
    PostId, Timestamp, UserId,
    event::Event,
    post::{Post, PostRef},
    upload::SWEEP_GRACE_MS,
};
use tessera_ports::{
    StoreResult,
    ledger::{ChangePostOutcome, PostLedger},
};

/// All of a post; hashtags come along as a JSON array, so that no second query is needed.
macro_rules! select_posts {
    ($condition:literal) => {
        concat!(
            "SELECT p.id, p.author_id, p.upload_id, p.caption, p.alt_text, p.media_kind, p.blurhash, p.width, p.height,
             p.media_details, p.edited_at, p.original_key,
             (SELECT json_group_array(tag ORDER BY ordinal) FROM post_hashtags WHERE post_id = p.id) AS hashtags
             FROM posts p WHERE ",
            $condition
        )
    };
}

/// Merges the posts of many authors, newest first, reading only what is given out.
///
/// A recursive query whose queue is ordered is a priority queue: it holds each author's newest post
/// that was not given out yet, takes the newest of all and puts that author's next one in. Cost: one index seek
/// per author and one per row of the answer, however many posts there are.
/// `?1` is what `authors` needs, `?2` the post to stop at, `?3` the limit; `authors` may use more.
macro_rules! merge_posts {
    ($authors:literal) => {
        concat!(
            "WITH RECURSIVE authors (author_id) AS (",
            $authors,
            "), merged (post_id, author_id) AS (
                 SELECT (SELECT max(p.id) FROM posts p INDEXED BY posts_by_author
                         WHERE p.author_id = authors.author_id AND p.id > ?2),
                        author_id
                 FROM authors
                 UNION ALL
                 SELECT (SELECT max(p.id) FROM posts p INDEXED BY posts_by_author
                         WHERE p.author_id = merged.author_id AND p.id > ?2 AND p.id < merged.post_id),
                        author_id
                 FROM merged WHERE post_id IS NOT NULL
                 ORDER BY 1 DESC LIMIT ?3)
             SELECT post_id, author_id FROM merged WHERE post_id IS NOT NULL"
        )
    };
}

#[async_trait]
impl PostLedger for SqliteLedger {
    async fn posts(&self, ids: &[PostId]) -> StoreResult<Vec<Post>> {
        let query = sqlx::query_as::<_, PostRow>(select_posts!("p.id IN (SELECT value FROM json_each(?1))"));
        let rows = self.fetch_all(query.bind(json_list(ids.iter().map(|id| id.to_i64())))).await?;
        rows.into_iter().map(PostRow::into_post).collect()
    }

    async fn edit_post(
        &self,
        id: PostId,
        editor_id: UserId,
        caption: Option<(String, Vec<String>)>,
        alt_text: Option<String>,
        now: Timestamp,
    ) -> StoreResult<ChangePostOutcome> {
        self.write(move |scope| Box::pin(edit_post(scope, id, editor_id, caption, alt_text, now))).await
    }

    async fn delete_post(&self, id: PostId, user_id: UserId, now: Timestamp) -> StoreResult<ChangePostOutcome> {
        self.write(move |scope| Box::pin(delete_post(scope, id, user_id, now))).await
    }

    async fn purge_deleted_post(&self, most: usize) -> StoreResult<Option<u64>> {
        self.write(move |scope| Box::pin(post_purges::step(scope, most))).await
    }

    async fn posts_by_author(
        &self,
        author_id: UserId,
        before: Option<PostId>,
        page: usize,
    ) -> StoreResult<Vec<PostRef>> {
        let query = sqlx::query_as(
            "SELECT id, author_id FROM posts WHERE author_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
        );
        let before = before.map_or(i64::MAX, |id| id.to_i64());
        let query = query.bind(author_id.to_i64()).bind(before).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(post_ref).collect())
    }

    async fn recent_posts(
        &self,
        author_ids: &[UserId],
        after: Option<PostId>,
        page: usize,
    ) -> StoreResult<Vec<PostRef>> {
        let query = sqlx::query_as(merge_posts!("SELECT DISTINCT value FROM json_each(?1)"));
        let query = query
            .bind(json_list(author_ids.iter().map(|id| id.to_i64())))
            .bind(after.map_or(-1, |id| id.to_i64()))
            .bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(post_ref).collect())
    }

    async fn timeline_posts(&self, user_id: UserId, after: Option<PostId>, page: usize) -> StoreResult<Vec<PostRef>> {
        let query = sqlx::query_as(merge_posts!(
            "SELECT ?1 UNION ALL
             SELECT f.followee_id FROM follows f CROSS JOIN users u ON u.id = f.followee_id
             WHERE f.follower_id = ?1 AND u.celebrity = 0"
        ));
        let query = query.bind(user_id.to_i64()).bind(after.map_or(-1, |id| id.to_i64())).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(post_ref).collect())
    }

    async fn public_posts(&self, after: PostId, page: usize) -> StoreResult<Vec<PostRef>> {
        let query = sqlx::query_as(
            "SELECT p.id, p.author_id FROM posts p CROSS JOIN users u ON u.id = p.author_id
             WHERE p.id > ?1 AND u.private = 0 AND u.deleted_at IS NULL ORDER BY p.id DESC LIMIT ?2",
        );
        let rows = self.fetch_all(query.bind(after.to_i64()).bind(limit(page))).await?;
        Ok(rows.into_iter().map(post_ref).collect())
    }
}

#[derive(sqlx::FromRow)]
struct StoredPost {
    original_key: String,
    #[sqlx(flatten)]
    row: PostRow,
}

async fn find_post(scope: &mut WriteScope, id: PostId) -> StoreResult<Option<(Post, String)>> {
    let query = sqlx::query_as::<_, StoredPost>(select_posts!("p.id = ?1"));
    let stored = scope.fetch_optional(query.bind(id.to_i64())).await?;
    stored.map(|stored| Ok((stored.row.into_post()?, stored.original_key))).transpose()
}

/// Writes a new post with its hashtags and raises its author's count.
pub(super) async fn insert_post(scope: &mut WriteScope, post: &Post, original_key: &str) -> StoreResult<()> {
    let insert = sqlx::query(
        "INSERT INTO posts (id, author_id, upload_id, original_key, caption, alt_text, media_kind, blurhash, width, height,
                            media_details)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    );
    let insert = insert
        .bind(post.id.to_i64())
        .bind(post.author_id.to_i64())
        .bind(&post.media.upload_id.0.as_bytes()[..])
        .bind(original_key)
        .bind(&post.caption)
        .bind(&post.alt_text)
        .bind(media_kind(post.media.kind))
        .bind(&post.media.blurhash)
        .bind(post.media.width)
        .bind(post.media.height)
        .bind(media_details(&post.media.details).map_err(super::errors::refused)?);
    scope.execute(insert).await?;
    insert_hashtags(scope, post.id, &post.hashtags).await?;
    move_post_count(scope, post.author_id, 1).await
}

async fn insert_hashtags(scope: &mut WriteScope, post_id: PostId, hashtags: &[String]) -> StoreResult<()> {
    if hashtags.is_empty() {
        return Ok(());
    }
    let list = serde_json::to_string(hashtags).map_err(super::errors::refused)?;
    let insert =
        sqlx::query("INSERT INTO post_hashtags (post_id, ordinal, tag) SELECT ?1, key, value FROM json_each(?2)");
    scope.execute(insert.bind(post_id.to_i64()).bind(list)).await.map(|_| ())
}

async fn delete_hashtags(scope: &mut WriteScope, post_id: PostId) -> StoreResult<()> {
    scope.execute(sqlx::query("DELETE FROM post_hashtags WHERE post_id = ?1").bind(post_id.to_i64())).await.map(|_| ())
}

async fn move_post_count(scope: &mut WriteScope, author_id: UserId, delta: i64) -> StoreResult<()> {
    let update = sqlx::query("UPDATE users SET post_count = post_count + ?2 WHERE id = ?1");
    scope.execute(update.bind(author_id.to_i64()).bind(delta)).await.map(|_| ())
}

async fn edit_post(
    scope: &mut WriteScope,
    id: PostId,
    editor_id: UserId,
    caption: Option<(String, Vec<String>)>,
    alt_text: Option<String>,
    now: Timestamp,
) -> StoreResult<ChangePostOutcome> {
    let Some((mut post, _)) = find_post(scope, id).await? else { return Ok(ChangePostOutcome::NotFound) };
    if post.author_id != editor_id {
        return Ok(ChangePostOutcome::Forbidden);
    }
    if caption.is_none() && alt_text.is_none() {
        return Ok(ChangePostOutcome::Done(Box::new(post)));
    }
    if let Some((caption, hashtags)) = caption {
        delete_hashtags(scope, id).await?;
        insert_hashtags(scope, id, &hashtags).await?;
        post.caption = caption;
        post.hashtags = hashtags;
    }
    if let Some(alt_text) = alt_text {
        post.alt_text = alt_text;
    }
    post.edited_at = Some(now);
    let update = sqlx::query("UPDATE posts SET caption = ?2, alt_text = ?3, edited_at = ?4 WHERE id = ?1");
    scope.execute(update.bind(id.to_i64()).bind(&post.caption).bind(&post.alt_text).bind(now.0)).await?;
    scope.record(&Event::PostEdited { post_id: id }).await?;
    Ok(ChangePostOutcome::Done(Box::new(post)))
}

async fn delete_post(
    scope: &mut WriteScope,
    id: PostId,
    user_id: UserId,
    now: Timestamp,
) -> StoreResult<ChangePostOutcome> {
    let Some((post, original_key)) = find_post(scope, id).await? else { return Ok(ChangePostOutcome::NotFound) };
    if post.author_id != user_id {
        return Ok(ChangePostOutcome::Forbidden);
    }
    delete_hashtags(scope, id).await?;
    for statement in [
        "UPDATE deleted_id_watermark SET id = ?1 WHERE id < ?1",
        "DELETE FROM counters WHERE post_id = ?1",
        "DELETE FROM post_embeddings WHERE post_id = ?1",
        "DELETE FROM posts WHERE id = ?1",
    ] {
        scope.execute(sqlx::query(statement).bind(id.to_i64())).await?;
    }
    let purge = PostPurge::new(id, now);
    let insert = sqlx::query(
        "INSERT INTO post_purges (post_id, deleted_at, likes_after, comments_after, hours_after)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    );
    let insert = insert.bind(purge.post_id).bind(purge.deleted_at).bind(purge.likes_after);
    scope.execute(insert.bind(purge.comments_after).bind(purge.hours_after)).await?;
    // The event has the objects deleted at once; this once more, when the upload's URL is of no use any more.
    let update = sqlx::query("UPDATE uploads SET objects_due_at = max(expires_at, ?2) + ?3 WHERE id = ?1");
    scope.execute(update.bind(&post.media.upload_id.0.as_bytes()[..]).bind(now.0).bind(SWEEP_GRACE_MS)).await?;
    move_post_count(scope, post.author_id, -1).await?;
    let event = Event::PostDeleted { post_id: id, author_id: post.author_id, media: post.media.clone(), original_key };
    scope.record(&event).await?;
    Ok(ChangePostOutcome::Done(Box::new(post)))
}
