//! Embedding models: an ONNX file, run by `tract` in this process.
//!
//! A model takes one picture, `[1, 3, side, side]` with its channels normalised, and gives one vector, `[1, D]`. Any image
//! model of that shape fits; what does not is refused when it is loaded, with what was expected and what was found. The
//! default model ships with the source (`models/`, trained by `scripts/train-embedder`).

mod card;
#[cfg(test)]
mod tests;

pub use card::ModelCard;

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use sha2::{Digest, Sha256};
use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use tessera_domain::image::RgbImage;
use tessera_ports::{EmbeddingError, EmbeddingModel};
use tract_onnx::{
    prelude::{
        Datum, DatumExt, Framework, InferenceFact, InferenceModelExt, IntoRunnable, Tensor, TypedRunnableModel, tvec,
    },
    tract_hir::infer::{Factoid, InferenceModel},
};

/// The shipped model.
const BUILT_IN: &[u8] = include_bytes!("models/looks.onnx");
/// What belongs to it.
const BUILT_IN_CARD: &str = include_str!("models/looks.json");

/// The largest file that is read as a model, in bytes.
pub const MAX_MODEL_BYTES: usize = 256 * 1024 * 1024;
/// Sides of the input that are taken, in pixels.
const SIDES: std::ops::RangeInclusive<usize> = 32..=384;
/// Lengths of a vector that are taken.
const DIMENSIONS: std::ops::RangeInclusive<usize> = 16..=2_048;

/// Why a file is not used as a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the embedding model {name} cannot be used: {reason}")]
pub struct ModelError {
    name: String,
    reason: String,
}

/// A model that is ready to run. Shared by all threads; each call computes in its own.
pub struct OnnxEmbedding {
    version: String,
    side: usize,
    dimensions: usize,
    card: ModelCard,
    plan: Arc<TypedRunnableModel>,
}

impl OnnxEmbedding {
    /// The model that ships with the source.
    ///
    /// # Errors
    /// Never with the files as they are in the source; a test says so.
    pub fn built_in() -> Result<Self, ModelError> {
        Self::load(BUILT_IN, ModelCard::parse(BUILT_IN_CARD).map_err(|reason| failed("built-in", reason))?)
    }

    /// A model from an ONNX file's bytes.
    ///
    /// # Errors
    /// A file that is no ONNX, has another shape than one picture in and one vector out, uses an operator that is not known, or
    /// gives numbers that are not finite for a test picture.
    pub fn load(bytes: &[u8], card: ModelCard) -> Result<Self, ModelError> {
        let name = card.name.clone();
        // A file may be crafted: the parser's panics are its own kind of refusal.
        catch_unwind(AssertUnwindSafe(|| load(bytes, card)))
            .unwrap_or_else(|_| Err("reading it panicked".to_owned()))
            .map_err(|reason| failed(&name, reason))
    }

    /// The side of the square that pictures are scaled to, in pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    fn run(&self, pixels: &[u8]) -> Result<Vec<f32>, String> {
        let input = self.card.normalise(pixels, self.side);
        let input = Tensor::from_shape(&[1, 3, self.side, self.side], &input).map_err(explain)?;
        let output = self.plan.run(tvec!(input.into())).map_err(explain)?;
        let vector = output.first().ok_or("it gave nothing")?.view();
        let vector = vector.as_slice::<f32>().map_err(explain)?;
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if !length.is_finite() || length < 1e-12 {
            return Err("it gave a vector of no length".to_owned());
        }
        Ok(vector.iter().map(|value| value / length).collect())
    }
}

impl EmbeddingModel for OnnxEmbedding {
    fn version(&self) -> &str {
        &self.version
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn embed(&self, image: &RgbImage) -> Result<Vec<f32>, EmbeddingError> {
        let pixels = squared(image, self.side).map_err(EmbeddingError::Unsuitable)?;
        self.run(&pixels).map_err(EmbeddingError::Failed)
    }
}

impl std::fmt::Debug for OnnxEmbedding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxEmbedding")
            .field("version", &self.version)
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

fn load(bytes: &[u8], card: ModelCard) -> Result<OnnxEmbedding, String> {
    if bytes.len() > MAX_MODEL_BYTES {
        return Err(format!("it has {} bytes; at most {MAX_MODEL_BYTES} are read", bytes.len()));
    }
    let model = tract_onnx::onnx().model_for_read(&mut Cursor::new(bytes));
    let model = model.map_err(|error| format!("it is no ONNX file that can be read: {}", explain(error)))?;
    let side = input_side(&model, card.side)?;
    let fact = InferenceFact::from(f32::fact([1, 3, side, side]));
    let model = model.with_input_fact(0, fact).map_err(explain)?;
    let model = model.into_optimized().map_err(|error| format!("it cannot be run: {}", explain(error)))?;
    let dimensions = output_length(model.output_fact(0).map_err(explain)?)?;
    let plan = model.into_runnable().map_err(explain)?;
    let digest = Sha256::digest(bytes);
    let version = format!("{}-{:02x}{:02x}{:02x}{:02x}", card.name, digest[0], digest[1], digest[2], digest[3]);
    let model = OnnxEmbedding { version, side, dimensions, card, plan };
    let gradient: Vec<u8> = (0..side * side * 3).map(|place| (place * 255 / (side * side * 3)) as u8).collect();
    model.run(&gradient).map_err(|reason| format!("a test picture failed: {reason}"))?;
    Ok(model)
}

/// The side that the file or, where it leaves that open, the card says.
fn input_side(model: &InferenceModel, wanted: Option<usize>) -> Result<usize, String> {
    let expected = "expected one input of 32-bit floats and the shape [1, 3, side, side]";
    if model.inputs.len() != 1 || model.outputs.len() != 1 {
        let (inputs, outputs) = (model.inputs.len(), model.outputs.len());
        return Err(format!("expected one input and one output, found {inputs} and {outputs}"));
    }
    let fact = model.input_fact(0).map_err(explain)?;
    let found = format!("{expected}, found {fact:?}");
    let shape: Vec<Option<usize>> = (0..fact.shape.rank().concretize().unwrap_or(0) as usize)
        .map(|axis| {
            fact.shape
                .dim(axis)
                .and_then(|dim| dim.concretize())
                .and_then(|dim| usize::try_from(dim.to_i64().ok()?).ok())
        })
        .collect();
    let side = match shape[..] {
        [batch, channels, height, width]
            if batch.is_none_or(|batch| batch == 1) && channels == Some(3) && height == width =>
        {
            height.or(wanted)
        }
        [] => wanted,
        _ => return Err(found),
    };
    let side = side.ok_or_else(|| format!("{found}; its card must say the side"))?;
    if !SIDES.contains(&side) {
        return Err(format!("expected a side of {} to {} pixels, found {side}", SIDES.start(), SIDES.end()));
    }
    if wanted.is_some_and(|wanted| wanted != side) {
        return Err(format!("its card says a side of {wanted:?} pixels, the file says {side}"));
    }
    Ok(side)
}

fn output_length(fact: &tract_onnx::prelude::TypedFact) -> Result<usize, String> {
    let shape: Vec<i64> = fact.shape.iter().map(|dim| dim.to_i64().unwrap_or(-1)).collect();
    // Pooled features may come with sides of 1.
    let length = match shape[..] {
        [1, length] | [1, length, 1, 1] => usize::try_from(length).ok(),
        _ => None,
    };
    match length {
        Some(length) if DIMENSIONS.contains(&length) && fact.datum_type == f32::datum_type() => Ok(length),
        _ => Err(format!(
            "expected one output of 32-bit floats and the shape [1, D] with D from {} to {}, found {shape:?} of {:?}",
            DIMENSIONS.start(),
            DIMENSIONS.end(),
            fact.datum_type
        )),
    }
}

/// The whole picture stretched to a square, as the model was trained: every pixel counts.
fn squared(image: &RgbImage, side: usize) -> Result<Vec<u8>, String> {
    let source = ImageRef::new(image.width, image.height, &image.pixels, PixelType::U8x3);
    let source = source.map_err(|error| format!("{} x {} pixels: {error}", image.width, image.height))?;
    if image.width == 0 || image.height == 0 {
        return Err("it has no pixels".to_owned());
    }
    let mut square = Image::new(side as u32, side as u32, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box));
    Resizer::new().resize(&source, &mut square, &options).map_err(|error| error.to_string())?;
    Ok(square.into_vec())
}

fn failed(name: &str, reason: String) -> ModelError {
    ModelError { name: name.to_owned(), reason }
}

fn explain(error: impl std::fmt::Display) -> String {
    format!("{error:#}")
}
