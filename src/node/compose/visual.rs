//! Opens the embedding model.

use crate::{
    Failure,
    config::{Config, VisualModel},
};
use std::{path::Path, sync::Arc};
use tessera_actors::visual_search::Embedder;
use tessera_media::Limits;
use tessera_visual::embedding::{MAX_MODEL_BYTES, ModelCard, OnnxEmbedding};

/// What most published image models were trained with (ImageNet's means and deviations).
const USUAL_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const USUAL_DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// Loads the model that `config` names; `None` where it names none.
pub async fn open_embedder(config: &Config, limits: Limits) -> Result<Option<Embedder>, Failure> {
    let loading = match &config.visual_model {
        VisualModel::None => return Ok(None),
        VisualModel::BuiltIn => {
            tokio::task::spawn_blocking(|| OnnxEmbedding::built_in().map_err(|error| error.to_string()))
        }
        VisualModel::File(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || load(&path))
        }
    };
    let loaded = loading.await.unwrap_or_else(|error| Err(error.to_string()));
    let model = loaded.map_err(|error| Failure::start_up(format!("visual.model: {error}")))?;
    Ok(Some(Embedder::new(Arc::new(model), limits, config.media_workers)))
}

/// A model's file, with its card beside it where there is one.
fn load(path: &Path) -> Result<OnnxEmbedding, String> {
    let in_words = |path: &Path, error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let size = std::fs::metadata(path).map_err(|error| in_words(path, error))?.len();
    if size > MAX_MODEL_BYTES as u64 {
        return Err(format!("{} has {size} bytes; at most {MAX_MODEL_BYTES} are read", path.display()));
    }
    let bytes = std::fs::read(path).map_err(|error| in_words(path, error))?;
    let beside = path.with_extension("json");
    let card = match std::fs::read_to_string(&beside) {
        Ok(text) => ModelCard::parse(&text).map_err(|error| format!("{}: {error}", beside.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let name: String = stem.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
            let name = if name.is_empty() { "model".to_owned() } else { name };
            ModelCard { name, side: None, mean: USUAL_MEAN, deviation: USUAL_DEVIATION }
        }
        Err(error) => return Err(in_words(&beside, error)),
    };
    OnnxEmbedding::load(&bytes, card).map_err(|error| format!("{}: {error}", path.display()))
}
