//! What a shard of the visual index tells itself.

use crate::ActorError;
use tessera_cluster::Reply;
use tessera_domain::PostId;
use tessera_ports::{StoreResult, ledger::PostEmbedding};
use tessera_visual::index::{Maintained, VectorIndex};

/// An index that was read from a snapshot.
pub struct Loaded {
    pub model: String,
    pub index: VectorIndex,
}

/// How its own work ended, and which of its timers are up.
pub enum VisualShardEvent {
    /// The snapshots were read.
    Loaded(Vec<Loaded>),
    /// Embeddings of these posts were read.
    Learned {
        /// Which were asked for.
        ids: Vec<PostId>,
        found: StoreResult<Vec<PostEmbedding>>,
        /// Who waits for it.
        reply: Reply<Result<(), ActorError>>,
    },
    /// It is time to compare with the ledger, if this many comparisons have begun and no more.
    ReconcileDue(u64),
    /// The models that have embeddings.
    ModelsListed(StoreResult<Vec<String>>),
    /// The posts of one slot that a model has embedded.
    SlotListed(StoreResult<Vec<PostId>>),
    /// Embeddings that were missing.
    Fetched(StoreResult<Vec<PostEmbedding>>),
    /// A piece of maintenance ended; `None` where it failed.
    Maintained {
        /// Of which model's index.
        model: String,
        /// What came of it.
        done: Option<Box<Maintained>>,
    },
    /// It is time for a snapshot.
    SnapshotDue,
    /// A snapshot was written, or not.
    Saved {
        /// How many changes it covers.
        changes: u64,
        result: StoreResult<()>,
    },
}
