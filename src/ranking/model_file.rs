//! The model file: JSON with the names of its features, its trees and a card of how good it was found to be.
//!
//! Features go by name, so a file survives a new order of the list, and one that asks for what this build does not
//! know is refused when it is loaded and not when it first ranks.

use crate::{
    evaluate::Report,
    model::{Split, Tree},
};
use serde::{Deserialize, Serialize};
use tessera_domain::features::{FEATURE_NAMES, FEATURE_SET_VERSION};

/// What a model file calls itself.
pub const FORMAT: &str = "tessera-ranking-trees";
/// The version of the layout.
pub const FORMAT_VERSION: u16 = 1;
/// Bytes of the largest file that is read.
pub const MAX_FILE_BYTES: usize = 8 * 1024 * 1024;
/// Trees of the largest model.
pub const MAX_TREES: usize = 2_000;
/// Questions of the deepest tree.
pub const MAX_DEPTH: usize = 10;
/// The largest number that a leaf or the bias may hold, in log-odds: far beyond any that was learned.
const MAX_LOG_ODDS: f32 = 100.0;

/// Why a file is no model for this build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelFileError {
    /// Too large to be one.
    #[error("the ranking model has {found} bytes: at most {MAX_FILE_BYTES} are read")]
    TooLarge { found: usize },
    /// Not of the layout.
    #[error("not a ranking model: expected JSON of format {FORMAT} version {FORMAT_VERSION}: {0}")]
    NotAModel(String),
    /// Made for another list of features.
    #[error(
        "the ranking model was trained with version {found} of the features: this build has version {FEATURE_SET_VERSION}; train it anew"
    )]
    OtherFeatureSet {
        /// The version it was trained with.
        found: u16,
    },
    /// Asks for a feature that this build does not know.
    #[error("the ranking model asks for the feature {found:?}, which this build does not know: it has {}", FEATURE_NAMES.join(", "))]
    UnknownFeature {
        /// The name in the file.
        found: String,
    },
    /// A tree or number that cannot be used.
    #[error("the ranking model's {place} cannot be used: expected {expected}, found {found}")]
    BadNumbers {
        /// Which part of the file.
        place: String,
        expected: String,
        found: String,
    },
}

/// A model as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    pub format: String,
    pub format_version: u16,
    /// The version of the list of features that it was trained with.
    pub feature_set: u16,
    /// Names of the features that splits refer to.
    pub features: Vec<String>,
    /// What it was trained on, and what became of it.
    pub card: Card,
    /// Log-odds before the first tree.
    pub bias: f32,
    pub trees: Vec<TreeRecord>,
}

/// A tree as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeRecord {
    /// The questions: the feature's place among the file's features, the threshold, the answer where it is missing.
    pub splits: Vec<(usize, f32, bool)>,
    pub leaves: Vec<f32>,
}

/// What a model was trained on and how good it was found to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    pub trained_on: String,
    /// Impressions that trees were fitted to.
    pub training_impressions: usize,
    /// Impressions that decided when to stop.
    pub validation_impressions: usize,
    /// Seed of everything random about the training.
    pub seed: u64,
    /// How often each feature is asked for, most often first.
    pub splits_by_feature: Vec<(String, usize)>,
    /// Figures on people and days that training never saw.
    pub held_out: Report,
}

impl ModelFile {
    /// The file of `trees`, whose splits refer to places in a row.
    pub fn new(bias: f32, trees: &[Tree], card: Card) -> Self {
        let record = |tree: &Tree| TreeRecord {
            splits: tree.splits.iter().map(|split| (split.feature, split.threshold, split.missing_is_above)).collect(),
            leaves: tree.leaves.clone(),
        };
        Self {
            format: FORMAT.to_owned(),
            format_version: FORMAT_VERSION,
            feature_set: FEATURE_SET_VERSION,
            features: FEATURE_NAMES.iter().map(ToString::to_string).collect(),
            card,
            bias,
            trees: trees.iter().map(record).collect(),
        }
    }

    /// Reads the layout; [`TreeModel::load`](crate::TreeModel::load) checks the contents too.
    ///
    /// # Errors
    /// Too large, or not of the layout.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelFileError> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(ModelFileError::TooLarge { found: bytes.len() });
        }
        serde_json::from_slice(bytes).map_err(|error| ModelFileError::NotAModel(error.to_string()))
    }

    /// The file's text: one tree a line, so that versions can be compared.
    ///
    /// # Errors
    /// A number that JSON cannot say.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let without_trees = Self { trees: Vec::new(), ..self.clone() };
        let mut text = serde_json::to_string_pretty(&without_trees)?;
        let trees = self.trees.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        // The trees come last in the struct, so the text ends with their empty list.
        text.truncate(text.trim_end_matches(['}', '\n']).len() - 1);
        Ok(format!("{text}\n    {}\n  ]\n}}\n", trees.join(",\n    ")).into_bytes())
    }

    /// The bias and the trees, once everything about them was found usable.
    pub(crate) fn checked(self) -> Result<(f32, Vec<Tree>), ModelFileError> {
        if self.format != FORMAT || self.format_version != FORMAT_VERSION {
            let found = format!("found {} version {}", self.format, self.format_version);
            return Err(ModelFileError::NotAModel(found));
        }
        if self.feature_set != FEATURE_SET_VERSION {
            return Err(ModelFileError::OtherFeatureSet { found: self.feature_set });
        }
        let places = self
            .features
            .iter()
            .map(|name| {
                let place = FEATURE_NAMES.iter().position(|known| known == name);
                place.ok_or_else(|| ModelFileError::UnknownFeature { found: name.clone() })
            })
            .collect::<Result<Vec<usize>, _>>()?;
        check("list of trees", self.trees.len() <= MAX_TREES, || format!("at most {MAX_TREES}"), || self.trees.len())?;
        check("bias", is_log_odds(self.bias), || format!("at most {MAX_LOG_ODDS}"), || self.bias)?;
        let trees = self.trees.into_iter().enumerate();
        let trees = trees.map(|(number, tree)| tree.checked(number, &places)).collect::<Result<Vec<Tree>, _>>()?;
        Ok((self.bias, trees))
    }
}

impl TreeRecord {
    fn checked(self, number: usize, places: &[usize]) -> Result<Tree, ModelFileError> {
        let (depth, leaves) = (self.splits.len(), self.leaves.len());
        check(&format!("tree {number}"), depth <= MAX_DEPTH, || format!("at most {MAX_DEPTH} splits"), || depth)?;
        check(&format!("tree {number}"), leaves == 1 << depth, || format!("{} leaves", 1 << depth), || leaves)?;
        for leaf in &self.leaves {
            check(
                &format!("leaf of tree {number}"),
                is_log_odds(*leaf),
                || format!("at most {MAX_LOG_ODDS}"),
                || *leaf,
            )?;
        }
        let mut splits = Vec::with_capacity(depth);
        for (feature, threshold, missing_is_above) in self.splits {
            let place = format!("split of tree {number}");
            check(&place, feature < places.len(), || format!("a feature below {}", places.len()), || feature)?;
            check(&place, threshold.is_finite(), || "a finite threshold".to_owned(), || threshold)?;
            splits.push(Split { feature: places[feature], threshold, missing_is_above });
        }
        Ok(Tree { splits, leaves: self.leaves })
    }
}

fn is_log_odds(value: f32) -> bool {
    value.abs() <= MAX_LOG_ODDS
}

fn check<T: ToString>(
    place: &str,
    holds: bool,
    expected: impl FnOnce() -> String,
    found: impl FnOnce() -> T,
) -> Result<(), ModelFileError> {
    if holds {
        return Ok(());
    }
    Err(ModelFileError::BadNumbers { place: place.to_owned(), expected: expected(), found: found().to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TreeModel;
    use tessera_domain::features::Feature;
    use tessera_ports::RankingModel;

    fn file() -> ModelFile {
        let split = Split { feature: Feature::LikesLog as usize, threshold: 1.5, missing_is_above: true };
        let card = Card {
            trained_on: "nothing".into(),
            training_impressions: 0,
            validation_impressions: 0,
            seed: 1,
            splits_by_feature: Vec::new(),
            held_out: Report::default(),
        };
        let tree = Tree { splits: vec![split], leaves: vec![-0.5, 0.5] };
        ModelFile::new(-2.0, &[tree.clone(), tree], card)
    }

    fn refused(change: impl FnOnce(&mut ModelFile)) -> String {
        let mut file = file();
        change(&mut file);
        let bytes = file.to_bytes().expect("JSON");
        TreeModel::load(&bytes).expect_err("refused").to_string()
    }

    #[test]
    fn a_file_survives_writing_and_reading() {
        let bytes = file().to_bytes().expect("JSON");
        assert_eq!(ModelFile::parse(&bytes).expect("parsed"), file());
        let model = TreeModel::load(&bytes).expect("loaded");
        assert_eq!(model.feature_names(), ["likes_log"]);
        assert_eq!(model.version(), TreeModel::load(&bytes).expect("loaded").version());
        let none = ModelFile { trees: Vec::new(), ..file() };
        assert_eq!(ModelFile::parse(&none.to_bytes().expect("JSON")).expect("parsed"), none);
    }

    #[test]
    fn features_go_by_name() {
        let mut file = file();
        file.features.reverse();
        let model = TreeModel::load(&file.to_bytes().expect("JSON")).expect("loaded");
        let mirrored = Feature::ALL[Feature::ALL.len() - 1 - Feature::LikesLog as usize].name();
        assert_eq!(model.feature_names(), [mirrored]);
    }

    #[test]
    fn a_file_that_does_not_fit_says_what_was_expected_and_found() {
        let cases = [
            (refused(|file| file.format = "onnx".into()), "found onnx version 1"),
            (refused(|file| file.feature_set = 9), "version 9 of the features: this build has version 1"),
            (refused(|file| file.features[3] = "karma".into()), "asks for the feature \"karma\""),
            (refused(|file| file.bias = 1e9), "bias cannot be used: expected at most 100, found 1000000000"),
            (
                refused(|file| file.trees[1].splits[0].0 = 99),
                "split of tree 1 cannot be used: expected a feature below",
            ),
            (refused(|file| file.trees[0].leaves.push(1.0)), "tree 0 cannot be used: expected 2 leaves, found 3"),
            (refused(|file| file.trees = vec![file.trees[0].clone(); 2_001]), "expected at most 2000, found 2001"),
            // JSON has no NaN: it is written as null, which is no number.
            (refused(|file| file.trees[0].splits[0].1 = f32::NAN), "expected f32"),
        ];
        for (message, expected) in cases {
            assert!(message.contains(expected), "{message}");
        }
        for bytes in [&b""[..], b"{}", b"\xff\xfe", b"[1]"] {
            assert!(matches!(TreeModel::load(bytes), Err(ModelFileError::NotAModel(_))));
        }
        let large = vec![b' '; MAX_FILE_BYTES + 1];
        assert_eq!(TreeModel::load(&large), Err(ModelFileError::TooLarge { found: MAX_FILE_BYTES + 1 }));
    }
}
