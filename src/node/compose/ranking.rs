//! The ranking model, and the log that the next one learns from.

use crate::{Failure, config::Config};
use std::{
    fs::Metadata,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tessera_ports::{RankingLog, RankingModel, RankingModelSlot};
use tessera_ranking::TreeModel;
use tessera_stores::ranking_log::{FileRankingLog, RankingLogOptions};

/// How often a model's file is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// Largest model that is read, in bytes; a trained one has some 70 kB.
const MAX_MODEL_BYTES: u64 = 8 * 1024 * 1024;

/// The model that `config` names, and who puts the next one into its place.
pub fn open_model(config: &Config) -> Result<Arc<RankingModelSlot>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::start_up(format!("ranking.model: {error}"));
    let Some(path) = config.ranking_model.clone() else {
        let shipped = TreeModel::shipped().map_err(|error| failed(&error))?;
        return Ok(Arc::new(RankingModelSlot::new(Arc::new(shipped))));
    };
    let stamp = Stamp::of(&path);
    let model = load(&path).map_err(|error| failed(&error))?;
    tracing::info!(model = model.version(), "recommendations are ranked by a model of its own");
    let slot = Arc::new(RankingModelSlot::new(Arc::new(model)));
    tokio::spawn(follow(path, stamp, slot.clone()));
    Ok(slot)
}

/// The log of impressions in the data folder; `None` where nothing is to be kept.
pub fn open_log(config: &Config) -> Result<Option<Arc<dyn RankingLog>>, Failure> {
    if config.ranking_log_share <= 0.0 {
        return Ok(None);
    }
    let folder = config.data_dir.join("impressions");
    let options = RankingLogOptions { max_bytes: config.ranking_log_bytes, ..RankingLogOptions::new(&folder) };
    let log =
        FileRankingLog::open(options).map_err(|error| Failure::start_up(format!("{}: {error}", folder.display())))?;
    Ok(Some(Arc::new(log)))
}

/// What tells that a file is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    fn of(path: &Path) -> Self {
        let of = |found: Metadata| Some((found.modified().ok()?, found.len()));
        Self(std::fs::metadata(path).ok().and_then(of))
    }
}

/// Puts a new file's model to use as long as the node runs.
async fn follow(path: PathBuf, mut known: Stamp, slot: Arc<RankingModelSlot>) {
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let looked = path.clone();
        let now = tokio::task::spawn_blocking(move || Stamp::of(&looked)).await.unwrap_or(known);
        if now == known || now.0.is_none() {
            continue;
        }
        known = now;
        let read = path.clone();
        let loaded = tokio::task::spawn_blocking(move || load(&read)).await;
        match loaded.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(model) => {
                let version = model.version().to_owned();
                let before = slot.replace(Arc::new(model));
                tracing::info!(model = version, before = before.version(), "a new ranking model is in use");
            }
            Err(error) => tracing::warn!(error, "a new ranking model is refused; the one in use stays"),
        }
    }
}

fn load(path: &Path) -> Result<TreeModel, String> {
    let in_words = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let size = std::fs::metadata(path).map_err(in_words)?.len();
    if size > MAX_MODEL_BYTES {
        return Err(format!("{} has {size} bytes; at most {MAX_MODEL_BYTES} are read", path.display()));
    }
    let bytes = std::fs::read(path).map_err(in_words)?;
    TreeModel::load(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}
