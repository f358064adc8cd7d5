//! Embeddings of posts' pictures.

use super::{PostgresLedger, rows::*, transaction::Scope};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use tessera_domain::PostId;
use tessera_ports::{
    StoreResult,
    ledger::{Embedding, EmbeddingLedger, PostEmbedding, embedding_slot},
};

#[async_trait]
impl EmbeddingLedger for PostgresLedger {
    async fn put_embeddings(&self, embeddings: &[(PostId, Embedding)]) -> StoreResult<u64> {
        self.transact(&self.background, embeddings, |scope, embeddings| Box::pin(put_embeddings(scope, embeddings)))
            .await
    }

    async fn embeddings(&self, ids: &[PostId], model: Option<&str>) -> StoreResult<Vec<PostEmbedding>> {
        let query = sqlx::query_as::<_, EmbeddingRow>(
            "SELECT e.post_id, p.author_id, m.version, e.perceptual_hash, e.vector
             FROM post_embeddings e JOIN embedding_models m ON m.id = e.model_id JOIN posts p ON p.id = e.post_id
             WHERE e.post_id = ANY($1) AND ($2::text IS NULL OR m.version = $2)",
        );
        let ids: Vec<i64> = ids.iter().map(|id| id.to_i64()).collect();
        let rows = self.fetch_all(query.bind(ids).bind(model.map(str::to_owned))).await?;
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
             WHERE model_id = (SELECT id FROM embedding_models WHERE version = $1) AND slot = $2 AND post_id > $3
             ORDER BY post_id LIMIT $4",
        );
        let after = after.map_or(-1, |id| id.to_i64());
        let query = query.bind(model.to_owned()).bind(i32::from(slot)).bind(after).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(post_id).collect())
    }

    async fn posts_to_embed(&self, model: &str, before: Option<PostId>, page: usize) -> StoreResult<Vec<PostId>> {
        let query = sqlx::query_as(
            "SELECT p.id FROM posts p WHERE p.id < $2 AND NOT EXISTS (
                 SELECT FROM post_embeddings e WHERE e.post_id = p.id
                 AND e.model_id = (SELECT id FROM embedding_models WHERE version = $1))
             ORDER BY p.id DESC LIMIT $3",
        );
        let before = before.map_or(i64::MAX, |id| id.to_i64());
        let query = query.bind(model.to_owned()).bind(before).bind(limit(page));
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
        let delete = sqlx::query(
            "DELETE FROM post_embeddings WHERE ctid = ANY(ARRAY(
                 SELECT old.ctid FROM embedding_models current
                 JOIN post_embeddings old ON old.model_id <> current.id
                 JOIN post_embeddings new ON new.post_id = old.post_id AND new.model_id = current.id
                 WHERE current.version = $1 LIMIT $2))",
        );
        self.background.execute(delete.bind(model.to_owned()).bind(limit(page))).await
    }
}

fn post_id((id,): (i64,)) -> PostId {
    PostId::from_i64(id)
}

/// Writes embeddings of posts that exist; returns how many.
pub(super) async fn put_embeddings(scope: &mut Scope, embeddings: &[(PostId, Embedding)]) -> StoreResult<u64> {
    let versions: BTreeSet<&str> = embeddings.iter().map(|(_, embedding)| &embedding.model[..]).collect();
    let versions: Vec<&str> = versions.into_iter().collect();
    // Most often it is there; then nothing is written, and no number used up.
    let models = sqlx::query(
        "INSERT INTO embedding_models (version)
         SELECT version FROM unnest($1::text[]) AS version
         WHERE version NOT IN (SELECT version FROM embedding_models) ON CONFLICT DO NOTHING",
    );
    scope.execute(models.bind(versions)).await?;
    // A statement may touch no row twice; of two for one post and model the later one stays.
    let rows: BTreeMap<(i64, &str), &Embedding> =
        embeddings.iter().map(|(id, embedding)| ((id.to_i64(), &embedding.model[..]), embedding)).collect();
    // The lock makes a deletion of the post wait, which then sees what is written here.
    let upsert = sqlx::query(
        "WITH given AS (
             SELECT * FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::bigint[], $5::bytea[])
                 AS given (post_id, version, slot, perceptual_hash, vector)),
         existing AS MATERIALIZED (
             SELECT id FROM posts WHERE id IN (SELECT post_id FROM given) ORDER BY id FOR KEY SHARE)
         INSERT INTO post_embeddings (post_id, model_id, slot, perceptual_hash, vector)
         SELECT existing.id, m.id, given.slot, given.perceptual_hash, given.vector
         FROM given JOIN existing ON existing.id = given.post_id JOIN embedding_models m ON m.version = given.version
         ON CONFLICT (post_id, model_id) DO UPDATE SET
             perceptual_hash = excluded.perceptual_hash, vector = excluded.vector",
    );
    let ids: Vec<i64> = rows.keys().map(|(id, _)| *id).collect();
    let slots: Vec<i32> = ids.iter().map(|id| i32::from(embedding_slot(PostId::from_i64(*id)))).collect();
    let upsert = upsert
        .bind(ids)
        .bind(rows.keys().map(|(_, version)| *version).collect::<Vec<_>>())
        .bind(slots)
        .bind(rows.values().map(|embedding| embedding.perceptual_hash as i64).collect::<Vec<_>>())
        .bind(rows.values().map(|embedding| vector_bytes(&embedding.vector)).collect::<Vec<_>>());
    scope.execute(upsert).await
}
