//! Posts; the merged reads that timelines are made of are in [`super::timeline_posts`].

use super::{PostgresLedger, pool::Effect, post_purges, rows::*, timeline_posts, transaction::Scope};
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

#[async_trait]
impl PostLedger for PostgresLedger {
    async fn posts(&self, ids: &[PostId]) -> StoreResult<Vec<Post>> {
        let query = sqlx::query_as::<_, PostRow>("SELECT * FROM posts WHERE id = ANY($1)");
        let ids: Vec<i64> = ids.iter().map(|id| id.to_i64()).collect();
        self.fetch_all(query.bind(ids)).await?.into_iter().map(PostRow::into_post).collect()
    }

    async fn edit_post(
        &self,
        id: PostId,
        editor_id: UserId,
        caption: Option<(String, Vec<String>)>,
        alt_text: Option<String>,
        now: Timestamp,
    ) -> StoreResult<ChangePostOutcome> {
        let changes = caption.is_some() || alt_text.is_some();
        let (caption, hashtags) = caption.unzip();
        let update = sqlx::query_as::<_, PostRow>(
            "WITH edited AS (
                 UPDATE posts SET caption = coalesce($3, caption), hashtags = coalesce($4, hashtags),
                 alt_text = coalesce($5, alt_text), edited_at = $6
                 WHERE id = $1 AND author_id = $2 AND $7 RETURNING *),
             untagged AS (
                 DELETE FROM post_hashtags WHERE post_id IN (SELECT id FROM edited) AND tag <> ALL($4)),
             tagged AS (
                 INSERT INTO post_hashtags (tag, post_id) SELECT tag, id FROM edited, unnest($4) AS tag
                 ON CONFLICT DO NOTHING),
             told AS (INSERT INTO outbox (event) SELECT $8 FROM edited)
             SELECT * FROM edited",
        );
        let update = update
            .bind(id.to_i64())
            .bind(editor_id.to_i64())
            .bind(caption)
            .bind(hashtags)
            .bind(alt_text)
            .bind(now.0)
            .bind(changes)
            .bind(super::transaction::stored_event(&Event::PostEdited { post_id: id })?);
        if let Some(row) = self.requests.fetch_optional(Effect::Write, update).await? {
            self.requests.announcer.announce(true, false);
            return Ok(ChangePostOutcome::Done(Box::new(row.into_post()?)));
        }
        match self.posts(&[id]).await?.pop() {
            None => Ok(ChangePostOutcome::NotFound),
            Some(post) if post.author_id == editor_id && !changes => Ok(ChangePostOutcome::Done(Box::new(post))),
            Some(post) if post.author_id == editor_id => Ok(ChangePostOutcome::NotFound),
            Some(_) => Ok(ChangePostOutcome::Forbidden),
        }
    }

    async fn delete_post(&self, id: PostId, user_id: UserId, now: Timestamp) -> StoreResult<ChangePostOutcome> {
        self.transact(&self.requests, (id, user_id, now), |scope, (id, user_id, now)| {
            Box::pin(delete_post(scope, *id, *user_id, *now))
        })
        .await
    }

    async fn purge_deleted_post(&self, most: usize) -> StoreResult<Option<u64>> {
        self.transact(&self.background, most, |scope, most| Box::pin(post_purges::step(scope, *most))).await
    }

    async fn posts_by_author(
        &self,
        author_id: UserId,
        before: Option<PostId>,
        page: usize,
    ) -> StoreResult<Vec<PostRef>> {
        let query = sqlx::query_as(
            "SELECT id, author_id FROM posts WHERE author_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
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
        let authors: Vec<i64> = author_ids.iter().map(|id| id.to_i64()).collect();
        let query = sqlx::query_as(timeline_posts::OF_AUTHORS);
        let query = query.bind(authors).bind(after.map_or(-1, |id| id.to_i64())).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(post_ref).collect())
    }

    async fn timeline_posts(&self, user_id: UserId, after: Option<PostId>, page: usize) -> StoreResult<Vec<PostRef>> {
        let query = sqlx::query_as(timeline_posts::OF_READER);
        let query = query.bind(user_id.to_i64()).bind(after.map_or(-1, |id| id.to_i64())).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(post_ref).collect())
    }

    async fn public_posts(&self, after: PostId, page: usize) -> StoreResult<Vec<PostRef>> {
        let query = sqlx::query_as(
            "SELECT p.id, p.author_id FROM posts p JOIN users u ON u.id = p.author_id
             WHERE p.id > $1 AND NOT u.private AND u.deleted_at IS NULL ORDER BY p.id DESC LIMIT $2",
        );
        let rows = self.fetch_all(query.bind(after.to_i64()).bind(limit(page))).await?;
        Ok(rows.into_iter().map(post_ref).collect())
    }
}

/// Writes a new post and raises its author's count.
pub(super) async fn insert_post(scope: &mut Scope, post: &Post, original_key: &str) -> StoreResult<()> {
    let insert = sqlx::query(
        "WITH counted AS (UPDATE users SET post_count = post_count + 1 WHERE id = $2),
         tagged AS (INSERT INTO post_hashtags (tag, post_id) SELECT tag, $1 FROM unnest($7::text[]) AS tag)
         INSERT INTO posts (id, author_id, upload_id, original_key, caption, alt_text, hashtags, media_kind, blurhash,
                            width, height, media_details)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    );
    let insert = insert
        .bind(post.id.to_i64())
        .bind(post.author_id.to_i64())
        .bind(upload_key(&post.media.upload_id))
        .bind(original_key)
        .bind(&post.caption)
        .bind(&post.alt_text)
        .bind(&post.hashtags)
        .bind(media_kind(post.media.kind))
        .bind(&post.media.blurhash)
        .bind(i64::from(post.media.width))
        .bind(i64::from(post.media.height))
        .bind(media_details(&post.media.details).map_err(super::errors::refused)?);
    scope.execute(insert).await.map(|_| ())
}

async fn delete_post(scope: &mut Scope, id: PostId, user_id: UserId, now: Timestamp) -> StoreResult<ChangePostOutcome> {
    // Waits for the likes and comments under way, which share a lock on this row; later ones find no post.
    let delete = sqlx::query_as::<_, PostRow>("DELETE FROM posts WHERE id = $1 AND author_id = $2 RETURNING *");
    let delete = delete.bind(id.to_i64()).bind(user_id.to_i64());
    let Some(row) = scope.fetch_optional(delete).await? else {
        let exists = sqlx::query_as("SELECT count(*) FROM posts WHERE id = $1");
        let (exists,): (i64,) = scope.fetch_one(exists.bind(id.to_i64())).await?;
        return Ok(if exists > 0 { ChangePostOutcome::Forbidden } else { ChangePostOutcome::NotFound });
    };
    let original_key = row.original_key.clone();
    let post = row.into_post()?;
    // A statement of its own, so that it sees what those have written.
    let clear = sqlx::query(
        "WITH purged AS (
             INSERT INTO post_purges (post_id, deleted_at, likes_after, comments_after, hours_after)
             VALUES ($1, $4, $6, $7, $8)),
         counted AS (DELETE FROM counters WHERE post_id = $1),
         untagged AS (DELETE FROM post_hashtags WHERE post_id = $1),
         embedded AS (DELETE FROM post_embeddings WHERE post_id = $1),
         author AS (UPDATE users SET post_count = post_count - 1 WHERE id = $2),
         uploaded AS (UPDATE uploads SET objects_due_at = greatest(expires_at, $4) + $5 WHERE id = $3)
         UPDATE deleted_id_watermark SET id = $1 WHERE id < $1",
    );
    // The event has the objects deleted at once; this once more, when the upload's URL is of no use any more.
    let clear = clear.bind(id.to_i64()).bind(user_id.to_i64()).bind(upload_key(&post.media.upload_id));
    let purge = PostPurge::new(id, now);
    let clear = clear.bind(now.0).bind(SWEEP_GRACE_MS);
    let clear = clear.bind(purge.likes_after).bind(purge.comments_after).bind(purge.hours_after);
    scope.execute(clear).await?;
    let event = Event::PostDeleted { post_id: id, author_id: post.author_id, media: post.media.clone(), original_key };
    scope.record(&[event]).await?;
    Ok(ChangePostOutcome::Done(Box::new(post)))
}
