//! Embeddings and checkpoints, all in one statement.

use super::transaction::TransactionScope;
use crate::ledger::{BytesWrites, Scope, rows::vector_bytes};
use std::collections::{BTreeMap, BTreeSet};
use tessera_domain::{PostId, UserId};
use tessera_ports::{
    StoreResult,
    ledger::{Embedding, embedding_slot},
};

impl BytesWrites for TransactionScope {
    async fn put_embeddings(&mut self, embeddings: &[(PostId, Embedding)]) -> StoreResult<u64> {
        let versions: BTreeSet<&str> = embeddings.iter().map(|(_, embedding)| &embedding.model[..]).collect();
        // Most often it is there; then nothing is written, and no number used up.
        let models = sql!(
            "INSERT INTO embedding_models (version)
             SELECT version FROM unnest($1) AS version
             WHERE version NOT IN (SELECT version FROM embedding_models) ON CONFLICT DO NOTHING"
        );
        self.execute(models.bind(versions.into_iter().collect::<Vec<_>>())).await?;
        // A statement may touch no row twice; of two for one post and model the later one stays.
        let rows: BTreeMap<(PostId, &str), &Embedding> =
            embeddings.iter().map(|(id, embedding)| ((*id, &embedding.model[..]), embedding)).collect();
        // The lock makes a deletion of the post wait, which then sees what is written here.
        let upsert = sql!(
            "WITH given AS (
                 SELECT * FROM unnest($1, $2, $3, $4, $5) AS given (post_id, version, slot, perceptual_hash, vector)),
             existing AS MATERIALIZED (
                 SELECT id FROM posts WHERE id IN (SELECT post_id FROM given) ORDER BY id FOR KEY SHARE)
             INSERT INTO post_embeddings (post_id, model_id, slot, perceptual_hash, vector)
             SELECT existing.id, m.id, given.slot, given.perceptual_hash, given.vector
             FROM given JOIN existing ON existing.id = given.post_id
             JOIN embedding_models m ON m.version = given.version
             ON CONFLICT (post_id, model_id) DO UPDATE SET
                 perceptual_hash = excluded.perceptual_hash, vector = excluded.vector"
        );
        let upsert = upsert
            .bind(rows.keys().map(|(id, _)| *id).collect::<Vec<_>>())
            .bind(rows.keys().map(|(_, version)| *version).collect::<Vec<_>>())
            .bind(rows.keys().map(|(id, _)| i64::from(embedding_slot(*id))).collect::<Vec<_>>())
            .bind(rows.values().map(|embedding| embedding.perceptual_hash as i64).collect::<Vec<_>>())
            .bind(rows.values().map(|embedding| vector_bytes(&embedding.vector)).collect::<Vec<_>>());
        self.execute(upsert).await
    }

    async fn put_timeline_checkpoints(&mut self, checkpoints: &BTreeMap<UserId, Vec<u8>>) -> StoreResult<()> {
        let upsert = sql!(
            "INSERT INTO timeline_checkpoints (user_id, checkpoint) SELECT * FROM unnest($1, $2)
             ON CONFLICT (user_id) DO UPDATE SET checkpoint = excluded.checkpoint"
        );
        let users: Vec<UserId> = checkpoints.keys().copied().collect();
        let bytes: Vec<Vec<u8>> = checkpoints.values().cloned().collect();
        self.execute(upsert.bind(users).bind(bytes)).await.map(drop)
    }
}
