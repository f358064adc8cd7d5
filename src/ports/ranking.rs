//! The model that says how likely a viewer is to engage with each of many candidates.

use parking_lot::RwLock;
use std::sync::Arc;
use tessera_domain::{features::FeatureBatch, impression::LogRecord};

/// Why candidates have no scores.
#[derive(Debug, thiserror::Error)]
pub enum RankingError {
    /// The model failed; the caller ranks by something simpler.
    #[error("the ranking model failed: {0}")]
    Failed(String),
}

/// Scores candidates in batches. Computes in the calling thread, about a fifth of a millisecond for a thousand rows.
pub trait RankingModel: Send + Sync + 'static {
    /// Names the model and its weights, for logs, metrics and operators.
    fn version(&self) -> &str;

    /// The features that it looks at, by their names in `tessera_domain::features`.
    fn feature_names(&self) -> Vec<&'static str>;

    /// One score per row, in order: the probability (0 to 1) that the viewer engages with the candidate shown in first
    /// place. Every score is finite, whatever the rows hold; the same rows give the same scores.
    fn score(&self, batch: &FeatureBatch) -> Result<Vec<f32>, RankingError>;
}

/// Keeps what was shown and what came of it, for the next model to learn from.
pub trait RankingLog: Send + Sync + 'static {
    /// Keeps `records`, soon. Never blocks: what does not fit in is dropped and counted. A crash loses the last second.
    fn write(&self, records: Vec<LogRecord>);
}

/// The model in use: replaced while lists are being ranked, each of which ends with the model that it began with.
pub struct RankingModelSlot(RwLock<Arc<dyn RankingModel>>);

impl RankingModelSlot {
    /// A slot that holds `model`.
    pub fn new(model: Arc<dyn RankingModel>) -> Self {
        Self(RwLock::new(model))
    }

    /// The model in use.
    pub fn current(&self) -> Arc<dyn RankingModel> {
        Arc::clone(&self.0.read())
    }

    /// Puts `model` to use and gives the one before.
    pub fn replace(&self, model: Arc<dyn RankingModel>) -> Arc<dyn RankingModel> {
        std::mem::replace(&mut *self.0.write(), model)
    }
}
