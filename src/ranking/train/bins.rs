//! Numbers as small integers: trees ask only whether a value is above one of a few dozen edges.

use crate::log::Example;
use tessera_domain::features::FEATURE_COUNT;

/// The column of the place in the list, which is known in training only.
pub(super) const POSITION: usize = FEATURE_COUNT;
/// Columns: the features and the place.
pub(super) const COLUMNS: usize = FEATURE_COUNT + 1;
/// Bins per column: one for missing values, the others between edges.
pub(super) const MAX_BINS: usize = 64;
/// The place of a list that counts as the last: further down they are alike.
const LAST_PLACE: u32 = 50;
/// Values that edges are chosen from.
const EDGE_SAMPLE: usize = 20_000;

/// Examples in bins, column by column. Bin 0 is a missing value; bin `b` is above `b - 1` edges.
pub(super) struct Bins {
    pub columns: Vec<Vec<u8>>,
    /// Ascending, without doubles; at most `MAX_BINS - 2`.
    pub edges: Vec<Vec<f32>>,
    pub labels: Vec<bool>,
}

impl Bins {
    /// Chooses edges at quantiles of `examples`, and puts them in bins.
    pub fn choose(examples: &[&Example]) -> Self {
        let edges = (0..COLUMNS).map(|column| edges_of(examples, column)).collect();
        Self::of(examples, edges)
    }

    /// Other examples in bins with the same edges.
    pub fn same_edges(&self, examples: &[&Example]) -> Self {
        Self::of(examples, self.edges.clone())
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    fn of(examples: &[&Example], edges: Vec<Vec<f32>>) -> Self {
        let bin = |edges: &[f32], value: f32| match value {
            value if value.is_nan() => 0,
            value => 1 + edges.partition_point(|edge| *edge < value) as u8,
        };
        let column = |(column, edges): (usize, &Vec<f32>)| -> Vec<u8> {
            examples.iter().map(|example| bin(edges, value_of(example, column))).collect()
        };
        Self {
            columns: edges.iter().enumerate().map(column).collect(),
            labels: examples.iter().map(|example| example.is_engaged).collect(),
            edges,
        }
    }
}

fn value_of(example: &Example, column: usize) -> f32 {
    if column == POSITION { example.position.min(LAST_PLACE) as f32 } else { example.row.0[column] }
}

fn edges_of(examples: &[&Example], column: usize) -> Vec<f32> {
    let step = examples.len().div_ceil(EDGE_SAMPLE).max(1);
    let sampled = examples.iter().step_by(step).map(|example| value_of(example, column));
    let mut values: Vec<f32> = sampled.filter(|value| !value.is_nan()).collect();
    values.sort_by(f32::total_cmp);
    let Some(greatest) = values.last().copied() else { return Vec::new() };
    let edge_count = MAX_BINS - 2;
    let quantile = |number: usize| values[(values.len() - 1) * number / edge_count];
    let mut edges: Vec<f32> = (0..edge_count).map(quantile).filter(|edge| *edge < greatest).collect();
    edges.dedup();
    edges
}
