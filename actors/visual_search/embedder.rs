//! Pictures become embeddings: the model behind bounds on how many computations run and wait.

use bytes::Bytes;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};
use tessera_domain::image::RgbImage;
use tessera_media::{Crop, Limits, MediaError, sample_image};
use tessera_ports::{EmbeddingError, EmbeddingModel, ledger::Embedding};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Pictures of callers that may be in memory at once for each that is computed.
const WAITING_PER_PLACE: usize = 8;
/// How long a caller's picture may take, waiting included.
const QUERY_LIMIT: Duration = Duration::from_secs(10);

/// Why a caller's picture has no embedding.
#[derive(Debug, thiserror::Error)]
pub enum QueryPictureError {
    /// Too many pictures are waiting. Nothing was done.
    #[error("too many pictures are being looked at")]
    Busy,
    /// It took too long.
    #[error("the picture took too long to look at")]
    TimedOut,
    /// The file's fault, in a sentence for the caller.
    #[error("{0}")]
    Picture(MediaError),
    #[error("{0}")]
    Model(#[from] EmbeddingError),
}

/// A place among the callers' pictures: taken before the bytes are read, so that memory stays bounded.
pub struct QueryPlace(#[expect(dead_code, reason = "held, never read")] OwnedSemaphorePermit);

/// Makes embeddings with one model. Cheap to clone.
#[derive(Clone)]
pub struct Embedder {
    model: Arc<dyn EmbeddingModel>,
    limits: Limits,
    /// One permit per core, held by the computation itself, whoever still waits for it.
    cores: Arc<Semaphore>,
    callers: Arc<Semaphore>,
}

impl Embedder {
    /// Embeds with `model`, at most `cores` callers' pictures at once; `limits` say what a picture may be.
    pub fn new(model: Arc<dyn EmbeddingModel>, limits: Limits, cores: usize) -> Self {
        let cores = cores.max(1);
        let callers = Arc::new(Semaphore::new(cores * WAITING_PER_PLACE));
        Self { model, limits, cores: Arc::new(Semaphore::new(cores)), callers }
    }

    /// The version of the model.
    pub fn version(&self) -> &str {
        self.model.version()
    }

    /// Embeds a picture in the calling thread: keep it off async threads.
    ///
    /// # Errors
    /// The model's; a panic of it is one.
    pub fn embed(&self, sample: &RgbImage, perceptual_hash: u64) -> Result<Embedding, EmbeddingError> {
        let vector = catch_unwind(AssertUnwindSafe(|| self.model.embed(sample)))
            .unwrap_or_else(|_| Err(EmbeddingError::Failed("it panicked".to_owned())))?;
        Ok(Embedding { model: self.version().to_owned(), vector, perceptual_hash })
    }

    /// A place for a caller's picture.
    ///
    /// # Errors
    /// [`QueryPictureError::Busy`] where too many are waiting.
    pub fn place(&self) -> Result<QueryPlace, QueryPictureError> {
        self.callers.clone().try_acquire_owned().map(QueryPlace).map_err(|_| QueryPictureError::Busy)
    }

    /// Embeds an encoded picture, or a part of it, off the async threads.
    ///
    /// # Errors
    /// Whatever is wrong with the picture or the model.
    pub async fn embed_bytes(
        &self,
        place: QueryPlace,
        bytes: Bytes,
        content_type: String,
        crop: Option<Crop>,
    ) -> Result<Embedding, QueryPictureError> {
        let this = self.clone();
        let work = async move {
            let core = this.cores.clone().acquire_owned().await.map_err(|_| QueryPictureError::Busy)?;
            let compute = move || {
                let _held = (core, place);
                let sampled = sample_image(&bytes, &content_type, &this.limits, crop);
                let (sample, perceptual_hash) = sampled.map_err(QueryPictureError::Picture)?;
                Ok(this.embed(&sample, perceptual_hash)?)
            };
            let computed = tokio::task::spawn_blocking(compute).await;
            computed.unwrap_or_else(|error| Err(EmbeddingError::Failed(error.to_string()).into()))
        };
        tokio::time::timeout(QUERY_LIMIT, work).await.unwrap_or(Err(QueryPictureError::TimedOut))
    }
}
