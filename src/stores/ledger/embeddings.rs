//! Embeddings of posts' pictures.

use super::{BytesWrites, Dialect, Pool, SqlLedger, rows::*};
use async_trait::async_trait;
use tessera_domain::PostId;
use tessera_ports::{
    StoreResult,
    ledger::{Embedding, EmbeddingLedger, PostEmbedding},
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

    async fn posts_to_embed(&self, model: &str, before: Option<PostId>, limit: usize) -> StoreResult<Vec<PostId>> {
        let query = sql!(
            "SELECT p.id FROM posts p WHERE p.id < $2 AND NOT EXISTS (
                 SELECT 1 FROM post_embeddings e WHERE e.post_id = p.id
                 AND e.model_id = (SELECT id FROM embedding_models WHERE version = $1))
             ORDER BY p.id DESC LIMIT $3"
        );
        let query = query.bind(model).bind(before.map_or(i64::MAX, PostId::to_i64)).bind(limit);
        self.requests.fetch_all(query, post_id).await
    }

    async fn embedding_models(&self) -> StoreResult<Vec<(String, u64)>> {
        let query = sql!(
            "SELECT m.version, count(*) FROM embedding_models m JOIN post_embeddings e ON e.model_id = m.id
             GROUP BY m.id"
        );
        self.requests.fetch_all(query, |(version, count): (String, i64)| (version, unsigned(count))).await
    }

    async fn drop_superseded_embeddings(&self, model: &str, limit: usize) -> StoreResult<u64> {
        let delete = sql!(
            "DELETE FROM post_embeddings WHERE "
            {sqlite: "(post_id, model_id) IN (SELECT old.post_id, old.model_id",
             postgres: "ctid = ANY(ARRAY(SELECT old.ctid"}
            " FROM embedding_models current "
            {sqlite: "CROSS JOIN embedding_models other ON other.id <> current.id
                 CROSS JOIN post_embeddings old ON old.model_id = other.id",
             postgres: "JOIN post_embeddings old ON old.model_id <> current.id"}
            " " [join] " post_embeddings new ON new.post_id = old.post_id AND new.model_id = current.id
             WHERE current.version = $1 LIMIT $2" {sqlite: ")", postgres: "))"}
        );
        self.background.execute(delete.bind(model).bind(limit)).await
    }
}
