//! `instant-distance` over the same vectors, in this process: what the index was made of before it had a graph of its own
//! (ADR 0015).

use super::NEAREST;
use crate::{Failure, process::Process};
use instant_distance::{Builder, Hnsw, Point, Search};
use std::cell::RefCell;
use tessera_domain::vector::dot;

/// Candidates of its searches, which are fixed when its graph is built.
pub const EF_SEARCH: usize = 64;

#[derive(Clone)]
struct Vector(Vec<f32>);

impl Point for Vector {
    fn distance(&self, other: &Self) -> f32 {
        1.0 - dot(&self.0, &other.0)
    }
}

/// Its graph of all vectors.
pub struct Library {
    graph: Hnsw<Vector>,
    /// The number of the vector at each place.
    numbers: Vec<u64>,
    search: RefCell<Search>,
    /// What building took, on all cores.
    pub build_cpu_seconds: f64,
}

impl Library {
    /// Builds it from nothing, which is all that it can do.
    pub fn build(vectors: &[Vec<f32>], ef_construction: usize, seed: u64) -> Result<Self, Failure> {
        let before = Process::this().cpu_seconds()?;
        let points = vectors.iter().map(|vector| Vector(vector.clone())).collect();
        let builder = Builder::default().ef_construction(ef_construction).ef_search(EF_SEARCH).seed(seed);
        let (graph, places) = builder.build_hnsw(points);
        let mut numbers = vec![0; places.len()];
        for (number, place) in places.into_iter().enumerate() {
            numbers[place.into_inner() as usize] = number as u64;
        }
        let build_cpu_seconds = Process::this().cpu_seconds()? - before;
        Ok(Self { graph, numbers, search: RefCell::default(), build_cpu_seconds })
    }

    /// The numbers of the nearest.
    pub fn nearest(&self, query: &[f32]) -> Vec<u64> {
        let mut search = self.search.borrow_mut();
        let found = self.graph.search(&Vector(query.to_vec()), &mut search).take(NEAREST);
        found.map(|item| self.numbers[item.pid.into_inner() as usize]).collect()
    }
}
