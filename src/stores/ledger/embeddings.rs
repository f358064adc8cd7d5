//! Embeddings of posts' pictures.

use super::{BytesWrites, Dialect, Pool, SqlLedger, Statement, rows::*};
use async_trait::async_trait;
use tessera_domain::PostId;
use tessera_ports::{
    StoreResult,
    ledger::{Embedding, EmbeddingLedger, PostEmbedding, PostRange, PostsToEmbed, SEARCHED_POSTS},
};

#[async_trait]
impl<D: Dialect> EmbeddingLedger for SqlLedger<D> {
    async fn put_embeddings(&self, embeddings: &[(PostId, Embedding)]) -> StoreResult<u64> {
        self.background
            .transact(embeddings.to_vec(), |scope, embeddings| Box::pin(scope.put_embeddings(embeddings)))
            .await
    }

    async fn embeddings(&self, ids: &[PostId], model: Option<&str>) -> StoreResult<Vec<PostEmbedding>> {
        let query = sql!(
            "SELECT e.post_id, p.author_id, m.version, e.perceptual_hash, e.vector
             FROM " [list "$1" as "asked"] " " [join] " post_embeddings e ON e.post_id = asked.value
             JOIN embedding_models m ON m.id = e.model_id JOIN posts p ON p.id = e.post_id
             WHERE $2 IS NULL OR m.version = $2"
        );
        self.requests.fetch_all(query.bind(ids).bind(model), EmbeddingRow::into_embedding).await
    }

    async fn embedded_posts(
        &self,
        model: &str,
        slot: u16,
        after: Option<PostId>,
        limit: usize,
    ) -> StoreResult<Vec<PostId>> {
        let query = sql!(
            "SELECT post_id FROM post_embeddings
             WHERE model_id = (SELECT id FROM embedding_models WHERE version = $1) AND slot = $2 AND post_id > $3
             ORDER BY post_id LIMIT $4"
        );
        let query = query.bind(model).bind(slot).bind(after.map_or(-1, PostId::to_i64)).bind(limit);
        self.requests.fetch_all(query, post_id).await
    }

    async fn posts_to_embed(&self, model: &str, range: PostRange, limit: usize) -> StoreResult<PostsToEmbed> {
        let oldest = self.requests.fetch_optional(oldest_searched(range), post_id).await?;
        let posts: Vec<PostId> = self.requests.fetch_all(lacking(model, range, oldest, limit), post_id).await?;
        let looked_up_to = if posts.len() == limit { posts.last().copied() } else { oldest };
        Ok(PostsToEmbed { posts, looked_up_to })
    }

    async fn embedding_models(&self) -> StoreResult<Vec<String>> {
        self.requests.fetch_all(models_in_use(), |(version,): (String,)| version).await
    }

    async fn drop_superseded_embeddings(&self, model: &str, successor: &str, ids: &[PostId]) -> StoreResult<u64> {
        self.background.execute(drop_superseded(model, successor, ids)).await
    }
}

/// The last of the posts that one call looks at, if there are as many.
pub(super) fn oldest_searched(range: PostRange) -> Statement {
    let query = sql!("SELECT id FROM posts WHERE id > $1 AND id < $2 ORDER BY id DESC LIMIT 1 OFFSET $3");
    let query = query.bind(range.after.map_or(-1, PostId::to_i64));
    query.bind(range.before.map_or(i64::MAX, PostId::to_i64)).bind(SEARCHED_POSTS - 1)
}

/// The posts of a range, down to `oldest`, that lack an embedding. Asked post by post, or Postgres might read all
/// embeddings instead.
pub(super) fn lacking(model: &str, range: PostRange, oldest: Option<PostId>, limit: usize) -> Statement {
    let query = sql!(
        "SELECT p.id FROM posts p WHERE p.id > $2 AND p.id < $3 AND (
             SELECT true FROM post_embeddings e WHERE e.post_id = p.id
             AND e.model_id = (SELECT id FROM embedding_models WHERE version = $1)) IS NULL
         ORDER BY p.id DESC LIMIT $4"
    );
    let after = oldest.map_or(range.after.map_or(-1, PostId::to_i64), |oldest| oldest.to_i64() - 1);
    query.bind(model).bind(after).bind(range.before.map_or(i64::MAX, PostId::to_i64)).bind(limit)
}

/// In order, or Postgres might look for the one row of a model that has none among all rows.
pub(super) fn models_in_use() -> Statement {
    sql!(
        "SELECT m.version FROM embedding_models m
         WHERE (SELECT e.slot FROM post_embeddings e WHERE e.model_id = m.id ORDER BY e.slot LIMIT 1) IS NOT NULL"
    )
}

pub(super) fn drop_superseded(model: &str, successor: &str, ids: &[PostId]) -> Statement {
    let delete = sql!(
        "DELETE FROM post_embeddings WHERE post_id " [any "$3"] "
         AND model_id = (SELECT id FROM embedding_models WHERE version = $1)
         AND (SELECT true FROM post_embeddings new WHERE new.post_id = post_embeddings.post_id
              AND new.model_id <> post_embeddings.model_id
              AND new.model_id = (SELECT id FROM embedding_models WHERE version = $2)) IS NOT NULL"
    );
    delete.bind(model).bind(successor).bind(ids)
}
