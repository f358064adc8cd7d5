//! Embeddings: what a model made of each post's picture.

use super::PostRange;
use crate::StoreResult;
use async_trait::async_trait;
use tessera_domain::{PostId, hash::stable_hash_u64, post::PostRef};

/// Embeddings are listed in this many slots, so that a part of an index reads its own ones only.
pub const EMBEDDING_SLOTS: u16 = 64;

/// Keeps the slots apart from other hashes of a post's id.
const SLOT_SEED: u64 = 0x5107;

/// The slot of a post's embeddings, below [`EMBEDDING_SLOTS`]. It is stored, hence never computed otherwise.
pub fn embedding_slot(post_id: PostId) -> u16 {
    (stable_hash_u64(post_id.0, SLOT_SEED) % u64::from(EMBEDDING_SLOTS)) as u16
}

/// The most posts that one call looks at for those that lack an embedding.
pub const SEARCHED_POSTS: usize = 5_000;

/// What was found of the posts of a range that lack an embedding, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostsToEmbed {
    pub posts: Vec<PostId>,
    /// The oldest post that was looked at, where the range goes on behind it.
    pub looked_up_to: Option<PostId>,
}

/// What a model made of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// The model's version; vectors of two versions are never compared.
    pub model: String,
    pub vector: Vec<f32>,
    /// The picture's perceptual hash: near-duplicates differ in few bits. It does not depend on the model.
    pub perceptual_hash: u64,
}

/// An embedding and the post that it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct PostEmbedding {
    /// The post and its author.
    pub post: PostRef,
    /// What the model made of its picture.
    pub embedding: Embedding,
}

/// Embeddings. A post's first one is written with the post (`UploadLedger::finish_job`); they go when it is deleted.
#[async_trait]
pub trait EmbeddingLedger: Send + Sync + 'static {
    /// Writes embeddings, replacing those of the same post and model; those of posts that do not exist (any more)
    /// are left out. Returns how many were written.
    async fn put_embeddings(&self, embeddings: &[(PostId, Embedding)]) -> StoreResult<u64>;

    /// All embeddings of these posts, of every model or of one, in any order.
    async fn embeddings(&self, ids: &[PostId], model: Option<&str>) -> StoreResult<Vec<PostEmbedding>>;

    /// Posts of one [`embedding_slot`] that have an embedding by `model`, after `after`, oldest first.
    async fn embedded_posts(
        &self,
        model: &str,
        slot: u16,
        after: Option<PostId>,
        limit: usize,
    ) -> StoreResult<Vec<PostId>>;

    /// Up to `limit` posts of a range that have no embedding by `model`, of its newest [`SEARCHED_POSTS`].
    async fn posts_to_embed(&self, model: &str, range: PostRange, limit: usize) -> StoreResult<PostsToEmbed>;

    /// The models that have made any embedding that is there, in any order.
    async fn embedding_models(&self) -> StoreResult<Vec<String>>;

    /// Drops the embeddings by `model` of those of `ids` that have one by `successor`; returns how many went.
    async fn drop_superseded_embeddings(&self, model: &str, successor: &str, ids: &[PostId]) -> StoreResult<u64>;
}
