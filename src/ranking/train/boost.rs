//! One tree after the other, each fitted to what those before it got wrong.

use super::{
    TrainSettings,
    bins::{Bins, COLUMNS, MAX_BINS},
};
use crate::model::{Split, Tree};
use tessera_domain::hash::SeededRandom;

/// The least weight (sum of `p (1 - p)`) that a leaf needs on either side for a split of it to count.
const MIN_LEAF_WEIGHT: f64 = 2.0;
/// The least gain that a level must bring.
const MIN_GAIN: f64 = 1e-3;
/// The deepest tree that training makes.
const MAX_TRAINED_DEPTH: usize = 8;

/// First and second derivative of the loss, summed.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    gradient: f64,
    weight: f64,
}

impl Sums {
    fn plus(self, other: Self) -> Self {
        Self { gradient: self.gradient + other.gradient, weight: self.weight + other.weight }
    }

    fn minus(self, other: Self) -> Self {
        Self { gradient: self.gradient - other.gradient, weight: self.weight - other.weight }
    }

    /// What a leaf with these sums takes off the loss, times two.
    fn gain(self, l2: f64) -> f64 {
        self.gradient * self.gradient / (self.weight + l2)
    }
}

/// A split as an edge of a column.
#[derive(Debug, Clone, Copy)]
struct BinSplit {
    column: usize,
    edge: usize,
    missing_is_above: bool,
}

impl BinSplit {
    fn is_above(self, bins: &Bins, row: usize) -> bool {
        match bins.columns[self.column][row] {
            0 => self.missing_is_above,
            // Bin `b` is above the edges 0 to `b - 2`.
            bin => usize::from(bin) >= self.edge + 2,
        }
    }
}

/// Fits trees. Holds a sum of log-odds per example.
pub(super) struct Booster<'a> {
    settings: &'a TrainSettings,
    random: SeededRandom,
    training: Bins,
    validation: Bins,
    training_sums: Vec<f64>,
    validation_sums: Vec<f64>,
    bias: f64,
    trees: Vec<Tree>,
}

impl<'a> Booster<'a> {
    pub fn new(settings: &'a TrainSettings, training: Bins, validation: Bins) -> Self {
        let engaged = training.labels.iter().filter(|label| **label).count() as f64;
        let rate = (engaged / training.len() as f64).clamp(1e-6, 1.0 - 1e-6);
        let bias = (rate / (1.0 - rate)).ln();
        Self {
            settings,
            random: SeededRandom::new(settings.seed),
            training_sums: vec![bias; training.len()],
            validation_sums: vec![bias; validation.len()],
            training,
            validation,
            bias,
            trees: Vec::new(),
        }
    }

    /// Adds trees until the validation people no longer gain, and keeps those up to the best. Without validation people
    /// all trees are made.
    pub fn fit(&mut self, progress: &mut impl FnMut(usize, f64)) {
        let (mut best_loss, mut best_count) = (f64::INFINITY, 0);
        for number in 1..=self.settings.trees {
            if !self.add_tree() {
                break;
            }
            let loss = mean_loss(&self.validation_sums, &self.validation.labels);
            progress(number, loss);
            if loss < best_loss || self.validation.len() == 0 {
                (best_loss, best_count) = (loss, number);
            } else if number - best_count >= self.settings.patience {
                break;
            }
        }
        self.trees.truncate(best_count);
    }

    pub fn bias(&self) -> f64 {
        self.bias
    }

    pub fn into_trees(self) -> Vec<Tree> {
        self.trees
    }

    /// Whether there was anything left to learn.
    fn add_tree(&mut self) -> bool {
        let rows: Vec<u32> =
            (0..self.training.len() as u32).filter(|_| self.random.next_f64() < self.settings.row_share).collect();
        let steps: Vec<Sums> = rows.iter().map(|row| self.step(*row as usize)).collect();
        let columns: Vec<usize> =
            (0..COLUMNS).filter(|_| self.random.next_f64() < self.settings.feature_share).collect();
        let mut leaf_of = vec![0u8; rows.len()];
        let mut splits: Vec<BinSplit> = Vec::new();
        for level in 0..self.settings.depth.min(MAX_TRAINED_DEPTH) {
            let Some(split) = self.best_split(&rows, &steps, &leaf_of, 1 << level, &columns) else { break };
            for (leaf, row) in leaf_of.iter_mut().zip(&rows) {
                *leaf |= u8::from(split.is_above(&self.training, *row as usize)) << level;
            }
            splits.push(split);
        }
        let mut sums = vec![Sums::default(); 1 << splits.len()];
        for (leaf, step) in leaf_of.iter().zip(&steps) {
            sums[usize::from(*leaf)] = sums[usize::from(*leaf)].plus(*step);
        }
        let rate = self.settings.learning_rate;
        let leaves: Vec<f64> = sums.iter().map(|sum| -rate * sum.gradient / (sum.weight + self.settings.l2)).collect();
        apply(&splits, &leaves, &self.training, &mut self.training_sums);
        apply(&splits, &leaves, &self.validation, &mut self.validation_sums);
        let learned = !splits.is_empty();
        let splits = splits.into_iter().map(|split| Split {
            feature: split.column,
            threshold: self.training.edges[split.column][split.edge],
            missing_is_above: split.missing_is_above,
        });
        self.trees.push(Tree { splits: splits.collect(), leaves: leaves.iter().map(|leaf| *leaf as f32).collect() });
        learned
    }

    /// The derivatives of the logistic loss at a training row.
    fn step(&self, row: usize) -> Sums {
        let promised = 1.0 / (1.0 + (-self.training_sums[row]).exp());
        let label = f64::from(u8::from(self.training.labels[row]));
        Sums { gradient: promised - label, weight: (promised * (1.0 - promised)).max(1e-9) }
    }

    /// The question that, asked of all `leaves`, takes most off the loss; of equals the first.
    fn best_split(
        &self,
        rows: &[u32],
        steps: &[Sums],
        leaf_of: &[u8],
        leaves: usize,
        columns: &[usize],
    ) -> Option<BinSplit> {
        let mut histogram = vec![Sums::default(); leaves * MAX_BINS];
        let mut best: Option<(f64, BinSplit)> = None;
        for &column in columns.iter().filter(|column| !self.training.edges[**column].is_empty()) {
            histogram.fill(Sums::default());
            let bins = &self.training.columns[column];
            for ((row, step), leaf) in rows.iter().zip(steps).zip(leaf_of) {
                let cell = &mut histogram[usize::from(*leaf) * MAX_BINS + usize::from(bins[*row as usize])];
                *cell = cell.plus(*step);
            }
            let edges = self.training.edges[column].len();
            let (gain, edge, missing_is_above) = best_edge(&histogram, edges, self.settings.l2);
            if gain > best.map_or(MIN_GAIN, |(gain, _)| gain) {
                best = Some((gain, BinSplit { column, edge, missing_is_above }));
            }
        }
        best.map(|(_, split)| split)
    }
}

/// The best edge of a column, whose histogram has [`MAX_BINS`] bins per leaf: gain, edge, and where missing values go.
fn best_edge(histogram: &[Sums], edges: usize, l2: f64) -> (f64, usize, bool) {
    let leaves: Vec<&[Sums]> = histogram.chunks_exact(MAX_BINS).collect();
    let totals: Vec<Sums> =
        leaves.iter().map(|bins| bins.iter().fold(Sums::default(), |sum, bin| sum.plus(*bin))).collect();
    let has_missing = leaves.iter().any(|bins| bins[0].weight > 0.0);
    let mut below = vec![Sums::default(); leaves.len()];
    let mut best = (f64::NEG_INFINITY, 0, false);
    for edge in 0..edges {
        let mut gains = [0.0f64; 2];
        for ((bins, total), below) in leaves.iter().zip(&totals).zip(&mut below) {
            *below = below.plus(bins[edge + 1]);
            for (missing_is_above, gain) in gains.iter_mut().enumerate() {
                let low = if missing_is_above == 1 { *below } else { below.plus(bins[0]) };
                let high = total.minus(low);
                if low.weight >= MIN_LEAF_WEIGHT && high.weight >= MIN_LEAF_WEIGHT {
                    *gain += low.gain(l2) + high.gain(l2) - total.gain(l2);
                }
            }
        }
        if gains[0] > best.0 {
            best = (gains[0], edge, false);
        }
        if has_missing && gains[1] > best.0 {
            best = (gains[1], edge, true);
        }
    }
    best
}

fn apply(splits: &[BinSplit], leaves: &[f64], bins: &Bins, sums: &mut [f64]) {
    for (row, sum) in sums.iter_mut().enumerate() {
        let bits = splits.iter().enumerate();
        let leaf = bits.fold(0, |leaf, (level, split)| leaf | usize::from(split.is_above(bins, row)) << level);
        *sum += leaves[leaf];
    }
}

fn mean_loss(sums: &[f64], labels: &[bool]) -> f64 {
    let loss = |(sum, label): (&f64, &bool)| (if *label { -sum } else { *sum }).exp().ln_1p();
    sums.iter().zip(labels).map(loss).sum::<f64>() / sums.len().max(1) as f64
}
