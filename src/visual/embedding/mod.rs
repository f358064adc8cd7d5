//! Embedding models: an ONNX file, run by `rten` in this process.
//!
//! A model takes one picture, `[1, 3, side, side]` with its channels normalised, and gives one vector, `[1, D]`. Any
//! image model of that shape fits; what does not is refused when it is loaded, with what was expected and what was
//! found. The default model ships with the source (`models/`, trained by `scripts/train-embedder`).

mod card;
mod screen;
#[cfg(test)]
mod tests;

pub use card::ModelCard;

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use rten::{DataType, Dimension, Model, NodeId, RunOptions, ThreadPool, Value, ValueType};
use rten_tensor::{Tensor, prelude::*};
use sha2::{Digest, Sha256};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};
use tessera_domain::image::RgbImage;
use tessera_ports::{EmbeddingError, EmbeddingModel};

const BUILT_IN: &[u8] = include_bytes!("../models/looks.onnx");
/// What belongs to it.
const BUILT_IN_CARD: &str = include_str!("../models/looks.json");

/// The largest file that is read as a model, in bytes.
pub const MAX_MODEL_BYTES: usize = 256 * 1024 * 1024;
/// Sides of the input that are taken, in pixels.
const SIDES: std::ops::RangeInclusive<usize> = 32..=384;
/// Lengths of a vector that are taken.
const DIMENSIONS: std::ops::RangeInclusive<usize> = 16..=2_048;
/// Stack of the thread that reads a file: the library calls itself once for each operator of the longest way through
/// the graph, of which there are at most [`screen::MAX_OPERATORS`].
const READING_STACK_BYTES: usize = 64 * 1024 * 1024;

/// Why a file is not used as a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the embedding model {name} cannot be used: {reason}")]
pub struct ModelError {
    name: String,
    reason: String,
}

/// A model that is ready to run. Shared by all threads; each call computes in one.
pub struct OnnxEmbedding {
    version: String,
    dimensions: usize,
    card: ModelCard,
    network: Network,
}

struct Network {
    model: Model,
    side: usize,
    input: NodeId,
    output: NodeId,
    /// Pools of one thread that no call computes in now: as many in all as calls ever ran at once. The library's own
    /// pool would give each call as many threads as there are cores.
    idle: Mutex<Vec<Arc<ThreadPool>>>,
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
    /// A file that is no ONNX, has another shape than one picture in and one vector out, uses an operator that is not
    /// known, or gives numbers that are not finite for a test picture.
    pub fn load(bytes: &[u8], card: ModelCard) -> Result<Self, ModelError> {
        let name = card.name.clone();
        // A file may be crafted: the library's panics are its own kind of refusal.
        let load = || catch_unwind(AssertUnwindSafe(|| load(bytes, card)));
        let loaded = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(READING_STACK_BYTES);
            let thread = thread.spawn_scoped(scope, load).map_err(|error| explain(&error))?;
            thread.join().and_then(|loaded| loaded).unwrap_or_else(|_| Err("reading it panicked".to_owned()))
        });
        loaded.map_err(|reason| failed(&name, reason))
    }

    /// The side of the square that pictures are scaled to, in pixels.
    pub fn side(&self) -> usize {
        self.network.side
    }

    fn run(&self, pixels: &[u8]) -> Result<Vec<f32>, String> {
        let vector = self.network.run(self.card.normalise(pixels, self.network.side))?.into_data();
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if !length.is_finite() || length < 1e-12 {
            return Err("it gave a vector of no length".to_owned());
        }
        Ok(vector.iter().map(|value| value / length).collect())
    }
}

impl Network {
    fn open(bytes: &[u8], wanted: Option<usize>) -> Result<Self, String> {
        let weights = screen::screen(bytes)?;
        let model = Model::load(bytes.to_vec());
        let model = model.map_err(|error| format!("it is no ONNX file that can be read: {error}"))?;
        let name =
            |id: &NodeId| model.node_info(*id).and_then(|node| node.name().map(str::to_owned)).unwrap_or_default();
        let inputs: Vec<NodeId> =
            model.input_ids().iter().copied().filter(|id| !weights.contains(&*name(id))).collect();
        let ([input], [output]) = (&inputs[..], model.output_ids()) else {
            let (inputs, outputs) = (inputs.len(), model.output_ids().len());
            return Err(format!("expected one input and one output, found {inputs} and {outputs}"));
        };
        let (input, output) = (*input, *output);
        let side = input_side(&model, input, wanted)?;
        Ok(Self { model, side, input, output, idle: Mutex::default() })
    }

    fn run(&self, input: Vec<f32>) -> Result<Tensor<f32>, String> {
        let input = Value::from_shape([1, 3, self.side, self.side], input).map_err(|error| explain(&error))?;
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle().pop();
        let pool = known.unwrap_or_else(|| Arc::new(ThreadPool::with_num_threads(1)));
        let options = RunOptions::default().with_thread_pool(Some(pool.clone()));
        let output = self.model.run_n(vec![(self.input, input.into())], [self.output], Some(options));
        idle().push(pool);
        let [output] = output.map_err(|error| explain(&error))?;
        let kind = output.dtype();
        output.into_tensor::<f32>().ok_or_else(|| format!("expected 32-bit floats, found {kind:?}"))
    }

    /// The length of the vector that it gives for a test picture.
    fn output_length(&self, input: Vec<f32>) -> Result<usize, String> {
        let output = self.run(input).map_err(|error| format!("a test picture failed: {error}"))?;
        match *output.shape() {
            // Pooled features may come with sides of 1.
            [1, length] | [1, length, 1, 1] if DIMENSIONS.contains(&length) => Ok(length),
            ref shape => Err(format!(
                "expected one output of the shape [1, D] with D from {} to {}, found {shape:?}",
                DIMENSIONS.start(),
                DIMENSIONS.end(),
            )),
        }
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
        let pixels = squared(image, self.network.side).map_err(EmbeddingError::Unsuitable)?;
        self.run(&pixels).map_err(EmbeddingError::Failed)
    }
}

impl std::fmt::Debug for OnnxEmbedding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxEmbedding")
            .field("version", &self.version)
            .field("side", &self.network.side)
            .finish_non_exhaustive()
    }
}

fn load(bytes: &[u8], card: ModelCard) -> Result<OnnxEmbedding, String> {
    if bytes.len() > MAX_MODEL_BYTES {
        return Err(format!("it has {} bytes; at most {MAX_MODEL_BYTES} are read", bytes.len()));
    }
    let network = Network::open(bytes, card.side)?;
    let values = 3 * network.side * network.side;
    let gradient: Vec<u8> = (0..values).map(|place| (place * 255 / values) as u8).collect();
    let dimensions = network.output_length(card.normalise(&gradient, network.side))?;
    let digest = Sha256::digest(bytes);
    let version = format!("{}-{:02x}{:02x}{:02x}{:02x}", card.name, digest[0], digest[1], digest[2], digest[3]);
    let model = OnnxEmbedding { version, dimensions, card, network };
    model.run(&gradient).map_err(|reason| format!("a test picture failed: {reason}"))?;
    Ok(model)
}

/// The side that the file or, where it leaves that open, the card says.
fn input_side(model: &Model, input: NodeId, wanted: Option<usize>) -> Result<usize, String> {
    let expected = "expected one input of 32-bit floats and the shape [1, 3, side, side]";
    let known = model.node_info(input);
    let shape = known.as_ref().and_then(|node| node.shape());
    let kind = known.as_ref().and_then(|node| node.dtype());
    let found = format!("{expected}, found {shape:?} of {kind:?}");
    if kind.is_some_and(|kind| kind != ValueType::Tensor(DataType::Float)) {
        return Err(found);
    }
    let fixed = |dimension: &Dimension| match dimension {
        Dimension::Fixed(length) => Some(*length),
        Dimension::Symbolic(_) => None,
    };
    let shape: Option<Vec<Option<usize>>> = shape.map(|shape| shape.iter().map(fixed).collect());
    let side = match shape.as_deref() {
        Some([batch, channels, height, width])
            if batch.is_none_or(|batch| batch == 1) && *channels == Some(3) && height == width =>
        {
            height.or(wanted)
        }
        None => wanted,
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

/// The whole picture stretched to a square, as the model was trained: every pixel counts.
fn squared(image: &RgbImage, side: usize) -> Result<Vec<u8>, String> {
    let source = TypedImageRef::<U8x3>::from_buffer(image.width, image.height, &image.pixels);
    let source = source.map_err(|error| format!("{} x {} pixels: {error}", image.width, image.height))?;
    if image.width == 0 || image.height == 0 {
        return Err("it has no pixels".to_owned());
    }
    let mut square = TypedImage::<U8x3>::new(side as u32, side as u32);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box));
    // Of this one type: the function for all of them is compiled for all of them, which takes a minute.
    Resizer::new().resize_typed(&source, &mut square, &options).map_err(|error| error.to_string())?;
    Ok(square.pixels().iter().flat_map(|pixel| pixel.0).collect())
}

fn failed(name: &str, reason: String) -> ModelError {
    ModelError { name: name.to_owned(), reason }
}

fn explain(error: &impl std::fmt::Display) -> String {
    error.to_string()
}
