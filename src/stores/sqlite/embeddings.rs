//! Embeddings of posts' pictures.

use super::{SqliteLedger, rows::*, writer::WriteScope};
use async_trait::async_trait;
use tessera_domain::PostId;
use tessera_ports::{
    StoreResult,
    ledger::{Embedding, EmbeddingLedger, PostEmbedding, embedding_slot},
};

#[async_trait]
impl EmbeddingLedger for SqliteLedger {
    async fn put_embeddings(&self, embeddings: &[(PostId, Embedding)]) -> StoreResult<u64> {
        let embeddings = embeddings.to_vec();
        self.write(move |scope| {
            Box::pin(async move {
                let mut written = 0;
                for (post_id, embedding) in &embeddings {
                    written += put_embedding(scope, *post_id, embedding).await?;
                }
                Ok(written)
            })
        })
        .await
    }

    async fn embeddings(&self, ids: &[PostId], model: Option<&str>) -> StoreResult<Vec<PostEmbedding>> {
        let query = sqlx::query_as::<_, EmbeddingRow>(
            "SELECT e.post_id, p.author_id, m.version, e.perceptual_hash, e.vector
             FROM json_each(?1) AS asked CROSS JOIN post_embeddings e ON e.post_id = asked.value
             JOIN embedding_models m ON m.id = e.model_id JOIN posts p ON p.id = e.post_id
             WHERE m.version = coalesce(?2, m.version)",
        );
        let rows = self.fetch_all(query.bind(json_list(ids.iter().map(|id| id.to_i64()))).bind(model)).await?;
        Ok(rows.into_iter().map(PostEmbedding::from).collect())
    }

    async fn embedded_posts(
        &self,
        model: &str,
        slot: u16,
        after: Option<PostId>,
        page: usize,
    ) -> StoreResult<Vec<PostId>> {
        let query = sqlx::query_as(
            "SELECT post_id FROM post_embeddings
             WHERE model_id = (SELECT id FROM embedding_models WHERE version = ?1) AND slot = ?2 AND post_id > ?3
             ORDER BY post_id LIMIT ?4",
        );
        let query = query.bind(model).bind(slot).bind(after.map_or(-1, |id| id.to_i64())).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(post_id).collect())
    }

    async fn posts_to_embed(&self, model: &str, before: Option<PostId>, page: usize) -> StoreResult<Vec<PostId>> {
        let query = sqlx::query_as(
            "SELECT p.id FROM posts p WHERE p.id < ?2 AND NOT EXISTS (
                 SELECT 1 FROM post_embeddings e WHERE e.post_id = p.id
                 AND e.model_id = (SELECT id FROM embedding_models WHERE version = ?1))
             ORDER BY p.id DESC LIMIT ?3",
        );
        let query = query.bind(model).bind(before.map_or(i64::MAX, |id| id.to_i64())).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(post_id).collect())
    }

    async fn embedding_models(&self) -> StoreResult<Vec<(String, u64)>> {
        let query = sqlx::query_as(
            "SELECT m.version, count(*) FROM embedding_models m JOIN post_embeddings e ON e.model_id = m.id GROUP BY m.id",
        );
        let rows: Vec<(String, i64)> = self.fetch_all(query).await?;
        Ok(rows.into_iter().map(|(version, count)| (version, unsigned(count))).collect())
    }

    async fn drop_superseded_embeddings(&self, model: &str, page: usize) -> StoreResult<u64> {
        let model = model.to_owned();
        self.write(move |scope| {
            Box::pin(async move {
                let delete = sqlx::query(
                    "DELETE FROM post_embeddings WHERE (post_id, model_id) IN (
                         SELECT old.post_id, old.model_id FROM embedding_models current
                         CROSS JOIN embedding_models other ON other.id <> current.id
                         CROSS JOIN post_embeddings old ON old.model_id = other.id
                         CROSS JOIN post_embeddings new ON new.post_id = old.post_id AND new.model_id = current.id
                         WHERE current.version = ?1 LIMIT ?2)",
                );
                scope.execute(delete.bind(&model).bind(limit(page))).await
            })
        })
        .await
    }
}

fn post_id((id,): (i64,)) -> PostId {
    PostId::from_i64(id)
}

/// Writes a post's embedding; gives 0 where there is no such post.
pub(super) async fn put_embedding(scope: &mut WriteScope, id: PostId, embedding: &Embedding) -> StoreResult<u64> {
    let model = sqlx::query("INSERT INTO embedding_models (version) VALUES (?1) ON CONFLICT DO NOTHING");
    scope.execute(model.bind(&embedding.model)).await?;
    let upsert = sqlx::query(
        "INSERT INTO post_embeddings (post_id, model_id, slot, perceptual_hash, vector)
         SELECT p.id, m.id, ?3, ?4, ?5 FROM posts p CROSS JOIN embedding_models m WHERE p.id = ?1 AND m.version = ?2
         ON CONFLICT (post_id, model_id) DO UPDATE SET
             perceptual_hash = excluded.perceptual_hash, vector = excluded.vector",
    );
    let upsert = upsert
        .bind(id.to_i64())
        .bind(&embedding.model)
        .bind(embedding_slot(id))
        .bind(embedding.perceptual_hash as i64)
        .bind(vector_bytes(&embedding.vector));
    scope.execute(upsert).await
}
