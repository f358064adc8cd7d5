//! What a shard of the visual index understands.

use super::{
    VisualHit, VisualQuery,
    actor::{Loaded, VisualShardActor},
};
use crate::ActorError;
use serde::{Deserialize, Serialize};
use tessera_cluster::{Call, Reply};
use tessera_domain::PostId;
use tessera_ports::{StoreResult, ledger::PostEmbedding};
use tessera_visual::index::Maintained;

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
    /// The model's version.
    pub model: String,
    /// Posts that can be found.
    pub live: u64,
    /// Vectors that are deleted and not yet cleared away.
    pub dead: u64,
    /// Vectors that are scanned one by one.
    pub buffered: u64,
    /// Graphs.
    pub segments: u64,
    /// The share of the exact ten nearest that a search finds, by the last sample; `None` before there was one.
    pub recall: Option<f32>,
}

/// What a shard is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardStats {
    /// Which shard.
    pub shard: u16,
    /// Of how many.
    pub of: u16,
    /// Whether it holds all its posts.
    pub complete: bool,
    /// Its indexes.
    pub models: Vec<ModelStats>,
    /// Searches since it was activated.
    pub searches: u64,
}

/// Asks a shard, wherever it lives, for its nearest posts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search(pub VisualQuery);

/// Tells a shard that posts have (new) embeddings: it reads them from the ledger. Answered once they can be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learn(pub Vec<PostId>);

/// Tells a shard that posts are gone. Answered once they cannot be found any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forget(pub Vec<PostId>);

/// Asks a shard what it is doing; activates it where it is not in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Describe;

/// Tells a shard to forget its snapshot and to read all embeddings from the ledger anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuild;

macro_rules! calls {
    ($($call:ident = $method:literal -> $answer:ty, $message:ident $(($field:tt))?;)*) => {
        $(impl Call<VisualShardActor> for $call {
            type Answer = $answer;
            const METHOD: u16 = $method;

            fn is_repeatable(&self) -> bool {
                true
            }

            fn into_message(self, reply: Reply<Self::Answer>) -> VisualShardMessage {
                VisualShardMessage::$message { $(call: self.$field,)? reply }
            }
        })*
    };
}

calls! {
    Search = 40 -> ShardHits, Search(0);
    Learn = 41 -> Result<(), ActorError>, Learn(0);
    Forget = 42 -> (), Forget(0);
    Describe = 43 -> ShardStats, Describe;
    Rebuild = 44 -> (), Rebuild;
}

/// What a shard of the visual index understands.
#[derive(Debug)]
pub enum VisualShardMessage {
    /// Find the nearest posts.
    Search {
        /// To what, and which not.
        call: VisualQuery,
        /// What was found.
        reply: Reply<ShardHits>,
    },
    /// Posts have embeddings.
    Learn {
        /// Which.
        call: Vec<PostId>,
        /// Answered once they can be found.
        reply: Reply<Result<(), ActorError>>,
    },
    /// Posts are gone.
    Forget {
        /// Which.
        call: Vec<PostId>,
        /// Answered once they cannot be found.
        reply: Reply<()>,
    },
    /// What the shard is doing.
    Describe {
        /// That.
        reply: Reply<ShardStats>,
    },
    /// Begin anew from the ledger.
    Rebuild {
        /// Answered once it has begun.
        reply: Reply<()>,
    },
    /// To itself: the snapshots were read.
    Loaded(Vec<Loaded>),
    /// To itself: embeddings of these posts were read.
    Learned {
        /// Which were asked for.
        ids: Vec<PostId>,
        /// What there is.
        found: StoreResult<Vec<PostEmbedding>>,
        /// Who waits for it.
        reply: Reply<Result<(), ActorError>>,
    },
    /// To itself: it is time to compare with the ledger, if this many comparisons have begun and no more.
    ReconcileDue(u64),
    /// To itself: the models that have embeddings.
    ModelsListed(StoreResult<Vec<String>>),
    /// To itself: the posts of one slot that a model has embedded.
    SlotListed(StoreResult<Vec<PostId>>),
    /// To itself: embeddings that were missing.
    Fetched(StoreResult<Vec<PostEmbedding>>),
    /// To itself: a piece of maintenance ended; `None` where it failed.
    Maintained {
        /// Of which model's index.
        model: String,
        /// What came of it.
        done: Option<Box<Maintained>>,
    },
    /// To itself: it is time for a snapshot.
    SnapshotDue,
    /// To itself: a snapshot was written, or not.
    Saved {
        /// How many changes it covers.
        changes: u64,
        /// Whether it was.
        result: StoreResult<()>,
    },
}
