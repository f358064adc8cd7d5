//! Posts; the merged reads that timelines are made of are in [`timeline_posts`].

use super::{Dialect, Pool, Scope, SqlLedger, Statement, dialect::refused, post_purges, rows::*, timeline_posts};
use async_trait::async_trait;
use tessera_domain::{
    PostId, Timestamp, UserId,
    event::Event,
    post::{Post, PostRef},
    upload::SWEEP_GRACE_MS,
};
use tessera_ports::{
    StoreResult,
    ledger::{ChangePostOutcome, PostLedger, PostRange},
};

/// All of a post. Where its hashtags are no column they come along as a JSON array, so that no second query is needed.
macro_rules! select_posts {
    ($($condition:tt)+) => {
        sql!(
            "SELECT p.*"
            {sqlite: ",
             (SELECT json_group_array(tag ORDER BY ordinal) FROM post_hashtags WHERE post_id = p.id) AS hashtags",
             postgres: ""}
            " FROM posts p WHERE p.id " $($condition)+
        )
    };
}

#[async_trait]
impl<D: Dialect> PostLedger for SqlLedger<D> {
    async fn posts(&self, ids: &[PostId]) -> StoreResult<Vec<Post>> {
        self.requests.fetch_all(select_posts!([any "$1"]).bind(ids), PostRow::into_post).await
    }

    async fn edit_post(
        &self,
        id: PostId,
        editor_id: UserId,
        caption: Option<(String, Vec<String>)>,
        alt_text: Option<String>,
        now: Timestamp,
    ) -> StoreResult<ChangePostOutcome> {
        let edit = Edit { id, editor_id, caption, alt_text, now };
        self.requests.transact(edit, |scope, edit| Box::pin(edit_post(scope, edit))).await
    }

    async fn delete_post(&self, id: PostId, user_id: UserId, now: Timestamp) -> StoreResult<ChangePostOutcome> {
        self.requests
            .transact((id, user_id, now), |scope, (id, user_id, now)| Box::pin(delete_post(scope, *id, *user_id, *now)))
            .await
    }

    async fn purge_deleted_post(&self, most: usize) -> StoreResult<Option<u64>> {
        self.background.transact(most, |scope, most| Box::pin(post_purges::step(scope, *most))).await
    }

    async fn posts_by_author(
        &self,
        author_id: UserId,
        before: Option<PostId>,
        limit: usize,
    ) -> StoreResult<Vec<PostRef>> {
        let query = sql!("SELECT id, author_id FROM posts WHERE author_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
        let query = query.bind(author_id).bind(before.map_or(i64::MAX, PostId::to_i64)).bind(limit);
        self.requests.fetch_all(query, post_ref).await
    }

    async fn recent_posts(
        &self,
        author_ids: &[UserId],
        before: Option<PostId>,
        limit: usize,
    ) -> StoreResult<Vec<PostRef>> {
        let query = timeline_posts::of_authors().bind(author_ids);
        self.requests.fetch_all(within(query, PostRange { after: None, before }, limit), post_ref).await
    }

    async fn timeline_posts(&self, user_id: UserId, range: PostRange, limit: usize) -> StoreResult<Vec<PostRef>> {
        let query = timeline_posts::of_reader().bind(user_id);
        self.requests.fetch_all(within(query, range, limit), post_ref).await
    }

    async fn public_posts(&self, after: PostId, limit: usize) -> StoreResult<Vec<PostRef>> {
        self.requests.fetch_all(public_posts(after, limit), post_ref).await
    }
}

/// Read in the order of the inner query and no further than to the last post that is wanted: Postgres knows that it is
/// in order, SQLite would sort all of them where it is asked for one.
pub(super) fn public_posts(after: PostId, limit: usize) -> Statement {
    let query = sql!(
        "SELECT p.id, p.author_id
         FROM (SELECT id, author_id FROM posts WHERE id > $1 ORDER BY id DESC LIMIT 50000) AS p
         WHERE (SELECT true FROM users u WHERE u.id = p.author_id AND NOT u.private AND u.deleted_at IS NULL)
             IS NOT NULL"
        {sqlite: "", postgres: " ORDER BY p.id DESC"} " LIMIT $2"
    );
    query.bind(after).bind(limit)
}

/// Binds what both reads of [`timeline_posts`] have in common.
fn within(query: Statement, range: PostRange, limit: usize) -> Statement {
    let PostRange { after, before } = range;
    query.bind(after.map_or(-1, PostId::to_i64)).bind(limit).bind(before.map_or(i64::MAX, PostId::to_i64))
}

/// A post, locked until the end of the transaction; `Err` says why `user_id` may not change it.
async fn lock_own_post<S: Scope>(
    scope: &mut S,
    id: PostId,
    user_id: UserId,
) -> StoreResult<Result<(Post, String), ChangePostOutcome>> {
    let row: Option<PostRow> = scope.fetch_optional(select_posts!("= $1"[lock]).bind(id)).await?;
    let Some(row) = row else { return Ok(Err(ChangePostOutcome::NotFound)) };
    let original_key = row.original_key.clone();
    let post = row.into_post();
    Ok(if post.author_id == user_id { Ok((post, original_key)) } else { Err(ChangePostOutcome::Forbidden) })
}

/// Writes a new post with its hashtags and raises its author's count.
pub(super) async fn insert_post<S: Scope>(scope: &mut S, post: &Post, original_key: &str) -> StoreResult<()> {
    let insert = sql!(
        "INSERT INTO posts (id, author_id, upload_id, original_key, caption, alt_text, media_kind, blurhash, width,
                            height, media_details" {sqlite: "", postgres: ", hashtags"} ")
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11" {sqlite: "", postgres: ", $12"} ")"
    );
    let insert = insert
        .bind(post.id)
        .bind(post.author_id)
        .bind(post.media.upload_id)
        .bind(original_key)
        .bind(&post.caption)
        .bind(&post.alt_text)
        .bind(media_kind(post.media.kind))
        .bind(&post.media.blurhash)
        .bind(post.media.width)
        .bind(post.media.height)
        .bind(media_details(&post.media.details).map_err(refused::<S>)?)
        .bind(&post.hashtags[..]);
    scope.execute(insert).await?;
    insert_hashtags(scope, post.id, &post.hashtags).await?;
    move_post_count(scope, post.author_id, 1).await
}

async fn insert_hashtags<S: Scope>(scope: &mut S, post_id: PostId, hashtags: &[String]) -> StoreResult<()> {
    let insert = sql!(
        "INSERT INTO post_hashtags "
        {sqlite: "(post_id, tag, ordinal) SELECT $1, value, key", postgres: "(post_id, tag) SELECT $1, value"}
        " FROM " [list "$2" as "tags"] {sqlite: "", postgres: " ON CONFLICT DO NOTHING"}
    );
    if hashtags.is_empty() { Ok(()) } else { scope.execute(insert.bind(post_id).bind(hashtags)).await.map(drop) }
}

async fn delete_hashtags<S: Scope>(scope: &mut S, post_id: PostId) -> StoreResult<()> {
    scope.execute(sql!("DELETE FROM post_hashtags WHERE post_id = $1").bind(post_id)).await.map(drop)
}

async fn move_post_count<S: Scope>(scope: &mut S, author_id: UserId, delta: i64) -> StoreResult<()> {
    let update = sql!("UPDATE users SET post_count = post_count + $2 WHERE id = $1");
    scope.execute(update.bind(author_id).bind(delta)).await.map(drop)
}

struct Edit {
    id: PostId,
    editor_id: UserId,
    caption: Option<(String, Vec<String>)>,
    alt_text: Option<String>,
    now: Timestamp,
}

async fn edit_post<S: Scope>(scope: &mut S, edit: &Edit) -> StoreResult<ChangePostOutcome> {
    let (mut post, _) = match lock_own_post(scope, edit.id, edit.editor_id).await? {
        Ok(found) => found,
        Err(outcome) => return Ok(outcome),
    };
    if edit.caption.is_none() && edit.alt_text.is_none() {
        return Ok(ChangePostOutcome::Done(Box::new(post)));
    }
    if let Some((caption, hashtags)) = &edit.caption {
        delete_hashtags(scope, post.id).await?;
        insert_hashtags(scope, post.id, hashtags).await?;
        post.caption.clone_from(caption);
        post.hashtags.clone_from(hashtags);
    }
    if let Some(alt_text) = &edit.alt_text {
        post.alt_text.clone_from(alt_text);
    }
    post.edited_at = Some(edit.now);
    let update = sql!(
        "UPDATE posts SET caption = $2, alt_text = $3, edited_at = $4" {sqlite: "", postgres: ", hashtags = $5"}
        " WHERE id = $1"
    );
    let update = update.bind(post.id).bind(&post.caption).bind(&post.alt_text).bind(edit.now);
    scope.execute(update.bind(&post.hashtags[..])).await?;
    scope.record(&Event::PostEdited { post_id: post.id }).await?;
    Ok(ChangePostOutcome::Done(Box::new(post)))
}

async fn delete_post<S: Scope>(
    scope: &mut S,
    id: PostId,
    user_id: UserId,
    now: Timestamp,
) -> StoreResult<ChangePostOutcome> {
    let (post, original_key) = match lock_own_post(scope, id, user_id).await? {
        Ok(found) => found,
        Err(outcome) => return Ok(outcome),
    };
    // Waits for the likes and comments under way, which share a lock on this row; later ones find no post, and the
    // statements after this one see what those have written.
    for delete in [
        sql!("DELETE FROM posts WHERE id = $1"),
        sql!("DELETE FROM counters WHERE post_id = $1"),
        sql!("DELETE FROM post_hashtags WHERE post_id = $1"),
        sql!("DELETE FROM post_embeddings WHERE post_id = $1"),
    ] {
        scope.execute(delete.bind(id)).await?;
    }
    post_purges::begin(scope, id, now).await?;
    // The event has the objects deleted at once; this once more, when the upload's URL is of no use any more.
    let update = sql!("UPDATE uploads SET objects_due_at = " [greatest] "(expires_at, $2) + $3 WHERE id = $1");
    scope.execute(update.bind(post.media.upload_id).bind(now).bind(SWEEP_GRACE_MS)).await?;
    move_post_count(scope, post.author_id, -1).await?;
    scope.execute(sql!("UPDATE deleted_id_watermark SET id = $1 WHERE id < $1").bind(id)).await?;
    let event = Event::PostDeleted { post_id: id, author_id: post.author_id, media: post.media.clone(), original_key };
    scope.record(&event).await?;
    Ok(ChangePostOutcome::Done(Box::new(post)))
}
