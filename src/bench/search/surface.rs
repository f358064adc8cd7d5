//! Synthetic vectors: a curved surface of few dimensions, on which they gather in clusters, as those of pictures do.

use tessera_domain::hash::SeededRandom;

const DIMENSIONS: usize = 24;
const CLUSTERS: usize = 200;
/// How far a cluster reaches, where centres are about 1 apart in each dimension.
const REACH: f32 = 0.5;

/// Where vectors come from.
pub struct Surface {
    /// Two rows for each number of a vector: how it depends on the place, straight and bent.
    rows: Vec<[Vec<f32>; 2]>,
    clusters: Vec<Vec<f32>>,
}

impl Surface {
    /// A surface in so many dimensions.
    pub fn new(dimensions: usize, random: &mut SeededRandom) -> Self {
        let mut place = || (0..DIMENSIONS).map(|_| normal(random)).collect::<Vec<f32>>();
        Self {
            rows: (0..dimensions).map(|_| [place(), place()]).collect(),
            clusters: (0..CLUSTERS).map(|_| place()).collect(),
        }
    }

    pub fn vector(&self, random: &mut SeededRandom) -> Vec<f32> {
        let cluster = &self.clusters[(random.next_u64() % CLUSTERS as u64) as usize];
        let place: Vec<f32> = cluster.iter().map(|centre| centre + REACH * normal(random)).collect();
        let along = |row: &[f32]| row.iter().zip(&place).map(|(a, b)| a * b).sum::<f32>();
        let values: Vec<f32> =
            self.rows.iter().map(|[straight, bent]| along(straight) + 2.0 * along(bent).sin()).collect();
        let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.iter().map(|value| value / norm).collect()
    }
}

/// About a number of the normal distribution: the sum of twelve even ones (Irwin and Hall).
fn normal(random: &mut SeededRandom) -> f32 {
    (0..12).map(|_| random.next_f64() as f32).sum::<f32>() - 6.0
}
