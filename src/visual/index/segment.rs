//! A sealed part of the index: a graph whose nodes are groups. It does not change; a grown copy takes its place.

use super::{IndexSettings, graph::Graph, near::Near, rows::Line};
use serde::{Deserialize, Serialize};

/// A graph and which group each of its nodes is of.
#[derive(Serialize, Deserialize)]
pub(super) struct Segment {
    graph: Graph,
    groups: Vec<u32>,
}

impl Segment {
    /// A segment without groups.
    pub fn new(dimensions: usize, settings: &IndexSettings) -> Self {
        Self { graph: Graph::new(dimensions, settings.seed), groups: Vec::new() }
    }

    /// A copy with room for more.
    pub fn grown(&self, groups: usize) -> Self {
        Self { graph: self.graph.grown(groups), groups: self.groups.clone() }
    }

    /// Adds a group: about 0.2 milliseconds of computation.
    pub fn insert(&mut self, group: u32, vector: &[Line], settings: &IndexSettings) {
        self.graph.insert(vector, settings.ef_construction);
        self.groups.push(group);
    }

    /// Its groups, in the order of its rows.
    pub fn groups(&self) -> &[u32] {
        &self.groups
    }

    /// The group of a row and its vector.
    pub fn row(&self, row: u32) -> (u32, &[Line]) {
        (self.groups[row as usize], self.graph.rows().row(row))
    }

    /// All groups with their vectors, in the order of the rows.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[Line])> {
        self.groups.iter().copied().zip(self.graph.rows().iter())
    }

    /// How many vectors it has, dead ones included.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// The groups nearest to a vector among the rows that are not `dead`, nearest first: `candidates` of them.
    pub fn nearest(&self, query: &[Line], candidates: usize, dead: &[bool]) -> impl Iterator<Item = Near> {
        let found = self.graph.nearest(query, candidates, |row| !dead[row as usize]);
        found.into_iter().map(|near| near.with_number(self.groups[near.number() as usize]))
    }

    /// Whether its parts fit each other.
    pub fn is_whole(&self, dimensions: usize) -> bool {
        self.graph.is_whole(dimensions) && self.graph.rows().len() == self.groups.len()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.graph.heap_bytes() + self.groups.capacity() * size_of::<u32>()
    }
}
