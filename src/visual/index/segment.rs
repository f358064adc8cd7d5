//! A sealed part of the index: a graph over vectors that does not change any more.

use super::{IndexSettings, distance::dot};
use instant_distance::{Builder, Hnsw, Point, Search};
use serde::{Deserialize, Serialize};
use std::{cell::RefCell, sync::Arc};

thread_local! {
    /// What a search needs to remember of where it was; reused, because it is as long as the largest segment.
    static SEARCH: RefCell<Search> = RefCell::default();
}

/// A vector in a graph, shared with its group.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Vector(pub Arc<[f32]>);

impl Point for Vector {
    fn distance(&self, other: &Self) -> f32 {
        1.0 - dot(&self.0, &other.0)
    }
}

/// A graph and which group each of its vectors is of.
#[derive(Serialize, Deserialize)]
pub(super) struct Segment {
    graph: Hnsw<Vector>,
    groups: Vec<u32>,
}

impl Segment {
    /// Builds the graph: seconds of computation for some thousand vectors.
    pub fn build(items: Vec<(u32, Arc<[f32]>)>, settings: &IndexSettings) -> Self {
        let (ids, vectors): (Vec<u32>, Vec<Vector>) =
            items.into_iter().map(|(id, vector)| (id, Vector(vector))).unzip();
        let builder = Builder::default()
            .ef_construction(settings.ef_construction)
            .ef_search(settings.ef_search)
            .seed(settings.seed);
        let (graph, places) = builder.build_hnsw(vectors);
        let mut groups = vec![0; ids.len()];
        for (id, place) in ids.into_iter().zip(places) {
            groups[place.into_inner() as usize] = id;
        }
        Self { graph, groups }
    }

    /// Its groups, in no order, each with its vector.
    pub fn groups(&self) -> impl Iterator<Item = (u32, &Arc<[f32]>)> {
        self.graph.iter().map(|(place, vector)| (self.groups[place.into_inner() as usize], &vector.0))
    }

    /// How many vectors it has, dead ones included.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Hands over the nearest groups with their similarities, nearest first, as many as the graph is searched for.
    pub fn nearest(&self, query: &Vector, mut take: impl FnMut(u32, f32)) {
        SEARCH.with_borrow_mut(|search| {
            for item in self.graph.search(query, search) {
                take(self.groups[item.pid.into_inner() as usize], 1.0 - item.distance);
            }
        });
    }
}
