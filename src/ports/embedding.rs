//! The model that turns a picture into a vector: pictures that look alike lie near each other.

use tessera_domain::image::RgbImage;

/// Why a picture has no vector.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddingError {
    /// The picture cannot be embedded, whoever tries (no pixels, or sides that do not fit its bytes).
    #[error("the picture cannot be embedded: {0}")]
    Unsuitable(String),
    /// The model failed; another attempt may do better.
    #[error("the embedding model failed: {0}")]
    Failed(String),
}

/// Turns pictures into unit vectors. Computes in the calling thread: keep it off async threads.
pub trait EmbeddingModel: Send + Sync + 'static {
    /// Names the model and its weights. Vectors of two versions are never compared.
    fn version(&self) -> &str;

    /// The length of every vector.
    fn dimensions(&self) -> usize;

    /// The unit vector (L2 norm 1, cosine distance) of an upright sRGB picture of any size and aspect ratio.
    /// The same picture gives the same vector.
    fn embed(&self, image: &RgbImage) -> Result<Vec<f32>, EmbeddingError>;
}
