//! Embeddings and checkpoints, row by row: bytes do not go into a JSON array.

use super::writer::WriteScope;
use crate::ledger::{BytesWrites, Scope, rows::vector_bytes};
use std::collections::BTreeMap;
use tessera_domain::{PostId, UserId};
use tessera_ports::{
    StoreResult,
    ledger::{Embedding, embedding_slot},
};

impl BytesWrites for WriteScope {
    async fn put_embeddings(&mut self, embeddings: &[(PostId, Embedding)]) -> StoreResult<u64> {
        let mut written = 0;
        for (post_id, embedding) in embeddings {
            let model = sql!("INSERT INTO embedding_models (version) VALUES ($1) ON CONFLICT DO NOTHING");
            self.execute(model.bind(&embedding.model)).await?;
            let upsert = sql!(
                "INSERT INTO post_embeddings (post_id, model_id, slot, perceptual_hash, vector)
                 SELECT p.id, m.id, $3, $4, $5 FROM posts p CROSS JOIN embedding_models m
                 WHERE p.id = $1 AND m.version = $2
                 ON CONFLICT (post_id, model_id) DO UPDATE SET
                     perceptual_hash = excluded.perceptual_hash, vector = excluded.vector"
            );
            let upsert = upsert.bind(*post_id).bind(&embedding.model).bind(embedding_slot(*post_id));
            let upsert = upsert.bind(embedding.perceptual_hash as i64).bind(vector_bytes(&embedding.vector));
            written += self.execute(upsert).await?;
        }
        Ok(written)
    }

    async fn put_timeline_checkpoints(&mut self, checkpoints: &BTreeMap<UserId, Vec<u8>>) -> StoreResult<()> {
        for (user_id, checkpoint) in checkpoints {
            let upsert = sql!(
                "INSERT INTO timeline_checkpoints (user_id, checkpoint) VALUES ($1, $2)
                 ON CONFLICT (user_id) DO UPDATE SET checkpoint = excluded.checkpoint"
            );
            self.execute(upsert.bind(*user_id).bind(&checkpoint[..])).await?;
        }
        Ok(())
    }
}
