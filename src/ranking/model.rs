//! Boosted oblivious trees: the sum of many small trees whose levels each ask one question of all rows.
//!
//! A tree of depth `d` asks `d` questions "is this feature above this threshold?"; the answers are the bits of the
//! number of the leaf that it adds. All rows of a level are asked the same question (Kohavi and Li, 1995; Prokhorenkova
//! et al., "CatBoost", 2018), so a block of rows is scored without a branch, in vector instructions, and a tree cannot
//! be malformed in ways that a list of nodes can: it has no cycles and every leaf exists.

use crate::model_file::{ModelFile, ModelFileError};
use tessera_domain::features::{FEATURE_COUNT, FEATURE_NAMES, FeatureBatch};
use tessera_ports::{RankingError, RankingModel};

/// Rows that are scored together: their features fit the first-level cache.
const BLOCK: usize = 64;
/// The model that the product ships with.
const SHIPPED: &[u8] = include_bytes!("models/default.json");

/// One question of a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// The feature's place in the row.
    pub feature: usize,
    /// The answer is yes where the feature is above this.
    pub threshold: f32,
    /// The answer where the feature is not known.
    pub missing_is_above: bool,
}

/// A tree: `leaves[bits of the answers, the first split's lowest]` is what it adds to the log-odds.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    pub splits: Vec<Split>,
    pub leaves: Vec<f32>,
}

impl Tree {
    /// The tree where `feature` is always at or below every threshold: questions about it are answered, and gone.
    pub fn with_lowest(mut self, feature: usize) -> Self {
        while let Some(level) = self.splits.iter().position(|split| split.feature == feature) {
            self.splits.remove(level);
            let mut index = 0;
            self.leaves.retain(|_| {
                index += 1;
                (index - 1) >> level & 1 == 0
            });
        }
        self
    }

    /// Adds the tree's numbers to the sums of a block, whose features stand column by column.
    fn add_to(&self, columns: &[[f32; BLOCK]], sums: &mut [f32; BLOCK]) {
        let mut leaf = [0u32; BLOCK];
        for (level, split) in self.splits.iter().enumerate() {
            let column = &columns[split.feature];
            // A comparison with NaN is false. The question is settled per split and not per row, so that both loops
            // vectorise.
            if split.missing_is_above {
                for (leaf, value) in leaf.iter_mut().zip(column) {
                    *leaf |= u32::from((*value > split.threshold) | value.is_nan()) << level;
                }
            } else {
                for (leaf, value) in leaf.iter_mut().zip(column) {
                    *leaf |= u32::from(*value > split.threshold) << level;
                }
            }
        }
        for (sum, leaf) in sums.iter_mut().zip(leaf) {
            *sum += self.leaves[leaf as usize];
        }
    }
}

/// A loaded model. Immutable; share it behind an `Arc`.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeModel {
    version: String,
    bias: f32,
    trees: Vec<Tree>,
}

impl TreeModel {
    /// Loads a model file.
    ///
    /// # Errors
    /// Where the file does not fit: what was expected and what was found.
    pub fn load(bytes: &[u8]) -> Result<Self, ModelFileError> {
        let (bias, trees) = ModelFile::parse(bytes)?.checked()?;
        // The version is made of the contents, so that a file cannot claim to be another.
        let version = format!("trees-{:016x}", tessera_domain::hash::stable_hash(bytes));
        Ok(Self { version, bias, trees })
    }

    /// The model that the product ships with, trained on a simulated population.
    ///
    /// # Errors
    /// None in a build that passed its tests.
    pub fn shipped() -> Result<Self, ModelFileError> {
        Self::load(SHIPPED)
    }

    /// How many trees it has.
    pub fn tree_count(&self) -> usize {
        self.trees.len()
    }

    fn score_rows(&self, values: &[f32]) -> Vec<f32> {
        let mut scores = Vec::with_capacity(values.len() / FEATURE_COUNT);
        let mut columns = [[0.0f32; BLOCK]; FEATURE_COUNT];
        for block in values.chunks(BLOCK * FEATURE_COUNT) {
            let rows = block.len() / FEATURE_COUNT;
            for (row, numbers) in block.chunks_exact(FEATURE_COUNT).enumerate() {
                for (column, number) in columns.iter_mut().zip(numbers) {
                    column[row] = *number;
                }
            }
            let mut sums = [self.bias; BLOCK];
            for tree in &self.trees {
                tree.add_to(&columns, &mut sums);
            }
            scores.extend(sums[..rows].iter().map(|sum| 1.0 / (1.0 + (-sum).exp())));
        }
        scores
    }
}

impl RankingModel for TreeModel {
    fn version(&self) -> &str {
        &self.version
    }

    fn feature_names(&self) -> Vec<&'static str> {
        let used = |index: &usize| self.trees.iter().flat_map(|tree| &tree.splits).any(|split| split.feature == *index);
        (0..FEATURE_COUNT).filter(used).map(|index| FEATURE_NAMES[index]).collect()
    }

    fn score(&self, batch: &FeatureBatch) -> Result<Vec<f32>, RankingError> {
        Ok(self.score_rows(batch.values()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_domain::features::FeatureRow;

    fn split(feature: usize, threshold: f32, missing_is_above: bool) -> Split {
        Split { feature, threshold, missing_is_above }
    }

    fn model(trees: Vec<Tree>) -> TreeModel {
        TreeModel { version: "test".into(), bias: 0.0, trees }
    }

    #[test]
    fn rows_fall_into_their_leaves() {
        let tree = Tree { splits: vec![split(0, 1.0, false), split(1, 5.0, true)], leaves: vec![0.0, 1.0, 2.0, 3.0] };
        let model = model(vec![tree]);
        let mut batch = FeatureBatch::default();
        // More rows than a block, so that the last one is partly filled.
        let cases: [(f32, f32, f32); 5] =
            [(1.0, 5.0, 0.0), (1.5, 0.0, 1.0), (0.0, f32::NAN, 2.0), (f32::NAN, 9.0, 2.0), (f32::INFINITY, 6.0, 3.0)];
        for (first, second, _) in cases.iter().cycle().take(70) {
            let mut row = FeatureRow([f32::NAN; FEATURE_COUNT]);
            (row.0[0], row.0[1]) = (*first, *second);
            batch.push(&row);
        }
        let scores = model.score(&batch).expect("scores");
        assert_eq!(scores.len(), 70);
        for (score, (_, _, sum)) in scores.iter().zip(cases.iter().cycle()) {
            assert!((score - 1.0 / (1.0 + f32::exp(-sum))).abs() < 1e-6);
        }
    }

    #[test]
    fn answered_questions_are_gone() {
        let splits = vec![split(0, 1.0, false), split(9, 2.0, false), split(1, 3.0, false), split(9, 4.0, true)];
        let tree = Tree { splits, leaves: (0..16u8).map(f32::from).collect() }.with_lowest(9);
        assert_eq!(tree.splits, [split(0, 1.0, false), split(1, 3.0, false)]);
        assert_eq!(tree.leaves, [0.0, 1.0, 4.0, 5.0]);
    }

    #[test]
    fn an_empty_batch_has_no_scores() {
        assert!(model(Vec::new()).score(&FeatureBatch::default()).expect("scores").is_empty());
    }
}
