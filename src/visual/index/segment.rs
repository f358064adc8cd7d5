//! A sealed part of the index: vectors in the order of some engine, and the group of each. It does not change; another
//! takes its place.

use super::{Engine, IndexSettings, graph::Graph, library::LibraryGraph, near::Near, rows::Line};
use serde::{Deserialize, Serialize};

/// What walks the vectors of a segment. Written without saying which it is: the snapshot does.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Walked {
    Graph(Graph),
    InstantDistance(LibraryGraph),
}

/// Vectors that are walked, and which group each of them is of.
#[derive(Serialize, Deserialize)]
pub(super) struct Segment<W = Walked> {
    walked: W,
    groups: Vec<u32>,
}

impl From<Segment<Graph>> for Segment {
    fn from(segment: Segment<Graph>) -> Self {
        Self { walked: Walked::Graph(segment.walked), groups: segment.groups }
    }
}

impl From<Segment<LibraryGraph>> for Segment {
    fn from(segment: Segment<LibraryGraph>) -> Self {
        Self { walked: Walked::InstantDistance(segment.walked), groups: segment.groups }
    }
}

impl Segment {
    /// A segment of the `base`'s rows and then these groups, as the engine of `settings` makes it. The library's cannot
    /// grow: it is made of `added` alone, for about a millisecond of computation each where ours takes a tenth of that.
    pub fn build(base: Option<&Self>, added: &[(u32, &[Line])], dimensions: usize, settings: &IndexSettings) -> Self {
        match settings.engine {
            Engine::Graph => {
                let (mut graph, mut groups) = match base {
                    Some(Self { walked: Walked::Graph(graph), groups }) => (graph.grown(added.len()), groups.clone()),
                    _ => (Graph::new(dimensions, settings.seed), Vec::new()),
                };
                for (group, vector) in added {
                    graph.insert(vector, settings.ef_construction);
                    groups.push(*group);
                }
                Self { walked: Walked::Graph(graph), groups }
            }
            Engine::InstantDistance => {
                let (graph, groups) = LibraryGraph::build(added, settings);
                Self { walked: Walked::InstantDistance(graph), groups }
            }
        }
    }

    /// Its groups, in the order of its rows.
    pub fn groups(&self) -> &[u32] {
        &self.groups
    }

    /// The group of a row and its vector.
    pub fn row(&self, row: u32) -> (u32, &[Line]) {
        let vector = match &self.walked {
            Walked::Graph(graph) => graph.rows().row(row),
            Walked::InstantDistance(graph) => graph.row(row),
        };
        (self.groups[row as usize], vector)
    }

    /// All groups with their vectors, in the order of the rows.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[Line])> {
        (0..self.groups.len() as u32).map(|row| self.row(row))
    }

    /// How many vectors it has, dead ones included.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// The groups nearest to a vector among the rows that are not `dead`, nearest first: `candidates` of them by our
    /// graph; the library's gives those of the `ef_search` it was built with that are not dead.
    pub fn nearest(&self, query: &[Line], candidates: usize, dead: &[bool]) -> impl Iterator<Item = Near> {
        let lives = |row: u32| !dead[row as usize];
        let found = match &self.walked {
            Walked::Graph(graph) => graph.nearest(query, candidates, lives),
            Walked::InstantDistance(graph) => graph.nearest(query, lives),
        };
        found.into_iter().map(|near| near.with_number(self.groups[near.number() as usize]))
    }

    /// Whether its parts fit each other.
    pub fn is_whole(&self, dimensions: usize) -> bool {
        let rows = match &self.walked {
            Walked::Graph(graph) => graph.is_whole(dimensions).then(|| graph.rows().len()),
            Walked::InstantDistance(graph) => graph.is_whole(dimensions).then(|| graph.len()),
        };
        rows == Some(self.groups.len())
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let walked = match &self.walked {
            Walked::Graph(graph) => graph.heap_bytes(),
            Walked::InstantDistance(graph) => graph.heap_bytes(),
        };
        walked + self.groups.capacity() * size_of::<u32>()
    }
}
