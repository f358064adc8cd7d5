//! Training: gradient boosting of oblivious trees on the log-odds of an engagement.
//!
//! - Boosting by Newton steps on the logistic loss (Friedman, 2001; Chen and Guestrin, 2016), each tree on a share of
//!   the rows and features (Friedman, 2002), over histograms of at most 64 bins (as LightGBM does; Ke et al., 2017).
//! - People are split: most train, some decide when to stop, some are held out for the report. Time is split too: the
//!   report is on the last fifth of the impressions, and training sees only what comes before.
//! - Places lie: what stands first is engaged with more. The place is a feature while trees are fitted, and when
//!   training ends every question about it is answered for the first place, so the served model does not know it.
//!
//! The same examples and seed give the same model.

mod bins;
mod boost;

use crate::{
    TreeModel,
    evaluate::evaluate,
    log::{Dataset, Example},
    model::Tree,
    model_file::{Card, ModelFile, ModelFileError},
};
use bins::Bins;
use boost::Booster;
use tessera_domain::{
    UserId,
    features::{FEATURE_COUNT, FEATURE_NAMES},
    hash::stable_hash_u64,
};

/// Fewer impressions to fit trees to teach nothing that would hold tomorrow.
pub const MIN_IMPRESSIONS: usize = 2_000;
/// Fewer engagements among them neither.
pub const MIN_ENGAGED: usize = 50;
/// Of a hundred people so many decide when to stop.
const VALIDATION_PERCENT: u64 = 15;
/// Of a hundred people so many are held out for the report.
const HELD_OUT_PERCENT: u64 = 15;

/// How to train. The defaults are usual ones and were not searched for.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSettings {
    /// Seed of everything random.
    pub seed: u64,
    pub trees: usize,
    /// Questions per tree, at most 8.
    pub depth: usize,
    /// How much of each step is taken.
    pub learning_rate: f64,
    /// Pulls leaves with few rows towards zero.
    pub l2: f64,
    /// Share of the rows that each tree sees.
    pub row_share: f64,
    /// Share of the features that each tree may ask for.
    pub feature_share: f64,
    /// Trees without an improvement on the validation people before training stops.
    pub patience: usize,
    /// What the card says of the data.
    pub trained_on: String,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            trees: 160,
            depth: 5,
            learning_rate: 0.12,
            l2: 5.0,
            row_share: 0.6,
            feature_share: 0.6,
            patience: 12,
            trained_on: "the deployment's log".to_owned(),
        }
    }
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The log is too short.
    #[error(
        "the log is too short to learn from: {impressions} impressions and {engaged} engagements to train on, \
         at least {MIN_IMPRESSIONS} and {MIN_ENGAGED} are needed"
    )]
    TooFew {
        /// Impressions to train on.
        impressions: usize,
        /// Of those, engaged with.
        engaged: usize,
    },
    /// The model that came out cannot be used: numbers in the log are out of all bounds.
    #[error("training gave a model that cannot be used: {0}")]
    Unusable(#[from] ModelFileError),
    /// It could not be measured.
    #[error("the trained model could not be measured: {0}")]
    Unmeasured(#[from] tessera_ports::RankingError),
}

/// Who an impression's viewer is to training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Training,
    Validation,
    HeldOut,
}

impl Role {
    fn of(viewer_id: UserId, seed: u64) -> Self {
        match stable_hash_u64(viewer_id.0, seed) % 100 {
            percent if percent < HELD_OUT_PERCENT => Self::HeldOut,
            percent if percent < HELD_OUT_PERCENT + VALIDATION_PERCENT => Self::Validation,
            _ => Self::Training,
        }
    }
}

/// Trains a model and measures it on people and days that training never saw. `progress` hears of every tree: its
/// number and the loss on the validation people.
///
/// # Errors
/// Where the log is too short or holds numbers out of all bounds.
pub fn train(
    dataset: &Dataset,
    settings: &TrainSettings,
    mut progress: impl FnMut(usize, f64),
) -> Result<ModelFile, TrainError> {
    let split = Split::new(dataset, settings.seed);
    let engaged = split.training.iter().filter(|example| example.is_engaged).count();
    if split.training.len() < MIN_IMPRESSIONS || engaged < MIN_ENGAGED {
        return Err(TrainError::TooFew { impressions: split.training.len(), engaged });
    }
    let training = Bins::choose(&split.training);
    let validation = training.same_edges(&split.validation);
    let mut booster = Booster::new(settings, training, validation);
    booster.fit(&mut progress);
    let bias = booster.bias() as f32;
    let trees: Vec<Tree> = booster.into_trees().into_iter().map(|tree| tree.with_lowest(bins::POSITION)).collect();
    let card = Card {
        trained_on: settings.trained_on.clone(),
        training_impressions: split.training.len(),
        validation_impressions: split.validation.len(),
        seed: settings.seed,
        splits_by_feature: count_splits(&trees),
        held_out: crate::evaluate::Report::default(),
    };
    let mut file = ModelFile::new(bias, &trees, card);
    // Loading checks every number, and the report is on what will be served.
    let model = TreeModel::load(&file.to_bytes().map_err(|error| ModelFileError::NotAModel(error.to_string()))?)?;
    file.card.held_out = evaluate(&model, &split.held_out, settings.seed)?;
    Ok(file)
}

/// Examples by what they are used for.
struct Split<'a> {
    training: Vec<&'a Example>,
    validation: Vec<&'a Example>,
    held_out: Vec<&'a Example>,
}

impl<'a> Split<'a> {
    fn new(dataset: &'a Dataset, seed: u64) -> Self {
        let mut times: Vec<i64> = dataset.examples().map(|example| example.at.0).collect();
        let cut = times.len() * 4 / 5;
        let cut = if times.is_empty() { 0 } else { *times.select_nth_unstable(cut).1 };
        let mut split = Self { training: Vec::new(), validation: Vec::new(), held_out: Vec::new() };
        for example in dataset.examples() {
            match (Role::of(example.viewer_id, seed), example.at.0 < cut) {
                (Role::Training, true) => split.training.push(example),
                (Role::Validation, true) => split.validation.push(example),
                (Role::HeldOut, false) => split.held_out.push(example),
                _ => {}
            }
        }
        split
    }
}

fn count_splits(trees: &[Tree]) -> Vec<(String, usize)> {
    let mut counts = [0usize; FEATURE_COUNT];
    trees.iter().flat_map(|tree| &tree.splits).for_each(|split| counts[split.feature] += 1);
    let mut named: Vec<(String, usize)> = FEATURE_NAMES.iter().map(ToString::to_string).zip(counts).collect();
    named.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    named
}
