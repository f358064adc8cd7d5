//! What a shard of the visual index can be asked.

use crate::ActorError;
use serde::{Deserialize, Serialize};
use tessera_cluster::Call;
use tessera_domain::{PostId, UserId, post::PostRef};

/// What to look for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VisualQuery {
    /// A unit vector by each model that made one, the one that counts first.
    pub vectors: Vec<(String, Vec<f32>)>,
    /// How many posts are wanted of each shard.
    pub limit: u16,
    /// Posts that must not be found.
    pub excluded_posts: Vec<PostId>,
    /// Authors whose posts must not be found.
    pub excluded_authors: Vec<UserId>,
}

/// A post that was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VisualHit {
    /// The post and its author.
    pub post: PostRef,
    /// The cosine of the angle to the query: 1 for the same picture.
    pub similarity: f32,
    /// The picture's perceptual hash.
    pub perceptual_hash: u64,
}

impl From<tessera_visual::index::Hit> for VisualHit {
    fn from(hit: tessera_visual::index::Hit) -> Self {
        Self { post: hit.post, similarity: hit.similarity, perceptual_hash: hit.perceptual_hash }
    }
}

/// What one shard found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ShardHits {
    /// The nearest posts, nearest first.
    pub hits: Vec<VisualHit>,
    /// Whether the shard holds all its posts; one that is still loading finds what it has so far.
    pub complete: bool,
}

/// A shard's index by one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelStats {
    pub model: String,
    /// Posts that can be found.
    pub live: u64,
    /// Vectors that are deleted and not yet cleared away.
    pub dead: u64,
    /// Vectors that are scanned one by one.
    pub buffered: u64,
    pub segments: u64,
    /// The share of the exact ten nearest that a search finds, by the last sample; `None` before there was one.
    pub recall: Option<f32>,
}

/// What a shard is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardStats {
    pub shard: u16,
    pub of: u16,
    /// Whether it holds all its posts.
    pub complete: bool,
    pub models: Vec<ModelStats>,
    /// Searches since it was activated.
    pub searches: u64,
}

/// Finds the nearest posts of a shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search(pub VisualQuery);

impl Call for Search {
    type Answer = ShardHits;

    /// It does no harm, but the breaker before the shards must see what fails.
    fn is_repeatable(&self) -> bool {
        false
    }
}

/// Tells a shard that posts have (new) embeddings: it reads them from the ledger. Answered once they can be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learn(pub Vec<PostId>);

impl Call for Learn {
    type Answer = Result<(), ActorError>;

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Tells a shard that posts are gone. Answered once they cannot be found any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forget(pub Vec<PostId>);

impl Call for Forget {
    type Answer = ();

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Says what a shard is doing; activates it where it is not in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Describe;

impl Call for Describe {
    type Answer = ShardStats;

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Tells a shard to forget its snapshot and to read all embeddings from the ledger anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuild;

impl Call for Rebuild {
    type Answer = ();

    fn is_repeatable(&self) -> bool {
        true
    }
}
